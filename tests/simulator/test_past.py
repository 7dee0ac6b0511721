from __future__ import annotations

from itertools import pairwise

import pytest

from neasmart.facts.codecs import OperatingState, decode_dpt9
from neasmart.facts.points import TABLE
from neasmart.simulator import SimulatorOptions
from neasmart.simulator.home.base import BaseStation
from neasmart.simulator.home.house import DEMO
from neasmart.simulator.home.past import DAY_MIN, hour_now, live_a_day, lived_in, settle, unlived
from neasmart.simulator.run import Simulator

SETPOINT = TABLE.at("zone", "setpoint", 1, 1).address
TEMPERATURE = TABLE.at("zone", "temperature", 1, 1).address


def a_day(hour: float) -> tuple[list[float], list[float], BaseStation]:
    """Return setpoints and temperatures of the first room by minute, and the base at the end."""
    house = unlived(DEMO, seed=1, hour=hour)
    settle(house)
    base = BaseStation(house)
    words = [(base.word(SETPOINT), base.word(TEMPERATURE)) for _ in live_a_day(base)]
    return [decode_dpt9(word) for word, _ in words], [decode_dpt9(word) for _, word in words], base


def test_a_day_has_a_night_an_evening_and_a_morning_and_temperatures_that_follow() -> None:
    setpoints, temperatures, base = a_day(12.0)

    assert len(setpoints) == DAY_MIN
    changes = [setpoints[0], *(now for before, now in pairwise(setpoints) if now != before)]
    assert changes == [21.5, 22.0, 21.5, 18.5, 21.5]
    assert all(18.0 < each < 23.5 for each in temperatures)
    assert max(temperatures) - min(temperatures) > 0.5
    assert base.house.state is OperatingState.TIME_PROGRAM
    assert base.house.hour == pytest.approx(12.0)


async def test_the_base_goes_on_from_the_past_that_was_written_down() -> None:
    _, _, base = a_day(7.25)

    simulator = Simulator(SimulatorOptions(house="demo", seed=1, lived_in=7.25))
    again = lived_in(DEMO, seed=1, hour=7.25)

    for house in (simulator.house, again):
        assert [room.temperature_c for room in house.rooms.values()] == [
            room.temperature_c for room in base.house.rooms.values()
        ]


def test_the_hour_is_one_of_a_day() -> None:
    assert 0 <= hour_now() < 24
