"""Keeps what a link says about itself from filling the log: a link that comes and goes costs one line a minute.

Some lines are free, so that an ordinary start or loss is told at once and in full; each further line needs a minute,
and says how much it stands for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

FREE_LINES = 20
EVERY_S = 60.0


class Journal:
    """Writes lines of one link to the log; the last line of a stormy minute is never lost, only late."""

    def __init__(self, logger: logging.Logger, clock: Callable[[], float]) -> None:
        """Write to `logger`; `clock` gives monotonic seconds."""
        self._logger = logger
        self._clock = clock
        self._free = float(FREE_LINES)
        self._at = clock()
        self._held: tuple[int, str] | None = None
        self._unsaid = 0

    def say(self, level: int, text: str) -> None:
        """Write a line, or hold it until its minute has come; a held line gives way to a later one as grave."""
        self._regain()
        if self._free >= 1 and self._held is None:
            self._write(level, text)
            return
        if self._held is not None:
            self._unsaid += 1
        if self._held is None or level >= self._held[0]:
            self._held = (level, text)
        self.flush()

    def flush(self) -> None:
        """Write what is held if its minute has come; called now and then."""
        self._regain()
        if self._held is None or self._free < 1:
            return
        level, text = self._held
        more = f" (and {self._unsaid} more changes of the link)" if self._unsaid else ""
        self._held, self._unsaid = None, 0
        self._write(level, text + more)

    def _write(self, level: int, text: str) -> None:
        self._free -= 1
        self._logger.log(level, "%s", text)

    def _regain(self) -> None:
        now = self._clock()
        self._free = min(float(FREE_LINES), self._free + (now - self._at) / EVERY_S)
        self._at = now
