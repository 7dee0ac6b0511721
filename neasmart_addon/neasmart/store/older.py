"""Takes what an older gateway kept of the bus into our storage, for display only; it is never served to the base.

Older gateways keep each register as a pickle, keyed by its address as text. A pickle is a program, so none is run here:
the few bytes that a pickled integer has are recognised, and everything else is refused.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from neasmart.facts.errors import NeasmartError
from neasmart.facts.points import TABLE
from neasmart.store.files.database import DatabaseFile

ROW_LIMIT = 65_536
_WORD_LIMIT = 65_536
_OLDER_TABLE = "holding_registers"
_LENGTH_LIMIT = 1_000_000
_PATIENCE_S = 10.0
_STEPS = 1000
_KEY_LENGTH = 5
_PICKLE_LENGTH = 20
_ROWS = (
    "SELECT CASE typeof(key) WHEN 'text' THEN substr(key, 1, ?) END,"
    " CASE WHEN typeof(value) = 'blob' AND length(value) <= ? THEN value END FROM holding_registers LIMIT ?"
)
_ADDRESS = re.compile(r"0|[1-9][0-9]{0,4}")
_PICKLED_INT = re.compile(
    rb"(?:\x80[\x02-\x05])?"  # protocol
    rb"(?:\x95[\x00-\x0f]\x00{7})?"  # length of the frame
    rb"(?:K(?P<one>.)|M(?P<two>..)|J(?P<four>....))"
    rb"\.",
    re.DOTALL,
)


class OlderFileError(NeasmartError):
    """The file of an older gateway, or ours, cannot be used; the message says why."""

    code = "older_file"


@dataclass(frozen=True, slots=True, kw_only=True)
class OlderRegisters:
    """What an older file holds: words by address, and how many rows are left out, by reason."""

    words: dict[int, int]
    never_reported: int
    not_ours: int
    refused: int


def pickled_int(content: object) -> int | None:
    """Return the integer whose pickle these bytes are, None for anything else; nothing is executed."""
    found = _PICKLED_INT.fullmatch(content) if isinstance(content, bytes) else None
    if found is None:
        return None
    return int.from_bytes(found["one"] or found["two"] or found["four"], "little", signed=found["four"] is not None)


def read(path: Path) -> OlderRegisters:
    """Return the registers of an older gateway's file; raise OlderFileError if it has none or too many."""
    words: dict[int, int] = {}
    known = {ref.address for ref in TABLE}
    never_reported = not_ours = refused = 0
    with _reading(path) as connection:
        if _OLDER_TABLE not in _tables(connection):
            raise OlderFileError(f"{path}: has no table holding_registers, so no older gateway wrote it")
        # One row at a time, and of each no more than a register has: a row can be a megabyte, and computed.
        rows = connection.execute(_ROWS, (_KEY_LENGTH + 1, _PICKLE_LENGTH, ROW_LIMIT + 1))
        kept = [(key, content) for key, content in rows]
    if len(kept) > ROW_LIMIT:
        raise OlderFileError(f"{path}: has more than {ROW_LIMIT} registers, so no older gateway wrote it")
    for key, content in kept:
        word = pickled_int(content)
        if word is None or not 0 <= word < _WORD_LIMIT or not isinstance(key, str) or not _ADDRESS.fullmatch(key):
            refused += 1
        elif word == 0:
            never_reported += 1
        elif int(key) not in known:
            not_ours += 1
        else:
            words[int(key)] = word
    return OlderRegisters(words=words, never_reported=never_reported, not_ours=not_ours, refused=refused)


def present(path: Path) -> set[int]:
    """Return the addresses that our own file already has; empty without a file or with one of nothing. Writes nothing.

    Raises OlderFileError where the settings name a file that is none of ours.
    """
    if not path.exists():
        return set()
    with _reading(path) as connection:
        tables = _tables(connection)
        if _OLDER_TABLE in tables:
            raise OlderFileError(
                f"database.path is {path}, which is the storage of the older gateway itself and stays as it is. Set it"
                f" to another file, such as {path.with_name('neasmart.db')}, and import again"
            )
        if not tables:
            return set()
        if "reported" not in tables:
            raise OlderFileError(f"database.path is {path}, which belongs to another program. Choose another one")
        return {address for (address,) in connection.execute("SELECT address FROM reported")}


def add(path: Path, words: dict[int, int], *, at_unix_s: float, copy: Path) -> None:
    """Add words that our file does not have, in one transaction; a file that exists is copied to `copy` before.

    A gateway may run that has the file open: in a container there is no other way to call this. What the base tells it
    replaces what is added here.
    """
    existed = path.exists()
    try:
        with closing(DatabaseFile(path, wall=time.time).open()) as connection:
            if existed:
                with closing(sqlite3.connect(copy)) as target:
                    connection.backup(target)
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO reported (address, word, at_unix_s) VALUES (?, ?, ?) ON CONFLICT (address) DO NOTHING",
                [(address, word, at_unix_s) for address, word in sorted(words.items())],
            )
            connection.execute("COMMIT")
    except (sqlite3.Error, OSError) as error:
        raise OlderFileError(f"{path}: cannot be written ({error})") from error


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file that may be hostile: read-only, with limits on time and size, and without its own functions."""
    deadline = time.monotonic() + _PATIENCE_S
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LENGTH_LIMIT)
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
            connection.execute("PRAGMA trusted_schema = OFF")
            yield connection
    except (UnicodeDecodeError, MemoryError) as error:
        # sqlite3 fails over names that are no UTF-8 in its own errors; impossible lengths are more than it may take.
        raise OlderFileError(f"{path}: cannot be read (its schema is damaged)") from error
    except sqlite3.Error as error:
        interrupted = time.monotonic() > deadline
        why = f"it takes longer than {_PATIENCE_S:g} s" if interrupted else str(error)
        raise OlderFileError(f"{path}: cannot be read ({why})") from error
