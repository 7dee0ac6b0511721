"""Says in one or two sentences what is wrong with the storage and what the owner can do about it."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from neasmart.facts.errors import NeasmartError
from neasmart.store.files.database import is_damage, primary_code

_FULL = "The disk under {folder} is full. Free some space on it."
_REFUSED = "The folder {folder} cannot be written. Check that it exists, is a folder and may be written."
_BROKEN = "The disk under {folder} reports errors. Check the SD card or disk and make a backup."
_BUSY = (
    "Another program uses the file {path}, or its disk knows no locks, as some network shares do. Stop the program, or"
    " choose a database.path on a disk of this computer."
)
_DAMAGED = "The file {path} is damaged and could not be set aside. Move it away."
_SLOW = "The disk under {folder} is slow to answer. Check the SD card or disk and make a backup."

_BY_CODE = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _REFUSED,
    sqlite3.SQLITE_CANTOPEN: _REFUSED,
    sqlite3.SQLITE_PERM: _REFUSED,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
}
_BY_ERRNO = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EACCES: _REFUSED,
    errno.EPERM: _REFUSED,
    errno.EROFS: _REFUSED,
    errno.ENOTDIR: _REFUSED,
    errno.EEXIST: _REFUSED,
    errno.ENOENT: _REFUSED,
    errno.EISDIR: _REFUSED,
}


def explain(error: Exception, path: Path) -> str:
    """Return what an error of the storage means to the owner of the house."""
    if isinstance(error, sqlite3.Error):
        text = _DAMAGED if is_damage(error) else _BY_CODE.get(primary_code(error) or 0, _BROKEN)
    elif isinstance(error, OSError):
        text = _BY_ERRNO.get(error.errno or 0, _BROKEN)
    elif isinstance(error, NeasmartError):
        text = str(error).replace("{", "{{").replace("}", "}}")
    else:
        text = _BROKEN
    return text.format(folder=path.parent, path=path)


def slow(path: Path) -> str:
    """Return what a disk that does not answer in time means."""
    return _SLOW.format(folder=path.parent)
