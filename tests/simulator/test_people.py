from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from neasmart.facts.points import TABLE
from neasmart.simulator.bus.freeze import FreezePlan, Freezer
from neasmart.simulator.home.base import BaseStation
from neasmart.simulator.home.house import SMALL, House
from neasmart.simulator.home.people import Habits, People
from tests.support.bus import until


def changed(habits: Habits, moments: int = 400) -> set[str]:
    base = BaseStation(House(SMALL, seed=1), seed=1)
    turned: set[str] = set()
    base.on_turn = lambda address, _word: turned.add(TABLE.by_address[address].id)
    people = People(base, habits, seed=1)
    for _ in range(moments):
        people.perhaps()
    return turned


def test_people_turn_every_thermostat_and_use_the_app() -> None:
    rooms = {f"zone.1.{zone}.{key}" for zone in (1, 2) for key in ("state", "setpoint")}

    assert changed(Habits(rooms=0.5)) == rooms
    assert changed(Habits(whole_house=0.5)) == {"global.mode", "global.state"}
    assert changed(Habits()) == set()


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]


async def test_a_process_is_stopped_and_always_continued() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
    freezer = Freezer(FreezePlan(pid=process.pid, every_s=0.05, for_s=30.0))
    began = asyncio.get_running_loop().time()
    assert not freezer.stood_since(began)
    freezing = asyncio.create_task(freezer.run())
    await until(lambda: _state(process.pid) == "T", "the process stands still")
    assert freezer.stood_since(began)
    freezing.cancel()
    await asyncio.gather(freezing, return_exceptions=True)
    await until(lambda: _state(process.pid) != "T", "the process goes on")
    process.kill()
    await process.wait()

    assert freezer.count == 1
    assert freezer.stood_since(began)
    assert not freezer.stood_since(asyncio.get_running_loop().time() + 1)


async def test_a_process_that_has_gone_ends_the_freezing() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await process.wait()
    freezer = Freezer(FreezePlan(pid=process.pid, every_s=0.0, for_s=30.0))

    async with asyncio.timeout(30):
        await freezer.run()

    assert freezer.count == 0
