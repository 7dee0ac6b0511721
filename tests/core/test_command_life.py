"""The life of one command, sentence by sentence: queued, delivered, and one end."""

from __future__ import annotations

import pytest

from neasmart.core.commands.carrier import Carrier
from neasmart.core.commands.command import CommandState
from neasmart.facts.registers import Ref
from tests.support.by_hand import COOLING, HEATING, HOUSE, MODE, OFF, SETPOINT, STATE, WALK_S, ByHand

QUEUED, DELIVERED, CONFIRMED = CommandState.QUEUED, CommandState.DELIVERED, CommandState.CONFIRMED
OVERRIDDEN, REJECTED, EXPIRED = CommandState.OVERRIDDEN, CommandState.REJECTED, CommandState.EXPIRED


def test_a_command_goes_from_queued_over_delivered_to_confirmed(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 22.5))
    assert hand.state(command) is QUEUED

    assert hand.reads(SETPOINT, 22.5)
    assert hand.state(command) is DELIVERED
    hand.now += 1.0
    hand.tell(SETPOINT, 22.5)

    ended = hand.found(command)
    assert (ended.state, ended.queued_at, ended.delivered_at, ended.ended_at) == (CONFIRMED, 1000.0, 1000.0, 1001.0)
    assert hand.read(SETPOINT) == 0


def test_a_reply_that_did_not_leave_delivers_nothing(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 22.5))

    hand.read(SETPOINT, left=False)

    assert (hand.state(command), hand.found(command).read_by) == (QUEUED, ())


def test_it_is_remembered_which_unit_ids_read_a_command(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 22.5))

    for unit_id in (240, 241, 240):
        hand.read(SETPOINT, unit_id)

    assert hand.found(command).read_by == (240, 241)


def test_a_block_delivers_every_command_within_it_and_serves_no_data_beside(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 22.5))

    poll = hand.gateway.bus.poll(0, 125, 240, hand.now)
    hand.gateway.bus.left(poll, hand.now)

    assert [(address, word) for address, word in enumerate(poll.words) if word] == [(2, 10), (101, command.word)]
    assert hand.state(command) is DELIVERED


def test_a_block_delivers_a_new_command_beside_one_that_was_read_before(hand: ByHand) -> None:
    old = hand.set((STATE, 2))
    hand.read(STATE)
    new = hand.set((HOUSE, 2), (SETPOINT, 22.5))

    poll = hand.gateway.bus.poll(0, 125, 240, hand.now)
    hand.gateway.bus.left(poll, hand.now)

    assert hand.state(old) is CommandState.SUPERSEDED
    assert hand.state(new) is DELIVERED


def test_a_block_delivers_what_another_unit_id_has_not_read_behind_what_it_has(hand: ByHand) -> None:
    old = hand.set((STATE, 2))
    hand.read(STATE, 240)
    hand.tell(STATE, 1)
    new = hand.set((MODE, 3))

    hand.gateway.bus.left(hand.gateway.bus.poll(0, 125, 240, hand.now), hand.now)

    assert (hand.found(old).read_by, hand.found(new).read_by) == ((240,), (240,))


def test_a_block_that_left_after_its_first_command_ended_delivers_the_others(hand: ByHand) -> None:
    old, new = hand.gateway.submit([(STATE, 2), (MODE, 3)], origin="test")
    poll = hand.gateway.bus.poll(0, 125, 240, hand.now)
    newer = hand.set((MODE, 2))

    hand.gateway.bus.left(poll, hand.now)

    assert (hand.state(old), hand.state(new)) == (DELIVERED, CommandState.SUPERSEDED)
    assert (hand.state(newer), hand.found(newer).read_by) == (QUEUED, ())


@pytest.mark.parametrize(("written", "confirmed"), [(22.4, True), (22.6, True), (22.3, False), (22.7, False)])
def test_a_setpoint_is_confirmed_within_a_tenth_of_a_degree(hand: ByHand, written: float, *, confirmed: bool) -> None:
    command = hand.set((SETPOINT, 22.5))
    hand.read(SETPOINT)

    hand.tell(SETPOINT, written)

    assert (hand.state(command) is CONFIRMED) is confirmed


def test_a_value_that_the_base_has_already_confirms_before_it_is_read(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 21.0))

    hand.tell(SETPOINT, 21.0)

    assert (hand.state(command), hand.reason(command)) == (CONFIRMED, "the base has it already")


