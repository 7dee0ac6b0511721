"""Converters with a wrong setting, over real sockets: named within ten seconds, however often they dial anew."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest

from neasmart.settings.model import ServerSettings, ServerType
from neasmart.sysbus import Framing, LineFacts, Tap
from tests.support.bus import new_gateway, until
from tests.support.bus_links import Dial, Running, StartLink
from tests.support.ports import free_port
from tests.support.uart import walk

WITHIN_S = 10.0
Requests = Callable[[bytes, int], bytes]


def header(content: bytes, number: int, *, protocol: int = 0) -> bytes:
    return b"".join(part.to_bytes(2) for part in (number % 0x10000, protocol, len(content))) + content


def as_rtu(frame: bytes, _number: int) -> bytes:
    return frame


def as_mbap(frame: bytes, number: int) -> bytes:
    return header(frame[:-2], number)


def with_another_protocol(frame: bytes, number: int) -> bytes:
    return header(frame[:-2], number, protocol=1)


def with_its_checksum(frame: bytes, number: int) -> bytes:
    return header(frame, number)


def as_ascii(frame: bytes, _number: int) -> bytes:
    content = frame[:-2]
    return b":" + (content + bytes((-sum(content) & 0xFF,))).hex().upper().encode() + b"\r\n"


INSISTED = {
    "RTU on tcp": (ServerType.TCP, as_rtu, "noise.rtu_on_tcp"),
    "Modbus TCP on rtu_tcp": (ServerType.RTU_TCP, as_mbap, "noise.mbap_on_rtu"),
    "a wrong protocol id on tcp": (ServerType.TCP, with_another_protocol, "noise.bad_protocol_id"),
    "a wrong protocol id on auto": (ServerType.AUTO, with_another_protocol, "noise.bad_protocol_id"),
    "a length with a checksum on tcp": (ServerType.TCP, with_its_checksum, "noise.bad_length"),
    "Modbus ASCII on tcp": (ServerType.TCP, as_ascii, "noise.ascii"),
    "Modbus ASCII on rtu_tcp": (ServerType.RTU_TCP, as_ascii, "noise.ascii"),
    "Modbus ASCII on auto": (ServerType.AUTO, as_ascii, "noise.ascii"),
}
TAKEN_AS_IT_COMES = {"RTU on auto": as_rtu, "Modbus TCP on auto": as_mbap}


async def told(running: Running, code: str) -> None:
    """Tick as the application does until this is told, and never that somebody should look at the wires or the port."""
    gateway = running.gateway
    seen: set[str] = set()

    def says() -> bool:
        gateway.tick(gateway.clock.monotonic())
        seen.add(gateway.watch.diagnosis.code)
        return code in seen

    await until(says, f"{code}, but it is {gateway.watch.diagnosis}", WITHIN_S)
    assert seen <= {"starting", "nobody_dials", code}


@contextlib.asynccontextmanager
async def while_it_does(peer: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run what a peer does for ever."""
    sending = asyncio.create_task(peer)
    try:
        yield
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending


def listening(start_link: StartLink, kind: ServerType) -> Running:
    gateway = new_gateway()
    facts = LineFacts(
        framing=Framing.MBAP if kind is ServerType.TCP else Framing.RTU,
        unit_ids=gateway.bus.unit_ids,
    )
    settings = ServerSettings(type=kind, address="127.0.0.1", port=free_port())
    return start_link(settings, gateway=gateway, on_bytes=Tap(gateway, facts))


async def converter(dial: Dial, running: Running, framed: Requests, pause_s: float) -> None:
    """Send the walk of a base; whenever the connection is cut, dial anew."""
    frames = itertools.cycle(enumerate(walk(1)))
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await dial(running)
            while not reader.at_eof():
                number, frame = next(frames)
                writer.write(framed(frame, number))
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(256), pause_s)
                await asyncio.sleep(pause_s)
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("pause_s", [0.005, 1.0])
@pytest.mark.parametrize(("kind", "framed", "code"), INSISTED.values(), ids=INSISTED.keys())
async def test_a_wrong_framing_is_named(
    start_link: StartLink, dial: Dial, kind: ServerType, framed: Requests, code: str, pause_s: float
) -> None:
    running = listening(start_link, kind)
    await running.reaches("waiting_for_peer")

    async with while_it_does(converter(dial, running, framed, pause_s)):
        await told(running, code)


