from __future__ import annotations

import asyncio
import random
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.store import Bench

ROOT = Path(__file__).parents[2]

_WRITES_FOR_EVER = """
import asyncio, sys
from neasmart.settings.model import DatabaseSettings
from neasmart.store import store
from tests.support.store import Bench

store.OPEN_PATIENCE_S = store.PATIENCE_S = 60.0

async def main():
    bench = Bench(DatabaseSettings(path=sys.argv[1]))
    await bench.store.open()
    assert bench.status.healthy, bench.status
    number = 0
    while True:
        for zone in range(12):
            bench.write(100 + zone * 100, 1 + number % 6, 0x0C1A + number % 5, 0x0C1A + number % 7)
        bench.command("zone.1.1.state", 1 + number % 6)
        await bench.wait(31, step_s=31)
        await bench.wait(31, step_s=31)
        number += 1
        print(bench.status.transactions, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("attempt", range(4))
async def test_a_kill_in_the_middle_of_writing_leaves_a_file_that_opens(
    stores: Callable[..., Bench], tmp_path: Path, attempt: int
) -> None:
    path = tmp_path / "neasmart.db"
    wait_s = random.Random(attempt).uniform(0.0, 0.3)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _WRITES_FOR_EVER,
        str(path),
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'neasmart_addon'}"},
        stdout=PIPE,
    )
    assert process.stdout is not None
    for _ in range(5 + 20 * attempt):
        assert await process.stdout.readline()
    await asyncio.sleep(wait_s)
    process.kill()
    await process.communicate()

    bench = stores(path)
    await bench.store.open()

    assert bench.status.healthy
    assert bench.status.detail is None
    assert bench.rows("PRAGMA integrity_check") == [("ok",)]
    assert len(bench.gateway.plant.zones) == 12
    assert len(await bench.store.command_history(10)) >= 5