def test_the_old_value_is_no_proof_while_another_command_may_still_act(hand: ByHand) -> None:
    first = hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT)
    back = hand.set((SETPOINT, 21.0))

    hand.tell(SETPOINT, 21.0)
    assert hand.state(back) is QUEUED
    hand.read(SETPOINT)
    hand.tell(SETPOINT, 21.0)
    assert hand.state(back) is DELIVERED
    hand.tell(SETPOINT, 22.0)
    assert hand.reads(SETPOINT, 21.0)
    hand.tell(SETPOINT, 21.0)

    assert (hand.state(first), hand.state(back)) == (CommandState.SUPERSEDED, CONFIRMED)


@pytest.mark.parametrize("read", [False, True])
def test_the_value_of_a_command_that_is_given_again_proves_both(hand: ByHand, *, read: bool) -> None:
    hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT)
    if read:
        hand.tell(SETPOINT, 22.0)
    again = hand.set((SETPOINT, 22.0))
    if read:
        hand.read(SETPOINT)

    hand.tell(SETPOINT, 22.0)

    assert (hand.state(again), hand.read(SETPOINT)) == (CONFIRMED, 0)


def test_the_old_value_is_proof_again_after_two_walks(hand: ByHand) -> None:
    hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT)
    hand.wait(1.0)
    back = hand.set((SETPOINT, 21.0))
    hand.read(SETPOINT)

    hand.wait(19.0)
    hand.tell(SETPOINT, 21.0)
    assert hand.state(back) is DELIVERED
    hand.wait(0.1)
    hand.tell(SETPOINT, 21.0)

    assert hand.state(back) is CONFIRMED


@pytest.mark.parametrize("read", [False, True])
def test_a_third_value_is_somebody_s_hand_and_ends_the_command(hand: ByHand, *, read: bool) -> None:
    command = hand.set((SETPOINT, 22.0))
    if read:
        hand.read(SETPOINT, 240)

    hand.tell(SETPOINT, 18.0)

    assert hand.read(SETPOINT, 241) == 0
    assert hand.state(command) is OVERRIDDEN
    assert hand.reason(command) == "the base now says 18.0 (thermostat, app or its program)"


def test_repeating_the_old_value_ends_nothing(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT)

    hand.tell(SETPOINT, 21.0)

    assert hand.state(command) is DELIVERED
    assert hand.reads(SETPOINT, 22.0)


@pytest.mark.parametrize("word", [0, OFF, 0x7FFF, 0x810C])
def test_what_could_not_be_commanded_never_decides(hand: ByHand, word: int) -> None:
    command = hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT)

    hand.tell_word(SETPOINT, word)

    assert hand.state(command) is DELIVERED


def test_mixed_never_decides_about_the_whole_house(hand: ByHand) -> None:
    hand.tell_word(HOUSE, 0)
    command = hand.set((HOUSE, 2))
    hand.read(HOUSE)

    hand.tell_word(HOUSE, 0)
    assert hand.state(command) is DELIVERED
    hand.tell(HOUSE, 2)

    assert hand.state(command) is CONFIRMED


def test_without_a_recent_report_the_first_one_afterwards_is_the_baseline(hand: ByHand) -> None:
    hand.wait(2 * WALK_S + 1)
    command = hand.set((SETPOINT, 22.0))

    hand.tell(SETPOINT, 19.0)
    assert hand.state(command) is QUEUED
    hand.tell(SETPOINT, 18.0)

    assert hand.state(command) is OVERRIDDEN


def test_a_command_before_the_first_report_of_this_process_is_taken() -> None:
    hand = ByHand()
    command = hand.set((SETPOINT, 22.0))

    hand.tell(SETPOINT, 19.0)
    assert hand.reads(SETPOINT, 22.0)
    hand.tell(SETPOINT, 22.0)

    assert hand.state(command) is CONFIRMED


@pytest.mark.parametrize("before", [21.0, 31.0])
def test_a_value_beyond_the_season_s_limit_is_told_as_limited(hand: ByHand, before: float) -> None:
    hand.tell(SETPOINT, before)
    command = hand.set((SETPOINT, 38.0))
    hand.read(SETPOINT)

    hand.tell(SETPOINT, 31.0)

    assert (hand.state(command), hand.reason(command)) == (OVERRIDDEN, "limited to 31.0")
    assert command.warning == "the base will limit 38 to its range of 5 to 31 degC"


def test_the_limit_is_that_of_the_season(hand: ByHand) -> None:
    hand.tell(MODE, COOLING)
    command = hand.set((SETPOINT, 10.0))
    hand.read(SETPOINT)

    hand.tell(SETPOINT, 15.0)

    assert hand.reason(command) == "limited to 15.0"


