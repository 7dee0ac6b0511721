"""The bus comes before other work of the loop: seen without waiting, over every kind of connection."""

from __future__ import annotations

import asyncio
import os
import socket
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus

import pytest
import serialx
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from neasmart.settings.model import ServerSettings, ServerType
from neasmart.sysbus.transport.doorbell import Doorbell
from neasmart.sysbus.transport.serial_line import open_line
from neasmart.web.http.known_paths import Handler
from neasmart.web.http.problems import answering
from neasmart.web.http.web_counters import WebCounters
from tests.support.bus import POLL_240, RFC2217_SERVED, until
from tests.support.bus_links import Dial, StartTcp, ask


@asynccontextmanager
async def over_socket() -> AsyncIterator[tuple[asyncio.BaseTransport, Callable[[bytes], object]]]:
    ours, theirs = socket.socketpair()
    with theirs:
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
        yield transport, theirs.send
        transport.close()


@asynccontextmanager
async def over_serial() -> AsyncIterator[tuple[asyncio.BaseTransport, Callable[[bytes], object]]]:
    base, line = os.openpty()
    tty.setraw(line)
    loop = asyncio.get_running_loop()
    transport, _ = await serialx.create_serial_connection(loop, asyncio.Protocol, os.ttyname(line), baudrate=38400)
    yield transport, lambda content: os.write(base, content)
    transport.abort()
    os.close(base)
    os.close(line)


@asynccontextmanager
async def over_rfc2217() -> AsyncIterator[tuple[asyncio.BaseTransport, Callable[[bytes], object]]]:
    opened = asyncio.get_running_loop().create_future()

    class Line(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            opened.set_result(transport)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = f"rfc2217://127.0.0.1:{listener.getsockname()[1]}"
        opening = asyncio.create_task(open_line(target, ServerSettings(serial_port=target), Line()))
        server, _ = await asyncio.to_thread(listener.accept)
    with server:
        server.sendall(RFC2217_SERVED)
        await opening
        transport = await opened
        yield transport, server.send
        transport.abort()


@pytest.mark.parametrize("opened", [over_socket, over_serial, over_rfc2217])
async def test_bytes_that_wait_ring_until_the_loop_has_read_them(
    opened: Callable[[], AbstractAsyncContextManager[tuple[asyncio.BaseTransport, Callable[[bytes], object]]]],
) -> None:
    doorbell = Doorbell()
    async with opened() as (transport, send):
        doorbell.watch(transport)
        assert not doorbell.rings()

        send(b"\xf0")
        assert doorbell.rings()
        await until(lambda: not doorbell.rings(), "the loop reads")

        send(b"\xf0")
        doorbell.forget(transport)
        assert not doorbell.rings()


async def test_a_link_rings_for_its_peers_and_forgets_them(start_tcp: StartTcp, dial: Dial) -> None:
    running = await start_tcp(ServerType.RTU_TCP)
    gateway = running.gateway
    reader, writer = await dial(running)
    await running.reaches("connected")
    assert not gateway.bus.bus_waits()

    writer.write(POLL_240)
    assert gateway.bus.bus_waits()
    assert await ask(reader, writer, POLL_240, 9)

    writer.close()
    await running.reaches("waiting_for_peer")
    assert not gateway.bus.bus_waits()


class Open:
    """A gate that lets everybody through."""

    async def admit(self, _: web.BaseRequest) -> None:
        """Let through."""

    def answers(self, handler: Handler, bus_waits: Callable[[], bool]) -> Handler:
        """Return what a listener does with a request."""
        return answering(handler, lambda *_: None, self, WebCounters(), bus_waits)


async def test_a_request_lets_the_bus_go_first() -> None:
    done: list[str] = []
    loop = asyncio.get_running_loop()
    bus, base = socket.socketpair()
    doorbell = Doorbell()

    class Bus(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            done.append(data.decode())

    transport, _ = await loop.create_connection(Bus, sock=bus)
    doorbell.watch(transport)

    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        done.append("request")
        return web.Response(status=HTTPStatus.NO_CONTENT)

    base.send(b"poll")
    await Open().answers(handler, doorbell.rings)(make_mocked_request("GET", "/"))

    assert done == ["poll", "request"]
    transport.close()
    base.close()


async def test_a_bus_that_nobody_reads_holds_no_request_up() -> None:
    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=HTTPStatus.NO_CONTENT)

    response = await Open().answers(handler, lambda: True)(make_mocked_request("GET", "/"))

    assert response.status == HTTPStatus.NO_CONTENT
