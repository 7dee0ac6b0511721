"""When to try again what has failed, as numbers only: the one policy of every edge."""

from __future__ import annotations

import random
from enum import StrEnum


class BreakerState(StrEnum):
    """Closed lets everything through, open nothing, half-open one trial."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """Opens after `failure_threshold` failures in a row, half-open after `recovery_s` seconds."""

    def __init__(self, *, failure_threshold: int, recovery_s: float) -> None:
        """Start closed."""
        self.failure_threshold = failure_threshold
        self.recovery_s = recovery_s
        self.failures = 0
        self._opened_at: float | None = None

    def state(self, now: float) -> BreakerState:
        """Return the state at a monotonic time."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if now - self._opened_at >= self.recovery_s else BreakerState.OPEN

    def wait_s(self, now: float) -> float:
        """Return the seconds until the next trial is allowed."""
        return 0.0 if self._opened_at is None else max(0.0, self._opened_at + self.recovery_s - now)

    def succeeded(self) -> None:
        """Close."""
        self.failures = 0
        self._opened_at = None

    def failed(self, now: float) -> None:
        """Count a failure; a failed trial opens again for the whole time."""
        self.failures += 1
        if self.failures >= self.failure_threshold:
            self._opened_at = now

    def allow_trial(self, now: float) -> None:
        """Become half-open at once, because the cause is known to have gone."""
        if self._opened_at is not None:
            self._opened_at = now - self.recovery_s


class Backoff:
    """Waits that double from `first_s` to `longest_s`, until what is tried has worked."""

    def __init__(self, first_s: float, longest_s: float, *, spread: tuple[float, float] = (1.0, 1.0)) -> None:
        """Begin with the first wait; each is multiplied by a factor from `spread`, by chance."""
        self._first_s = first_s
        self._longest_s = longest_s
        self._spread = spread
        self._next_s = first_s

    def worked(self) -> None:
        """Begin anew."""
        self._next_s = self._first_s

    def hopeless(self) -> None:
        """Take the longest wait next."""
        self._next_s = self._longest_s

    def wait_s(self) -> float:
        """Return the wait after another failure in a row."""
        wait_s = self._next_s * random.uniform(*self._spread)  # noqa: S311 - no secret
        self._next_s = min(2 * self._next_s, self._longest_s)
        return wait_s
