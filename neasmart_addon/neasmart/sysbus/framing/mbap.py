"""Finds Modbus TCP requests (MBAP header: transaction, protocol 0, length, unit) in a stream, whole or in pieces.

A request that is consistent throughout (function 3, 6 or 16 with a length, an address and a number of registers that
fit) is taken wherever it begins: converters send heartbeats, registration texts and padding between good requests, and
none of that may cost a poll. Any other request is believed only where one should begin, and only if no consistent one
ends within it. Think of the stream byte by byte, so that the result does not depend on how it was split.
"""

from __future__ import annotations

import math
import re
import struct
from collections import deque
from enum import Enum, auto

import msgspec

from neasmart.facts.codecs import READ, WRITE_MULTIPLE, WRITE_SINGLE
from neasmart.facts.registers import ADDRESS_LIMIT
from neasmart.facts.status import BusCounters
from neasmart.sysbus.framing.crc import crc16
from neasmart.sysbus.framing.rtu import MAX_READ, MAX_WRITE

SILENCE_S = 10.0
"""A request that stays incomplete for so long is given up; TCP itself may need seconds to repeat a segment."""
BAD_HEADERS = 5
BAD_HEADERS_WITHIN_S = 10.0
"""More bad headers than this within this time and no good request between them: the peer does not speak Modbus TCP."""

_HEADER = struct.Struct(">HHHB")
_PREFIX = 6
_LENGTH_MIN, _LENGTH_MAX = 2, 254
_FIXED = 6
_HEAD_MULTIPLE = 7
_TO_FUNCTION = 8
_TO_QUANTITY = 12
_TO_BYTE_COUNT = 13
_LONGEST = _PREFIX + _LENGTH_MAX
_CHECKSUM = 2
_LAST_FUNCTION = 0x7F
_WHOLE_POLL = 12
_PLAIN = b"\x00\x00\x00\x06"
# From the high byte of the length to the function code; with 8 the length counts a checksum.
_HEAD = re.compile(rb"\x00(?:[\x06\x08].[\x03\x06]|[\x09-\xff].\x10)", re.DOTALL)
_TO_LENGTH = 4


class _Kind(Enum):
    """What begins at a place: a good request, one with a wrong protocol id or length, a possible one, or none."""

    GOOD = auto()
    MISNAMED = auto()
    OVERLONG = auto()
    POSSIBLE = auto()
    NONE = auto()


class Adu(msgspec.Struct, frozen=True):
    """One request as it came, whatever its function code."""

    transaction_id: int
    unit_id: int
    pdu: bytes

    def reply(self, pdu: bytes) -> bytes:
        """Return the bytes that answer this request."""
        return _HEADER.pack(self.transaction_id, 0, len(pdu) + 1, self.unit_id) + pdu


