"""Makes of blocks of the history what a question asks, in so little memory that a year can be asked."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from neasmart.core.recall import Question, Series, TimedWords
from neasmart.store.samples import DamagedBlockError, Samples, unpacked

SEAM_MIN = 2
"""Two blocks so near to each other belong together; a longer pause is a gap."""
_BREATH_S = 0.001
_LOGGER = logging.getLogger(__name__)


class JoinedBlocks:
    """Joins blocks in the order of time, and thins each stretch as soon as it is over, so that memory stays small."""

    def __init__(self, question: Question, *, now_s: float) -> None:
        """Begin before the first block; `now_s` is the Unix time of the question."""
        self._question = question
        self._now_s = now_s
        self._until_min: int | None = None
        self._held: dict[int, TimedWords] = {address: [] for address in question.addresses}
        self._stretch: dict[int, TimedWords] = {address: [] for address in question.addresses}
        self._done: Series = {address: [] for address in question.addresses}

    def take_packed(self, rows: Iterable[Sequence[Any]]) -> None:
        """Take rows of the file; runs in a thread and gives the event loop its turn."""
        for start, length, block in rows:
            try:
                samples = unpacked(block, self._question.addresses)
            except DamagedBlockError:
                _LOGGER.debug("A block of the history is damaged", exc_info=True)
                continue
            self.take(int(start), int(length), samples)
        time.sleep(_BREATH_S)

    def take(self, start_min: int, length_min: int, samples: Mapping[int, Samples]) -> None:
        """Take one block; a pause before it is a gap."""
        if self._until_min is not None and start_min > self._until_min + SEAM_MIN:
            self._close(self._until_min)
        for address in self._question.addresses:
            for minute, word in samples.get(address, ()):
                self._add(address, (start_min + minute) * 60.0, word)
        self._until_min = max(self._until_min or 0, start_min + length_min)

    def series(self) -> Series:
        """Return the series, cut to the range."""
        until_s = min(self._question.end_s, self._now_s) - 60 * SEAM_MIN
        if self._until_min is not None and self._until_min * 60 < until_s:
            self._close(self._until_min)
        for address in self._question.addresses:
            self._finish_stretch(address)
        return self._done

    def _close(self, at_min: int) -> None:
        for address in self._question.addresses:
            last = self._held[address]
            if last and last[-1][1] is not None:
                self._add(address, max(at_min * 60.0, last[-1][0] + 1), None)

    def _add(self, address: int, at_s: float, word: int | None) -> None:
        """Add a sample; what a clock that was set back says about times already told is left out."""
        held, question = self._held[address], self._question
        last = held[-1] if held else None
        if last is not None and (at_s < last[0] or word == last[1]):
            return
        if at_s > question.end_s:
            return
        if at_s >= question.begin_s:
            if last is not None and last[0] < question.begin_s < at_s and last[1] is not None:
                self._put(address, question.begin_s, last[1])
            self._put(address, at_s, word)
        self._held[address] = [(at_s, word)]

    def _put(self, address: int, at_s: float, word: int | None) -> None:
        stretch = self._stretch[address]
        if stretch and stretch[-1][0] == at_s:
            stretch.pop()
        elif stretch and self._question.stretch_of(stretch[-1][0]) != self._question.stretch_of(at_s):
            self._finish_stretch(address)
            stretch = self._stretch[address]
        stretch.append((at_s, word))

    def _finish_stretch(self, address: int) -> None:
        question, stretch = self._question, self._stretch[address]
        held = self._held[address]
        if not stretch and not self._done[address] and held and held[-1][1] is not None:
            # Nothing changed within the range: what held at its beginning stands there.
            stretch = [(max(held[-1][0], question.begin_s), held[-1][1])]
        self._done[address] += stretch if question.thin is None else question.thin(address, stretch)
        self._stretch[address] = []
