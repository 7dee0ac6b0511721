"""Tells from the bytes alone why they form no frames, as far as a UART lets the fault show through.

A UART samples each byte from a falling edge. Where its two wires are swapped, that edge is a stop bit, so the next
start bit lands in bit 0 and is always set. Where it runs at 1.5 times the speed of the line or faster, the sample of
bit 0 still falls into the start bit and is never set. Where single bits are damaged, beginnings of frames survive. All
limits were found by sampling the bits of a walk over a house anew at other speeds, parities and polarities.
"""

from __future__ import annotations

import math
import re
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from neasmart.facts.registers import ADDRESS_LIMIT

ENOUGH_BYTES = 64
ENOUGH_TEXT = 16
WAITING_BYTES = 65536

_HIGHEST = re.escape(bytes((ADDRESS_LIMIT >> 8,)))
_ALWAYS_SET = 0.75
_NEVER_SET = 0.03
_GLITCHES = 0.4
_HEADS = 0.001
_RANDOM_BITS = 6.7
_RANDOM_BYTES = 256
_PLAIN_TEXT = frozenset(range(0x20, 0x7F)) | frozenset(b"\t\r\n")
_TEXT = 0.95
_BEATS = 3
_BEAT_BYTES = 64
_NOTHING_ELSE = 0.9
_PIECES = 16


class Hint(StrEnum):
    """What the bytes look like."""

    SWAPPED = "swapped"
    SPEED = "speed_or_parity"
    GROUND = "no_common_ground"
    RTU_ON_TCP = "rtu_on_tcp"
    MBAP_ON_RTU = "mbap_on_rtu"
    MBAP_DIALLED = "mbap_dialled"
    ASCII = "ascii"
    PROTOCOL_ID = "bad_protocol_id"
    LENGTH = "bad_length"
    NOT_MODBUS = "not_modbus"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """The bytes of some time: how often each occurred, and how many places look like the head of a frame.

    `pieces` counts the short pieces in which they came, the most frequent ones only.
    """

    histogram: Counter[int]
    heads: int
    pieces: Counter[bytes] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many bytes there were."""
        return self.histogram.total()

    @property
    def odd_share(self) -> float:
        """The share of bytes with bit 0 set."""
        return sum(count for byte, count in self.histogram.items() if byte & 1) / max(1, self.total)

    @property
    def text_share(self) -> float:
        """The share of bytes that are letters, digits and what else stands in plain text."""
        return sum(count for byte, count in self.histogram.items() if byte in _PLAIN_TEXT) / max(1, self.total)

    @property
    def entropy_bits(self) -> float:
        """The entropy of a byte, 0 to 8 bits; pure noise has nearly 8, valid traffic about 5."""
        total = max(1, self.total)
        return -sum(count / total * math.log2(count / total) for count in self.histogram.values() if count)

    @property
    def heartbeat(self) -> tuple[bytes, int] | None:
        """The piece that came again and again and hardly anything else, with how often; None if there is none.

        Converters send a text or a byte of their own in a fixed rhythm; of the line it tells nothing.
        """
        for piece, count in self.pieces.most_common(1):
            if count >= _BEATS and count * len(piece) >= _NOTHING_ELSE * self.total and b"HTTP" not in piece:
                return piece, count
        return None

    def hint(self) -> Hint | None:
        """Return the likely reason for which these bytes are no frames; None if they are too few to tell."""
        if self.total >= ENOUGH_TEXT and self.text_share >= _TEXT:
            return Hint.NOT_MODBUS
        return None if self.total < ENOUGH_BYTES else self._hint_of_a_line()

    def _hint_of_a_line(self) -> Hint:
        total = self.total
        if self.odd_share <= _NEVER_SET:
            return Hint.SPEED
        if self.histogram[0xFF] / total >= _GLITCHES or self.heads / total >= _HEADS:
            return Hint.GROUND
        if self.odd_share >= _ALWAYS_SET:
            return Hint.SWAPPED
        if total >= _RANDOM_BYTES and self.entropy_bits >= _RANDOM_BITS:
            return Hint.GROUND
        return Hint.SPEED

    @classmethod
    def joined(cls, patterns: Iterable[Pattern]) -> Pattern:
        """Return the pattern of a longer time."""
        histogram: Counter[int] = Counter()
        pieces: Counter[bytes] = Counter()
        heads = 0
        for each in patterns:
            histogram.update(each.histogram)
            pieces.update(each.pieces)
            heads += each.heads
        return cls(histogram=histogram, heads=heads, pieces=pieces)


class PatternTaker:
    """Takes bytes as they come and counts them later."""

    def __init__(self, unit_ids: Iterable[int]) -> None:
        """Know the unit ids of which frames may begin."""
        units = b"".join(re.escape(bytes((unit_id,))) for unit_id in (0, *unit_ids))
        self._head = re.compile(rb"(?=[" + units + rb"][\x03\x10][\x00-" + _HIGHEST + rb"].\x00[\x01-\x7d])", re.DOTALL)
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0

    def take(self, chunk: bytes) -> None:
        """Note bytes; while too many wait, further ones are left out."""
        if self._waiting_bytes < WAITING_BYTES:
            self._waiting.append(chunk)
            self._waiting_bytes += len(chunk)

    def digest(self) -> Pattern:
        """Return the pattern of what was noted since the last time."""
        taken = b"".join(self._waiting)[: 2 * WAITING_BYTES]
        pieces = Counter(piece for piece in self._waiting if len(piece) <= _BEAT_BYTES)
        self._waiting.clear()
        self._waiting_bytes = 0
        return Pattern(
            histogram=Counter(taken),
            heads=sum(1 for _ in self._head.finditer(taken)),
            pieces=Counter(dict(pieces.most_common(_PIECES))),
        )
