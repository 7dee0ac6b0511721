"""What has left for the base lately, by register and by command."""

from __future__ import annotations

import pytest

from neasmart.core.commands.leavings import REMEMBERED, Leavings

ROOM, OTHER = 100, 200


@pytest.fixture
def leavings() -> Leavings:
    leavings = Leavings()
    leavings.note(ROOM, "first", 21.0, 10.0)
    leavings.note(ROOM, "second", 22.0, 20.0)
    leavings.note(OTHER, "third", 23.0, 30.0)
    return leavings


def test_others_are_those_of_the_register_and_not_the_command_itself(leavings: Leavings) -> None:
    assert leavings.others(ROOM, "second", 0.0) == [21.0]
    assert leavings.others(ROOM, "unknown", 0.0) == [21.0, 22.0]
    assert leavings.others(OTHER, "third", 0.0) == []
    assert leavings.others(300, "first", 0.0) == []


@pytest.mark.parametrize(("since", "values"), [(10.0, [21.0, 22.0]), (10.1, [22.0]), (20.0, [22.0]), (20.1, [])])
def test_a_moment_itself_is_still_lately(leavings: Leavings, since: float, values: list[float]) -> None:
    assert leavings.others(ROOM, "unknown", since) == values
    assert leavings.lately(ROOM, since) is bool(values)


def test_only_when_it_last_left_counts(leavings: Leavings) -> None:
    leavings.note(ROOM, "first", 21.0, 40.0)

    assert leavings.others(ROOM, "second", 40.0) == [21.0]


def test_what_left_before_a_time_is_forgotten(leavings: Leavings) -> None:
    leavings.forget(20.0)

    assert leavings.others(ROOM, "unknown", 0.0) == [22.0]
    assert leavings.lately(OTHER, 0.0)

    leavings.forget(20.1)

    assert not leavings.lately(ROOM, 0.0)
    assert leavings.lately(OTHER, 0.0)


def test_the_last_values_of_a_register_are_remembered_and_no_more() -> None:
    leavings = Leavings()

    for number in range(REMEMBERED + 3):
        leavings.note(ROOM, str(number), number, float(number))

    assert leavings.others(ROOM, "", 0.0) == list(range(3, REMEMBERED + 3))
