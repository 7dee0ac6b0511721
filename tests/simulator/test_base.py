from __future__ import annotations

import pytest

from neasmart.facts.codecs import DPT9_STANDBY, GlobalMode, OperatingState, decode_dpt9, encode_dpt9
from neasmart.facts.points import TABLE
from neasmart.simulator.home.base import BaseStation, Behaviour, Judgement, Precedence, Reaction, Tells
from neasmart.simulator.home.house import SMALL, House

MODE = TABLE.at("global", "mode").address
STATE = TABLE.at("global", "state").address
ZONE_STATE = TABLE.at("zone", "state", 1, 1).address
SETPOINT = TABLE.at("zone", "setpoint", 1, 1).address
TEMPERATURE = TABLE.at("zone", "temperature", 1, 1).address


def a_base(behaviour: Behaviour | None = None) -> BaseStation:
    base = BaseStation(House(SMALL, seed=1), behaviour, seed=1)
    base.begin_walk()
    return base


def read(base: BaseStation, address: int, word: int) -> Judgement:
    judgement = base.read(address, word)
    assert judgement is not None
    return judgement


def test_it_reports_every_register_of_its_house_and_no_other() -> None:
    base = a_base()

    zones = {TABLE.by_address[address].id for address in base.addresses if address >= 100}

    assert zones == {
        *(f"zone.1.1.{key}" for key in ("state", "setpoint", "temperature", "humidity")),
        *(f"zone.1.2.{key}" for key in ("state", "setpoint", "temperature")),
    }
    assert decode_dpt9(base.word(TEMPERATURE)) == pytest.approx(base.house.rooms[1, 1].temperature_c, abs=0.06)


@pytest.mark.parametrize(("address", "no_data"), [(MODE, 10), (STATE, 10), (ZONE_STATE, 0), (SETPOINT, 0)])
def test_a_no_data_word_makes_it_write_its_own_value(address: int, no_data: int) -> None:
    base = a_base()
    before = base.word(address)

    judgement = read(base, address, no_data)

    assert judgement.reaction is Reaction.ASKED
    assert base.urgent() == [address]
    assert base.word(address) == before
    base.reported([address])
    assert base.urgent() == []


@pytest.mark.parametrize("address", [MODE, STATE])
def test_zero_in_a_global_register_does_not_make_it_write(address: int) -> None:
    base = a_base()

    assert read(base, address, 0).reaction is Reaction.INVALID
    assert base.urgent() == []


def test_its_own_value_is_no_command() -> None:
    base = a_base()

    for address in (MODE, STATE, ZONE_STATE, SETPOINT):
        assert read(base, address, base.word(address)).reaction is Reaction.EQUAL
    assert base.urgent() == []


