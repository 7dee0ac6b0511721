"""Lets a simulated house have been lived in before the base begins to talk, so that its charts are true at once.

The same plan, seed and hour give the same past, so that whoever writes it down and the base that goes on from it agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from neasmart.facts.codecs import OperatingState
from neasmart.simulator.home.base import BaseStation
from neasmart.simulator.home.house import House, HousePlan

MINUTE_S = 60.0
DAY_MIN = 24 * 60
_SETTLING_DAYS = 1
_EVENING_H, _BEDTIME_H, _NIGHT_H = 17.5, 21.5, 22.0
_WARMER_C = 0.5


def hour_now() -> float:
    """Return the hour of the day on this computer's clock, 0..24."""
    now = datetime.now().astimezone()
    return now.hour + now.minute / 60


def unlived(plan: HousePlan, *, seed: int, hour: float) -> House:
    """Return a house whose clock says `hour`, with every room on its time program."""
    house = House(replace(plan, start_hour=hour), seed=seed)
    for room in house.rooms.values():
        room.state = OperatingState.TIME_PROGRAM
    return house


def settle(house: House) -> None:
    """Let the rooms come to where such a house really is."""
    house.step(_SETTLING_DAYS * DAY_MIN * MINUTE_S)


def live_a_day(base: BaseStation) -> Iterator[int]:
    """Live for a day and yield each of its minutes, 0..1439; in the evening somebody wants the first room warmer."""
    house = base.house
    first, room = next(iter(house.rooms.items()))
    for minute in range(DAY_MIN):
        house.step(MINUTE_S)
        if _EVENING_H <= house.hour < _NIGHT_H:
            warmer_c = _WARMER_C if house.hour < _BEDTIME_H else 0.0
            base.local_setpoint(*first, room.plan.setpoint_c + warmer_c)
        yield minute


def lived_in(plan: HousePlan, *, seed: int, hour: float) -> House:
    """Return the house after its past, for a base that goes on from there."""
    house = unlived(plan, seed=seed, hour=hour)
    settle(house)
    for _ in live_a_day(BaseStation(house)):
        pass
    return house
