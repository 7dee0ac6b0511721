"""Writes a past that no gateway has heard into a file of its own, for the demo."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from neasmart.store.files.database import DatabaseFile
from neasmart.store.history import BLOCK_MIN, INSERT_BLOCK
from neasmart.store.samples import Samples, packed


def remember(path: Path, minutes: Iterable[Mapping[int, int]], *, until_s: float) -> None:
    """Write the words by address of each minute; the last of them ends at the Unix time `until_s`.

    Raises what `DatabaseFile.open` raises.
    """
    blocks: list[tuple[int, dict[int, Samples]]] = []
    held: dict[int, int] = {}
    for number, words in enumerate(minutes):
        minute = number % BLOCK_MIN
        if minute == 0:
            blocks.append((0, {address: [(0, word)] for address, word in words.items()}))
        else:
            samples = blocks[-1][1]
            for address, word in words.items():
                if held.get(address) != word:
                    samples.setdefault(address, []).append((minute, word))
        blocks[-1] = (minute + 1, blocks[-1][1])
        held.update(words)
    start = int(until_s // 60) - sum(length for length, _ in blocks)
    with closing(DatabaseFile(path, wall=time.time).open()) as connection, connection:
        for length, samples in blocks:
            connection.execute(INSERT_BLOCK, (start, length, packed(samples)))
            start += length