def test_the_same_temperature_in_another_exponent_is_no_command() -> None:
    base = a_base()
    base.local_setpoint(1, 1, 20.0)

    assert read(base, SETPOINT, 0x0800 | (2000 // 2)).reaction is Reaction.EQUAL


def test_a_valid_setpoint_is_adopted_and_reported_before_the_next_poll() -> None:
    base = a_base()

    judgement = read(base, SETPOINT, encode_dpt9(23.5))

    assert (judgement.reaction, judgement.value, judgement.taken) == (Reaction.ADOPTED, 23.5, 23.5)
    assert SETPOINT in base.urgent()
    assert base.word(SETPOINT) == encode_dpt9(23.5)


@pytest.mark.parametrize(
    ("mode", "wanted", "taken"),
    [
        (GlobalMode.HEATING, 38.0, 31.0),
        (GlobalMode.COOLING, 8.0, 15.0),
        (GlobalMode.COOLING, 40.0, 35.0),
        (GlobalMode.AUTO, 40.0, 35.0),
    ],
)
def test_a_setpoint_is_clamped_to_the_range_of_the_mode(mode: GlobalMode, wanted: float, taken: float) -> None:
    base = a_base()
    base.local_mode(mode)

    judgement = read(base, SETPOINT, encode_dpt9(wanted))

    assert judgement.taken == taken
    assert decode_dpt9(base.word(SETPOINT)) == taken


def test_a_command_that_clamps_to_its_own_value_changes_nothing() -> None:
    base = a_base()
    base.local_setpoint(1, 1, 35.0)
    base.reported(base.urgent())

    judgement = read(base, SETPOINT, encode_dpt9(39.0))

    assert judgement.reaction is Reaction.EQUAL
    assert base.urgent() == []


def test_standby_has_no_setpoint() -> None:
    base = a_base()

    read(base, ZONE_STATE, OperatingState.STANDBY)

    assert base.word(SETPOINT) == DPT9_STANDBY
    assert base.urgent() == [STATE, ZONE_STATE, SETPOINT]
    base.reported([STATE, ZONE_STATE, SETPOINT])
    assert read(base, SETPOINT, encode_dpt9(21.0)).reaction is Reaction.INVALID
    assert base.word(SETPOINT) == DPT9_STANDBY


def test_leaving_standby_brings_the_setpoint_back() -> None:
    base = a_base()
    before = base.word(SETPOINT)
    read(base, ZONE_STATE, OperatingState.STANDBY)
    base.reported(base.urgent())

    read(base, ZONE_STATE, OperatingState.NORMAL)

    assert base.word(SETPOINT) == before


def test_a_global_state_rewrites_all_rooms() -> None:
    base = a_base()

    read(base, STATE, OperatingState.REDUCED)

    assert {room.state for room in base.house.rooms.values()} == {OperatingState.REDUCED}
    assert base.word(STATE) == OperatingState.REDUCED
    assert {TABLE.by_address[address].id for address in base.urgent()} == {
        "global.state",
        *(f"zone.1.{zone}.{key}" for zone in (1, 2) for key in ("state", "setpoint")),
    }


def test_rooms_that_differ_make_the_global_state_zero() -> None:
    base = a_base()

    base.local_state(1, 1, OperatingState.PARTY)

    assert base.word(STATE) == 0
    assert STATE in base.urgent()


def test_a_mode_is_adopted() -> None:
    base = a_base()

    assert read(base, MODE, GlobalMode.COOLING).reaction is Reaction.ADOPTED
    assert base.house.mode is GlobalMode.COOLING


def test_high_bytes_of_enumerations_are_masked() -> None:
    base = a_base()

    assert read(base, MODE, 0xFF00 | base.word(MODE)).reaction is Reaction.EQUAL
    assert read(base, ZONE_STATE, 0x1200).reaction is Reaction.ASKED


@pytest.mark.parametrize("word", [0x7FFF, 0x8116, 0x8A24])
def test_a_setpoint_word_without_a_meaning_is_ignored(word: int) -> None:
    base = a_base()
    before = base.word(SETPOINT)

    judgement = read(base, SETPOINT, word)

    assert base.word(SETPOINT) != word
    assert judgement.reaction in (Reaction.INVALID, Reaction.ADOPTED)
    if judgement.reaction is Reaction.INVALID:
        assert base.word(SETPOINT) == before


def test_a_local_change_is_reported_before_the_next_poll() -> None:
    base = a_base()

    base.local_setpoint(1, 1, 24.5)

    assert base.urgent() == [SETPOINT]
    base.reported([SETPOINT])
    assert base.urgent() == []


def test_an_old_value_of_its_own_is_a_command_like_any_other() -> None:
    base = a_base()
    told = base.word(SETPOINT)
    base.local_setpoint(1, 1, 24.5)

    assert read(base, SETPOINT, told).reaction is Reaction.ADOPTED
    assert base.word(SETPOINT) == told


def test_a_turn_of_the_wheel_ends_what_was_still_to_be_taken_over() -> None:
    base = a_base(Behaviour(reaction_delay_walks=1))
    read(base, SETPOINT, encode_dpt9(23.0))

    base.local_setpoint(1, 1, 19.0)
    base.begin_walk()

    assert decode_dpt9(base.word(SETPOINT)) == 19.0


def test_what_hands_change_and_what_commands_change_is_told_apart() -> None:
    base = a_base()
    turned: list[tuple[int, int]] = []
    adopted: list[tuple[int, int]] = []
    base.on_turn = lambda address, word: turned.append((address, word))
    base.on_adopted = lambda address, word: adopted.append((address, word))

    base.local_setpoint(1, 1, 24.5)
    base.local_setpoint(1, 1, 24.5)
    base.local_state(1, 1, OperatingState.PARTY)
    read(base, SETPOINT, encode_dpt9(23.0))
    read(base, SETPOINT, encode_dpt9(23.0))

    assert turned == [(SETPOINT, encode_dpt9(24.5)), (ZONE_STATE, OperatingState.PARTY)]
    assert adopted == [(SETPOINT, encode_dpt9(23.0))]


def test_it_can_poll_once_more_before_it_tells_of_a_change() -> None:
    base = a_base(Behaviour(tells=Tells.AFTER_POLLS))
    base.local_setpoint(1, 1, 24.5)

    assert base.urgent() == []
    base.polls()
    assert base.urgent() == [SETPOINT]


def test_asked_for_a_value_it_tells_it_even_before_other_changes() -> None:
    base = a_base(Behaviour(tells=Tells.AFTER_POLLS))
    read(base, MODE, 10)
    base.local_setpoint(1, 1, 24.5)

    assert base.urgent() == [MODE]


def test_what_follows_from_a_state_can_come_walks_later() -> None:
    base = a_base(Behaviour(follow_delay_walks=2))
    before = base.word(SETPOINT)

    read(base, ZONE_STATE, OperatingState.STANDBY)

    assert base.urgent() == [ZONE_STATE]
    base.reported([ZONE_STATE])
    base.begin_walk()
    assert (base.word(SETPOINT), base.urgent()) == (before, [])
    base.begin_walk()
    assert base.word(SETPOINT) == DPT9_STANDBY
    assert base.urgent() == [STATE, SETPOINT]


def test_a_hand_on_a_register_that_still_has_to_follow_shows_at_once() -> None:
    base = a_base(Behaviour(follow_delay_walks=2))
    base.local_state(1, 1, OperatingState.REDUCED)

    base.local_setpoint(1, 1, 17.5)

    assert decode_dpt9(base.word(SETPOINT)) == 17.5


def test_a_setpoint_that_the_clock_changes_is_reported_before_the_next_poll() -> None:
    base = a_base()
    base.local_global_state(OperatingState.TIME_PROGRAM)
    base.reported(base.urgent())

    base.step(17 * 3600)

    assert SETPOINT in base.urgent()


def test_measurements_carry_no_commands() -> None:
    base = a_base()

    assert base.read(TEMPERATURE, encode_dpt9(3.0)) is None
    assert base.read(4711, 1) is None


def test_with_level_precedence_a_steady_value_wins_over_a_local_change() -> None:
    base = a_base(Behaviour(precedence=Precedence.LEVEL))
    read(base, SETPOINT, encode_dpt9(23.0))
    base.local_setpoint(1, 1, 19.0)

    assert read(base, SETPOINT, encode_dpt9(23.0)).reaction is Reaction.ADOPTED


def test_with_edge_precedence_a_steady_value_loses_against_a_local_change() -> None:
    base = a_base(Behaviour(precedence=Precedence.EDGE))
    read(base, SETPOINT, 0)
    first = read(base, SETPOINT, encode_dpt9(23.0))
    base.local_setpoint(1, 1, 19.0)

    again = read(base, SETPOINT, encode_dpt9(23.0))

    assert (first.reaction, again.reaction) == (Reaction.ADOPTED, Reaction.IGNORED)
    assert decode_dpt9(base.word(SETPOINT)) == 19.0


def test_with_edge_precedence_the_first_value_of_all_is_no_edge() -> None:
    base = a_base(Behaviour(precedence=Precedence.EDGE))

    assert read(base, SETPOINT, encode_dpt9(23.0)).reaction is Reaction.IGNORED


def test_a_reaction_can_take_some_walks() -> None:
    base = a_base(Behaviour(reaction_delay_walks=2))
    before = base.word(SETPOINT)

    assert read(base, SETPOINT, encode_dpt9(23.0)).reaction is Reaction.WAITING
    base.begin_walk()
    assert base.word(SETPOINT) == before
    base.begin_walk()

    assert decode_dpt9(base.word(SETPOINT)) == 23.0
    assert SETPOINT in base.urgent()


def test_a_command_that_is_withdrawn_in_time_is_forgotten() -> None:
    base = a_base(Behaviour(reaction_delay_walks=1))
    before = base.word(SETPOINT)
    read(base, SETPOINT, encode_dpt9(23.0))

    read(base, SETPOINT, before)
    base.begin_walk()

    assert base.word(SETPOINT) == before


def test_it_can_ignore_every_command() -> None:
    base = a_base(Behaviour(ignore_probability=1.0))
    before = base.word(SETPOINT)

    assert read(base, SETPOINT, encode_dpt9(23.0)).reaction is Reaction.IGNORED
    assert base.word(SETPOINT) == before


def test_it_ignores_about_as_many_commands_as_it_was_told() -> None:
    base = a_base(Behaviour(ignore_probability=0.3))
    reactions = []
    for number in range(300):
        base.begin_walk()
        reactions.append(read(base, SETPOINT, encode_dpt9(20.0 + number % 2 * 2)).reaction)
        base.local_setpoint(1, 1, 18.0)

    assert 60 < reactions.count(Reaction.IGNORED) < 120
