"""Writes what the API publishes to a folder, so that `diff -r` shows what a change has made of it.

Run it as ``.venv/bin/python -m tests.web.published FOLDER`` before and after.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import aiohttp

from neasmart.core.recall import Question, Series
from neasmart.facts.codecs import encode_dpt9
from neasmart.settings.model import ApiSettings, Settings
from neasmart.web import WebServer
from neasmart.web.server import Role
from tests.support.gateways import FakeClock, fill_house, make_gateway
from tests.support.ports import free_port

_NAMES = {
    "base_id": ("1", "2", "6"),
    "zone_id": ("1", "3", "12", "13"),
    "group_id": ("1", "2", "4"),
    "dehumidifier_id": ("1", "2", "9", "0"),
    "pump_id": ("1", "5", "6"),
    "point_id": ("zone.1.1.setpoint", "pump.1.running", "zone.9.9.setpoint"),
    "command_id": ("none",),
    "name": ("none",),
}
_BODIES: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/api/v1/zones/1/1", {"state": 2, "setpoint": 20.5}),
    ("POST", "/api/v1/zones/1/1", {}),
    ("POST", "/api/v1/zones/1/1", {"setpoint": 99}),
    ("POST", "/api/v1/mode", {"mode": 3}),
    ("POST", "/api/v1/mode", {}),
    ("POST", "/api/v1/state", {"state": 9}),
    ("POST", "/api/v1/state", {"state": 2}),
    ("PUT", "/api/v1/points/zone.1.2.setpoint", {"value": 21}),
    ("PUT", "/api/v1/points/zone.1.2.temperature", {"value": 21}),
    ("POST", "/zones/1/2", {"setpoint": 20}),
    ("POST", "/zones/1/2", {}),
    ("POST", "/mode", {}),
    ("POST", "/mode", {"mode": 2}),
    ("POST", "/state", {"state": 1}),
    ("POST", "/state", {"state": 0}),
    ("POST", "/api/v1/sync", None),
)
_CHANGING = re.compile(rb'"(id|request_id|uptime)":("[^"]*"|\d+)|"commands":\["[0-9a-z-]+"(,"[0-9a-z-]+")*\]')


class _Past:
    async def history(self, question: Question) -> Series:
        begin_s = question.begin_s
        return {each: [(begin_s, encode_dpt9(20.0)), (begin_s + 60, None)] for each in question.addresses}


async def publish(folder: Path) -> None:
    """Ask everything that can be asked, and keep each body, and its status where that is not the usual one."""
    clock = FakeClock()
    gateway = make_gateway(clock, names={(1, 1): "Living room"})
    fill_house(gateway)
    port, ingress = free_port(), free_port()
    settings = Settings(
        api=ApiSettings(port=port, ingress_port=ingress, ingress_host="127.0.0.1", rate_limit=0, rate_limit_writes=0)
    )
    server = WebServer(settings, gateway, None, history=_Past(), page=folder / "no-page")
    running = asyncio.create_task(server.run())
    while not (server.status.api and server.status.ingress):  # noqa: ASYNC110 - what is waited for sends no event
        await asyncio.sleep(0.01)
    for role, at in ((Role.API, port), (Role.INGRESS, ingress)):
        async with aiohttp.ClientSession(f"http://127.0.0.1:{at}") as client:
            asked = [
                ("GET", path, None)
                for route in server.routes(role)
                if route.method == "GET"
                for path in _paths(route.path)
            ]
            for number, (method, path, body) in enumerate([*asked, *_BODIES, *asked]):
                if path.endswith(("/live", "/metrics", "swagger-ui-bundle.js")):
                    continue
                async with client.request(method, path, json=body) as answer:
                    text = _CHANGING.sub(rb"\1", await answer.read()).replace(b",", b",\n")
                    name = f"{role.value}-{number:03}-{method}{path.replace('/', '_').replace('?', '_')[:80]}"
                    (folder / name).write_bytes(f"{answer.status} {answer.content_type}\n".encode() + text + b"\n")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _paths(path: str) -> list[str]:
    name = re.search(r"\{(\w+)\}", path)
    if name is None:
        return [f"{path}?points=zone.1.1.temperature,zone.1.1.state" if path.endswith("/history") else path]
    return [found for each in _NAMES.get(name[1], ("1",)) for found in _paths(path.replace(name[0], each))]


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True)
    asyncio.run(publish(target))
