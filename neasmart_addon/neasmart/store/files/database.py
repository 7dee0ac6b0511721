"""Opens the file of the store: creates it, checks it, brings it to the present schema, and sets a damaged one aside.

Everything here blocks, so it runs in the thread of the database connection and never in the event loop.

Measured for a bus of sixty zones (bench/store_writes.py): pages of 1024 bytes cost the disk 1.0 MB in six hours, those
of 4096 bytes 1.6 MB.
"""

from __future__ import annotations

import logging
import sqlite3
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from neasmart.facts.errors import NeasmartError
from neasmart.store.files.folder_lock import FolderLock

Connect = Callable[[Path], sqlite3.Connection]

_LOGGER = logging.getLogger(__name__)
_PAGE_BYTES = 1024
_CACHE_KIB = 256
_CHECKPOINT_PAGES = 512
_WAL_LIMIT_BYTES = 1024 * 1024
_BUSY_S = 1.0
_CHECK_LIMIT_S = 2.0
_DAMAGED_KEPT = 3
MAGIC = b"SQLite format 3\x00"
_VERSION_OFFSET = 60
_OTHERS = 0o007
_MIGRATIONS = Path(__file__).parents[1] / "migrations"


class NewerFileError(NeasmartError):
    """The file was written by a later version of the gateway; it is left as it is."""

    code = "newer_storage"


class ForeignFileError(NeasmartError):
    """The file is a database of another program; it is left as it is."""

    code = "foreign_storage"


class UnusableFileError(NeasmartError):
    """What stands at the path is a folder, or a file that the gateway may not read and write."""

    code = "unusable_storage"


class DamagedFileError(NeasmartError):
    """The file opens, but its check finds damage."""

    code = "damaged_storage"


