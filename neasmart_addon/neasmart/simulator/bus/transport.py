"""Opens the line to a gateway in the ways that real adapters do, and keeps the time of every byte that arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum

import serialx

from neasmart.facts.network import host_and_port

DIAL_TIMEOUT_S = 5.0


class Transport(StrEnum):
    """How the simulated base reaches the gateway."""

    TCP = "tcp"
    RTU_TCP = "rtu-tcp"
    RTU_LISTEN = "rtu-listen"
    SERIAL = "serial"


class Line(asyncio.Protocol):
    """One open connection: bytes that have come and when the last of them came (monotonic seconds)."""

    def __init__(self, on_open: Callable[[Line], None] | None = None) -> None:
        """Start closed; `asyncio` opens it and then calls `on_open`."""
        self._on_open = on_open
        self.buffer: int | None = None
        self.overflowed = 0
        self.received = bytearray()
        self.received_at = 0.0
        self.closed = asyncio.Event()
        self._arrived = asyncio.Event()
        self._transport: asyncio.WriteTransport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment] # asyncio types it as the base class
        if self._on_open is not None:
            self._on_open(self)

    def data_received(self, data: bytes) -> None:
        """Keep the bytes and their time."""
        self.received_at = self._loop.time()
        self.received += data
        self._arrived.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who waits."""
        del exc
        self.closed.set()
        self._arrived.set()

    def write(self, data: bytes) -> bool:
        """Send bytes in one call; return False if they were lost, because the gateway's device could hold no more.

        `buffer` is how many bytes may wait beside what the kernel holds; None waits for ever, as no real bus does.
        """
        self.must_be_open()
        if self._transport is None:
            raise ConnectionResetError("the line was never opened")
        if self.buffer is not None and self._transport.get_write_buffer_size() + len(data) > self.buffer:
            self.overflowed += len(data)
            return False
        self._transport.write(data)
        return True

    def must_be_open(self) -> None:
        """Raise ConnectionResetError if the other end has closed the line."""
        if self.closed.is_set():
            raise ConnectionResetError("the gateway has closed the connection")

    async def more(self, timeout_s: float) -> bool:
        """Wait until something has arrived since the last time; return False after `timeout_s`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._arrived.wait()
        # On a busy machine bytes and the end of the time come together, and the bytes count.
        arrived = self._arrived.is_set()
        self._arrived.clear()
        self.must_be_open()
        return arrived

    def forget(self) -> None:
        """Drop what has arrived."""
        self.received.clear()
        self._arrived.clear()

    def close(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


class Opener:
    """Opens one line after the other; a listener stays open in between."""

    def __init__(self, transport: Transport, target: str, *, baudrate: int = 38400) -> None:
        """Take ``host:port`` for the network transports and a device path or URL for the serial one."""
        self._transport = transport
        self._target = target
        self._baudrate = baudrate
        self._server: asyncio.Server | None = None
        self._dialled: asyncio.Queue[Line] = asyncio.Queue()
        self.port: int | None = None

    async def open(self) -> Line:
        """Return an open line; raise OSError if there is none."""
        loop = asyncio.get_running_loop()
        if self._transport is Transport.SERIAL:
            async with asyncio.timeout(DIAL_TIMEOUT_S):
                _, protocol = await serialx.create_serial_connection(loop, Line, self._target, baudrate=self._baudrate)
            if not isinstance(protocol, Line):
                raise TypeError("the serial library returned another protocol than it was given")
            return protocol
        host, number = host_and_port(self._target)
        port = number or 0
        if self._transport is Transport.RTU_LISTEN:
            return await self._accepted(host, port)
        async with asyncio.timeout(DIAL_TIMEOUT_S):
            _, line = await loop.create_connection(Line, host, port)
        return line

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _accepted(self, host: str, port: int) -> Line:
        if self._server is None:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: Line(self._dialled.put_nowait), host, port
            )
            self.port = self._server.sockets[0].getsockname()[1]
        while True:
            line = await self._dialled.get()
            if not line.closed.is_set():
                return line
