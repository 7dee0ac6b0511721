"""The watch on the event loop, and what a connection does with a reply that would be late."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import pytest

from neasmart.facts.clock import monotonic
from neasmart.settings.model import ServerType
from neasmart.sysbus.line.connection import Connection, Wiring
from neasmart.sysbus.slave.slaves import MbapSlave, RtuSlave
from neasmart.sysbus.slave.station import Station
from neasmart.sysbus.transport.lag import LATE_S, LagWatch
from tests.support.bus import (
    BROADCAST_STATE_AND_SETPOINT,
    POLL_240,
    WRITE_240,
    Hands,
    mbap,
    new_gateway,
    until,
)
from tests.support.bus_links import Dial, StartTcp, ask

POLL = mbap("F0 03 00 64 00 02")
NO_DATA = mbap("F0 03 04 00 00 00 00")


def block(seconds: float) -> None:
    """Keep the loop from everything else, as a bad disk call would."""
    time.sleep(seconds)


async def test_a_blocked_loop_is_noticed_before_its_timers_run() -> None:
    watch = LagWatch(asyncio.get_running_loop())
    watch.start()
    await asyncio.sleep(0.05)

    block(0.2)

    assert watch.waited_s > 0.1
    watch.stop()
    assert watch.waited_s == 0.0


async def test_a_loop_with_nothing_to_do_has_not_kept_anybody_waiting() -> None:
    watch = LagWatch(asyncio.get_running_loop())
    watch.start()

    for _ in range(20):
        # No timer ends this before its time, so the watch has to.
        await asyncio.sleep(2 * LATE_S)
        if watch.waited_s == 0.0 and watch.suspect_from > monotonic():
            break
    else:
        pytest.fail("a loop that only waits counts as blocked")
    watch.stop()


async def test_a_stop_that_ended_the_waiting_is_no_proof_that_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    selector = getattr(loop, "_selector")  # noqa: B009 - asyncio has no public way to it
    ask, stops = selector.select, [3 * LATE_S]

    def stopped_once(timeout: float | None = None) -> Any:
        if not stops:
            return ask(timeout)
        time.sleep(stops.pop())
        return []

    monkeypatch.setattr(selector, "select", stopped_once)
    watch = LagWatch(loop)
    watch.start()
    # Two rounds of the loop: in the second the kernel has been asked again.
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert watch.waited_s > 2 * LATE_S
    await until(lambda: watch.waited_s == 0.0, "it is forgotten")
    watch.stop()
    assert selector.select is stopped_once


async def test_a_block_is_remembered_after_the_timer_has_run() -> None:
    watch = LagWatch(asyncio.get_running_loop())
    watch.start()

    block(0.3)
    # Two rounds of the loop: the overdue timer has run in the first.
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert watch.waited_s > 0.2
    await until(lambda: watch.waited_s == 0.0, "it is forgotten")
    watch.stop()


async def test_each_block_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    watch = LagWatch(asyncio.get_running_loop())
    watch.start()

    block(0.2)
    await until(lambda: watch.waited_s == 0.0, "the watch has come round")
    watch.stop()

    assert [record.getMessage().split(" for ")[0] for record in caplog.records] == ["The gateway itself was blocked"]


async def test_the_kernel_is_asked_as_seldom_as_whoever_is_connected_allows(
    start_tcp: StartTcp, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    use = Mock()
    monkeypatch.setattr(LagWatch, "use", use)
    running = await start_tcp(ServerType.AUTO)
    patience_s: Callable[[], float] = use.call_args.args[0]
    assert patience_s() == 0.0

    tcp = await dial(running)
    assert patience_s() == 0.0
    assert await ask(*tcp, POLL, len(NO_DATA)) == NO_DATA
    assert patience_s() == 1.0
    rtu = await dial(running)
    await until(lambda: patience_s() == 0.0, "who has just come may speak RTU")
    await asyncio.sleep(0.15)
    assert (await ask(*rtu, POLL_240, 9))[:3] == b"\xf0\x03\x04"
    assert patience_s() == 0.0


@pytest.mark.parametrize(("took_s", "blocked"), [(0.25, False), (0.29, False), (0.5, True), (2.0, True)])
def test_only_what_took_longer_than_the_wait_is_a_block(
    took_s: float, *, blocked: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("neasmart.sysbus.transport.lag.monotonic", lambda: now[0])
    selector = SimpleNamespace(select=lambda _: now.__setitem__(0, now[0] + took_s))
    watch = LagWatch(cast("Any", SimpleNamespace(_selector=selector)))
    watch.use(lambda: 1.0)
    watch.start()

    selector.select(None)

    assert ("blocked" in caplog.text) == blocked
    # Bytes that are read now may have come at the beginning of the wait, for all that is known.
    assert watch.waited_s == pytest.approx(took_s)


@pytest.mark.parametrize(("patience_s", "asked"), [(0.0, [0.05, 0.05, 0.02]), (1.0, [0.25, 0.25, 0.02])])
def test_a_loop_that_may_wait_longer_is_woken_less_often(patience_s: float, asked: list[float]) -> None:
    waits: list[float] = []
    selector = SimpleNamespace(select=waits.append)
    watch = LagWatch(cast("Any", SimpleNamespace(_selector=selector)))
    watch.use(lambda: patience_s)
    watch.start()

    for timeout in (None, 10.0, 0.02):
        selector.select(timeout)

    assert waits == asked


async def test_over_modbus_tcp_requests_that_waited_a_second_are_not_answered(start_tcp: StartTcp, dial: Dial) -> None:
    running = await start_tcp(ServerType.TCP)
    reader, writer = await dial(running)
    assert await ask(reader, writer, POLL, len(NO_DATA)) == NO_DATA

    writer.write(POLL * 3)
    block(1.3)
    await until(lambda: running.gateway.bus.counters.requests_stale == 3, "none of the three is answered")

    assert await ask(reader, writer, mbap("F0 03 00 64 00 02", 9), len(NO_DATA)) == mbap("F0 03 04 00 00 00 00", 9)


async def test_over_modbus_tcp_a_shorter_wait_is_none(start_tcp: StartTcp, dial: Dial) -> None:
    running = await start_tcp(ServerType.TCP)
    reader, writer = await dial(running)
    assert await ask(reader, writer, POLL, len(NO_DATA)) == NO_DATA
    answered = running.gateway.bus.counters.replies

    writer.write(POLL)
    block(0.15)

    await until(lambda: running.gateway.bus.counters.replies == answered + 1, "it is answered")


async def test_bytes_that_waited_for_the_loop_are_not_answered(start_tcp: StartTcp, dial: Dial) -> None:
    running = await start_tcp(ServerType.RTU_TCP)
    reader, writer = await dial(running)
    await running.reaches("connected")

    writer.write(WRITE_240)
    block(0.3)
    await until(lambda: running.gateway.bus.counters.replies_late == 1, "the late reply is dropped")
    assert running.gateway.bus.counters.writes == 1
    assert (await ask(reader, writer, POLL_240, 9))[:3] == b"\xf0\x03\x04"


PIECE_S = 0.01
"""What a stop has left is read in pieces, as the kernel hands them on; each takes a slow machine so long."""


class Stopped:
    """A loop that stood still for two seconds, a clock that is moved by hand, and a line that is read after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, slave: type[RtuSlave | MbapSlave]) -> None:
        self.hands, self._takes_s = Hands(), 2.0
        monkeypatch.setattr("neasmart.sysbus.transport.lag.monotonic", lambda: self.hands.now)
        self._selector = SimpleNamespace(select=lambda _: self.goes_by(self._takes_s))
        self._lag = LagWatch(cast("Any", SimpleNamespace(_selector=self._selector)))
        self._lag.start()
        self.gateway, self._slave = new_gateway(self.hands.clock), slave
        self.connects()
        self._selector.select(0.0)

    def connects(self) -> None:
        """Open a line; from then on it is what is read."""
        station = Station(self.gateway)
        wiring = Wiring(gateway=self.gateway, station=station, lag=self._lag)
        self.line = Connection(self._slave(station), Mock(), wiring)
        self.line.connection_made(
            Mock(asyncio.Transport, get_write_buffer_size=lambda: 0, get_extra_info=lambda _: None)
        )

    def passes(self, seconds: float) -> None:
        """Go round once more, for so long."""
        self._takes_s = seconds
        self._selector.select(seconds)

    def goes_by(self, seconds: float) -> None:
        self.hands.now += seconds

    def reads(self, chunk: bytes, *, after_s: float = 0.0) -> int:
        """Read one piece in a round of its own; return how many replies that gives."""
        before = self.gateway.bus.counters.replies
        self.passes(after_s)
        self.line.data_received(chunk)
        self.goes_by(PIECE_S)
        return self.gateway.bus.counters.replies - before


