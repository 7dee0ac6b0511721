"""A command from before a standstill is over, also where the first thing that happens afterwards is a poll.

A computer that slept and a process that was stopped are seen by the clock that decides; of a virtual machine that was
paused only the wall clock may tell.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from neasmart.core.commands.command import CommandState, Why
from neasmart.core.gateway import STANDSTILL_S
from neasmart.facts.errors import StoodStillError
from tests.support.by_hand import HEATING, MODE, NORMAL, OFF, SETPOINT, STATE, ByHand

HOUR_S = 3600.0


def sleep(hand: ByHand, seconds: float) -> None:
    hand.now += seconds


def pause(hand: ByHand, seconds: float) -> None:
    hand.unix_s += seconds


def sleep_and_set_back(hand: ByHand, seconds: float) -> None:
    hand.now += seconds
    hand.unix_s -= 2 * seconds


def stopped(hand: ByHand, seconds: float = HOUR_S) -> None:
    """Let the gateway go on after a stop, from a moment at which it had just ticked."""
    hand.gateway.tick(hand.now)
    sleep(hand, seconds)


@pytest.mark.parametrize("stands_still", [sleep, sleep_and_set_back, pause])
@pytest.mark.parametrize("seconds", [STANDSTILL_S + 0.1, 60.0, 600.0, HOUR_S])
@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize("ticks_first", [True, False])
def test_what_was_commanded_before_a_standstill_is_never_served_after_it(
    hand: ByHand, *, stands_still: Callable[[ByHand, float], None], seconds: float, read: bool, ticks_first: bool
) -> None:
    command = hand.set((SETPOINT, 22.5))
    hand.wait(1)
    assert not read or hand.reads(SETPOINT, 22.5)

    stands_still(hand, seconds)
    if ticks_first:
        hand.gateway.tick(hand.now)

    assert [hand.read(SETPOINT, unit_id) for unit_id in (240, 241)] == [0, 0]
    ended = hand.found(command)
    assert (ended.state, ended.reason and ended.reason.why) == (CommandState.EXPIRED, Why.STOOD_STILL)
    assert (ended.read_by, ended.ended_at) == ((240,) if read else (), hand.now)
    hand.wait(200, lambda: hand.read(SETPOINT) == 0 or pytest.fail("it fired late"))


@pytest.mark.parametrize("stands_still", [sleep, sleep_and_set_back, pause])
def test_a_short_stop_ends_nothing(hand: ByHand, stands_still: Callable[[ByHand, float], None]) -> None:
    command = hand.set((SETPOINT, 22.5))
    hand.gateway.tick(hand.now)

    stands_still(hand, STANDSTILL_S)

    assert hand.reads(SETPOINT, 22.5)
    hand.gateway.tick(hand.now)
    assert hand.state(command) is CommandState.DELIVERED


def test_a_wall_clock_that_goes_back_or_is_corrected_bit_by_bit_ends_nothing(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 22.5))
    hand.gateway.tick(hand.now)

    hand.unix_s -= 365 * 24 * HOUR_S
    assert hand.reads(SETPOINT, 22.5)
    for _ in range(3):
        # Wrong by a minute in the end, and never by more than a second between two ticks.
        hand.wait(20, lambda: pause(hand, 1.0))
        hand.tell(SETPOINT, 21.0)
        hand.gateway.submit([(SETPOINT, 22.5)], origin="test")

    assert hand.state(command) is CommandState.SUPERSEDED
    assert hand.reads(SETPOINT, 22.5)


def test_what_waits_for_a_related_command_ends_with_all_others(hand: ByHand) -> None:
    hand.tell_word(SETPOINT, OFF)
    hand.tell(STATE, 3)
    on = hand.gateway.submit([(STATE, NORMAL), (SETPOINT, 22.5), (MODE, HEATING + 1)], origin="test")

    stopped(hand)

    assert [hand.read(ref) for ref in (STATE, SETPOINT)] == [0, 0]
    hand.wait(100, lambda: hand.read(SETPOINT) == 0 or pytest.fail("it was served"))
    assert {hand.state(command) for command in on} == {CommandState.EXPIRED}
    assert hand.gateway.commands.pending == []


@pytest.mark.parametrize(("told", "end"), [(18.0, CommandState.OVERRIDDEN), (22.5, CommandState.CONFIRMED)])
def test_what_has_waited_in_the_buffer_tells_how_a_command_ended(hand: ByHand, told: float, end: CommandState) -> None:
    command = hand.set((SETPOINT, 22.5))
    hand.read(SETPOINT)

    stopped(hand, 60)
    hand.tell(SETPOINT, told)

    assert hand.state(command) is end
    assert hand.read(SETPOINT) == 0


def test_a_computer_that_woke_up_goes_on(hand: ByHand) -> None:
    hand.set((SETPOINT, 22.5))
    stopped(hand)
    with pytest.raises(StoodStillError):
        hand.set((SETPOINT, 23.0))
    assert hand.read(SETPOINT) == 0

    hand.wait(3)
    taken = hand.set((SETPOINT, 23.0))

    assert hand.reads(SETPOINT, 23.0)
    # The hand that turned meanwhile is what there was before, if the base tells of it only now.
    hand.tell(SETPOINT, 18.0)
    hand.tell(SETPOINT, 23.0)
    assert hand.state(taken) is CommandState.CONFIRMED


def test_what_may_have_waited_is_refused_as_well_once_the_wall_clock_jumps(hand: ByHand) -> None:
    hand.gateway.tick(hand.now)
    pause(hand, 60)

    for _ in range(2):
        with pytest.raises(StoodStillError):
            hand.set((SETPOINT, 7.0))
        hand.gateway.tick(hand.now)
    hand.wait(2)

    assert hand.state(hand.set((SETPOINT, 22.5))) is CommandState.QUEUED
