"""How many taps each thing takes that people do most, counted with a finger on a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.panel.test_rooms import COALESCED_MS, sent
from tests.support.panel import card
from tests.support.staged import ROOMS, Stage, Theatre, stand

pytestmark = pytest.mark.xdist_group("stage")

FIVE = [f"{room.base}.{room.zone}" for room in ROOMS[:5]]


class Finger:
    """Taps, and counts its taps."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.taps = 0

    def tap(self, what: Locator) -> None:
        what.tap()
        self.taps += 1


@contextmanager
def phone(theatre: Theatre) -> Iterator[tuple[Finger, Stage]]:
    stage = Stage()
    page = theatre.open(stage, width=390, height=844, touch=True)
    expect(page.locator(".room")).to_have_count(len(ROOMS))
    yield Finger(page), stage


def half_a_degree(finger: Finger) -> None:
    finger.tap(card(finger.page, "1.1").get_by_role("button", name="Warmer"))


def five_rooms(finger: Finger) -> None:
    stand(finger.page)  # however slow the machine, the second tap of a room follows the first one at once
    for zone in FIVE:
        for _ in range(2):
            finger.tap(card(finger.page, zone).get_by_role("button", name="Warmer"))
    finger.page.clock.resume()


def reduced(finger: Finger) -> None:
    finger.tap(card(finger.page, "1.1").locator(".disc"))
    finger.tap(finger.page.get_by_role("dialog").get_by_role("button", name="Reduced"))


def holiday(finger: Finger) -> None:
    finger.tap(finger.page.locator(".house [data-option=holiday]"))
    finger.tap(finger.page.get_by_role("dialog").get_by_role("button", name="Go on holiday"))


@pytest.mark.parametrize(
    ("job", "taps", "commands"),
    [
        (half_a_degree, 1, [("zone.1.1.setpoint", 22.0)]),
        (
            five_rooms,
            10,
            [(f"zone.{zone}.setpoint", (room.setpoint or 0) + 1) for zone, room in zip(FIVE, ROOMS, strict=False)],
        ),
        (reduced, 2, [("zone.1.1.state", 2)]),
        (holiday, 2, [("global.state", 6)]),
    ],
    ids=lambda each: each.__name__ if callable(each) else "",
)
def test_what_is_done_most_takes_few_taps_and_one_more_takes_it_back(
    theatre: Theatre, job: Callable[[Finger], None], taps: int, commands: list[tuple[str, float]]
) -> None:
    with phone(theatre) as (finger, stage):
        job(finger)
        assert finger.taps == taps
        finger.page.clock.run_for(COALESCED_MS)
        undo = finger.page.get_by_role("button", name="Undo")
        expect(undo).to_be_visible()
        assert sorted(sent(stage)) == sorted(commands)

        finger.tap(undo)
        expect(finger.page.locator(".toast")).to_have_text("Taken back")


def test_one_tap_shows_a_rooms_day_with_numbers(theatre: Theatre) -> None:
    with phone(theatre) as (finger, _):
        name = card(finger.page, "1.1").get_by_role("heading")
        finger.tap(name)

        expect(finger.page.locator(".day .numbers")).to_contain_text("Lowest")
        expect(finger.page.get_by_role("dialog")).to_contain_text("Living room")
        assert finger.taps == 1
