"""The two banks: what the base reads is commands and no-data words, whatever it has reported."""

from __future__ import annotations

import pytest

from neasmart.core.commands.carrier import Carrier
from neasmart.core.state.image import RegisterImage
from neasmart.facts.codecs import encode_dpt9
from neasmart.facts.points import TABLE
from neasmart.settings.model import IdleReply, ModbusSettings
from tests.support.by_hand import AUTO, HOUSE, MODE, SETPOINT, STATE, ByHand


@pytest.fixture
def hand() -> ByHand:
    return ByHand()


def test_before_anything_is_known_the_base_reads_the_no_data_words(hand: ByHand) -> None:
    assert [hand.read(ref) for ref in (MODE, HOUSE, STATE, SETPOINT)] == [10, 10, 0, 0]


@pytest.mark.parametrize("word", [encode_dpt9(21.0), 0x8116, 0])
def test_a_report_is_never_served_back(hand: ByHand, word: int) -> None:
    hand.tell_word(SETPOINT, word)

    assert hand.read(SETPOINT) == 0


def test_a_global_value_that_was_told_is_not_asked_for_again(hand: ByHand) -> None:
    hand.tell(MODE, AUTO)

    assert (hand.read(MODE), hand.read(HOUSE)) == (0, 10)


def test_a_global_value_is_asked_for_again_once_it_is_late(hand: ByHand) -> None:
    hand.tell(MODE, AUTO)
    hand.now += 10.0
    assert hand.read(MODE) == 0

    hand.now += 0.1

    assert hand.read(MODE) == 10


@pytest.mark.parametrize("event", ["damaged", "interrupted"])
def test_global_values_are_asked_for_two_walks_after_something_may_have_been_missed(hand: ByHand, event: str) -> None:
    hand.tell(MODE, AUTO)
    getattr(hand.gateway.bus, event)(hand.now)

    hand.wait(19.9)
    hand.tell(MODE, AUTO)
    assert hand.read(MODE) == 10
    hand.wait(0.2)

    assert hand.read(MODE) == 0


def test_registers_without_a_meaning_read_zero_and_are_kept_for_display(hand: ByHand) -> None:
    hand.gateway.bus.write(103, [0xBEEF], function_code=16, unit_id=0, now=hand.now)

    assert hand.gateway.bus.poll(103, 2, 240, hand.now).words == [0, 0]
    assert [(address, report.word) for address, report in hand.gateway.image.unknown()] == [(103, 0xBEEF)]


def test_unknown_registers_beyond_the_bus_are_not_kept() -> None:
    image = RegisterImage(TABLE)

    assert not any(image.record(each, 1, at=0.0, function_code=16, unit_id=0) for each in range(7000, 7200))
    assert list(image.unknown()) == []


def test_measurements_that_the_base_asks_for_read_zero(hand: ByHand) -> None:
    temperature = TABLE.ref("zone.1.1.temperature")
    hand.tell(temperature, 20.4)

    assert hand.read(temperature) == 0


def test_the_no_data_words_are_settings() -> None:
    words = ModbusSettings(
        no_data_mode=0xFFFF, no_data_mode_told=0xFF, no_data_state_told=9, no_data_zone_state=7, no_data_setpoint=0x7FFF
    )
    hand = ByHand(words)

    assert [hand.read(ref) for ref in (MODE, HOUSE, STATE, SETPOINT)] == [0xFFFF, 10, 7, 0x7FFF]
    hand.tell(MODE, AUTO)
    hand.tell(HOUSE, 1)
    assert [hand.read(ref) for ref in (MODE, HOUSE)] == [0xFF, 9]


def test_an_expert_may_have_the_last_report_served(hand: ByHand) -> None:
    hand = ByHand(ModbusSettings(idle_reply=IdleReply.LAST_REPORT, walk_assumed_seconds=10))
    hand.tell(SETPOINT, 21.0)
    hand.wait(19.0)

    assert hand.gateway.serves_last_reports
    assert hand.reads(SETPOINT, 21.0)
    hand.wait(2.0)
    assert hand.read(SETPOINT) == 0


def test_without_the_expert_s_choice_it_is_said_that_nothing_is_served_back(hand: ByHand) -> None:
    assert not hand.gateway.serves_last_reports


def test_also_for_an_expert_a_command_comes_first(hand: ByHand) -> None:
    hand = ByHand(ModbusSettings(idle_reply=IdleReply.LAST_REPORT))
    hand.wait(1.0)
    hand.tell(SETPOINT, 21.0)
    hand.set((SETPOINT, 22.0))

    assert hand.reads(SETPOINT, 22.0)


def test_a_new_connection_that_polls_makes_the_base_tell_its_globals_and_others_do_not(hand: ByHand) -> None:
    bus, scanner = Carrier("10.0.0.1"), Carrier("10.0.0.2")
    hand.read(STATE, carrier=bus)
    hand.wait(20.1)
    hand.tell(MODE, AUTO)

    hand.tell(STATE, 1, scanner)
    assert hand.read(MODE, carrier=bus) == 0

    assert hand.read(MODE, carrier=Carrier("10.0.0.1")) == 10
