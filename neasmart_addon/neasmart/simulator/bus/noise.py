"""Makes the traffic that shares the line with us and must not disturb us: other slaves, vendor frames, damage.

Every kind is checked before it is sent: whatever it looks like, no frame for our unit ids or for unit 0 may be hidden
in it, otherwise the gateway would be right to obey.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from neasmart.facts.codecs import READ, WRITE_MULTIPLE, WRITE_SINGLE
from neasmart.facts.points import TABLE
from neasmart.simulator.bus.walk import Read
from neasmart.simulator.bus.wire import (
    MbapWire,
    Wire,
    has_valid_crc,
    read_request,
    read_response,
    write_request,
    write_response,
)

FOREIGN_UNIT = 16
NOISE_TRANSACTIONS = range(0x8000, 0xFFFF)
"""Transaction numbers that no poll of ours uses."""
UNKNOWN_FUNCTIONS = (0x01, 0x02, 0x04, 0x05, 0x07, 0x08, 0x0F, 0x11, 0x17, 0x2B, 0x41, 0x47, 0x5A, 0x64, 0x6E)
BURST_PROBABILITY = 0.1
_ADDRESSES = tuple(ref.address for ref in TABLE)
_BYTEWISE_LONGEST = 24
_BYTEWISE_EVERY = 8


class NoiseKind(StrEnum):
    """What can be on the line beside the base and us."""

    FOREIGN = "foreign"
    VENDOR = "vendor"
    UNKNOWN_FUNCTION = "unknown_function"
    TRUNCATED = "truncated"
    BAD_CRC = "bad_crc"
    PROTOCOL_ID = "protocol_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisePlan:
    """How much noise: for each kind the probability 0..1 before a step of the walk.

    `lossy` is the probability that one of the base's own writes is lost, cut or changed on the wire.
    """

    foreign: float = 0.0
    vendor: float = 0.0
    unknown_function: float = 0.0
    truncated: float = 0.0
    bad_crc: float = 0.0
    protocol_id: float = 0.0
    lossy: float = 0.0
    protocol_id_interval_s: float = 4.0
    splits: bool = False
    frames_per_segment: int = 1

    def probability(self, kind: NoiseKind) -> float:
        """Return how often a kind is sent."""
        return float(getattr(self, kind.value))


ALL_NOISE = NoisePlan(
    foreign=0.25,
    vendor=0.15,
    unknown_function=0.15,
    truncated=0.1,
    bad_crc=0.1,
    protocol_id=0.05,
    lossy=0.05,
    splits=True,
    frames_per_segment=20,
)


class Noise:
    """Frames and bytes of every kind in one framing."""

    def __init__(self, plan: NoisePlan, wire: Wire, unit_ids: Collection[int], *, seed: int = 0) -> None:
        """Know the unit ids that no hidden frame may name."""
        self.plan = plan
        self._wire = wire
        self._mbap = isinstance(wire, MbapWire)
        self._unit_ids = tuple(unit_ids)
        self._chance = random.Random(seed)  # noqa: S311 - noise, not secrets
        self._cut = 0
        self._transactions: deque[int] = deque(NOISE_TRANSACTIONS)

    def before_step(self) -> list[tuple[NoiseKind, list[bytes]]]:
        """Draw the noise between two steps of a walk; protocol ids are left to `alone`."""
        kinds = [
            kind
            for kind in self.kinds
            if kind is not NoiseKind.PROTOCOL_ID and self._chance.random() < self.plan.probability(kind)
        ]
        self._chance.shuffle(kinds)
        return [(kind, self.frames(kind)) for kind in kinds]

    @property
    def kinds(self) -> tuple[NoiseKind, ...]:
        """The kinds that this framing can carry: no CRC on Modbus TCP, no protocol id on RTU."""
        missing = NoiseKind.BAD_CRC if self._mbap else NoiseKind.PROTOCOL_ID
        return tuple(kind for kind in NoiseKind if kind is not missing)

    def wants_protocol_id(self) -> bool:
        """Draw whether a frame with a wrong protocol id is due."""
        return self._mbap and self._chance.random() < self.plan.protocol_id

    def frames(self, kind: NoiseKind) -> list[bytes]:
        """Return one piece of noise as the frames it consists of."""
        while True:
            frames = self._made(kind)
            # After a checksum, zeros carry the checksum on: a frame cut by one byte becomes valid again with the 00
            # that begins the next broadcast.
            if self._mbap or not hidden_frames(b"".join(frames) + b"\x00\x00", (0, *self._unit_ids)):
                return frames

    def burst(self) -> int:
        """Draw how many frames the next segment is filled up to, 0 for most."""
        longest = self.plan.frames_per_segment
        return longest if longest > 1 and self._chance.random() < BURST_PROBABILITY else 0

    def segment_length(self) -> int:
        """Draw how many frames leave in one write."""
        return self._chance.randint(1, self.plan.frames_per_segment) if self.plan.frames_per_segment > 1 else 1

    def pieces(self, segment: bytes) -> Iterator[bytes]:
        """Cut a segment at the next position; short ones now and then into single bytes."""
        if not self.plan.splits or len(segment) <= 1:
            yield segment
            return
        self._cut += 1
        if len(segment) <= _BYTEWISE_LONGEST and self._cut % _BYTEWISE_EVERY == 0:
            yield from (bytes([byte]) for byte in segment)
            return
        at = 1 + self._cut % (len(segment) - 1)
        yield segment[:at]
        yield segment[at:]

    def _made(self, kind: NoiseKind) -> list[bytes]:
        match kind:
            case NoiseKind.FOREIGN:
                return self._foreign()
            case NoiseKind.VENDOR:
                return [self._vendor()]
            case NoiseKind.UNKNOWN_FUNCTION:
                return [self._frame(self._chance.choice(UNKNOWN_FUNCTIONS), self._unit(), self._bytes(0, 10))]
            case NoiseKind.TRUNCATED:
                return [self._truncated()]
            case NoiseKind.BAD_CRC:
                return [self._damaged()]
            case NoiseKind.PROTOCOL_ID:
                raw = bytearray(self._wire.frame(self._request(), self._unit(), self._transaction()))
                raw[2:4] = self._chance.randint(1, 0xFFFF).to_bytes(2, "big")
                return [bytes(raw)]

    def _foreign(self) -> list[bytes]:
        transaction = self._transaction()
        address, count = self._chance.choice(_ADDRESSES), self._chance.randint(1, 12)
        words = [self._chance.randrange(0x1000) for _ in range(count)]
        exchange = self._chance.choice(
            (
                (read_request(Read(unit_id=FOREIGN_UNIT, address=address, count=count)), read_response(words)),
                (write_request(address, words, WRITE_MULTIPLE), write_response(address, count)),
                (write_request(address, words[:1], WRITE_SINGLE), write_request(address, words[:1], WRITE_SINGLE)),
            )
        )
        return [self._wire.frame(pdu, FOREIGN_UNIT, transaction) for pdu in exchange]

    def _vendor(self) -> bytes:
        if self._mbap:
            # An adapter that translates wraps even vendor bytes into a header.
            return self._frame(self._chance.randrange(0x41, 0x70), self._chance.randrange(248, 256), self._bytes(1, 12))
        return bytes([self._chance.choice((0x55, 0xAA, 0xFE, 0x10, 0x02))]) + self._bytes(1, 14)

    def _truncated(self) -> bytes:
        pdu = self._request()
        return self._wire.frame(pdu[: self._chance.randrange(1, len(pdu))], self._unit(), self._transaction())

    def _damaged(self) -> bytes:
        raw = self._wire.frame(self._request(), self._unit())
        return raw[:-2] + bytes(byte ^ self._chance.randrange(1, 256) for byte in raw[-2:])

    def _request(self) -> bytes:
        address = self._chance.choice(_ADDRESSES)
        if self._chance.random() < 0.5:  # noqa: PLR2004 - as often as not
            return read_request(Read(unit_id=FOREIGN_UNIT, address=address, count=2))
        # Values that would do harm if they were believed.
        return write_request(address, [0x0003, 0x02BC], WRITE_MULTIPLE)

    def _frame(self, function_code: int, unit_id: int, rest: bytes) -> bytes:
        return self._wire.frame(bytes([function_code]) + rest, unit_id, self._transaction())

    def _unit(self) -> int:
        return self._chance.choice((0, FOREIGN_UNIT, *self._unit_ids))

    def _bytes(self, low: int, high: int) -> bytes:
        return self._chance.randbytes(self._chance.randint(low, high))

    def _transaction(self) -> int:
        self._transactions.rotate(-1)
        return self._transactions[0]


def hidden_frames(raw: bytes, unit_ids: Sequence[int]) -> list[bytes]:
    """Return every valid RTU request for one of these unit ids at any offset of `raw`."""
    found = []
    for start in range(len(raw) - 7):
        if raw[start] in unit_ids:
            length = _request_length(raw[start:])
            candidate = raw[start : start + length]
            if length and len(candidate) == length and has_valid_crc(candidate):
                found.append(candidate)
    return found


def _request_length(raw: bytes) -> int:
    if raw[1] in (READ, WRITE_SINGLE):
        return 8
    return 9 + raw[6] if raw[1] == WRITE_MULTIPLE else 0
