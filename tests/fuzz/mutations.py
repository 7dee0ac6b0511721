"""Makes hostile input from samples: flips, cuts, repeats and joins, the same for the same seed."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.targets import Target

CORPUS = Path(__file__).with_name("corpus")
LONGEST = 600
LEAST = 100


def samples(name: str) -> list[bytes]:
    """Return what is kept for a target, each a file."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def mutated(chance: random.Random, kept: Sequence[bytes]) -> bytes:
    """Return a sample with some damage."""
    content = bytearray(chance.choice(kept) if chance.random() < 0.95 else chance.randbytes(chance.randint(0, 300)))
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(content))
        match chance.randrange(6):
            case 0 if at < len(content):
                content[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(content):
                content[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, 0xF0, 3, 16))
            case 2:
                del content[at : at + chance.randint(1, 8)]
            case 3:
                content[at:at] = chance.randbytes(chance.randint(1, 8))
            case 4:
                content += chance.choice(kept)
            case _:
                content[at:at] = content[at : at + chance.randint(1, 20)] * chance.randint(1, 4)
    return bytes(content[: max(LONGEST, *map(len, kept))])


def run(name: str, target: Target, *, seconds: float, seed: int = 1) -> int:
    """Try a target for so long, and with `LEAST` inputs on the slowest machine; return with how many.

    An input that fails is named in the error.
    """
    chance = random.Random(seed)
    kept = samples(name)
    until = time.monotonic() + seconds
    count = 0
    while time.monotonic() < until or count < LEAST:
        content = mutated(chance, kept)
        try:
            target(content)
        except Exception as error:
            raise AssertionError(f"{name} fails with {content.hex()}") from error
        count += 1
    return count
