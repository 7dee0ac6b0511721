"""How long a walk of the base is, and how it answers polls that find no command."""

from __future__ import annotations

import pytest

from neasmart.core.state.walks import Walks
from neasmart.facts.points import TABLE
from tests.support.by_hand import SETPOINT, STATE, ByHand


@pytest.fixture
def walks() -> Walks:
    return Walks(TABLE)


def walked(walks: Walks, *intervals: float, unit_id: int = 240, address: int = 100) -> float:
    """Poll a room at the given intervals; return the time of the last poll."""
    now = 1000.0
    walks.polled((unit_id, address, 2, now))
    for interval in intervals:
        now += interval
        walks.polled((unit_id, address, 2, now))
    walks.tick(now)
    return now


def test_an_unmeasured_walk_is_taken_for_thirty_seconds(walks: Walks) -> None:
    walked(walks)

    assert walks.walk_s == 30.0


def test_a_walk_is_the_longest_of_the_last_five_intervals(walks: Walks) -> None:
    walked(walks, 20, 9, 8, 10, 9, 9)

    assert walks.walk_s == 10.0


@pytest.mark.parametrize(("interval", "walk_s"), [(1.0, 4.0), (300.0, 40.0)])
def test_a_walk_stays_within_its_bounds(walks: Walks, interval: float, walk_s: float) -> None:
    walked(walks, interval)

    assert walks.walk_s == walk_s


def test_an_interval_is_that_of_one_unit_id(walks: Walks) -> None:
    for step in range(20):
        walks.polled((240 + step % 2, 100, 2, step * 5.0))
    walks.tick(100.0)

    assert walks.walk_s == 10.0


def test_registers_are_measured_whatever_the_blocks(walks: Walks) -> None:
    walks.polled((240, 0, 125, 0.0))
    walks.polled((240, 100, 1, 7.0))
    walks.polled((240, 101, 1, 12.0))
    walks.tick(12.0)

    assert walks.walk_s == 12.0


def test_a_register_that_is_not_polled_any_more_does_not_count(walks: Walks) -> None:
    walked(walks, 39, address=200)
    for step in range(30):
        walks.polled((240, 100, 2, 1100.0 + 5.0 * step))
    walks.tick(1250.0)

    assert walks.walk_s == 5.0


def test_the_time_in_which_the_bus_was_not_heard_is_no_walk(walks: Walks) -> None:
    now = walked(walks, 8, 8)
    walks.interrupted()
    walks.polled((240, 100, 2, now + 35))
    walks.polled((240, 100, 2, now + 43))
    walks.tick(now + 43)

    assert walks.walk_s == 8.0


def test_polls_of_blocks_without_commands_are_no_walk_and_cost_no_memory(walks: Walks) -> None:
    remembered = []
    for count in range(1, 41):
        for address in range(3, 60):
            walks.polled((240, address, count, 0.0))
            walks.tick(0.0)
            remembered.append(len(walks._blocks))

    assert walks.walk_s == 30.0
    assert max(remembered) <= 4 * len(TABLE.writable)


def test_it_is_counted_how_often_and_how_soon_the_base_writes_after_it_read_no_data() -> None:
    hand = ByHand()
    hand.read(SETPOINT, 240)
    hand.read(SETPOINT, 241)
    hand.now += 0.50049
    hand.tell(SETPOINT, 21.0)
    hand.now += 1.0
    hand.tell(SETPOINT, 21.0)
    hand.read(SETPOINT)
    hand.read(STATE, left=False)

    counted = hand.gateway.bus.idle_polls.document()

    assert counted["zone.setpoint"] == {"polls": 3, "asked": 2, "answered": 1, "mean_s": 0.5, "longest_s": 0.5}
    assert counted["zone.state"] == {"polls": 0, "asked": 0, "answered": 0, "mean_s": None, "longest_s": 0.0}


def test_a_poll_that_reads_a_command_is_not_counted_as_one_without() -> None:
    hand = ByHand()
    hand.set((SETPOINT, 22.0))

    hand.gateway.bus.left(hand.gateway.bus.poll(100, 2, 240, hand.now), hand.now)

    counted = hand.gateway.bus.idle_polls.document()
    assert (counted["zone.state"]["polls"], counted["zone.setpoint"]["polls"]) == (1, 0)