class MbapFramer:
    """Cuts requests out of the stream of one connection; keeps less than one request and never raises."""

    def __init__(self, counters: BusCounters | None = None, *, in_step: bool = True) -> None:
        """Count noise, stale bytes and bad headers in `counters`; out of step only consistent requests are believed."""
        self._counters = BusCounters() if counters is None else counters
        self._buffer = bytearray()
        self._in_step = self._begins_in_step = in_step
        self._slid = 0
        self._bad_headers: deque[float] = deque(maxlen=BAD_HEADERS + 1)
        self._last_at = -math.inf
        self.good = 0
        """How many consistent requests have come."""
        self.lost = 0
        """How many requests could not be served because their header was wrong."""

    def feed(self, chunk: bytes, now: float) -> list[Adu]:
        """Take bytes that arrived at `now` (monotonic seconds); return the requests that they complete, in order."""
        if self._buffer and now - self._last_at > SILENCE_S:
            self._counters.stale_bytes += len(self._buffer)
            self._buffer.clear()
            self._in_step = self._begins_in_step
        self._last_at = now
        if self._in_step and not self._buffer and self._is_whole_poll(chunk):
            self._count_good()
            return [_adu(chunk)]
        self._buffer += chunk
        found: list[Adu] = []
        at = 0
        while (taken := self._step(at, now, found) if self._in_step else self._slide(at, now, found)) > 0:
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

    def _is_whole_poll(self, chunk: bytes) -> bool:
        """Return whether this is one poll and nothing else, as nearly every read is."""
        return (
            len(chunk) == _WHOLE_POLL
            and chunk[2:6] == _PLAIN
            and chunk[7] == READ
            and _expected_length(chunk, 0, READ) == _FIXED
        )

    def _step(self, at: int, now: float, found: list[Adu]) -> int:
        """Take what begins here, where a request should; return how many bytes were used, 0 to wait for more."""
        kind, total = self._judged(self._buffer, at)
        if kind is None:
            return 0
        if kind is _Kind.NONE:
            self._counters.bad_headers += 1
            self._in_step = False
            return self._slide(at, now, found)
        available = len(self._buffer) - at
        if kind is not _Kind.GOOD:
            inner = self._good_within(at + 1, at + min(total, available))
            if inner is not None:
                self._counters.bad_headers += 1
                self._skip(inner - at, now)
                return inner - at
        return self._take(kind, at, total, now, found)

    def _slide(self, at: int, now: float, found: list[Adu]) -> int:
        """Take one consistent request from here on, or skip what can be none; 0 to wait for more."""
        buffer = self._buffer
        start = max(at, len(buffer) - _TO_FUNCTION + 1)
        taken = 0
        searched = at + _TO_LENGTH
        while match := _HEAD.search(buffer, searched):
            candidate = match.start() - _TO_LENGTH
            kind, total = self._judged(buffer, candidate)
            if kind is None:
                start = candidate
                break
            if kind in (_Kind.NONE, _Kind.POSSIBLE):
                searched = match.start() + 1
                continue
            start = candidate
            taken = self._take(kind, candidate, total, now, found)
            self._in_step = taken > 0
            break
        self._skip(start - at, now)
        return start - at + taken

    def _take(self, kind: _Kind, at: int, total: int, now: float, found: list[Adu]) -> int:
        """Take what has arrived as a whole; a request that cannot be served is counted and stepped over."""
        buffer = self._buffer
        if len(buffer) - at < total:
            return 0
        raw = bytes(buffer[at : at + total])
        if kind is _Kind.GOOD:
            self._count_good()
            found.append(_adu(raw))
            return total
        if kind is _Kind.POSSIBLE:
            found.append(_adu(raw))
            return total
        if kind is _Kind.MISNAMED:
            self._counters.bad_protocol_ids += 1
        else:
            self._counters.bad_lengths += 1
            if crc16(raw[_PREFIX:]) != 0:
                # The length counts a checksum that is not there.
                total -= _CHECKSUM
        self.lost += 1
        self._counters.noise_bytes += total
        self._counters.bad_headers += 1
        self._bad_headers.append(now)
        return total

    def _judged(self, buffer: bytes | bytearray, at: int) -> tuple[_Kind | None, int]:
        """Return what begins here with its length; None while that cannot be told."""
        available = len(buffer) - at
        length = buffer[at + 4] << 8 | buffer[at + 5] if available >= _PREFIX else _LENGTH_MIN
        total = _PREFIX + length
        if not _LENGTH_MIN <= length <= _LENGTH_MAX + _CHECKSUM:
            return _Kind.NONE, total
        if available < _TO_FUNCTION:
            return None, total
        named, function = buffer[at + 2] == buffer[at + 3] == 0, buffer[at + 7]
        expected = None
        if function in (READ, WRITE_SINGLE, WRITE_MULTIPLE) and length >= _FIXED:
            if available < (_TO_BYTE_COUNT if function == WRITE_MULTIPLE else _TO_QUANTITY):
                return None, total
            expected = _expected_length(buffer, at, function)
        if expected == length:
            return (_Kind.GOOD if named else _Kind.MISNAMED), total
        if expected == length - _CHECKSUM and named:
            return _Kind.OVERLONG, total
        possible = named and length <= _LENGTH_MAX and 0 < function <= _LAST_FUNCTION
        return (_Kind.POSSIBLE if possible else _Kind.NONE), total

    def _good_within(self, first: int, end: int) -> int | None:
        """Return where the first good request begins that lies between two places."""
        searched = first + _TO_LENGTH
        while match := _HEAD.search(self._buffer, searched, end):
            start = match.start() - _TO_LENGTH
            kind, total = self._judged(self._buffer, start)
            if kind is _Kind.GOOD and start + total <= end:
                return start
            searched = match.start() + 1
        return None

    def _count_good(self) -> None:
        self.good += 1
        self._slid = 0
        if self._bad_headers:
            self._bad_headers.clear()

    def _skip(self, count: int, now: float) -> None:
        self._counters.noise_bytes += count
        self._slid += count
        while self._slid >= _LONGEST:
            self._slid -= _LONGEST
            self._counters.bad_headers += 1
            self._bad_headers.append(now)


def _adu(raw: bytes) -> Adu:
    return Adu(transaction_id=raw[0] << 8 | raw[1], unit_id=raw[6], pdu=raw[7:])


def _expected_length(buffer: bytes | bytearray, at: int, function: int) -> int | None:
    """Return the length that a request of this function, address and number of registers has; None if there is none."""
    if buffer[at + 8] << 8 | buffer[at + 9] >= ADDRESS_LIMIT:
        return None
    if function == WRITE_SINGLE:
        return _FIXED
    quantity = buffer[at + 10] << 8 | buffer[at + 11]
    if function == READ:
        return _FIXED if 1 <= quantity <= MAX_READ else None
    fits = 1 <= quantity <= MAX_WRITE and buffer[at + 12] == 2 * quantity
    return _HEAD_MULTIPLE + 2 * quantity if fits else None
