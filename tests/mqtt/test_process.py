"""The whole program with a broker: it announces itself, and a stop is clean and says so."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.support.mosquitto import Mosquitto, watching
from tests.support.processes import gateway_process


async def test_the_program_goes_online_and_says_offline_when_it_is_stopped(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    environment = {
        "NEASMART_MQTT_HOST": "127.0.0.1",
        "NEASMART_MQTT_PORT": str(mosquitto.port),
        "NEASMART_MQTT_NODE_ID": "cabin",
        "NEASMART_MQTT_PASSWORD": "not-to-be-logged",
        "NEASMART_LOG_LEVEL": "debug",
    }

    def run_until(stopped: asyncio.Event, loop: asyncio.AbstractEventLoop) -> tuple[int, float, str]:
        with gateway_process(tmp_path, **environment) as gateway:
            asyncio.run_coroutine_threadsafe(stopped.wait(), loop).result(90)
            started = time.monotonic()
            return gateway.stop(), time.monotonic() - started, gateway.log

    async with watching(mosquitto.port) as watcher:
        stop = asyncio.Event()
        running = asyncio.create_task(asyncio.to_thread(run_until, stop, asyncio.get_running_loop()))
        await watcher.sees("neasmart/cabin/status", "online", within_s=60)
        assert watcher.retained["neasmart/cabin/bus"] == "offline"
        assert watcher.json("homeassistant/device/cabin_base/config")["device"]["identifiers"] == ["cabin_base"]

        stop.set()
        code, took_s, log = await running

        assert code == 0
        assert took_s < 10.0, "the Supervisor would have killed it"
        await watcher.sees("neasmart/cabin/status", "offline")
        assert log.count("MQTT: Connected to") == 1
        assert "not-to-be-logged" not in log
