"""Taking a command back: withdrawn before the base has read it, else the values of before are commanded."""

from __future__ import annotations

import pytest

from neasmart.core.commands.command import CommandState
from neasmart.core.commands.undo import REMEMBERED
from neasmart.core.gateway import LINK
from neasmart.facts.errors import NoLinkError, UndoError, UnknownCommandError
from neasmart.facts.points import TABLE
from neasmart.facts.registers import Ref
from neasmart.facts.status import LinkStatus
from tests.support.by_hand import (
    AUTO,
    COOLING,
    HEATING,
    HOUSE,
    MODE,
    NORMAL,
    OFF,
    SETPOINT,
    STANDBY,
    STATE,
    WALK_S,
    ByHand,
)

OTHER_STATE = TABLE.ref("zone.1.2.state")
OTHER_SETPOINT = TABLE.ref("zone.1.2.setpoint")


@pytest.fixture
def hand() -> ByHand:
    """Return a house with one room at 21 degrees and one that is off."""
    hand = ByHand()
    hand.tell(MODE, HEATING)
    hand.tell(STATE, NORMAL)
    hand.tell(SETPOINT, 21.0)
    hand.tell(OTHER_STATE, STANDBY)
    hand.tell_word(OTHER_SETPOINT, OFF)
    return hand


def test_what_was_not_read_is_withdrawn(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 23.0))

    undone = hand.undo(command)

    assert ([each.id for each in undone.withdrawn], undone.commands) == ([command.id], [])
    assert (hand.state(command), hand.reason(command)) == (
        CommandState.WITHDRAWN,
        "taken back before the base read it",
    )
    assert hand.read(SETPOINT) == 0


def test_for_what_was_read_the_value_of_before_is_commanded(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 23.0))
    hand.read(SETPOINT)
    hand.tell(SETPOINT, 23.0)

    (back,) = hand.undo(command).commands

    assert (back.ref, back.value, back.origin) == (SETPOINT, 21.0, "test")
    assert hand.reads(SETPOINT, 21.0)


def test_undo_while_the_base_is_a_reaction_behind(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 23.0))
    hand.read(SETPOINT)
    (back,) = hand.undo(command).commands
    assert hand.state(command) is CommandState.SUPERSEDED

    hand.tell(SETPOINT, 21.0)
    hand.read(SETPOINT)
    hand.tell(SETPOINT, 23.0)
    assert hand.reads(SETPOINT, 21.0)
    hand.tell(SETPOINT, 21.0)

    assert hand.state(back) is CommandState.CONFIRMED


def test_undoing_the_whole_house_brings_every_room_back(hand: ByHand) -> None:
    house = hand.set((HOUSE, 6))
    hand.read(HOUSE)
    hand.tell(HOUSE, 6)
    for state, setpoint in ((STATE, SETPOINT), (OTHER_STATE, OTHER_SETPOINT)):
        hand.tell(state, 6)
        hand.tell(setpoint, 16.0)

    undone = hand.undo(house)

    assert [(each.ref, each.value) for each in undone.commands] == [
        (STATE, NORMAL),
        (OTHER_STATE, STANDBY),
        (SETPOINT, 21.0),
    ]
    hand.wait(WALK_S)
    assert (hand.reads(STATE, NORMAL), hand.reads(OTHER_STATE, STANDBY), hand.read(SETPOINT)) == (True, True, 0)
    hand.tell(STATE, NORMAL)
    hand.wait(WALK_S)
    assert hand.reads(SETPOINT, 21.0)


def test_what_somebody_has_set_since_stays(hand: ByHand) -> None:
    house = hand.set((HOUSE, 6))
    hand.read(HOUSE)
    hand.tell(HOUSE, 6)
    hand.tell(STATE, 5)
    hand.tell(OTHER_STATE, 6)

    undone = hand.undo(house)

    assert [(each.ref, each.value) for each in undone.commands] == [(OTHER_STATE, STANDBY)]


@pytest.mark.parametrize(("ref", "value", "since"), [(SETPOINT, 23.0, 19.0), (STATE, 2, 5), (MODE, COOLING, AUTO)])
def test_what_somebody_has_set_since_by_hand_is_not_undone(hand: ByHand, ref: Ref, value: float, since: float) -> None:
    command = hand.set((ref, value))
    hand.read(ref)
    hand.tell(ref, value)
    hand.tell(ref, since)

    with pytest.raises(UndoError, match="somebody has changed it since"):
        hand.undo(command)


def test_a_word_without_a_value_is_nobody_s_hand(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 23.0))
    hand.read(SETPOINT)
    hand.tell(SETPOINT, 23.0)
    hand.tell_word(SETPOINT, OFF)

    assert [each.value for each in hand.undo(command).commands] == [21.0]


def test_a_room_s_state_is_brought_back_in_the_other_season_without_its_setpoint(hand: ByHand) -> None:
    command = hand.set((STATE, 2))
    hand.read(STATE)
    hand.tell(STATE, 2)
    hand.tell(MODE, COOLING)

    assert [(each.ref, each.value) for each in hand.undo(command).commands] == [(STATE, NORMAL)]


def test_what_is_under_way_can_be_undone_whatever_the_base_tells_meanwhile(hand: ByHand) -> None:
    hand.wait(2 * WALK_S + 1)
    command = hand.set((SETPOINT, 23.0))
    hand.read(SETPOINT)
    hand.tell(SETPOINT, 18.0)
    assert hand.state(command) is CommandState.DELIVERED

    assert [each.value for each in hand.undo(command).commands] == [21.0]


