"""The page fits every width, theme and reader: geometry, touch targets, accessibility, in the states it can be in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.ingress import ingress
from tests.support.panel import House, Visitor, findings
from tests.support.staged import NOW, ROOMS, Stage, Theatre, doctor, many_rooms

pytestmark = pytest.mark.xdist_group("pictures")

GEOMETRY_FILE = Path(__file__).parents[1] / "support" / "geometry.js"
THEME = "--primary-background-color: #102030; --card-background-color: #203040; --primary-text-color: #f0f0f0;"
NARROWED = """.registers { table-layout: fixed; }
  .registers :is(th, td):first-child { inline-size: 12px; padding: 0 !important; white-space: normal;
    overflow-wrap: anywhere; }"""
WIDTHS = (320, 390, 768, 1280)
LANGUAGES = ("en", "de", "it", "fr")
LONG = "Schlafzimmer der Zwillinge im Dachgeschoss links"
NOT_CONNECTED = {"connected": False, "code": "no_device", "detail": "The device /dev/ttyUSB0 is not there."}
MQTT_AWAY = {"enabled": True, "connected": False, "detail": "The broker refuses the connection."}
STAGES: dict[str, Callable[[], Stage]] = {
    "house": Stage,
    "one": lambda: Stage(rooms=ROOMS[:1]),
    "sixty": lambda: Stage(rooms=many_rooms()),
    "first_run": lambda: Stage(rooms=(), doctor=doctor("nobody_dials", "warning", receiving=False)),
    "base_error": lambda: Stage(values={"global.error": 1}),
    "silent": lambda: Stage(doctor=doctor("silent.fell_silent", "error", receiving=False)),
    "no_link": lambda: Stage(doctor=doctor("no_device", "error", receiving=False), status={"link": NOT_CONNECTED}),
    "mqtt_away": lambda: Stage(status={"mqtt": MQTT_AWAY}),
}
PLACES = {
    "": ".room, .guide",
    "#room/1/1": ".day svg",
    "#history": "history-chart canvas",
    "#connection": ".registers",
    "sign-in?wrong": "#key",
}
GEOMETRY = GEOMETRY_FILE.read_text(encoding="utf-8").partition("\n")[2].strip()


def opened(theatre: Theatre, stage: Stage, place: str = "", **how: Any) -> Page:
    page = theatre.open(stage, place, **how)
    expect(page.locator(PLACES[place]).first).to_be_visible()
    return page


@pytest.mark.parametrize("name", STAGES)
def test_everything_has_its_place_at_every_width(theatre: Theatre, name: str) -> None:
    page = opened(theatre, STAGES[name]())
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(GEOMETRY) == [], width


@pytest.mark.parametrize("place", list(PLACES)[1:])
@pytest.mark.parametrize("rooms", ["house", "sixty"])
def test_every_page_has_everything_in_its_place(theatre: Theatre, place: str, rooms: str) -> None:
    page = opened(theatre, STAGES[rooms](), place)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(GEOMETRY) == [], width


def test_a_chart_that_is_still_as_wide_as_the_screen_was_does_not_widen_the_page(theatre: Theatre) -> None:
    page = opened(theatre, Stage(), "#history", width=320)

    page.evaluate("document.querySelector('history-chart .uplot').style.width = '1215px'")

    assert page.evaluate(GEOMETRY) == []


@pytest.mark.parametrize("language", LANGUAGES[1:])
@pytest.mark.parametrize("place", PLACES)
def test_the_longest_words_fit_on_the_smallest_phone(theatre: Theatre, place: str, language: str) -> None:
    page = opened(
        theatre,
        Stage(doctor=doctor("no_polls", "warning", receiving=True)),
        place,
        width=320,
        height=700,
        language=language,
    )

    assert page.evaluate("document.documentElement.lang") == language
    assert page.evaluate(GEOMETRY) == []


def test_a_card_keeps_its_height_whatever_it_tells(theatre: Theatre) -> None:
    """In every language, at every width, with the longest name and reason; and its buttons stay under the finger."""
    for language in LANGUAGES:
        stage = Stage(rooms=[ROOMS[0].__class__(base=1, zone=1, name=LONG, temperature=20.0, humidity=45), *ROOMS[1:]])
        page = theatre.open(stage, language=language)
        expect(page.locator(".room")).to_have_count(len(ROOMS))
        second = 0
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            places = set()
            for state, fate in ((None, None), ("queued", "busy"), ("expired", "failed"), ("confirmed", "done")):
                if state:
                    second += 1
                    at = (NOW + timedelta(seconds=second)).isoformat()
                    given = stage.command("zone.1.1.setpoint", 21.5, queued_at=at)
                    stage.tell(commands=[given])
                    stage.tell(commands=[{**given, "state": state}])
                    expect(page.locator(f"[data-zone='zone.1.1'] [data-fate={fate}]")).to_be_visible()
                room = page.locator("[data-zone='zone.1.1']").bounding_box()
                plus = page.locator("[data-zone='zone.1.1'] .stepper button").last.bounding_box()
                assert room
                assert plus
                places.add((room["height"], plus["x"], plus["y"]))
            assert len(places) == 1, (language, width, places)


def test_the_longest_words_of_an_owner_push_nothing_out_of_the_page(theatre: Theatre) -> None:
    word = "Donaudampfschifffahrtsgesellschaftskapitaenswohnung"
    page = opened(theatre, Stage(rooms=[replace(ROOMS[0], name=word, floor=word), *ROOMS[1:]]), width=320)
    for place in ("", "#room/1/1", "#history", "#connection"):
        page.evaluate("place => location.hash = place", place)
        expect(page.locator(PLACES[place]).first).to_be_visible()
        for card in page.locator(".room").all():
            box = card.bounding_box()
            assert box is None or box["x"] + box["width"] <= 320
        assert page.evaluate("document.querySelector('dialog[open]')?.scrollWidth ?? 0") <= 320
        assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_the_age_of_values_is_not_told_as_the_age_of_a_fault(theatre: Theatre) -> None:
    page = opened(theatre, STAGES["silent"]())
    line = page.locator(".state-line")

    expect(line.locator(".when")).to_contain_text("updated ")
    page.set_viewport_size({"width": 390, "height": 800})
    expect(line.locator(".what")).to_have_text("Needs attention")
    expect(line.locator(".when")).to_be_hidden()


def test_on_a_phone_tables_show_their_values_without_being_moved(theatre: Theatre) -> None:
    stage = Stage()
    page = opened(theatre, stage, "#connection", width=320, height=700)
    stage.tell(commands=[stage.command("zone.1.1.setpoint", 22.0)])
    expect(page.locator(".commands tbody tr")).to_have_count(1)

    for table in page.locator(".scroll").all():
        assert table.evaluate("each => each.scrollWidth - each.clientWidth") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", PLACES)
def test_the_accessibility_scan_finds_nothing(theatre: Theatre, place: str, scheme: str) -> None:
    page = opened(theatre, Stage(values={"global.warning": 1}), place, scheme=scheme)

    assert findings(page) == []


@pytest.mark.parametrize("name", ["first_run", "no_link", "sixty"])
def test_the_accessibility_scan_finds_nothing_in_other_states(theatre: Theatre, name: str) -> None:
    page = opened(theatre, STAGES[name](), width=390)
    assert findings(page) == []


@pytest.mark.parametrize("opens", [".disc", ".house [data-option=holiday]"])
def test_the_accessibility_scan_finds_nothing_in_menus_and_questions(theatre: Theatre, opens: str) -> None:
    page = opened(theatre, Stage())
    page.locator(opens).first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert findings(page) == []


def test_a_table_whose_address_column_is_narrowed_is_noticed(theatre: Theatre) -> None:
    """What a stray rule of another component once did, unseen by every test."""
    page = opened(
        theatre,
        Stage(),
        "#connection",
        style=NARROWED,
    )

    assert any(fault.startswith(("torn", "cut")) for fault in page.evaluate(GEOMETRY))


def test_at_twice_the_size_nothing_is_lost(theatre: Theatre) -> None:
    """A desk of 1280 pixels at 200 % zoom has 640."""
    page = opened(theatre, Stage(), width=640, height=450)
    assert page.evaluate(GEOMETRY) == []
    assert (
        page.evaluate("document.querySelector('meta[name=viewport]').content") == "width=device-width, initial-scale=1"
    )


def test_forced_colours_keep_every_control_visible(theatre: Theatre) -> None:
    page = opened(theatre, Stage(), forced_colors="active")

    chosen = page.locator(".house [aria-pressed=true]").first
    assert chosen.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    assert page.locator(".stepper").first.evaluate("element => getComputedStyle(element).borderStyle") == "solid"


def test_the_scheme_of_the_browser_is_followed(theatre: Theatre) -> None:
    def background(scheme: str) -> str:
        page = opened(theatre, Stage(), scheme=scheme)
        return str(page.locator(".room").first.evaluate("element => getComputedStyle(element).backgroundColor"))

    assert background("light") == "rgb(255, 255, 255)"
    assert background("dark") == "rgb(27, 32, 38)"


def test_theme_and_language_of_home_assistant_are_taken_over(house: House, visitor: Visitor) -> None:
    with ingress(house.gateway.ingress_port) as proxy:
        proxy.frame_variables, proxy.frame_language = THEME, "de"
        page = visitor.open(proxy, "/home", scheme="light", network_trouble_expected=True)
        frame = page.frame_locator("iframe")
        room = frame.locator(".room").first

        expect(room).to_have_css("background-color", "rgb(32, 48, 64)")
        expect(room).to_have_css("color", "rgb(240, 240, 240)")
        expect(frame.get_by_role("status").first).to_have_text("Die Heizung spricht mit uns")
        expect(frame.locator("html")).to_have_attribute("data-theme", "dark")

        page.evaluate("document.documentElement.style.setProperty('--card-background-color', '#ffffff')")
        expect(room).to_have_css("background-color", "rgb(255, 255, 255)")
        visitor.leave()


def test_only_the_state_and_what_was_done_speak_by_themselves(theatre: Theatre) -> None:
    page = opened(theatre, Stage())

    expect(page.locator("[aria-live], [role=alert], [role=status]")).to_have_count(2)


def test_a_tick_of_the_clock_redraws_ages_only(theatre: Theatre) -> None:
    page = opened(theatre, Stage())
    page.clock.run_for(2000)
    page.evaluate("""() => { window.changed = [];
      const note = ({ target }) => window.changed.push((target.parentElement ?? target).outerHTML.slice(0, 60));
      new MutationObserver((all) => all.forEach(note))
        .observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true }); }""")

    page.clock.run_for(30_000)  # the socket is given up after 45 s of silence

    changed = page.evaluate("window.changed")
    assert changed
    assert [each for each in changed if not each.startswith(("<age-of", '<span class="when"'))] == []
