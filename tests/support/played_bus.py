"""A bus without a wire: real frames go through the real slave second by second, while a clock is moved by hand.

The gateway ticks once a second, as in the application, and every second's verdict is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from neasmart.core.gateway import LINK, Gateway
from neasmart.diagnosis.doctor import Diagnosis
from neasmart.facts.status import LinkStatus
from neasmart.sysbus.slave.slaves import MbapSlave, RtuSlave
from neasmart.sysbus.slave.station import Station
from tests.support.bus import Hands, new_gateway

CONNECTED = LinkStatus(connected=True, code="connected", detail="The converter is connected.", peers=("10.0.0.7:4001",))
WAITING = LinkStatus(code="waiting_for_peer", detail="Port 502 waits for the converter to connect.")
Slave = Callable[[Station], RtuSlave | MbapSlave]


class PlayedBus:
    """A gateway whose link and base are played."""

    def __init__(self, slave: Slave = RtuSlave, gateway: Gateway | None = None, hands: Hands | None = None) -> None:
        """Begin without a connection."""
        self.hands = hands or Hands()
        self.gateway = gateway or new_gateway(self.hands.clock)
        self.gateway.watch.hear(mbap=slave is MbapSlave)
        self._slave_of = slave
        self.slave = slave(Station(self.gateway))
        self.sent = b""

    @property
    def now(self) -> float:
        return self.hands.now

    @property
    def diagnosis(self) -> Diagnosis:
        """What the doctor says at this moment."""
        return self.gateway.diagnosis(self.now)

    def link(self, status: LinkStatus) -> None:
        """Publish a status of the link, with the time at which its code began."""
        before = self.gateway.link
        since = before.since if before.code == status.code and before.since is not None else self.now
        self.gateway.hub.publish(LINK, replace(status, since=since))

    def dials(self) -> None:
        """Let a peer connect; it has a buffer of its own."""
        self.slave = self._slave_of(Station(self.gateway))
        self.link(CONNECTED)

    def hangs_up(self) -> None:
        """Let the peer go."""
        self.link(WAITING)

    def hears(self, *chunks: bytes, late: bool = False) -> None:
        """Take bytes of the wire, as a connection does."""
        counters = self.gateway.bus.counters
        for chunk in chunks:
            counters.bytes_received += len(chunk)
            counters.last_byte_at = self.now
            received = self.slave.receive(chunk, self.now, late=late)
            self.gateway.watch.bytes.take(chunk)
            self.sent += received.reply

    def seconds(
        self, count: int, chunks: Iterable[bytes] = (), each: Callable[[int], object] | None = None
    ) -> list[str]:
        """Let seconds pass; in each of them the chunks arrive, then `each` is called; return the codes told."""
        codes = []
        kept = tuple(chunks)
        for number in range(count):
            self.hears(*kept)
            if each is not None:
                each(number)
            self.hands.now += 1.0
            self.gateway.tick(self.now)
            codes.append(self.gateway.watch.diagnosis.code)
        return codes
