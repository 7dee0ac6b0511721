"""What the past is asked and what it answers, for those who keep it and those who show it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from neasmart.core.commands.command import CommandState, Reason

TimedWords = list[tuple[float, int | None]]
Series = dict[int, TimedWords]
"""By address: Unix seconds with the word that holds from there on, None where nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCommand:
    """A command as the store remembers it; times are Unix seconds, `point` is a point id."""

    id: str
    point: str
    value: int | float
    origin: str
    state: CommandState
    queued_at: float
    delivered_at: float | None = None
    ended_at: float | None = None
    read_by: tuple[int, ...] = ()
    reason: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: registers, a range of Unix seconds, and how the samples of each stretch are thinned."""

    addresses: Collection[int]
    begin_s: float
    end_s: float
    stretches: int = 1
    thin: Callable[[int, TimedWords], TimedWords] | None = None

    def stretch_of(self, at_s: float) -> int:
        """Return the number of the stretch in which a time lies."""
        if self.thin is None:
            return 0
        return int((at_s - self.begin_s) / (self.end_s - self.begin_s) * self.stretches)
