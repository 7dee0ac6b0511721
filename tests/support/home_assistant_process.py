"""Runs inside the environment of a real Home Assistant Core: starts it with MQTT and obeys JSON lines on stdin.

Nothing of Core is replaced; only the integrations that a user interface needs are left out.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

# Core lives in an environment of its own, where the linters of this project do not look.
from homeassistant import bootstrap, loader  # type: ignore[import-not-found]
from homeassistant.config_entries import ConfigEntry  # type: ignore[import-not-found]
from homeassistant.core import HomeAssistant  # type: ignore[import-not-found]
from homeassistant.helpers import device_registry, entity_registry  # type: ignore[import-not-found]


async def main(folder: str, broker_port: int, http_port: int) -> None:
    bootstrap.DEFAULT_INTEGRATIONS = set()
    hass = HomeAssistant(folder)
    hass.config.skip_pip = True
    loader.async_setup(hass)
    config = {
        "http": {"server_host": "127.0.0.1", "server_port": http_port},
        "homeassistant": {},
        **json.loads((Path(folder) / "more.json").read_text()),
    }
    if await bootstrap.async_from_config_dict(config, hass) is None:
        raise SystemExit("Core did not start")
    entry = ConfigEntry(
        version=1,
        minor_version=1,
        domain="mqtt",
        title="broker",
        data={"broker": "127.0.0.1", "port": broker_port, "discovery": True},
        source="user",
    )
    await hass.config_entries.async_add(entry)
    await hass.async_start()
    say({"components": sorted(hass.config.components)})
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        say(await answer(hass, json.loads(line)))
    await hass.async_stop(force=True)


async def answer(hass: Any, request: dict[str, Any]) -> dict[str, Any]:
    if request["do"] == "states":
        return {state.entity_id: {"state": state.state, **state.attributes} for state in hass.states.async_all()}
    if request["do"] == "devices":
        devices = device_registry.async_get(hass).devices
        return {
            next(iter(device.identifiers))[1]: {
                "name": device.name,
                "via": None if device.via_device_id is None else devices[device.via_device_id].name,
            }
            for device in devices.values()
        }
    if request["do"] == "now":
        return {"now": time.time()}
    if request["do"] == "entities":
        return {entry.entity_id: entry.unique_id for entry in entity_registry.async_get(hass).entities.values()}
    try:
        await hass.services.async_call(request["domain"], request["service"], request["data"], blocking=True)
    except Exception as error:  # noqa: BLE001 - whatever Core refuses is the answer
        return {"error": f"{type(error).__name__}: {error}"}
    return {}


def say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what, default=str) + "\n")
    sys.stdout.flush()


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
