"""Lets the base fall silent now and then, as one does that is switched off or whose cable is pulled."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Silence:
    """One time without any byte: seconds since the start, and how long."""

    at_s: float
    for_s: float


class Silences:
    """What is left of a plan, for as long as the base lives."""

    def __init__(self, plan: Iterable[Silence]) -> None:
        """Begin with all of it."""
        self._left = deque(sorted(plan))
        self.count = 0

    def due_s(self, at_s: float) -> float:
        """Return how long to be silent now, 0 mostly; `at_s` is the time since the start."""
        if not self._left or at_s < self._left[0].at_s:
            return 0.0
        self.count += 1
        return self._left.popleft().for_s
