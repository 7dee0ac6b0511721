"""Packs the words of many points over an hour into a few kilobytes, and thins them when they grow old.

A sample is a word as on the wire and the minute in which it was the last one; it holds until the next sample, or
until a gap. A block repeats at its beginning what holds already, so every block can be read by itself. On disk a block
is zlib over 16-bit big-endian numbers: for each point its address, the count of its samples, then minute and word of
each. `GAP` in the minute says that from here on nothing is known; its word is 0.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Collection, Mapping

from neasmart.facts.errors import NeasmartError
from neasmart.facts.registers import Ref, RegisterTable
from neasmart.facts.rows import Kind

GAP = 0x8000
_LIMIT_BYTES = 4_000_000

Samples = list[tuple[int, int | None]]
"""Minutes since the beginning of the block, each with a word, or None for a gap."""


class DamagedBlockError(NeasmartError):
    """A block cannot be read; the history goes on without it."""

    code = "damaged_block"


def packed(samples: Mapping[int, Samples]) -> bytes:
    """Return the block of these samples by address; minutes must be below `GAP` and ascend."""
    numbers = array("H")
    for address, each in samples.items():
        numbers.extend((address, len(each)))
        for minute, word in each:
            numbers.extend((minute | GAP, 0) if word is None else (minute, word))
    if sys.byteorder == "little":
        numbers.byteswap()
    return zlib.compress(numbers.tobytes(), 6)


def unpacked(block: bytes, wanted: Collection[int] | None = None) -> dict[int, Samples]:
    """Return the samples of the wanted addresses; raise DamagedBlockError for anything that `packed` did not write."""
    try:
        inflater = zlib.decompressobj()
        content = inflater.decompress(block, _LIMIT_BYTES)
    except zlib.error as error:
        raise DamagedBlockError(f"a block of {len(block)} bytes cannot be inflated: {error}") from error
    if len(content) % 2 or not inflater.eof:
        raise DamagedBlockError(f"a block of {len(block)} bytes is cut")
    numbers = array("H", content)
    if sys.byteorder == "little":
        numbers.byteswap()
    samples: dict[int, Samples] = {}
    at = 0
    while at < len(numbers):
        if at + 2 > len(numbers) or (end := at + 2 + 2 * numbers[at + 1]) > len(numbers):
            raise DamagedBlockError("a block ends in the middle of a point")
        address = numbers[at]
        if wanted is None or address in wanted:
            minutes, words = numbers[at + 2 : end : 2], numbers[at + 3 : end : 2]
            samples[address] = [
                (minute & ~GAP, None if minute & GAP else word) for minute, word in zip(minutes, words, strict=True)
            ]
        at = end
    return samples


def without(block: bytes, addresses: Collection[int]) -> bytes:
    """Return a block without the samples of some addresses; the block itself if it has none of them."""
    samples = unpacked(block)
    left = {address: each for address, each in samples.items() if address not in addresses}
    return block if len(left) == len(samples) else packed(left)


def thinned(block: bytes, resolution_min: int, length_min: int, table: RegisterTable) -> bytes:
    """Return a block with at most one sample in `resolution_min`: the mean of numbers, the last of all others."""
    return packed(
        {
            address: _thinned(samples, resolution_min, length_min, table.by_address.get(address))
            for address, samples in unpacked(block).items()
        }
    )


def _thinned(samples: Samples, resolution_min: int, length_min: int, ref: Ref | None) -> Samples:
    mean = ref is not None and ref.point.kind in (Kind.TEMPERATURE, Kind.PERCENT)
    thin: Samples = []
    for begin in range(0, max(length_min, 1), resolution_min):
        word = _mean(samples, begin, begin + resolution_min, ref) if mean and ref is not None else None
        if word is None:
            word = _at(samples, begin + resolution_min - 1)
        if not thin or thin[-1][1] != word:
            thin.append((begin, word))
    return thin


def _at(samples: Samples, minute: int) -> int | None:
    """Return the word that held at the end of a minute."""
    held = None
    for each, word in samples:
        if each > minute:
            break
        held = word
    return held


def _mean(samples: Samples, begin: int, end: int, ref: Ref) -> int | None:
    """Return the word of the mean over time, None where no minute of it is known or where the last one is a gap."""
    weight, total = 0, 0.0
    following = [*(minute for minute, _ in samples[1:]), end]
    for (minute, word), until in zip(samples, following, strict=True):
        minutes = min(until, end) - max(minute, begin)
        value = None if word is None or minutes <= 0 else ref.decode(word).value
        if value is not None:
            weight += minutes
            total += float(value) * minutes
    if not weight or _at(samples, end - 1) is None:
        return None
    return ref.point.codec.encode(total / weight)
