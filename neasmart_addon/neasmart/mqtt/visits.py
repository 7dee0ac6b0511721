"""Knows since when the base has walked past a room again, by what it writes; no time is guessed.

How long a walk takes depends on the house and on the base, from seconds to minutes. But the base writes a room's
temperature once in every walk, so between two of these it has told everything of the room at least once.
"""

from __future__ import annotations

import math

from neasmart.core.state.plant import Reading, Source


class Visits:
    """The last two visits of the base to every room, in monotonic seconds."""

    def __init__(self) -> None:
        """Start without a visit."""
        self._last: dict[tuple[int, ...], float] = {}
        self._before: dict[tuple[int, ...], float] = {}

    def note(self, reading: Reading) -> None:
        """Take a reading; one that is only published anew, and any but a room's temperature, is no visit."""
        ref, at = reading.ref, reading.at
        if at is None or reading.source is not Source.BUS or not ref.room or ref.point.key != ref.group.exists_by:
            return
        last = self._last.get(ref.index, -math.inf)
        if at > last:
            self._last[ref.index] = at
            self._before[ref.index] = last
            self._before[()] = max(last, self._before.get((), -math.inf))

    def since(self, index: tuple[int, ...], moment: float) -> bool:
        """Return whether the base has been at a room twice since a moment; with no index, at any room of the house."""
        return self._before.get(index, -math.inf) > moment
