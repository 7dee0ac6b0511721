"""Which ports are open is learned from the Supervisor, and warnings are about those alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from neasmart.core.gateway import PORTS, Gateway
from neasmart.facts.status import PortsStatus
from neasmart.settings.model import ApiSettings
from neasmart.supervisor import Supervisor
from neasmart.web.guard.gate import ApiGate
from neasmart.web.http.web_counters import WebCounters
from neasmart.wiring.open_ports import OpenPorts, told
from tests.support.gateways import FakeClock, make_gateway
from tests.support.mosquitto import eventually

OPEN = ApiSettings(host="0.0.0.0")
LOCKED = msgspec.structs.replace(OPEN, enable_auth=True, key="k" * 20)


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ({"502/tcp": None, "5001/tcp": 5001}, {502: None, 5001: 5001}),
        ({"502/tcp": 1502}, {502: 1502}),
        ({"502/udp": 1, "x": 1, "502/tcp": "1", "5001/tcp": True, "123456/tcp": 1, "1/tcp": 70000}, {}),
        (None, {}),
        ([], {}),
    ],
)
def test_numbers_are_taken_from_what_the_supervisor_says(network: object, expected: dict[int, int | None]) -> None:
    assert told({"network": network}) == expected


@asynccontextmanager
async def supervisor(network: Mapping[str, Any], *, away: int = 0) -> AsyncIterator[Supervisor]:
    """Serve a Supervisor that answers only after it has been asked some times."""
    asked = 0

    async def info(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        if asked <= away:
            return web.Response(status=502)
        return web.json_response({"result": "ok", "data": {"network": network}})

    app = web.Application()
    app.router.add_get("/addons/self/info", info)
    async with TestServer(app) as server:
        yield Supervisor("token", url=str(server.make_url("/")).rstrip("/"))


async def known(gateway: Gateway, asked: Supervisor | None) -> PortsStatus:
    running = asyncio.create_task(OpenPorts(gateway, asked, retry_s=0.01).run())
    try:
        return await eventually(lambda: gateway.hub.state(PORTS, PortsStatus))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_supervisor_that_is_away_is_asked_again() -> None:
    async with supervisor({"5001/tcp": 5002, "502/tcp": None}, away=2) as asked:
        status = await known(make_gateway(FakeClock()), asked)

    assert (status.reached(5001), status.reached(502)) == (5002, None)


async def test_outside_of_home_assistant_every_port_is_as_open_as_it_is() -> None:
    status = await known(make_gateway(FakeClock()), None)

    assert status.reached(5001) == 5001


@pytest.mark.parametrize(
    ("api", "ports", "warned"),
    [
        (OPEN, PortsStatus(), "port 5001"),
        (OPEN, PortsStatus(numbers={5001: 15001}), "port 15001"),
        (OPEN, PortsStatus(numbers={5001: None}), ""),
        (OPEN, None, ""),
        (ApiSettings(host="127.0.0.1"), PortsStatus(), ""),
        (ApiSettings(host="0.0.0.0", enabled=False), PortsStatus(), ""),
        (LOCKED, PortsStatus(), ""),
    ],
)
def test_the_api_warns_only_where_its_port_is_open(
    api: ApiSettings, ports: PortsStatus | None, warned: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        ApiGate(api, WebCounters(), frozenset(), lambda: ports)

    assert warned in caplog.text
    assert bool(caplog.records) == bool(warned)
    assert "0.0.0.0" not in caplog.text


def test_a_port_that_is_known_later_is_warned_of_then(caplog: pytest.LogCaptureFixture) -> None:
    ports: list[PortsStatus | None] = [None]
    gate = ApiGate(OPEN, WebCounters(), frozenset(), lambda: ports[0])
    assert not caplog.records

    ports[0] = PortsStatus()
    gate.warn_if_open()
    gate.apply(LOCKED)

    assert caplog.text.count("Everybody who reaches port 5001") == 1
    assert len(caplog.records) == 1
