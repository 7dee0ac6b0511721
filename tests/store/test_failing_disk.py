from __future__ import annotations

import asyncio
import errno
import logging
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neasmart.core.commands.command import CommandState
from neasmart.facts.retries import BreakerState
from neasmart.settings.model import ModbusSettings
from neasmart.store.files.storage_faults import explain
from tests.support.store import Bench

STATE, SETPOINT, TEMPERATURE = 100, 101, 102
ROOT = Path(__file__).parents[2]


def at_work() -> list[asyncio.Task[object]]:
    """Return what is done on the disk at this moment."""
    return [each for each in asyncio.all_tasks() if "Store._opened" in repr(each.get_coro())]


class Disk:
    """The way to SQLite, which a test can make full or hang."""

    def __init__(self) -> None:
        self.pages: int | None = None
        self.answers, self.closes = threading.Event(), threading.Event()
        self.answers.set()
        self.closes.set()

    def connect(self, path: Path) -> sqlite3.Connection:
        self.answers.wait()
        disk = self

        class Slow(sqlite3.Connection):
            def executemany(self, *args: Any, **kwargs: Any) -> sqlite3.Cursor:
                disk.answers.wait()
                return super().executemany(*args, **kwargs)

            def close(self) -> None:
                disk.closes.wait()
                super().close()

        connection = sqlite3.connect(path, isolation_level=None, factory=Slow)
        if self.pages is not None:
            connection.execute(f"PRAGMA max_page_count = {self.pages}")
        return connection


async def test_a_full_disk_keeps_everything_until_there_is_room(stores: Callable[..., Bench]) -> None:
    disk = Disk()
    disk.pages = 5
    bench = stores(connect=disk.connect)
    await bench.store.open()
    for zone in range(60):
        bench.write(100 + zone * 100, 1, 0x0C33, 0x0C1A)
    for value in (20.0, 21.0, 22.0):
        bench.command("zone.1.1.setpoint", value)

    await bench.wait(31)

    assert not bench.status.healthy
    assert bench.status.using_fallback
    assert bench.status.waiting == 183
    assert "is full. Free some space on it. Values are kept in memory" in (bench.status.detail or "")
    assert len(await bench.store.command_history(10)) == 3

    disk.pages = None
    await bench.wait(61)

    assert bench.status.healthy
    assert (bench.status.waiting, bench.status.using_fallback, bench.status.detail) == (0, False, None)
    assert bench.rows("SELECT count(*) FROM reported") == [(180,)]
    assert bench.rows("SELECT value FROM commands ORDER BY number") == [(20.0,), (21.0,), (22.0,)]


async def test_trials_back_off_and_the_breaker_opens(stores: Callable[..., Bench], tmp_path: Path) -> None:
    obstacle = tmp_path / "file"
    obstacle.write_text("no folder")
    bench = stores(obstacle / "neasmart.db")
    await bench.store.open()

    await bench.wait(29)
    assert (bench.status.errors, bench.status.breaker) == (4, BreakerState.CLOSED)
    await bench.wait(2)
    assert (bench.status.errors, bench.status.breaker) == (5, BreakerState.OPEN)
    await bench.wait(57)
    assert (bench.status.errors, bench.status.breaker) == (5, BreakerState.OPEN)
    await bench.wait(4)
    assert (bench.status.errors, bench.status.breaker) == (6, BreakerState.OPEN)

    obstacle.unlink()
    bench.write(STATE, 1)
    await bench.wait(62)
    assert bench.status.healthy
    assert bench.rows("SELECT address FROM reported") == [(STATE,)]

    shutil.rmtree(obstacle)
    obstacle.write_text("no folder")
    bench.write(STATE, 2)
    await bench.wait(31)
    # That the file has gone is one, that none can be begun another.
    assert (bench.status.errors, bench.status.breaker) == (8, BreakerState.CLOSED), "failures are counted anew"
    await bench.wait(2)
    assert bench.status.errors == 9, "the first wait is short again"


