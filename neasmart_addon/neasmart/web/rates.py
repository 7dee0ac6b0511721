"""Limits how many requests a client may send in a minute, so that one broken program does not slow the house down."""

from __future__ import annotations

import math
import time
from http import HTTPStatus

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from neasmart.web.problems import Problem

CLIENTS_LIMIT = 1024
_OTHERS = "others"


class Rates:
    """Requests by client in the present minute; all clients beyond a bound share one count."""

    def __init__(self, *, per_minute: int, writes_per_minute: int) -> None:
        """Count from now on; 0 is no limit."""
        self._all = RateLimitItemPerMinute(per_minute, namespace="all") if per_minute else None
        self._writes = RateLimitItemPerMinute(writes_per_minute, namespace="writes") if writes_per_minute else None
        self._storage = MemoryStorage()
        self._limiter = FixedWindowRateLimiter(self._storage)

    async def check(self, client: str, *, writes: bool) -> None:
        """Count a request; raise Problem if it is one too many."""
        if self._all is not None:
            await self._hit(self._all, client, "requests")
        if writes and self._writes is not None:
            await self._hit(self._writes, client, "writes")

    async def _hit(self, item: RateLimitItemPerMinute, client: str, what: str) -> None:
        counts = self._storage.storage
        if len(counts) >= CLIENTS_LIMIT and item.key_for(client) not in counts:
            client = _OTHERS
        if await self._limiter.hit(item, client):
            return
        reset_at, _ = await self._limiter.get_window_stats(item, client)
        # The library's windows begin and end in wall time; a clock that was set must not ask for hours.
        wait_s = min(max(math.ceil(reset_at - time.time()), 1), 60)
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "rate_limited",
            f"Too many {what} in one minute. Allowed: {item.amount}",
            headers={"Retry-After": str(wait_s)},
        )
