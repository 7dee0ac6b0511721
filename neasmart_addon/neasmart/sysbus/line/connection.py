"""One open connection, serial or TCP: bytes in, and the reply out in the same round of the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from neasmart.core.commands.carrier import Carrier
from neasmart.core.gateway import Gateway
from neasmart.sysbus.framing.kinds import Framing
from neasmart.sysbus.slave.slaves import Guard, Received
from neasmart.sysbus.slave.station import Station
from neasmart.sysbus.transport.doorbell import Doorbell
from neasmart.sysbus.transport.lag import LagWatch
from neasmart.sysbus.transport.tcp_options import READ_BYTES

UNREAD_LIMIT = 16384
"""A peer that lets so many bytes of our replies lie is gone."""
LONGEST_WORK_S = 0.1
"""A reply takes less than a millisecond; if it took so long, the base has given up."""
FIRST_BYTES = 200
"""So much of what comes before the first valid frame is kept; a converter that hangs up may say there why."""

_LOGGER = logging.getLogger(__name__)


class Direction(StrEnum):
    """Which way bytes went, as seen from the gateway."""

    RECEIVED = "received"
    SENT = "sent"


OnBytes = Callable[[Direction, bytes, float, Carrier, Framing | None], None]
"""Called with every piece of the wire, its monotonic time, who carried it and how it is framed, None while not known.