async def test_between_two_trials_lies_half_a_minute_at_most(stores: Callable[..., Bench]) -> None:
    patient = ModbusSettings(circuit_breaker_failure_threshold=10)
    bench = stores(Path("/dev/null/neasmart.db"), modbus=patient)
    await bench.store.open()

    await bench.wait(89)
    assert bench.status.errors == 6
    await bench.wait(2)
    assert bench.status.errors == 7


@pytest.mark.parametrize("path", ["/proc/neasmart/neasmart.db", "/dev/null/neasmart.db", "/sys/neasmart.db"])
async def test_a_path_that_cannot_be_written_stops_nothing(stores: Callable[..., Bench], path: str) -> None:
    bench = stores(Path(path))
    await bench.store.open()
    bench.write(SETPOINT, 0x0C33)
    await bench.wait(31)

    assert not bench.status.healthy
    assert bench.status.waiting == 1
    assert "Check that it exists, is a folder and may be written" in (bench.status.detail or "")
    assert bench.gateway.plant.value("zone.1.1.setpoint") == pytest.approx(21.5)
    assert bench.gateway.bus.poll(SETPOINT, 1, 240, bench.time.monotonic_s).words == [0]


async def test_a_file_that_became_read_only_is_shown_and_not_written(stores: Callable[..., Bench]) -> None:
    first = stores()
    await first.store.open()
    first.write(SETPOINT, 0x0C33)
    await first.close()

    def read_only(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{path}?immutable=1", uri=True, isolation_level=None)

    bench = stores(connect=read_only)
    await bench.store.open()
    bench.write(SETPOINT, 0x0C65)
    await bench.wait(31)

    assert bench.status.using_fallback
    assert "may be written" in (bench.status.detail or "")
    assert bench.rows("SELECT word FROM reported") == [(0x0C33,)]


async def test_a_missing_folder_is_created(stores: Callable[..., Bench], tmp_path: Path) -> None:
    bench = stores(tmp_path / "a" / "b" / "c" / "neasmart.db")

    await bench.store.open()

    assert bench.status.healthy
    assert bench.path.is_file()


async def test_a_folder_removed_while_running_is_begun_anew_with_everything(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()
    bench.write(STATE, 1, 0x0C33)
    command_id = bench.command("zone.1.1.setpoint", 21.5)
    await bench.wait(31)
    shutil.rmtree(bench.path.parent)

    bench.write(TEMPERATURE, 0x0C1A)
    await bench.wait(31)

    assert (bench.status.healthy, bench.status.errors) == (True, 1)
    assert bench.rows("SELECT address FROM reported") == [(STATE,), (SETPOINT,), (TEMPERATURE,)]
    assert bench.rows("SELECT id FROM commands") == [(command_id,)]


async def test_a_disk_that_hangs_stops_neither_loop_nor_bus(
    stores: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neasmart.store.store.PATIENCE_S", 0.1)
    disk = Disk()
    bench = stores(connect=disk.connect)
    await bench.store.open()
    bench.write(SETPOINT, 0x0C33)
    disk.answers.clear()

    await bench.wait(40)
    assert bench.status.using_fallback
    assert "is slow to answer" in (bench.status.detail or "")
    bench.write(SETPOINT, 0x0C65)
    command_id = bench.command("zone.1.1.setpoint", 23.0)
    await bench.wait(200)
    assert bench.gateway.bus.poll(SETPOINT, 1, 240, bench.time.monotonic_s).words != [0x0C33]
    assert bench.status.waiting == 2
    assert len(at_work()) == 1, "one thing at a time"

    monkeypatch.undo()
    disk.answers.set()
    async with asyncio.timeout(30):
        while not bench.status.healthy:
            await asyncio.sleep(0.01)
            await bench.wait(1)
    await bench.wait(32)
    assert bench.status.waiting == 0
    assert bench.rows("SELECT id FROM commands") == [(command_id,)]


async def test_a_disk_that_hangs_at_the_start_shows_the_stored_values_later(
    stores: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = stores()
    await first.store.open()
    first.write(SETPOINT, 0x0C33)
    await first.close()
    monkeypatch.setattr("neasmart.store.store.OPEN_PATIENCE_S", 0.1)
    disk = Disk()
    disk.answers.clear()
    bench = stores(connect=disk.connect)

    await bench.store.open()
    assert not bench.status.healthy
    assert bench.reading("zone.1.1.setpoint").value is None

    disk.answers.set()
    async with asyncio.timeout(30):
        while not bench.status.healthy:
            await asyncio.sleep(0.01)
            await bench.store.step()
    assert bench.reading("zone.1.1.setpoint").value == 21.5


@pytest.mark.parametrize("hangs_in", ["answers", "closes"])
async def test_a_stop_does_not_wait_for_a_disk_that_hangs(
    stores: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, hangs_in: str
) -> None:
    monkeypatch.setattr("neasmart.store.store.CLOSE_PATIENCE_S", 0.2)
    disk = Disk()
    bench = stores(connect=disk.connect)
    await bench.store.open()
    bench.write(SETPOINT, 0x0C33)
    hung: threading.Event = getattr(disk, hangs_in)
    hung.clear()
    try:
        async with asyncio.timeout(30):
            await bench.close()
        assert at_work() == []
    finally:
        thread = next(each for each in threading.enumerate() if "_connection_worker_thread" in each.name)
        hung.set()
        await asyncio.to_thread(thread.join, 30)

    assert thread.daemon, "it must not hold the end of the process"
    assert "The last values were not stored" in caplog.text
    await bench.close()
    assert bench.rows("SELECT word FROM reported") == [(0x0C33,)], "what could not be stored was kept"


async def test_a_stop_waits_for_what_is_being_written_and_leaves_one_whole_file(
    stores: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neasmart.store.store.PATIENCE_S", 0.05)
    disk = Disk()
    bench = stores(connect=disk.connect)
    await bench.store.open()
    bench.write(SETPOINT, 0x0C33)
    disk.answers.clear()
    await bench.wait(31)
    assert len(at_work()) == 1
    bench.write(SETPOINT, 0x0C65)

    asyncio.get_running_loop().call_later(0.1, disk.answers.set)
    await bench.close()

    assert bench.status.errors == 1, "it was slow, and nothing else"
    assert not list(bench.path.parent.glob("*-wal"))
    assert bench.rows("SELECT word FROM reported") == [(0x0C65,)]
    assert not bench.gateway.hub._subscriptions


async def test_a_task_that_runs_the_store_stops_when_cancelled_and_the_rest_is_written(
    stores: Callable[..., Bench],
) -> None:
    bench = stores()
    await bench.store.open()
    running = asyncio.create_task(bench.store.run())
    await asyncio.sleep(0)
    bench.write(SETPOINT, 0x0C33)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await bench.close()

    assert bench.rows("SELECT word FROM reported") == [(0x0C33,)]


async def test_without_fallback_nothing_is_kept_while_the_disk_fails(stores: Callable[..., Bench]) -> None:
    disk = Disk()
    disk.pages = 10
    bench = stores(connect=disk.connect, fallback=False)
    await bench.store.open()
    for zone in range(60):
        bench.write(100 + zone * 100, 1, 0x0C33, 0x0C1A)
    bench.command("zone.1.1.setpoint", 20.0)
    await bench.wait(31)

    assert (bench.status.healthy, bench.status.using_fallback, bench.status.waiting) == (False, False, 0)
    assert "Nothing is stored until then" in (bench.status.detail or "")
    bench.command("zone.1.1.setpoint", 20.5)
    assert await bench.store.command_history(10) == []

    disk.pages = None
    bench.write(STATE, 2)
    await bench.wait(31)
    bench.write(SETPOINT, 0x0C65)
    await bench.wait(31)
    assert bench.status.healthy
    assert bench.rows("SELECT address FROM reported") == [(SETPOINT,)]
    bench.command("zone.1.1.setpoint", 21.0)
    await bench.wait(31)
    assert bench.rows("SELECT value FROM commands") == [(21.0,)]


async def test_a_fault_is_logged_once_and_its_end_once(
    stores: Callable[..., Bench], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "neasmart.store")
    obstacle = tmp_path / "file"
    obstacle.write_text("no folder")
    bench = stores(obstacle / "neasmart.db")
    await bench.store.open()
    await bench.wait(200)
    obstacle.unlink()
    await bench.wait(61)

    messages = [record.message for record in caplog.records if record.name.startswith("neasmart.store")]
    assert len(messages) == 2
    assert messages[1] == "The storage works again"


async def test_a_file_locked_by_another_program_is_written_once_it_is_free(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()
    other = sqlite3.connect(bench.path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        bench.write(STATE, 1)
        await bench.wait(31)
        assert "Another program uses the file" in (bench.status.detail or "")
    finally:
        other.close()

    await bench.wait(61)

    assert bench.status.healthy
    assert bench.rows("SELECT address FROM reported") == [(STATE,)]


async def test_a_value_that_was_restored_keeps_its_age_when_the_file_is_opened_again(
    stores: Callable[..., Bench],
) -> None:
    first = stores()
    await first.store.open()
    first.write(SETPOINT, 0x0C33)
    await first.close()
    bench = stores()
    await bench.store.open()
    at = bench.reading("zone.1.1.setpoint").at
    other = sqlite3.connect(bench.path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        bench.write(STATE, 1)
        await bench.wait(31)
        assert not bench.status.healthy
    finally:
        other.close()

    bench.time.wall_s += 30.0
    await bench.wait(61)

    assert bench.status.healthy
    assert bench.reading("zone.1.1.setpoint").at == at


async def test_live_commands_are_served_and_ended_while_the_disk_fails(stores: Callable[..., Bench]) -> None:
    bench = stores(Path("/dev/null/neasmart.db"))
    await bench.store.open()
    bench.command("zone.1.1.setpoint", 22.0)

    (command,) = await bench.store.command_history(10)

    assert command.state is CommandState.CONFIRMED


_SIZE_LIMITED = """
import asyncio, resource, sys
from neasmart.settings.model import DatabaseSettings
from neasmart.store import store
from tests.support.store import Bench

store.OPEN_PATIENCE_S = store.PATIENCE_S = store.CLOSE_PATIENCE_S = 60.0

async def main():
    bench = Bench(DatabaseSettings(path=sys.argv[1]))
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    await bench.store.open()
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    for number in range(900):
        bench.command("zone.1.1.state", 1 + number % 6)
        if number % 50 == 0:
            await bench.wait(31)
    await bench.wait(31)
    assert not bench.status.healthy and bench.status.using_fallback and bench.status.waiting > 100, bench.status
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await bench.wait(62)
    assert bench.status.healthy and bench.status.waiting == 0, bench.status
    await bench.close()
    assert bench.rows("SELECT count(*) FROM commands") == [(900,)]
    print("done")

asyncio.run(main())
"""


def test_a_size_limit_of_the_operating_system_is_survived(tmp_path: Path) -> None:
    path = tmp_path / "neasmart.db"

    finished = subprocess.run(
        [sys.executable, "-c", _SIZE_LIMITED, str(path)],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'neasmart_addon'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (finished.stdout, finished.returncode) == ("done\n", 0), finished.stderr


async def test_a_folder_in_the_place_of_the_file_is_called_so(stores: Callable[..., Bench]) -> None:
    bench = stores()
    bench.path.mkdir(parents=True)

    await bench.store.open()

    wanted = f"{bench.path} is a folder. Name a file in it as database.path, such as {bench.path}/neasmart.db."
    assert wanted in (bench.status.detail or "")


async def test_a_file_of_somebody_else_is_told_from_a_folder(
    stores: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = stores()
    asked: list[str] = []

    def opened(path: Path, _: str) -> None:
        asked.append(threading.current_thread().name)
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", opened)
        await bench.store.open()

    assert f"The file {bench.path} cannot be opened" in (bench.status.detail or "")
    assert threading.current_thread().name not in asked
    assert f"The folder {bench.path.parent} cannot be written" in explain(PermissionError(errno.EACCES, ""), bench.path)
