"""Promise: an hour of silence or a clock that jumps by a year serves nothing outdated and loses nothing."""

from __future__ import annotations

import struct
from pathlib import Path

import msgspec
import pytest
from pymodbus.pdu.register_message import WriteMultipleRegistersRequest

from neasmart.core.commands.command import Command
from neasmart.core.gateway import LINK
from neasmart.core.recall import Question
from neasmart.facts.codecs import encode_dpt9
from neasmart.facts.points import TABLE
from neasmart.facts.status import LinkStatus
from neasmart.settings.model import DatabaseSettings
from neasmart.sysbus.slave.station import Station
from neasmart.web.api.health import health
from tests.support.store import Bench

STATE, SETPOINT, TEMPERATURE = (TABLE.ref(f"zone.1.1.{key}") for key in ("state", "setpoint", "temperature"))
OLD = [1, encode_dpt9(21.5), encode_dpt9(20.0)]
NEW = [2, encode_dpt9(18.0), encode_dpt9(16.5)]
NO_DATA = [0, 0]
HOUR_S = 3600
YEAR_S = 365 * 86400.0


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    bench = Bench(DatabaseSettings(path=str(tmp_path / "neasmart.db")))
    await bench.store.open()
    bench.gateway.hub.publish(LINK, LinkStatus(connected=True, code="connected", detail="The link is open."))
    return bench


async def live(bench: Bench, words: list[int], seconds: float) -> None:
    """Let the base write its words and ask both of us, every five seconds."""
    station = Station(bench.gateway)
    write = WriteMultipleRegistersRequest(address=STATE.address, registers=words)
    for _ in range(round(seconds / 5)):
        now = bench.time.monotonic_s
        station.answer(0, b"\x10" + write.encode(), now)
        for unit_id in (240, 241):
            station.answer(unit_id, struct.pack(">BHH", 3, STATE.address, 2), now)
        await bench.wait(5)


def told(bench: Bench) -> tuple[str, list[str]]:
    document = msgspec.to_builtins(health(bench.gateway, bench.time.monotonic_s))
    return str(document["status"]), document["reasons"]


def polled(bench: Bench, unit_id: int = 240) -> list[int]:
    poll = bench.gateway.bus.poll(STATE.address, 2, unit_id, bench.time.monotonic_s)
    bench.gateway.bus.left(poll, bench.time.monotonic_s)
    return poll.words


def state_of(bench: Bench, command: Command) -> str:
    now = bench.gateway.commands.get(command.id)
    assert now is not None
    return now.state


async def test_a_base_that_is_silent_for_an_hour_and_comes_back_is_not_told_what_was(bench: Bench) -> None:
    await live(bench, OLD, 60)
    assert (told(bench)[0], polled(bench)) == ("healthy", NO_DATA)
    (command,) = bench.gateway.submit([(SETPOINT, 23.0)], origin="test")

    await bench.wait(HOUR_S)

    status, reasons = told(bench)
    assert status == "degraded"
    assert reasons == ["The base has fallen silent."]
    reading = bench.reading("zone.1.1.temperature")
    assert (reading.value, reading.age_s(bench.time.monotonic_s)) == (20.0, 3605.0)
    assert state_of(bench, command) == "expired"
    assert [polled(bench, unit_id) for unit_id in (240, 241)] == [NO_DATA, NO_DATA]

    await live(bench, NEW, 60)

    assert told(bench) == ("healthy", [])
    assert [polled(bench, unit_id) for unit_id in (240, 241)] == [NO_DATA, NO_DATA]
    assert bench.reading("zone.1.1.setpoint").value == 18.0
    now = bench.time.wall_s
    history = (
        await bench.store.history(Question(addresses=[TEMPERATURE.address], begin_s=now - HOUR_S - 120, end_s=now))
    )[TEMPERATURE.address]
    assert [word for _, word in history] == [OLD[2], None, NEW[2]]
    await bench.close()


@pytest.mark.parametrize(("silent_s", "survives"), [(12, True), (60, False), (600, False)])
async def test_a_command_outlives_a_short_silence_and_no_long_one(
    bench: Bench, silent_s: float, survives: bool
) -> None:
    await live(bench, OLD, 60)
    (command,) = bench.gateway.submit([(SETPOINT, 23.0)], origin="test")

    await bench.wait(silent_s)

    assert told(bench) == ("degraded", ["The base has fallen silent."])
    words = [0, encode_dpt9(23.0)] if survives else NO_DATA
    assert [polled(bench, unit_id) for unit_id in (240, 241)] == [words, words]
    assert state_of(bench, command) == ("delivered" if survives else "expired")
    await live(bench, OLD if survives else NEW, 30)
    assert told(bench) == ("healthy", [])
    await bench.close()


@pytest.mark.parametrize(
    ("jump_s", "state", "words"),
    [(-YEAR_S, "queued", [0, encode_dpt9(23.0)]), (YEAR_S, "expired", NO_DATA)],
    ids=["back", "ahead"],
)
async def test_a_clock_that_jumps_by_a_year_changes_neither_health_nor_what_is_kept_and_ahead_it_ends_commands(
    bench: Bench, jump_s: float, state: str, words: list[int]
) -> None:
    await live(bench, OLD, 60)
    (before,) = bench.gateway.submit([(SETPOINT, 23.0)], origin="test")
    transactions = bench.status.transactions

    bench.time.wall_s += jump_s
    await live(bench, OLD, 10)

    assert told(bench) == ("healthy", [])
    assert (state_of(bench, before), polled(bench)) == (state, words)
    (command,) = bench.gateway.submit([(SETPOINT, 23.0)], origin="test")
    assert polled(bench) == [0, encode_dpt9(23.0)]
    bench.write(SETPOINT.address, encode_dpt9(23.0))
    assert state_of(bench, command) == "confirmed"
    await bench.wait(60)
    assert bench.status.transactions > transactions
    assert bench.reading("zone.1.1.temperature").age_s(bench.time.monotonic_s) == 65.0
    await bench.close()

    again = Bench(bench.settings, time=bench.time)
    await again.store.open()
    assert again.status.healthy
    assert again.reading("zone.1.1.setpoint").value == 23.0
    assert polled(again) == NO_DATA
    assert again.rows("PRAGMA integrity_check") == [("ok",)]
    await again.close()
