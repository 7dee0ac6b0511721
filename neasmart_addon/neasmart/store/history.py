"""Keeps what every point was, from the last minute to two years ago, in few and rare writes.

Changes are gathered in memory and written as one block an hour, because SD cards wear out by writing: a power cut
costs at most the last hour of history, a clean stop nothing. Times inside a block come from the monotonic clock and
become wall time when the block is written, so a clock that is set right in between moves the whole block and tears
nothing; while the clock cannot be right (before 2024) blocks wait.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import floor

import aiosqlite

from neasmart.clock import Clock
from neasmart.plant import Reading, Source
from neasmart.registers import RegisterTable
from neasmart.store.samples import DamagedBlockError, Samples, packed, thinned, unpacked
from neasmart.store.source import Changes, Parameters

BLOCK_MIN = 60
BLOCKS_IN_MEMORY = 72
"""Hours that wait for a failing disk; a busy hour takes about 6 kB."""
PLAUSIBLE_FROM_S = 1_704_067_200
"""Begin of 2024. A computer without a battery for its clock starts in 1970."""
TO_QUARTERS_AFTER_MIN = 48 * 60
TO_HOURS_AFTER_MIN = 30 * 24 * 60
KEPT_MIN = 2 * 365 * 24 * 60
STEADY_S = 6 * 3600
"""Nothing is thinned or dropped until the wall clock has run so long without a jump: by a wrong one all is old."""
JUMP_S = 300.0
SEAM_MIN = 2
"""Two blocks so near to each other belong together; a longer pause is a gap."""

_THINNED_AT_ONCE = 24
_ROWS_AT_ONCE = 64
_BREATH_S = 0.001
_INSERT = "INSERT INTO history (start, length, resolution, samples) VALUES (?, ?, 1, ?)"
_THIN = (
    "UPDATE history SET samples = thinned(samples, ?1, length), resolution = ?1 WHERE number IN"
    " (SELECT number FROM history WHERE resolution < ?1 AND start < ?2 LIMIT ?3)"
)
_EXPIRE = "DELETE FROM history WHERE start < ?"
_TRIM = (
    "DELETE FROM history WHERE number IN (SELECT number FROM history ORDER BY start LIMIT ?1) AND ?2 <"
    " (SELECT (page_count - freelist_count) * page_size"
    " FROM pragma_page_count, pragma_freelist_count, pragma_page_size)"
)
_SELECT = "SELECT start, length, samples FROM history WHERE start <= ? AND start + length >= ? ORDER BY start, number"
_LOGGER = logging.getLogger(__name__)

Series = dict[int, list[tuple[float, int | None]]]
"""By address: Unix seconds with the word that holds from there on, None where nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A finished block that is not in the file yet; `at` is the monotonic second of its first minute."""

    at: float
    length_min: int
    samples: bytes


class History:
    """Samples of every reading that changed; one more source of the store's writer."""

    def __init__(self, clock: Clock, table: RegisterTable, *, limit_bytes: int) -> None:
        """Begin the first block now; the file is kept below `limit_bytes`."""
        self._clock = clock
        self._table = table
        self._limit_bytes = limit_bytes
        self._at = self._steady_since = clock.monotonic()
        self._offset_s = clock.to_wall(0.0)
        self._samples: dict[int, Samples] = {}
        self._finished: deque[Block] = deque(maxlen=BLOCKS_IN_MEMORY)

    @property
    def waiting(self) -> int:
        """How many blocks the file does not hold yet."""
        return len(self._finished) if self._clock_is_plausible() else 0

    @property
    def urgent(self) -> bool:
        """Never: an hour waits for the next transaction."""
        return False

    def take(self, item: object) -> None:
        """Note a reading of the bus, or that it has become stale."""
        self.roll()
        if not isinstance(item, Reading) or item.at is None or item.source is not Source.BUS:
            return
        self._note(item.ref.address, None if item.stale else item.word)

    def roll(self) -> None:
        """Begin a new block when the present one is an hour old, and notice when the wall clock jumps."""
        offset_s = self._clock.to_wall(0.0)
        if abs(offset_s - self._offset_s) > JUMP_S:
            self._offset_s, self._steady_since = offset_s, self._clock.monotonic()
        if self._minute() >= BLOCK_MIN:
            self.finish()

    def finish(self) -> None:
        """End the present block, for instance because the gateway stops."""
        length_min = min(self._minute() + 1, BLOCK_MIN)
        if self._samples:
            self._finished.append(Block(at=self._at, length_min=length_min, samples=packed(self._samples)))
        # A loop that slept for long begins where it woke up; what lies between is a gap.
        on_time = self._minute() < BLOCK_MIN + SEAM_MIN
        self._at = self._at + 60 * BLOCK_MIN if on_time and length_min == BLOCK_MIN else self._clock.monotonic()
        held = {address: samples[-1][1] for address, samples in self._samples.items()}
        self._samples = {address: [(0, word)] for address, word in held.items() if word is not None}

    def changes(self) -> Changes:
        """Return the finished blocks, and with them what has grown old enough to be thinned or dropped."""
        blocks = list(self._finished) if self._clock_is_plausible() else []
        if not blocks:
            return Changes(statements=(), confirm=lambda: None)
        rows: list[Parameters] = [(self._start(block), block.length_min, block.samples) for block in blocks]

        def confirm() -> None:
            for block in blocks:
                if block in self._finished:
                    self._finished.remove(block)

        return Changes(
            statements=(
                (_INSERT, rows),
                *self._ageing(),
                (_TRIM, [(_THINNED_AT_ONCE, self._limit_bytes)]),
            ),
            confirm=confirm,
        )

    async def load(self, connection: aiosqlite.Connection) -> None:
        """Give the connection the function that thins."""
        await connection.create_function("thinned", 3, self._thinned, deterministic=True)

    def forget(self) -> None:
        """Drop the blocks that wait."""
        self._finished.clear()

    async def read(
        self, connection: aiosqlite.Connection | None, addresses: Collection[int], begin_s: float, end_s: float
    ) -> Series:
        """Return what held between two Unix times; raises sqlite3.Error if the file cannot be read."""
        blocks: list[tuple[int, int, bytes]] = []
        if connection is not None:
            cursor = await connection.execute(_SELECT, (floor(end_s / 60), floor(begin_s / 60)))
            while rows := await cursor.fetchmany(_ROWS_AT_ONCE):
                blocks += [(int(start), int(length), bytes(samples)) for start, length, samples in rows]
            await cursor.close()
        if self._clock_is_plausible():
            blocks += [(self._start(block), block.length_min, block.samples) for block in self._finished]
            if self._samples:
                present = packed({each: self._samples[each] for each in addresses if each in self._samples})
                blocks.append((self._wall_minute(self._at), max(1, self._minute() + 1), present))
        return await asyncio.to_thread(_joined, blocks, frozenset(addresses), begin_s, end_s, now_s=self._clock.wall())

    def _ageing(self) -> list[tuple[str, Sequence[Parameters]]]:
        if self._clock.monotonic() - self._steady_since < STEADY_S:
            return []
        now_min = floor(self._clock.wall() / 60)
        thinning: list[Parameters] = [
            (15, now_min - TO_QUARTERS_AFTER_MIN, _THINNED_AT_ONCE),
            (60, now_min - TO_HOURS_AFTER_MIN, _THINNED_AT_ONCE),
        ]
        return [(_THIN, thinning), (_EXPIRE, [(now_min - KEPT_MIN,)])]

    def _note(self, address: int, word: int | None) -> None:
        minute = min(self._minute(), BLOCK_MIN - 1)
        samples = self._samples.setdefault(address, [])
        if samples and samples[-1][0] == minute:
            samples.pop()
        if samples and samples[-1][1] == word:
            return
        samples.append((minute, word))

    def _minute(self) -> int:
        return floor((self._clock.monotonic() - self._at) / 60)

    def _start(self, block: Block) -> int:
        return self._wall_minute(block.at)

    def _wall_minute(self, at: float) -> int:
        return round(self._clock.to_wall(at) / 60)

    def _clock_is_plausible(self) -> bool:
        return self._clock.wall() >= PLAUSIBLE_FROM_S

    def _thinned(self, block: bytes, resolution_min: int, length_min: int) -> bytes:
        """Return the thinned block; one that is damaged becomes an empty one. Runs in the connection's thread."""
        try:
            return thinned(block, resolution_min, length_min, self._table)
        except DamagedBlockError as error:
            _LOGGER.warning("An hour of history cannot be read and is dropped: %s", error)
            return packed({})


