from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from neasmart.core.state.plant import Source
from neasmart.store.files import folder_lock
from tests.support.store import Bench

STATE, SETPOINT, TEMPERATURE = 100, 101, 102
PAGE = 1024


async def filled(bench: Bench) -> None:
    await bench.store.open()
    for zone in range(60):
        bench.write(100 + zone * 100, 1, 0x0C33, 0x0C1A)
    for number in range(150):
        bench.command("zone.1.1.state", 1 + number % 6)
    await bench.close()


def damage(path: Path, at: int, length: int = PAGE) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * length)


def set_aside(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.glob("*.corrupt-*"))


@pytest.mark.parametrize("page", range(12))
async def test_damage_in_any_page_at_the_start_begins_a_new_file(stores: Callable[..., Bench], page: int) -> None:
    first = stores()
    await filled(first)
    damage(first.path, page * PAGE)

    bench = stores()
    await bench.store.open()
    bench.write(SETPOINT, 0x0C65)
    await bench.wait(31)

    assert bench.status.healthy
    assert set_aside(bench.path) == ["neasmart.db.corrupt-20250615T150640Z"]
    assert "neasmart.db.corrupt-20250615T150640Z" in (bench.status.detail or "")
    assert bench.rows("SELECT address, word FROM reported") == [(SETPOINT, 0x0C65)]


async def test_a_damaged_name_in_the_schema_does_not_keep_the_gateway_from_starting(
    stores: Callable[..., Bench],
) -> None:
    first = stores()
    await filled(first)
    damage(first.path, first.path.read_bytes().index(b"CREATE TABLE reported") + 7, 1)

    bench = stores()
    await bench.store.open()
    bench.write(SETPOINT, 0x0C65)
    await bench.wait(31)

    assert bench.status.healthy
    assert len(set_aside(bench.path)) == 1


@pytest.mark.parametrize("content", [b"not a database", b"x" * 5000, b"SQLite format 3\x00", b"\x00" * 4096])
async def test_a_file_that_is_no_database_is_set_aside(stores: Callable[..., Bench], content: bytes) -> None:
    bench = stores()
    bench.path.parent.mkdir()
    bench.path.write_bytes(content)

    await bench.store.open()
    bench.write(SETPOINT, 0x0C65)
    await bench.wait(31)

    assert bench.status.healthy
    assert len(set_aside(bench.path)) == 1
    assert bench.rows("SELECT address, word FROM reported") == [(SETPOINT, 0x0C65)]


async def test_damage_while_running_loses_no_live_value(stores: Callable[..., Bench]) -> None:
    first = stores()
    await filled(first)
    bench = stores()
    await bench.store.open()
    bench.write(STATE, 2, 0x0C65, 0x0C1A)
    history = await bench.store.command_history(1000)
    damage(bench.path, 0, bench.path.stat().st_size)

    await bench.wait(62)

    assert bench.status.healthy
    assert len(set_aside(bench.path)) == 1
    assert bench.rows("SELECT word FROM reported WHERE address = 101") == [(0x0C65,)]
    assert bench.rows("SELECT count(*) FROM commands") == [(len(history),)]
    assert bench.reading("zone.1.1.setpoint").source is Source.BUS


async def test_a_file_without_its_tables_is_set_aside(stores: Callable[..., Bench]) -> None:
    first = stores()
    await filled(first)
    connection = sqlite3.connect(first.path)
    connection.execute("DROP TABLE reported")
    connection.close()

    bench = stores()
    await bench.store.open()
    await bench.wait(2)

    assert bench.status.healthy
    assert len(set_aside(bench.path)) == 1


async def test_a_disk_on_which_every_file_is_damaged_is_not_tried_at_every_step(stores: Callable[..., Bench]) -> None:
    """Each trial sets one file aside and begins another; if that is damaged, too, and again, it is to blame."""
    trials = 0

    def connect(path: Path) -> sqlite3.Connection:
        nonlocal trials
        trials += 1
        path.write_bytes(b"not a database" * 500)
        return sqlite3.connect(path, isolation_level=None)

    bench = stores(connect=connect)
    await bench.store.open()
    assert (trials, bench.status.healthy) == (2, True)

    await bench.store.step()
    assert (trials, bench.status.healthy) == (4, False)

    await bench.store.step()
    assert trials == 4
    await bench.wait(40)
    assert trials > 4


