"""Keeps the connection to the bus: opens it, tells everybody how it is, and opens it again for ever.

Nothing that happens to a device, a converter or a port ends the gateway; it is said once, in words, and tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import NoReturn

from neasmart.core.gateway import Gateway
from neasmart.facts.retries import Backoff, BreakerState, CircuitBreaker
from neasmart.settings.model import ModbusSettings, ServerSettings, ServerType
from neasmart.sysbus.line.connection import OnBytes, Wiring
from neasmart.sysbus.line.link_faults import LinkError
from neasmart.sysbus.line.listener import Listener, PeerLimits
from neasmart.sysbus.line.port import Port, PortTimes
from neasmart.sysbus.line.telling import Teller
from neasmart.sysbus.slave.station import Station
from neasmart.sysbus.transport.lag import LagWatch

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 27.0
"""With the tenth that chance adds, half a minute."""
LOOK_S = 0.5
"""How often a missing device is looked for."""
FLUSH_S = 5.0
"""How often log lines that wait for their minute are looked at."""

_LOGGER = logging.getLogger(__name__)


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
        """Prepare the link; `on_bytes` is called with all bytes of the wire, `listen_only` never sends any.

        How the link is stands in the hub as LinkStatus; what can go wrong with it is told there and never raised.
        """
        self._listen_only = listen_only
        self._settings = settings
        self._gateway = gateway
        self._on_bytes = on_bytes
        self._tuning = tuning or LinkTuning()
        self._breaker = CircuitBreaker(
            failure_threshold=modbus.circuit_breaker_failure_threshold,
            recovery_s=modbus.circuit_breaker_recovery_timeout,
        )
        self._backoff = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S, spread=(1.0, 1.1))
        self._teller = Teller(gateway, self._breaker, self._backoff)

    async def run(self) -> NoReturn:
        """Keep the link until cancelled; then everything is closed."""
        self._teller.begins()
        lag = LagWatch(asyncio.get_running_loop())
        lag.start()
        flushing = asyncio.create_task(self._flush())
        try:
            await self._keep(lag)
        finally:
            lag.stop()
            flushing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await flushing
            # The gateway may go on, with another link.
            self._teller.publish("stopped", "The connection to the bus is closed.")

    async def _keep(self, lag: LagWatch) -> NoReturn:
        wiring = Wiring(
            gateway=self._gateway,
            station=Station(self._gateway, mute=self._listen_only),
            lag=lag,
            on_bytes=self._on_bytes,
        )
        self._gateway.bus.ask_of_bus(wiring.doorbell.rings)
        line = self._line(wiring)
        if line is None:
            self._teller.describe("Serial, without a port")
            self._teller.publish(
                "not_configured", "No serial port is chosen. Choose one on the page, or set server.serial_port."
            )
            await asyncio.Event().wait()
            raise AssertionError("an event that nobody sets")
        self._teller.describe(line.description)
        while True:
            signature = line.signature()
            fault = await self._serve_until_fault(line)
            await self._pause(line, fault, signature)

    def _line(self, wiring: Wiring) -> Listener | Port | None:
        settings = self._settings
        if settings.listens:
            return Listener(settings, wiring, self._tuning.peers)
        if not settings.serial_port:
            return None
        if settings.type in (ServerType.TCP, ServerType.RTU_TCP):
            _LOGGER.warning(
                "server.type is %s, but %s is set and is the link; nobody can connect to port %d",
                settings.type.value,
                settings.serial_port,
                settings.port,
            )
        return Port(settings, wiring, self._tuning.port)

    async def _serve_until_fault(self, line: Listener | Port) -> LinkError:
        self._teller.trying()
        try:
            await line.serve(self._teller)
        except LinkError as fault:
            return fault
        except Exception as error:
            _LOGGER.exception("The link failed in an unforeseen way")
            return LinkError("device_lost", f"{line.description} failed unexpectedly ({error}). It is tried again.")

    async def _pause(self, line: Listener | Port, fault: LinkError, signature: object) -> None:
        """Wait until the next trial: as long as the faults in a row demand, or until a device has appeared."""
        loop = asyncio.get_running_loop()
        self._breaker.failed(loop.time())
        until = loop.time() + max(self._backoff.wait_s(), self._breaker.wait_s(loop.time()))
        self._teller.publish(fault.code, str(fault), said=fault.said)
        while (left_s := until - loop.time()) > 0:
            found = line.signature()
            if found is not None and found != signature:
                self._breaker.allow_trial(loop.time())
                break
            signature = found
            await asyncio.sleep(min(LOOK_S, left_s))
        if self._breaker.state(loop.time()) is BreakerState.HALF_OPEN:
            self._teller.publish(fault.code, str(fault), said=fault.said)

    async def _flush(self) -> NoReturn:
        while True:
            await asyncio.sleep(FLUSH_S)
            self._teller.flush()
