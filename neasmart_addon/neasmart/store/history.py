"""Keeps what every point was, from the last minute to two years ago, in few and rare writes.

Changes are gathered in memory and written as one block an hour, because SD cards wear out by writing: a power cut
costs at most the last hour and the minutes until the next transaction, a clean stop nothing. Times inside a block come
from the monotonic clock, so a jump of the wall clock tears nothing: the block ends there with the time that was
believed so far. While the clock cannot be right (before 2024) blocks wait, and get the right time when it is known.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor

import aiosqlite

from neasmart.core.recall import Question, Series
from neasmart.core.state.plant import Reading, Source
from neasmart.facts.clock import Clock
from neasmart.facts.registers import RegisterTable
from neasmart.store.joined import SEAM_MIN, JoinedBlocks
from neasmart.store.samples import DamagedBlockError, Samples, packed, thinned, unpacked, without
from neasmart.store.source import Parameters, RowChanges

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

_THINNED_AT_ONCE = 24
_ROWS_AT_ONCE = 64
INSERT_BLOCK = "INSERT INTO history (start, length, resolution, samples) VALUES (?, ?, 1, ?)"
_THIN = (
    "UPDATE history SET samples = thinned(samples, ?, length), resolution = ? WHERE number IN"
    " (SELECT number FROM history WHERE resolution < ? AND start < ? LIMIT ?)"
)
_EXPIRE = "DELETE FROM history WHERE start < ?"
_TRIM = (
    "DELETE FROM history WHERE number IN (SELECT number FROM history ORDER BY start LIMIT ?) AND ? <"
    " (SELECT (page_count - freelist_count) * page_size"
    " FROM pragma_page_count, pragma_freelist_count, pragma_page_size)"
)
_DROP_OLDEST = (
    "DELETE FROM history WHERE number IN (SELECT number FROM history ORDER BY start"
    " LIMIT min(1 + CAST((SELECT count(*) FROM history) * ? AS INTEGER), ?))"
)
_DROPPED_AT_ONCE = 200
"""Blocks; a second's work even for a slow card, and a whole history is gone within minutes."""
_FREED_PAGES = 2000
_LEAVE = "UPDATE history SET samples = cleared(samples, ?) WHERE number > ? AND number <= ?"
_CLEARED_AT_ONCE = 500
"""Blocks; some tenths of a second in the connection's thread."""
_SELECT = "SELECT start, length, samples FROM history WHERE start <= ? AND start + length >= ? ORDER BY start, number"
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedBlock:
    """A finished block that is not in the file yet.

    `at` is the monotonic second of its first minute, `offset_s` what makes Unix time of it, None while that is not
    known. Packing takes milliseconds, so it waits for a thread: until then `packed` is None, and `without` are the
    addresses that are still to be taken out.
    """

    at: float
    offset_s: float | None
    length_min: int
    samples: Mapping[int, Samples]
    packed: bytes | None = None
    without: frozenset[int] = frozenset()


