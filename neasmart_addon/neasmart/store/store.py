"""Writes the present state to the file, rarely and in one go, and goes on in memory while the disk fails.

SD cards wear out by writing, so a transaction waits until something worth it has changed: a command that ended, a
mode, state, setpoint or fault is written within one flush interval, measurements alone every tenth interval.

The bus never waits for any of this: all work on the disk is done in the thread of the database connection, and a
disk that hangs is left alone until it answers.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Collection
from contextlib import ExitStack, suppress
from pathlib import Path

import aiosqlite

from neasmart.core.commands.command import Command
from neasmart.core.gateway import STORE, Gateway
from neasmart.core.recall import PastCommand, Question, Series
from neasmart.core.state.hub import Subscription
from neasmart.facts.errors import NeasmartError
from neasmart.facts.retries import Backoff, BreakerState, CircuitBreaker
from neasmart.facts.status import StoreStatus
from neasmart.settings.model import DatabaseSettings, ModbusSettings
from neasmart.store.command_log import CommandLog
from neasmart.store.files.database import Connect, DatabaseFile, is_damage
from neasmart.store.files.folder_lock import FolderLock
from neasmart.store.files.storage_faults import explain, slow
from neasmart.store.history import History
from neasmart.store.reported import CLOCK_SLACK_S, ReportedRows
from neasmart.store.source import RowSource

MEASUREMENT_INTERVALS = 10
"""Flush intervals between transactions while nothing but measurements changes."""
OPEN_PATIENCE_S = 2.0
PATIENCE_S = 3.0
CLOSE_PATIENCE_S = 1.5
HISTORY_PATIENCE_S = 50.0
RETRY_S = (2.0, 30.0)
_LOGGER = logging.getLogger(__name__)
_TICK_S = 1.0
_TAKEN_AT_ONCE = 16
"""Changes, before the bus gets its turn."""
_THREAD_END_S = 0.1
_FORGET_PAGES = "PRAGMA shrink_memory"
"""Pages are read anew next time: that costs little, and finds damage while all values are still in memory."""
_KEPT = " Values are kept in memory until then."
_NOT_KEPT = " Nothing is stored until then."


class Store:
    """Keeps what the base reported last and the history of commands; call `open`, then `run`, and last `close`."""

    def __init__(
        self, settings: DatabaseSettings, modbus: ModbusSettings, gateway: Gateway, *, connect: Connect | None = None
    ) -> None:
        """Touch nothing yet; `connect` replaces the way to a SQLite connection in tests of failing disks."""
        self.lock = FolderLock(Path(settings.path).parent)
        self._settings = settings
        self._gateway = gateway
        self._clock = gateway.clock
        self._file = DatabaseFile(Path(settings.path), wall=gateway.clock.wall, connect=connect, lock=self.lock)
        self._breaker = CircuitBreaker(
            failure_threshold=modbus.circuit_breaker_failure_threshold,
            recovery_s=modbus.circuit_breaker_recovery_timeout,
        )
        self._backoff = Backoff(*RETRY_S)
        self._reported = ReportedRows(gateway.clock)
        self._commands = CommandLog(gateway.clock)
        self._history = History(gateway.clock, gateway.table, limit_bytes=settings.history_max_mb * 1_000_000)
        self._sources: tuple[RowSource, ...] = (self._reported, self._commands, self._history)
        # One long question at a time: each takes some of the thread's time and some memory.
        self._reading = asyncio.Lock()
        self._noted: dict[str, Command] = {}
        self._connection: aiosqlite.Connection | None = None
        self._work: asyncio.Task[None] | None = None
        self._subscriptions = ExitStack()
        self._subscription: Subscription | None = None
        self._restored_by: float | None = None
        self._closing = False
        self._too_large = False
        self._waiting_since: float | None = None
        self._urgent_since: float | None = None
        self._retry_at = 0.0
        self._fault: str | None = None
        self._notice: str | None = None
        self._transactions = 0
        self._errors = 0
        self._last_flush_at: float | None = None

    async def open(self) -> None:
        """Show what the file holds; a disk that fails or hangs is tried again by `run`, never raised."""
        snapshot, self._subscription = self._subscriptions.enter_context(self._gateway.hub.subscribed())
        self._take(snapshot)
        self._work = asyncio.create_task(self._opened())
        await self._wait_for_work(OPEN_PATIENCE_S)
        self._publish()

    async def run(self) -> None:
        """Follow the hub and write for ever."""
        while True:
            await self.step()
            await asyncio.sleep(min(_TICK_S, self._settings.flush_interval_seconds / 4))

    async def step(self) -> None:
        """Take what has changed and write it if it is time; returns after `PATIENCE_S` at the latest."""
        if self._restored_by is not None and abs(self._clock.to_wall(0.0) - self._restored_by) > CLOCK_SLACK_S:
            # A computer without a clock of its own learns the time late, and only then how old is what it has shown.
            self._restore()
        while self._collect(_TAKEN_AT_ONCE):  # noqa: ASYNC110 - nothing is waited for, the bus gets its turn
            await asyncio.sleep(0)
        if self._work is None and not self._closing and self._due(self._clock.monotonic()):
            self._waiting_since = self._urgent_since = None
            self._work = asyncio.create_task(self._opened_and_flushed())
        # A disk that is known to be slow is only looked at, so that taking changes goes on at its own pace.
        await self._wait_for_work(0.0 if self._fault == slow(self._file.path) else PATIENCE_S)
        self._publish()

    async def close(self) -> None:
        """Write the rest and close the file, within `CLOSE_PATIENCE_S`."""
        self._closing = True
        try:
            async with asyncio.timeout(CLOSE_PATIENCE_S):
                if self._work is not None:
                    await asyncio.wait({self._work})
                self._collect()
                self._history.finish()
                self._work = asyncio.create_task(self._opened_flushed_and_closed())
                await asyncio.wait({self._work})
        except TimeoutError:
            _LOGGER.warning("%s The last values were not stored.", slow(self._file.path))
            await self._abandon()
        finally:
            self.lock.release()
            self._subscriptions.close()
            self._publish()

    async def command_history(self, limit: int) -> list[PastCommand]:
        """Return the last commands, newest first, at most a thousand; answers while the disk fails, too."""
        self._collect()
        return self._commands.newest(limit)

    async def forget(self, addresses: Collection[int]) -> None:
        """Forget what registers held, in the file, too, lest a power cut bring them back; `run` does it if this fails.

        A long history leaves the file bit by bit, within a minute.
        """
        # What was told before is not to be stored after it was forgotten.
        self._collect()
        self._reported.drop(addresses)
        self._history.drop(addresses)
        # What is being written at the moment may not know of it yet.
        for _ in range(2):
            if self._reported.leaving:
                await self.step()

    async def history(self, question: Question) -> Series:
        """Return what the registers held; while the disk fails, what memory knows of it."""
        self._collect()
        try:
            async with asyncio.timeout(HISTORY_PATIENCE_S), self._reading:
                return await self._history.read(self._connection, question)
        except (sqlite3.Error, OSError, ValueError, TimeoutError):
            _LOGGER.debug("The stored history cannot be read", exc_info=True)
            return await self._history.read(None, question)

    # What is taken from the hub.

    def _collect(self, at_most: int | None = None) -> bool:
        """Take what has changed, or so much of it; return whether there is more."""
        items = {} if self._subscription is None else self._subscription.take(at_most)
        self._take(items)
        self._history.roll()
        now = self._clock.monotonic()
        if self._waiting_since is None and any(source.waiting for source in self._sources):
            self._waiting_since = now
        if self._urgent_since is None and any(source.urgent for source in self._sources):
            self._urgent_since = now
        return len(items) == at_most

    def _take(self, items: dict[str, object]) -> None:
        keep = self._settings.enable_fallback or self._fault is None
        for item in items.values():
            if keep:
                self._reported.take(item)
                if self._settings.history_enabled:
                    self._history.take(item)
        if any(isinstance(item, Command) for item in items.values()):
            self._take_commands(keep=keep)

    def _take_commands(self, *, keep: bool) -> None:
        """Take all changed commands: of those for one register the hub shows only the last."""
        recent = {command.id: command for command in self._gateway.commands.recent}
        for command in sorted(recent.values(), key=lambda command: (command.queued_at, command.state.live)):
            if keep and self._noted.get(command.id) is not command:
                self._commands.take(command)
        self._noted = recent

    # When to write.

    def _due(self, now: float) -> bool:
        if self._connection is None:
            return now >= self._retry_at and self._breaker.state(now) is not BreakerState.OPEN
        if self._too_large or self._history.leaving:
            return True
        interval_s = self._settings.flush_interval_seconds
        if self._urgent_since is not None and now - self._urgent_since >= interval_s:
            return True
        return self._waiting_since is not None and now - self._waiting_since >= MEASUREMENT_INTERVALS * interval_s

    # What is done on the disk, one at a time.

    async def _wait_for_work(self, patience_s: float) -> None:
        if self._work is None:
            return
        work = self._work
        done, _ = await asyncio.wait({work}, timeout=patience_s)
        if done:
            # Somebody else may have waited for it, too.
            if self._work is work:
                self._work = None
            work.result()
        elif self._fault is None:
            self._errors += 1
            self._blame(slow(self._file.path))

    async def _opened(self) -> None:
        try:
            await self._open()
        except (sqlite3.Error, OSError, NeasmartError) as error:
            await self._failed(error)
        else:
            self._succeeded()

    async def _opened_and_flushed(self) -> None:
        try:
            if self._connection is not None and not await self._unmoved(self._connection):
                _LOGGER.warning("The file %s was moved or removed; a new one is begun", self._file.path)
                self._errors += 1
                await self._discard()
            connection = self._connection or await self._open()
            await self._flush(connection)
            if self._history.leaving:
                await self._history.leave(connection)
            elif self._too_large:
                self._too_large = await self._history.shrink(connection)
        except (sqlite3.Error, OSError, NeasmartError) as error:
            await self._failed(error)
        else:
            self._succeeded()

    async def _opened_flushed_and_closed(self) -> None:
        await self._opened_and_flushed()
        await self._discard()

    async def _open(self) -> aiosqlite.Connection:
        connection = aiosqlite.Connection(self._file.open, iter_chunk_size=64)
        thread = connection._thread  # noqa: SLF001 - aiosqlite has no public way to what follows
        # A thread that hangs in the disk must not hold the end of the process.
        thread.daemon = True
        try:
            await connection
        except (sqlite3.Error, OSError, NeasmartError):
            # The thread ends by itself now; it must not outlive the loop that it reports to.
            await asyncio.to_thread(thread.join, _THREAD_END_S)
            raise
        self._connection = connection
        await connection.create_function("unmoved", 0, self._file.unmoved)
        for source in self._sources:
            await source.load(connection)
        self._too_large = await self._history.too_large(connection)
        await connection.execute_fetchall(_FORGET_PAGES)
        if self._file.set_aside_as is not None:
            self._notice = f"The storage file was damaged. It was set aside as {self._file.set_aside_as.name}."
        if self._restored_by is None:
            self._restore()
        return connection

    def _restore(self) -> None:
        self._restored_by = self._clock.to_wall(0.0)
        self._gateway.restore(self._reported.restorable())

    async def _unmoved(self, connection: aiosqlite.Connection) -> bool:
        """Ask for the file in the connection's own thread, because even that can hang on a bad disk."""
        return [tuple(row) for row in await connection.execute_fetchall("SELECT unmoved()")] == [(1,)]

    async def _flush(self, connection: aiosqlite.Connection) -> None:
        await asyncio.to_thread(self._history.pack)
        changes = [source.changes() for source in self._sources]
        statements = [statement for change in changes for statement in change.statements]
        if not statements:
            return
        await connection.execute_fetchall("BEGIN IMMEDIATE")
        for sql, rows in statements:
            async with connection.executemany(sql, rows):
                pass
        await connection.commit()
        await connection.execute_fetchall(_FORGET_PAGES)
        for change in changes:
            change.confirm()
        self._transactions += 1
        self._last_flush_at = self._clock.monotonic()

    def _succeeded(self) -> None:
        self._breaker.succeeded()
        self._backoff.worked()
        if self._fault is not None:
            _LOGGER.info("The storage works again")
            self._fault = None

    async def _failed(self, error: Exception) -> None:
        now = self._clock.monotonic()
        self._errors += 1
        await self._discard()
        self._breaker.failed(now)
        wait_s = self._backoff.wait_s()
        if is_damage(error):
            self._file.condemn()
            if self._breaker.failures == 1:
                # The next trial begins a new file, so there is nothing to wait for.
                _LOGGER.warning("%s is damaged (%s)", self._file.path, error)
                return
        self._retry_at = now + wait_s
        _LOGGER.debug("The storage failed", exc_info=error)
        self._blame(explain(error, self._file.path))
        if not self._settings.enable_fallback:
            for source in self._sources:
                source.forget()

    def _blame(self, fault: str) -> None:
        if fault != self._fault:
            _LOGGER.warning("%s%s", fault, _KEPT if self._settings.enable_fallback else _NOT_KEPT)
        self._fault = fault

    async def _discard(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error, OSError):
                await connection.close()

    async def _abandon(self) -> None:
        """Leave a hanging disk behind."""
        for _ in range(2):
            # The first may end in the closing of the connection, which hangs as well.
            if self._work is not None:
                self._work.cancel()
                await asyncio.wait({self._work}, timeout=0.05)
        if self._connection is not None:
            self._connection.stop()
            self._connection = None

    # What is said about it.

    def _publish(self) -> None:
        failing = self._fault is not None
        kept = _KEPT if self._settings.enable_fallback else _NOT_KEPT
        status = StoreStatus(
            healthy=not failing,
            using_fallback=failing and self._settings.enable_fallback,
            waiting=sum(source.waiting for source in self._sources) if failing else 0,
            breaker=self._breaker.state(self._clock.monotonic()),
            detail=f"{self._fault}{kept}" if failing else self._notice,
            transactions=self._transactions,
            errors=self._errors,
            last_flush_at=self._last_flush_at,
        )
        if status != self._gateway.store:
            self._gateway.hub.publish(STORE, status)