@pytest.mark.parametrize(("slave", "poll"), [(RtuSlave, POLL_240), (MbapSlave, POLL)])
def test_what_a_stop_has_left_is_not_answered_however_long_it_takes_to_read_it(
    monkeypatch: pytest.MonkeyPatch, slave: type[RtuSlave | MbapSlave], poll: bytes
) -> None:
    stopped = Stopped(monkeypatch, slave)
    piece = poll * 35

    # 0.4 s for 11 or 16 kB, of which the line carries less than 4 in a second.
    assert sum(stopped.reads(piece) for _ in range(40)) == 0
    assert stopped.reads(poll) == 0
    # Then nothing comes faster than the line carries it.
    assert stopped.reads(poll, after_s=0.09) == 1


def test_who_has_dialled_during_a_stop_is_not_answered_however_long_it_takes_to_let_him_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopped = Stopped(monkeypatch, RtuSlave)
    stopped.passes(0.06)
    stopped.connects()

    assert stopped.reads(POLL_240, after_s=0.06) == 0
    assert stopped.reads(POLL_240, after_s=0.09) == 1


def test_a_line_that_goes_on_at_its_own_pace_is_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = Stopped(monkeypatch, RtuSlave)

    answers = [stopped.reads(BROADCAST_STATE_AND_SETPOINT + POLL_240) for _ in range(20)]

    assert answers[:10] == [0] * 10
    assert answers[11:] == [1] * 9


def test_a_peer_that_never_stops_to_talk_is_answered_after_as_long_as_the_stop_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopped = Stopped(monkeypatch, RtuSlave)

    answers = [stopped.reads(POLL_240 * 50) for _ in range(220)]

    assert not any(answers[:190])
    assert all(answers[215:])


def test_a_long_stop_that_is_over_lets_no_short_one_last_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = Stopped(monkeypatch, RtuSlave)
    assert [stopped.reads(POLL_240, after_s=0.05) for _ in range(4)] == [0, 1, 1, 1]

    stopped.passes(0.2)

    answers = [stopped.reads(POLL_240 * 50) for _ in range(40)]
    assert not any(answers[:10])
    assert all(answers[35:])
