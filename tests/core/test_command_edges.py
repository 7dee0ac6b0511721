"""Edges of the command life: who waits for whom, whose connection counts, what a request may hold together."""

from __future__ import annotations

import pytest

from neasmart.core.commands.carrier import Carrier
from neasmart.core.commands.command import CommandState
from neasmart.facts.errors import RoomOffError
from neasmart.facts.points import TABLE
from neasmart.facts.registers import Ref
from tests.support.by_hand import COOLING, HEATING, HOUSE, MODE, SETPOINT, STANDBY, STATE, WALK_S, ByHand

OTHER_STATE, OTHER_SETPOINT = TABLE.ref("zone.1.2.state"), TABLE.ref("zone.1.2.setpoint")
QUEUED, DELIVERED, CONFIRMED = CommandState.QUEUED, CommandState.DELIVERED, CommandState.CONFIRMED
OVERRIDDEN, SUPERSEDED = CommandState.OVERRIDDEN, CommandState.SUPERSEDED


def test_a_command_that_has_waited_long_enough_does_not_end_with_the_one_it_waited_for(hand: ByHand) -> None:
    state, setpoint = hand.gateway.submit([(STATE, 2), (SETPOINT, 22.0)], origin="test")
    hand.read(STATE)
    hand.wait(3 * WALK_S)
    assert hand.reads(SETPOINT, 22.0)

    hand.tell(STATE, 5)

    assert (hand.state(state), hand.state(setpoint)) == (OVERRIDDEN, DELIVERED)


def test_a_command_that_was_confirmed_unread_is_waited_for_no_longer(hand: ByHand) -> None:
    state, setpoint = hand.gateway.submit([(STATE, 1), (SETPOINT, 22.0)], origin="test")
    hand.tell(STATE, 1)

    hand.gateway.tick(hand.now)

    assert (hand.state(state), hand.state(setpoint), hand.reads(SETPOINT, 22.0)) == (CONFIRMED, QUEUED, True)


def test_a_connection_that_has_ended_polls_us_no_more_once_another_does(hand: ByHand) -> None:
    first, second = Carrier("10.0.0.1"), Carrier("10.0.0.2")
    hand.read(STATE, carrier=first)
    first.ended()
    hand.read(STATE, carrier=second)
    command = hand.set((SETPOINT, 22.0))

    hand.tell(SETPOINT, 18.0, Carrier("10.0.0.1"))
    assert hand.state(command) is QUEUED
    hand.tell(SETPOINT, 18.0, second)

    assert hand.state(command) is OVERRIDDEN


def test_both_of_two_connections_that_poll_us_count(hand: ByHand) -> None:
    carriers = Carrier("10.0.0.1"), Carrier("10.0.0.2")
    for carrier in carriers:
        hand.read(STATE, carrier=carrier)
    for carrier in carriers:
        command = hand.set((SETPOINT, 22.0))
        hand.tell(SETPOINT, 18.0, carrier)
        assert hand.state(command) is OVERRIDDEN
        hand.tell(SETPOINT, 21.0)


def test_a_connection_that_does_not_poll_us_turns_no_season_and_switches_no_room_off(hand: ByHand) -> None:
    bus, other = Carrier("10.0.0.1"), Carrier("10.0.0.2")
    hand.read(STATE, carrier=bus)
    command = hand.set((SETPOINT, 22.0))

    hand.tell(MODE, COOLING, other)
    hand.tell(STATE, STANDBY, other)
    assert (hand.state(command), hand.gateway.commands.mode) == (QUEUED, HEATING)
    hand.tell(MODE, COOLING, bus)

    assert (hand.state(command), hand.gateway.commands.mode) == (SUPERSEDED, COOLING)


def test_one_connection_that_was_sent_a_command_is_no_worse_than_another_that_was_too(hand: ByHand) -> None:
    first, second = Carrier("10.0.0.1"), Carrier("10.0.0.2")
    command = hand.set((SETPOINT, 22.0))
    for unit_id, carrier in ((240, first), (241, second)):
        hand.read(SETPOINT, unit_id, carrier)

    hand.tell(SETPOINT, 22.0, first)

    assert hand.state(command) is CONFIRMED


