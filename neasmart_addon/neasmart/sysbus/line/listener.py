"""Waits for converters that dial us, with Modbus TCP or RTU bytes, and keeps company with at most a few of them.

Converters lose power and come back while their old connection lingers, so a new one is always welcome; what the
neighbourhood sends by mistake is refused or cut off before it costs anything.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import NoReturn

from neasmart.facts.network import ip_address, joined, listened_on
from neasmart.facts.status import PastConnection
from neasmart.settings.model import ServerSettings, ServerType
from neasmart.sysbus.framing.kinds import Framing
from neasmart.sysbus.line.connection import Connection, Slave, Wiring
from neasmart.sysbus.line.link_faults import listening_fault
from neasmart.sysbus.line.telling import Teller
from neasmart.sysbus.slave.either import EitherSlave
from neasmart.sysbus.slave.same_bus import Member, SameBus
from neasmart.sysbus.slave.slaves import Guard, MbapSlave, RtuSlave
from neasmart.sysbus.transport.tcp_options import keep_alive

REMEMBERED_HOSTS = 64

_ANY = ("", "0.0.0.0", "::")  # noqa: S104 - compared, not opened
_KINDS = {
    ServerType.AUTO: "Modbus TCP or RTU over TCP",
    ServerType.TCP: "Modbus TCP",
    ServerType.RTU_TCP: "RTU over TCP",
}
_STRANGE = {
    Framing.MBAP: ("no Modbus TCP", 'Modbus TCP ("Simple Modbus TCP to RTU")'),
    Framing.RTU: ("no Modbus RTU", 'pass the bytes on (protocol "None")'),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLimits:
    """How many peers, how long one may be silent (seconds), and how many bytes it may send without a valid frame.

    When all places are taken, a peer gives way to a new one after so many seconds without a valid frame: `own_host_s`
    to one of the same host, which has most likely lost its old connection; `never_heard_s` if it never sent any; else
    `replaceable_after_s`.
    """

    peers: int = 8
    idle_s: float = 600.0
    own_host_s: float = 2.0
    never_heard_s: float = 10.0
    replaceable_after_s: float = 60.0
    rubbish_bytes: int = 65536
    sweep_s: float = 5.0


class Peer(Member):
    """A connection that was admitted."""

    def __init__(self, host: str, port: int) -> None:
        """Begin with nothing heard."""
        super().__init__(joined(host, port))
        self.host = host
        self.known = False
        self.framing: Framing | None = None


class Listener:
    """A TCP port and its peers."""

    def __init__(self, settings: ServerSettings, wiring: Wiring, limits: PeerLimits) -> None:
        """Prepare to listen where the settings say; nothing is opened yet."""
        self._settings = settings
        self._wiring = wiring
        self._limits = limits
        self._networks = settings.networks
        self._delay_s = (settings.reply_delay_ms or 0.0) / 1000
        self._peers: dict[Connection, Peer] = {}
        self._teller: Teller | None = None
        self._same_bus = SameBus(wiring.gateway.bus.counters, self._found_same_bus)
        self._told: set[tuple[str, str]] = set()
        self.port = settings.port
        wiring.lag.use(lambda: min((each.slave.patience_s for each in self._peers), default=0.0))

    @property
    def description(self) -> str:
        """What is open, for people."""
        # What stands for all addresses is none that anybody could enter elsewhere.
        where = f"port {self._settings.port}" if self._settings.address in _ANY else self._address
        return f"{_KINDS[self._settings.type]} on {where}"

    def signature(self) -> object:
        """Nothing that could come back and be noticed."""
        return None

    async def serve(self, teller: Teller) -> NoReturn:
        """Listen until cancelled; raise LinkError if the port cannot be opened."""
        loop = asyncio.get_running_loop()
        host = listened_on(self._settings.address)
        try:
            server = await loop.create_server(self._connection, host, self._settings.port)
        except OSError as error:
            raise listening_fault(self._settings.address, self._address, error) from error
        self.port = server.sockets[0].getsockname()[1]
        self._teller = teller
        teller.reached()
        try:
            self._tell_peers()
            while True:
                await asyncio.sleep(self._limits.sweep_s)
                self._drop_idle()
        finally:
            self._teller = None
            server.close()
            for peer in tuple(self._peers):
                peer.abort()

    def joined(self, connection: Connection) -> None:
        """Admit or refuse a new peer."""
        transport = connection.transport
        name = transport.get_extra_info("peername") if transport else None
        if transport is None or name is None or self._teller is None:
            connection.abort()
            return
        host = str(name[0])
        if not self._allowed(host):
            self._refuse(connection, host, "its address is not in server.allowed_peers")
            return
        if len(self._peers) >= self._limits.peers and not self._make_room(host):
            self._refuse(connection, host, f"{self._limits.peers} others are connected")
            return
        keep_alive(transport.get_extra_info("socket"))
        peer = self._peers[connection] = Peer(host, name[1])
        self._told.discard((host, "refused"))
        self._same_bus.join(peer)
        self._set_guards()
        self._say(logging.INFO, f"{peer.name} has connected")
        self._tell_peers()

    def left(self, connection: Connection, error: Exception | None) -> None:
        """Forget a peer."""
        if connection in self._peers:
            peer = self._forget(connection, str(error) if error else "it closed the connection")
            self._say(logging.INFO, f"{peer.name} has gone{f' ({error})' if error else ''}")
            self._tell_peers()

    def received(self, connection: Connection) -> None:
        """Cut off who sends rubbish, and name a converter that speaks another Modbus than is insisted on."""
        peer = self._peers.get(connection)
        if peer is None:
            return
        slave = connection.slave
        if connection.frames and (not peer.known or peer.framing is not slave.framing):
            self._meet(peer, slave)
        if slave.strange_frames:
            # It is a converter with a wrong setting: to cut it off would only make it dial anew.
            connection.excuse()
            if slave.framing is not None and self._first_time(peer.host, "strange"):
                what, wanted = _STRANGE[slave.framing]
                advice = f"Set server.type to auto, or the converter to {wanted}"
                if self._settings.type is ServerType.AUTO:
                    advice = "What it speaks is found out anew"
                self._say(logging.WARNING, f"{peer.host} sends {what}. {advice}")
        elif slave.hopeless:
            self._cut_off(connection, "it sends bad Modbus TCP headers")
        elif connection.bytes_since_frame >= self._limits.rubbish_bytes:
            self._cut_off(connection, f"it sent {connection.bytes_since_frame} bytes without a valid frame")

    def _connection(self) -> Connection:
        station = self._wiring.station
        slave: Slave
        if self._settings.type is ServerType.TCP:
            slave = MbapSlave(station)
        elif self._settings.type is ServerType.RTU_TCP:
            slave = RtuSlave(station, strangers=True)
        else:
            lag = self._wiring.lag
            slave = EitherSlave(station, lambda: lag.waited_s)
        return Connection(slave, self, self._wiring, reply_delay_s=self._delay_s)

    def _meet(self, peer: Peer, slave: Slave) -> None:
        """Take note of a peer's first valid frame, and of how it is framed."""
        if self._teller is not None and not peer.known:
            self._teller.heard()
        peer.known = True
        if slave.framing is not peer.framing:
            peer.framing = slave.framing
            kind = _KINDS[ServerType.TCP if slave.framing is Framing.MBAP else ServerType.RTU_TCP]
            if self._settings.type is ServerType.AUTO and self._first_time(peer.host, kind):
                self._say(logging.INFO, f"{peer.name} speaks {kind}")
        self._tell_peers()

    def _set_guards(self) -> None:
        """Let the connections be compared only while there are several; the way of a single one stays short."""
        several = len(self._peers) > 1
        for connection, peer in self._peers.items():
            connection.slave.guard_by(self._guard(peer) if several else None)

    def _guard(self, peer: Peer) -> Guard:
        return lambda unit_id, pdu, now: self._same_bus.admits(peer, unit_id, pdu, now)

    def _found_same_bus(self, older: str, newer: str) -> None:
        self._say(
            logging.WARNING,
            f"{older} and {newer} carry the same bus; only the newest, {newer}, is answered."
            " Leave the converter one connection to this computer",
        )

    @property
    def _address(self) -> str:
        return joined(self._settings.address, self._settings.port)

    def _allowed(self, host: str) -> bool:
        if not self._networks:
            return True
        address = ip_address(host)
        return address is not None and any(address in network for network in self._networks)

    def _make_room(self, host: str) -> bool:
        """Let the peer go that is most likely dead by its last valid frame; return whether there was one."""
        now = self._wiring.gateway.clock.monotonic()

        def quiet_s(connection: Connection) -> float:
            heard_at = connection.last_frame_at
            return now - (connection.opened_at if heard_at is None else heard_at)

        limits = self._limits
        own = [connection for connection, peer in self._peers.items() if peer.host == host]
        never_heard = [connection for connection in self._peers if connection.last_frame_at is None]
        for candidates, after_s in (
            (own, limits.own_host_s),
            (never_heard, limits.never_heard_s),
            (list(self._peers), limits.replaceable_after_s),
        ):
            oldest = max(candidates, key=quiet_s, default=None)
            if oldest is not None and quiet_s(oldest) > after_s:
                reason = f"it sent no frame for {quiet_s(oldest):.0f} s and another one wants to connect"
                self._cut_off(oldest, reason)
                return True
        return False

    def _drop_idle(self) -> None:
        now = self._wiring.gateway.clock.monotonic()
        for connection in tuple(self._peers):
            if now - connection.last_byte_at > self._limits.idle_s:
                self._cut_off(connection, f"it was silent for {self._limits.idle_s:.0f} s")

    def _cut_off(self, connection: Connection, reason: str) -> None:
        self._wiring.gateway.bus.counters.peers_dropped += 1
        peer = self._forget(connection, reason)
        if self._first_time(peer.host, reason.partition(" ")[0]):
            self._say(logging.WARNING, f"{peer.name} was cut off: {reason}")
        connection.abort()
        self._tell_peers()

    def _forget(self, connection: Connection, why: str) -> Peer:
        peer = self._peers.pop(connection)
        self._same_bus.leave(peer)
        self._set_guards()
        if self._teller is not None:
            self._teller.ended(
                PastConnection(
                    host=peer.name,
                    opened_at=connection.opened_at,
                    ended_at=self._wiring.gateway.clock.monotonic(),
                    why=why,
                    bytes=connection.bytes_received,
                    frames=connection.frames,
                )
            )
        return peer

    def _refuse(self, connection: Connection, host: str, reason: str) -> None:
        self._wiring.gateway.bus.counters.peers_refused += 1
        if self._first_time(host, "refused"):
            self._say(logging.WARNING, f"{host} was refused: {reason}")
        connection.abort()

    def _first_time(self, host: str, what: str) -> bool:
        """Return whether this is news, so that a peer that comes back for ever is logged once."""
        if (host, what) in self._told:
            return False
        if len(self._told) >= REMEMBERED_HOSTS:
            self._told.clear()
        self._told.add((host, what))
        return True

    def _say(self, level: int, text: str) -> None:
        if self._teller is not None:
            self._teller.say(level, text)

    def _tell_peers(self) -> None:
        if self._teller is None:
            return
        if self._peers:
            peers = self._peers.values()
            self._teller.opened(tuple(peer.name for peer in peers), tuple(peer.framing for peer in peers))
        else:
            self._teller.waits()
