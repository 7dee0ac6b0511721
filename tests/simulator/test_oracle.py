from __future__ import annotations

import pytest

from neasmart.facts.codecs import DPT9_STANDBY, OperatingState, encode_dpt9
from neasmart.facts.points import TABLE
from neasmart.simulator.judge.oracle import Explanation, Limit, Oracle

GLOBAL_MODE = TABLE.at("global", "mode").address
GLOBAL_STATE = TABLE.at("global", "state").address
STATE = TABLE.at("zone", "state", 1, 1).address
SETPOINT = TABLE.at("zone", "setpoint", 1, 1).address
OTHER = TABLE.at("zone", "setpoint", 1, 2).address
TEMPERATURE = TABLE.at("zone", "temperature", 1, 1).address
OLD, WANTED, TURNED = encode_dpt9(21.0), encode_dpt9(23.0), encode_dpt9(18.0)
GRACE_S = 80.0


def an_oracle() -> Oracle:
    oracle = Oracle()
    oracle.told(SETPOINT, OLD, 0.0)
    return oracle


@pytest.mark.parametrize(
    ("address", "word", "verdict"),
    [
        (SETPOINT, 0, Explanation.NOTHING),
        (STATE, 0, Explanation.NOTHING),
        (GLOBAL_MODE, 10, Explanation.NOTHING),
        (GLOBAL_STATE, 10, Explanation.NOTHING),
        (GLOBAL_STATE, 0, Explanation.NOTHING),
        (4711, 0, Explanation.NOTHING),
        (4711, 1, Explanation.UNEXPLAINED),
        (STATE, 10, Explanation.UNEXPLAINED),
        (SETPOINT, OLD, Explanation.UNEXPLAINED),
        (TEMPERATURE, OLD, Explanation.UNEXPLAINED),
        (GLOBAL_STATE, OperatingState.STANDBY, Explanation.UNEXPLAINED),
    ],
)
def test_only_no_data_needs_no_explanation(address: int, word: int, verdict: Explanation) -> None:
    oracle = an_oracle()

    assert oracle.served(address, word, 1.0) is verdict
    assert oracle.figures.words == 1
    assert oracle.figures.accused == (verdict is not Explanation.NOTHING)


def test_a_command_explains_its_word_for_its_register_only() -> None:
    oracle = an_oracle()
    oracle.ordered(SETPOINT, WANTED, 1.0)

    assert oracle.served(SETPOINT, WANTED, 2.0) is Explanation.COMMAND
    assert oracle.served(OTHER, WANTED, 2.0) is Explanation.UNEXPLAINED
    assert oracle.served(SETPOINT, TURNED, 2.0) is Explanation.UNEXPLAINED


@pytest.mark.parametrize(
    ("read", "told", "verdict"),
    [
        (WANTED, WANTED, Explanation.COMMAND),
        (WANTED, TURNED, Explanation.COMMAND),
        (0, WANTED, Explanation.ENDED),
        (0, TURNED, Explanation.TURNED),
    ],
)
def test_what_was_read_while_nobody_told_the_commands_is_held_against_none(
    read: int, told: int, verdict: Explanation
) -> None:
    oracle = an_oracle()
    oracle.ordered(SETPOINT, WANTED, 1.0)
    oracle.unjudged(SETPOINT, read, 2.0)
    oracle.ordered(SETPOINT, WANTED, 5.0)
    oracle.told(SETPOINT, told, 8.0)

    assert oracle.served(SETPOINT, WANTED, 10.0) is verdict


def test_a_related_word_that_was_read_unjudged_excuses_a_change() -> None:
    oracle = an_oracle()
    oracle.ordered(SETPOINT, WANTED, 1.0)
    oracle.unjudged(GLOBAL_STATE, 10, 2.0)
    oracle.unjudged(4711, 1, 2.0)
    oracle.unjudged(STATE, OperatingState.REDUCED, 3.0)
    oracle.told(SETPOINT, TURNED, 8.0)

    assert oracle.served(SETPOINT, WANTED, 10.0) is Explanation.COMMAND


def test_a_command_has_ended_when_the_base_says_its_value_also_within_a_tenth() -> None:
    for said in (WANTED, encode_dpt9(23.1)):
        oracle = an_oracle()
        oracle.ordered(SETPOINT, WANTED, 1.0)
        oracle.told(SETPOINT, said, 3.0)

        assert oracle.served(SETPOINT, WANTED, 4.0) is Explanation.ENDED


