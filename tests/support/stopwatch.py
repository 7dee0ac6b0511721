"""How long something takes that may be held up: by itself, not by other programs that had the processor meanwhile."""

from __future__ import annotations

import time
from pathlib import Path


class Stopwatch:
    """Runs from its making on.

    What the kernel tells in `schedstat` (nanoseconds in which a thread could have run and had to wait for others) is
    left out. Besides the thread that asks it counts the processes of `others`, such as a broker that has to answer. Two
    may wait at the same time, so on a busy machine it tells too little, and never too much.
    """

    def __init__(self, *others: int) -> None:
        self._waiting = [Path("/proc/thread-self/schedstat"), *(Path(f"/proc/{pid}/schedstat") for pid in others)]
        self._began_s, self._held_up_before_s = time.monotonic(), self._told_s()

    @property
    def seconds(self) -> float:
        """What has passed, without the time in which others had the processor."""
        return time.monotonic() - self._began_s - self.held_up_s

    @property
    def held_up_s(self) -> float:
        """The time in which others had the processor."""
        return self._told_s() - self._held_up_before_s

    def _told_s(self) -> float:
        return sum(int(each.read_text().split()[1]) for each in self._waiting if each.exists()) / 1e9