def test_a_limit_is_not_taken_for_one_before_the_base_has_read(hand: ByHand) -> None:
    hand.tell(SETPOINT, 31.0)
    command = hand.set((SETPOINT, 38.0))

    hand.tell(SETPOINT, 31.0)

    assert hand.state(command) is QUEUED


def test_the_echo_of_the_command_before_is_nobody_s_hand(hand: ByHand) -> None:
    first = hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT)
    second = hand.set((SETPOINT, 23.0))

    hand.tell(SETPOINT, 22.0)
    assert hand.reads(SETPOINT, 23.0)
    hand.tell(SETPOINT, 23.0)

    assert (hand.state(first), hand.state(second)) == (CommandState.SUPERSEDED, CONFIRMED)


def test_an_echo_becomes_the_baseline_so_a_turn_back_is_a_hand_again(hand: ByHand) -> None:
    hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT)
    second = hand.set((SETPOINT, 23.0))
    hand.tell(SETPOINT, 22.0)

    hand.tell(SETPOINT, 21.0)

    assert hand.state(second) is OVERRIDDEN


def test_a_command_that_was_never_read_excuses_no_report(hand: ByHand) -> None:
    hand.set((SETPOINT, 22.0))
    second = hand.set((SETPOINT, 23.0))

    hand.tell(SETPOINT, 22.0)

    assert hand.state(second) is OVERRIDDEN


def test_a_change_that_a_related_command_brings_about_is_nobody_s_hand(hand: ByHand) -> None:
    state = hand.set((STATE, 2))
    hand.read(STATE)
    hand.tell(STATE, 2)
    hand.wait(WALK_S)
    command = hand.set((SETPOINT, 22.0))

    hand.tell(SETPOINT, 18.0)
    assert hand.state(command) is QUEUED
    hand.wait(WALK_S + 1)
    hand.tell(SETPOINT, 18.0)
    assert hand.state(command) is QUEUED
    hand.tell(SETPOINT, 19.0)

    assert (hand.state(state), hand.state(command)) == (CONFIRMED, OVERRIDDEN)


def test_the_mode_excuses_setpoints_and_no_states(hand: ByHand) -> None:
    hand.set((MODE, 4))
    hand.read(MODE)
    state = hand.set((STATE, 2))

    hand.tell(STATE, 5)

    assert hand.state(state) is OVERRIDDEN


def test_a_refused_value_is_offered_asked_for_and_offered_once_more(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 22.0))
    served: list[bool] = []

    def base() -> None:
        served.append(hand.reads(SETPOINT, 22.0))
        hand.tell(SETPOINT, 21.0)

    base()
    hand.wait(5 * WALK_S + 1, base)

    # Held for two walks after the first read, then one walk of no data, then two walks more.
    assert [second for second, yes in enumerate(served) if not yes] == [*range(20, 30), 50, 51]
    assert (hand.state(command), hand.reason(command)) == (REJECTED, "the base keeps 21.0")


@pytest.mark.parametrize(("ref", "value"), [(MODE, 3), (HOUSE, 2)])
def test_global_words_are_offered_once_only(hand: ByHand, ref: Ref, value: int) -> None:
    hand.tell(HOUSE, 1)
    before = hand.gateway.plant.reading(ref).value or 0
    command = hand.set((ref, value))
    served: list[bool] = []

    def base() -> None:
        served.append(hand.reads(ref, value))
        hand.tell(ref, before)

    base()
    hand.wait(3 * WALK_S + 1, base)

    assert served == [True] * 20 + [False] * 12
    assert hand.state(command) is REJECTED


def test_in_the_probe_the_base_reads_the_word_that_makes_it_write(hand: ByHand) -> None:
    hand.set((MODE, 3))
    hand.read(MODE)

    hand.wait(2 * WALK_S, lambda: hand.tell(MODE, HEATING))

    assert hand.read(MODE) == 10


def test_a_value_that_moved_meanwhile_is_not_offered_again(hand: ByHand) -> None:
    hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT)
    second = hand.set((SETPOINT, 23.0))
    hand.read(SETPOINT)
    hand.tell(SETPOINT, 22.0)

    hand.wait(3 * WALK_S + 1, lambda: hand.tell(SETPOINT, 22.0))

    assert hand.read(SETPOINT) == 0
    assert (hand.state(second), hand.reason(second)) == (REJECTED, "the base keeps 22.0")


