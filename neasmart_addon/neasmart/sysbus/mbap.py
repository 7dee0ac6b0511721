"""Finds Modbus TCP requests (MBAP header: transaction, protocol 0, length, unit) in a stream, whole or in pieces.

In step with the stream every header with protocol 0 and a possible length is believed and stepped over by its length.
After a wrong header only requests that are consistent throughout are believed again, so that a converter that stumbles
finds back. Bytes of Modbus RTU on this port are recognised by their checksum, because the setting of the converter is
then wrong and its owner can be told which.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from neasmart.registers import ADDRESS_LIMIT
from neasmart.status import BusCounters
from neasmart.sysbus.rtu import MAX_READ, MAX_WRITE, READ, WRITE_MULTIPLE, WRITE_SINGLE, RtuFramer

SILENCE_S = 10.0
"""A request that stays incomplete for so long is given up; TCP itself may need seconds to repeat a segment."""
BAD_HEADERS = 5
BAD_HEADERS_WITHIN_S = 10.0
"""More bad headers than this within this time, and the peer does not speak Modbus TCP."""

_PREFIX = 6
_LENGTH_MIN, _LENGTH_MAX = 2, 254
_FIXED = 6
_HEAD_MULTIPLE = 7
_TO_FUNCTION = 4
_TO_BYTE_COUNT = 9
_LONGEST = _PREFIX + _LENGTH_MAX
_STRICT = re.compile(rb"\x00\x00\x00(?:\x06.[\x03\x06]|..\x10)", re.DOTALL)
_STRICT_SPAN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Adu:
    """One request as it came, whatever its function code."""

    transaction_id: int
    unit_id: int
    pdu: bytes

    def reply(self, pdu: bytes) -> bytes:
        """Return the bytes that answer this request."""
        return b"".join(
            (
                self.transaction_id.to_bytes(2),
                b"\x00\x00",
                (len(pdu) + 1).to_bytes(2),
                self.unit_id.to_bytes(1),
                pdu,
            )
        )


class MbapFramer:
    """Cuts requests out of the stream of one connection; keeps less than one request and never raises."""

    def __init__(self, unit_ids: Iterable[int], counters: BusCounters | None = None) -> None:
        """Count noise, stale bytes, bad headers and RTU frames in `counters`."""
        self._counters = BusCounters() if counters is None else counters
        self._unit_ids = tuple(unit_ids)
        self._buffer = bytearray()
        self._in_step = True
        self._slid = 0
        self._bad_headers: deque[float] = deque(maxlen=BAD_HEADERS + 1)
        self._rtu = RtuFramer(self._unit_ids)
        self._last_at = -math.inf
        self.rtu_frames = 0

    def feed(self, chunk: bytes, now: float) -> list[Adu]:
        """Take bytes that arrived at `now` (monotonic seconds); return the requests that they complete, in order."""
        if self._buffer and now - self._last_at > SILENCE_S:
            self._counters.stale_bytes += len(self._buffer)
            self._buffer.clear()
            self._in_step = True
        self._last_at = now
        if not self._in_step:
            self._look_for_rtu(chunk, now)
        self._buffer += chunk
        found: list[Adu] = []
        at = 0
        while True:
            taken = self._step(at, now, found) if self._in_step else self._slide(at, now, found)
            if not taken:
                break
            at += taken
        del self._buffer[:at]
        return found

    @property
    def held(self) -> int:
        """How many bytes wait for the rest of their request."""
        return len(self._buffer)

    def hopeless(self) -> bool:
        """Return whether so many headers were bad in a short time that the connection should be closed."""
        times = self._bad_headers
        return len(times) > BAD_HEADERS and times[-1] - times[0] <= BAD_HEADERS_WITHIN_S

    def _step(self, at: int, now: float, found: list[Adu]) -> int:
        """Take one request that begins here; return how many bytes were used, 0 to wait for more."""
        buffer = self._buffer
        available = len(buffer) - at
        if available < _PREFIX:
            return 0
        protocol = buffer[at + 2] << 8 | buffer[at + 3]
        length = buffer[at + 4] << 8 | buffer[at + 5]
        if protocol == 0 and _LENGTH_MIN <= length <= _LENGTH_MAX:
            total = _PREFIX + length
            if available < total:
                return 0
            found.append(self._adu(at, total))
            return total
        misnamed = self._strict_length(at)
        if misnamed is None or misnamed > available:
            return 0
        self._count_bad_header(now)
        if misnamed:
            # Only the protocol id is wrong: this request is lost, the next one begins where it should.
            self._counters.noise_bytes += misnamed
            return misnamed
        self._in_step = False
        self._slid = 0
        self._rtu = RtuFramer(self._unit_ids)
        self._look_for_rtu(bytes(buffer[at:]), now)
        return self._slide(at, now, found)

    def _slide(self, at: int, now: float, found: list[Adu]) -> int:
        """Take one consistent request from here on, or skip what can be none; 0 to wait for more."""
        buffer = self._buffer
        match = _STRICT.search(buffer, at + 2)
        start = match.start() - 2 if match else max(at, len(buffer) - _STRICT_SPAN + 1)
        taken = 0
        if match:
            total = self._strict_length(start)
            if total == 0:
                start += 1
            elif total is not None and total <= len(buffer) - start:
                found.append(self._adu(start, total))
                self._in_step = True
                taken = total
        skipped = start - at
        self._counters.noise_bytes += skipped
        self._slid += skipped
        while self._slid >= _LONGEST:
            self._slid -= _LONGEST
            self._count_bad_header(now)
        return skipped + taken

    def _strict_length(self, at: int) -> int | None:
        """Return the length of the consistent request that begins here, 0 if there is none, None if it cannot be told.

        The protocol id is not looked at.
        """
        head = bytes(self._buffer[at + 4 : at + 13])
        if len(head) < _TO_FUNCTION:
            return 0 if head and head[0] else None
        length, function = head[0] << 8 | head[1], head[3]
        if not _may_have_length(function, length):
            return 0
        if len(head) < _TO_BYTE_COUNT - (function != WRITE_MULTIPLE):
            return None
        return _PREFIX + length if _is_consistent(head, function, length) else 0

    def _adu(self, at: int, total: int) -> Adu:
        raw = bytes(self._buffer[at : at + total])
        return Adu(transaction_id=raw[0] << 8 | raw[1], unit_id=raw[6], pdu=raw[7:])

    def _look_for_rtu(self, chunk: bytes, now: float) -> None:
        frames = len(self._rtu.feed(chunk, now))
        self.rtu_frames += frames
        self._counters.rtu_on_tcp += frames

    def _count_bad_header(self, now: float) -> None:
        self._counters.bad_headers += 1
        self._bad_headers.append(now)


def _may_have_length(function: int, length: int) -> bool:
    if function == WRITE_MULTIPLE:
        return length % 2 == 1 and _HEAD_MULTIPLE + 2 <= length <= _HEAD_MULTIPLE + 2 * MAX_WRITE
    return function in (READ, WRITE_SINGLE) and length == _FIXED


def _is_consistent(head: bytes, function: int, length: int) -> bool:
    """Judge the bytes from the length to the quantity, or to the byte count of FC 16."""
    if head[4] << 8 | head[5] >= ADDRESS_LIMIT:
        return False
    quantity = head[6] << 8 | head[7]
    if function == READ:
        return 1 <= quantity <= MAX_READ
    return function == WRITE_SINGLE or (head[8] == 2 * quantity and length == _HEAD_MULTIPLE + 2 * quantity)
