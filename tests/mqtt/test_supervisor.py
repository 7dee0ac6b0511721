"""What the Supervisor tells about our page becomes an address that this Home Assistant knows, or none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from neasmart.core.gateway import Gateway
from neasmart.supervisor import Supervisor
from neasmart.supervisor.client import page_of
from tests.mqtt.conftest import bridged
from tests.mqtt.test_broker_session import ROOT, settings_for
from tests.support.mosquitto import Mosquitto, watching

TOKEN = "a-token"


@pytest.mark.parametrize(
    ("version", "place"),
    [("2026.11.0", "app"), ("2026.1.0b3", "app"), ("2025.12.4", "hassio/ingress"), ("2024.11.0", "hassio/ingress")],
)
def test_the_address_follows_the_version_of_home_assistant(version: str, place: str) -> None:
    assert page_of({"slug": "a0d7_neasmart_addon"}, {"homeassistant": version}) == (
        f"homeassistant://{place}/a0d7_neasmart_addon"
    )


@pytest.mark.parametrize("system", [{}, {"homeassistant": None}, {"homeassistant": "landingpage"}])
def test_a_version_that_is_not_told_is_taken_for_a_present_one(system: dict[str, Any]) -> None:
    assert page_of({"slug": "x_neasmart"}, system) == "homeassistant://app/x_neasmart"


@pytest.mark.parametrize("own", [{}, {"slug": 5}, {"slug": "../x"}, {"slug": "a" * 65}])
def test_without_a_sensible_slug_there_is_no_address(own: dict[str, Any]) -> None:
    assert page_of(own, {"homeassistant": "2026.11.0"}) is None


@pytest.fixture
async def supervisor_url() -> AsyncIterator[str]:
    answers: dict[str, dict[str, Any]] = {
        "/addons/self/info": {"slug": "a0d7_neasmart_addon", "network": {"502/tcp": None}},
        "/info": {"homeassistant": "2026.11.0", "supervisor": "2026.10.2"},
    }

    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        return web.json_response({"result": "ok", "data": answers[request.path]})

    app = web.Application()
    for path in answers:
        app.router.add_get(path, answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")


async def test_devices_lead_to_our_page(mosquitto: Mosquitto, gateway: Gateway, supervisor_url: str) -> None:
    supervisor = Supervisor(TOKEN, url=supervisor_url)
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto), supervisor=supervisor):
        await watcher.sees(f"{ROOT}/status", "online")

        for device in ("base", "zone_1_1"):
            config = watcher.json(f"homeassistant/device/neasmart_{device}/config")
            assert config["device"]["configuration_url"] == "homeassistant://app/a0d7_neasmart_addon"


async def test_while_the_supervisor_is_away_there_is_no_page_to_lead_to() -> None:
    assert await Supervisor(TOKEN, url="http://127.0.0.1:9").page() is None
