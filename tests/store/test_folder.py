"""The folder of the data: one gateway writes into it, nobody else reads it, and it becomes smaller when it must."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from neasmart.facts.codecs import encode_dpt9
from neasmart.facts.points import TABLE
from neasmart.store.files import folder_lock
from neasmart.store.files.folder_lock import FolderInUseError, FolderLock
from tests.support.processes import GatewayProcess, eventually, gateway_process, running
from tests.support.store import Bench

pytestmark = [pytest.mark.unguarded("descriptors", reason="the lock of the data folder is held until its process ends")]

TEMPERATURE = TABLE.ref("zone.1.1.temperature").address
MB = 1_000_000


async def test_a_second_gateway_says_so_and_does_not_write(stores: Callable[..., Bench]) -> None:
    first, second = stores(), stores()
    await first.store.open()
    second.write(TEMPERATURE, encode_dpt9(5.0))

    await second.store.open()
    await second.wait(400)

    assert second.status.using_fallback
    assert "Another gateway uses the folder" in (second.status.detail or "")
    assert first.rows("SELECT word FROM reported") == []
    assert first.status.healthy


async def test_the_second_takes_over_when_the_first_ends(stores: Callable[..., Bench]) -> None:
    first, second = stores(), stores()
    await first.store.open()
    second.write(TEMPERATURE, encode_dpt9(5.0))
    await second.store.open()

    await first.close()
    await second.wait(400)

    assert second.status.healthy
    assert second.rows("SELECT word FROM reported") == [(encode_dpt9(5.0),)]


def test_two_threads_of_one_gateway_do_not_take_each_other_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = FolderLock(tmp_path)
    refused: list[Exception] = []

    def acquire() -> None:
        try:
            lock.acquire()
        except FolderInUseError as error:
            refused.append(error)

    second = threading.Thread(target=acquire)
    flock = fcntl.flock

    def late(number: int, operation: int) -> None:
        if second.ident is None:
            # In the midst of the first; what has to wait for it would wait for ever here.
            second.start()
            second.join(0.2)
        flock(number, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    acquire()
    second.join()

    assert (refused, lock.held) == ([], True)
    lock.release()


def test_two_processes_on_one_folder_both_serve_and_one_stores(tmp_path: Path) -> None:
    with gateway_process(tmp_path) as first:
        (tmp_path / "second").mkdir()
        second = GatewayProcess(tmp_path / "second", NEASMART_DATABASE_PATH=first.environment["NEASMART_DATABASE_PATH"])
        with running(second):
            eventually(lambda: "Another gateway uses the folder" in (second.get("/health")["database"]["detail"] or ""))
            eventually(lambda: first.get("/health")["database"]["healthy"])
            assert "Another gateway uses the folder" in second.log


def test_a_lock_is_the_same_for_its_owner_and_ends_with_it(tmp_path: Path) -> None:
    mine, other = FolderLock(tmp_path / "new"), FolderLock(tmp_path / "new")
    mine.acquire()
    mine.acquire()
    with pytest.raises(FolderInUseError):
        other.acquire()

    mine.release()

    other.acquire()
    assert stat.S_IMODE((tmp_path / "new" / folder_lock.NAME).stat().st_mode) & 0o007 == 0


def test_what_the_gateway_writes_is_hidden_from_other_accounts(tmp_path: Path) -> None:
    before = os.umask(0o000)
    try:
        data = tmp_path / "data"
        with gateway_process(
            tmp_path, NEASMART_DATABASE_PATH=str(data / "neasmart.db"), NEASMART_LOG_FILE=str(data / "log")
        ) as gateway:
            gateway.call("POST", "/api/v1/captures", {"seconds": 1})
            eventually(lambda: gateway.get("/api/v1/captures")["captures"])
            modes = {str(path): stat.S_IMODE(path.stat().st_mode) for path in data.rglob("*")}
    finally:
        os.umask(before)

    assert len(modes) >= 5
    assert {path for path, mode in modes.items() if mode & 0o027} == set()


async def test_a_file_that_was_open_to_all_is_closed(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()
    await bench.close()
    bench.path.chmod(0o666)

    again = stores()
    await again.store.open()

    assert stat.S_IMODE(bench.path.stat().st_mode) == 0o660


def _fill(path: Path, *, blocks: int, bytes_each: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO history (start, length, resolution, samples) VALUES (?, 60, 60, ?)",
            [(27_000_000 + 60 * number, os.urandom(bytes_each)) for number in range(blocks)],
        )


@pytest.mark.parametrize("auto_vacuum", ["INCREMENTAL", "NONE"])
async def test_a_history_over_its_cap_shrinks_within_minutes_and_the_file_with_it(
    stores: Callable[..., Bench], auto_vacuum: str
) -> None:
    first = stores()
    await first.store.open()
    await first.close()
    with closing(sqlite3.connect(first.path)) as connection:
        connection.execute(f"PRAGMA auto_vacuum = {auto_vacuum}")
        connection.execute("VACUUM")
    _fill(first.path, blocks=1500, bytes_each=6000)
    assert first.path.stat().st_size > 9 * MB

    small = stores(history_max_mb=1)
    await small.store.open()
    await small.wait(120)

    assert first.path.stat().st_size <= MB
    ((left, newest),) = small.rows("SELECT count(*), max(start) FROM history")
    assert isinstance(left, int)
    assert left > 100
    assert newest == 27_000_000 + 60 * 1499
    transactions = small.status.transactions
    await small.wait(60)
    assert small.status.transactions == transactions


async def test_a_file_that_is_small_enough_is_left_alone(stores: Callable[..., Bench]) -> None:
    first = stores()
    await first.store.open()
    await first.close()
    _fill(first.path, blocks=100, bytes_each=6000)
    changed_at = first.path.stat().st_mtime_ns

    bench = stores(history_max_mb=1)
    await bench.store.open()
    await bench.wait(60)

    assert first.path.stat().st_mtime_ns == changed_at
