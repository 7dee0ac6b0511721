"""A reply may wait, as native UARTs need it, but never into the base's next frame."""

from __future__ import annotations

import asyncio

import pytest

from neasmart.core.commands.carrier import Carrier
from neasmart.core.gateway import Gateway
from neasmart.sysbus.line.connection import Connection, Direction, OnBytes, Slave, Wiring
from neasmart.sysbus.slave.slaves import MbapSlave, Received, RtuSlave
from neasmart.sysbus.slave.station import Station
from neasmart.sysbus.transport.lag import LagWatch
from tests.support.bus import (
    BROADCAST_TEMPERATURE,
    NO_DATA_240,
    NO_DATA_241,
    POLL_240,
    POLL_241,
    WRITE_240,
    Hands,
    mbap,
    new_gateway,
    until,
)

DELAY_S = 0.01


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


class Nobody:
    """An owner without an opinion."""

    def joined(self, connection: Connection) -> None:
        """Admit."""

    def left(self, connection: Connection, error: Exception | None) -> None:
        """Forget."""

    def received(self, connection: Connection) -> None:
        """Tolerate."""


@pytest.fixture
def gateway() -> Gateway:
    """A gateway whose clock stands still, so that no stall of this machine takes a reply away."""
    return new_gateway(Hands().clock)


@pytest.fixture
def wire() -> Wire:
    return Wire()


def connection(
    gateway: Gateway,
    wire: Wire,
    slave: type[RtuSlave | MbapSlave],
    delay_s: float = DELAY_S,
    on_bytes: OnBytes | None = None,
) -> Connection:
    station = Station(gateway)
    served: Slave = slave(station)
    wiring = Wiring(gateway=gateway, station=station, lag=LagWatch(asyncio.get_running_loop()), on_bytes=on_bytes)
    opened = Connection(served, Nobody(), wiring, reply_delay_s=delay_s)
    opened.connection_made(wire)
    return opened


async def test_without_a_delay_the_reply_leaves_in_the_same_round_of_the_loop(gateway: Gateway, wire: Wire) -> None:
    connection(gateway, wire, RtuSlave, delay_s=0.0).data_received(POLL_240)

    assert wire.written == NO_DATA_240


async def test_those_who_look_on_wait_until_the_reply_has_left(gateway: Gateway, wire: Wire) -> None:
    seen: list[tuple[Direction, bytes, bytes]] = []

    def look(direction: Direction, content: bytes, *_: object) -> None:
        seen.append((direction, content, bytes(wire.written)))

    connection(gateway, wire, RtuSlave, delay_s=0.0, on_bytes=look).data_received(POLL_240)

    assert seen == [(Direction.RECEIVED, POLL_240, NO_DATA_240), (Direction.SENT, NO_DATA_240, NO_DATA_240)]


async def test_a_delayed_reply_leaves_later(gateway: Gateway, wire: Wire) -> None:
    connection(gateway, wire, RtuSlave).data_received(POLL_240)
    assert wire.written == b""

    await until(lambda: wire.written == NO_DATA_240, "the reply leaves")

    assert gateway.bus.counters.replies == 1


async def test_a_delayed_reply_is_void_once_the_base_has_moved_on(gateway: Gateway, wire: Wire) -> None:
    line = connection(gateway, wire, RtuSlave)

    line.data_received(POLL_240)
    line.data_received(BROADCAST_TEMPERATURE)
    line.data_received(POLL_241)
    await until(lambda: wire.written, "a reply leaves")

    assert wire.written == NO_DATA_241
    assert gateway.bus.counters.replies_moved_on == 1


async def test_noise_does_not_void_a_delayed_reply(gateway: Gateway, wire: Wire) -> None:
    line = connection(gateway, wire, RtuSlave)

    line.data_received(POLL_240)
    line.data_received(b"\x55")

    await until(lambda: wire.written == NO_DATA_240, "the reply leaves")


async def test_over_modbus_tcp_every_delayed_reply_leaves(gateway: Gateway, wire: Wire) -> None:
    peer = connection(gateway, wire, MbapSlave)

    peer.data_received(mbap("F0 03 00 64 00 01", 1))
    peer.data_received(mbap("F0 03 00 64 00 01", 2))

    both = mbap("F0 03 02 00 00", 1) + mbap("F0 03 02 00 00", 2)
    await until(lambda: wire.written == both, "both replies leave")


async def test_a_closed_connection_sends_nothing_any_more(gateway: Gateway, wire: Wire) -> None:
    line = connection(gateway, wire, RtuSlave, delay_s=0.001)

    line.data_received(POLL_240)
    line.connection_lost(None)
    fired: list[int] = []
    asyncio.get_running_loop().call_later(0.01, fired.append, 1)
    await until(lambda: fired, "the delay is over")

    assert wire.written == b""


async def test_how_long_polls_wait_is_counted_by_unit_id(wire: Wire) -> None:
    gateway = new_gateway()
    line = connection(gateway, wire, RtuSlave)
    line.data_received(POLL_240)
    await until(lambda: wire.written, "the reply leaves")
    line.data_received(WRITE_240)
    await until(lambda: gateway.bus.counters.replies == 2, "the write is answered")
    peer = connection(gateway, wire, MbapSlave, delay_s=0.0)

    peer.data_received(mbap("F1 03 00 64 00 01", 1) + mbap("F0 06 00 64 00 03", 2) + mbap("F1 03 00 64 00 02", 3))

    (of_240, of_241) = (gateway.bus.reply_latencies[unit_id] for unit_id in (240, 241))
    assert (sum(of_240.buckets), sum(of_241.buckets)) == (1, 2)
    assert of_240.total_s >= DELAY_S
    assert sum(gateway.bus.reply_latencies.keys()) == 240 + 241


@pytest.mark.parametrize(
    ("kind", "poll", "stood_still_s", "answered"),
    [
        (RtuSlave, POLL_240, 0.05, True),
        (RtuSlave, POLL_240, 0.2, False),
        (MbapSlave, mbap("F0 03 00 64 00 02"), 0.2, True),
        (MbapSlave, mbap("F0 03 00 64 00 02"), 1.2, False),
    ],
)
async def test_a_process_that_stood_still_over_a_request_sends_no_reply_to_it(
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[RtuSlave | MbapSlave],
    poll: bytes,
    stood_still_s: float,
    *,
    answered: bool,
) -> None:
    hands = Hands()
    gateway = new_gateway(hands.clock)
    line = connection(gateway, wire, kind, delay_s=0.0)
    receive = line.slave.receive

    def slowly(chunk: bytes, now: float, *, late: bool, carrier: Carrier | None = None) -> Received:
        received = receive(chunk, now, late=late, carrier=carrier)
        hands.now += stood_still_s
        return received

    monkeypatch.setattr(line.slave, "receive", slowly)
    line.data_received(poll)

    assert bool(wire.written) is answered
    assert gateway.bus.counters.replies_late + gateway.bus.counters.requests_stale == (not answered)
