"""Runs the MQTT of many houses on one broker and tells where it bends: ``make fleet``; never part of the tests.

Every house has 60 rooms and a bridge of its own with its own node id. Once in 30 s a base walks through it: a fifth of
the temperatures move by 0.1 degC and a room's setpoint changes. Houses share processes, because a machine with two
processors cannot hold a hundred interpreters; the bridges, their connections and their messages are the real ones.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiomqtt

from bench.whole_process import processor_s, resident_mb
from neasmart.core.gateway import Gateway
from neasmart.facts.clock import Clock
from neasmart.mqtt import MqttBridge
from neasmart.settings.model import MqttSettings
from tests.support.gateways import FakeClock, base_reports, make_gateway
from tests.support.mosquitto import Mosquitto

RESULTS = Path(__file__).parent / "fleet.json"
WALK_S = 30.0
PER_PROCESS = 50
SETTLE_S = WALK_S + 2.0
"""By then every house walks, and the broker has counted what announced them."""
MEASURED_S = 40.0
COMPLETE_WITHIN_S = 120.0
SYS = "$SYS/broker/"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description="Many houses on one broker.")
    parser.add_argument("--houses", type=int, action="append", help="how many; may be given several times")
    parser.add_argument("--serve", nargs=3, type=int, metavar=("PORT", "FIRST", "COUNT"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        asyncio.run(_houses(*chosen.serve))
        return 0
    rows = []
    for houses in chosen.houses or [25, 100, 400, 1000]:
        rows.append(asyncio.run(_measured(houses)))
        print(json.dumps(rows[-1]), flush=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


async def _houses(port: int, first: int, count: int) -> None:
    """Run some houses until the process is ended."""
    gateways = []
    async with asyncio.TaskGroup() as group:
        for number in range(first, first + count):
            gateway = make_gateway(FakeClock())
            gateway.clock = Clock()
            for base_id, zone_id in gateway.plant.all_zones:
                for key, value in {"state": 1, "setpoint": 21.0, "temperature": 20.5, "humidity": 40}.items():
                    base_reports(gateway, f"zone.{base_id}.{zone_id}.{key}", value)
                base_reports(gateway, f"zone.{base_id}.{zone_id}.temperature", 20.5)
            gateways.append(gateway)
            settings = MqttSettings(host="127.0.0.1", port=port, node_id=f"house{number}")
            group.create_task(MqttBridge(settings, gateway).run())
            group.create_task(_walk(gateway, random.Random(number)))


async def _walk(gateway: Gateway, chance: random.Random) -> None:
    rooms = gateway.plant.all_zones
    await asyncio.sleep(chance.uniform(0, WALK_S))
    while True:
        for base_id, zone_id in rooms:
            room = f"zone.{base_id}.{zone_id}"
            if chance.random() < 1 / 5:
                base_reports(gateway, f"{room}.temperature", 20 + chance.randint(0, 20) / 10)
            if chance.random() < 1 / len(rooms):
                base_reports(gateway, f"{room}.setpoint", 18 + chance.randint(0, 10) / 2)
            gateway.tick(gateway.clock.monotonic())
            await asyncio.sleep(WALK_S / len(rooms))


async def _measured(houses: int) -> dict[str, Any]:
    """Return what so many houses cost the broker and how long they need to be there, also after it was killed."""
    with tempfile.TemporaryDirectory() as name:
        broker = Mosquitto(Path(name), extra="sys_interval 1\nmax_connections -1\n")
        broker.start()
        began = time.monotonic()
        parts = _parts(broker.port, houses)
        try:
            first_s = await _until_complete(broker, houses, began)
            announcing_s, preparing_s = processor_s(broker.pid), sum(processor_s(each.pid) for each in parts)
            await asyncio.sleep(SETTLE_S)
            used, at = processor_s(broker.pid), time.monotonic()
            theirs = sum(processor_s(each.pid) for each in parts)
            before = await _system(broker.port)
            await asyncio.sleep(MEASURED_S)
            after = await _system(broker.port)
            span_s = time.monotonic() - at
            found = {
                "houses": houses,
                "all_announced_s": first_s,
                "broker_processor_s_to_announce": round(announcing_s, 2),
                "houses_processor_s_to_announce": round(preparing_s, 1),
                "messages_per_s": round((after["messages/received"] - before["messages/received"]) / span_s, 1),
                "kB_per_s": round((after["bytes/received"] - before["bytes/received"]) / span_s / 1000, 1),
                "broker_processor_percent": round(100 * (processor_s(broker.pid) - used) / span_s, 1),
                "broker_resident_mb": round(resident_mb(broker.pid), 1),
                "retained": after["retained messages/count"],
                "houses_processor_percent": round(100 * (sum(processor_s(p.pid) for p in parts) - theirs) / span_s, 1),
                "delay_ms": await _delay_ms(broker.port),
            }
            broker.kill()
            broker.start()
            return found | {"all_back_after_restart_s": await _until_complete(broker, houses, time.monotonic())}
        finally:
            for each in parts:
                each.kill()
                each.wait()
            broker.kill()


def _parts(port: int, houses: int) -> list[subprocess.Popen[bytes]]:
    """Start the processes that hold the houses."""
    command = [sys.executable, "-m", "bench.fleet", "--serve", str(port)]
    return [
        subprocess.Popen([*command, str(first), str(min(PER_PROCESS, houses - first))], stderr=subprocess.DEVNULL)
        for first in range(0, houses, PER_PROCESS)
    ]


async def _until_complete(broker: Mosquitto, houses: int, began: float) -> float | None:
    """Return the seconds until every house says that it is online, None if it takes too long."""
    online: set[str] = set()
    try:
        async with asyncio.timeout(COMPLETE_WITHIN_S), aiomqtt.Client("127.0.0.1", broker.port) as client:
            await client.subscribe("neasmart/+/status", qos=1)
            async for message in client.messages:
                if message.payload == b"online":
                    online.add(str(message.topic))
                if len(online) >= houses:
                    return round(time.monotonic() - began, 1)
    except TimeoutError:
        return None
    return None


async def _system(port: int) -> dict[str, float]:
    """Return what the broker counts."""
    wanted = {"messages/received", "bytes/received", "retained messages/count"}
    found: dict[str, float] = {}
    async with asyncio.timeout(10), aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe(SYS + "#")
        async for message in client.messages:
            name = str(message.topic).removeprefix(SYS)
            if name in wanted and isinstance(message.payload, bytes):
                found[name] = float(message.payload)
            if found.keys() == wanted:
                break
    return found


async def _delay_ms(port: int) -> dict[str, float]:
    """Return how long a message takes through the loaded broker and back."""
    times = []
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("probe")
        messages = client.messages
        for number in range(200):
            began = time.perf_counter()
            await client.publish("probe", str(number))
            await anext(aiter(messages))
            times.append(1000 * (time.perf_counter() - began))
            await asyncio.sleep(0.01)
    times.sort()
    return {"p50": round(times[100], 2), "p99": round(times[198], 2)}


if __name__ == "__main__":
    sys.exit(main())