def test_a_base_that_says_nothing_is_not_pressed(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT)

    hand.wait(3 * WALK_S + 1)
    assert (hand.read(SETPOINT), hand.state(command)) == (0, DELIVERED)
    hand.wait(4 * WALK_S + 50)

    assert (hand.state(command), hand.reason(command)) == (
        EXPIRED,
        "the base read it but did not confirm it within 120 s",
    )


def test_the_answer_to_the_probe_confirms(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT)
    hand.wait(2 * WALK_S + 1)
    assert hand.read(SETPOINT) == 0

    hand.tell(SETPOINT, 22.0)

    assert hand.state(command) is CONFIRMED


def test_a_command_that_is_not_read_expires_and_is_never_served_later(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 22.5))

    hand.wait(29.0)
    assert hand.state(command) is QUEUED
    hand.wait(1.0)

    assert (hand.state(command), hand.reason(command)) == (EXPIRED, "the base did not read it within 30 s")
    assert hand.read(SETPOINT) == 0


def test_a_slow_base_has_two_walks_to_read() -> None:
    hand = ByHand(walk_s=40.0)
    command = hand.set((SETPOINT, 22.5))

    hand.wait(79.0)
    assert hand.state(command) is QUEUED
    hand.wait(1.0)

    assert hand.state(command) is EXPIRED


def test_a_base_that_polls_one_unit_id_only_is_enough(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 22.0))

    hand.read(SETPOINT, 241)
    hand.tell(SETPOINT, 22.0)

    assert (hand.state(command), hand.found(command).read_by) == (CONFIRMED, (241,))


def test_only_the_connection_that_was_sent_the_command_ends_it(hand: ByHand) -> None:
    bus, other = Carrier("10.0.0.1"), Carrier("10.0.0.2")
    command = hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT, carrier=bus)

    hand.tell(SETPOINT, 22.0, other)
    hand.tell(SETPOINT, 18.0, other)
    assert hand.state(command) is DELIVERED
    hand.tell(SETPOINT, 22.0, bus)

    assert hand.state(command) is CONFIRMED


def test_a_successor_from_the_same_host_counts_as_the_connection(hand: ByHand) -> None:
    bus, stranger = Carrier("10.0.0.1"), Carrier("10.0.0.1")
    command = hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT, carrier=bus)
    hand.tell(SETPOINT, 22.0, stranger)
    assert hand.state(command) is DELIVERED

    bus.open = False
    hand.tell(SETPOINT, 22.0, Carrier("10.0.0.1"))

    assert hand.state(command) is CONFIRMED


def test_while_it_is_queued_only_a_connection_that_polls_us_ends_it(hand: ByHand) -> None:
    bus, other = Carrier("10.0.0.1"), Carrier("10.0.0.2")
    hand.read(STATE, carrier=bus)
    command = hand.set((SETPOINT, 22.0))

    hand.tell(SETPOINT, 18.0, other)
    assert hand.state(command) is QUEUED
    hand.tell(SETPOINT, 18.0, bus)

    assert hand.state(command) is OVERRIDDEN


def test_a_command_that_ends_with_the_one_it_waits_for_ends_once(hand: ByHand) -> None:
    state, setpoint = hand.gateway.submit([(STATE, 2), (SETPOINT, 22.0)], origin="test")

    hand.set((HOUSE, 4))

    assert (hand.state(state), hand.state(setpoint)) == (CommandState.SUPERSEDED, CommandState.SUPERSEDED)
    assert hand.gateway.commands.outcomes[CommandState.SUPERSEDED, "test"] == 2
    assert [command.ref for command in hand.gateway.commands] == [HOUSE]


def test_the_history_is_bounded(hand: ByHand) -> None:
    for _ in range(500):
        hand.set((SETPOINT, 22.0))

    assert len(hand.gateway.commands.recent) == 201


def test_every_outcome_is_counted_by_its_origin(hand: ByHand) -> None:
    for _ in range(300):
        hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT)
    hand.tell(SETPOINT, 22.0)
    hand.set((SETPOINT, 23.0))
    hand.tell(SETPOINT, 19.0)
    hand.set((SETPOINT, 23.0))
    hand.wait(31.0)

    counted = {outcome: number for (outcome, origin), number in hand.gateway.commands.outcomes.items() if number}
    assert counted == {CONFIRMED: 1, CommandState.SUPERSEDED: 299, OVERRIDDEN: 1, EXPIRED: 1}
    assert {origin for _, origin in hand.gateway.commands.outcomes} == {"test"}


def test_an_origin_is_counted_from_zero_on(hand: ByHand) -> None:
    hand.set((SETPOINT, 22.0))

    assert set(hand.gateway.commands.outcomes.values()) == {0}
