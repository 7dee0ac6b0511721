"""Keeps what the owner says of the rooms in `rooms.json`: small, readable, apart from the database.

A damaged database costs no name, and a damaged file of rooms is set aside and costs names only. It is written whole
beside the old one and takes its place in one step, so a power cut leaves one of the two.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec

from neasmart.core.state.rooms import LONGEST_NAME, Room
from neasmart.facts.errors import NeasmartError
from neasmart.store.files.folder_lock import FolderLock

NAME = "rooms.json"
SIZE_LIMIT = 1_000_000
_FORMAT = 1
_MODE = 0o640
_LOG = logging.getLogger(__name__)

_UNREADABLE = (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError)

_Text = Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]


class _StoredRoom(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    base_id: Annotated[int, msgspec.Meta(ge=1, le=5)]
    zone_id: Annotated[int, msgspec.Meta(ge=1, le=12)]
    name: _Text = ""
    floor: _Text = ""
    position: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    hidden: bool = False
    in_home_assistant: bool = True
    from_page: bool = False


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    format: int
    rooms: list[_StoredRoom]


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    format: int


class NewerRoomsError(NeasmartError):
    """The file is of a newer version, which knows more of rooms than this one could write back."""

    code = "newer_rooms"

    def __init__(self, rooms: Sequence[Room]) -> None:
        """Take what can be read of it."""
        super().__init__(
            f"{NAME} is of a newer version of the gateway, and is left as it is. Install that version again."
        )
        self.rooms = rooms


class RoomsFile:
    """The file in the folder of the data; everything here blocks, and belongs into a thread."""

    def __init__(self, folder: Path, lock: FolderLock) -> None:
        """Name the file; it is read and written only while the folder is ours."""
        self.path = folder / NAME
        self._lock = lock

    def load(self) -> list[Room]:
        """Return what is stored, nothing without a file; set aside what cannot be read.

        Raises OSError, FolderInUseError, and NewerRoomsError for a file that must not be overwritten.
        """
        self._lock.acquire()
        try:
            with self.path.open("rb") as file:
                content = file.read(SIZE_LIMIT + 1)
        except FileNotFoundError:
            return []
        try:
            is_newer = msgspec.json.decode(content, type=_Head).format > _FORMAT
        except _UNREADABLE as error:
            self._set_aside(error)
            return []
        try:
            stored = msgspec.json.decode(content, type=_Stored).rooms
        except _UNREADABLE as error:
            if not is_newer:
                self._set_aside(error)
                return []
            stored = []
        rooms = [Room(**msgspec.structs.asdict(room)) for room in stored]
        if is_newer:
            raise NewerRoomsError(rooms)
        return rooms

    def save(self, rooms: Sequence[Room]) -> None:
        """Write all rooms; raise OSError and FolderInUseError."""
        self._lock.acquire()
        stored = [
            _StoredRoom(**{name: getattr(room, name) for name in _StoredRoom.__struct_fields__}) for room in rooms
        ]
        document = {"format": _FORMAT, "rooms": msgspec.to_builtins(stored)}
        content = json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
        beside = self.path.with_name(f"{NAME}.new")
        number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE)
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(number)
        beside.replace(self.path)
        with contextlib.suppress(OSError):
            # So that the new name outlives a power cut, too; not every file system knows this.
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _set_aside(self, error: Exception) -> None:
        aside = self.path.with_name(f"{NAME}.corrupt-{datetime.now(tz=UTC):%Y%m%dT%H%M%SZ}")
        self.path.replace(aside)
        _LOG.warning("%s cannot be read (%s) and was set aside as %s", self.path, error, aside.name)
