"""A line bit by bit: what a UART at another speed, parity or polarity makes of valid frames."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.support.bus import rtu

Levels = list[int]


def walk(walks: int = 4, *, seed: int = 3) -> list[bytes]:
    """Return the frames of a base that walks over eight zones; each walk has other temperatures."""
    chance = random.Random(seed)
    frames = []
    for _ in range(walks):
        for address in range(100, 900, 100):
            frames += [rtu(f"{unit:02X} 03 {address:04X} 00 02") for unit in (240, 241)]
            frames.append(rtu(f"00 10 {address:04X} 00 02 04 00 01 {0x0C00 + chance.randint(0, 120):04X}"))
            frames.append(rtu(f"00 10 {address + 2:04X} 00 01 02 {0x0C00 + chance.randint(0, 120):04X}"))
            frames.append(rtu(f"00 10 {address + 10:04X} 00 01 02 00 {chance.randint(30, 60):02X}"))
    return frames


def line(
    frames: Sequence[bytes],
    *,
    swapped: bool = False,
    failsafe: bool = False,
    idle_bits: tuple[int, int] = (20, 60),
    bit_errors: float = 0.0,
    seed: int = 1,
) -> Levels:
    """Return the levels, one for each bit at 8N1; with `failsafe` a swapped line still rests at 1 between frames."""
    chance = random.Random(seed)
    levels: Levels = []
    flip = int(swapped)
    for frame in frames:
        levels += [1 if failsafe else 1 ^ flip] * chance.randint(*idle_bits)
        if failsafe:
            levels += [1 ^ flip] * chance.randint(1, 6)
        for byte in frame:
            levels += [bit ^ flip for bit in (0, *(byte >> number & 1 for number in range(8)), 1)]
    levels += [1] * 40
    return [level ^ (chance.random() < bit_errors) for level in levels]


def received(levels: Levels, *, speed: float = 1.0, parity: bool = False) -> bytes:
    """Return the bytes that a UART reads which runs at `speed` times that of the line.

    As a 16550 does without parity checks: a byte with a wrong stop bit is passed on, and the next one begins with the
    next falling edge.
    """
    out = bytearray()
    bit = 1 / speed
    at = 0.0
    while True:
        start = int(at)
        while start < len(levels) and levels[start] == 0:
            start += 1
        while start < len(levels) and levels[start] == 1:
            start += 1
        if start >= len(levels):
            return bytes(out)
        at = max(at, float(start))

        def level(after_bits: float, since: float = at) -> int:
            place = int(since + after_bits * bit)
            return levels[place] if place < len(levels) else 1

        out.append(sum(level(1.5 + number) << number for number in range(8)))
        at += (10.5 if parity else 9.5) * bit
