"""What is known of the points, field by field: how it begins, ages, is restored and forgotten."""

from __future__ import annotations

import pytest

from neasmart.core.state.plant import Plant, Reading, Source, StaleTimes
from neasmart.facts.codecs import Quality, encode_dpt9
from neasmart.facts.points import TABLE
from neasmart.facts.rows import SETPOINT_AUTO, SETPOINT_COOLING

SETPOINT = TABLE.ref("zone.1.3.setpoint")
TEMPERATURE = TABLE.ref("zone.1.3.temperature")
WORD = encode_dpt9(21.0)


@pytest.fixture
def plant() -> Plant:
    return Plant(TABLE)


def test_nothing_is_known_of_a_point_at_first(plant: Plant) -> None:
    reading = plant.reading(SETPOINT)

    assert reading == Reading(ref=SETPOINT)
    assert (reading.value, reading.word, reading.at, reading.held, reading.told) == (None, None, None, None, 0)
    assert (reading.quality, reading.source, reading.stale) == (Quality.NO_DATA, Source.NEVER, True)
    assert reading.age_s(5.0) is None
    assert plant.last_write_at is None
    assert plant.stale_times == StaleTimes(warn_s=10.0, stale_s=180.0)


def test_what_the_base_writes_is_taken_as_it_is(plant: Plant) -> None:
    reading = plant.observe(SETPOINT.address, WORD, 7.0)

    assert (reading.value, reading.word, reading.at, reading.held) == (21.0, WORD, 7.0, 21.0)
    assert (reading.quality, reading.source, reading.stale) == (Quality.GOOD, Source.BUS, False)
    assert [reading.age_s(now) for now in (6.0, 7.0, 9.5)] == [0.0, 0.0, 2.5]
    assert plant.last_write_at == 7.0
    assert plant.reading(SETPOINT) is reading


def test_reports_are_counted_to_two(plant: Plant) -> None:
    assert [plant.observe(SETPOINT.address, WORD, now).told for now in (1.0, 2.0, 3.0)] == [1, 2, 2]


def test_what_was_stored_had_been_told_often_enough(plant: Plant) -> None:
    restored = plant.restore(SETPOINT.address, WORD, 3.0)

    assert restored is not None
    assert (restored.told, restored.at, restored.source, restored.stale) == (2, 3.0, Source.STORED, True)
    assert plant.last_write_at is None
    assert plant.observe(SETPOINT.address, WORD, 4.0).told == 2


def test_what_is_stored_is_refused_where_there_is_no_point_or_the_bus_has_spoken(plant: Plant) -> None:
    plant.observe(SETPOINT.address, WORD, 4.0)

    assert plant.restore(SETPOINT.address, 0, 3.0) is None
    assert plant.restore(103, WORD, 3.0) is None
    assert plant.reading(SETPOINT).value == 21.0


def test_a_zone_that_is_forgotten_is_unknown_in_all_its_points_and_no_other_is(plant: Plant) -> None:
    other = TABLE.ref("zone.1.4.setpoint")
    for ref in (SETPOINT, TEMPERATURE, other):
        plant.observe(ref.address, WORD, 4.0)

    forgotten = plant.forget(1, 3)

    assert forgotten == [Reading(ref=ref) for ref in TABLE.room(1, 3)]
    assert plant.reading(SETPOINT) == Reading(ref=SETPOINT)
    assert plant.reading(other).value == 21.0
    assert (plant.zone_active(1, 3), plant.zones) == (False, [])
    assert plant.observe(SETPOINT.address, WORD, 5.0).told == 1


def test_only_what_is_older_than_the_limit_becomes_stale_and_is_told_once(plant: Plant) -> None:
    plant.use(StaleTimes(warn_s=1.0, stale_s=20.0))
    plant.observe(SETPOINT.address, WORD, 100.0)
    plant.observe(TEMPERATURE.address, WORD, 101.0)
    assert plant.sweep(120.0) == []

    (aged,) = plant.sweep(120.5)

    assert (aged.ref, aged.stale, aged.value) == (SETPOINT, True, 21.0)
    assert plant.reading(SETPOINT) is aged
    assert not plant.reading(TEMPERATURE).stale
    assert plant.sweep(120.6) == []


def test_names_are_those_given_at_the_start_until_others_are_given() -> None:
    plant = Plant(TABLE, names={(1, 1): "Bath", (1, 2): "Hall", (1, 3): "Study"})

    renamed = plant.rename({(1, 1): "Bath", (1, 2): "Corridor", (1, 4): "Attic"})

    assert renamed == {(1, 2), (1, 3), (1, 4)}
    assert [plant.zone_name(1, zone) for zone in (1, 2, 3, 4)] == ["Bath", "Corridor", None, "Attic"]


def test_sixty_zones_could_exist(plant: Plant) -> None:
    assert plant.all_zones == [(base, zone) for base in range(1, 6) for zone in range(1, 13)]
    assert len(plant.readings) == len(TABLE)


def test_limits_and_mixed_follow_what_the_base_says(plant: Plant) -> None:
    assert (plant.setpoint_limits, plant.mixed) == (SETPOINT_AUTO, False)

    plant.observe(TABLE.ref("global.mode").address, 3, 1.0)
    plant.observe(TABLE.ref("global.state").address, 0, 1.0)

    assert (plant.setpoint_limits, plant.mixed) == (SETPOINT_COOLING, True)
