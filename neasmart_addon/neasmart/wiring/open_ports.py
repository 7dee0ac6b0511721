"""Learns which of our ports Home Assistant has opened to the network; outside of it all are as open as they are."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from neasmart.core.gateway import PORTS, Gateway
from neasmart.facts.network import LAST_PORT
from neasmart.facts.status import PortsStatus
from neasmart.supervisor.client import Supervisor, SupervisorError

RETRY_S = 30.0
_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"(\d{1,5})/tcp")


class OpenPorts:
    """Asks once; what Home Assistant opens changes only with a restart of the app."""

    def __init__(self, gateway: Gateway, supervisor: Supervisor | None, *, retry_s: float = RETRY_S) -> None:
        """Ask nothing yet; without a Supervisor nobody stands between our ports and the network."""
        self._gateway = gateway
        self._supervisor = supervisor
        self._retry_s = retry_s

    async def run(self) -> NoReturn:
        """Publish what is known, and ask again while the Supervisor is away."""
        status = PortsStatus()
        while self._supervisor is not None:
            try:
                status = PortsStatus(numbers=told(await self._supervisor.info()))
                break
            except SupervisorError as error:
                _LOG.debug("The open ports are not known yet: %s", error)
                await asyncio.sleep(self._retry_s)
        self._gateway.hub.publish(PORTS, status)
        while True:
            await asyncio.Event().wait()


def told(info: Mapping[str, Any]) -> dict[int, int | None]:
    """Return the numbers of an answer about the app, by our own; what is no port is left out."""
    network = info.get("network")
    found: dict[int, int | None] = {}
    for name, number in network.items() if isinstance(network, dict) else ():
        match = _NAME.fullmatch(str(name))
        if match is not None and (number is None or (type(number) is int and 0 < number <= LAST_PORT)):
            found[int(match[1])] = number
    return found
