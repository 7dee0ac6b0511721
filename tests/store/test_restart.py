from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest

from neasmart.core.commands.command import CommandState, Reason, Why
from neasmart.core.state.plant import Source
from tests.support.store import NOON, Bench, MovedClock

MODE, STATE, SETPOINT, TEMPERATURE = 1, 100, 101, 102


async def test_stored_values_are_shown_stale_after_a_restart(stores: Callable[..., Bench]) -> None:
    first = stores()
    await first.store.open()
    first.write(STATE, 1, 0x0C33, 0x0C1A)
    await first.close()

    second = stores(time=MovedClock(wall=NOON + 600, monotonic=5.0))
    await second.store.open()

    reading = second.reading("zone.1.1.setpoint")
    assert (reading.value, reading.stale, reading.source) == (21.5, True, Source.STORED)
    assert reading.age_s(5.0) == 600.0
    assert second.gateway.plant.zones == [(1, 1)]


@pytest.mark.parametrize(("wrong_by_s", "shown_s"), [(-86400.0, 30 * 86400.0), (7200.0, 7800.0)])
async def test_ages_are_put_right_when_the_clock_is(
    stores: Callable[..., Bench], wrong_by_s: float, shown_s: float
) -> None:
    first = stores()
    await first.store.open()
    first.write(STATE, 1, 0x0C33, 0x0C1A)
    await first.close()
    second = stores(time=MovedClock(wall=NOON + 600 + wrong_by_s, monotonic=5.0))
    await second.store.open()
    second.write(STATE, 3)
    setpoint, state = "zone.1.1.setpoint", "zone.1.1.state"
    assert second.reading(setpoint).age_s(5.0) == shown_s

    second.time.wall_s -= wrong_by_s
    await second.store.step()

    assert second.reading(setpoint).age_s(5.0) == 600.0
    assert (second.reading(setpoint).source, second.reading(setpoint).stale) == (Source.STORED, True)
    assert (second.reading(state).source, second.reading(state).age_s(5.0)) == (Source.BUS, 0.0)


async def test_stored_values_are_never_served_to_the_base(stores: Callable[..., Bench]) -> None:
    first = stores()
    await first.store.open()
    first.write(MODE, 2, 3)
    first.write(STATE, 1, 0x0C33, 0x0C1A)
    first.command("zone.1.1.setpoint", 22.5)
    await first.close()

    second = stores()
    await second.store.open()

    assert second.gateway.bus.poll(MODE, 2, 240, second.time.monotonic_s).words == [10, 10]
    assert second.gateway.bus.poll(STATE, 2, 240, second.time.monotonic_s).words == [0, 0]


async def test_the_bus_wins_over_a_stored_value_that_comes_late(stores: Callable[..., Bench]) -> None:
    first = stores()
    await first.store.open()
    first.write(SETPOINT, 0x0C33)
    await first.close()

    second = stores()
    second.write(SETPOINT, 0x0C65)
    await second.store.open()

    assert second.reading("zone.1.1.setpoint").value == 22.5
    assert second.reading("zone.1.1.setpoint").source is Source.BUS


async def test_a_wall_clock_that_jumped_ahead_a_year_gives_a_believable_age(stores: Callable[..., Bench]) -> None:
    first = stores()
    await first.store.open()
    first.write(SETPOINT, 0x0C33)
    await first.close()

    second = stores(time=MovedClock(wall=NOON + 365 * 86400))
    await second.store.open()

    age_s = second.reading("zone.1.1.setpoint").age_s(second.time.monotonic_s)
    assert age_s == 30 * 86400


async def test_what_is_of_a_time_to_come_is_not_told_as_new(stores: Callable[..., Bench]) -> None:
    first = stores()
    await first.store.open()
    first.write(SETPOINT, 0x0C33)
    await first.close()

    second = stores(time=MovedClock(wall=NOON - 365 * 86400))
    await second.store.open()

    assert second.reading("zone.1.1.setpoint").age_s(second.time.monotonic_s) == 30 * 86400


async def test_a_clock_that_jumps_while_running_changes_neither_flush_nor_age(stores: Callable[..., Bench]) -> None:
    first = stores()
    await first.store.open()
    first.write(SETPOINT, 0x0C33)
    first.time.wall_s += 365 * 86400
    await first.wait(40)
    assert first.status.transactions == 1
    first.time.wall_s -= 730 * 86400
    first.write(SETPOINT, 0x0C65)
    await first.wait(40)
    assert first.status.transactions == 2
    await first.close()

    second = stores(time=MovedClock(wall=first.time.wall_s + 60))
    await second.store.open()
    age_s = second.reading("zone.1.1.setpoint").age_s(second.time.monotonic_s)
    assert age_s is not None
    assert 90.0 <= age_s <= 110.0


async def test_a_register_that_fell_silent_keeps_its_own_age(stores: Callable[..., Bench]) -> None:
    first = stores()
    await first.store.open()
    first.write(SETPOINT, 0x0C33)
    for _ in range(100):
        await first.wait(10)
        first.write(TEMPERATURE, 0x0C1A)
    await first.close()

    second = stores(time=MovedClock(wall=first.time.wall_s))
    await second.store.open()

    now = second.time.monotonic_s
    assert second.reading("zone.1.1.temperature").age_s(now) == 0.0
    assert second.reading("zone.1.1.setpoint").age_s(now) == 1000.0