@pytest.mark.parametrize("ref", [STATE, HOUSE])
def test_a_room_that_is_off_takes_a_setpoint_with_what_switches_it_on(hand: ByHand, ref: Ref) -> None:
    hand.tell(STATE, STANDBY)
    with pytest.raises(RoomOffError):
        hand.set((SETPOINT, 22.0), (ref, STANDBY))

    given = hand.gateway.submit([(SETPOINT, 22.0), (ref, 1)], origin="test")

    assert [each.ref for each in given] == [SETPOINT, ref]
    assert [each.ref for each in hand.gateway.commands.pending] == [ref, SETPOINT]


def test_what_switches_another_room_on_helps_no_room(hand: ByHand) -> None:
    hand.tell(STATE, STANDBY)

    with pytest.raises(RoomOffError):
        hand.set((SETPOINT, 22.0), (OTHER_STATE, 1))

    assert hand.gateway.commands.pending == []


def test_a_room_of_which_nothing_was_told_takes_a_setpoint(hand: ByHand) -> None:
    assert hand.state(hand.set((OTHER_SETPOINT, 22.0))) is QUEUED


def test_what_is_commanded_together_is_given_from_the_season_to_the_setpoint(hand: ByHand) -> None:
    wanted = ((SETPOINT, 22.0), (STATE, 2), (HOUSE, 2), (MODE, COOLING))

    given = hand.gateway.submit(wanted, origin="page")

    assert [each.ref for each in given] == [ref for ref, _ in wanted]
    assert [each.ref for each in hand.gateway.commands.pending] == [MODE, HOUSE, STATE, SETPOINT]
    assert {each.origin for each in given} == {"page"}
    assert (given[0].warning, given[3].warning) == (None, None)


def test_the_whole_house_ends_what_was_set_in_rooms_and_no_mode(hand: ByHand) -> None:
    mode = hand.set((MODE, COOLING))
    room = hand.set((STATE, 2))

    hand.set((HOUSE, 2))

    assert (hand.state(mode), hand.state(room)) == (QUEUED, SUPERSEDED)


def test_another_state_than_off_ends_no_setpoint(hand: ByHand) -> None:
    setpoint = hand.set((SETPOINT, 22.0))

    hand.set((STATE, 2))

    assert hand.state(setpoint) is QUEUED


def test_automatic_mode_ends_no_setpoint(hand: ByHand) -> None:
    setpoint = hand.set((SETPOINT, 22.0))

    hand.set((MODE, 1))

    assert hand.state(setpoint) is QUEUED


def test_a_setpoint_that_was_given_while_no_season_was_known_survives_the_first_one() -> None:
    hand = ByHand()
    setpoint = hand.set((SETPOINT, 22.0))

    hand.tell(MODE, HEATING)
    hand.tell(MODE, COOLING)

    assert hand.state(setpoint) is QUEUED


def test_what_was_undone_gives_its_word_back_and_is_published(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 22.0))
    with hand.gateway.hub.subscribed() as (_, subscription):
        hand.undo(command)
        told = subscription.take()

    assert told == {f"command/{SETPOINT.id}": hand.found(command)}
    assert not hand.gateway.image.commands
    assert hand.gateway.shown(SETPOINT) == 21.0


def test_before_any_connection_has_polled_us_what_one_of_them_writes_counts(hand: ByHand) -> None:
    hand.tell(MODE, COOLING, Carrier("10.0.0.1"))

    assert hand.gateway.commands.mode == COOLING


def test_a_room_that_is_turned_but_not_off_keeps_its_setpoint_command(hand: ByHand) -> None:
    hand.tell(STATE, 1)
    command = hand.set((SETPOINT, 22.0))

    hand.tell(STATE, 2)

    assert hand.state(command) is QUEUED


def test_a_reply_may_leave_when_its_command_has_been_taken_back_meanwhile(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 22.0))
    poll = hand.gateway.bus.poll(SETPOINT.address, 1, 240, hand.now)
    hand.gateway.commands.withdraw(command.id, hand.now)

    hand.gateway.bus.left(poll, hand.now)

    assert hand.state(command) is CommandState.WITHDRAWN


def test_where_nobody_knows_by_which_connection_a_command_was_sent_any_may_confirm_it(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT)

    hand.tell(SETPOINT, 22.0, Carrier("10.0.0.1"))

    assert hand.state(command) is CONFIRMED
