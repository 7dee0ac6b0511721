"""Finds Modbus RTU frames in a stream of bytes in which pauses mean nothing, because USB and TCP destroy them.

Think of the stream byte by byte: as soon as bytes ending here form a frame, that frame is taken, and among several
that end here the one that starts first. So an incomplete candidate never blocks a later frame, the shortest valid
reading wins, and the result does not depend on how the stream was split into reads. A frame that is followed by 00
has a valid checksum with that 00 as well; trying the longer reading first would eat the next broadcast's first byte.

Measured: on pure noise at full rate these rules accept a false frame about once in 40 days.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from enum import IntEnum, auto
from functools import lru_cache
from heapq import heappop, heappush
from typing import NamedTuple

from neasmart.facts.codecs import READ, WRITE_SINGLE, FunctionCode
from neasmart.facts.registers import ADDRESS_LIMIT
from neasmart.facts.status import BusCounters
from neasmart.sysbus.framing.crc import crc16

MAX_READ = 125
MAX_WRITE = 123

WINDOW = 256
"""No frame is longer, so older bytes cannot become part of one (the longest has 255)."""
SILENCE_S = 1.0
"""What is left over after this pause will never be completed."""

_FIXED = 8
_SHORTEST = 7
_EXCEPTION = 5
_ONE_REGISTER = 2
_BYTE_COUNT_MAX = 250
_EXCEPTION_FUNCTIONS = frozenset(0x80 | code for code in FunctionCode)
_FUNCTION = re.compile(rb"[\x03\x06\x10]")


class FrameKind(IntEnum):
    """What a frame is for; request and reply of FC 6 look the same and count as requests."""

    READ_REQUEST = auto()
    WRITE_REQUEST = auto()
    RESPONSE = auto()


class Frame(NamedTuple):
    """One valid frame: `pdu` from the function code to before the checksum, `raw` as on the wire.

    `after_damage` tells that a request for us, or a broadcast, was lost to a wrong checksum since the frame before.
    """

    unit_id: int
    pdu: bytes
    kind: FrameKind
    raw: bytes
    after_damage: bool = False


class RtuFramer:
    """Cuts frames of all units out of a stream; keeps at most `WINDOW` bytes and never raises."""

    def __init__(self, unit_ids: Iterable[int], counters: BusCounters | None = None) -> None:
        """Know our unit ids; count noise, stale bytes and checksum errors in `counters`."""
        self._ours = frozenset(unit_ids)
        self._counters = BusCounters() if counters is None else counters
        self._buffer = bytearray()
        # Positions count from the beginning of the stream; `_origin` is that of the first byte kept.
        self._origin = 0
        self._scanned = 0
        # A frame should begin at the start, after a silence and directly behind a frame.
        self._boundary_seen = False
        self._candidates: list[tuple[int, int, FrameKind]] = []
        self._broken: list[tuple[int, int]] = []
        self._damaged = False
        self._last_at = -math.inf

    def feed(self, chunk: bytes, now: float, *, waited: bool = False) -> list[Frame]:
        """Take bytes that arrived at `now` (monotonic seconds); return the frames that they complete, in order.

        Bytes that have `waited` for the gateway came at any time since the ones before, so there was no pause.
        """
        if now - self._last_at > SILENCE_S and not waited:
            self._begin_anew()
        self._last_at = now
        if len(chunk) == _FIXED and not self._buffer and not self._damaged:
            poll = _whole_poll(chunk)
            if poll is not None and poll.unit_id in self._ours:
                # Positions stay as they are: nothing of the stream is held that they could point to.
                return [poll]
        frames: list[Frame] = []
        for offset in range(0, len(chunk), WINDOW):
            self._buffer += chunk[offset : offset + WINDOW]
            while self._buffer and (frame := self._next()) is not None:
                frames.append(frame)
            self._drop_old()
        return frames

    @property
    def held(self) -> int:
        """How many bytes wait for the rest of their frame."""
        return len(self._buffer)

    def _begin_anew(self) -> None:
        self._counters.stale_bytes += len(self._buffer)
        end = self._origin + len(self._buffer)
        self._count_broken(end)
        self._forget_until(end)

    def _next(self) -> Frame | None:
        """Take the first frame that the buffer completes."""
        self._look_at_boundary()
        self._scan()
        end_of_buffer = self._origin + len(self._buffer)
        while self._candidates and self._candidates[0][0] <= end_of_buffer:
            end, start, kind = heappop(self._candidates)
            if start < self._origin:
                continue
            raw = bytes(self._buffer[start - self._origin : end - self._origin])
            if crc16(raw) == 0:
                self._counters.noise_bytes += start - self._origin
                self._count_broken(start)
                self._forget_until(end)
                damaged, self._damaged = self._damaged, False
                return Frame(unit_id=raw[0], pdu=raw[1:-2], kind=kind, raw=raw, after_damage=damaged)
            if kind is not FrameKind.RESPONSE and (raw[0] == 0 or raw[0] in self._ours):
                self._broken.append((start, end))
        return None

    def _look_at_boundary(self) -> None:
        """Note candidates that are believed only where a frame should begin.

        An exception reply, because it is short; a request for us outside of all limits, because we must refuse it.
        """
        if self._boundary_seen or len(self._buffer) < _EXCEPTION:
            return
        self._boundary_seen = True
        start, unit_id, function = self._origin, self._buffer[0], self._buffer[1]
        if function in _EXCEPTION_FUNCTIONS:
            heappush(self._candidates, (start + _EXCEPTION, start, FrameKind.RESPONSE))
        elif unit_id in self._ours and function in (READ, WRITE_SINGLE):
            kind = FrameKind.READ_REQUEST if function == READ else FrameKind.WRITE_REQUEST
            heappush(self._candidates, (start + _FIXED, start, kind))

    def _scan(self) -> None:
        """Note the candidates among the starts whose header has arrived."""
        first = self._scanned - self._origin
        last = len(self._buffer) - _SHORTEST
        if first > last:
            return
        for match in _FUNCTION.finditer(self._buffer, first + 1, last + 2):
            self._examine(match.start() - 1)
        self._scanned = self._origin + last + 1

    def _examine(self, at: int) -> None:
        buffer = self._buffer
        start = self._origin + at
        function = buffer[at + 1]
        plausible = buffer[at + 2] << 8 | buffer[at + 3] < ADDRESS_LIMIT
        quantity = buffer[at + 4] << 8 | buffer[at + 5]
        if function == READ:
            if plausible and 1 <= quantity <= MAX_READ:
                heappush(self._candidates, (start + _FIXED, start, FrameKind.READ_REQUEST))
            byte_count = buffer[at + 2]
            if 0 < byte_count <= _BYTE_COUNT_MAX and byte_count % 2 == 0:
                heappush(self._candidates, (start + 5 + byte_count, start, FrameKind.RESPONSE))
        elif function == WRITE_SINGLE:
            if plausible:
                heappush(self._candidates, (start + _FIXED, start, FrameKind.WRITE_REQUEST))
        elif plausible and 1 <= quantity <= MAX_WRITE:
            heappush(self._candidates, (start + _FIXED, start, FrameKind.RESPONSE))
            if buffer[at + 6] == 2 * quantity:
                heappush(self._candidates, (start + 9 + 2 * quantity, start, FrameKind.WRITE_REQUEST))

    def _forget_until(self, position: int) -> None:
        """Drop what lies before a position at which a frame should begin."""
        del self._buffer[: position - self._origin]
        self._origin = position
        self._scanned = max(self._scanned, position)
        self._boundary_seen = False
        self._broken.clear()

    def _drop_old(self) -> None:
        excess = len(self._buffer) - WINDOW
        if excess > 0:
            self._counters.noise_bytes += excess
            del self._buffer[:excess]
            self._origin += excess
            self._count_broken(self._origin)

    def _count_broken(self, limit: int) -> None:
        """Count requests for us with a wrong checksum that have turned out to be no part of a valid frame."""
        if not self._broken:
            return
        counted_until = -1
        for start, end in sorted(self._broken):
            if end <= limit and start >= counted_until:
                self._counters.crc_errors += 1
                self._damaged = True
                counted_until = end
        self._broken = [each for each in self._broken if each[1] > limit]


@lru_cache(maxsize=512)
def _whole_poll(raw: bytes) -> Frame | None:
    """Return the poll that these eight bytes are and nothing else, as nearly every read is; None for all else.

    The search would find the same frame. Only what could also be a shorter frame, a reply of one register, is left to
    it. A base asks for some hundred different blocks, again and again, so they are remembered.
    """
    if raw[1] != READ or raw[2] == _ONE_REGISTER or crc16(raw) != 0:
        return None
    return Frame(unit_id=raw[0], pdu=raw[1:-2], kind=FrameKind.READ_REQUEST, raw=raw)