async def test_at_most_three_damaged_files_are_kept(stores: Callable[..., Bench]) -> None:
    for number in range(5):
        bench = stores()
        bench.time.pass_by(number)
        bench.path.parent.mkdir(exist_ok=True)
        bench.path.write_bytes(b"not a database")
        await bench.store.open()
        await bench.close()

    assert set_aside(bench.path) == [f"neasmart.db.corrupt-20250615T15064{number}Z" for number in (2, 3, 4)]


async def test_a_damaged_log_of_changes_does_not_disturb_the_new_file(stores: Callable[..., Bench]) -> None:
    bench = stores()
    bench.path.parent.mkdir()
    bench.path.write_bytes(b"x" * 5000)
    bench.path.with_name("neasmart.db-wal").write_bytes(b"y" * 5000)
    bench.path.with_name("neasmart.db-shm").write_bytes(b"z" * 32768)

    await bench.store.open()

    assert bench.status.healthy
    assert bench.rows("SELECT count(*) FROM reported") == [(0,)]
    assert bench.rows("PRAGMA integrity_check") == [("ok",)]


async def test_a_file_of_a_newer_version_is_not_touched(stores: Callable[..., Bench]) -> None:
    first = stores()
    await filled(first)
    connection = sqlite3.connect(first.path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    content = first.path.read_bytes()

    bench = stores()
    await bench.store.open()
    bench.write(SETPOINT, 0x0C65)
    await bench.wait(120)
    await bench.close()

    assert bench.path.read_bytes() == content
    assert {each.name for each in bench.path.parent.iterdir()} == {"neasmart.db", folder_lock.NAME}
    assert bench.status.using_fallback
    assert "newer version of the gateway" in (bench.status.detail or "")


async def test_a_database_of_another_program_is_not_touched(stores: Callable[..., Bench]) -> None:
    bench = stores()
    bench.path.parent.mkdir()
    connection = sqlite3.connect(bench.path)
    connection.execute("CREATE TABLE commands (photo BLOB)")
    connection.close()
    content = bench.path.read_bytes()

    await bench.store.open()
    bench.write(SETPOINT, 0x0C65)
    await bench.wait(120)

    assert bench.path.read_bytes() == content
    assert "belongs to another program" in (bench.status.detail or "")


async def test_rows_that_make_no_sense_are_not_shown(stores: Callable[..., Bench]) -> None:
    first = stores()
    await filled(first)
    connection = sqlite3.connect(first.path)
    connection.execute("UPDATE commands SET state = 'dreaming'")
    connection.execute("INSERT INTO reported VALUES (65000, 1, NULL), (-4, 1, NULL), (1, 2, 9e999)")
    connection.execute("DELETE FROM saved")
    connection.commit()
    connection.close()

    bench = stores()
    await bench.store.open()

    assert bench.status.healthy
    assert await bench.store.command_history(10) == []
    assert bench.reading("zone.1.1.setpoint").age_s(bench.time.monotonic_s) == 30 * 86400
    assert bench.reading("global.mode").age_s(bench.time.monotonic_s) == 30 * 86400


async def test_the_file_of_an_older_gateway_stays_and_the_import_is_offered(stores: Callable[..., Bench]) -> None:
    bench = stores()
    bench.path.parent.mkdir()
    connection = sqlite3.connect(bench.path)
    connection.execute("CREATE TABLE holding_registers (key TEXT PRIMARY KEY, value BLOB)")
    connection.close()
    content = bench.path.read_bytes()

    await bench.store.open()
    await bench.close()

    assert bench.path.read_bytes() == content
    assert f"`neasmart import {bench.path} --apply`" in (bench.status.detail or "")
