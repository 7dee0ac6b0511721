"""One source of time: monotonic seconds for every decision, wall-clock time for what people read.

Monotonic seconds go on while the computer sleeps, where the system can count those (Linux); the timers of asyncio do
not, so no time of a loop is ever compared with one of this clock. Ages never come from the wall clock. A jump of it
decides one thing: ahead it may be the end of a pause that only it shows, so what was commanded before is over.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial

if sys.platform == "linux":
    # Read without a system call, as the other clocks; a function of our own around it takes twice as long.
    monotonic = partial(time.clock_gettime, time.CLOCK_BOOTTIME)
else:
    monotonic = time.monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A pair of clocks, replaceable in tests and in the simulator."""

    monotonic: Callable[[], float] = monotonic
    wall: Callable[[], float] = time.time

    def to_wall(self, at: float) -> float:
        """Return the Unix time in seconds of a monotonic instant."""
        return self.wall() - (self.monotonic() - at)

    def to_iso(self, at: float | None) -> str | None:
        """Return a monotonic instant as ISO 8601 UTC with milliseconds, None as None."""
        return None if at is None else iso(self.to_wall(at))


def iso(unix_s: float) -> str:
    """Return a Unix time in seconds as ISO 8601 UTC with milliseconds."""
    return _iso(math.floor(unix_s * 1000))


@lru_cache(maxsize=1024)  # a snapshot of the plant tells the times of hundreds of readings, and few of them differ
def _iso(unix_ms: int) -> str:
    at = datetime.fromtimestamp(unix_ms / 1000, tz=UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
