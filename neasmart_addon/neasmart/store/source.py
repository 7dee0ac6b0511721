"""What the writer of the store asks of everything that it stores.

All sources are written in one transaction, so that a further table costs no further write to the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import aiosqlite

Parameters = tuple[str | int | float | bytes | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChanges:
    """What a source wants written: statements with their rows; `confirm` is called once they are committed."""

    statements: Sequence[tuple[str, Sequence[Parameters]]]
    confirm: Callable[[], None]


class RowSource(Protocol):
    """Keeps the present rows in memory, and knows which of them the file does not hold yet."""

    @property
    def waiting(self) -> int:
        """How many rows differ from the file."""

    @property
    def urgent(self) -> bool:
        """Whether a row is waiting that must not be lost for longer than one flush interval."""

    def changes(self) -> RowChanges:
        """Return what differs from the file."""

    async def load(self, connection: aiosqlite.Connection) -> None:
        """Learn what the file holds; rows that are newer in memory stay."""

    def forget(self) -> None:
        """Drop all rows in memory."""
