"""Limits how many requests a client may send in a minute, so that one broken program does not slow the house down."""

from __future__ import annotations

import math
import time
from http import HTTPStatus

from limits import RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from neasmart.web.problems import Problem

CLIENTS_LIMIT = 1024
_OTHERS = "others"


class _Counts(Storage):
    """The library's storage without its timers, which would cost a task for each request."""

    def __init__(self) -> None:
        """Start without counts."""
        super().__init__()
        self.counts: dict[str, tuple[int, float]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing that is expected."""
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count; a window that is over begins anew."""
        now = time.time()
        count, ends_at = self.counts.get(key, (0, 0.0))
        # A clock that was set back must not make a window longer.
        if not now < ends_at <= now + expiry:
            count, ends_at = 0, now + expiry
            if len(self.counts) >= CLIENTS_LIMIT:
                self.counts = {each: kept for each, kept in self.counts.items() if kept[1] > now}
        self.counts[key] = (count + amount, ends_at)
        return count + amount

    def get(self, key: str) -> int:
        """Return the count."""
        return self.counts.get(key, (0, 0.0))[0]

    def get_expiry(self, key: str) -> float:
        """Return when the window ends."""
        return self.counts.get(key, (0, time.time()))[1]

    def check(self) -> bool:
        """Memory is always there."""
        return True

    def reset(self) -> int:
        """Forget all."""
        forgotten, self.counts = len(self.counts), {}
        return forgotten

    def clear(self, key: str) -> None:
        """Forget one."""
        self.counts.pop(key, None)


class _PerMinute(RateLimitItemPerMinute):
    """The library's item, which would put the same key together anew for every request."""

    __slots__ = ("_keys",)

    def __init__(self, amount: int, namespace: str) -> None:
        """Allow so many a minute."""
        super().__init__(amount, namespace=namespace)
        self._keys: dict[tuple[bytes | str | float, ...], str] = {}

    def key_for(self, *identifiers: bytes | str | float) -> str:
        """Return the key of a client, remembered for as many clients as are counted."""
        key = self._keys.get(identifiers)
        if key is None:
            if len(self._keys) >= CLIENTS_LIMIT:
                self._keys.clear()
            key = self._keys[identifiers] = super().key_for(*identifiers)
        return key


class Rates:
    """Requests by client in the present minute; all clients beyond a bound share one count."""

    def __init__(self, *, per_minute: int, writes_per_minute: int) -> None:
        """Count from now on; 0 is no limit."""
        self._all = _PerMinute(per_minute, "all") if per_minute else None
        self._writes = _PerMinute(writes_per_minute, "writes") if writes_per_minute else None
        self._storage = _Counts()
        self._limiter = FixedWindowRateLimiter(self._storage)

    def check(self, client: str, *, writes: bool) -> None:
        """Count a request; raise Problem if it is one too many."""
        if self._all is not None:
            self._hit(self._all, client, "requests")
        if writes and self._writes is not None:
            self._hit(self._writes, client, "writes")

    def _hit(self, item: _PerMinute, client: str, what: str) -> None:
        counts = self._storage.counts
        if len(counts) >= CLIENTS_LIMIT and item.key_for(client) not in counts:
            client = _OTHERS
        if self._limiter.hit(item, client):
            return
        reset_at, _ = self._limiter.get_window_stats(item, client)
        # The library's windows begin and end in wall time; a clock that was set must not ask for hours.
        wait_s = min(max(math.ceil(reset_at - time.time()), 1), 60)
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "rate_limited",
            f"Too many {what} in one minute. Allowed: {item.amount}",
            headers={"Retry-After": str(wait_s)},
        )
