"""What follows from the rows of the table: names, relations, what is derived, how values are compared and told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neasmart.facts.codecs import EnumCodec, GlobalMode, Quality, Season, TemperatureCodec, encode_dpt9, season_of
from neasmart.facts.errors import InvalidValueError, UnknownPointError
from neasmart.facts.points import TABLE
from neasmart.facts.registers import RegisterTable
from neasmart.facts.rows import Axis, Group, Inputs, Margins, Part

MODE, HOUSE = TABLE.ref("global.mode"), TABLE.ref("global.state")
STATE, SETPOINT = TABLE.ref("zone.1.3.state"), TABLE.ref("zone.1.3.setpoint")
TEMPERATURE, HUMIDITY = TABLE.ref("zone.1.3.temperature"), TABLE.ref("zone.1.3.humidity")


@pytest.mark.parametrize(
    ("celsius", "word"),
    [
        (20.47, 0x07FF),
        (20.48, 0x0C00),
        (-20.48, 0x8000),
        (-20.49, 0x8C00),
        (0.004, 0x0000),
        (0.006, 0x0001),
        (-0.01, 0x87FF),
        (335380.48, 0x77FF),
        (335544.32, 0x7C00),
        (670760.96, 0x7FFF),
        (-335544.32, 0xF000),
        (-671088.64, 0xF800),
    ],
)
def test_the_smallest_exponent_that_fits_carries_a_number(celsius: float, word: int) -> None:
    assert encode_dpt9(celsius) == word


@pytest.mark.parametrize(("celsius", "value"), [(-50.0, -50.0), (120.0, 120.0), (-50.04, None), (120.08, None)])
def test_the_limits_of_what_is_plausible_belong_to_it(celsius: float, value: float | None) -> None:
    assert TemperatureCodec().decode(encode_dpt9(celsius)).value == value


def test_a_temperature_is_a_measurement_unless_it_is_said_to_be_a_setpoint() -> None:
    assert TemperatureCodec().decode(0) == (0.0, Quality.GOOD)


def test_a_zero_of_an_enumeration_is_no_data_unless_it_is_said_to_be_more() -> None:
    assert EnumCodec(members=GlobalMode).decode(0x0100) == (None, Quality.NO_DATA)
    with pytest.raises(ValueError, match="6"):
        EnumCodec(members=GlobalMode).encode(6)


def test_a_mode_has_its_season_and_automatic_has_none() -> None:
    seasons = {1: None, 2: Season.HEATING, 3: Season.COOLING, 4: Season.HEATING, 5: Season.COOLING, None: None}

    assert {mode: season_of(mode) for mode in seasons} == seasons


@pytest.mark.parametrize(
    ("ref_id", "label", "place", "room"),
    [
        ("global.mode", MODE.point.label, "global", None),
        ("zone.1.3.setpoint", "Zone 1.3 setpoint", "zone.1.3", (1, 3)),
        ("pump.2.running", "Extra pump 2 running", "pump.2", None),
    ],
)
def test_a_register_is_named_with_its_place(ref_id: str, label: str, place: str, room: tuple[int, int] | None) -> None:
    ref = TABLE.ref(ref_id)

    assert (ref.label, ref.place, ref.room, ref.of_house) == (label, place, room, place == "global")


def test_what_is_derived_belongs_to_its_room_or_to_the_house() -> None:
    (mean,) = TABLE.derived_at()

    assert (mean.id, mean.room, mean.index) == ("global.mean_temperature", None, ())
    assert [(each.id, each.room) for each in TABLE.derived_at(1, 3)] == [
        (f"zone.1.3.{key}", (1, 3)) for key in ("dew_point", "condensation", "cold")
    ]
    assert TABLE.derived_at(9, 9) == ()


def test_a_derived_value_follows_from_what_is_at_its_place_or_else_from_all() -> None:
    dew_point, mean = TABLE.derived["zone.1.3.dew_point"], TABLE.derived["global.mean_temperature"]

    assert set(dew_point.sources.values()) == {(TEMPERATURE,), (HUMIDITY,)}
    assert {len(refs) for refs in mean.sources.values()} >= {60}
    assert dew_point in TABLE.dependants[HUMIDITY.address]
    assert TABLE.dependants.get(TABLE.ref("global.hint").address, ()) == ()


def test_a_change_of_these_makes_the_base_rewrite_a_register() -> None:
    assert TABLE.related[SETPOINT.address] == (STATE.address, HOUSE.address, MODE.address)
    assert TABLE.related[STATE.address] == (HOUSE.address,)
    assert (TABLE.related[HOUSE.address], TABLE.related[MODE.address]) == ((), ())
    assert TABLE.related.keys() == {ref.address for ref in TABLE.writable}


def test_registers_are_found_by_what_they_are_for() -> None:
    assert TABLE.of_part(Part.ROOM, (1, 3)) == (STATE,)
    assert (len(TABLE.of_part(Part.ROOM)), TABLE.of_part(Part.ROOM, (9, 9))) == (60, ())
    assert (TABLE.part(Part.TARGET, 1, 3), TABLE.part(Part.SEASON)) == (SETPOINT, MODE)
    assert (TABLE.rooms.key, TABLE.house.key) == ("zone", "global")
    with pytest.raises(UnknownPointError, match="no target at"):
        TABLE.part(Part.TARGET, 9, 9)


def test_registers_are_found_by_their_place() -> None:
    assert TABLE.room(1, 3) == (STATE, SETPOINT, TEMPERATURE, HUMIDITY) == TABLE.place("zone", 1, 3)
    assert (TABLE.room(6, 1), TABLE.place("pump", 99)) == ((), ())
    assert TABLE.exists_by(1, 3) is TEMPERATURE
    assert TABLE.at("zone", "setpoint", 1, 3) is SETPOINT
    with pytest.raises(UnknownPointError, match=r"zone\.9\.9\.setpoint"):
        TABLE.at("zone", "setpoint", 9, 9)
    assert TABLE.shown_at(1, 3) == (*TABLE.room(1, 3), *TABLE.derived_at(1, 3))
    assert TABLE.shown_at() == (*TABLE.place("global"), *TABLE.derived_at())


def test_registers_are_found_by_the_answer_that_has_them() -> None:
    assert TABLE.answered("mode") == (MODE,)
    assert [ref.point.key for ref in TABLE.answered("notifications")] == ["error", "warning", "hint"]
    assert TABLE.answered("cellars") == ()


def test_an_unknown_id_is_named_in_its_first_sixty_letters() -> None:
    with pytest.raises(UnknownPointError) as caught:
        TABLE.ref("x" * 100)

    assert f"'{'x' * 60}'" in str(caught.value)


def test_two_points_on_one_address_are_refused() -> None:
    twice = replace(TABLE.house, key="twice")

    with pytest.raises(ValueError, match="share an address"):
        RegisterTable((TABLE.house, twice))


@pytest.mark.parametrize(
    ("other", "same"), [(21.0, True), (21.1, True), (20.9, True), (21.11, False), (20.89, False), (22.0, False)]
)
def test_setpoints_are_the_same_within_a_tenth_of_a_degree(other: float, *, same: bool) -> None:
    assert SETPOINT.point.agrees(21.0, other) is same


@pytest.mark.parametrize(("one", "other", "same"), [(1, 1, True), (1, 2, False), (2, 1, False)])
def test_states_are_the_same_if_they_are_equal(one: int, other: int, *, same: bool) -> None:
    assert STATE.point.agrees(one, other) is same


def test_values_are_told_as_people_read_them() -> None:
    assert STATE.point.words(4) == "time program"
    assert (SETPOINT.point.words(21), HUMIDITY.point.words(45.0)) == ("21.0", "45")


def test_what_may_be_commanded_is_told_for_each_kind() -> None:
    assert SETPOINT.point.allowed == "a number from 5.0 to 40.0"
    assert STATE.point.allowed == "a whole number from 1 to 6"
    assert HUMIDITY.point.allowed == "0 to 100"
    assert TABLE.ref("pump.1.running").point.allowed == "true or false"


def test_only_the_house_may_be_mixed() -> None:
    assert {ref.id for ref in TABLE if ref.point.mixes} == {"global.state"}


def test_a_point_is_called_by_its_name_or_else_by_its_key() -> None:
    point = replace(SETPOINT.point, name="")

    assert (point.field, replace(point, name="wanted").field) == ("setpoint", "wanted")


@pytest.mark.parametrize("value", [5.0, 40.0])
def test_the_limits_of_a_setpoint_may_be_commanded(value: float) -> None:
    assert SETPOINT.point.checked(value) == value


@pytest.mark.parametrize("value", [4.99, 40.01, 10**400, True])
def test_beyond_the_limits_nothing_may_be_commanded(value: object) -> None:
    with pytest.raises(InvalidValueError):
        SETPOINT.point.checked(value)


@pytest.mark.parametrize("value", [1, 6])
def test_the_first_and_the_last_state_may_be_commanded(value: int) -> None:
    assert STATE.point.checked(value) == value


def test_margins_are_two_kelvin_and_eight_degrees() -> None:
    assert (Margins().condensation_k, Margins().cold_c) == (2.0, 8.0)


def test_of_a_source_there_is_one_value_or_none() -> None:
    inputs = Inputs(values={Part.AIR: (20.0,), Part.FLOW: ()}, before=None, margins=Margins())

    assert (inputs.one(Part.AIR), inputs.one(Part.FLOW)) == (20.0, None)


def test_a_group_repeats_along_its_axes() -> None:
    axes = tuple(Axis(name=name, label=name, low=1, high=3, stride=stride) for name, stride in (("a", 100), ("b", 10)))
    group = Group(key="g", label="G", origin=-110, axes=axes, points=(STATE.point, SETPOINT.point))

    assert (group.address(1, 1), group.address(2, 3), list(axes[0].indices)) == (0, 120, [1, 2, 3])
    assert (group.place(2, 3), group.place()) == ("g.2.3", "g")
    assert (group.rooms, group.answer, group.exists_by, group.rows) == (False, None, None, group.points)
    assert group.point("setpoint") is SETPOINT.point
    with pytest.raises(UnknownPointError, match="g has no point door; it has state, setpoint"):
        group.point("door")
    with pytest.raises(ValueError, match="zip"):
        group.address(1)
