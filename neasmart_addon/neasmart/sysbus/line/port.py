"""The line that we open ourselves: a serial device, or a converter that waits to be dialled.

Devices come and go: an adapter is unplugged, appears again under another number behind the same by-id link, and some
vanish without the end of file that would tell.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import termios
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit

from neasmart.facts.status import PastConnection
from neasmart.settings.model import SOCKET, ServerSettings
from neasmart.sysbus.framing.kinds import Framing
from neasmart.sysbus.line.connection import Connection, Wiring
from neasmart.sysbus.line.link_faults import (
    LinkError,
    dialling_fault,
    hung_up_fault,
    lost_fault,
    opening_fault,
    shared_fault,
)
from neasmart.sysbus.line.telling import Teller
from neasmart.sysbus.slave.slaves import RtuSlave
from neasmart.sysbus.transport.hung_up import HungUpError
from neasmart.sysbus.transport.tcp_options import keep_alive

CLOSE_TIMEOUT_S = 0.8
NATIVE_UART_DELAY_S = 0.002
SAID_LETTERS = 80

_NATIVE_UART = re.compile(r"/dev/tty(AMA|S)\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PortTimes:
    """In seconds.

    `open_s`: to open. `look_s`: between looks at the device. `idle_s`: of silence before dialling anew. `settle_s`: a
    converter that ends a connection sooner and without a frame has hung up. `vanish_s`: until a device that was pulled
    has gone from its folder.
    """

    open_s: float = 10.0
    look_s: float = 1.0
    idle_s: float = 600.0
    settle_s: float = 2.0
    vanish_s: float = 0.3


class Port:
    """A line with RTU framing that is opened from here."""

    def __init__(self, settings: ServerSettings, wiring: Wiring, times: PortTimes) -> None:
        """Prepare to open `settings.serial_port`, a device path or a URL."""
        self._settings = settings
        self._wiring = wiring
        self._times = times
        self._target = settings.serial_port
        self._dials = settings.dials
        self._lost: asyncio.Future[Exception | None] | None = None
        self._teller: Teller | None = None
        self._heard = False

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

    async def serve(self, teller: Teller) -> NoReturn:
        """Open the line and keep it until it is lost; raise LinkError with the reason."""
        lost = self._lost = asyncio.get_running_loop().create_future()
        slave = RtuSlave(self._wiring.station, strangers=self._dials)
        connection = Connection(slave, self, self._wiring, reply_delay_s=self._delay_s)
        device = self._device()
        self._teller = teller
        self._heard = False
        fault: LinkError | None = None
        try:
            await self._open(connection)
            teller.reached()
            if not self._dials or teller.status.dials <= 1:
                self._tell_open()
            fault = await self._watch(connection, device, lost)
        finally:
            connection.abort()
            if connection.transport is not None:
                await asyncio.wait((lost,), timeout=CLOSE_TIMEOUT_S)
                teller.ended(
                    PastConnection(
                        host=self._target,
                        opened_at=connection.opened_at,
                        ended_at=self._now(),
                        why="the gateway closed it" if fault is None else fault.code,
                        bytes=connection.bytes_received,
                        frames=connection.frames,
                    )
                )
        raise fault

    def joined(self, connection: Connection) -> None:
        """Nothing to admit: we opened it."""

    def left(self, connection: Connection, error: Exception | None) -> None:  # noqa: ARG002 - there is only one
        """Wake `serve`."""
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(error)

    def received(self, connection: Connection) -> None:
        """Take note of the first valid frame; noise is part of a serial line."""
        if connection.frames and not self._heard and self._teller is not None:
            self._heard = True
            self._teller.heard()
            self._tell_open()

    @property
    def _delay_s(self) -> float:
        if self._settings.reply_delay_ms is not None:
            return self._settings.reply_delay_ms / 1000
        native = not self._dials and _NATIVE_UART.fullmatch(os.path.realpath(self._target))
        return NATIVE_UART_DELAY_S if native else 0.0

    async def _open(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(self._times.open_s):
                if self._target.startswith(SOCKET):
                    await self._dial(connection)
                else:
                    open_line = await asyncio.to_thread(_serial_line)
                    await open_line(self._target, self._settings, connection)
        except (OSError, termios.error, ValueError) as error:
            raise self._fault(error) from error

    async def _dial(self, connection: Connection) -> None:
        """Dial a plain TCP server, by asyncio itself because keep-alive needs the socket."""
        url = urlsplit(self._target)
        if url.hostname is None or url.port is None:
            raise ValueError("no host and port")
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: connection, url.hostname, url.port)
        keep_alive(transport.get_extra_info("socket"))

    def _fault(self, error: Exception) -> LinkError:
        if isinstance(error, HungUpError):
            return hung_up_fault(self._target, _printable(error.said))
        return dialling_fault(self._target, error) if self._dials else opening_fault(self._target, error)

    async def _watch(self, connection: Connection, device: object, lost: asyncio.Future[Exception | None]) -> LinkError:
        """Wait until the line is lost; return the reason."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        settled = False
        while True:
            wait_s = self._times.look_s if settled else min(self._times.look_s, self._times.settle_s)
            await asyncio.wait((lost,), timeout=wait_s)
            open_s = loop.time() - began
            if lost.done():
                return await self._loss(connection, device, lost.result(), open_s)
            if not settled and open_s >= self._times.settle_s:
                settled = True
                self._tell_open()
            if self._dials:
                if self._now() - connection.last_byte_at > self._times.idle_s:
                    return lost_fault(self._target, TimeoutError())
            elif self._device() != device:
                return lost_fault(self._target, None)

    async def _loss(self, connection: Connection, device: object, error: Exception | None, open_s: float) -> LinkError:
        """Say why a line was lost."""
        if self._dials:
            hung_up = not connection.frames and open_s < self._times.settle_s
            return (
                hung_up_fault(self._target, _printable(connection.first_bytes))
                if hung_up
                else lost_fault(self._target, error)
            )
        loop = asyncio.get_running_loop()
        until = loop.time() + self._times.vanish_s
        while _read_away(error) and self._device() == device and device is not None:
            if loop.time() >= until:
                return shared_fault(self._target)
            await asyncio.sleep(self._times.vanish_s / 10)
        return lost_fault(self._target, error)

    def _tell_open(self) -> None:
        if self._teller is not None:
            self._teller.opened(*(((self._target,), (Framing.RTU,)) if self._dials else ((), ())))

    def _now(self) -> float:
        return self._wiring.gateway.clock.monotonic()

    def _device(self) -> object:
        """Return which device the path leads to, whatever its permissions."""
        signature = self.signature()
        return signature[:3] if isinstance(signature, tuple) else None


def _serial_line() -> Callable[[str, ServerSettings, asyncio.Protocol], Awaitable[None]]:
    """Return what opens serial lines; it is loaded now, which is not for the loop."""
    from neasmart.sysbus.transport.serial_line import open_line  # noqa: PLC0415 - most lines come by TCP

    return open_line


def _read_away(error: Exception | None) -> bool:
    """Return whether the device was ready, but there was nothing to read: it was unplugged, or somebody else has read.

    serialx says so as EIO in words of its own; the kernel's own EIO is a fault of the device.
    """
    return isinstance(error, OSError) and error.errno == errno.EIO and error.strerror != os.strerror(errno.EIO)


def _printable(said: bytes) -> str:
    """Return the words that a converter has sent instead of frames, as far as they are printable."""
    text = said.decode("ascii", "ignore")
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return words[:SAID_LETTERS]
