"""Promise: after a kill or a power cut at any moment the database opens, and what was flushed before is in it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from neasmart.facts.points import TABLE
from neasmart.settings.model import DatabaseSettings
from tests.support.power import after_the_cut, build_journal, steps
from tests.support.store import Bench

ROOT = Path(__file__).parents[2]
FLUSHES = 12
CUTS = 30
KILLS = 100
SETPOINT = TABLE.ref("zone.1.1.setpoint").address
FIRST_WORD = 0x0C1A
# Each flush stores the next word, so that the word tells which flush is in the file; then the number is told. A line is
# one write to the pipe, which is whole or not there: print may write the end of a line by itself, after the kill.
WRITES = """
import asyncio, os, sys
from neasmart.settings.model import DatabaseSettings
from tests.support.store import Bench

def tell(line):
    os.write(1, f"{line}\\n".encode())

async def main(path, address, first, flushes):
    bench = Bench(DatabaseSettings(path=path))
    await bench.store.open()
    assert bench.status.healthy, bench.status
    for number in range(flushes):
        bench.write(address, first + number)
        before = bench.status.transactions
        while bench.status.transactions == before:
            await bench.wait(31, step_s=31)
        tell(number)

arguments = sys.argv[1], *map(int, sys.argv[2:5])
if len(sys.argv) == 5:
    asyncio.run(main(*arguments))
"""
# Imports once and forks for each line that it reads, because starting Python a hundred times takes a minute.
FORKS = """
for _ in sys.stdin:
    child = os.fork()
    if not child:
        tell(f"pid {os.getpid()}")
        asyncio.run(main(*arguments))
        os._exit(0)
    os.waitpid(child, 0)
    tell("ended")
"""


def writer(path: Path, flushes: int, **more: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'neasmart_addon'}"} | more
    command = [sys.executable, "-c", WRITES, str(path), str(SETPOINT), str(FIRST_WORD), str(flushes)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE)


async def shown(path: Path) -> tuple[Bench, int | None]:
    """Open the file as the gateway does; return which flush it shows, and that nothing of it is served."""
    bench = Bench(DatabaseSettings(path=str(path)))
    await bench.store.open()
    assert bench.status.healthy, bench.status
    assert bench.gateway.bus.poll(SETPOINT, 1, 240, bench.time.monotonic_s).words == [0]
    word = bench.gateway.plant.reading(TABLE.by_address[SETPOINT]).word
    return bench, None if word is None else word - FIRST_WORD


async def test_a_power_cut_leaves_a_file_that_opens_with_a_whole_flush(tmp_path: Path) -> None:
    journal, path = tmp_path / "journal", tmp_path / "neasmart.db"
    preload = str(build_journal(tmp_path))
    with writer(path, FLUSHES, LD_PRELOAD=preload, DISK_JOURNAL=str(journal)) as process:
        process.communicate(timeout=60)
    assert process.returncode == 0
    done = list(steps(journal))
    assert sum(step.operation == "w" for step in done) > FLUSHES
    chance = random.Random(1)

    for number in range(CUTS):
        folder = tmp_path / f"cut-{number}"
        folder.mkdir()
        cut = chance.randint(1, len(done))
        for name, content in after_the_cut(done[:cut], chance).items():
            (folder / Path(name).name).write_bytes(content)
        bench, flush = await shown(folder / path.name)
        damaged = [each.name for each in folder.iterdir() if "damaged" in each.name or "corrupt" in each.name]
        assert not damaged, (cut, damaged)
        assert flush is None or 0 <= flush < FLUSHES
        assert bench.rows("PRAGMA integrity_check") == [("ok",)]
        await bench.close()


@pytest.mark.parametrize("part", range(4))
async def test_a_kill_at_any_moment_loses_nothing_that_was_flushed(tmp_path: Path, part: int) -> None:
    path = tmp_path / "neasmart.db"
    chance = random.Random(part)
    with forking_writer(path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(KILLS // 4):
            process.stdin.write(b"go\n")
            process.stdin.flush()
            pid = int(process.stdout.readline().split()[1])
            flushed = -1
            for _ in range(chance.randint(1, 8)):
                flushed = int(process.stdout.readline())
            await asyncio.sleep(chance.uniform(0, 0.005))
            os.kill(pid, signal.SIGKILL)
            while (line := process.stdout.readline()) != b"ended\n":
                flushed = int(line)

            bench, flush = await shown(path)
            assert flush is not None
            assert flush >= flushed
            await bench.close()
            remove(path)
        process.stdin.close()


def forking_writer(path: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'neasmart_addon'}"}
    program = WRITES + FORKS
    command = [sys.executable, "-c", program, str(path), str(SETPOINT), str(FIRST_WORD), "10000", "fork"]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def remove(path: Path) -> None:
    """Remove a database with its log of changes."""
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()
