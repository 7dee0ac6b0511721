from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable

import pytest

from neasmart.core.recall import Question
from neasmart.core.state.hub import Subscription
from neasmart.facts.points import TABLE
from neasmart.wiring import edges
from neasmart.wiring.edges import Edges
from tests.support.bus import until
from tests.support.store import Bench

STATE, SETPOINT, TEMPERATURE, PUMP = 100, 101, 102, 31


async def test_a_first_start_writes_no_rows_and_few_bytes(stores: Callable[..., Bench]) -> None:
    bench = stores()

    await bench.store.open()

    assert bench.rows("SELECT count(*) FROM reported") == [(0,)]
    assert sum(file.stat().st_size for file in bench.path.parent.iterdir() if file.suffix != ".db-shm") < 24_000


async def test_only_reported_registers_have_rows(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()
    bench.write(STATE, 1, 0x0C33, 0x0C1A)
    bench.write(4, 7)

    await bench.wait(31)

    assert bench.rows("SELECT address, word FROM reported") == [(STATE, 1), (SETPOINT, 0x0C33), (TEMPERATURE, 0x0C1A)]


async def test_what_many_rooms_told_is_taken_in_pieces_and_stored_whole(
    stores: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = stores()
    await bench.store.open()
    taken: list[int] = []
    plain = Subscription.take

    def take(self: Subscription, at_most: int | None = None) -> dict[str, object]:
        found = plain(self, at_most)
        taken.append(len(found))
        return found

    monkeypatch.setattr(Subscription, "take", take)
    rooms = [TABLE.ref(f"zone.1.{zone}.state").address for zone in range(1, 13)]
    for room in rooms:
        bench.write(room, 1, 0x0C33)

    await bench.wait(31)

    assert 0 < max(taken) <= 16
    assert len(bench.rows("SELECT address FROM reported")) == 2 * len(rooms)


async def test_what_the_base_told_before_the_file_was_opened_is_written_too(stores: Callable[..., Bench]) -> None:
    bench = stores()
    bench.write(STATE, 1)
    await bench.store.open()

    await bench.wait(31)

    assert bench.rows("SELECT address FROM reported") == [(STATE,)]


async def test_a_register_seen_first_is_written_within_one_interval(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()
    bench.write(TEMPERATURE, 0x0C1A)

    await bench.wait(29)
    assert bench.status.transactions == 0
    await bench.wait(2)
    assert bench.status.transactions == 1


async def test_what_is_due_is_written_at_the_end_of_its_interval_and_not_before(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()
    bench.write(TEMPERATURE, 0x0C1A)
    await bench.wait(31)
    for urgent, interval_s in ((True, 30), (False, 300)):
        # An interval begins with a change, not with the last transaction.
        await bench.wait(40)
        before = bench.status.transactions
        bench.write(*((SETPOINT, 0x0C33) if urgent else (TEMPERATURE, 0x0C33)))
        await bench.store.step()
        await bench.wait(interval_s - 1)
        assert bench.status.transactions == before
        await bench.wait(1)
        assert bench.status.transactions == before + 1


async def test_a_store_that_is_closed_begins_nothing_any_more(stores: Callable[..., Bench]) -> None:
    bench, other = stores(), stores()
    await bench.store.open()
    await bench.close()
    await bench.wait(301)

    await other.store.open()

    assert other.status.healthy


async def test_a_changed_setpoint_is_written_within_one_interval(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()
    bench.write(SETPOINT, 0x0C1A)
    await bench.wait(100)
    bench.write(SETPOINT, 0x0C33)

    await bench.wait(31)

    assert bench.rows("SELECT word FROM reported") == [(0x0C33,)]


async def test_a_command_that_ended_is_written_within_one_interval(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()
    command_id = bench.command("zone.1.1.setpoint", 21.5)

    await bench.wait(31)

    assert bench.rows("SELECT id, state FROM commands") == [(command_id, "confirmed")]


async def test_measurements_alone_are_written_every_tenth_interval(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()
    bench.write(TEMPERATURE, 0x0C1A)
    bench.write(PUMP, 0)
    await bench.wait(31)

    for second in range(3000):
        bench.write(TEMPERATURE, 0x0C1A + second % 7)
        bench.write(PUMP, second % 2)
        await bench.wait(1)

    assert bench.status.transactions in (10, 11)


async def test_a_thousand_updates_in_one_interval_are_one_transaction(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()

    for number in range(1000):
        bench.write(SETPOINT, 0x0C1A + number % 5)
        await bench.wait(0.02, step_s=0.02)
    await bench.wait(40)

    assert bench.status.transactions == 1


async def test_constant_setpoint_changes_cost_one_transaction_each_interval(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()

    for number in range(300):
        bench.write(SETPOINT, 0x0C1A + number % 5)
        await bench.wait(1)

    assert bench.status.transactions <= 10


async def test_unchanged_registers_are_not_rewritten(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()
    bench.write(STATE, 1, 0x0C33, 0x0C1A)
    await bench.wait(31)

    for _ in range(1000):
        bench.write(STATE, 1, 0x0C33, 0x0C1A)
        await bench.wait(1)

    assert bench.status.transactions == 1


async def test_a_stop_writes_what_is_left_in_one_transaction(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()
    bench.write(TEMPERATURE, 0x0C1A)
    bench.command("zone.1.1.setpoint", 21.5)

    await bench.close()

    assert bench.status.transactions == 1
    assert not bench.path.with_name("neasmart.db-wal").exists()
    assert bench.rows("SELECT count(*) FROM reported") == [(2,)]
    assert bench.rows("SELECT count(*) FROM commands") == [(1,)]


@pytest.mark.unguarded("blocking", reason="the traceback in the log shows its source")
async def test_a_store_that_runs_writes_what_is_due_and_goes_on_after_its_own_fault(
    stores: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench = stores(flush_interval_s=1)
    await bench.store.open()
    bench.write(SETPOINT, 0x0C33)
    monkeypatch.setattr(edges, "_RETRY_S", 0.0)
    async with asyncio.TaskGroup() as group:
        running = Edges(group)
        running.begin("store", bench.store.run)
        await until(lambda: bench.store._urgent_since is not None, "the change is seen")
        assert bench.status.transactions == 0
        bench.time.pass_by(1.0)
        await until(lambda: bench.status.transactions == 1, "what is due is written")

        step = bench.store.step

        async def stumbling() -> None:
            monkeypatch.setattr(bench.store, "step", step)
            raise ZeroDivisionError

        monkeypatch.setattr(bench.store, "step", stumbling)
        await until(lambda: "store failed and starts again" in caplog.text, "its own fault is told")
        bench.write(SETPOINT, 0x0C65)
        await until(lambda: bench.store._urgent_since is not None, "the next change is seen")
        bench.time.pass_by(1.0)
        await until(lambda: bench.status.transactions == 2, "it has gone on")
        running.end_all()

    assert bench.rows("SELECT word FROM reported") == [(0x0C65,)]


async def test_the_file_is_kept_small_and_careful(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()

    assert bench.rows("PRAGMA journal_mode") == [("wal",)]
    assert bench.rows("PRAGMA page_size") == [(1024,)]
    assert bench.rows("PRAGMA user_version") == [(3,)]


async def test_a_reader_beside_the_gateway_stops_no_flush(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()
    reader = sqlite3.connect(bench.path, isolation_level=None)
    try:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM reported").fetchall()
        bench.write(STATE, 1)

        await bench.wait(31)
    finally:
        reader.close()

    assert bench.status.healthy
    assert bench.status.transactions == 1


@pytest.mark.parametrize(("flush_interval_s", "pause_s"), [(1, 0.25), (4, 1.0), (30, 1.0)])
async def test_a_store_that_runs_looks_each_second_or_as_often_as_its_interval_needs(
    stores: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, flush_interval_s: int, pause_s: float
) -> None:
    bench = stores(flush_interval_s=flush_interval_s)
    done: list[object] = []

    async def step() -> None:
        done.append("step")

    async def sleep(delay_s: float) -> None:
        done.append(delay_s)
        if len(done) > 3:
            raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(bench.store, "step", step)
        patched.setattr(asyncio, "sleep", sleep)
        with pytest.raises(ZeroDivisionError):
            await bench.store.run()

    assert done == ["step", pause_s] * 2


@pytest.mark.usefixtures("_hurried")
async def test_a_disk_is_waited_for_two_seconds_at_the_start_and_three_later(
    stores: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = stores()
    patience: list[float | None] = []
    wait = asyncio.wait

    def patient(work: set[asyncio.Task[None]], *, timeout: float | None = None) -> object:
        patience.append(timeout)
        return wait(work, timeout=timeout)

    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "wait", patient)
        await bench.store.open()
        bench.write(SETPOINT, 0x0C33)
        await bench.wait(31)

    assert patience == [2.0, 3.0]
    assert (bench.status.transactions, bench.status.last_flush_at) == (1, bench.time.monotonic_s)


@pytest.mark.usefixtures("_hurried")
async def test_a_question_may_take_most_of_a_minute_and_a_stop_one_and_a_half_seconds(
    stores: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = stores()
    await bench.store.open()
    patience: list[float | None] = []
    timeout = asyncio.timeout

    def patient(delay_s: float | None) -> asyncio.Timeout:
        patience.append(delay_s)
        return timeout(delay_s)

    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "timeout", patient)
        await bench.store.history(Question(addresses=[TEMPERATURE], begin_s=0.0, end_s=60.0))
        await bench.close()

    assert patience == [50.0, 1.5]


async def test_what_waits_is_told_only_while_the_disk_fails(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()
    bench.write(SETPOINT, 0x0C33)

    await bench.store.step()

    assert (bench.status.healthy, bench.status.using_fallback, bench.status.waiting) == (True, False, 0)


async def test_commands_are_written_once_however_long_they_are_shown(stores: Callable[..., Bench]) -> None:
    bench = stores()
    await bench.store.open()
    bench.command("zone.1.1.setpoint", 21.5)
    await bench.wait(31)
    bench.command("zone.1.2.setpoint", 21.5)
    bench.command("zone.1.3.setpoint", 21.5)

    await bench.wait(31)
    await bench.wait(31)

    assert bench.status.transactions == 2
    assert bench.rows("SELECT count(*) FROM commands") == [(3,)]
