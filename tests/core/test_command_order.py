"""Commands among each other: order, the whole house and its rooms, off, the seasons."""

from __future__ import annotations

import pytest

from neasmart.core.commands.command import Command, CommandState
from neasmart.facts.errors import RoomOffError
from neasmart.facts.points import TABLE
from neasmart.facts.registers import Ref
from tests.support.by_hand import (
    AUTO,
    COOLING,
    HEATING,
    HOUSE,
    MODE,
    NORMAL,
    OFF,
    REDUCED,
    SETPOINT,
    STANDBY,
    STATE,
    WALK_S,
    ByHand,
)

OTHER_STATE = TABLE.ref("zone.1.2.state")
OTHER_SETPOINT = TABLE.ref("zone.1.2.setpoint")
QUEUED, DELIVERED, CONFIRMED = CommandState.QUEUED, CommandState.DELIVERED, CommandState.CONFIRMED
OVERRIDDEN, SUPERSEDED, REJECTED = CommandState.OVERRIDDEN, CommandState.SUPERSEDED, CommandState.REJECTED


@pytest.fixture
def hand() -> ByHand:
    """Return a house in the heating season with two rooms that are on."""
    hand = ByHand()
    hand.tell(MODE, HEATING)
    hand.tell(HOUSE, NORMAL)
    for state, setpoint in ((STATE, SETPOINT), (OTHER_STATE, OTHER_SETPOINT)):
        hand.tell(state, NORMAL)
        hand.tell(setpoint, 21.0)
    return hand


@pytest.fixture
def off(hand: ByHand) -> ByHand:
    """Return the house with its first room off."""
    hand.tell(STATE, STANDBY)
    hand.tell_word(SETPOINT, OFF)
    return hand


def second(hand: ByHand, first: Command) -> Command:
    """Return the other live command."""
    (other,) = (each for each in hand.gateway.commands.pending if each.id != first.id)
    return other


def test_rapid_changes_coalesce_and_the_last_wins(hand: ByHand) -> None:
    commands = [hand.set((SETPOINT, value)) for value in (20.0, 20.5, 22.0)]

    assert hand.reads(SETPOINT, 22.0)
    assert [hand.state(each) for each in commands] == [SUPERSEDED, SUPERSEDED, DELIVERED]
    assert hand.reason(commands[0]) == "a newer command took its place"


def test_on_and_22_degrees_in_one_request_while_the_base_repeats_off(off: ByHand) -> None:
    setpoint = off.set((SETPOINT, 22.0), (STATE, NORMAL))
    state = second(off, setpoint)
    assert (off.read(SETPOINT), off.reads(STATE, NORMAL)) == (0, True)

    for _ in range(3):
        off.wait(1.0)
        off.tell(STATE, STANDBY)
        off.tell_word(SETPOINT, OFF)
    assert off.state(setpoint) is QUEUED
    off.tell(STATE, NORMAL)
    off.tell(SETPOINT, 20.0)
    assert (off.state(state), off.read(SETPOINT)) == (CONFIRMED, 0)
    off.wait(WALK_S)

    assert off.reads(SETPOINT, 22.0)
    off.tell(SETPOINT, 22.0)
    assert off.state(setpoint) is CONFIRMED


def test_a_command_waits_until_the_related_one_has_ended_and_a_walk_has_passed(hand: ByHand) -> None:
    hand.set((STATE, REDUCED))
    hand.read(STATE)
    setpoint = hand.set((SETPOINT, 22.0))

    hand.wait(3.0)
    hand.tell(STATE, REDUCED)
    hand.wait(WALK_S - 1)
    assert hand.read(SETPOINT) == 0
    hand.wait(1.0)

    assert hand.reads(SETPOINT, 22.0)
    assert hand.state(setpoint) is DELIVERED


