"""The history of commands: the last thousand, in memory and in the file, newest first for those who ask."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace

import aiosqlite

from neasmart.core.commands.command import Command, CommandState, Reason, Why
from neasmart.core.recall import PastCommand
from neasmart.facts.clock import Clock
from neasmart.store.source import Parameters, RowChanges

HISTORY_LENGTH = 1000
"""How many commands are kept; also the bound of what waits in memory while the disk fails."""

_COLUMNS = (
    "number, id, point, value, origin, state, queued_at, delivered_at, ended_at, read_by"
    ", reason, reason_code, reason_value"
)
_PLACES = ", ".join("?" * (_COLUMNS.count(",") + 1))
_READ = f"SELECT {_COLUMNS} FROM commands ORDER BY number"  # noqa: S608 - a constant of this module
_WRITE = f"INSERT OR REPLACE INTO commands ({_COLUMNS}) VALUES ({_PLACES})"  # noqa: S608 - the same
_DELETE = "DELETE FROM commands WHERE number = ?"
_CUT_OFF = Reason(why=Why.RESTARTED, text="the gateway stopped before the command ended")
_CODES = {each.value: each for each in Why}


class CommandLog:
    """The rows of the table `commands` by their number, which counts up from the oldest."""

    def __init__(self, clock: Clock) -> None:
        """Start empty."""
        self._clock = clock
        self._rows: dict[int, PastCommand] = {}
        self._stored: dict[int, PastCommand] = {}
        self._numbers: dict[str, int] = {}
        self._waiting: set[int] = set()

    def take(self, command: Command) -> None:
        """Note a command of this process as it stands now."""
        number = self._numbers.setdefault(command.id, next(reversed(self._rows), 0) + 1)
        self._rows[number] = row = self._row(command, self._rows.get(number))
        if self._stored.get(number) == row:
            self._waiting.discard(number)
        else:
            self._waiting.add(number)
        self._trim()

    async def load(self, connection: aiosqlite.Connection) -> None:
        """Take the file's rows as the older part of the history; of a command known here, the row here stays."""
        self._stored = dict(_parsed(await connection.execute_fetchall(_READ)))
        known = {row.id: row for row in self._rows.values()}
        self._rows = {
            number: known.pop(row.id) if row.id in known else _cut_off(row) for number, row in self._stored.items()
        }
        self._rows.update(enumerate(known.values(), max(self._rows, default=0) + 1))
        self._numbers = {row.id: number for number, row in self._rows.items()}
        self._waiting = {number for number, row in self._rows.items() if self._stored.get(number) != row}
        self._trim()

    def changes(self) -> RowChanges:
        """Return the rows that differ from the file, and those that the file keeps beyond the last thousand."""
        rows = {number: self._rows[number] for number in sorted(self._waiting)}
        gone = [number for number in self._stored if number not in self._rows]
        statements: list[tuple[str, list[Parameters]]] = []
        if gone:
            statements.append((_DELETE, [(number,) for number in gone]))
        if rows:
            statements.append((_WRITE, [_parameters(number, row) for number, row in rows.items()]))

        def confirm() -> None:
            for number in gone:
                self._stored.pop(number, None)
            self._stored.update(rows)
            self._waiting -= {number for number, row in rows.items() if self._rows.get(number) == row}

        return RowChanges(statements=statements, confirm=confirm)

    def newest(self, limit: int) -> list[PastCommand]:
        """Return the last commands, newest first."""
        rows = list(self._rows.values())
        return rows[: -limit - 1 : -1] if limit > 0 else []

    def forget(self) -> None:
        """Drop all rows in memory."""
        self._rows.clear()
        self._stored.clear()
        self._numbers.clear()
        self._waiting.clear()

    @property
    def waiting(self) -> int:
        """How many rows differ from the file."""
        return len(self._waiting)

    @property
    def urgent(self) -> bool:
        """Whether a command has ended that the file does not know to be ended."""
        return any(not self._rows[number].state.live for number in self._waiting)

    def _row(self, command: Command, known: PastCommand | None) -> PastCommand:
        """Return the row of a command; a time once noted stays, whatever the wall clock does later."""

        def wall(at: float | None, noted: float | None) -> float | None:
            return noted if at is None or noted is not None else self._clock.to_wall(at)

        return PastCommand(
            id=command.id,
            point=command.ref.id,
            value=command.value,
            origin=command.origin,
            state=command.state,
            queued_at=known.queued_at if known else self._clock.to_wall(command.queued_at),
            delivered_at=wall(command.delivered_at, known.delivered_at if known else None),
            ended_at=wall(command.ended_at, known.ended_at if known else None),
            read_by=command.read_by,
            reason=command.reason,
        )

    def _trim(self) -> None:
        while len(self._rows) > HISTORY_LENGTH:
            oldest = next(iter(self._rows))
            del self._numbers[self._rows.pop(oldest).id]
            self._waiting.discard(oldest)


def _cut_off(row: PastCommand) -> PastCommand:
    """Return the row of an earlier process with an end, because a restart serves no command again."""
    return replace(row, state=CommandState.EXPIRED, reason=_CUT_OFF) if row.state.live else row


def _parsed(rows: Iterable[sqlite3.Row]) -> Iterable[tuple[int, PastCommand]]:
    states = set(CommandState)
    for number, command_id, point, value, origin, state, queued_at, delivered_at, ended_at, read_by, *reason in rows:
        if state not in states:
            continue
        yield (
            number,
            PastCommand(
                id=command_id,
                point=point,
                value=value,
                origin=origin,
                state=CommandState(state),
                queued_at=queued_at,
                delivered_at=delivered_at,
                ended_at=ended_at,
                read_by=tuple(int(unit_id) for unit_id in read_by.split(",") if unit_id.isdecimal()),
                reason=_reason(*reason),
            ),
        )


def _reason(text: str | None, code: str | None, value: float | None) -> Reason | None:
    return None if text is None else Reason(why=_CODES.get(code or ""), text=text, value=value)


def _parameters(number: int, row: PastCommand) -> Parameters:
    why = row.reason
    return (
        number,
        row.id,
        row.point,
        row.value,
        row.origin,
        row.state.value,
        row.queued_at,
        row.delivered_at,
        row.ended_at,
        ",".join(map(str, row.read_by)),
        *((None, None, None) if why is None else (why.text, why.why, why.value)),
    )
