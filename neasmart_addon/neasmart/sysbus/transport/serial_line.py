"""Opens what serialx can open: serial devices, and servers of RFC 2217.

Loaded when there is such a line, because most converters use TCP and what is loaded takes 2 MB.

What an RFC 2217 server says before it has agreed to serve is why it will hang up; serialx passes on only what comes
later. And not all confirm which modem and line states they shall report. Measured with ser2net 4.3 (Debian 12): it
takes SET-MODEMSTATE-MASK without a word, and serialx waits for the word until the connection is given up. The bus needs
neither.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re

import serialx
from serialx.platforms.serial_rfc2217 import RFC2217SerialTransport
from serialx.platforms.serial_rfc2217.types import Rfc2217Command, SetLinestateMaskCmd, SetModemstateMaskCmd

from neasmart.settings.model import RFC2217, ServerSettings
from neasmart.sysbus.transport.hung_up import HungUpError
from neasmart.sysbus.transport.tcp_options import READ_BYTES, keep_alive

CONFIRM_S = 0.3
GREETING_BYTES = 400
"""So much of what a server says before it serves is kept."""
_TALK_LIMIT = 4096
"""A server that asks for so many options, sends one so long, or lets so many bytes of our answers lie, never serves."""

_COMMAND = re.compile(rb"\xff(\xfa.*?(\xff\xf0|$)|[\xfb-\xfe].?|.?)", re.DOTALL)
"""A command of Telnet, which is no word of the server's; cut off at the end, too."""


async def open_line(target: str, settings: ServerSettings, protocol: asyncio.Protocol) -> None:
    """Open a line, with low latency and without what has arrived before; raise OSError, termios.error or ValueError."""
    try:
        await serialx.create_serial_connection(
            asyncio.get_running_loop(),
            lambda: protocol,
            target,
            baudrate=settings.baudrate,
            parity=serialx.Parity(settings.parity),
            stopbits=serialx.StopBits(settings.stopbits),
            exclusive=True,
            transport_cls=LenientTransport if target.startswith(RFC2217) else None,
        )
    except serialx.SerialException as error:
        raise ValueError(str(error)) from error


class LenientTransport(RFC2217SerialTransport):
    """Goes on without the confirmations that nobody needs, and keeps what a server says that does not serve."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol) -> None:
        """Begin without a connection."""
        super().__init__(loop, protocol)
        self._greeting = b""
        self._ended: OSError | None = None

    def _data_received(self, data: bytes) -> None:
        if not self._connection_made_called:
            self._keep(data)
        try:
            super()._data_received(data)
        except (IndexError, ValueError) as error:
            # An option that is too short or has no such value; a fault of the connection is no fault of the program.
            raise OSError(errno.EPROTO, "it sends what is no RFC 2217") from error
        if self._talk > _TALK_LIMIT:
            raise OSError(errno.EPROTO, "it negotiates without end")

    def _tcp_connection_lost(self, exc: Exception | None) -> None:
        if self._tcp_transport is not None:
            # Where an answer of ours met the end of the connection, nobody has read what was said before it.
            self._keep(_unread(self._tcp_transport))
        self._ended = exc if isinstance(exc, OSError) else ConnectionResetError("the connection has ended")
        super()._tcp_connection_lost(exc)

    def _keep(self, said: bytes) -> None:
        self._greeting = (self._greeting + said)[:GREETING_BYTES]

    @property
    def _talk(self) -> int:
        """How much is kept of a negotiation, which serialx does not bound."""
        if self._serial is None:
            return 0
        engine = self._serial._engine  # noqa: SLF001 - there is no other way to see it
        if self._connection_made_called:
            # What is asked later is answered and then kept for nobody.
            engine._pending_telnet.clear()  # noqa: SLF001
        kept = (len(engine._pending_telnet), len(engine._parser._subneg_buffer))  # noqa: SLF001
        return max(*kept, self.get_write_buffer_size())

    async def _negotiate(self) -> None:
        transport = self._tcp_transport
        if transport is not None and hasattr(transport, "max_size"):
            keep_alive(transport.get_extra_info("socket"))
            transport.max_size = READ_BYTES
            # For those who ask whether bytes of the bus wait, before they do other work.
            self._extra["socket"] = transport.get_extra_info("socket")
        try:
            await super()._negotiate()
        except OSError as error:
            if error.errno == errno.EPROTO:
                raise
            raise HungUpError(_COMMAND.sub(b"", self._greeting)) from error

    async def _send_and_wait(self, cmd: Rfc2217Command) -> Rfc2217Command:
        if self._ended is not None:
            # It ended as the one before was given up, so nobody was told.
            raise self._ended
        if not isinstance(cmd, SetLinestateMaskCmd | SetModemstateMaskCmd):
            return await super()._send_and_wait(cmd)
        try:
            async with asyncio.timeout(CONFIRM_S):
                return await super()._send_and_wait(cmd)
        except TimeoutError:
            return cmd


def _unread(transport: asyncio.Transport) -> bytes:
    try:
        return os.read(transport.get_extra_info("socket").fileno(), GREETING_BYTES)
    except OSError:
        return b""
