"""Measures how many bytes the store makes the disk write in a simulated day, because SD cards wear out.

A full house of sixty zones writes every register anew each 30 s, measurements always a little different; people and
automations give the stated number of commands and change as many setpoints at thermostats. After each transaction the
file is synchronised, so that no page is written twice in memory and counted once: the kernel's count is then what a
real day would cost.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path

from neasmart.facts.points import TABLE
from neasmart.facts.rows import Kind
from neasmart.settings.model import DatabaseSettings
from neasmart.store.files import database
from tests.support.store import Bench

WALK_S = 30
DAY_S = 86_400


def kernel_bytes() -> int:
    """Return the bytes that this process has caused to be written to a disk."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


class House:
    """Sixty zones whose measurements drift and whose setpoints change now and then."""

    def __init__(self, seed: int, setpoint_changes_per_day: float) -> None:
        self.random = random.Random(seed)
        self.words = {ref.address: self._first(ref.point.kind) for ref in TABLE}
        self.writable = [ref.address for ref in TABLE.writable if ref.point.key == "setpoint"]
        self.chance = setpoint_changes_per_day * WALK_S / DAY_S

    def walk(self) -> dict[int, int]:
        """Return all words after another walk of the base."""
        for ref in TABLE:
            if ref.point.kind in (Kind.TEMPERATURE, Kind.PERCENT) and not ref.point.writable:
                self.words[ref.address] = max(0, self.words[ref.address] + self.random.choice((-1, 0, 1)))
            elif ref.point.device_class == "running":
                self.words[ref.address] ^= self.random.random() < 0.1
        if self.random.random() < self.chance:
            self.words[self.random.choice(self.writable)] = 0x0C1A + self.random.randrange(100)
        return self.words

    def _first(self, kind: Kind) -> int:
        return {Kind.TEMPERATURE: 0x0C1A, Kind.PERCENT: 45, Kind.ENUM: 1, Kind.BIT: 0}[kind]


async def day(folder: Path, hours: float, commands_per_day: float) -> tuple[float, float]:
    """Run the store through a day and print the figures; return kB for 1000 updates and MB in a day."""
    path = folder / "neasmart.db"
    bench = Bench(DatabaseSettings(path=str(path)))
    house = House(1, setpoint_changes_per_day=commands_per_day)
    before = kernel_bytes()
    await bench.store.open()
    sync(folder)
    first_start = kernel_bytes() - before
    updates = transactions = 0
    command_chance = commands_per_day * WALK_S / DAY_S
    for _ in range(int(hours * 3600 / WALK_S)):
        for address, word in house.walk().items():
            bench.write(address, word)
            updates += 1
        if house.random.random() < command_chance:
            zone = house.random.choice(house.writable)
            bench.command(TABLE.by_address[zone].id, 15 + house.random.randrange(30) / 2)
            report = bench.gateway.image.report(zone)
            house.words[zone] = report.word if report else 0
        await bench.wait(WALK_S, step_s=1.0)
        if bench.status.transactions != transactions:
            transactions = bench.status.transactions
            sync(folder)
    running = kernel_bytes() - before
    await bench.close()
    sync(folder)
    total = kernel_bytes() - before
    print(
        f"  {hours:g} h, {updates} register updates, {commands_per_day:g} commands a day, {transactions} transactions"
    )
    print(f"  first start {first_start / 1e3:.0f} kB, whole run {total / 1e6:.2f} MB by the kernel's count")
    print(f"  {running / updates * 1000 / 1e3:.1f} kB for 1000 updates; file {path.stat().st_size / 1e3:.0f} kB")
    return running / updates, total / 1e6 * 24 / hours


def sync(folder: Path) -> None:
    """Bring everything to the disk."""
    for file in folder.iterdir():
        if not file.name.endswith("-shm"):
            with file.open("rb") as opened:
                os.fsync(opened.fileno())


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure with each page size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--commands", type=float, nargs="*", default=[50.0, 500.0])
    parser.add_argument("--page-bytes", type=int, nargs="*", default=[database._PAGE_BYTES])  # noqa: SLF001 - what is measured
    chosen = parser.parse_args(arguments)
    print(f"SQLite {sqlite3.sqlite_version}")
    for page_bytes in chosen.page_bytes:
        database._PAGE_BYTES = page_bytes  # noqa: SLF001 - the same
        for commands in chosen.commands:
            with tempfile.TemporaryDirectory(dir=".") as folder:
                print(f"pages of {page_bytes} bytes")
                asyncio.run(day(Path(folder), chosen.hours, commands))


if __name__ == "__main__":
    main()