class DatabaseFile:
    """The file at a path, and what was found when it was opened."""

    def __init__(
        self,
        path: Path,
        *,
        wall: Callable[[], float],
        connect: Connect | None = None,
        lock: FolderLock | None = None,
    ) -> None:
        """Name the file only; `wall` gives the Unix time for the name of a damaged one.

        With a `lock` the file is opened only while nobody else writes into its folder.
        """
        self.path = path
        self._damaged = False
        self.set_aside_as: Path | None = None
        self._wall = wall
        self._connect = connect or connect_to
        self._lock = lock
        self._identity: tuple[int, int] | None = None

    def open(self) -> sqlite3.Connection:
        """Return a connection to a sound file of the present schema.

        Raises sqlite3.Error and OSError as they come, NewerFileError, ForeignFileError, UnusableFileError and
        FolderInUseError.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._lock is not None:
            self._lock.acquire()
        if self._damaged:
            self._set_aside()
        try:
            return self._opened()
        except MemoryError as error:
            # Damage can cause this, but so can other programs, and the file may be sound.
            raise sqlite3.OperationalError("out of memory") from error
        except (sqlite3.DatabaseError, DamagedFileError, UnicodeDecodeError) as error:
            if not is_damage(error):
                raise
            _LOGGER.warning("%s is damaged (%s)", self.path, error)
        self._set_aside()
        return self._opened()

    def condemn(self) -> None:
        """Set the file aside when it is next opened, because it has turned out to be damaged."""
        self._damaged = True

    def unmoved(self) -> bool:
        """Return whether the path still names the file that was opened; a removed file can be written without error."""
        return self._identity is not None and self._identity == _identity(self.path)

    def _opened(self) -> sqlite3.Connection:
        _refuse_newer(_header_version(self.path), self.path)
        connection = self._connect(self.path)
        try:
            _hide(self.path)
            _prepare(connection, self.path)
        except BaseException:
            connection.close()
            raise
        self._identity = _identity(self.path)
        return connection

    def _set_aside(self) -> None:
        at = datetime.fromtimestamp(self._wall(), tz=UTC)
        target = self.path.with_name(f"{self.path.name}.corrupt-{at:%Y%m%dT%H%M%SZ}")
        # The log of changes goes first: left behind, it would be applied to the new file.
        for suffix in ("-wal", "-shm", ""):
            source = self.path.with_name(self.path.name + suffix)
            if source.exists():
                source.replace(target.with_name(target.name + suffix))
        self._damaged = False
        self.set_aside_as = target
        _LOGGER.warning("The damaged file was set aside as %s; a new one is begun", target)
        _remove_older(self.path)


def connect_to(path: Path) -> sqlite3.Connection:
    """Return a plain connection in autocommit mode, so that transactions are begun where they are meant."""
    return sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)


def is_damage(error: Exception) -> bool:
    """Return whether an error says that the content of the file is broken, not the way to it."""
    if isinstance(error, DamagedFileError | UnicodeDecodeError):
        # sqlite3 quotes damaged names in its errors, and fails over what is no UTF-8 in them.
        return True
    if not isinstance(error, sqlite3.DatabaseError):
        return False
    if primary_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return True
    return str(error).startswith(("no such table", "no such column")) or "has no column" in str(error)


def primary_code(error: sqlite3.Error) -> int | None:
    """Return SQLite's result code without its details, None where the Python module itself complains."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    _refuse_newer(version, path)
    _check(connection)
    if version == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
        raise ForeignFileError(_foreign(connection, path))
    for pragma in (
        f"page_size = {_PAGE_BYTES}",
        # Lets the file become smaller; counts for a new file, and for an old one from its next VACUUM on.
        "auto_vacuum = INCREMENTAL",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        f"cache_size = -{_CACHE_KIB}",
        f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
        f"journal_size_limit = {_WAL_LIMIT_BYTES}",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")
    for number, script in _migrations():
        if number > version:
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")


def _foreign(connection: sqlite3.Connection, path: Path) -> str:
    older = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'holding_registers'"
    if connection.execute(older).fetchone() == (1,):
        return (
            f"The file {path} is the storage of an older gateway and stays as it is. Choose another database.path, and"
            f" take over what it holds by `neasmart import {path} --apply`."
        )
    return f"The file {path} belongs to another program. Move it away, or choose another database.path."


def _hide(path: Path) -> None:
    """Take the file from the eyes of other accounts: it tells when somebody is at home."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & _OTHERS:
            path.chmod(mode & ~_OTHERS)
    except OSError:
        # Whoever may not change that may still write the file, and opening it will tell.
        _LOGGER.debug("The mode of %s stays as it is", path, exc_info=True)


def _check(connection: sqlite3.Connection) -> None:
    """Raise DamagedFileError for a broken file; a check that takes too long is given up and counts as passed."""
    deadline = time.monotonic() + _CHECK_LIMIT_S
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
    try:
        found = [str(line) for (line,) in connection.execute("PRAGMA quick_check(1)")]
    except sqlite3.OperationalError as error:
        if primary_code(error) != sqlite3.SQLITE_INTERRUPT:
            raise
        return
    finally:
        connection.set_progress_handler(None, 0)
    if found != ["ok"]:
        raise DamagedFileError(found[0] if found else "the check gave no answer")


def _migrations() -> list[tuple[int, str]]:
    scripts = _MIGRATIONS.glob("*.sql")
    return sorted((int(script.name.partition("_")[0]), script.read_text(encoding="utf-8")) for script in scripts)


def _header_version(path: Path) -> int:
    """Read the schema version without SQLite, which may already write, and does not tell a file from its folder."""
    try:
        with path.open("r+b") as file:
            header = file.read(_VERSION_OFFSET + 4)
    except FileNotFoundError:
        return 0
    except IsADirectoryError as error:
        text = f"{path} is a folder. Name a file in it as database.path, such as {path}/neasmart.db."
        raise UnusableFileError(text) from error
    except PermissionError as error:
        text = (
            f"The file {path} cannot be opened. Check whom it belongs to, and that the gateway may read and write it."
        )
        raise UnusableFileError(text) from error
    return int.from_bytes(header[_VERSION_OFFSET:]) if header.startswith(MAGIC) else 0


def _refuse_newer(version: int, path: Path) -> None:
    latest = _migrations()[-1][0]
    if version > latest:
        raise NewerFileError(
            f"The file {path} was written by a newer version of the gateway (its schema is {version}, this version "
            f"knows {latest}). Update the gateway, or move the file away."
        )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _remove_older(path: Path) -> None:
    """Remove all but the last damaged files; their names sort by time."""
    damaged = sorted(path.parent.glob(f"{path.name}.corrupt-*Z"))
    for each in damaged[:-_DAMAGED_KEPT]:
        for suffix in ("-wal", "-shm", ""):
            each.with_name(each.name + suffix).unlink(missing_ok=True)
