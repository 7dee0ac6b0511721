"""Keeps the connection to the bus: opens it, tells everybody how it is, and opens it again for ever.

Nothing that happens to a device, a converter or a port ends the gateway; it is said once, in words, and tried again.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from typing import NoReturn, Protocol

from neasmart.breaker import BreakerState, CircuitBreaker
from neasmart.config import ModbusSettings, ServerSettings, ServerType
from neasmart.gateway import LINK, Gateway
from neasmart.status import LinkStatus
from neasmart.sysbus.backoff import Backoff
from neasmart.sysbus.connection import OnBytes, Report, Wiring
from neasmart.sysbus.faults import LinkError
from neasmart.sysbus.lag import LagWatch
from neasmart.sysbus.listener import Listener, PeerLimits
from neasmart.sysbus.port import Port, PortTimes
from neasmart.sysbus.station import Station

LOOK_S = 0.5
"""How often a missing device is looked for."""

_GOOD = frozenset({"connected", "waiting_for_peer", "starting", "stopped"})
_LOGGER = logging.getLogger(__name__)


class Carrier(Protocol):
    """What carries the bytes; see `Listener` and `Port`."""

    @property
    def description(self) -> str:
        """What it is, for people."""

    def signature(self) -> object:
        """Return what is there to be opened; a change to something is worth a trial at once."""

    async def serve(self, report: Report) -> NoReturn:
        """Open, report each change of who is connected, and raise LinkError when it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTuning:
    """Limits that only tests change."""

    peers: PeerLimits = field(default_factory=PeerLimits)
    port: PortTimes = field(default_factory=PortTimes)


class Link:
    """The connection to the bus that the settings ask for."""

    def __init__(
        self,
        settings: ServerSettings,
        modbus: ModbusSettings,
        gateway: Gateway,
        *,
        on_bytes: OnBytes | None = None,
        tuning: LinkTuning | None = None,
        listen_only: bool = False,
    ) -> None:
        """Prepare the link; `on_bytes` is called with all bytes of the wire, `listen_only` never sends any."""
        self._listen_only = listen_only
        self._settings = settings
        self._gateway = gateway
        self._on_bytes = on_bytes
        self._tuning = tuning or LinkTuning()
        self._breaker = CircuitBreaker(
            failure_threshold=modbus.circuit_breaker_failure_threshold,
            recovery_s=modbus.circuit_breaker_recovery_timeout,
        )
        self._backoff = Backoff()
        self._status = LinkStatus()

    async def run(self) -> NoReturn:
        """Keep the link until cancelled; then everything is closed."""
        lag = LagWatch(asyncio.get_running_loop())
        lag.start()
        try:
            await self._keep(lag)
        finally:
            lag.stop()
            self._publish("stopped", "The gateway is stopping.")

    async def _keep(self, lag: LagWatch) -> NoReturn:
        wiring = Wiring(
            gateway=self._gateway,
            station=Station(self._gateway, mute=self._listen_only),
            lag=lag,
            on_bytes=self._on_bytes,
        )
        self._gateway.ask_of_bus(wiring.doorbell.rings)
        carrier = self._carrier(wiring)
        if carrier is None:
            self._status = replace(self._status, description="Serial, without a port")
            self._publish("not_configured", "No serial port is chosen. Set server.serial_port, then restart.")
            await asyncio.Event().wait()
            raise AssertionError("an event that nobody sets")
        self._status = replace(self._status, description=carrier.description)
        while True:
            signature = carrier.signature()
            fault = await self._serve_until_fault(carrier)
            await self._pause(carrier, fault, signature)

    def _carrier(self, wiring: Wiring) -> Carrier | None:
        if self._settings.type is not ServerType.SERIAL:
            return Listener(self._settings, wiring, self._tuning.peers)
        if not self._settings.serial_port:
            return None
        return Port(self._settings, wiring, self._tuning.port)

    async def _serve_until_fault(self, carrier: Carrier) -> LinkError:
        try:
            await carrier.serve(self._report)
        except LinkError as fault:
            return fault
        except Exception as error:
            _LOGGER.exception("the link failed in an unforeseen way")
            return LinkError("device_lost", f"{carrier.description} failed unexpectedly ({error}). It is tried again.")

    async def _pause(self, carrier: Carrier, fault: LinkError, signature: object) -> None:
        """Wait until the next trial: as long as the faults in a row demand, or until a device has appeared."""
        loop = asyncio.get_running_loop()
        self._breaker.failed(loop.time())
        wait_s = self._backoff.after_working() if fault.worked else self._backoff.after_failure()
        until = loop.time() + max(wait_s, self._breaker.wait_s(loop.time()))
        self._publish(fault.code, str(fault))
        while (left_s := until - loop.time()) > 0:
            found = carrier.signature()
            if found is not None and found != signature:
                self._breaker.allow_trial(loop.time())
                break
            signature = found
            await asyncio.sleep(min(LOOK_S, left_s))
        if self._breaker.state(loop.time()) is BreakerState.HALF_OPEN:
            self._publish(self._status.code, self._status.detail)

    def _report(self, *, connected: bool, peers: tuple[str, ...]) -> None:
        self._breaker.succeeded()
        if connected:
            self._publish("connected", f"{self._status.description} is connected.", peers=peers)
        else:
            detail = f"{self._status.description} waits for the adapter to connect. Point the adapter to this address."
            self._publish("waiting_for_peer", detail)

    def _publish(self, code: str, detail: str, *, peers: tuple[str, ...] = ()) -> None:
        """Publish the status if it has changed; log it if its code has."""
        now = self._gateway.clock.monotonic()
        old = self._status
        new = replace(
            old,
            connected=code == "connected",
            code=code,
            detail=detail,
            breaker=self._breaker.state(asyncio.get_running_loop().time()),
            peers=peers,
            since=old.since if old.code == code else now,
        )
        if new == old:
            return
        self._status = new
        self._gateway.hub.publish(LINK, new)
        if old.code != code:
            _LOGGER.log(logging.INFO if code in _GOOD else logging.WARNING, "link: %s", detail)