def test_a_room_that_was_commanded_since_keeps_what_was_commanded(hand: ByHand) -> None:
    house = hand.set((HOUSE, 6))
    hand.read(HOUSE)
    hand.tell(HOUSE, 6)
    hand.now += 1.0
    hand.set((SETPOINT, 24.0))

    undone = hand.undo(house)

    assert [(each.ref, each.value) for each in undone.commands] == [(STATE, NORMAL), (OTHER_STATE, STANDBY)]


def test_a_setpoint_of_the_other_season_is_not_brought_back(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 23.0))
    hand.read(SETPOINT)
    hand.tell(SETPOINT, 23.0)
    hand.tell(MODE, COOLING)

    with pytest.raises(UndoError, match="what was there before"):
        hand.undo(command)


def test_a_room_s_state_brings_its_setpoint_back(hand: ByHand) -> None:
    command = hand.set((STATE, 2))
    hand.read(STATE)
    hand.tell(STATE, 2)

    assert [(each.ref, each.value) for each in hand.undo(command).commands] == [(STATE, NORMAL), (SETPOINT, 21.0)]


def test_what_is_pending_counts_as_what_was_there_before(hand: ByHand) -> None:
    hand.set((SETPOINT, 22.0))
    command = hand.set((SETPOINT, 23.0))
    hand.read(SETPOINT)

    assert [each.value for each in hand.undo(command).commands] == [22.0]


@pytest.mark.parametrize("told", [False, True])
def test_a_state_of_the_house_that_was_under_way_is_brought_back(hand: ByHand, *, told: bool) -> None:
    holiday = hand.set((HOUSE, 6))
    hand.read(HOUSE)
    assert hand.state(holiday) is CommandState.DELIVERED
    command = hand.set((HOUSE, 2))
    hand.read(HOUSE)
    if told:
        for state in (STATE, OTHER_STATE):
            hand.tell(state, 2)

    undone = hand.undo(command)

    assert [(each.ref, each.value) for each in undone.commands] == [(STATE, 6), (OTHER_STATE, 6)]


def test_a_room_that_was_set_after_a_house_under_way_is_brought_back_as_it_was_set(hand: ByHand) -> None:
    hand.set((HOUSE, 6))
    hand.read(HOUSE)
    hand.now += 1.0
    hand.set((STATE, 5), (SETPOINT, 23.0))
    command = hand.set((HOUSE, NORMAL))
    hand.read(HOUSE)

    undone = hand.undo(command)

    assert [(each.ref, each.value) for each in undone.commands] == [(STATE, 5), (OTHER_STATE, 6), (SETPOINT, 23.0)]


def test_a_room_s_state_that_was_under_way_is_brought_back_without_the_setpoint_of_before(hand: ByHand) -> None:
    hand.set((STATE, 2))
    command = hand.set((STATE, 5))
    hand.read(STATE)

    assert [(each.ref, each.value) for each in hand.undo(command).commands] == [(STATE, 2)]


@pytest.mark.parametrize(
    ("told", "why"),
    [(18.0, "the base has been set otherwise since"), (21.0, "the base did not take it")],
)
def test_what_the_base_did_not_take_cannot_be_undone(hand: ByHand, told: float, why: str) -> None:
    command = hand.set((SETPOINT, 23.0))
    hand.read(SETPOINT)
    hand.wait(60.0, lambda: hand.tell(SETPOINT, told))

    with pytest.raises(UndoError, match=why):
        hand.undo(command)


def test_a_newer_command_is_not_undone_by_way_of_an_older_one(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 23.0))
    hand.read(SETPOINT)
    hand.tell(SETPOINT, 23.0)
    hand.set((SETPOINT, 24.0))

    with pytest.raises(UndoError, match="a newer command took its place"):
        hand.undo(command)


def test_undo_works_once(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 23.0))
    hand.undo(command)

    with pytest.raises(UnknownCommandError):
        hand.undo(command)


def test_old_values_are_not_brought_back_after_ten_minutes(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 23.0))
    hand.read(SETPOINT)
    hand.tell(SETPOINT, 23.0)
    hand.wait(601.0)

    with pytest.raises(UndoError, match="too late"):
        hand.undo(command)


def test_a_command_that_was_never_read_has_nothing_to_undo(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 23.0))
    hand.wait(60.0)

    with pytest.raises(UndoError, match="never read it"):
        hand.undo(command)


def test_without_a_link_what_was_not_read_can_still_be_withdrawn(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 23.0))
    hand.gateway.hub.publish(LINK, LinkStatus(connected=False, detail="The dongle is missing."))

    hand.undo(command)

    assert hand.state(command) is CommandState.WITHDRAWN


def test_without_a_link_nothing_is_undone_and_nothing_is_lost(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 23.0))
    hand.read(SETPOINT)
    hand.gateway.hub.publish(LINK, LinkStatus(connected=False, detail="The dongle is missing."))

    with pytest.raises(NoLinkError, match="The dongle is missing"):
        hand.undo(command)
    hand.gateway.hub.publish(LINK, LinkStatus(connected=True))

    assert [each.value for each in hand.undo(command).commands] == [21.0]


def test_so_many_commands_are_remembered_and_no_more() -> None:
    hand = ByHand()

    for _ in range(REMEMBERED + 50):
        hand.set((SETPOINT, 22.0))

    assert len(hand.gateway._undo._kept) == REMEMBERED == 200
