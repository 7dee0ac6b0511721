"""Lets a bad wire lose, cut and flip what the base writes; a gateway gets no acknowledgement to tell it."""

from __future__ import annotations

import random
from collections.abc import Collection
from enum import StrEnum

from neasmart.simulator.bus.noise import hidden_frames

_MOST_FLIPS = 3


class Hit(StrEnum):
    """What can happen to a frame on its way."""

    FRAME_LOST = "frame_lost"
    BYTE_LOST = "byte_lost"
    CUT = "cut"
    FLIPPED = "flipped"


class BadWire:
    """Hits frames with a probability of 0..1; an adapter for Modbus TCP (`whole_frames`) drops what it cannot read."""

    def __init__(self, probability: float, unit_ids: Collection[int], *, whole_frames: bool, seed: int = 0) -> None:
        """Know the unit ids for which damage must not make a valid frame by chance."""
        self._probability = probability
        self._units = (0, *unit_ids)
        self._hits = (Hit.FRAME_LOST,) if whole_frames else tuple(Hit)
        self._chance = random.Random(seed)  # noqa: S311 - damage, not secrets

    def carried(self, frame: bytes) -> tuple[bytes, Hit | None]:
        """Return what arrives of a frame and what has happened to it."""
        if self._chance.random() >= self._probability:
            return frame, None
        hit = self._chance.choice(self._hits)
        while self._completed_by_what_follows(arrived := damaged(frame, hit, self._chance)):
            pass
        return arrived, hit

    def _completed_by_what_follows(self, arrived: bytes) -> bool:
        """Return whether the frame is valid, or becomes so with the unit id that the next frame begins with."""
        return any(hidden_frames(arrived + bytes((unit_id, 0)), self._units) for unit_id in self._units)


def damaged(frame: bytes, hit: Hit, chance: random.Random) -> bytes:
    """Return what a hit leaves of a frame: any byte can be the one."""
    at = chance.randrange(len(frame))
    match hit:
        case Hit.FRAME_LOST:
            return b""
        case Hit.BYTE_LOST:
            return frame[:at] + frame[at + 1 :]
        case Hit.CUT:
            return frame[:at]
        case Hit.FLIPPED:
            flipped = bytearray(frame)
            for bit in chance.sample(range(8 * len(frame)), chance.randint(1, _MOST_FLIPS)):
                flipped[bit // 8] ^= 1 << bit % 8
            return bytes(flipped)
