"""A gateway with a store and a clock that tests move, for tests and for measuring."""

from __future__ import annotations

import sqlite3
from math import ceil
from pathlib import Path

from neasmart.core.gateway import STANDSTILL_S
from neasmart.core.state.plant import Reading
from neasmart.facts.clock import Clock
from neasmart.facts.status import StoreStatus
from neasmart.settings.model import DatabaseSettings, ModbusSettings, Settings
from neasmart.store import Store
from neasmart.store.files.database import Connect
from neasmart.wiring.app import build_gateway

NOON = 1_750_000_000.0


class MovedClock:
    """Seconds that pass only when told to; the wall clock may jump by itself."""

    def __init__(self, *, wall: float = NOON, monotonic: float = 1000.0) -> None:
        self.wall_s = wall
        self.monotonic_s = monotonic
        self.clock = Clock(monotonic=lambda: self.monotonic_s, wall=lambda: self.wall_s)

    def pass_by(self, seconds: float) -> None:
        self.wall_s += seconds
        self.monotonic_s += seconds


class Bench:
    """One process: a gateway, its store, and a base that writes."""

    def __init__(
        self,
        settings: DatabaseSettings,
        *,
        modbus: ModbusSettings | None = None,
        time: MovedClock | None = None,
        connect: Connect | None = None,
    ) -> None:
        self.time = time or MovedClock()
        self.settings = settings
        self.modbus = modbus or ModbusSettings()
        self.gateway = build_gateway(Settings(modbus=self.modbus, database=settings), self.time.clock)
        self.store = Store(settings, self.modbus, self.gateway, connect=connect)
        self.path = Path(settings.path)

    def write(self, address: int, *words: int) -> None:
        self.gateway.bus.write(address, words, function_code=16, unit_id=0, now=self.time.monotonic_s)

    def command(self, point: str, value: float) -> str:
        """Give a command that the base reads and confirms at once; return its id."""
        ref = self.gateway.table.ref(point)
        (command,) = self.gateway.submit([(ref, value)], origin="test", queue=True)
        self.gateway.bus.left(self.gateway.bus.poll(ref.address, 1, 240, self.time.monotonic_s), self.time.monotonic_s)
        self.write(ref.address, command.word)
        return command.id

    async def wait(self, seconds: float, *, step_s: float = 1.0) -> None:
        """Let seconds pass as the gateway's loop would see them."""
        for _ in range(round(seconds / step_s)):
            ticks = ceil(step_s / STANDSTILL_S)
            for _ in range(ticks):
                self.time.pass_by(step_s / ticks)
                self.gateway.tick(self.time.monotonic_s)
            await self.store.step()

    def killed(self) -> None:
        """Give back what the kernel takes from a process that is killed."""
        self.store.lock.release()

    async def close(self) -> None:
        await self.store.close()

    def reading(self, point: str) -> Reading:
        return self.gateway.plant.reading(self.gateway.table.ref(point))

    @property
    def status(self) -> StoreStatus:
        return self.gateway.store

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Read the file as another program would."""
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()
