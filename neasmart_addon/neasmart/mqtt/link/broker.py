"""Finds the broker: the one from the settings, else the one that Home Assistant's Supervisor knows.

The Supervisor is asked at each connect, because Mosquitto may be installed later and its password may change. It
answers 400 while there is no broker, which is a normal state and no fault.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from neasmart.facts.errors import NeasmartError
from neasmart.facts.network import LAST_PORT, joined
from neasmart.settings.model import MqttSettings
from neasmart.supervisor import Supervisor, SupervisorError

if TYPE_CHECKING:
    import ssl

_NO_BROKER = 400
_PORT = re.compile(r"[0-9]{1,5}")


class BrokerError(NeasmartError):
    """The broker cannot be used now; the message is one sentence for the user and holds no secret."""

    code = "no_broker"


class NoBrokerError(BrokerError):
    """Home Assistant has no broker, which is a normal state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where the broker is and how we sign in; never shown or logged as a whole."""

    host: str
    port: int
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    tls: bool = False
    ca_file: str = ""

    @property
    def place(self) -> str:
        """Host and port, for people."""
        return joined(self.host, self.port)


async def find_broker(settings: MqttSettings, supervisor: Supervisor | None) -> Broker:
    """Return the broker to use now; raise BrokerError while there is none."""
    if settings.host:
        return Broker(
            host=settings.host.strip(),
            port=settings.port,
            username=settings.username,
            password=settings.password,
            tls=settings.tls,
            ca_file=settings.ca_file,
        )
    if supervisor is None:
        raise BrokerError("MQTT is not configured.")
    try:
        service = await supervisor.broker()
    except SupervisorError as error:
        if error.status == _NO_BROKER:
            message = "Home Assistant has no MQTT broker yet. Install the Mosquitto broker app (add-on) and start it."
            raise NoBrokerError(message) from error
        raise BrokerError(f"The MQTT broker is not known. {error}") from error
    return named(service, ca_file=settings.ca_file)


def named(service: Mapping[str, Any], *, ca_file: str) -> Broker:
    """Return the broker that the Supervisor names; raise BrokerError if it names none."""
    host, port = service.get("host"), service.get("port")
    if isinstance(port, str) and _PORT.fullmatch(port):
        port = int(port)
    if not isinstance(host, str) or not host or type(port) is not int or not 0 < port <= LAST_PORT:
        raise BrokerError("The Supervisor's answer names no MQTT broker.")
    return Broker(
        host=host,
        port=port,
        username=str(service.get("username") or ""),
        password=str(service.get("password") or ""),
        tls=service.get("ssl") is True,
        ca_file=ca_file,
    )


async def tls_context(broker: Broker) -> ssl.SSLContext:
    """Return the context that checks the broker's certificate; raise BrokerError if the CA file is unusable."""
    try:
        # Reading the system's certificates takes tens of milliseconds, too long for the loop that answers the base.
        return await asyncio.to_thread(_context, broker.ca_file)
    except (OSError, ValueError) as error:
        raise BrokerError(f"The CA file {broker.ca_file} cannot be used: {error}") from error


def _context(ca_file: str) -> ssl.SSLContext:
    import ssl  # noqa: PLC0415 - 5 MB, see `late_tls`

    context = ssl.create_default_context(cafile=ca_file or None)
    # Since Python 3.13 a CA without the extensions of RFC 5280 is refused, and that is what people make at home.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
