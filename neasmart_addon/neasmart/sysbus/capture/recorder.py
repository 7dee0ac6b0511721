"""Records the wire into files, in a thread of its own, so that a slow disk never delays a reply.

Recordings are bounded in time, in size, in number and in what may wait for the disk; what does not fit is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import BinaryIO

from neasmart.core.gateway import RECORDER, Gateway
from neasmart.facts.errors import NeasmartError
from neasmart.facts.status import LONGEST_RECORDING_S, CaptureFile, RecorderStatus
from neasmart.sysbus.capture.capture import CaptureWriter, Chunk, LineFacts
from neasmart.sysbus.framing.kinds import Framing
from neasmart.sysbus.line.connection import Direction

FOLDER = "captures"
STOP_WITHIN_S = 2.0

_NAME = re.compile(r"capture-\d{8}-\d{6}(-\d{1,3})?\.pcapng")
_PARTIAL = ".partial"
_CHUNK_COST = 64
_LOOK_S = 0.2
_Piece = tuple[Direction, bytes, float, Framing | None]
_LOGGER = logging.getLogger(__name__)


class RecorderError(NeasmartError):
    """A recording cannot be begun."""

    code = "not_recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderLimits:
    """Bytes and seconds of one recording, files that are kept, bytes that may wait for the disk."""

    file_bytes: int = 20_000_000
    seconds: float = float(LONGEST_RECORDING_S)
    files: int = 5
    waiting_bytes: int = 4_000_000


class Recorder:
    """Begins, ends and lists recordings; at most one runs."""

    def __init__(self, folder: Path, facts: LineFacts, gateway: Gateway, limits: RecorderLimits | None = None) -> None:
        """Record into `folder`, which need not exist; old unfinished files are removed with the first recording."""
        self.folder = folder
        self.facts = facts
        self._gateway = gateway
        self._limits = limits or RecorderLimits()
        self._running: _Recording | None = None
        self._changing = asyncio.Lock()
        self._publish(RecorderStatus())

    def use(self, facts: LineFacts) -> None:
        """Describe the line like this in the recordings to come."""
        self.facts = facts

    def keep_in(self, folder: Path) -> None:
        """Put recordings into this folder from now on."""
        self.folder = folder

    def take(self, direction: Direction, chunk: bytes, now: float, framing: Framing | None = None) -> None:
        """Take a piece of the wire and how it is framed, if that is known; does nothing while no recording runs."""
        if self._running is not None:
            self._running.offer((direction, chunk, now, framing))

    async def start(self, seconds: float | None = None) -> RecorderStatus:
        """Begin a recording, for `seconds` at most; raise RecorderError if one runs or the disk refuses."""
        async with self._changing:
            return await self._start(seconds)

    async def stop(self) -> RecorderStatus:
        """End the recording if one runs; return when its file is complete."""
        async with self._changing:
            recording = self._running
            if recording is not None:
                recording.stop("stopped")
                await asyncio.to_thread(recording.join, STOP_WITHIN_S)
                self._ended(recording)
            return self.status

    async def files(self) -> list[CaptureFile]:
        """Return the finished recordings, newest first."""
        return await asyncio.to_thread(self._files)

    async def path(self, name: str) -> Path | None:
        """Return where a finished recording is, None if there is none of this name."""
        path = self.folder / name
        found = _NAME.fullmatch(name) is not None and await asyncio.to_thread(path.is_file)
        return path if found else None

    async def remove(self, name: str) -> bool:
        """Delete a finished recording; return whether there was one."""
        path = await self.path(name)
        if path is None:
            return False
        await asyncio.to_thread(path.unlink, missing_ok=True)
        return True

    @property
    def status(self) -> RecorderStatus:
        """What the recorder does now, with the figures of this moment."""
        known = self._gateway.hub.state(RECORDER, RecorderStatus) or RecorderStatus()
        if self._running is None or not known.recording:
            return known
        return replace(known, bytes=self._running.written, lost_bytes=self._running.lost_bytes)

    async def _start(self, seconds: float | None) -> RecorderStatus:
        if self._running is not None:
            raise RecorderError("A recording is running already. Stop it first")
        now = self._gateway.clock.monotonic()
        loop = asyncio.get_running_loop()
        lasting_s = min(self._limits.seconds, seconds or self._limits.seconds)
        recording = _Recording(
            self.facts,
            replace(self._limits, seconds=lasting_s),
            to_wall_s=self._gateway.clock.to_wall(now) - now,
            ended=lambda: loop.call_soon_threadsafe(self._ended, recording),
        )
        self._running = recording
        try:
            await asyncio.to_thread(self._open, recording)
        except OSError as error:
            self._running = None
            raise RecorderError(f"Cannot record into {self.folder}: {error.strerror or error}") from error
        self._publish(
            RecorderStatus(
                recording=True, name=recording.name, since=now, limit_s=lasting_s, limit_bytes=self._limits.file_bytes
            )
        )
        _LOGGER.info("Recording of the bus begins: %s", recording.name)
        return self.status

    def _open(self, recording: _Recording) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob(f"capture-*{_PARTIAL}"):
            left.unlink(missing_ok=True)
        for old in self._files()[self._limits.files - 1 :]:
            (self.folder / old.name).unlink(missing_ok=True)
        stamp = datetime.fromtimestamp(self._gateway.clock.wall(), tz=UTC).strftime("%Y%m%d-%H%M%S")
        name, number = f"capture-{stamp}.pcapng", 1
        while (self.folder / name).exists():
            number += 1
            name = f"capture-{stamp}-{number}.pcapng"
        recording.open(self.folder / name)

    def _files(self) -> list[CaptureFile]:
        found = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    facts = entry.stat()
                    found.append(CaptureFile(name=entry.name, size=facts.st_size, recorded_at=facts.st_mtime))
        return sorted(found, key=lambda file: (file.recorded_at, file.name), reverse=True)

    def _ended(self, recording: _Recording) -> None:
        if self._running is not recording:
            return
        self._running = None
        status = RecorderStatus(
            name=recording.name,
            bytes=recording.written,
            lost_bytes=recording.lost_bytes,
            ended_by=recording.reason,
            since=self._gateway.clock.monotonic(),
        )
        self._publish(status)
        level = logging.WARNING if recording.failed else logging.INFO
        _LOGGER.log(level, "Recording %s ended (%s), %d bytes", recording.name, recording.reason, recording.written)

    def _publish(self, status: RecorderStatus) -> None:
        self._gateway.hub.publish(RECORDER, status)


class _Recording:
    """One file and the thread that writes it.

    `_offered` is counted by the event loop alone and `_taken` by the thread alone, so neither needs a lock.
    """

    def __init__(
        self, facts: LineFacts, limits: RecorderLimits, *, to_wall_s: float, ended: Callable[[], object]
    ) -> None:
        self._writer = CaptureWriter(facts)
        self._limits = limits
        self._to_wall_s = to_wall_s
        self._ended = ended
        self._waiting: SimpleQueue[_Piece | None] = SimpleQueue()
        self._offered = self._taken = 0
        self._thread: Thread | None = None
        self.name = ""
        self.reason = ""
        self.failed = False
        self.written = 0
        self.lost_bytes = 0

    def open(self, path: Path) -> None:
        """Create the file and begin to write; raises OSError."""
        self.name = path.name
        file = path.with_name(path.name + _PARTIAL).open("wb")
        self._thread = Thread(target=self._write, args=(file, path), name="recorder", daemon=True)
        self._thread.start()

    def offer(self, piece: _Piece) -> None:
        cost = len(piece[1]) + _CHUNK_COST
        if self._offered - self._taken + cost > self._limits.waiting_bytes:
            self.lost_bytes += len(piece[1])
            return
        self._offered += cost
        self._waiting.put(piece)

    def stop(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._waiting.put(None)

    def join(self, timeout_s: float) -> None:
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _write(self, file: BinaryIO, path: Path) -> None:
        try:
            with file:
                self._put(file, self._writer.begin())
                self._copy(file)
            path.with_name(path.name + _PARTIAL).replace(path)
        except OSError as error:
            self.failed = True
            self.reason = error.strerror or str(error)
        with contextlib.suppress(RuntimeError):  # the loop has ended before us
            self._ended()

    def _copy(self, file: BinaryIO) -> None:
        until = time.monotonic() + self._limits.seconds
        while True:
            left_s = until - time.monotonic()
            if left_s <= 0:
                self.reason = self.reason or "time"
                return
            try:
                piece = self._waiting.get(timeout=min(_LOOK_S, left_s))
            except Empty:
                file.flush()
                continue
            if piece is None:
                return
            direction, chunk, now, framing = piece
            self._taken += len(chunk) + _CHUNK_COST
            at = now + self._to_wall_s
            blocks = self._writer.chunk(Chunk(at=at, direction=direction, content=chunk, framing=framing))
            if self.written + len(blocks) > self._limits.file_bytes:
                self.reason = self.reason or "size"
                return
            self._put(file, blocks)

    def _put(self, file: BinaryIO, content: bytes) -> None:
        file.write(content)
        self.written += len(content)