def test_a_command_waits_three_walks_at_most(hand: ByHand) -> None:
    hand.set((HOUSE, REDUCED))
    hand.set((SETPOINT, 22.0))

    hand.wait(3 * WALK_S - 1, lambda: hand.read(HOUSE))
    assert hand.read(SETPOINT) == 0
    hand.wait(1.0)

    assert hand.reads(SETPOINT, 22.0)


def test_after_a_silence_a_room_still_waits_for_the_house_that_was_set_before() -> None:
    """Three walks of a fast base are over before the house's command has expired."""
    hand = ByHand(walk_s=4.0)
    hand.tell(STATE, NORMAL)
    house, room = hand.set((HOUSE, 6)), hand.set((STATE, REDUCED))

    hand.wait(20.0)
    hand.tell(STATE, REDUCED)
    assert (hand.read(STATE), hand.reads(HOUSE, 6), hand.state(room)) == (0, True, QUEUED)
    hand.tell(STATE, 6)
    hand.tell(HOUSE, 6)
    hand.wait(4.0)

    assert (hand.state(house), hand.reads(STATE, REDUCED)) == (CONFIRMED, True)


def test_a_setpoint_waits_for_its_room_s_state_when_the_house_is_offered_no_longer(hand: ByHand) -> None:
    hand.set((HOUSE, REDUCED))
    hand.read(HOUSE)
    hand.set((STATE, 5), (SETPOINT, 22.0))

    hand.wait(3 * WALK_S)

    assert (hand.reads(STATE, 5), hand.read(SETPOINT)) == (True, 0)


def test_a_command_that_ends_with_another_holds_up_no_third_one(hand: ByHand) -> None:
    commands = hand.gateway.submit([(STATE, REDUCED), (SETPOINT, 22.0), (OTHER_SETPOINT, 22.0)], origin="test")

    hand.wait(30.0)

    assert [hand.state(each) for each in commands] == [CommandState.EXPIRED] * 3


def test_a_state_is_not_offered_again_beside_a_newer_setpoint(hand: ByHand) -> None:
    state, setpoint = hand.gateway.submit([(STATE, REDUCED), (SETPOINT, 22.0)], origin="test")
    hand.wait(1.0)
    hand.read(STATE)
    hand.wait(3 * WALK_S - 1, lambda: hand.tell(STATE, NORMAL))
    assert hand.reads(SETPOINT, 22.0)
    hand.tell(SETPOINT, 22.0)
    served: list[int] = []

    def base() -> None:
        served.append(hand.read(STATE))
        hand.tell(STATE, NORMAL)

    hand.wait(3 * WALK_S, base)

    assert (set(served), hand.state(state), hand.state(setpoint)) == ({0}, REJECTED, CONFIRMED)


def test_a_related_command_that_nobody_acts_on_holds_up_nothing(hand: ByHand) -> None:
    state = hand.set((STATE, NORMAL), (SETPOINT, 22.0))

    hand.tell(STATE, NORMAL)
    hand.wait(1.0)

    assert hand.state(state) is CONFIRMED
    assert hand.reads(SETPOINT, 22.0)


def test_while_it_waits_a_command_is_not_confirmed_by_the_old_value(hand: ByHand) -> None:
    state = hand.set((STATE, REDUCED), (SETPOINT, 21.0))
    setpoint = second(hand, state)

    hand.tell(SETPOINT, 21.0)

    assert hand.state(setpoint) is QUEUED


def test_while_it_waits_a_turn_of_the_thermostat_ends_a_command(hand: ByHand) -> None:
    state = hand.set((STATE, REDUCED), (SETPOINT, 22.0))
    setpoint = second(hand, state)

    hand.tell(SETPOINT, 18.0)

    assert hand.state(setpoint) is OVERRIDDEN


def test_a_command_ends_with_the_one_it_waited_for(hand: ByHand) -> None:
    state = hand.set((STATE, REDUCED), (SETPOINT, 22.0))
    setpoint = second(hand, state)

    hand.tell(STATE, 5)

    assert (hand.state(state), hand.state(setpoint)) == (OVERRIDDEN, OVERRIDDEN)
    assert hand.reason(setpoint) == (
        "it waited for Zone 1.1 state, which ended as overridden: "
        "the base now says party (thermostat, app or its program)"
    )


