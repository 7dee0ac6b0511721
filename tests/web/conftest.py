"""A web server on free ports in front of a gateway that the test plays the base to."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from neasmart.core.gateway import Gateway
from neasmart.settings.model import ApiSettings, Settings
from neasmart.web import Sights, WebServer
from neasmart.web.api.history import HistoryStore
from tests.support.gateways import FakeClock, fill_house, make_gateway
from tests.support.ports import free_port

NO_PAGE = Path(__file__).with_name("no-page")
"""A folder that does not exist: most tests need no page, and reading it takes time."""


@dataclass
class Served:
    """A running server with its gateway, and a client to each listener."""

    gateway: Gateway
    clock: FakeClock
    server: WebServer
    api: aiohttp.ClientSession
    ingress: aiohttp.ClientSession
    api_port: int
    ingress_port: int

    async def get(self, path: str, **kwargs: Any) -> tuple[int, Any]:
        async with self.api.get(path, **kwargs) as response:
            return response.status, await response.json()

    async def post(self, path: str, json: object, **kwargs: Any) -> tuple[int, Any]:
        async with self.api.post(path, json=json, **kwargs) as response:
            body = await response.read()
            return response.status, await response.json() if body else None

    async def status(self, method: str, path: str, **kwargs: Any) -> int:
        async with self.api.request(method, path, **kwargs) as response:
            await response.read()
            return response.status

    async def put(self, path: str, json: object, **kwargs: Any) -> tuple[int, Any]:
        async with self.api.put(path, json=json, **kwargs) as response:
            return response.status, await response.json()


async def eventually(condition: Callable[[], bool], *, within_s: float = 30.0) -> None:
    """Wait until a condition holds; fail at the deadline."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is waited for sends no event
            await asyncio.sleep(0.01)


Start = Callable[..., Awaitable[Served]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Return a function that starts a server in front of a gateway and a store."""
    async with contextlib.AsyncExitStack() as stack:

        async def started(  # noqa: PLR0913 - each is what servers of tests differ in
            gateway: Gateway,
            clock: FakeClock,
            store: object = None,
            *,
            host: str = "127.0.0.1",
            page: Path = NO_PAGE,
            history: HistoryStore | None = None,
            sights: Sights | None = None,
            **api_settings: Any,
        ) -> Served:
            api_port, ingress_port = free_port(), free_port()
            # Tests ask more often than any client; those of the rates set their own.
            chosen = {"rate_limit": 0, "rate_limit_writes": 0, **api_settings}
            ports = ApiSettings(host=host, port=api_port, ingress_host=host, ingress_port=ingress_port, **chosen)
            settings = Settings(api=ports)
            server = WebServer(
                settings,
                gateway,
                store,  # type: ignore[arg-type] # some stores are broken
                history=history,
                page=page,
                sights=sights,
            )
            running = asyncio.create_task(server.run())
            stack.push_async_callback(_stop, running)
            await eventually(lambda: (server.status.api and server.status.ingress) or running.done())
            api, ingress = [
                await stack.enter_async_context(
                    aiohttp.ClientSession(f"http://{host}:{port}", connector=aiohttp.TCPConnector(limit=0))
                )
                for port in (api_port, ingress_port)
            ]
            return Served(
                gateway=gateway,
                clock=clock,
                server=server,
                api=api,
                ingress=ingress,
                api_port=api_port,
                ingress_port=ingress_port,
            )

        yield started


async def _stop(running: asyncio.Task[None]) -> None:
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def gateway(clock: FakeClock) -> Gateway:
    """Return a connected gateway that knows three zones."""
    gateway = make_gateway(clock, names={(1, 1): "Living room"})
    fill_house(gateway)
    return gateway


@pytest.fixture
async def served(start: Start, gateway: Gateway, clock: FakeClock) -> Served:
    return await start(gateway, clock)


@pytest.fixture
async def told(served: Served) -> dict[str, list[dict[str, str]]]:
    """The labels of every series of a gateway that has been used."""
    served.gateway.bus.counters.polls_by_unit[240] = 1
    served.gateway.bus.reply_latencies.observe(240, 0.001)
    await served.post("/api/v1/mode", {"mode": 2})
    async with served.api.get("/metrics", headers={"Host": "evil.example"}) as refused:
        assert refused.status == 403
    async with served.api.get("/metrics") as answer:
        text = await answer.text()
    found = defaultdict(list)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name].append(sample.labels)
    return found
