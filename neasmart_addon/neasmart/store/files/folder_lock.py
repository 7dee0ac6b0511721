"""Keeps a second gateway from writing into the folder of the first, which would mix two houses or undo each other."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from pathlib import Path

from neasmart.facts.errors import NeasmartError

NAME = "neasmart.lock"
_TAKEN = frozenset({errno.EAGAIN, errno.EACCES})
_MODE = 0o640


class FolderInUseError(NeasmartError):
    """Another gateway writes into this folder."""

    code = "folder_in_use"


class FolderLock:
    """The right to write into a folder; it ends with the process, however that ends."""

    def __init__(self, folder: Path) -> None:
        """Take nothing yet."""
        self._path = folder / NAME
        self._number: int | None = None
        self._taking = threading.Lock()

    def acquire(self) -> None:
        """Take the right, unless it is ours already; raise FolderInUseError, or OSError where the folder is no use.

        A file system that knows no locks lets everybody write, as before there were any.
        """
        # Rooms and values come from threads of their own; two at once would take each other for another gateway.
        with self._taking:
            if self._number is None:
                self._number = self._taken()

    @property
    def held(self) -> bool:
        """Whether the right is ours."""
        return self._number is not None

    def release(self) -> None:
        """Give the right back."""
        number, self._number = self._number, None
        if number is not None:
            os.close(number)

    def _taken(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _TAKEN:
                os.close(number)
                raise FolderInUseError(
                    f"Another gateway uses the folder {self._path.parent}. Stop it, or give this one a folder of its"
                    " own (database.path)."
                ) from error
        return number