def test_a_newer_state_is_waited_for_instead(hand: ByHand) -> None:
    hand.set((STATE, REDUCED), (SETPOINT, 22.0))
    (_, setpoint) = hand.gateway.commands.pending
    hand.set((STATE, 5))
    assert hand.state(setpoint) is QUEUED

    hand.read(STATE)
    hand.tell(STATE, 5)
    hand.wait(WALK_S)

    assert hand.reads(SETPOINT, 22.0)


def test_a_room_that_is_set_just_after_the_house_was_confirmed_waits_a_walk(hand: ByHand) -> None:
    hand.set((HOUSE, REDUCED))
    hand.read(HOUSE)
    hand.tell(HOUSE, REDUCED)
    hand.wait(2.0)

    hand.set((SETPOINT, 22.0))
    hand.wait(WALK_S - 3)
    assert hand.read(SETPOINT) == 0
    hand.wait(1.0)

    assert hand.reads(SETPOINT, 22.0)


def test_the_whole_house_takes_the_place_of_what_was_set_in_rooms(hand: ByHand) -> None:
    setpoint, state = hand.set((SETPOINT, 22.0)), hand.set((OTHER_STATE, STANDBY))

    hand.set((HOUSE, REDUCED))

    assert (hand.state(setpoint), hand.state(state)) == (SUPERSEDED, SUPERSEDED)
    assert hand.reason(state) == "the whole house was set"
    assert (hand.read(SETPOINT), hand.read(OTHER_STATE)) == (0, 0)


def test_a_room_that_was_set_after_the_whole_house_stays_as_it_was_set(hand: ByHand) -> None:
    house = hand.set((HOUSE, REDUCED))
    room = hand.set((STATE, NORMAL))
    hand.read(HOUSE)
    hand.tell(HOUSE, REDUCED)
    hand.tell(STATE, REDUCED)
    assert (hand.state(house), hand.state(room)) == (CONFIRMED, QUEUED)

    hand.wait(WALK_S)
    assert hand.reads(STATE, NORMAL)
    hand.tell(STATE, NORMAL)

    assert hand.state(room) is CONFIRMED


def test_every_room_that_was_told_since_confirms_the_house(hand: ByHand) -> None:
    hand.tell_word(HOUSE, 0)
    house = hand.set((HOUSE, REDUCED))
    hand.read(HOUSE)

    hand.tell(STATE, REDUCED)
    assert hand.state(house) is DELIVERED
    hand.tell(OTHER_STATE, REDUCED)

    assert hand.state(house) is CONFIRMED


def test_a_room_that_is_not_told_any_more_does_not_hold_the_house_up(hand: ByHand) -> None:
    hand.tell_word(HOUSE, 0)
    house = hand.set((HOUSE, REDUCED))
    hand.read(HOUSE)
    hand.wait(WALK_S)

    hand.tell(STATE, REDUCED)

    assert hand.state(house) is CONFIRMED


def test_a_room_that_differs_afterwards_changes_nothing(hand: ByHand) -> None:
    house = hand.set((HOUSE, REDUCED))
    hand.read(HOUSE)
    for state in (STATE, OTHER_STATE):
        hand.tell(state, REDUCED)

    hand.tell(STATE, 5)
    hand.tell_word(HOUSE, 0)

    assert hand.state(house) is CONFIRMED


@pytest.mark.parametrize(("told", "turned"), [(REDUCED, NORMAL), (NORMAL, 5)])
def test_a_room_that_is_set_by_hand_after_the_house_was_read_is_not_set_again(
    hand: ByHand, told: int, turned: int
) -> None:
    hand.set((HOUSE, REDUCED))
    hand.read(HOUSE)
    hand.tell(STATE, told)
    assert hand.reads(HOUSE, REDUCED)

    hand.tell(STATE, turned)
    hand.tell_word(HOUSE, 0)
    read: list[int] = []
    hand.wait(13 * WALK_S, lambda: read.append(hand.read(HOUSE)))

    assert set(read) == {10}


