"""Notices when the event loop was blocked, because a reply that leaves late collides with the base's next request.

asyncio runs I/O callbacks before the timers that are due in the same round, so after a block the bytes come in while
the watch's own timer is still overdue. After a stop of the whole process (SIGSTOP, swap) the waiting for I/O may have
ended without any, and then the timer runs before the sockets are read; so the worst of the last 100 ms is remembered.
"""

from __future__ import annotations

import asyncio
import logging
import math
from time import monotonic

PERIOD_S = 0.025
OVERDUE_S = 0.075
"""With the period, the loop was blocked for up to 100 ms when the watch is overdue by this."""
REMEMBERED_S = 0.1
QUIET_S = 60.0
"""A machine that is overloaded for long is said once, and again after a minute without a block."""

_LOGGER = logging.getLogger(__name__)


class LagWatch:
    """A timer that should fire every 25 ms."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Measure one loop; call `start` to begin."""
        self._loop = loop
        self.suspect_from = math.inf
        """Bytes that are read from this monotonic time on may have waited; `waited_s` tells."""
        self._due = 0.0
        self._worst_s = 0.0
        self._worst_until = 0.0
        self._quiet_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._schedule()

    def stop(self) -> None:
        """Stop watching; nothing counts as blocked then."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.suspect_from = math.inf

    @property
    def waited_s(self) -> float:
        """How long bytes that are read now may have waited for the loop; 0.0 if the loop has gone on as it should."""
        if self._timer is None:
            return 0.0
        now = monotonic()
        overdue_s = now - self._due
        if now < self._worst_until:
            overdue_s = max(overdue_s, self._worst_s)
        return overdue_s if overdue_s > OVERDUE_S else 0.0

    def _schedule(self) -> None:
        now = monotonic()
        self._due = now + PERIOD_S
        self.suspect_from = now if now < self._worst_until else self._due + OVERDUE_S
        self._timer = self._loop.call_later(PERIOD_S, self._tick)

    def _tick(self) -> None:
        now = monotonic()
        overdue_s = now - self._due
        if overdue_s > OVERDUE_S:
            self._worst_s = max(overdue_s, self._worst_s) if now < self._worst_until else overdue_s
            self._worst_until = now + REMEMBERED_S
            level = logging.WARNING if self._due >= self._quiet_until else logging.DEBUG
            _LOGGER.log(level, "the gateway itself was blocked for %.0f ms; no reply leaves late", overdue_s * 1000)
            self._quiet_until = now + QUIET_S
        self._schedule()
