"""How long to wait before a link is tried again, as numbers only."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_S = 0.2
LONGEST_S = 30.0


class Backoff:
    """0.2 s doubling to 30 s, with a tenth of jitter, until a link has worked."""

    def __init__(self, jitter: Callable[[float, float], float] = random.uniform) -> None:
        """Begin with the first wait; `jitter` returns a factor between its two arguments."""
        self._jitter = jitter
        self._next_s = FIRST_S

    def worked(self) -> None:
        """Begin anew, because a valid frame has come."""
        self._next_s = FIRST_S

    def wait_s(self) -> float:
        """Return the wait after another failure in a row."""
        wait_s = self._next_s * self._jitter(1.0, 1.1)
        self._next_s = min(2 * self._next_s, LONGEST_S)
        return min(wait_s, LONGEST_S)