def test_the_house_is_confirmed_when_a_room_is_set_by_hand_that_had_said_its_state(hand: ByHand) -> None:
    hand.tell_word(HOUSE, 0)
    house = hand.set((HOUSE, REDUCED))
    hand.read(HOUSE)

    for state in (REDUCED, 5):
        hand.tell(STATE, state)
    assert hand.state(house) is DELIVERED
    hand.wait(2 * WALK_S + 1)
    hand.tell(OTHER_STATE, REDUCED)

    assert hand.state(house) is CONFIRMED


@pytest.mark.parametrize("ref", [HOUSE, STATE])
def test_what_an_older_command_does_to_a_room_is_nobody_s_hand(hand: ByHand, ref: Ref) -> None:
    hand.set((ref, 5))
    hand.read(ref)
    hand.set((HOUSE, REDUCED))
    hand.read(HOUSE)

    hand.tell(STATE, 5)

    assert hand.reads(HOUSE, REDUCED)


def test_a_whole_house_state_that_is_read_while_rooms_differ_is_taken(hand: ByHand) -> None:
    hand.tell(STATE, 5)
    hand.tell_word(HOUSE, 0)

    house = hand.set((HOUSE, 6))

    assert hand.reads(HOUSE, 6)
    hand.tell_word(HOUSE, 0)
    hand.tell(HOUSE, 6)
    assert hand.state(house) is CONFIRMED


def test_a_setpoint_for_a_room_that_is_off_is_refused_at_once(off: ByHand) -> None:
    with pytest.raises(RoomOffError, match="room is off"):
        off.set((SETPOINT, 22.0))

    assert list(off.gateway.commands) == []


def test_a_room_that_is_being_switched_off_takes_no_setpoint(hand: ByHand) -> None:
    hand.set((STATE, STANDBY))

    with pytest.raises(RoomOffError):
        hand.set((SETPOINT, 22.0))


def test_a_room_that_a_live_command_switches_on_takes_a_setpoint(off: ByHand) -> None:
    off.set((HOUSE, NORMAL))

    assert off.state(off.set((SETPOINT, 22.0))) is QUEUED


def test_the_last_of_house_and_room_decides_whether_a_room_is_on(off: ByHand) -> None:
    off.set((HOUSE, NORMAL))
    off.now += 1
    off.set((STATE, STANDBY))

    with pytest.raises(RoomOffError):
        off.set((SETPOINT, 22.0))


def test_off_and_a_setpoint_in_one_request_are_taken_and_the_setpoint_is_never_served(hand: ByHand) -> None:
    state = hand.set((STATE, STANDBY), (SETPOINT, 22.0))
    setpoint = second(hand, state)
    hand.read(STATE)

    hand.tell(STATE, STANDBY)
    hand.wait(60.0)

    assert (hand.state(state), hand.state(setpoint)) == (CONFIRMED, OVERRIDDEN)
    assert hand.reason(setpoint) == "the room was switched off"


def test_switching_off_takes_the_place_of_a_setpoint(hand: ByHand) -> None:
    setpoint = hand.set((SETPOINT, 22.0))

    hand.set((STATE, STANDBY))

    assert (hand.state(setpoint), hand.reason(setpoint)) == (SUPERSEDED, "the room is switched off")


def test_a_change_to_off_ends_a_live_setpoint(hand: ByHand) -> None:
    setpoint = hand.set((SETPOINT, 22.0))

    hand.tell(STATE, STANDBY)

    assert (hand.state(setpoint), hand.reason(setpoint)) == (OVERRIDDEN, "the room was switched off")
    assert hand.read(SETPOINT) == 0