def _joined(
    blocks: Sequence[tuple[int, int, bytes]], addresses: frozenset[int], begin_s: float, end_s: float, *, now_s: float
) -> Series:
    """Put blocks together in the order of time; runs in a thread and gives the event loop its turn."""
    series: Series = {address: [] for address in addresses}
    until_min: int | None = None
    for number, (start, length, block) in enumerate(sorted(blocks, key=lambda each: each[0])):
        if number % _ROWS_AT_ONCE == _ROWS_AT_ONCE - 1:
            time.sleep(_BREATH_S)
        try:
            samples = unpacked(block, addresses)
        except DamagedBlockError:
            _LOGGER.debug("A block of the history is damaged", exc_info=True)
            continue
        if until_min is not None and start > until_min + SEAM_MIN:
            _close(series.values(), until_min * 60.0)
        for address, points in series.items():
            for minute, word in samples.get(address, ()):
                _append(points, (start + minute) * 60.0, word)
        until_min = start + length if until_min is None else max(until_min, start + length)
    if until_min is not None and until_min * 60 < min(end_s, now_s) - 60 * SEAM_MIN:
        _close(series.values(), until_min * 60.0)
    return {address: list(_within(points, begin_s, end_s)) for address, points in series.items()}


def _append(points: list[tuple[float, int | None]], at_s: float, word: int | None) -> None:
    """Add a sample; what a clock that was set back says about times already told is left out."""
    if points and at_s < points[-1][0]:
        return
    if points and at_s == points[-1][0]:
        points.pop()
    if not points or points[-1][1] != word:
        points.append((at_s, word))


def _close(series: Iterable[list[tuple[float, int | None]]], at_s: float) -> None:
    for points in series:
        if points and points[-1][1] is not None:
            _append(points, max(at_s, points[-1][0] + 1), None)


def _within(points: list[tuple[float, int | None]], begin_s: float, end_s: float) -> Iterator[tuple[float, int | None]]:
    """Cut to a range; what held at its beginning stands there."""
    held: tuple[float, int | None] | None = None
    for at_s, word in points:
        if at_s > end_s:
            break
        if at_s < begin_s:
            held = (begin_s, word)
            continue
        if held is not None:
            if at_s > begin_s and held[1] is not None:
                yield held
            held = None
        yield at_s, word
    if held is not None and held[1] is not None:
        yield held
