"""The guide's paths: for the page alone, one choice at a time, refusals in the one shape of errors."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

import aiohttp
import pytest

from neasmart.core.gateway import Gateway
from neasmart.facts.errors import NeasmartError
from neasmart.settings.model import ApiSettings, Settings
from neasmart.web import Sights, WebServer
from tests.support.ports import free_port
from tests.web.conftest import NO_PAGE, eventually

PATH = "/api/v1/setup"
Pages = tuple[aiohttp.ClientSession, aiohttp.ClientSession]


class FakeGuide:
    """Remembers what was chosen."""

    def __init__(self) -> None:
        self.chosen: list[tuple[str, dict[str, Any]]] = []
        self.refuses: NeasmartError | None = None

    async def document(self) -> dict[str, Any]:
        return {"link": {"kind": "listen"}, "converter": {"host": None, "port": 502}}

    async def listen(self, choice: dict[str, Any]) -> dict[str, Any]:
        return await self._take("listen", choice)

    async def apply(self, choice: dict[str, Any]) -> dict[str, Any]:
        return await self._take("apply", choice)

    async def _take(self, what: str, choice: dict[str, Any]) -> dict[str, Any]:
        if self.refuses is not None:
            raise self.refuses
        self.chosen.append((what, choice))
        return await self.document()


@pytest.fixture
def guide() -> FakeGuide:
    return FakeGuide()


@pytest.fixture
async def pages(
    gateway: Gateway, guide: FakeGuide
) -> AsyncIterator[tuple[aiohttp.ClientSession, aiohttp.ClientSession]]:
    """Clients of the page's listener and of the API."""
    api = ApiSettings(port=free_port(), ingress_port=free_port(), rate_limit=0, rate_limit_writes=0)
    nothing = cast("Any", None)
    sights = Sights(recorder=nothing, last_frames=list, log_lines=list, guide=guide)
    server = WebServer(Settings(api=api), gateway, None, page=NO_PAGE, sights=sights)
    running = asyncio.create_task(server.run())
    try:
        await eventually(lambda: server.status.api and server.status.ingress)
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{api.ingress_port}") as page,
            aiohttp.ClientSession(f"http://127.0.0.1:{api.port}") as other,
        ):
            yield page, other
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_the_page_alone_is_served(pages: Pages) -> None:
    page, api = pages
    async with page.get(PATH) as answer:
        assert (answer.status, (await answer.json())["link"]) == (200, {"kind": "listen"})
    for method, path in (("GET", PATH), ("POST", f"{PATH}/listen"), ("POST", f"{PATH}/apply")):
        async with api.request(method, path, json={"listen": True}) as answer:
            assert answer.status == 404


@pytest.mark.parametrize(
    ("headers", "host"),
    [
        ({}, None),
        ({"X-Forwarded-Host": "homeassistant.local:8123"}, "homeassistant.local"),
        ({"X-Forwarded-Host": "192.168.1.7"}, "192.168.1.7"),
        ({"X-Forwarded-Host": "[fd00::7]:8123"}, "fd00::7"),
        ({"X-Forwarded-Host": "172.30.32.1"}, None),
        ({"X-Forwarded-Host": "localhost:8123"}, None),
        ({"X-Forwarded-Host": "abcdefgh.ui.nabu.casa"}, None),
        ({"X-Forwarded-Host": "house.example:8443"}, None),
        ({"X-Forwarded-Host": "[::1"}, None),
    ],
)
async def test_the_converter_is_told_the_name_under_which_the_page_was_opened(
    pages: Pages, headers: dict[str, str], host: str | None
) -> None:
    async with pages[0].get(PATH, headers=headers) as answer:
        assert (await answer.json())["converter"] == {"host": host, "port": 502}


async def test_a_choice_is_passed_on(pages: Pages, guide: FakeGuide) -> None:
    for what, choice in (
        ("listen", {"device": "/dev/ttyUSB0"}),
        ("apply", {"url": "socket://h:1"}),
        ("apply", {"language": "de"}),
        ("apply", {"open_port": True}),
        ("apply", {"restart": True}),
    ):
        async with pages[0].post(f"{PATH}/{what}", json=choice) as answer:
            assert answer.status == 200

    assert guide.chosen == [
        ("listen", {"device": "/dev/ttyUSB0"}),
        ("apply", {"url": "socket://h:1"}),
        ("apply", {"language": "de"}),
        ("apply", {"open_port": True}),
        ("apply", {"restart": True}),
    ]


@pytest.mark.parametrize(
    ("what", "choice", "code"),
    [
        ("apply", {}, "invalid_choice"),
        ("apply", {"device": "/dev/x", "url": "y"}, "invalid_choice"),
        ("apply", {"device": 5}, "invalid_device"),
        ("apply", {"device": "x" * 301}, "invalid_device"),
        ("apply", {"listen": False}, "invalid_listen"),
        ("apply", {"language": ""}, "invalid_language"),
        ("listen", {"open_port": True}, "unknown_key"),
        ("listen", {"colour": "red"}, "unknown_key"),
        ("listen", {"device": "\ud83d"}, "invalid_json"),
        ("listen", {"url": "socket://\udc00:1"}, "invalid_json"),
    ],
)
async def test_a_choice_that_is_none_is_refused(
    pages: Pages, guide: FakeGuide, what: str, choice: dict[str, Any], code: str
) -> None:
    async with pages[0].post(f"{PATH}/{what}", json=choice) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, code)
    assert guide.chosen == []


async def test_what_the_place_of_the_settings_refuses_is_told(pages: Pages, guide: FakeGuide) -> None:
    guide.refuses = NeasmartError("The Supervisor refuses: not now")

    async with pages[0].post(f"{PATH}/apply", json={"listen": True}) as answer:
        document = await answer.json()

    assert (answer.status, document["error"]) == (409, "The Supervisor refuses: not now")