def test_while_the_echo_of_another_command_is_possible_its_value_ends_nothing() -> None:
    oracle = an_oracle()
    oracle.ordered(SETPOINT, WANTED, 1.0)
    oracle.served(SETPOINT, WANTED, 2.0)
    oracle.ordered(SETPOINT, TURNED, 3.0)
    oracle.ordered(SETPOINT, WANTED, 4.0)

    oracle.told(SETPOINT, WANTED, 5.0)
    assert oracle.served(SETPOINT, WANTED, 6.0) is Explanation.COMMAND
    oracle.told(SETPOINT, WANTED, 7.0 + GRACE_S)
    assert oracle.served(SETPOINT, WANTED, 8.0 + GRACE_S) is Explanation.ENDED


def test_a_newer_command_takes_the_place_of_the_older() -> None:
    oracle = an_oracle()
    oracle.ordered(SETPOINT, WANTED, 1.0)
    oracle.ordered(SETPOINT, TURNED, 2.0)

    assert oracle.served(SETPOINT, WANTED, 3.0) is Explanation.ENDED
    assert oracle.served(SETPOINT, TURNED, 3.0) is Explanation.COMMAND


def test_a_command_for_all_rooms_takes_the_place_of_the_rooms_own() -> None:
    oracle = an_oracle()
    oracle.ordered(SETPOINT, WANTED, 1.0)
    oracle.ordered(GLOBAL_MODE, 2, 1.0)
    oracle.ordered(GLOBAL_STATE, OperatingState.REDUCED, 2.0)

    assert oracle.served(SETPOINT, WANTED, 3.0) is Explanation.ENDED
    assert oracle.served(GLOBAL_MODE, 2, 3.0) is Explanation.COMMAND


def test_another_value_of_the_base_ends_a_command() -> None:
    oracle = an_oracle()
    oracle.ordered(SETPOINT, WANTED, 1.0)
    oracle.told(SETPOINT, OLD, 2.0)
    assert oracle.served(SETPOINT, WANTED, 3.0) is Explanation.COMMAND

    oracle.told(SETPOINT, TURNED, 4.0)

    assert oracle.served(SETPOINT, WANTED, 5.0) is Explanation.TURNED


@pytest.mark.parametrize("word", [0, DPT9_STANDBY, 0x7FFF])
def test_a_word_that_could_not_be_commanded_ends_nothing(word: int) -> None:
    oracle = an_oracle()
    oracle.ordered(SETPOINT, WANTED, 1.0)

    oracle.told(SETPOINT, word, 2.0)

    assert oracle.served(SETPOINT, WANTED, 3.0) is Explanation.COMMAND


@pytest.mark.parametrize("when", ["never", "long ago", "before a gap"])
def test_without_a_fresh_report_the_first_one_after_tells_of_no_turn(when: str) -> None:
    oracle = Oracle()
    given_s = 100.0
    if when != "never":
        oracle.told(SETPOINT, OLD, 1.0 if when == "long ago" else 99.0)
    if when == "before a gap":
        oracle.gap()
    oracle.ordered(SETPOINT, WANTED, given_s)

    oracle.told(SETPOINT, TURNED, given_s + 1)
    assert oracle.served(SETPOINT, WANTED, given_s + 2) is Explanation.COMMAND
    oracle.told(SETPOINT, encode_dpt9(19.0), given_s + 3)
    assert oracle.served(SETPOINT, WANTED, given_s + 4) is Explanation.TURNED


@pytest.mark.parametrize(
    ("cause", "word", "related"),
    [(STATE, 1, True), (GLOBAL_STATE, 1, True), (GLOBAL_MODE, 2, True), (OTHER, WANTED, False)],
)
def test_only_a_related_command_gives_the_benefit_of_the_doubt(cause: int, word: int, related: bool) -> None:
    oracle = an_oracle()
    oracle.ordered(cause, word, 1.0)
    oracle.served(cause, word, 2.0)
    oracle.told(cause, word, 2.2)
    oracle.told(SETPOINT, OLD, 2.5)
    oracle.ordered(SETPOINT, WANTED, 3.0)

    oracle.told(SETPOINT, TURNED, 4.0)

    assert oracle.served(SETPOINT, WANTED, 5.0) is (Explanation.COMMAND if related else Explanation.TURNED)


def test_a_related_command_that_was_read_long_ago_excuses_nothing() -> None:
    oracle = an_oracle()
    oracle.ordered(STATE, 1, 1.0)
    oracle.served(STATE, 1, 2.0)
    later = 3.0 + GRACE_S
    oracle.told(SETPOINT, OLD, later)
    oracle.ordered(SETPOINT, WANTED, later)

    oracle.told(SETPOINT, TURNED, later + 1)

    assert oracle.served(SETPOINT, WANTED, later + 2) is Explanation.TURNED


