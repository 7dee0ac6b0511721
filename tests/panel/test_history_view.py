"""The history view draws what was, with gaps, and lets the owner choose and take along."""

from __future__ import annotations

import csv
import io
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from neasmart.codecs import encode_dpt9
from neasmart.points import TABLE
from neasmart.store.samples import Samples, packed
from tests.support.panel import UNKNOWN, House, Visitor, serious_findings, simulated_house

pytestmark = pytest.mark.xdist_group("browser")

TEMPERATURE = TABLE.ref("zone.1.1.temperature")


@pytest.fixture(scope="module")
def old_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with two stored hours of yesterday, and a gap between them and now."""
    folder = tmp_path_factory.mktemp("history")
    with simulated_house(folder) as house:
        house.gateway.stop()
        now_min = int(time.time() // 60)
        with sqlite3.connect(folder / "neasmart.db") as connection:
            for age_h in (5, 4):
                samples: dict[int, Samples] = {
                    TEMPERATURE.address: [(0, encode_dpt9(15.0 + age_h)), (30, encode_dpt9(16.0 + age_h))]
                }
                connection.execute(
                    "INSERT INTO history (start, length, resolution, samples) VALUES (?, 60, 1, ?)",
                    (now_min - 60 * age_h, packed(samples)),
                )
        connection.close()
        house.gateway.start()
        yield house


def opened(visitor: Visitor, house: House, path: str = "#history", **how: object) -> Page:
    return visitor.open(house.ingress, path, **how)  # type: ignore[arg-type] # passed on as they are


def test_the_chart_shows_the_first_rooms_at_once(visitor: Visitor, old_house: House) -> None:
    page = opened(visitor, old_house)

    expect(page.locator("history-chart canvas")).to_be_visible()
    expect(page.locator("history-chart .u-legend")).to_contain_text("Living room")


def test_the_arrow_keys_tell_the_values(visitor: Visitor, old_house: House) -> None:
    page = opened(visitor, old_house)
    chart = page.locator("history-chart")
    expect(chart.locator("canvas")).to_be_visible()

    chart.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")

    expect(chart.locator(".u-legend")).to_contain_text("21.0")


def test_a_finger_tells_the_values(visitor: Visitor, old_house: House) -> None:
    page = opened(visitor, old_house, width=400, touch=True)
    plot = page.locator("history-chart .u-over")
    expect(plot).to_be_visible()
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *ages_h: float) -> None:
        places = [{"x": box["x"] + box["width"] * (1 - age / 24), "y": box["y"] + 40} for age in ages_h]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    legend = page.locator("history-chart .u-legend")
    touch("touchStart", 4.9)
    expect(legend).to_contain_text("20.0")
    touch("touchMove", 12)
    touch("touchMove", 4.4)
    expect(legend).to_contain_text("21.0")
    touch("touchEnd")
    expect(legend).to_contain_text("21.0")
    # Nothing is known of this room at that time.
    kitchen = legend.locator("tr", has_text="Kitchen")
    expect(kitchen.locator("td")).to_have_text(UNKNOWN)


def test_points_are_chosen_and_dropped(visitor: Visitor, old_house: House) -> None:
    page = opened(visitor, old_house)
    legend = page.locator("history-chart .u-legend")
    expect(legend).to_contain_text("Living room: temperature")

    page.locator("summary").click()
    group = page.get_by_role("group", name="Living room")
    group.get_by_label("temperature", exact=True).uncheck()
    group.get_by_label("humidity").check()

    expect(legend).not_to_contain_text("Living room: temperature")
    expect(legend).to_contain_text("Living room: humidity")


def test_another_span_is_asked_for(visitor: Visitor, old_house: House) -> None:
    page = opened(visitor, old_house)
    week = page.get_by_role("button", name="7 days")

    with page.expect_request(lambda request: "api/v1/history" in request.url and "max_points" in request.url):
        week.click()

    expect(week).to_have_attribute("aria-pressed", "true")
    expect(page.locator("history-chart canvas")).to_be_visible()


def test_the_chosen_points_can_be_taken_along(visitor: Visitor, old_house: House, tmp_path: Path) -> None:
    page = opened(visitor, old_house)
    expect(page.locator("history-chart canvas")).to_be_visible()

    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    download.value.save_as(tmp_path / "history.csv")

    rows = list(csv.DictReader(io.StringIO((tmp_path / "history.csv").read_text(encoding="utf-8"))))
    values = [row[TEMPERATURE.id] for row in rows]
    assert values[:4] == ["20.0", "21.0", "19.0", "20.0"]
    assert "" in values


def test_every_card_shows_the_course_of_the_day(visitor: Visitor, old_house: House) -> None:
    page = opened(visitor, old_house, "")

    line = page.locator('[data-zone="zone.1.1"] svg.spark path')

    expect(line).to_be_attached()
    outline = line.get_attribute("d")
    assert outline is not None
    assert outline.count("M") >= 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_view_is_accessible_on_a_phone(visitor: Visitor, old_house: House, scheme: str) -> None:
    page = opened(visitor, old_house, width=360, height=740, scheme=scheme)
    expect(page.locator("history-chart canvas")).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert serious_findings(page) == []