class History:
    """Samples of every reading that changed; one more source of the store's writer."""

    def __init__(self, clock: Clock, table: RegisterTable, *, limit_bytes: int) -> None:
        """Begin the first block now; the file is kept below `limit_bytes`."""
        self._clock = clock
        self._table = table
        self._limit_bytes = limit_bytes
        self._at = self._rolled_at = self._steady_since = clock.monotonic()
        self._offset_s = clock.to_wall(0.0)
        self._samples: dict[int, Samples] = {}
        self._untold: set[int] = set()
        """Registers of which the file tells, and the base has not yet."""
        self._finished: deque[FinishedBlock] = deque(maxlen=BLOCKS_IN_MEMORY)
        self._leaving: frozenset[int] = frozenset()
        self._leaving_until: int | None = None

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
        if not isinstance(item, Reading) or item.at is None:
            return
        if item.source is Source.BUS:
            self._note(item.ref.address, None if item.stale else item.word)
        else:
            self._untold.add(item.ref.address)

    def drop(self, addresses: Iterable[int]) -> None:
        """Forget what registers were; the file is cleared of them by `leave`, bit by bit."""
        leaving = frozenset(addresses)
        for address in leaving:
            self._samples.pop(address, None)
        self._untold -= leaving
        for position, block in enumerate(list(self._finished)):
            self._finished[position] = replace(block, without=block.without | leaving)
        self._leaving |= leaving
        self._leaving_until = None

    @property
    def leaving(self) -> bool:
        """Whether the file still holds samples that are to be forgotten."""
        return bool(self._leaving)

    async def leave(self, connection: aiosqlite.Connection) -> None:
        """Take a part of what is to be forgotten out of the file, the newest first."""
        if self._leaving_until is None:
            ((newest,),) = await connection.execute_fetchall("SELECT coalesce(max(number), 0) FROM history")
            self._leaving_until = int(newest)
        leaving, until = self._leaving, self._leaving_until
        addresses = ",".join(map(str, sorted(leaving)))
        await connection.execute_fetchall(_LEAVE, (addresses, until - _CLEARED_AT_ONCE, until))
        if self._leaving == leaving:
            self._leaving_until = until - _CLEARED_AT_ONCE
            if self._leaving_until <= 0:
                self._leaving = frozenset()

    def roll(self) -> None:
        """Begin a new block when the present one is an hour old, after a standstill, and when the wall clock jumps."""
        offset_s, now = self._clock.to_wall(0.0), self._clock.monotonic()
        stood_still, jumped = now - self._rolled_at > 60 * SEAM_MIN, abs(offset_s - self._offset_s) > JUMP_S
        if stood_still or (jumped and self._plausible(self._offset_s)):
            self.finish()
        self._rolled_at = now
        if jumped:
            self._offset_s, self._steady_since = offset_s, now
        if self._minute() >= BLOCK_MIN:
            self.finish()
        if self._untold and self._minute() >= SEAM_MIN:
            for address in self._untold - self._samples.keys():
                self._note(address, None)
            self._untold.clear()

    def finish(self) -> None:
        """End the present block where it was last looked at, for instance because the gateway stops."""
        length_min = min(floor((self._rolled_at - self._at) / 60) + 1, BLOCK_MIN)
        if self._samples:
            offset_s = self._offset_s if self._plausible(self._offset_s) else None
            block = FinishedBlock(at=self._at, offset_s=offset_s, length_min=length_min, samples=self._samples)
            self._finished.append(block)
        # A loop that slept for long begins where it woke up; what lies between is a gap.
        on_time = self._minute() < BLOCK_MIN + SEAM_MIN
        self._at = self._at + 60 * BLOCK_MIN if on_time and length_min == BLOCK_MIN else self._clock.monotonic()
        held = {address: samples[-1][1] for address, samples in self._samples.items()}
        self._samples = {address: [(0, word)] for address, word in held.items() if word is not None}

    def pack(self) -> None:
        """Pack the finished blocks; takes milliseconds for each and belongs into a thread."""
        for position, block in enumerate(list(self._finished)):
            if block.packed is None:
                samples = {address: each for address, each in block.samples.items() if address not in block.without}
                done = replace(block, packed=packed(samples), samples={}, without=frozenset())
            elif block.without:
                done = replace(block, packed=without(block.packed, block.without), without=frozenset())
            else:
                continue
            # Meanwhile more may have to be taken out of it, or it may have been written.
            if position < len(self._finished) and self._finished[position] is block:
                self._finished[position] = done

    def changes(self) -> RowChanges:
        """Return the finished blocks, packed before, and with them what is old enough to be thinned or dropped."""
        packed_ones = [block for block in self._finished if block.packed is not None and not block.without]
        blocks = packed_ones if self._clock_is_plausible() else []
        if not blocks:
            return RowChanges(statements=(), confirm=lambda: None)
        rows: list[Parameters] = [(self._start(block), block.length_min, block.packed) for block in blocks]

        def confirm() -> None:
            for block in blocks:
                if block in self._finished:
                    self._finished.remove(block)

        return RowChanges(
            statements=(
                (INSERT_BLOCK, rows),
                *self._ageing(),
                (_TRIM, [(_THINNED_AT_ONCE, self._limit_bytes)]),
            ),
            confirm=confirm,
        )

    async def load(self, connection: aiosqlite.Connection) -> None:
        """Give the connection the function that thins."""
        await connection.create_function("thinned", 3, self._thinned, deterministic=True)
        await connection.create_function("cleared", 2, _cleared, deterministic=True)

    async def too_large(self, connection: aiosqlite.Connection) -> bool:
        """Return whether the file is larger than it may be, for instance because that was changed."""
        return (await _sizes(connection)).file > self._limit_bytes

    async def shrink(self, connection: aiosqlite.Connection) -> bool:
        """Do a part of what makes a file that is too large smaller; return whether more is to be done."""
        sizes = await _sizes(connection)
        if sizes.file <= self._limit_bytes:
            return False
        if sizes.used > self._limit_bytes:
            before = connection.total_changes
            share = 1 - self._limit_bytes / sizes.used
            await connection.execute_fetchall(_DROP_OLDEST, (share, _DROPPED_AT_ONCE))
            # What else is in the file is small, and stays.
            return connection.total_changes > before
        if sizes.can_shrink:
            # A step of this statement frees one page and returns no row, so only a script is stepped to its end.
            await connection.executescript(f"PRAGMA incremental_vacuum({_FREED_PAGES})")
        else:
            await connection.execute_fetchall("VACUUM")
        await connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
        return sizes.can_shrink

    def forget(self) -> None:
        """Drop the blocks that wait."""
        self._finished.clear()

    async def read(self, connection: aiosqlite.Connection | None, question: Question) -> Series:
        """Return what held between two Unix times; raises sqlite3.Error if the file cannot be read."""
        answer = JoinedBlocks(question, now_s=self._clock.wall())
        if connection is not None:
            cursor = await connection.execute(_SELECT, (floor(question.end_s / 60), floor(question.begin_s / 60)))
            while rows := await cursor.fetchmany(_ROWS_AT_ONCE):
                await asyncio.to_thread(answer.take_packed, rows)
            await cursor.close()
        if self._clock_is_plausible():
            for block in self._finished:
                wanted = frozenset(question.addresses) - block.without
                samples = block.samples if block.packed is None else unpacked(block.packed, wanted)
                samples = {address: each for address, each in samples.items() if address in wanted}
                answer.take(self._start(block), block.length_min, samples)
            answer.take(self._start_of_present(), max(1, self._minute() + 1), self._samples)
        return answer.series()

    def _ageing(self) -> list[tuple[str, Sequence[Parameters]]]:
        if self._clock.monotonic() - self._steady_since < STEADY_S:
            return []
        now_min = floor(self._clock.wall() / 60)
        thinning: list[Parameters] = [
            (resolution, resolution, resolution, now_min - after_min, _THINNED_AT_ONCE)
            for resolution, after_min in ((15, TO_QUARTERS_AFTER_MIN), (60, TO_HOURS_AFTER_MIN))
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

    def _start(self, block: FinishedBlock) -> int:
        offset_s = self._clock.to_wall(0.0) if block.offset_s is None else block.offset_s
        return _minute_of(block.at + offset_s)

    def _start_of_present(self) -> int:
        return _minute_of(self._clock.to_wall(self._at))

    def _clock_is_plausible(self) -> bool:
        return self._clock.wall() >= PLAUSIBLE_FROM_S

    def _plausible(self, offset_s: float) -> bool:
        return self._clock.monotonic() + offset_s >= PLAUSIBLE_FROM_S

    def _thinned(self, block: bytes, resolution_min: int, length_min: int) -> bytes:
        """Return the thinned block; one that is damaged becomes an empty one. Runs in the connection's thread."""
        try:
            return thinned(block, resolution_min, length_min, self._table)
        except DamagedBlockError as error:
            _LOGGER.warning("An hour of history cannot be read and is dropped: %s", error)
            return packed({})


def _cleared(block: bytes, addresses: str) -> bytes:
    """Return a block without some addresses; one that is damaged becomes an empty one."""
    try:
        return without(block, frozenset(int(each) for each in addresses.split(",")))
    except DamagedBlockError:
        return packed({})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sizes:
    """Bytes of the file, and of them those in use; and whether the file can give pages back one by one."""

    file: int
    used: int
    can_shrink: bool


async def _sizes(connection: aiosqlite.Connection) -> _Sizes:
    ((pages, free, page_bytes, mode),) = await connection.execute_fetchall(
        "SELECT page_count, freelist_count, page_size, auto_vacuum"
        " FROM pragma_page_count, pragma_freelist_count, pragma_page_size, pragma_auto_vacuum"
    )
    return _Sizes(file=pages * page_bytes, used=(pages - free) * page_bytes, can_shrink=mode != 0)


def _minute_of(unix_s: float) -> int:
    """Return the minute in which a time lies, never a later one; half a second makes good for the clocks' floats."""
    return floor((unix_s + 0.5) / 60)