def test_a_command_does_not_live_for_ever() -> None:
    unread, read = an_oracle(), an_oracle()
    for oracle in (unread, read):
        oracle.ordered(SETPOINT, WANTED, 1.0)
    assert read.served(SETPOINT, WANTED, 2.0) is Explanation.COMMAND

    assert unread.served(SETPOINT, WANTED, 300.0) is Explanation.ENDED
    assert read.served(SETPOINT, WANTED, 270.0) is Explanation.COMMAND
    assert read.served(SETPOINT, WANTED, 290.0) is Explanation.ENDED


def test_a_restart_a_standstill_and_the_gateways_own_word_end_a_command() -> None:
    restarted, stopped, said = an_oracle(), an_oracle(), an_oracle()
    stopped.ordered(SETPOINT, WANTED, 1.0)
    stopped.stood_still(2.0)
    restarted.ordered(SETPOINT, WANTED, 1.0)
    restarted.restarted(2.0)
    said.ordered(SETPOINT, WANTED, 1.0).stop(Explanation.ENDED, 2.0)

    assert [oracle.served(SETPOINT, WANTED, 3.0) for oracle in (restarted, stopped, said)] == [Explanation.ENDED] * 3


def test_a_word_may_have_been_served_at_any_time_since_the_base_asked() -> None:
    oracle = an_oracle()
    oracle.ordered(SETPOINT, WANTED, 1.0)
    oracle.ordered(SETPOINT, TURNED, 3.0)

    assert oracle.served(SETPOINT, WANTED, 4.0, asked_s=2.0) is Explanation.COMMAND
    assert oracle.served(SETPOINT, WANTED, 4.0, asked_s=3.5) is Explanation.ENDED


def test_a_command_that_is_heard_of_late_is_judged_by_what_was_told_since_it_was_given() -> None:
    oracle = an_oracle()
    oracle.told(SETPOINT, TURNED, 5.0)

    oracle.ordered(SETPOINT, WANTED, 2.0)

    assert oracle.served(SETPOINT, WANTED, 6.0) is Explanation.TURNED


def test_a_word_that_perhaps_arrived_excuses_but_ends_nothing() -> None:
    oracle = an_oracle()
    oracle.ordered(SETPOINT, WANTED, 1.0)
    oracle.perhaps_told(SETPOINT, TURNED)

    assert oracle.served(SETPOINT, WANTED, 2.0) is Explanation.COMMAND
    oracle.told(SETPOINT, TURNED, 3.0)
    assert oracle.served(SETPOINT, WANTED, 4.0) is Explanation.COMMAND


def turned_and_undone(oracle: Oracle, word: int, *, told: bool = True) -> Limit | None:
    oracle.turned(SETPOINT, word, 3.0)
    if told:
        oracle.told(SETPOINT, word, 4.0)
    return oracle.adopted(SETPOINT, WANTED, 5.0)


def test_a_turn_that_an_older_command_undid_is_counted_by_the_limit_that_excuses_it() -> None:
    plain, untold, back, first = an_oracle(), an_oracle(), an_oracle(), Oracle()
    for oracle in (plain, untold, back, first):
        oracle.ordered(SETPOINT, WANTED, 1.0)

    assert turned_and_undone(plain, TURNED) is Limit.NONE
    assert turned_and_undone(untold, TURNED, told=False) is Limit.UNTOLD
    assert turned_and_undone(back, OLD) is Limit.BACK
    assert turned_and_undone(first, TURNED) is Limit.FIRST
    assert (plain.figures.undone, plain.figures.accused) == ({Limit.NONE: 1}, 1)
    assert (first.figures.undone, first.figures.accused) == ({Limit.FIRST: 1}, 0)


def test_a_turn_within_grace_or_to_the_value_of_another_command_is_excused() -> None:
    grace, echo = an_oracle(), an_oracle()
    grace.ordered(STATE, 1, 0.5)
    grace.served(STATE, 1, 0.6)
    grace.ordered(SETPOINT, WANTED, 1.0)
    echo.ordered(SETPOINT, TURNED, 0.5)
    echo.served(SETPOINT, TURNED, 0.6)
    echo.ordered(SETPOINT, WANTED, 1.0)

    assert turned_and_undone(grace, TURNED) is Limit.GRACE
    assert turned_and_undone(echo, TURNED) is Limit.ECHO


def test_a_command_that_is_newer_than_the_turn_undoes_it_rightly() -> None:
    oracle = an_oracle()
    oracle.turned(SETPOINT, TURNED, 1.0)
    oracle.ordered(SETPOINT, WANTED, 2.0)

    assert oracle.adopted(SETPOINT, WANTED, 3.0) is None
    assert oracle.figures.undone == {}


