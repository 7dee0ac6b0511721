"""Measures how soon Home Assistant shows what one tap for the whole house does, by what reaches the broker."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.figures import Figure
from tests.support.mosquitto import Mosquitto, Watcher, watching
from tests.support.panel import simulated_base
from tests.support.processes import gateway_process

ROOT = "neasmart/neasmart"
ROOMS = 60
WALK_S = 30
WITHIN_S = 60.0
LIMIT_S = 1.5
_FIRST, _SECOND = "eco", "comfort"


def measure(rounds: int) -> Iterator[Figure]:
    """Change the state of the whole house to and fro, each time until the last of sixty rooms has told it."""
    with tempfile.TemporaryDirectory() as folder:
        broker = Mosquitto(Path(folder))
        broker.start()
        try:
            with (
                gateway_process(
                    Path(folder), NEASMART_MQTT_HOST="127.0.0.1", NEASMART_MQTT_PORT=str(broker.port)
                ) as gateway,
                simulated_base(gateway.bus_port, "--cycle", str(WALK_S), house="full"),
            ):
                taps = asyncio.run(_tapped(broker.port, rounds))
        finally:
            broker.kill()
    yield Figure(what="one tap for the house to the last of 60 cards", unit="s", samples=taps, limit=LIMIT_S)


async def _tapped(port: int, rounds: int) -> tuple[float, ...]:
    async with watching(port, f"{ROOT}/#") as watcher:
        await watcher.until(lambda seen: len(_presets(seen)) == ROOMS, within_s=2 * WALK_S + WITHIN_S)
        taps = []
        for number in range(rounds):
            wanted = (_FIRST, _SECOND)[number % 2]
            began = time.monotonic()
            await watcher.send(f"{ROOT}/global/preset/set", wanted)
            await watcher.until(partial(_all_show, wanted), within_s=WITHIN_S)
            taps.append(time.monotonic() - began)
        return tuple(taps)


def _all_show(wanted: str, watcher: Watcher) -> bool:
    return _presets(watcher) == [wanted] * ROOMS


def _presets(watcher: Watcher) -> list[str]:
    """Return what every room shows."""
    return [
        watcher.json(topic)["preset"]
        for topic in watcher.retained
        if topic.startswith(f"{ROOT}/zone/") and topic.endswith("/climate")
    ]
