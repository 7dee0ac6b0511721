"""The line that we open ourselves: a serial device, or a converter that waits to be dialled.

Devices come and go: an adapter is unplugged, appears again under another number behind the same by-id link, and some
vanish without the end of file that would tell.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import termios
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit

import serialx

from neasmart.config import ServerSettings
from neasmart.sysbus.connection import Connection, Report, Wiring
from neasmart.sysbus.faults import LinkError, dialling_fault, lost_fault, opening_fault
from neasmart.sysbus.rfc2217 import LenientTransport
from neasmart.sysbus.slaves import RtuSlave
from neasmart.sysbus.tcp_options import keep_alive

CLOSE_TIMEOUT_S = 0.8
NATIVE_UART_DELAY_S = 0.002

_NATIVE_UART = re.compile(r"/dev/tty(AMA|S)\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PortTimes:
    """In seconds: to open, between looks at the device, of silence before dialling anew, until a link has worked."""

    open_s: float = 10.0
    look_s: float = 1.0
    idle_s: float = 600.0
    working_s: float = 2.0


class Port:
    """A line with RTU framing that is opened from here."""

    def __init__(self, settings: ServerSettings, wiring: Wiring, times: PortTimes) -> None:
        """Prepare to open `settings.serial_port`, a device path or a URL."""
        self._settings = settings
        self._wiring = wiring
        self._times = times
        self._target = settings.serial_port
        self._dials = "://" in self._target
        self._lost: asyncio.Future[Exception | None] | None = None

    @property
    def description(self) -> str:
        """What is open, for people."""
        settings = self._settings
        if self._dials:
            return f"RTU over {self._target}"
        return f"Serial {self._target} at {settings.baudrate} 8{settings.parity}{settings.stopbits}"

    def signature(self) -> object:
        """Return what the path leads to now, None while there is nothing; a change is worth a trial."""
        if self._dials:
            return None
        try:
            found = os.stat(self._target)  # noqa: PTH116 - no object is needed, called every half second
        except OSError:
            return None
        return (os.path.realpath(self._target), found.st_ino, found.st_rdev, found.st_mode, found.st_uid, found.st_gid)

    async def serve(self, report: Report) -> NoReturn:
        """Open the line and keep it until it is lost; raise LinkError with the reason."""
        lost = self._lost = asyncio.get_running_loop().create_future()
        connection = Connection(RtuSlave(self._wiring.station), self, self._wiring, reply_delay_s=self._delay_s)
        device = self._device()
        try:
            await self._open(connection)
            report(connected=True, peers=(self._target,) if self._dials else ())
            error = await self._watch(connection, device, lost)
        finally:
            connection.abort()
            if connection.transport is not None:
                await asyncio.wait((lost,), timeout=CLOSE_TIMEOUT_S)
        lasted_s = self._wiring.gateway.clock.monotonic() - connection.opened_at
        worked = connection.bytes_received > 0 or lasted_s >= self._times.working_s
        raise lost_fault(self._target, error, worked=worked)

    def joined(self, connection: Connection) -> None:
        """Nothing to admit: we opened it."""

    def left(self, connection: Connection, error: Exception | None) -> None:  # noqa: ARG002 - there is only one
        """Wake `serve`."""
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(error)

    def received(self, connection: Connection) -> None:
        """Nothing to judge: noise is part of a serial line."""

    @property
    def _delay_s(self) -> float:
        if self._settings.reply_delay_ms is not None:
            return self._settings.reply_delay_ms / 1000
        native = not self._dials and _NATIVE_UART.fullmatch(os.path.realpath(self._target))
        return NATIVE_UART_DELAY_S if native else 0.0

    async def _open(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(self._times.open_s):
                if self._target.startswith("socket://"):
                    await self._dial(connection)
                else:
                    await self._open_serial(connection)
        except (OSError, serialx.SerialException, termios.error, ValueError) as error:
            raise self._fault(error) from error

    async def _open_serial(self, connection: Connection) -> None:
        """Open a device or an RFC 2217 server; serialx asks for low latency and throws away what has arrived before."""
        settings = self._settings
        await serialx.create_serial_connection(
            asyncio.get_running_loop(),
            lambda: connection,
            self._target,
            baudrate=settings.baudrate,
            parity=serialx.Parity(settings.parity),
            stopbits=serialx.StopBits(settings.stopbits),
            exclusive=True,
            transport_cls=LenientTransport if self._target.startswith("rfc2217://") else None,
        )

    async def _dial(self, connection: Connection) -> None:
        """Dial a plain TCP server, by asyncio itself because keep-alive needs the socket."""
        url = urlsplit(self._target)
        if url.hostname is None or url.port is None:
            raise ValueError("no host and port")
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: connection, url.hostname, url.port)
        dialled = transport.get_extra_info("socket")
        if isinstance(dialled, socket.socket):
            keep_alive(dialled)

    def _fault(self, error: Exception) -> LinkError:
        return dialling_fault(self._target, error) if self._dials else opening_fault(self._target, error)

    async def _watch(
        self, connection: Connection, device: object, lost: asyncio.Future[Exception | None]
    ) -> Exception | None:
        """Wait until the line is lost; return the reason if one is known."""
        while True:
            await asyncio.wait((lost,), timeout=self._times.look_s)
            if lost.done():
                return lost.result()
            if self._dials:
                if self._wiring.gateway.clock.monotonic() - connection.last_byte_at > self._times.idle_s:
                    return TimeoutError()
            elif self._device() != device:
                return None

    def _device(self) -> object:
        """Return which device the path leads to, whatever its permissions."""
        signature = self.signature()
        return signature[:3] if isinstance(signature, tuple) else None
