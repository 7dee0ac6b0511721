"""What the maker's KNX-gateway manual (document 771948) and field reports say of registers and words, row by row."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.facts.codecs import (
    GlobalMode,
    OperatingState,
    Quality,
    TemperatureCodec,
    decode_dpt9,
    encode_dpt9,
)
from neasmart.facts.errors import InvalidValueError, ReadOnlyPointError, UnknownPointError
from neasmart.facts.points import TABLE
from neasmart.facts.rows import setpoint_limits

ROWS = [
    (1, "global.mode", True),
    (2, "global.state", True),
    (3, "global.error", False),
    (5, "global.warning", False),
    (6, "global.hint", False),
    (7, "global.outside_temperature", False),
    (8, "global.filtered_outside_temperature", False),
    (10, "mixed_circuit.1.valve_opening", False),
    (11, "mixed_circuit.1.pump", False),
    (12, "mixed_circuit.1.flow_temperature", False),
    (13, "mixed_circuit.1.return_temperature", False),
    (14, "mixed_circuit.2.valve_opening", False),
    (18, "mixed_circuit.3.valve_opening", False),
    (21, "mixed_circuit.3.return_temperature", False),
    (22, "dehumidifier.1.running", False),
    (30, "dehumidifier.9.running", False),
    (31, "pump.1.running", False),
    (35, "pump.5.running", False),
    (100, "zone.1.1.state", True),
    (101, "zone.1.1.setpoint", True),
    (102, "zone.1.1.temperature", False),
    (110, "zone.1.1.humidity", False),
    (1200, "zone.1.12.state", True),
    (1300, "zone.2.1.state", True),
    (4900, "zone.5.1.state", True),
    (6000, "zone.5.12.state", True),
    (6010, "zone.5.12.humidity", False),
]

VECTORS = [
    (0.0, 0x0000),
    (7.0, 0x02BC),
    (15.2, 0x05F0),
    (20.47, 0x07FF),
    (20.48, 0x0C00),
    (21.0, 0x0C1A),
    (21.5, 0x0C33),
    (22.5, 0x0C65),
    (31.0, 0x0E0E),
    (40.0, 0x0FD0),
    (40.94, 0x0FFF),
    (40.96, 0x1400),
    (100.0, 0x1CE2),
    (-0.5, 0x87CE),
    (-5.0, 0x860C),
    (-17.7, 0x8116),
    (-20.0, 0x8030),
    (-20.48, 0x8000),
    (-20.5, 0x8BFF),
    (-30.0, 0x8A24),
]


@pytest.mark.parametrize(("address", "ref_id", "writable"), ROWS)
def test_a_row_of_the_manual_stands_at_its_address(address: int, ref_id: str, writable: bool) -> None:
    ref = TABLE.ref(ref_id)

    assert ref.address == address
    assert TABLE.by_address[address] is ref
    assert ref.point.writable is writable


def test_the_table_has_17_points_in_5_groups_and_273_registers() -> None:
    assert len(TABLE.groups) == 5
    assert sum(len(group.points) for group in TABLE.groups.values()) == 17
    assert len(TABLE) == 273
    assert max(TABLE.by_address) == 6010


def test_undocumented_registers_have_no_meaning() -> None:
    assert not {0, 4, 9, 36, 99, 103, 109, 111} & set(TABLE.by_address)


@pytest.mark.parametrize("base_id", range(1, 6))
@pytest.mark.parametrize("zone_id", range(1, 13))
def test_a_zone_begins_at_its_base_address(base_id: int, zone_id: int) -> None:
    first = (base_id - 1) * 1200 + zone_id * 100

    addresses = [
        TABLE.at("zone", key, base_id, zone_id).address for key in ("state", "setpoint", "temperature", "humidity")
    ]

    assert addresses == [first, first + 1, first + 2, first + 10]


def test_modes_and_states_have_the_numbers_of_the_manual() -> None:
    assert {mode.name: int(mode) for mode in GlobalMode} == {
        "AUTO": 1,
        "HEATING": 2,
        "COOLING": 3,
        "MANUAL_HEATING": 4,
        "MANUAL_COOLING": 5,
    }
    assert {state.name: int(state) for state in OperatingState} == {
        "NORMAL": 1,
        "REDUCED": 2,
        "STANDBY": 3,
        "TIME_PROGRAM": 4,
        "PARTY": 5,
        "HOLIDAY": 6,
    }


def test_the_words_that_make_the_base_write_its_own_value() -> None:
    assert TABLE.ref("global.mode").point.no_data == 10
    assert TABLE.ref("global.state").point.no_data == 10
    assert TABLE.ref("zone.1.1.state").point.no_data == 0
    assert TABLE.ref("zone.1.1.setpoint").point.no_data == 0


def test_no_word_that_stands_for_no_data_is_a_command() -> None:
    for ref in TABLE.writable:
        assert ref.point.no_data is not None
        assert ref.decode(ref.point.no_data).value is None


@pytest.mark.parametrize(("celsius", "word"), VECTORS)
def test_a_dpt_9_001_vector_encodes_and_decodes(celsius: float, word: int) -> None:
    assert encode_dpt9(celsius) == word
    assert decode_dpt9(word) == celsius


def test_words_that_are_only_ever_decoded() -> None:
    assert decode_dpt9(0x7FFF) == 670760.96
    assert decode_dpt9(0x0800) == 0.0


def test_every_tenth_of_a_degree_of_a_house_survives_the_round_trip() -> None:
    for tenths in range(-300, 401):
        assert decode_dpt9(encode_dpt9(tenths / 10)) == tenths / 10


@given(st.integers(-67108800, 67076000))
def test_a_round_trip_stays_within_half_a_step(hundredths: int) -> None:
    word = encode_dpt9(hundredths / 100)

    step = 0.01 * (1 << ((word >> 11) & 0x0F))
    assert abs(decode_dpt9(word) - hundredths / 100) <= step / 2 + 1e-9


@given(st.integers(0, 0xFFFF))
def test_every_word_decodes_and_encodes_to_the_same_temperature(word: int) -> None:
    assert decode_dpt9(encode_dpt9(decode_dpt9(word))) == decode_dpt9(word)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 671089.0, -671300.0])
def test_what_does_not_fit_a_word_is_refused_with_the_range(value: float) -> None:
    with pytest.raises(ValueError, match=r"-671088\.64 to 670760\.96"):
        encode_dpt9(value)


def test_a_missing_sensor_is_unknown_for_every_temperature() -> None:
    for ref_id in ("zone.1.1.temperature", "zone.1.1.setpoint", "global.outside_temperature"):
        assert TABLE.ref(ref_id).decode(0x7FFF) == (None, Quality.NO_SENSOR)


@pytest.mark.parametrize("word", [0x8116, 0x810C, 0x810E])
def test_the_standby_words_mean_not_applicable_for_setpoints_only(word: int) -> None:
    assert TABLE.ref("zone.1.1.setpoint").decode(word) == (None, Quality.NOT_APPLICABLE)
    value, quality = TABLE.ref("global.outside_temperature").decode(word)
    assert quality is Quality.GOOD
    assert value == decode_dpt9(word)


def test_zero_is_no_data_as_a_setpoint_and_a_legal_winter_day_outside() -> None:
    assert TABLE.ref("zone.1.1.setpoint").decode(0) == (None, Quality.NO_DATA)
    assert TABLE.ref("global.outside_temperature").decode(0) == (0.0, Quality.GOOD)


@pytest.mark.parametrize("celsius", [-50.5, 120.5, 300.0, -600.0])
def test_a_temperature_outside_minus_50_to_120_is_implausible(celsius: float) -> None:
    assert TemperatureCodec().decode(encode_dpt9(celsius)) == (None, Quality.IMPLAUSIBLE)


def test_a_reported_zero_means_mixed_for_the_house_and_no_data_for_a_zone() -> None:
    assert TABLE.ref("global.state").decode(0) == (None, Quality.MIXED)
    assert TABLE.ref("zone.1.1.state").decode(0) == (None, Quality.NO_DATA)


def test_enumerations_bits_and_percents_sit_in_the_low_byte() -> None:
    assert TABLE.ref("global.mode").decode(0xFF02).value == 2
    assert TABLE.ref("zone.1.1.state").decode(0x0103).value == 3
    assert TABLE.ref("zone.1.1.humidity").decode(0xAB2D).value == 45
    assert TABLE.ref("global.error").decode(0x0001).value is True
    assert TABLE.ref("global.error").decode(0xFFFE).value is False


def test_a_number_that_is_no_member_is_implausible() -> None:
    assert TABLE.ref("global.mode").decode(6) == (None, Quality.IMPLAUSIBLE)
    assert TABLE.ref("zone.1.1.state").decode(7) == (None, Quality.IMPLAUSIBLE)
    assert TABLE.ref("zone.1.1.humidity").decode(101) == (None, Quality.IMPLAUSIBLE)


@pytest.mark.parametrize("mode", [None, *GlobalMode])
def test_the_base_clamps_setpoints_to_the_range_of_its_mode(mode: GlobalMode | None) -> None:
    limits = setpoint_limits(mode)

    expected = {None: (5, 35), 1: (5, 35), 2: (5, 31), 3: (15, 35), 4: (5, 31), 5: (15, 35)}[mode]
    assert (limits.low, limits.high, limits.step) == (*expected, 0.5)


@pytest.mark.parametrize("value", [4.9, 40.1, math.nan, math.inf, True, "21", None, [21.0]])
def test_a_setpoint_outside_the_contract_is_refused_with_the_range(value: object) -> None:
    with pytest.raises(InvalidValueError, match=r"5\.0 to 40\.0"):
        TABLE.ref("zone.1.1.setpoint").point.checked(value)


@pytest.mark.parametrize("value", [5, 5.0, 21.5, 22.3, 40.0])
def test_a_setpoint_within_the_contract_is_taken(value: float) -> None:
    assert TABLE.ref("zone.1.1.setpoint").point.checked(value) == value


@pytest.mark.parametrize("value", [0, 7, 2.0, True, "1", None])
def test_a_state_is_a_whole_number_from_1_to_6(value: object) -> None:
    with pytest.raises(InvalidValueError, match="whole number from 1 to 6"):
        TABLE.ref("global.state").point.checked(value)


def test_a_measurement_cannot_be_commanded() -> None:
    with pytest.raises(ReadOnlyPointError):
        TABLE.ref("zone.1.1.temperature").point.checked(21.0)


def test_an_unknown_id_is_named() -> None:
    with pytest.raises(UnknownPointError, match=r"zone\.9\.1\.state"):
        TABLE.ref("zone.9.1.state")


def test_what_is_there_once_belongs_to_the_whole_house() -> None:
    assert {ref.place for ref in TABLE if ref.of_house} == {"global"}
    assert "global" not in {ref.place for ref in TABLE if not ref.of_house}


def test_the_group_that_an_answer_of_rest_repeats_is_found_by_it() -> None:
    assert TABLE.answering("pumps").key == "pump"
    with pytest.raises(UnknownPointError, match="cellars"):
        TABLE.answering("cellars")
