"""Measures how long the base takes to walk over all registers that it asks us for.

Nobody has published the cadence of the bus, so every patience with the base is counted in walks of its own.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from neasmart.facts.registers import RegisterTable

INTERVALS = 5
"""A walk is the longest of so many intervals in a row, because single polls are lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkTimes:
    """The bounds of a walk in seconds, and what is assumed while it is unmeasured."""

    shortest_s: float = 4.0
    longest_s: float = 40.0
    assumed_s: float = 30.0


_UNREAD = 4096
"""Polls between two ticks; the fastest base on a line of 38400 baud makes some two hundred."""


class Walks:
    """The time between two polls of one register under one unit id, for all command registers."""

    def __init__(self, table: RegisterTable, times: WalkTimes | None = None) -> None:
        """Start unmeasured."""
        self.times = times or WalkTimes()
        self._commands = tuple(sorted(ref.address for ref in table.writable))
        self._blocks: dict[tuple[int, int], tuple[int, ...]] = {}
        self._seen: deque[tuple[int, int, int, float] | None] = deque(maxlen=_UNREAD)
        self.polled = self._seen.append
        """Note a poll, for which the base waits, to be looked at by `tick`: unit id, address, registers, time."""
        self._polled: dict[tuple[int, int], float] = {}
        self._intervals: dict[tuple[int, int], deque[float]] = {}
        self._longest: float | None = None

    def use(self, times: WalkTimes) -> None:
        """Keep within these bounds from now on."""
        self.times = times

    def interrupted(self) -> None:
        """Measure no interval over this moment, because the bus was not heard."""
        self._seen.append(None)

    def tick(self, now: float) -> None:
        """Judge anew; a register that is not polled any more does not count."""
        while self._seen:
            seen = self._seen.popleft()
            if seen is None:
                self._polled.clear()
            else:
                self._measure(*seen)
        since = now - 2 * self.times.longest_s
        recent = [
            max(self._intervals[key]) for key, at in self._polled.items() if at > since and key in self._intervals
        ]
        if recent:
            self._longest = max(recent)

    @property
    def walk_s(self) -> float:
        """The seconds of a walk, within the bounds."""
        if self._longest is None:
            return self.times.assumed_s
        return min(max(self._longest, self.times.shortest_s), self.times.longest_s)

    def _measure(self, unit_id: int, address: int, count: int, now: float) -> None:
        for each in self._covered(address, count):
            key = (unit_id, each)
            before = self._polled.get(key)
            self._polled[key] = now
            if before is not None:
                intervals = self._intervals.get(key)
                if intervals is None:
                    intervals = self._intervals[key] = deque(maxlen=INTERVALS)
                intervals.append(now - before)

    def _covered(self, address: int, count: int) -> tuple[int, ...]:
        """Return the command registers of a block; a base asks for few different blocks, so they are remembered."""
        block = (address, count)
        found = self._blocks.get(block)
        if found is None:
            if len(self._blocks) >= 4 * len(self._commands):
                self._blocks.clear()
            found = self._blocks[block] = tuple(each for each in self._commands if address <= each < address + count)
        return found
