"""Rooms: one glance tells the house, a tap does what was meant, and nothing moves away under a finger."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from neasmart.facts.codecs import GlobalMode
from neasmart.facts.points import TABLE
from neasmart.facts.rows import setpoint_limits
from tests.panel.conftest import JAPANESE, WITH_HTML
from tests.support.panel import UNKNOWN, card, target
from tests.support.staged import ROOMS, Stage, StagedRoom, Theatre, doctor, many_rooms, stand, why

pytestmark = pytest.mark.xdist_group("stage")

COALESCED_MS = 1100
HOUSE = "PUT points/global.state"
FAHRENHEIT = """Object.defineProperty(window, "parent", { get: () => ({
  document: {
    documentElement: document.documentElement,
    querySelector: () => ({ hass: { config: { unit_system: { temperature: "°F" } } } }),
  },
  getComputedStyle: () => ({ getPropertyValue: () => "" }) }) });"""


def sent(stage: Stage) -> list[tuple[str, Any]]:
    """Return what was commanded, in order."""
    return [
        (path.removeprefix("points/"), body["value"])
        for method, path, body in stage.asked
        if method == "PUT" and path.startswith("points/")
    ]


def house_button(page: Page, name: str) -> Any:
    return page.locator(f".house [data-option={name}]")


def test_every_room_that_reports_has_a_card_with_its_values(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage)

    expect(page.locator(".room")).to_have_count(len(stage.rooms))
    for room in stage.rooms:
        shown = card(page, f"{room.base}.{room.zone}")
        expect(shown.get_by_role("heading")).to_have_text(room.name)
        expect(shown.locator(".big")).to_have_text(f"{room.temperature:.1f}")
        expect(shown.locator(".target")).to_have_text(UNKNOWN if room.setpoint is None else f"{room.setpoint:.1f}°")
        expect(shown.locator(".humidity")).to_have_count(0 if room.humidity is None else 1)
    expect(page.get_by_role("status").first).to_have_text("Heating talks to us")
    expect(page.locator(".banner")).to_have_count(0)


def test_floors_stand_in_the_owners_order_with_their_average(theatre: Theatre) -> None:
    page = theatre.open(Stage())

    expect(page.locator(".floor h2 span:first-child")).to_have_text(["Ground floor", "First floor", "Cellar"])
    expect(page.locator(".floor h2 span:last-child").first).to_contain_text("20.2")


def test_a_card_tells_what_the_room_does(theatre: Theatre) -> None:
    page = theatre.open(Stage())

    expect(card(page, "1.1").locator(".trend")).to_have_attribute("data-trend", "warming")
    expect(card(page, "1.1")).to_have_class("room warm ")
    expect(card(page, "1.4").locator(".trend")).to_contain_text("warm enough")
    expect(card(page, "2.4").locator(".trend")).to_contain_text("falling")
    expect(card(page, "2.4")).to_have_class("room off ")


def test_a_house_that_cools_is_told_apart_from_one_that_heats(theatre: Theatre) -> None:
    rooms = [StagedRoom(base=1, zone=1, name="Attic", temperature=26.0, setpoint=23.0, drift=-0.5)]
    page = theatre.open(Stage(rooms=rooms, values={"global.mode": 3}))

    expect(card(page, "1.1")).to_have_class("room cool ")
    expect(card(page, "1.1").locator(".trend")).to_contain_text("cooling")


def test_names_are_text_whatever_they_contain(theatre: Theatre) -> None:
    rooms = [
        StagedRoom(base=1, zone=zone, name=name, temperature=20.0) for zone, name in ((1, JAPANESE), (2, WITH_HTML))
    ]
    page = theatre.open(Stage(rooms=rooms))

    expect(card(page, "1.1").get_by_role("heading")).to_have_text(JAPANESE)
    expect(card(page, "1.2").get_by_role("heading")).to_have_text(WITH_HTML)
    expect(page.locator("img")).to_have_count(0)
    assert page.title() == "Nea Smart"


def test_one_tap_is_half_a_degree_and_rapid_taps_are_one_command(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage)
    warmer = card(page, "1.3").get_by_role("button", name="Warmer")
    stand(page)

    for _ in range(3):
        warmer.click()
        page.clock.run_for(300)
    expect(card(page, "1.3").locator(".target")).to_have_text("22.5°")
    assert sent(stage) == []
    page.clock.resume()
    page.clock.run_for(COALESCED_MS)

    expect(page.locator(".toast")).to_contain_text("22.5")
    assert sent(stage) == [("zone.1.3.setpoint", 22.5)]


def test_a_pending_change_is_a_ring_and_a_word_and_moves_nothing(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage, width=390)
    room = card(page, "1.3")
    height = room.bounding_box()
    room.get_by_role("button", name="Warmer").click()
    page.clock.run_for(COALESCED_MS)

    expect(room.locator(".disc")).to_have_class("disc busy")
    expect(room.locator(".sub")).to_have_text("Waiting for the base")
    given = stage.command("zone.1.3.setpoint", 21.5, "delivered", id="c1")
    stage.tell(commands=[given])
    stage.tell(
        commands=[{**given, "state": "overridden", "ended_at": given["queued_at"], **why("overridden_by", 19.5)}]
    )
    page.clock.run_for(200)

    expect(room.locator("[data-fate=failed]")).to_contain_text("set to 19.5 °C at the thermostat")
    expect(page.locator("[data-said]")).to_contain_text("Dining room, target temperature")
    assert height is not None
    after = room.bounding_box()
    assert after is not None
    assert after["height"] == height["height"]


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        ("overridden", why("room_off"), "The room was switched off."),
        ("overridden", why("limited", 24.0), "The base station limits it to 24.0 °C."),
        ("expired", why("waited"), "It waited for another change, which did not take effect."),
        ("expired", why("not_read"), "The base station did not ask for it in time."),
        ("expired", why("a code of a newer gateway"), "No answer"),
    ],
)
def test_a_card_says_why_a_change_ended_and_does_not_guess(
    theatre: Theatre, state: str, reason: dict[str, Any], said: str
) -> None:
    stage = Stage()
    page = theatre.open(stage)
    given = stage.command("zone.1.3.setpoint", 21.5, "delivered")
    stage.tell(commands=[given])
    stage.tell(commands=[{**given, "state": state, "ended_at": given["queued_at"], **reason}])
    page.clock.run_for(200)

    expect(card(page, "1.3").locator("[data-fate=failed]")).to_contain_text(said)
    expect(card(page, "1.3").locator("[data-fate=failed]")).not_to_contain_text("thermostat")


def test_a_confirmed_change_is_said_aloud_and_fades(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage)
    given = stage.command("zone.1.1.setpoint", 22.0)
    stage.tell(commands=[given])
    stage.tell(commands=[{**given, "state": "confirmed"}])
    page.clock.run_for(200)

    expect(card(page, "1.1").locator("[data-fate=done]")).to_have_text("Confirmed")
    expect(page.locator("[data-said]")).to_contain_text("Confirmed")
    page.clock.run_for(6000)
    expect(card(page, "1.1").locator(".sub")).to_have_text("Normal")


@pytest.mark.parametrize("keys", [["ArrowRight"] * 5, ["h"], ["Tab"] * 4])
def test_keys_that_pass_over_the_states_of_the_house_command_nothing(theatre: Theatre, keys: list[str]) -> None:
    stage = Stage()
    page = theatre.open(stage)

    house_button(page, "normal").focus()
    for key in keys:
        page.keyboard.press(key)
    page.clock.run_for(3000)

    assert sent(stage) == []


def test_the_whole_house_is_set_by_one_tap_and_taken_back_by_another(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage)

    stand(page)
    house_button(page, "party").click()
    undo = page.get_by_role("button", name="Undo")
    while not undo.count():
        page.clock.run_for(5)
    expect(undo).to_contain_text(re.compile("[78] s"))
    page.clock.run_for(3000)
    expect(undo).to_contain_text(re.compile("[45] s"))
    page.clock.resume()
    undo.click()

    expect(page.locator(".toast")).to_have_text("Taken back")
    assert sent(stage) == [("global.state", 5)]
    assert ("POST", "commands/c1/undo", {}) in stage.asked


def test_an_undo_is_offered_for_eight_seconds(theatre: Theatre) -> None:
    page = theatre.open(Stage())

    house_button(page, "reduced").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.clock.run_for(9000)

    expect(page.locator(".toast")).to_have_count(0)


@pytest.mark.parametrize(("name", "value", "words"), [("holiday", 6, "holiday"), ("standby", 3, "off")])
def test_off_and_holiday_of_the_whole_house_are_asked_for_first(
    theatre: Theatre, name: str, value: int, words: str
) -> None:
    stage = Stage()
    page = theatre.open(stage)

    house_button(page, name).click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text(words)
    expect(question).to_contain_text("All rooms")
    question.get_by_role("button", name="Cancel").click()
    assert sent(stage) == []
    house_button(page, name).click()
    question.locator(".filled").click()

    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    assert sent(stage) == [("global.state", value)]


def test_rooms_that_differ_are_told(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage)

    stage.tell(readings=[{"id": "global.state", "value": None, "raw": 0, "quality": "mixed"}])

    page.clock.run_for(100)
    expect(page.locator(".house .all .caption")).to_contain_text("Rooms differ")
    expect(page.locator(".house .all [aria-pressed=true]")).to_have_count(0)


def test_a_setpoint_can_be_set_by_keyboard_alone(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage)
    target = card(page, "1.1").get_by_role("spinbutton")

    target.focus()
    page.keyboard.press("PageUp")
    page.keyboard.press("ArrowDown")
    expect(target).to_have_attribute("aria-valuenow", "23")
    page.keyboard.press("End")
    page.clock.run_for(COALESCED_MS)

    expect(page.locator(".toast")).to_be_visible()
    assert sent(stage) == [("zone.1.1.setpoint", 31)]


def test_degrees_fahrenheit_are_shown_and_degrees_celsius_are_sent(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage, script=FAHRENHEIT)
    room = card(page, "1.2")

    expect(room.locator(".big")).to_have_text("70.2")
    expect(room.locator(".target")).to_have_text("68.0°")
    room.get_by_role("button", name="Warmer").click()
    expect(room.locator(".target")).to_have_text("69.0°")
    page.clock.run_for(COALESCED_MS)

    expect(page.locator(".toast")).to_contain_text("69.0")
    assert sent(stage) == [("zone.1.2.setpoint", 20.56)]


def test_each_press_moves_a_target_that_the_bus_has_rounded(theatre: Theatre) -> None:
    """70 degrees Fahrenheit are 21.11 degC, which the bus carries as 21.12; 21.5 degC may be told as 21.46."""
    rooms = [replace(ROOMS[0], setpoint=21.12), replace(ROOMS[1], setpoint=21.46)]
    american = theatre.open(Stage(rooms=rooms), script=FAHRENHEIT)
    page = theatre.open(Stage(rooms=rooms))

    expect(card(american, "1.1").locator(".target")).to_have_text("70.0°")
    card(american, "1.1").get_by_role("button", name="Colder").click()
    expect(card(american, "1.1").locator(".target")).to_have_text("69.0°")
    expect(card(page, "1.2").locator(".target")).to_have_text("21.5°")
    card(page, "1.2").get_by_role("button", name="Warmer").click()
    expect(card(page, "1.2").locator(".target")).to_have_text("22.0°")


def test_search_order_and_a_compact_list_appear_from_twelve_rooms_on(theatre: Theatre) -> None:
    few = theatre.open(Stage())
    expect(few.locator(".tools")).to_have_count(0)
    page = theatre.open(Stage(rooms=many_rooms()), width=390)
    expect(page.locator(".room")).to_have_count(60)

    page.get_by_role("searchbox").fill("floor 3 304")
    expect(page.locator(".room h3")).to_have_text(["Room 304"])
    page.get_by_role("searchbox").fill("")
    page.locator(".order select").select_option("coldest")
    rooms = sorted(many_rooms(), key=lambda room: room.temperature)
    expect(page.locator(".room .big").first).to_have_text(f"{rooms[0].temperature:.1f}")
    page.locator(".order select").select_option("furthest")
    gap = max(abs(room.temperature - (room.setpoint or 0)) for room in rooms)
    furthest = next(room for room in rooms if abs(room.temperature - (room.setpoint or 0)) == gap)
    expect(page.locator(".room h3").first).to_have_text(furthest.name)

    height = page.evaluate("document.documentElement.scrollHeight")
    page.get_by_role("button", name="Compact list").click()
    expect(page.locator(".room-list li")).to_have_count(60)
    assert page.evaluate("document.documentElement.scrollHeight") < height / 2


def test_unused_rooms_and_devices_are_hidden_until_asked_for(theatre: Theatre) -> None:
    page = theatre.open(Stage())
    expect(page.locator(".equipment tbody tr")).to_have_count(3)

    page.get_by_role("button", name="Show hidden").click()

    expect(page.locator("[data-zone]")).to_have_count(60)
    expect(page.locator(".equipment tbody tr")).to_have_count(17)


@pytest.mark.parametrize(("kind", "level"), [("error", "error"), ("warning", "warning"), ("hint", "info")])
def test_what_the_base_itself_has_to_say_is_a_banner(theatre: Theatre, kind: str, level: str) -> None:
    page = theatre.open(Stage(values={f"global.{kind}": 1}))

    shown = page.locator(f"[data-finding=base_{kind}]")
    expect(shown).to_have_class(f"banner {level}")
    expect(shown).to_contain_text("display")
    if level != "info":
        expect(page.locator(".state-line .what")).to_have_text("Needs attention")
    shown.get_by_role("button", name="Dismiss").click()
    expect(shown).to_have_count(0)


def test_a_banner_that_was_put_away_returns_when_its_cause_is_new(theatre: Theatre) -> None:
    stage = Stage(doctor=doctor("rival", "error", receiving=True))
    page = theatre.open(stage)
    shown = page.locator("[data-finding=rival]")
    expect(shown).to_contain_text("240, 241")
    shown.get_by_role("button", name="Dismiss").click()
    expect(shown).to_have_count(0)
    stage.tell(status={"doctor": stage.doctor})
    page.clock.run_for(100)
    expect(shown).to_have_count(0)

    stage.tell(status={"doctor": doctor("rival", "error", receiving=True, since="2026-01-15T20:31:00Z")})

    page.clock.run_for(100)
    expect(shown).to_have_count(1)


def test_a_banner_that_was_put_away_returns_when_what_had_gone_comes_again(theatre: Theatre) -> None:
    stage = Stage(values={"global.error": 1})
    page = theatre.open(stage)
    shown = page.locator("[data-finding=base_error]")
    shown.get_by_role("button", name="Dismiss").click()
    expect(shown).to_have_count(0)

    stage.tell(readings=[{"id": "global.error", "value": False, "raw": 0}])
    stage.tell(readings=[{"id": "global.error", "value": True, "raw": 1}])
    page.clock.run_for(1500)

    expect(shown).to_have_count(1)


def test_a_base_that_is_silent_makes_values_look_old(theatre: Theatre) -> None:
    page = theatre.open(Stage(doctor=doctor("silent.fell_silent", "error", receiving=False)))

    expect(page.locator("main")).to_have_class("content resting")
    expect(page.locator("[data-finding='silent.fell_silent']")).to_contain_text("gone silent")
    room = card(page, "1.1")
    expect(room).to_contain_text("Paused: the base is silent")
    expect(room.get_by_role("button", name="Warmer")).to_be_disabled()
    expect(room.locator(".trend")).to_have_text("")


def test_without_a_link_controls_rest_and_say_why(theatre: Theatre) -> None:
    link = {"connected": False, "code": "no_device", "detail": "The device is not there."}
    page = theatre.open(Stage(doctor=doctor("no_device", "error", receiving=False), status={"link": link}))
    room = card(page, "1.1")

    expect(room.get_by_role("button", name="Warmer")).to_be_disabled()
    expect(house_button(page, "party")).to_be_disabled()
    expect(room.locator(".sub")).to_contain_text("no connection to the base")


def test_a_code_of_the_doctor_that_the_page_does_not_know_is_told_in_his_own_words(theatre: Theatre) -> None:
    page = theatre.open(Stage(doctor=doctor("of_the_future", "warning", receiving=True)))

    expect(page.locator("[data-finding=of_the_future]")).to_contain_text("What the doctor says.")
    expect(page.locator("[data-finding=of_the_future]")).to_contain_text("What to do.")


def test_a_house_without_a_broker_is_no_alarm(theatre: Theatre) -> None:
    without = {"enabled": True, "connected": False, "no_broker": True, "detail": "Home Assistant has none."}
    page = theatre.open(Stage(status={"mqtt": without}))

    expect(page.locator("[data-finding=mqtt_none]")).to_have_class("banner info")
    expect(page.locator(".state-line")).to_have_class("state-line ok")
    expect(page.locator("[data-finding=mqtt_off]")).to_have_count(0)


def test_a_refused_change_is_told_and_taken_back(theatre: Theatre) -> None:
    stage = Stage()
    refusal = {"error": "No link", "code": "no_link", "status": 503}
    stage.answers["PUT points/zone.1.1.setpoint"] = lambda route: route.fulfill(status=503, json=refusal)
    page = theatre.open(stage)
    room = card(page, "1.1")

    room.get_by_role("button", name="Warmer").click()
    page.clock.run_for(COALESCED_MS)

    expect(room.locator("[data-fate=failed]")).to_contain_text("no connection to the base station")
    expect(room.locator(".target")).to_have_text("21.5°")
    expect(page.locator(".toast")).to_contain_text("not taken")
    theatre.complaints.clear()  # the browser names the 503


def test_the_page_draws_every_point_that_the_table_has(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage, "#connection")
    page.get_by_label("Also those never received").check()

    expect(page.locator(".registers tbody tr")).to_have_count(len(TABLE.by_id))


def test_news_is_drawn_where_somebody_looks_and_elsewhere_in_time(theatre: Theatre) -> None:
    rooms = many_rooms()
    stage = Stage(rooms=rooms)
    page = theatre.open(stage, width=390, height=800)
    first, last = (card(page, f"{room.base}.{room.zone}").locator(".big") for room in (rooms[0], rooms[-1]))
    expect(last).to_have_text(f"{rooms[-1].temperature:.1f}")
    # What comes by itself after the first view is there, so nothing but news is drawn.
    page.clock.run_for(3000)
    page.wait_for_load_state("networkidle")
    page.clock.run_for(1000)

    def report(value: float) -> None:
        stage.tell(
            readings=[
                {"id": f"zone.{room.base}.{room.zone}.temperature", "value": value} for room in rooms[:: len(rooms) - 1]
            ]
        )
        page.clock.run_for(1000)

    report(12.1)
    expect(first).to_have_text("12.1")
    assert last.text_content() == f"{rooms[-1].temperature:.1f}"

    for tenth in range(10):
        report(13 + tenth / 10)
    expect(first).to_have_text("13.9")
    assert float(last.text_content() or 0) >= 13, "what nobody sees is at most ten looks behind"

    last.scroll_into_view_if_needed()
    page.clock.run_for(100)
    expect(last).to_have_text("13.9")


def test_the_range_of_a_target_follows_a_season_that_the_base_confirms(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage)
    spin = target(card(page, "1.1"))
    cooling = setpoint_limits(GlobalMode.COOLING)
    assert cooling.low != setpoint_limits(GlobalMode.HEATING).low
    expect(spin).to_have_attribute("aria-valuemin", f"{setpoint_limits(GlobalMode.HEATING).low:g}")

    stage.tell(readings=[{"id": "global.mode", "value": 2, "pending": stage.command("global.mode", 3, "delivered")}])
    page.clock.run_for(1000)
    expect(page.locator(".season .state")).to_have_text("Cooling")
    stage.tell(readings=[{"id": "global.mode", "value": 3}])
    page.clock.run_for(1000)

    expect(spin).to_have_attribute("aria-valuemin", f"{cooling.low:g}")
