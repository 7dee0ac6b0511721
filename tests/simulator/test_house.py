from __future__ import annotations

from itertools import pairwise

import pytest

from neasmart.facts.codecs import GlobalMode, OperatingState
from neasmart.simulator.home.house import DEMO, FULL, HOUSES, SMALL, House, HousePlan, Preset, RoomPlan

HOUR = 3600.0


def one_room(**changes: float) -> House:
    room = RoomPlan(base_id=1, zone_id=1, name="Room")
    return House(HousePlan(rooms=(room,), mixed_circuits=1, pumps=1, dehumidifiers=1, **changes), seed=3)


def test_the_demo_house_is_the_one_that_was_promised() -> None:
    assert len(DEMO.rooms) == 11
    assert {room.base_id for room in DEMO.rooms} == {1, 2, 5}
    assert (DEMO.mixed_circuits, DEMO.dehumidifiers, DEMO.pumps) == (2, 2, 2)
    assert 0 < sum(not room.has_humidity for room in DEMO.rooms) < 11
    assert len(FULL.rooms) == 60


@pytest.mark.parametrize("plan", HOUSES.values(), ids=HOUSES)
def test_no_two_rooms_share_a_thermostat(plan: HousePlan) -> None:
    places = [(room.base_id, room.zone_id) for room in plan.rooms]

    assert len(set(places)) == len(places)


def test_the_same_seed_gives_the_same_house_and_another_seed_another_one() -> None:
    def story(seed: int) -> list[tuple[float, float]]:
        house = House(DEMO, seed=seed)
        seen = []
        for _ in range(50):
            house.step(600)
            room = house.rooms[1, 1]
            seen.append((room.temperature_c, room.humidity_percent))
        return seen

    assert story(5) == story(5)
    assert story(5) != story(6)


@pytest.mark.parametrize("setpoint_c", [17.0, 20.5, 23.5])
def test_a_room_drifts_to_its_setpoint_and_stays_there(setpoint_c: float) -> None:
    house = one_room()
    room = house.rooms[1, 1]
    house.set_setpoint(room, setpoint_c)

    house.step(48 * HOUR)

    for _ in range(24):
        house.step(HOUR)
        assert room.temperature_c == pytest.approx(setpoint_c, abs=0.6)


def test_a_room_warms_slowly_and_without_jumps() -> None:
    house = one_room()
    room = house.rooms[1, 1]
    room.temperature_c = 17.0
    temperatures = []
    for _ in range(6 * 60):
        house.step(60)
        temperatures.append(room.temperature_c)

    assert max(abs(after - before) for before, after in pairwise(temperatures)) < 0.05
    assert 17.5 < temperatures[119] < 20.0


def test_each_room_cools_with_its_own_time_constant() -> None:
    light, heavy = (
        RoomPlan(base_id=1, zone_id=1, name="Light", loss_h=15.0),
        RoomPlan(base_id=1, zone_id=2, name="Heavy", loss_h=90.0),
    )
    house = House(HousePlan(rooms=(light, heavy)), seed=1)
    for room in house.rooms.values():
        room.temperature_c, room.state = 21.0, OperatingState.STANDBY

    house.step(8 * HOUR)

    assert house.rooms[1, 1].temperature_c < house.rooms[1, 2].temperature_c - 2


def test_the_outside_curve_is_coldest_before_sunrise_and_warmest_in_the_afternoon() -> None:
    house = one_room()
    house.step(18 * HOUR)  # midnight
    curve: dict[int, list[float]] = {}
    for _ in range(20):
        for hour in range(24):
            curve.setdefault(hour, []).append(house.outside_c)
            house.step(HOUR)
    mean = {hour: sum(values) / len(values) for hour, values in curve.items()}

    assert min(mean, key=lambda hour: mean[hour]) in range(1, 7)
    assert max(mean, key=lambda hour: mean[hour]) in range(13, 18)
    assert all(-8 < value < 18 for values in curve.values() for value in values)


def test_the_filtered_outside_temperature_swings_less() -> None:
    house = one_room()
    outside, filtered = [], []
    house.step(72 * HOUR)
    for _ in range(48):
        house.step(HOUR)
        outside.append(house.outside_c)
        filtered.append(house.filtered_outside_c)

    assert max(filtered) - min(filtered) < 0.6 * (max(outside) - min(outside))


def test_humidity_is_a_percentage_and_showering_shows() -> None:
    house = House(SMALL, seed=1)
    values = []
    for _ in range(48):
        house.step(HOUR)
        values.append(house.rooms[1, 2].humidity_percent)

    assert all(20 <= value <= 95 for value in values)
    assert max(values) - min(values) > 8


def test_a_warm_house_in_automatic_mode_cools() -> None:
    house = one_room(mean_outside_c=26.0)
    room = house.rooms[1, 1]
    room.temperature_c = 29.0

    house.step(58 * HOUR)  # four in the afternoon

    assert house.cooling
    assert room.temperature_c == pytest.approx(24.0, abs=0.8)
    assert house.mixed_circuits[0].flow_c < 20


def test_a_cold_house_has_warm_flow_and_cooler_return() -> None:
    house = one_room()
    house.step(24 * HOUR)
    circuit = house.mixed_circuits[0]

    assert circuit.pump
    assert house.pumps == [True]
    assert 26 < circuit.flow_c < 46
    assert 1 < circuit.flow_c - circuit.return_c < 10
    assert 0 < circuit.opening <= 1


def test_nothing_runs_in_standby() -> None:
    house = one_room()
    house.rooms[1, 1].state = OperatingState.STANDBY

    house.step(12 * HOUR)

    assert house.pumps == [False]
    assert not house.mixed_circuits[0].pump
    assert house.setpoint_c(house.rooms[1, 1]) is None


def test_a_dehumidifier_starts_when_it_is_damp_and_stops_when_it_is_dry() -> None:
    house = one_room()
    room = house.rooms[1, 1]
    room.humidity_percent = 75.0
    house.step(60)
    started = house.dehumidifiers[0]

    house.step(6 * HOUR)

    assert started
    assert not house.dehumidifiers[0]


@pytest.mark.parametrize(
    ("state", "preset"),
    [
        (OperatingState.NORMAL, Preset.NORMAL),
        (OperatingState.PARTY, Preset.NORMAL),
        (OperatingState.REDUCED, Preset.REDUCED),
        (OperatingState.HOLIDAY, Preset.HOLIDAY),
    ],
)
def test_every_state_has_its_own_setpoint(state: OperatingState, preset: Preset) -> None:
    house = one_room()
    room = house.rooms[1, 1]
    room.state = state

    house.set_setpoint(room, 19.5)

    assert house.setpoint_c(room) == 19.5
    assert room.setpoints[False, preset] == 19.5


def test_the_time_program_reduces_at_night() -> None:
    house = one_room(start_hour=12.0)
    room = house.rooms[1, 1]
    room.state = OperatingState.TIME_PROGRAM
    by_day = house.setpoint_c(room)

    house.step(11 * HOUR)

    assert (by_day, house.setpoint_c(room)) == (21.0, 18.0)


def test_the_mode_decides_which_setpoint_is_in_force() -> None:
    house = one_room()
    room = house.rooms[1, 1]

    house.mode = GlobalMode.MANUAL_COOLING

    assert house.setpoint_c(room) == 24.0
