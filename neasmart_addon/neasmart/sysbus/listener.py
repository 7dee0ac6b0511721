"""Waits for converters that dial us, with Modbus TCP or RTU bytes, and keeps company with at most a few of them.

Converters lose power and come back while their old connection lingers, so a new one is always welcome; what the
neighbourhood sends by mistake is refused or cut off before it costs anything.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from dataclasses import dataclass
from typing import NoReturn

from neasmart.config import ServerSettings, ServerType
from neasmart.sysbus.connection import Connection, Report, Wiring
from neasmart.sysbus.faults import listening_fault
from neasmart.sysbus.slaves import MbapSlave, RtuSlave
from neasmart.sysbus.tcp_options import keep_alive

REMEMBERED_HOSTS = 64

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLimits:
    """How many peers, how long one may be silent (seconds), and how many bytes it may send without a valid frame."""

    peers: int = 8
    idle_s: float = 600.0
    replaceable_after_s: float = 60.0
    rubbish_bytes: int = 65536
    sweep_s: float = 5.0


class Listener:
    """A TCP port and its peers."""

    def __init__(self, settings: ServerSettings, wiring: Wiring, limits: PeerLimits) -> None:
        """Prepare to listen where the settings say; nothing is opened yet."""
        self._settings = settings
        self._wiring = wiring
        self._limits = limits
        self._networks = settings.networks
        self._delay_s = (settings.reply_delay_ms or 0.0) / 1000
        self._peers: dict[Connection, str] = {}
        self._report: Report | None = None
        self._told: set[tuple[str, str]] = set()
        self.port = settings.port

    @property
    def description(self) -> str:
        """What is open, for people."""
        kind = "Modbus TCP" if self._settings.type is ServerType.TCP else "RTU over TCP"
        return f"{kind} on {self._address}"

    def signature(self) -> object:
        """Nothing that could come back and be noticed."""
        return None

    async def serve(self, report: Report) -> NoReturn:
        """Listen until cancelled; raise LinkError if the port cannot be opened."""
        self._report = report
        host = None if self._settings.address in ("", "::") else self._settings.address
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(self._connection, host, self._settings.port)
        except OSError as error:
            raise listening_fault(self._address, error) from error
        self.port = server.sockets[0].getsockname()[1]
        try:
            self._report_peers()
            while True:
                await asyncio.sleep(self._limits.sweep_s)
                self._drop_idle()
        finally:
            self._report = None
            server.close()
            for peer in tuple(self._peers):
                peer.abort()

    def joined(self, connection: Connection) -> None:
        """Admit or refuse a new peer."""
        transport = connection.transport
        name = transport.get_extra_info("peername") if transport else None
        if transport is None or name is None or self._report is None:
            connection.abort()
            return
        host = str(name[0])
        if not self._allowed(host):
            self._refuse(connection, host, "its address is not in server.allowed_peers")
            return
        if len(self._peers) >= self._limits.peers and not self._make_room():
            self._refuse(connection, host, f"{self._limits.peers} others are connected")
            return
        keep_alive(transport.get_extra_info("socket"))
        self._peers[connection] = f"[{host}]:{name[1]}" if ":" in host else f"{host}:{name[1]}"
        self._told.discard((host, "refused"))
        _LOGGER.info("%s has connected", self._peers[connection])
        self._report_peers()

    def left(self, connection: Connection, error: Exception | None) -> None:
        """Forget a peer."""
        name = self._peers.pop(connection, None)
        if name is not None:
            _LOGGER.info("%s has gone%s", name, f" ({error})" if error else "")
            self._report_peers()

    def received(self, connection: Connection) -> None:
        """Cut off who sends rubbish, and tell the owner of a converter that speaks RTU where it should not."""
        name = self._peers.get(connection)
        if name is None:
            return
        host = name.rpartition(":")[0]
        if connection.slave.rtu_frames and self._first_time(host, "rtu"):
            _LOGGER.warning(
                "%s sends Modbus RTU to the Modbus TCP port. Set the protocol of the adapter to Modbus TCP "
                '("Simple Modbus TCP to RTU"), or set server.type to rtu_tcp',
                host,
            )
        if connection.slave.hopeless:
            self._cut_off(connection, "it sends bad Modbus TCP headers")
        elif connection.bytes_since_frame >= self._limits.rubbish_bytes:
            self._cut_off(connection, f"it sent {connection.bytes_since_frame} bytes without a valid frame")

    def _connection(self) -> Connection:
        station = self._wiring.station
        slave = MbapSlave(station) if self._settings.type is ServerType.TCP else RtuSlave(station)
        return Connection(slave, self, self._wiring, reply_delay_s=self._delay_s)

    @property
    def _address(self) -> str:
        host = self._settings.address
        return f"[{host}]:{self._settings.port}" if ":" in host else f"{host}:{self._settings.port}"

    def _allowed(self, host: str) -> bool:
        if not self._networks:
            return True
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)

    def _make_room(self) -> bool:
        """Let the longest silent peer go, if it is silent long enough to be dead."""
        longest = min(self._peers, key=lambda peer: peer.last_byte_at)
        silent_s = self._wiring.gateway.clock.monotonic() - longest.last_byte_at
        if silent_s <= self._limits.replaceable_after_s:
            return False
        self._cut_off(longest, f"it was silent for {silent_s:.0f} s and another one wants to connect")
        return True

    def _drop_idle(self) -> None:
        now = self._wiring.gateway.clock.monotonic()
        for peer in tuple(self._peers):
            if now - peer.last_byte_at > self._limits.idle_s:
                self._cut_off(peer, f"it was silent for {self._limits.idle_s:.0f} s")

    def _cut_off(self, connection: Connection, reason: str) -> None:
        self._wiring.gateway.counters.peers_dropped += 1
        name = self._peers.pop(connection)
        if self._first_time(name.rpartition(":")[0], reason.partition(" ")[0]):
            _LOGGER.warning("%s was cut off: %s", name, reason)
        connection.abort()
        self._report_peers()

    def _refuse(self, connection: Connection, host: str, reason: str) -> None:
        self._wiring.gateway.counters.peers_refused += 1
        if self._first_time(host, "refused"):
            _LOGGER.warning("%s was refused: %s", host, reason)
        connection.abort()

    def _first_time(self, host: str, what: str) -> bool:
        """Return whether this is news, so that a peer that comes back for ever is logged once."""
        if (host, what) in self._told:
            return False
        if len(self._told) >= REMEMBERED_HOSTS:
            self._told.clear()
        self._told.add((host, what))
        return True

    def _report_peers(self) -> None:
        if self._report is not None:
            self._report(connected=bool(self._peers), peers=tuple(self._peers.values()))