async def test_a_register_not_heard_since_a_restart_does_not_become_younger(stores: Callable[..., Bench]) -> None:
    first = stores()
    await first.store.open()
    first.write(SETPOINT, 0x0C33, 0x0C1A)
    await first.close()
    first.time.pass_by(1000)
    second = stores(time=first.time)
    await second.store.open()
    second.write(TEMPERATURE, 0x0C1B)
    await second.close()

    third = stores(time=first.time)
    await third.store.open()

    now = third.time.monotonic_s
    assert third.reading("zone.1.1.temperature").age_s(now) == 0.0
    assert third.reading("zone.1.1.setpoint").age_s(now) == 1000.0


async def test_the_command_history_survives_a_restart_newest_first(stores: Callable[..., Bench]) -> None:
    first = stores()
    await first.store.open()
    ids = []
    for value in (20.0, 21.0, 22.0):
        ids.append(first.command("zone.1.1.setpoint", value))
        first.time.pass_by(5)
    await first.close()

    second = stores()
    await second.store.open()
    history = await second.store.command_history(2)

    assert [command.id for command in history] == ids[:0:-1]
    newest = history[0]
    assert (newest.point, newest.value, newest.state) == ("zone.1.1.setpoint", 22.0, CommandState.CONFIRMED)
    assert (newest.queued_at, newest.read_by, newest.origin) == (NOON + 10, (240,), "test")


async def test_every_command_of_one_register_is_in_the_history(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()
    for value in (20.0, 21.0, 22.0):
        bench.command("zone.1.1.setpoint", value)

    history = await bench.store.command_history(10)

    assert [command.value for command in history] == [22.0, 21.0, 20.0]


async def test_a_command_that_was_live_at_a_crash_is_shown_as_ended(stores: Callable[..., Bench]) -> None:
    first = stores()
    await first.store.open()
    ref = first.gateway.table.ref("zone.1.1.setpoint")
    first.gateway.submit([(ref, 22.0)], origin="test", queue=True)
    await first.close()

    second = stores()
    await second.store.open()
    (command,) = await second.store.command_history(10)

    assert command.state is CommandState.EXPIRED
    assert command.reason == Reason(why=Why.RESTARTED, text="the gateway stopped before the command ended")


async def test_why_a_command_ended_outlives_a_restart(stores: Callable[..., Bench]) -> None:
    first = stores()
    await first.store.open()
    setpoint, state = (first.gateway.table.ref(f"zone.1.1.{key}") for key in ("setpoint", "state"))
    first.gateway.submit([(setpoint, 22.0)], origin="test", queue=True)
    first.gateway.submit([(state, 3)], origin="test", queue=True)
    told = {command.point: command.reason for command in await first.store.command_history(10)}
    await first.close()

    second = stores()
    await second.store.open()
    history = await second.store.command_history(10)

    assert told[setpoint.id] == Reason(why=Why.ROOM_OFF, text="the room is switched off")
    assert [each.reason for each in history if each.point == setpoint.id] == [told[setpoint.id]]


@pytest.mark.parametrize("code", [None, "a code of a newer gateway"])
async def test_a_reason_whose_code_is_not_known_keeps_its_sentence(
    stores: Callable[..., Bench], tmp_path: Path, code: str | None
) -> None:
    first = stores()
    await first.store.open()
    first.command("zone.1.1.setpoint", 22.0)
    await first.close()
    with closing(sqlite3.connect(tmp_path / "data" / "neasmart.db")) as file, file:
        file.execute("UPDATE commands SET reason = 'x', reason_code = ?, reason_value = 21.5", (code,))

    second = stores()
    await second.store.open()
    (command,) = await second.store.command_history(10)

    assert command.reason == Reason(why=None, text="x", value=21.5)


async def test_a_file_of_an_older_version_keeps_its_commands(stores: Callable[..., Bench], tmp_path: Path) -> None:
    scripts = sorted(files("neasmart.store.migrations").iterdir(), key=lambda each: each.name)[:2]
    (tmp_path / "data").mkdir()
    with closing(sqlite3.connect(tmp_path / "data" / "neasmart.db")) as file:
        for script in scripts:
            file.executescript(script.read_text(encoding="utf-8"))
        row = (1, "old", "zone.1.1.setpoint", 22.0, "rest", "rejected", 1.0, 2.0, 3.0, "240", "the base keeps 20.0 °C")
        file.execute("INSERT INTO commands VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        file.execute("PRAGMA user_version = 2")
        file.commit()

    bench = stores()
    await bench.store.open()
    (command,) = await bench.store.command_history(10)

    assert (command.id, command.state) == ("old", CommandState.REJECTED)
    assert command.reason == Reason(why=None, text="the base keeps 20.0 °C")


async def test_the_history_keeps_the_last_thousand_commands(stores: Callable[..., Bench]) -> None:
    first = stores()
    await first.store.open()
    for number in range(1100):
        first.command("zone.1.1.state", 1 + number % 6)
        if number % 100 == 0:
            await first.wait(31)
        await first.store.command_history(0)
    newest = first.command("zone.1.1.state", 1)
    await first.close()

    second = stores()
    await second.store.open()
    history = await second.store.command_history(5000)

    assert len(history) == 1000
    assert history[0].id == newest
    assert await second.store.command_history(100) == history[:100]
    assert second.rows("SELECT count(*) FROM commands") == [(1000,)]