For a recorder; must not block and must not raise, and keeps no connection alive.
"""


class Slave(Protocol):
    """What a connection does with its bytes; see `RtuSlave` and `MbapSlave`."""

    @property
    def overtaken_by_frames(self) -> bool:
        """Whether a reply that waits is void once another frame has arrived."""

    @property
    def hopeless(self) -> bool:
        """Whether the peer should be cut off."""

    @property
    def strange_frames(self) -> int:
        """How many frames of another kind of Modbus came since the last valid one."""

    @property
    def framing(self) -> Framing | None:
        """How the frames of the peer stand in the stream, None while that is not known."""

    @property
    def patience_s(self) -> float:
        """How long a request may have waited for the gateway and is still answered."""

    def guard_by(self, guard: Guard | None) -> None:
        """Ask `guard` before a request is carried out, nobody while there is one connection."""

    def receive(self, chunk: bytes, now: float, *, late: bool, carrier: Carrier | None = None) -> Received:
        """Take bytes that a connection carried, give a reply."""

    def sent(self, reply: bytes, now: float, *, asked_at: float | None = None) -> None:
        """Take note that a reply has left, and when its request had arrived."""


class Owner(Protocol):
    """Who opened the connection."""

    def joined(self, connection: Connection) -> None:
        """Take note that the connection is open; abort it to refuse it."""

    def left(self, connection: Connection, error: Exception | None) -> None:
        """Take note that the connection has ended."""

    def received(self, connection: Connection) -> None:
        """Judge the peer after a piece of its bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What every connection of a link shares."""

    gateway: Gateway
    station: Station
    lag: LagWatch
    on_bytes: OnBytes | None = None
    doorbell: Doorbell = field(default_factory=Doorbell)


class Connection(asyncio.Protocol):
    """Feeds a slave and sends its replies."""

    def __init__(self, slave: Slave, owner: Owner, wiring: Wiring, *, reply_delay_s: float = 0.0) -> None:
        """Serve `slave`; replies wait for `reply_delay_s`."""
        self.slave = slave
        self.carrier = Carrier()
        self.opened_at = self.last_byte_at = wiring.gateway.clock.monotonic()
        self.bytes_received = 0
        self.bytes_since_frame = 0
        self.frames = 0
        self.last_frame_at: float | None = None
        self.first_bytes = b""
        self._owner = owner
        self._wiring = wiring
        self._reply_delay_s = reply_delay_s
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.TimerHandle | None = None
        self._closing = False
        self._drained = 0
        self._now = wiring.gateway.clock.monotonic
        self._counters = wiring.gateway.bus.counters

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; called by asyncio."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"{transport!r} cannot carry the bus")
        self._transport = transport
        if hasattr(transport, "max_size"):
            transport.max_size = READ_BYTES
        peer = transport.get_extra_info("peername")
        self.carrier = Carrier(str(peer[0]) if peer else "")
        self._wiring.doorbell.watch(transport)
        if self._wiring.lag.waited_s:
            # Letting him in has taken rounds of the loop since the stop, and what he sent is read in the next one.
            self._wiring.lag.still_draining()
        self._owner.joined(self)

    def data_received(self, chunk: bytes) -> None:
        """Serve what has arrived; called by asyncio. The reply leaves first, everything else comes after it."""
        now = self._now()
        slave = self.slave
        lag = self._wiring.lag
        late = now >= lag.suspect_from and self._waited(len(chunk))
        # A whole read is more than comes in time; on a line a request at its end is no use to anybody.
        late = late or (len(chunk) >= READ_BYTES and slave.overtaken_by_frames)
        received = slave.receive(chunk, now, late=late, carrier=self.carrier)
        if self._waiting is not None and received.frames and slave.overtaken_by_frames:
            self._waiting.cancel()
            self._waiting = None
            self._counters.replies_moved_on += 1
        sent_at = None
        if received.reply and self._reply_delay_s > 0:
            loop = asyncio.get_running_loop()
            self._waiting = loop.call_later(self._reply_delay_s, self._send_delayed, received, now)
        elif received.reply:
            sent_at = self._send(received, now)
        self._note(chunk, received.frames, now)
        self._show(Direction.RECEIVED, chunk, now)
        if sent_at is not None:
            self._show(Direction.SENT, received.reply, sent_at)
        self._owner.received(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; called by asyncio."""
        self.carrier.ended()
        if self._waiting is not None:
            self._waiting.cancel()
        if self._transport is not None:
            self._wiring.doorbell.forget(self._transport)
        self._owner.left(self, exc)

    def excuse(self) -> None:
        """Count bytes without a valid frame from here on."""
        self.bytes_since_frame = 0

    def abort(self) -> None:
        """End the connection at once."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    @property
    def transport(self) -> asyncio.Transport | None:
        """The transport while the connection is open."""
        return self._transport

    def _waited(self, size: int) -> bool:
        """Return whether bytes that are read after a stop have waited for longer than the base does."""
        lag = self._wiring.lag
        if lag.waited_s <= self.slave.patience_s:
            return False
        self._drained += size
        if self._drained >= READ_BYTES:
            self._drained = 0
            lag.still_draining()
        return True

    def _note(self, chunk: bytes, frames: int, now: float) -> None:
        """Count what has come."""
        size = len(chunk)
        self._counters.bytes_received += size
        self._counters.last_byte_at = self.last_byte_at = now
        self.bytes_received += size
        if not self.frames and len(self.first_bytes) < FIRST_BYTES:
            self.first_bytes += chunk[:FIRST_BYTES]
        if frames:
            self.bytes_since_frame = 0
            self.frames += frames
            self.last_frame_at = now
        else:
            self.bytes_since_frame += size

    def _send_delayed(self, received: Received, asked_at: float) -> None:
        self._waiting = None
        if self._wiring.lag.waited_s > self.slave.patience_s:
            self._withhold(received)
            return
        sent_at = self._send(received, asked_at)
        if sent_at is not None:
            self._show(Direction.SENT, received.reply, sent_at)

    def _send(self, received: Received, asked_at: float) -> float | None:
        """Send a reply; return when, None if it had to be withheld."""
        transport = self._transport
        if transport is None or self._closing:
            return None
        now = self._now()
        if self._reply_delay_s == 0 and now - asked_at > LONGEST_WORK_S and now - asked_at > self.slave.patience_s:
            # The process itself stood still between the request and its reply; a delayed one has asked the watch.
            self._withhold(received)
            return None
        transport.write(received.reply)
        self._counters.replies += received.replies
        unread = transport.get_write_buffer_size()
        if unread > UNREAD_LIMIT:
            self.abort()
        # Bytes that wait for a peer that does not read have not left.
        elif not unread:
            for poll in received.polls:
                self._wiring.station.left(poll, now, self.carrier)
        self.slave.sent(received.reply, now, asked_at=asked_at)
        return now

    def _withhold(self, received: Received) -> None:
        if self.slave.framing is Framing.MBAP:
            self._counters.requests_stale += received.replies
        else:
            self._counters.replies_late += received.replies

    def _show(self, direction: Direction, content: bytes, at: float) -> None:
        """Show what went over the wire to those who look on; the base has its reply by now."""
        if self._wiring.on_bytes is not None:
            self._wiring.on_bytes(direction, content, at, self.carrier, self.slave.framing)
        if _LOGGER.isEnabledFor(logging.DEBUG):
            _LOGGER.debug("%s %s", direction.value, content.hex(" "))
