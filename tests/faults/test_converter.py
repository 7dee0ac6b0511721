"""Promise: whatever a TCP converter or a stranger does, the base is answered rightly and nothing piles up."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from neasmart.facts.clock import Clock
from neasmart.settings.model import ModbusSettings, ServerSettings
from neasmart.sysbus.line.journal import FREE_LINES
from neasmart.sysbus.line.link import Link
from tests.support.bus import Hands, mbap, new_gateway, until
from tests.support.bus_links import ask, closed
from tests.support.ports import free_port
from tests.support.processes import GatewayProcess, eventually, gateway_process
from tests.support.steady_base import OFTEN, SteadyBase, TcpLine, bounded, steady_base

POLL = mbap("F0 03 00 64 00 02")
NO_DATA = mbap("F0 03 04 00 00 00 00")
RESETS = 100
RUBBISH_BYTES = 10_000_000


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    with gateway_process(tmp_path, **OFTEN) as process:
        yield process


@pytest.fixture
def base(gateway: GatewayProcess) -> Iterator[SteadyBase]:
    line = TcpLine(gateway.bus_port)
    with steady_base(lambda: line) as steady:
        steady.goes_on()
        yield steady
    # What a busy machine holds up for more than a second is left unanswered on purpose.
    assert line.unanswered <= gateway.get("/api/v1/bus")["counters"]["requests_stale"]


def dialled(gateway: GatewayProcess, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", gateway.bus_port), 30, (source, 0))


def peers(gateway: GatewayProcess) -> int:
    return len(gateway.get("/api/v1/snapshot")["status"]["link"]["peers"])


def test_a_converter_that_resets_a_hundred_times_costs_nothing(gateway: GatewayProcess, base: SteadyBase) -> None:
    with bounded(gateway):
        for number in range(RESETS):
            converter = dialled(gateway)
            converter.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            converter.sendall((POLL * 3)[: number % 37])
            converter.close()
        eventually(lambda: peers(gateway) == 1)
        base.goes_on()

    assert gateway.get("/health")["status"] == "healthy"
    assert "Traceback" not in gateway.log


def test_ten_megabytes_of_rubbish_are_stepped_over(gateway: GatewayProcess, base: SteadyBase) -> None:
    chance = random.Random(1)
    sent = connections = 0
    with bounded(gateway):
        while sent < RUBBISH_BYTES:
            connections += 1
            with closing(dialled(gateway)) as stranger, suppress(OSError):
                while sent < RUBBISH_BYTES:
                    stranger.sendall(chance.randbytes(50_000))
                    sent += 50_000
        eventually(lambda: peers(gateway) == 1)
        base.goes_on()

    assert connections > 1, "somebody who sends rubbish is cut off"
    # The doctor counts the bytes of all connections together, so for a minute it may take rubbish for damage.
    assert set(gateway.get("/health")["reasons"]) <= {"Bytes arrive, but many are damaged on their way."}
    assert len(gateway.log) < 10_000


def test_eight_are_served_at_once_and_a_ninth_disturbs_nobody(gateway: GatewayProcess) -> None:
    with ExitStack() as stack:
        bases = [stack.enter_context(steady_base(lambda: TcpLine(gateway.bus_port), zone=zone)) for zone in range(1, 9)]
        eventually(lambda: peers(gateway) == 8)
        for _ in range(20):
            with closing(dialled(gateway)) as ninth, suppress(ConnectionError):
                ninth.sendall(POLL)
                assert ninth.recv(100) == b""
        for base in bases:
            base.goes_on()

    assert "8 others are connected" in gateway.log


def test_a_network_that_is_not_allowed_is_refused_and_disturbs_nobody(tmp_path: Path) -> None:
    with (
        gateway_process(tmp_path, NEASMART_SERVER_ALLOWED_PEERS="127.0.0.0/30") as gateway,
        steady_base(lambda: TcpLine(gateway.bus_port, source="127.0.0.2")) as base,
    ):
        base.goes_on()
        with bounded(gateway):
            for number in range(50):
                with closing(dialled(gateway, f"127.0.0.{10 + number}")) as stranger, suppress(ConnectionError):
                    stranger.sendall(POLL)
                    assert stranger.recv(100) == b""
        assert peers(gateway) == 1
        assert gateway.get("/api/v1/snapshot")["status"]["bus"]["counters"]["peers_refused"] == 50
        assert 1 <= gateway.log.count("server.allowed_peers") <= FREE_LINES


async def test_half_open_connections_make_room_after_a_minute_and_one_byte_a_second_is_no_frame() -> None:
    hands = Hands()
    gateway = new_gateway(Clock(monotonic=lambda: hands.now))
    settings = ServerSettings(address="127.0.0.1", port=free_port())
    task = asyncio.create_task(Link(settings, ModbusSettings(), gateway).run())
    await until(lambda: gateway.link.code == "waiting_for_peer", "it listens")
    streams = [await asyncio.open_connection("127.0.0.1", settings.port) for _ in range(8)]
    await until(lambda: len(gateway.link.peers) == 8, "eight are connected")

    # One of them gives a byte a second. After each second another frame could have begun.
    slow_reader, slow_writer = streams[0]
    for number, byte in enumerate(POLL * 6):
        slow_writer.write(bytes([byte]))
        await until(lambda number=number: gateway.bus.counters.bytes_received == number + 1, "the byte has come")  # type: ignore[misc]
        hands.now += 1.0
    assert await slow_reader.readexactly(len(NO_DATA) * 6) == NO_DATA * 6

    # The other seven have been silent for 72 seconds, as half-open connections are.
    for lost, _ in streams[1:]:
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.port)
        assert await ask(reader, writer, POLL, len(NO_DATA)) == NO_DATA
        assert await closed(lost)
        streams.append((reader, writer))
    assert gateway.bus.counters.peers_dropped == 7

    for _, writer in streams:
        writer.close()
    task.cancel()
    await asyncio.wait([task])
