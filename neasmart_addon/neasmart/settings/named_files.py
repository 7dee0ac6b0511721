"""Looks at files that people have put or named somewhere, so that anything can stand there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

SIZE_LIMIT = 1_000_000
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})


def may_exist(path: Path) -> bool:
    """Return whether a file is there, or may be: what cannot be looked at may mean anything, so it is to be read.

    That holds for a link, too, that leads to a disk or a share which is not there.
    """
    try:
        path.lstat()
    except OSError as error:
        return error.errno not in _ABSENT
    return True


def read_regular(path: Path, limit: int = SIZE_LIMIT) -> bytes:
    """Return a file's content, cut one byte after the limit; raise OSError for what would never end or begin."""
    # Without O_NONBLOCK a pipe is waited for until somebody writes to it.
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    mode = os.fstat(number).st_mode
    if not stat.S_ISREG(mode):
        os.close(number)
        raise OSError(errno.EINVAL, "it is a folder" if stat.S_ISDIR(mode) else "it is no regular file", str(path))
    with os.fdopen(number, "rb") as file:
        return file.read(limit + 1)
