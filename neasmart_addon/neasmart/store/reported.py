"""The words that the base reported last, kept so that a restart can show them; they are never served to the base.

A register that is reported again and again with the same word is not written again. Its row has no time of its own
then: it was reported until `saved`, the time of the last report of all. Only a register that fell silent while
others went on gets the time of its last report.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import aiosqlite

from neasmart.core.state.plant import Reading, Source
from neasmart.facts.clock import Clock
from neasmart.facts.registers import ADDRESS_LIMIT
from neasmart.facts.rows import Point
from neasmart.store.source import Parameters, RowChanges

LONGEST_AGE_S = 30 * 86400.0
"""Older than this is shown as this old: so large an age more likely comes from a clock that was wrong."""
CLOCK_SLACK_S = 60.0
"""So far a clock may move without having been wrong before."""

_WRITE = (
    "INSERT INTO reported (address, word, at_unix_s) VALUES (?, ?, ?) "
    "ON CONFLICT (address) DO UPDATE SET word = excluded.word, at_unix_s = excluded.at_unix_s"
)
_WRITE_SAVED = (
    "INSERT INTO saved (id, at_unix_s) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at_unix_s = excluded.at_unix_s"
)
_DROP = "DELETE FROM reported WHERE address = ?"
_WORD_LIMIT = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedRow:
    """A word, and since when the register is silent in Unix seconds; None while it is reported like the others."""

    word: int
    silent_since: float | None = None


class ReportedRows:
    """The rows of the table `reported` and the one of `saved`."""

    def __init__(self, clock: Clock) -> None:
        """Start empty."""
        self._clock = clock
        self._rows: dict[int, ReportedRow] = {}
        self._stored: dict[int, ReportedRow] = {}
        self._waiting: set[int] = set()
        self._urgent: set[int] = set()
        self._dropped: set[int] = set()
        self._last_report_at: float | None = None
        self._saved_at: float | None = None

    def take(self, item: object) -> None:
        """Note a reading that came from the bus."""
        if not isinstance(item, Reading) or item.source is not Source.BUS or item.word is None or item.at is None:
            return
        if self._last_report_at is None or item.at > self._last_report_at:
            self._last_report_at = item.at
        silent_since = self._clock.to_wall(item.at) if item.stale else None
        self._put(item.ref.address, ReportedRow(word=item.word, silent_since=silent_since))
        if item.ref.address in self._waiting and self._matters(item.ref.address, item.ref.point):
            self._urgent.add(item.ref.address)

    def drop(self, addresses: Iterable[int]) -> None:
        """Forget registers, in the file, too."""
        for address in addresses:
            self._dropped.add(address)
            for known in (self._rows, self._stored):
                known.pop(address, None)
            self._waiting.discard(address)
            self._urgent.discard(address)

    async def load(self, connection: aiosqlite.Connection) -> None:
        """Take the file's rows for all registers that the bus has not reported in this process."""
        rows = await connection.execute_fetchall("SELECT address, word, at_unix_s FROM reported")
        saved = await connection.execute_fetchall("SELECT at_unix_s FROM saved")
        self._saved_at = next((at for (at,) in saved), None)
        self._stored = {
            address: ReportedRow(word=word, silent_since=at)
            for address, word, at in rows
            if 0 <= address < ADDRESS_LIMIT and 0 <= word < _WORD_LIMIT and address not in self._dropped
        }
        for address, row in self._stored.items():
            if address not in self._rows:
                silent_since = self._saved_at if row.silent_since is None else row.silent_since
                self._rows[address] = ReportedRow(word=row.word, silent_since=silent_since)
        self._urgent = {address for address in self._rows if address not in self._stored}
        self._waiting = {address for address, row in self._rows.items() if self._stored.get(address) != row}

    def restorable(self) -> Iterator[tuple[int, int, float]]:
        """Iterate over address, word and monotonic time of what the file held, with ages that a person can believe."""
        now, wall = self._clock.monotonic(), self._clock.wall()
        for address, row in self._stored.items():
            at = self._saved_at if row.silent_since is None else row.silent_since
            # What is of tomorrow was written, or is read, by a clock that is wrong.
            is_past = at is not None and math.isfinite(at) and at <= wall + CLOCK_SLACK_S
            age_s = wall - at if is_past and at is not None else LONGEST_AGE_S
            yield address, row.word, now - min(max(age_s, 0.0), LONGEST_AGE_S)

    def changes(self) -> RowChanges:
        """Return the rows that differ from the file and the time of the last report."""
        rows = {address: self._rows[address] for address in sorted(self._waiting)}
        saved_at = self._saved_at if self._last_report_at is None else self._clock.to_wall(self._last_report_at)
        statements: list[tuple[str, list[Parameters]]] = []
        dropped = tuple(sorted(self._dropped))
        if dropped:
            statements.append((_DROP, [(address,) for address in dropped]))
        if rows:
            statements.append((_WRITE, [(address, row.word, row.silent_since) for address, row in rows.items()]))
        if saved_at is not None and (self._saved_at is None or abs(saved_at - self._saved_at) >= 1.0):
            statements.append((_WRITE_SAVED, [(saved_at,)]))

        def confirm() -> None:
            self._saved_at = saved_at
            for address in dropped:
                self._stored.pop(address, None)
            self._stored.update(rows)
            self._dropped.difference_update(dropped)
            for address, row in rows.items():
                if self._rows.get(address) == row:
                    self._waiting.discard(address)
                    self._urgent.discard(address)

        return RowChanges(statements=statements, confirm=confirm)

    def forget(self) -> None:
        """Drop all rows in memory."""
        self._rows.clear()
        self._stored.clear()
        self._waiting.clear()
        self._urgent.clear()

    @property
    def leaving(self) -> bool:
        """Whether the file still holds registers that are to be forgotten."""
        return bool(self._dropped)

    @property
    def waiting(self) -> int:
        """How many rows differ from the file."""
        return len(self._waiting) + len(self._dropped)

    @property
    def urgent(self) -> bool:
        """Whether a mode, state, setpoint or fault has changed, or a register was seen for the first time."""
        return bool(self._urgent or self._dropped)

    def _put(self, address: int, row: ReportedRow) -> None:
        self._rows[address] = row
        if self._stored.get(address) == row:
            self._waiting.discard(address)
            self._urgent.discard(address)
        else:
            self._waiting.add(address)

    def _matters(self, address: int, point: Point) -> bool:
        stored = self._stored.get(address)
        if stored is None:
            return True
        return stored.word != self._rows[address].word and (point.writable or point.device_class == "problem")