@pytest.mark.parametrize("framed", TAKEN_AS_IT_COMES.values(), ids=TAKEN_AS_IT_COMES.keys())
async def test_what_can_be_served_is_healthy(start_link: StartLink, dial: Dial, framed: Requests) -> None:
    running = listening(start_link, ServerType.AUTO)
    await running.reaches("waiting_for_peer")

    async with while_it_does(converter(dial, running, framed, 0.005)):
        await told(running, "healthy")


@contextlib.asynccontextmanager
async def waiting_converter(speaks: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """Wait to be dialled; yield the URL."""

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                await speaks(writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def dialling(start_link: StartLink, url: str) -> Running:
    gateway = new_gateway()
    tap = Tap(gateway, LineFacts(framing=Framing.RTU, unit_ids=gateway.bus.unit_ids))
    return start_link(ServerSettings(serial_port=url), gateway=gateway, on_bytes=tap)


async def test_a_dialled_converter_that_speaks_modbus_tcp_is_named(start_link: StartLink) -> None:
    async def speaks(writer: asyncio.StreamWriter) -> None:
        for number, frame in itertools.cycle(enumerate(walk(1))):
            writer.write(as_mbap(frame, number))
            await writer.drain()
            await asyncio.sleep(0.02)

    async with waiting_converter(speaks) as url:
        running = dialling(start_link, url)
        await told(running, "noise.mbap_dialled")
        await running.stop()


async def test_a_converter_that_another_program_holds_is_named(start_link: StartLink) -> None:
    async def refuses(writer: asyncio.StreamWriter) -> None:
        writer.write(b"Port already in use\r\n")
        await writer.drain()

    async with waiting_converter(refuses) as url:
        running = dialling(start_link, url)
        await told(running, "cannot_dial.converter_busy")
        await running.stop()

    assert running.gateway.watch.diagnosis.evidence == ("the converter says: Port already in use",)


async def test_an_address_that_is_not_this_computers_is_named(start_link: StartLink) -> None:
    """192.0.2.1 belongs to nobody, RFC 5737."""
    running = start_link(ServerSettings(address="192.0.2.1", port=free_port()))

    await told(running, "settings_error.foreign_address")

    assert "192.0.2.1" in running.gateway.watch.diagnosis.sentence


async def test_a_port_that_another_program_has_is_named_as_that(start_link: StartLink) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        running = start_link(ServerSettings(address="127.0.0.1", port=taken.getsockname()[1]))

        await told(running, "device_busy.cannot_listen")


async def test_two_connections_with_the_same_bus_are_named(start_link: StartLink, dial: Dial) -> None:
    running = listening(start_link, ServerType.AUTO)
    await running.reaches("waiting_for_peer")

    async def twice() -> None:
        both = [await dial(running) for _ in range(2)]
        for frame in itertools.cycle(walk(2)):
            for _, writer in both:
                writer.write(frame)
            await asyncio.sleep(0.03)

    async with while_it_does(twice()):
        gateway = running.gateway

        def says() -> bool:
            gateway.tick(gateway.clock.monotonic())
            return gateway.watch.diagnosis.code == "same_bus"

        await until(says, "two connections are named", WITHIN_S)

        # Never for a rival, because each hears what the other is sent.
        frames, said = gateway.bus.counters.frames, set[bool]()

        def goes_on() -> bool:
            said.add(says())
            return gateway.bus.counters.frames > frames + 60

        await until(goes_on, "more is heard")
        assert said == {True}, gateway.watch.diagnosis
    assert len(gateway.watch.diagnosis.evidence) == 3
