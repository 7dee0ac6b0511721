"""A circuit breaker: stops trying for a while what has failed several times in a row."""

from __future__ import annotations

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
