"""Counts how the base answers polls that found no command: how often, and how soon, it then writes its own value.

No real base was at hand when this was written, so the first houses tell whether being asked at every poll suits it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from neasmart.facts.registers import RegisterTable

_UNREAD = 4096
"""Notes between two digests, once a second; a line of 38400 baud carries some hundreds of frames."""


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
        self._seen: deque[tuple[int, int, Sequence[int], float]] = deque(maxlen=_UNREAD)

    def read(self, address: int, count: int, commanded: Sequence[int], now: float) -> None:
        """Note that the base has read a block; it was the no-data word at all registers but those `commanded`."""
        self._seen.append((address, count, commanded, now))

    def written(self, address: int, now: float) -> None:
        """Note that the base has written a register."""
        if address in self._of:
            self._seen.append((address, 0, (), now))

    def digest(self, at_once: int = _UNREAD) -> bool:
        """Count so much of what has been noted, apart from the noting, for which the base waits; return if more is."""
        for _ in range(min(at_once, len(self._seen))):
            address, count, commanded, at = self._seen.popleft()
            if count:
                block = range(address, address + count)
                self._count_read((each for each in block if each in self._of and each not in commanded), at)
            else:
                self._count_written(address, at)
        return bool(self._seen)

    def _count_read(self, addresses: Iterable[int], now: float) -> None:
        for address in addresses:
            counted = self._of[address]
            counted.polls += 1
            if address not in self._since:
                self._since[address] = now
                counted.asked += 1

    def _count_written(self, address: int, now: float) -> None:
        since = self._since.pop(address, None)
        if since is None:
            return
        counted = self._of[address]
        counted.answered += 1
        counted.total_s += now - since
        counted.longest_s = max(counted.longest_s, now - since)

    def document(self) -> dict[str, dict[str, float | int | None]]:
        """Return the counts by point, times in seconds."""
        self.digest()
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