def test_a_change_to_off_ends_what_was_to_switch_the_room_on_and_its_setpoint(hand: ByHand) -> None:
    setpoint = hand.set((SETPOINT, 22.0))
    state = hand.set((STATE, REDUCED))
    assert (hand.reads(STATE, REDUCED), hand.reads(SETPOINT, 22.0)) == (True, True)

    hand.tell(STATE, STANDBY)

    assert (hand.state(state), hand.state(setpoint)) == (OVERRIDDEN, OVERRIDDEN)
    assert (hand.reason(setpoint), hand.read(SETPOINT)) == ("the room was switched off", 0)


def test_off_that_is_no_change_ends_nothing() -> None:
    """Nothing was known of the room: it may have been off already when the setpoint was given."""
    hand = ByHand()
    setpoint = hand.set((SETPOINT, 22.0))

    hand.tell(STATE, STANDBY)

    assert hand.state(setpoint) is QUEUED


def test_a_change_to_off_in_another_room_ends_nothing(hand: ByHand) -> None:
    setpoint = hand.set((SETPOINT, 22.0))

    hand.tell(OTHER_STATE, STANDBY)

    assert hand.state(setpoint) is QUEUED


def test_a_setpoint_of_the_other_season_ends_when_the_season_is_commanded(hand: ByHand) -> None:
    setpoint = hand.set((SETPOINT, 22.0))

    hand.set((MODE, COOLING))

    assert (hand.state(setpoint), hand.reason(setpoint)) == (SUPERSEDED, "the season is cooling now")


def test_a_setpoint_of_the_other_season_ends_when_the_base_has_turned(hand: ByHand) -> None:
    setpoint = hand.set((SETPOINT, 22.0))

    hand.tell(MODE, 5)

    assert (hand.state(setpoint), hand.reason(setpoint)) == (SUPERSEDED, "the season is cooling now")


def test_manual_and_automatic_do_not_turn_the_season(hand: ByHand) -> None:
    setpoint = hand.set((SETPOINT, 22.0))

    for mode in (4, AUTO, HEATING):
        hand.tell(MODE, mode)

    assert hand.state(setpoint) is QUEUED


def test_setpoints_keep_their_season_across_automatic(hand: ByHand) -> None:
    setpoint = hand.set((SETPOINT, 22.0))
    hand.tell(MODE, AUTO)

    hand.tell(MODE, COOLING)

    assert hand.state(setpoint) is SUPERSEDED


def test_a_setpoint_on_each_side_of_a_turn(hand: ByHand) -> None:
    winter = hand.set((SETPOINT, 22.0))
    mode = hand.set((MODE, COOLING))
    summer = hand.set((SETPOINT, 26.0))
    assert (hand.state(winter), summer.warning) == (SUPERSEDED, None)

    hand.read(MODE)
    hand.tell(MODE, HEATING)
    assert hand.state(summer) is QUEUED
    hand.tell(MODE, COOLING)
    hand.tell(SETPOINT, 24.0)
    assert (hand.state(mode), hand.state(summer), hand.read(SETPOINT)) == (CONFIRMED, QUEUED, 0)
    hand.wait(WALK_S)
    assert hand.reads(SETPOINT, 26.0)
    hand.tell(SETPOINT, 26.0)

    assert hand.state(summer) is CONFIRMED


def test_a_summer_setpoint_does_not_arrive_in_winter_when_the_turn_fails(hand: ByHand) -> None:
    mode = hand.set((MODE, COOLING))
    summer = hand.set((SETPOINT, 28.0))
    served: list[int] = []

    def base() -> None:
        hand.read(MODE)
        hand.tell(MODE, HEATING)
        served.append(hand.read(SETPOINT))

    # A base that refuses to turn is certain after three walks: two of holding, one of asking.
    hand.wait(3 * WALK_S + 2, base)

    assert (hand.state(mode), hand.state(summer)) == (REJECTED, REJECTED)
    assert set(served) == {0}
