"""Lets people turn thermostats and use the maker's app at any moment, as they do."""

from __future__ import annotations

import random
from dataclasses import dataclass

from neasmart.facts.codecs import GlobalMode, OperatingState
from neasmart.simulator.home.base import BaseStation

_SETPOINTS_C = tuple(half / 2 for half in range(34, 51))
_WHEEL_PROBABILITY = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How often people change something: the probability 0..1 at each moment the base could be overtaken."""

    rooms: float = 0.0
    whole_house: float = 0.0


class People:
    """Whoever lives in the house."""

    def __init__(self, base: BaseStation, habits: Habits, *, seed: int = 0) -> None:
        """Live in the house of `base`."""
        self._base = base
        self._habits = habits
        self._chance = random.Random(seed)  # noqa: S311 - moods of people, not secrets

    def perhaps(self) -> None:
        """Change something if somebody feels like it."""
        if self._chance.random() < self._habits.rooms:
            self._change_a_room()
        if self._chance.random() < self._habits.whole_house:
            self._change_the_house()

    def _change_a_room(self) -> None:
        room = self._chance.choice(list(self._base.house.rooms))
        if self._chance.random() < _WHEEL_PROBABILITY:
            self._base.local_setpoint(*room, self._chance.choice(_SETPOINTS_C))
        else:
            self._base.local_state(*room, self._chance.choice(list(OperatingState)))

    def _change_the_house(self) -> None:
        if self._chance.random() < 0.5:  # noqa: PLR2004 - as often as not
            self._base.local_mode(self._chance.choice(list(GlobalMode)))
        else:
            self._base.local_global_state(self._chance.choice(list(OperatingState)))
