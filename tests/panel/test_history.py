"""History: any points, as far back as there is anything, zoomed and moved; gaps stay gaps and states have words."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from itertools import count, pairwise
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Download, Locator, Page, expect

from tests.support.staged import NOW, Stage, Theatre, many_rooms

pytestmark = pytest.mark.xdist_group("stage")

HOUR_S = 3600
TEXTS_OF_THE_CHART = """window.told = [];
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
  window.told.push({ text, x, width: this.measureText(text).width });
  return fillText.call(this, text, x, y);
};"""


def ranges(page: Page) -> list[float]:
    """Return the lengths of what is asked for from now on, in hours."""
    lengths: list[float] = []

    def note(url: str) -> None:
        if "/history?" in url and "format=csv" not in url:
            query = parse_qs(urlsplit(url).query)
            if "from" in query:
                begin, end = (datetime.fromisoformat(query[name][0]) for name in ("from", "to"))
                lengths.append((end - begin).total_seconds() / HOUR_S)

    page.on("request", lambda request: note(request.url))
    return lengths


def until(page: Page, asked: list[float], is_last: Callable[[float], bool]) -> None:
    """Wait until the last question is the one that is waited for."""
    for _ in range(600):
        if asked and is_last(asked[-1]):
            return
        page.wait_for_timeout(50)
    raise AssertionError(asked)


def opened(theatre: Theatre, stage: Stage, **how: object) -> Page:
    page = theatre.open(stage, "#history", **how)  # type: ignore[arg-type] # passed on as they are
    expect(page.locator("history-chart canvas")).to_be_visible()
    return page


def test_the_chart_shows_the_first_rooms_with_their_values_at_once_and_a_tap_takes_one_away(theatre: Theatre) -> None:
    page = opened(theatre, Stage())

    lines = page.locator("history-chart .chip")
    expect(lines).to_contain_text(
        ["Living room: temperature20.7 °C", "Kitchen: temperature21.2 °C", "Dining room: temperature19.8 °C"]
    )
    page.get_by_title("Remove Kitchen: temperature").click()
    expect(lines).to_contain_text(["Living room", "Dining room"])


def test_the_first_hour_fills_the_chart(theatre: Theatre) -> None:
    page = opened(theatre, Stage(known_s=HOUR_S))

    query = parse_qs(urlsplit(page.get_by_role("link", name="CSV").get_attribute("href") or "").query)
    assert datetime.fromisoformat(query["from"][0]).timestamp() == pytest.approx(NOW.timestamp() - HOUR_S, abs=60)


def test_dragging_zooms_and_a_double_click_goes_back(theatre: Theatre) -> None:
    page = opened(theatre, Stage())
    plot = page.locator("history-chart .u-over")
    box = plot.bounding_box()
    assert box is not None
    asked = ranges(page)

    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60, steps=4)
    page.mouse.up()
    expect(page.get_by_role("button", name="24 hours")).to_have_attribute("aria-pressed", "false")
    plot.dblclick()
    expect(page.get_by_role("button", name="24 hours")).to_have_attribute("aria-pressed", "true")

    until(page, asked, lambda hours: hours == pytest.approx(24, abs=0.1))
    assert asked[0] == pytest.approx(6, abs=0.3)


def fingers_on(page: Page, plot: Locator) -> Callable[..., None]:
    """Return what touches a chart: an event, and where each finger is in parts of its width."""
    box = plot.bounding_box()
    assert box is not None
    finger = page.context.new_cdp_session(page)
    # As quick as a hand, however slow the machine is: two taps are a double tap by these times.
    times = count(time.time(), 0.03)
    left, width, y = box["x"], box["width"], box["y"] + 60

    def touch(kind: str, *shares: float) -> None:
        points = [{"x": left + width * share, "y": y, "id": at} for at, share in enumerate(shares)]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points, "timestamp": next(times)})

    return touch


def test_two_fingers_move_the_time_without_stretching_it(theatre: Theatre) -> None:
    page = opened(theatre, Stage(), width=400, touch=True)
    plot = page.locator("history-chart .u-over")
    plot.scroll_into_view_if_needed()
    asked = ranges(page)
    touch = fingers_on(page, plot)

    touch("touchStart", 0.2)
    touch("touchStart", 0.2, 0.4)
    for step in range(1, 6):
        touch("touchMove", 0.2 + 0.1 * step, 0.4 + 0.1 * step)
    touch("touchEnd")

    expect(page.get_by_role("button", name="24 hours")).to_have_attribute("aria-pressed", "false")
    until(page, asked, lambda hours: hours == pytest.approx(24, rel=0.1))
    expect(page.locator("history-chart .caption")).to_contain_text("Jan 15, 2026")


def test_two_fingers_zoom_and_a_double_tap_goes_back(theatre: Theatre) -> None:
    page = opened(theatre, Stage(), width=400, touch=True)
    plot = page.locator("history-chart .u-over")
    plot.scroll_into_view_if_needed()
    asked = ranges(page)
    touch = fingers_on(page, plot)

    touch("touchStart", 0.4)
    touch("touchStart", 0.4, 0.6)
    for step in range(1, 6):
        touch("touchMove", 0.4 - 0.05 * step, 0.6 + 0.05 * step)
    touch("touchEnd")

    expect(page.get_by_role("button", name="24 hours")).to_have_attribute("aria-pressed", "false")
    until(page, asked, lambda hours: hours == pytest.approx(24 * 0.2 / 0.7, rel=0.15))
    for _ in range(2):
        touch("touchStart", 0.5)
        touch("touchEnd")
    expect(page.get_by_role("button", name="24 hours")).to_have_attribute("aria-pressed", "true")


def test_buttons_zoom_and_move_by_keyboard(theatre: Theatre) -> None:
    page = opened(theatre, Stage())
    asked = ranges(page)

    page.get_by_role("button", name="Closer").press("Enter")
    until(page, asked, lambda hours: hours == pytest.approx(12, abs=0.1))
    page.get_by_role("button", name="Earlier").press("Enter")
    page.locator("history-chart").press("Escape")

    expect(page.get_by_role("button", name="24 hours")).to_have_attribute("aria-pressed", "true")


def test_all_begins_at_the_first_sample(theatre: Theatre) -> None:
    stage = Stage()
    page = opened(theatre, stage)
    asked = ranges(page)

    page.get_by_role("button", name="All", exact=True).click()

    expect(page.get_by_role("button", name="All", exact=True)).to_have_attribute("aria-pressed", "true")
    # Three days are known; the last question asks for little more.
    until(page, asked, lambda hours: 72 <= hours < 80)
    assert asked[0] == pytest.approx(730 * 24, rel=0.01)


def test_the_arrow_keys_tell_the_values(theatre: Theatre) -> None:
    page = opened(theatre, Stage())
    chart = page.locator("history-chart")

    chart.focus()
    page.keyboard.press("End")

    expect(chart.locator(".caption")).to_contain_text("Jan 15, 2026, 8:30")
    expect(chart.locator(".chip").first).to_contain_text("20.7")
    page.keyboard.press("Home")
    expect(chart.locator(".caption")).to_contain_text("Jan 14, 2026, 8:30")
    expect(chart.locator(".chip").first).not_to_contain_text("20.7")


def test_states_are_bands_with_words_and_gaps_stay_empty(theatre: Theatre) -> None:
    page = opened(theatre, Stage())
    page.locator(".chooser summary", has_text="Hall").click()
    page.locator(".chooser details[open]").get_by_label("state").check()

    band = page.locator(".bands figure")
    expect(band.locator("figcaption")).to_have_text("Hall: state")
    expect(band.locator(".words li")).to_have_text(["Time program", "Reduced", "Time program"])
    ends = band.locator("rect").evaluate_all(
        "all => all.map(each => Number(each.getAttribute('x')) + Number(each.getAttribute('width')))"
    )
    starts = band.locator("rect").evaluate_all("all => all.map(each => Number(each.getAttribute('x')))")
    assert starts[2] - ends[1] == pytest.approx(1000 / 24, abs=2)  # the hour of which nothing is known


def test_points_are_found_by_search_and_all_temperatures_by_one_tap(theatre: Theatre) -> None:
    page = opened(theatre, Stage(rooms=many_rooms()))
    expect(page.locator(".chooser input[type=checkbox]:visible")).to_have_count(0)

    page.get_by_role("searchbox").fill("room 304 humidity")
    expect(page.locator(".chooser details")).to_have_count(0 if many_rooms()[27].humidity is None else 1)
    page.get_by_role("searchbox").fill("")
    page.get_by_role("button", name="All temperatures").click()
    expect(page.locator("history-chart .chip")).to_have_count(12)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".history")).to_contain_text("Choose below")


def test_a_history_that_cannot_be_loaded_says_why_and_not_loading(theatre: Theatre) -> None:
    page = theatre.open(Stage(history_fails="The storage is being repaired"), "#history")

    expect(page.locator(".failure")).to_contain_text("The storage is being repaired")
    expect(page.locator(".history")).not_to_contain_text("Loading")
    theatre.complaints.clear()


def test_a_history_that_home_assistant_cannot_reach_is_told_in_the_owners_language(theatre: Theatre) -> None:
    stage = Stage()
    stage.answers["GET history"] = lambda route: route.fulfill(status=502, body="Bad Gateway")
    page = theatre.open(stage, "#history", language="de")

    expect(page.locator(".failure")).to_contain_text("das Gateway hat nicht geantwortet")
    theatre.complaints.clear()


def test_a_zoomed_history_that_failed_is_asked_for_again(theatre: Theatre) -> None:
    stage = Stage()
    page = opened(theatre, stage)
    stage.history_fails = "The storage is being repaired."
    page.get_by_role("button", name="Closer").click()
    expect(page.locator(".failure")).to_contain_text("repaired. The page tries again.")

    stage.history_fails = None
    page.clock.run_for(62_000)

    expect(page.locator(".failure")).to_have_count(0)
    theatre.complaints.clear()


def test_times_on_the_axis_are_told_apart_and_do_not_run_together(theatre: Theatre) -> None:
    """A week on a desk has several marks a day; a phone in a locale of twelve hours has little room."""
    week = opened(theatre, Stage(), script=TEXTS_OF_THE_CHART)
    week.evaluate("window.told.length = 0")
    week.get_by_role("button", name="7 days").click()
    week.wait_for_function("() => window.told.some(({ text }) => text === 'Jan 14')")
    times = [each["text"] for each in week.evaluate("window.told") if "°" not in each["text"]]
    expect(week.locator("history-chart .caption")).to_have_text("Now")
    assert {"Jan 14", "04:00 AM"} <= set(times)
    assert times.count("Jan 14") == 1

    page = opened(theatre, Stage(), script=TEXTS_OF_THE_CHART, width=320)
    told = [each for each in page.evaluate("window.told") if each["text"].endswith("M")]
    drawing = told[-len({each["text"] for each in told}) :]
    drawing.sort(key=lambda each: each["x"])
    assert len(drawing) >= 2
    for one, other in pairwise(drawing):
        assert one["x"] + (one["width"] + other["width"]) / 2 + 4 <= other["x"]


def test_what_lies_in_the_past_is_not_told_as_of_now(theatre: Theatre) -> None:
    page = opened(theatre, Stage())

    for _ in range(2):
        page.get_by_role("button", name="Earlier").click()
        expect(page.locator(".tools").first).to_have_attribute("aria-busy", "false")

    expect(page.locator("history-chart .caption")).to_contain_text("Jan 14, 2026")


def test_what_is_shown_can_be_taken_along(theatre: Theatre) -> None:
    stage = Stage()
    page = opened(theatre, stage)

    link = page.get_by_role("link", name="CSV")
    address = link.get_attribute("href") or ""
    told = {"Content-Disposition": 'attachment; filename="history.csv"'}
    stage.answers["GET history"] = lambda route: route.fulfill(body="at,value", headers=told)
    with page.expect_download() as download:
        link.click()

    query = parse_qs(urlsplit(address).query)
    assert query["format"] == ["csv"]
    assert "zone.1.1.temperature" in query["points"][0]
    assert query["to"][0].startswith(NOW.strftime("%Y-%m-%dT%H:%M"))
    assert download.value.suggested_filename == "history.csv"
    assert download.value.path().read_text(encoding="utf-8") == "at,value"


def test_a_file_that_cannot_be_taken_along_says_why_and_is_not_saved(theatre: Theatre) -> None:
    stage = Stage()
    page = opened(theatre, stage)
    saved: list[Download] = []
    page.on("download", lambda download: saved.append(download))  # noqa: PLW0108 - Playwright marks its handlers

    stage.history_fails = "The storage is being repaired."
    page.get_by_role("link", name="CSV").click()

    expect(page.locator(".toast")).to_contain_text("The storage is being repaired.")
    assert saved == []
    theatre.complaints.clear()
