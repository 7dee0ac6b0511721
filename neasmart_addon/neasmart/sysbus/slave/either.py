"""The slave of a connection that may speak Modbus TCP or RTU: its first valid frame tells, and then it stays so.

Converters dial the same port in both ways, and which of them is a setting that their owners get wrong. A Modbus TCP
header with protocol 0, a length that fits and a known function, or a valid checksum: either is no accident.
"""

from __future__ import annotations

from collections.abc import Callable

from neasmart.core.commands.carrier import Carrier
from neasmart.facts.status import BusCounters
from neasmart.sysbus.framing.kinds import Framing
from neasmart.sysbus.framing.mbap import MbapFramer
from neasmart.sysbus.framing.rtu import SILENCE_S, RtuFramer
from neasmart.sysbus.framing.strangers import AsciiFrames
from neasmart.sysbus.slave.slaves import Guard, MbapSlave, Received, RtuSlave
from neasmart.sysbus.slave.station import Station

HELD_BYTES = 512
"""Longer than any frame of both kinds."""
BROKEN_AFTER = 5
"""So many frames of the other kind without a valid one between them, and the connection is judged anew."""

Known = RtuSlave | MbapSlave


class EitherSlave:
    """Holds what comes until it is judged, and is then the slave of that framing."""

    def __init__(self, station: Station, waited_s: Callable[[], float] = lambda: 0.0) -> None:
        """Begin without a framing; `waited_s` tells how long bytes may have waited for the loop."""
        self._station = station
        self._waited_s = waited_s
        self._counters = station.gateway.bus.counters
        self._guard: Guard | None = None
        self._chosen: Known | None = None
        self._held = b""
        self._last_at = 0.0
        self._begin()

    def receive(self, chunk: bytes, now: float, *, late: bool, carrier: Carrier | None = None) -> Received:
        """Judge or carry out."""
        chosen = self._chosen
        if chosen is None:
            chosen = self._judged(chunk, now)
            if chosen is None:
                return Received(0)
            chunk, self._held = self._held, b""
            # How long a request may wait is known only now.
            late = self._waited_s() > chosen.patience_s
        received = chosen.receive(chunk, now, late=late, carrier=carrier)
        if chosen.strange_frames >= BROKEN_AFTER:
            self._chosen = None
            self._begin()
        return received

    def sent(self, reply: bytes, now: float, *, asked_at: float | None = None) -> None:
        """Take note that a reply has left."""
        if self._chosen is not None:
            self._chosen.sent(reply, now, asked_at=asked_at)

    @property
    def framing(self) -> Framing | None:
        """What the peer speaks, None until a valid frame has come."""
        return None if self._chosen is None else self._chosen.framing

    def guard_by(self, guard: Guard | None) -> None:
        """Ask `guard` before a request is carried out."""
        self._guard = guard
        if self._chosen is not None:
            self._chosen.guard_by(guard)

    @property
    def overtaken_by_frames(self) -> bool:
        """Whether a reply that waits is void once another frame has arrived."""
        return self._chosen is not None and self._chosen.overtaken_by_frames

    @property
    def patience_s(self) -> float:
        """How long a request may have waited for the gateway."""
        return 0.0 if self._chosen is None else self._chosen.patience_s

    @property
    def hopeless(self) -> bool:
        """Whether the peer should be cut off."""
        return self._chosen is not None and self._chosen.hopeless

    @property
    def strange_frames(self) -> int:
        """How many frames of another kind of Modbus came since the last valid one."""
        return self._ascii_frames if self._chosen is None else self._chosen.strange_frames

    def _begin(self) -> None:
        self._rtu = RtuFramer(self._station.unit_ids)
        self._seen = BusCounters()
        self._mbap = MbapFramer(self._seen, in_step=False)
        self._ascii = AsciiFrames()
        self._ascii_frames = 0

    def _judged(self, chunk: bytes, now: float) -> Known | None:
        """Look at the bytes in both ways; a wrong protocol id or length is Modbus TCP as well, and named there."""
        if now - self._last_at > SILENCE_S:
            self._counters.stale_bytes += len(self._held)
            self._held = b""
        self._last_at = now
        self._held += chunk
        self._mbap.feed(chunk, now)
        frames = self._rtu.feed(chunk, now)
        if self._mbap.good or self._mbap.lost:
            self._chosen = MbapSlave(self._station)
        elif frames:
            self._chosen = RtuSlave(self._station, strangers=True)
        else:
            written = self._ascii.feed(chunk)
            self._ascii_frames += written
            self._counters.ascii_frames += written
            excess = len(self._held) - HELD_BYTES
            if excess > 0:
                self._counters.noise_bytes += excess
                self._held = self._held[excess:]
            return None
        self._chosen.guard_by(self._guard)
        return self._chosen
