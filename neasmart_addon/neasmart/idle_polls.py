"""Counts how the base answers polls that found no command: how often, and how soon, it then writes its own value.

No real base was at hand when this was written, so the first houses tell whether being asked at every poll suits it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from neasmart.registers import RegisterTable


@dataclass(slots=True, kw_only=True)
class IdlePolls:
    """One kind of register: polls that read no-data, how many of them a write followed, and after how many seconds."""

    polls: int = 0
    asked: int = 0
    answered: int = 0
    total_s: float = 0.0
    longest_s: float = 0.0

    @property
    def mean_s(self) -> float | None:
        """The mean time from the first poll to the write, None before there was one."""
        return self.total_s / self.answered if self.answered else None


class IdlePollStatistics:
    """By point of the table, all places together; `asked` counts polls with nothing read since the last write."""

    def __init__(self, table: RegisterTable) -> None:
        """Start with nothing counted."""
        self.by_point = {f"{ref.group.key}.{ref.point.key}": IdlePolls() for ref in table.writable}
        self._of = {ref.address: self.by_point[f"{ref.group.key}.{ref.point.key}"] for ref in table.writable}
        self._since: dict[int, float] = {}

    def read(self, addresses: Iterable[int], now: float) -> None:
        """Note that the base has read the no-data word at these registers."""
        for address in addresses:
            counted = self._of.get(address)
            if counted is None:
                continue
            counted.polls += 1
            if address not in self._since:
                self._since[address] = now
                counted.asked += 1

    def written(self, address: int, now: float) -> None:
        """Note that the base has written a register."""
        since = self._since.pop(address, None)
        if since is None:
            return
        counted = self._of[address]
        counted.answered += 1
        counted.total_s += now - since
        counted.longest_s = max(counted.longest_s, now - since)

    def document(self) -> dict[str, dict[str, float | int | None]]:
        """Return the counts by point, times in seconds."""
        return {
            point: {
                "polls": counted.polls,
                "asked": counted.asked,
                "answered": counted.answered,
                "mean_s": None if counted.mean_s is None else round(counted.mean_s, 3),
                "longest_s": round(counted.longest_s, 3),
            }
            for point, counted in self.by_point.items()
        }
