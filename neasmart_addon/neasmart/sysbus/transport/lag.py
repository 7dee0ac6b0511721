"""Notices when the event loop was blocked, because a reply that leaves late collides with the base's next request.

What the loop reads in a round cannot have waited for longer than since the kernel said, the round before, that it was
not there. So the watch stands where the loop asks the kernel, and lets it ask every 50 ms: that is one waking between
two frames of a busy bus, where a timer that is fine enough would be four. After a stop of the whole process (SIGSTOP,
swap) Python may end the waiting without having asked again, so a long gap is remembered for 100 ms. What the kernel has
kept meanwhile it hands on piece by piece, and between two of them it may say that nothing is there; so the memory is
renewed while bytes come faster than a line carries them, and when somebody is let in who has dialled meanwhile, but not
for longer than the gap was.

A gap that is longer than the loop was to wait is a stop; one that is not may be nothing but waiting, and nothing in the
process tells the two apart. So the wait must be shorter than what is still answered. Where every open connection
answers what has waited for a second, as Modbus TCP does, it is a quarter of that: what is read then counts as having
waited for the whole gap, which is never less than it was, and 0.75 s are left before that matters. Who connects ends
the wait. On a port for both kinds he has no patience before his first frame, so from then on the kernel is asked every
50 ms; and if he speaks RTU, what he sent before counts as having waited for the gap while that is remembered, and gets
no reply.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Any

from neasmart.facts.clock import monotonic

ASKED_EVERY_S = 0.05
LATE_S = 0.1
REMEMBERED_S = 0.1
QUIET_S = 60.0
"""A machine that is overloaded for long is said once, and again after a minute without a block."""

_LOGGER = logging.getLogger(__name__)


class LagWatch:
    """Stands between a loop and its selector."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Measure one loop; call `start` to begin."""
        self._selector: Any = getattr(loop, "_selector")  # noqa: B009 - asyncio has no public way to an own loop's
        self._plain = self._selector.select
        self.suspect_from = math.inf
        """Bytes that are read from this monotonic time on may have waited; `waited_s` tells."""
        self._patience_s: Callable[[], float] = lambda: 0.0
        self._answered_at = 0.0
        self._remembered_until = 0.0
        self._drained_by = 0.0
        self._quiet_until = 0.0

    def use(self, patience_s: Callable[[], float]) -> None:
        """Take how to learn for how long a request may have waited and is still answered, on any open connection."""
        self._patience_s = patience_s

    def start(self) -> None:
        """Begin to watch."""
        self._answered_at = monotonic()
        self.suspect_from = self._answered_at + LATE_S
        selector = self._selector
        self._plain, selector.select = selector.select, self._select

    def stop(self) -> None:
        """Stop watching; nothing counts as blocked then."""
        selector = self._selector
        selector.select = self._plain
        self.suspect_from = math.inf

    @property
    def waited_s(self) -> float:
        """How long bytes that are read now may have waited for the loop; 0.0 if the loop has gone on as it should."""
        waited_s = monotonic() - self.suspect_from + LATE_S
        return waited_s if waited_s > LATE_S else 0.0

    def still_draining(self) -> None:
        """Take note that more of what has waited may follow: bytes came faster than a line carries them, or somebody.

        Call it only while `waited_s` is not 0.
        """
        self._remembered_until = max(self._remembered_until, min(monotonic() + REMEMBERED_S, self._drained_by))

    def _select(self, timeout: float | None = None) -> Any:
        wait_s = timeout
        if wait_s is None or wait_s > ASKED_EVERY_S:
            longest_s = max(ASKED_EVERY_S, self._patience_s() / 4)
            wait_s = longest_s if wait_s is None else min(wait_s, longest_s)
        events = self._plain(wait_s)
        now = monotonic()
        gap_s = now - self._answered_at
        if gap_s > LATE_S:
            drained_by = self._drained_by if self._answered_at < self._remembered_until else 0.0
            self._drained_by = max(drained_by, now + gap_s)
            self._remembered_until = now + REMEMBERED_S
        if gap_s > LATE_S + max(0.0, wait_s - ASKED_EVERY_S):
            level = logging.WARNING if self._answered_at >= self._quiet_until else logging.DEBUG
            blocked_ms = 1000 * (gap_s - min(wait_s, ASKED_EVERY_S))
            _LOGGER.log(level, "The gateway itself was blocked for %.0f ms; no reply leaves late", blocked_ms)
            self._quiet_until = now + QUIET_S
        if gap_s > LATE_S or now >= self._remembered_until:
            self.suspect_from = self._answered_at + LATE_S
        self._answered_at = now
        return events