@pytest.mark.parametrize(("cause", "word"), [(STATE, OperatingState.NORMAL), (GLOBAL_MODE, 2)])
def test_a_command_waits_for_an_older_one_that_has_to_do_with_it(cause: int, word: int) -> None:
    oracle = an_oracle()
    oracle.ordered(cause, word, 1.0)
    oracle.ordered(SETPOINT, WANTED, 1.0)
    oracle.ordered(OTHER, WANTED, 1.0)

    assert oracle.served(SETPOINT, WANTED, 2.0) is Explanation.EARLY
    assert oracle.served(OTHER, WANTED, 2.0) is (Explanation.COMMAND if cause == STATE else Explanation.EARLY)
    assert oracle.figures.accused > 0
    oracle.told(cause, word, 3.0)
    assert oracle.served(SETPOINT, WANTED, 4.0) is Explanation.COMMAND


def test_a_command_does_not_wait_for_a_newer_one_or_for_ever() -> None:
    newer, later = an_oracle(), an_oracle()
    newer.ordered(SETPOINT, WANTED, 1.0)
    newer.ordered(STATE, OperatingState.NORMAL, 1.0)
    later.ordered(STATE, OperatingState.NORMAL, 1.0)
    later.ordered(SETPOINT, WANTED, 1.0)

    assert newer.served(SETPOINT, WANTED, 2.0) is Explanation.COMMAND
    assert later.served(SETPOINT, WANTED, 14.0) is Explanation.COMMAND


def test_a_command_that_ended_with_the_one_it_waited_for_keeps_nobody_waiting() -> None:
    oracle = an_oracle()
    house = oracle.ordered(GLOBAL_STATE, OperatingState.PARTY, 1.0)
    oracle.ordered(STATE, OperatingState.TIME_PROGRAM, 1.0)
    house.stop(Explanation.ENDED, 1.0)
    oracle.ordered(SETPOINT, WANTED, 1.0)

    assert oracle.served(SETPOINT, WANTED, 2.0) is Explanation.COMMAND


@pytest.mark.parametrize("newer", [STATE, SETPOINT])
def test_an_older_command_is_over_once_a_newer_one_was_read_that_it_would_undo(newer: int) -> None:
    oracle = an_oracle()
    oracle.ordered(GLOBAL_STATE, OperatingState.REDUCED, 1.0)
    word = WANTED if newer == SETPOINT else OperatingState.NORMAL
    oracle.ordered(newer, word, 1.0)
    assert oracle.served(GLOBAL_STATE, OperatingState.REDUCED, 2.0) is Explanation.COMMAND

    assert oracle.served(newer, word, 14.0) is Explanation.COMMAND
    assert oracle.served(GLOBAL_STATE, OperatingState.REDUCED, 15.0) is Explanation.ENDED


@pytest.mark.parametrize(("told", "turned"), [(2, 5), (2, 1), (1, 5)])
def test_a_room_that_was_set_otherwise_since_the_house_was_read_ends_that(told: int, turned: int) -> None:
    oracle = an_oracle()
    oracle.told(STATE, 1, 0.0)
    oracle.ordered(GLOBAL_STATE, 2, 1.0)
    assert oracle.served(GLOBAL_STATE, 2, 2.0) is Explanation.COMMAND
    oracle.told(STATE, told, 3.0)
    assert oracle.served(GLOBAL_STATE, 2, 4.0) is Explanation.COMMAND

    oracle.told(STATE, turned, 5.0)

    assert oracle.served(GLOBAL_STATE, 2, 6.0) is Explanation.TURNED


@pytest.mark.parametrize(
    "why", ["unread", "known", "first", "perhaps", "echo of the room", "echo of the house", "unjudged"]
)
def test_a_room_may_be_in_another_state_than_the_house(why: str) -> None:
    oracle = an_oracle()
    if why != "first":
        oracle.told(STATE, 5 if why == "known" else 1, 0.0)
    if why == "unjudged":
        oracle.unjudged(STATE, 5, 0.5)
    if why.startswith("echo"):
        address = STATE if why == "echo of the room" else GLOBAL_STATE
        oracle.ordered(address, 5, 0.5)
        oracle.served(address, 5, 0.6)
    oracle.ordered(GLOBAL_STATE, 2, 1.0)
    if why != "unread":
        oracle.served(GLOBAL_STATE, 2, 2.0)
    if why == "perhaps":
        oracle.perhaps_told(STATE, 5)

    oracle.told(STATE, 5, 3.0)

    assert oracle.served(GLOBAL_STATE, 2, 4.0) is Explanation.COMMAND
