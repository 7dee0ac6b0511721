"""Limits how many requests a client may send in a minute, so that one broken program does not slow the house down."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from http import HTTPStatus

from neasmart.web.http.problems import Problem

CLIENTS_LIMIT = 1024
WINDOW_S = 60.0
_OTHERS = "others"


class Rates:
    """Requests by client in its present minute; all clients beyond a bound share one count."""

    def __init__(
        self, *, per_minute: int, writes_per_minute: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Count from now on; 0 is no limit."""
        self._monotonic = monotonic
        self._all = _Windows(per_minute, "requests") if per_minute else None
        self._writes = _Windows(writes_per_minute, "writes") if writes_per_minute else None

    def check(self, client: str, *, writes: bool) -> None:
        """Count a request; raise Problem if it is one too many."""
        now = self._monotonic()
        if self._all is not None:
            self._all.hit(client, now)
        if writes and self._writes is not None:
            self._writes.hit(client, now)


class _Windows:
    """By client how many requests were counted, and when that count ends."""

    def __init__(self, allowed: int, what: str) -> None:
        self._allowed = allowed
        self._what = what
        self._counts: dict[str, tuple[int, float]] = {}

    def hit(self, client: str, now: float) -> None:
        counts = self._counts
        if client not in counts and len(counts) >= CLIENTS_LIMIT:
            self._counts = counts = {each: kept for each, kept in counts.items() if kept[1] > now}
            if len(counts) >= CLIENTS_LIMIT:
                client = _OTHERS
        count, ends_at = counts.get(client, (0, 0.0))
        if ends_at <= now:
            count, ends_at = 0, now + WINDOW_S
        counts[client] = (count + 1, ends_at)
        if count < self._allowed:
            return
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "rate_limited",
            f"Too many {self._what} in one minute. Allowed: {self._allowed}",
            headers={"Retry-After": str(math.ceil(ends_at - now))},
        )
