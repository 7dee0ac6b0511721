"""Runs everything together for hours and gives a verdict: ``make soak HOURS=2``.

Three gateways, each with a simulated base that makes all its noise, falls silent for 12, 60 and once 600 s and judges
every word: on a pty pair, with ten pages that listen and a broker; on a TCP port behind a converter that flaps and
sends heartbeats, beside strangers; and dialling a converter that says a word or hangs up, under a Supervisor that
refuses. Their processes are stopped for 1 to 8 s now and then. Hostile HTTP, hostile imports, a second gateway on the
first one's folder and device, and settings that slip come from time to time.

A poll counts as lost unless the process stood still while it waited, which the base knows because it stops the process
itself, or the converter caught it by a cut. Exit code 1 unless the verdict is good.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import noise, troubles
from bench.converter import Converter
from bench.troubles import Trouble, asked
from bench.turnaround import pages
from bench.whole_process import processor_s, resident_mb
from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port
from tests.support.processes import PACKAGE_ROOT, GatewayProcess, eventually, gateway_process

SAMPLE_S = 10.0
COMMAND_S = 5.0
FREEZE_EVERY_S = 150
SILENCE_EVERY_S = 400.0
LONGEST_SILENCE_S = 600.0
DEMO_ROOMS = 11
GROWTH_MB = 2.0
"""Resident memory may grow by this from the second quarter to the last."""
MEMORY_MB = 96.0
"""As much as a gateway is promised to need with all of it."""
COUNTERS = ("replies_late", "replies_moved_on", "requests_stale")


@dataclass(slots=True, kw_only=True)
class House:
    """One gateway with its base, and what was sampled of it."""

    name: str
    rooms: int
    gateway: GatewayProcess
    base: subprocess.Popen[bytes]
    report: Path
    converter: Converter | None = None
    samples: list[dict[str, Any]] = field(default_factory=list)

    def running(self) -> None:
        """Raise RuntimeError if one of its processes has ended."""
        assert self.gateway.process is not None
        if self.gateway.process.poll() is not None or self.base.poll() is not None:
            raise RuntimeError(f"a process of {self.name} ended by itself\n{self.gateway.log}")

    def known(self) -> bool:
        """Return whether the gateway has heard of every room."""
        return len(asked(self.gateway, "/api/v1/zones")["zones"]) == self.rooms

    def sample(self, at_s: float) -> None:
        """Note what it uses now."""
        assert self.gateway.process is not None
        pid = self.gateway.process.pid
        self.samples.append(
            {
                "at_s": round(at_s, 1),
                "resident_mb": resident_mb(pid),
                "descriptors": self.gateway.descriptors,
                "processor_s": processor_s(pid),
                "status": asked(self.gateway, "/api/v1/health")["status"],
            }
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="Run everything for hours.")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--report", type=Path, help="write all figures here")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        found = soak(Path(name), chosen.hours * 3600)
    if chosen.report:
        chosen.report.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    for house in found["houses"].values():
        del house["samples"]
    print(json.dumps(found, indent=2))
    print("good" if not found["faults"] else "NOT GOOD: " + "; ".join(found["faults"]))
    return int(bool(found["faults"]))


def soak(folder: Path, seconds: float) -> dict[str, Any]:
    """Run for so long; return figures and what is wrong with them."""
    broker = Mosquitto(folder)
    broker.start()
    with ExitStack() as stack:
        stack.callback(broker.kill)
        houses = [
            stack.enter_context(_on_a_device(folder / "device", broker, seconds)),
            stack.enter_context(_on_a_port(folder / "port", seconds)),
            stack.enter_context(_dialling(folder / "dialling", seconds)),
        ]
        for each in houses:
            eventually(each.known, within_s=120)
        listening = stack.enter_context(pages(houses[0].gateway, 10))
        happening = _troubles(houses, broker)
        for trouble in happening:
            trouble.start()
        _watch(houses, seconds)
        for trouble in happening:
            trouble.stop()
        faults = [f"{trouble.name}: {wrong}" for trouble in happening for wrong in trouble.wrong]
        if listening.poll() is not None:
            faults.append("the pages were cut off")
        found = {each.name: _ended(each) for each in houses}
    faults += [f"{name}: {fault}" for name, house in found.items() for fault in house["faults"]]
    return {
        "hours": round(seconds / 3600, 2),
        "houses": found,
        "troubles": {trouble.name: trouble.count for trouble in happening},
        "load": os.getloadavg()[1],
        "faults": faults,
    }


@contextmanager
def _on_a_device(folder: Path, broker: Mosquitto, seconds: float) -> Iterator[House]:
    folder.mkdir()
    mqtt = {"NEASMART_MQTT_HOST": "127.0.0.1", "NEASMART_MQTT_PORT": str(broker.port)}
    with noise.bus("serial", folder) as (settings, line), _gateway(folder, settings | mqtt) as gateway:
        # A device holds what nobody reads up to its buffer; the rest is lost.
        line_options = ["--serial", line, "--buffer", "4096", "--cycle", "30"]
        with _house("device", gateway, line_options, seconds, rooms=60) as house:
            yield house


@contextmanager
def _on_a_port(folder: Path, seconds: float) -> Iterator[House]:
    folder.mkdir()
    with _gateway(folder, {"NEASMART_SERVER_TYPE": "auto"}) as gateway:
        converter = Converter(gateway.bus_port, gateway_dials=False)
        converter.start()
        line_options = ["--tcp", f"127.0.0.1:{converter.port}", "--cycle", "10"]
        with _house("port", gateway, line_options, seconds, converter=converter) as house:
            yield house
        converter.stop()


@contextmanager
def _dialling(folder: Path, seconds: float) -> Iterator[House]:
    folder.mkdir()
    server, supervised = troubles.refusing_supervisor(folder)
    supervised["PYTHONPATH"] += f"{os.pathsep}{PACKAGE_ROOT}"
    port = free_port()
    converter = Converter(port, gateway_dials=True)
    converter.start()
    dials = {"NEASMART_SERVER_TYPE": "serial", "NEASMART_SERVER_SERIAL_PORT": f"socket://127.0.0.1:{converter.port}"}
    with _gateway(folder, supervised | dials) as gateway:
        line_options = ["--rtu-listen", f"127.0.0.1:{port}", "--cycle", "10"]
        with _house("dialling", gateway, line_options, seconds, converter=converter) as house:
            yield house
    converter.stop()
    server.shutdown()


@contextmanager
def _gateway(folder: Path, settings: dict[str, str]) -> Iterator[GatewayProcess]:
    unlimited = {"NEASMART_API_RATE_LIMIT": "0", "NEASMART_API_RATE_LIMIT_WRITES": "0"}
    with gateway_process(folder, **unlimited, **settings) as gateway:
        yield gateway


@contextmanager
def _house(
    name: str,
    gateway: GatewayProcess,
    line: Sequence[str],
    seconds: float,
    *,
    rooms: int = DEMO_ROOMS,
    converter: Converter | None = None,
) -> Iterator[House]:
    assert gateway.process is not None
    report = gateway.folder / "base.json"
    command = [
        sys.executable,
        "-m",
        "neasmart",
        "simulate",
        *line,
        "--house",
        "full" if rooms > DEMO_ROOMS else "demo",
        "--noise",
        "--seed",
        str(rooms),
    ]
    command += ["--commands", f"http://127.0.0.1:{gateway.api_port}", "--turns", "0.0005", "--tells", "after"]
    command += ["--freeze", str(gateway.process.pid), "--freeze-every", str(min(FREEZE_EVERY_S, seconds / 8))]
    command += ["--freeze-for", "1", "--freeze-up-to", "8", *_silences(seconds)]
    command += ["--duration", str(seconds + 600), "--report", str(report)]
    environment = gateway.environment | {"PYTHONPATH": str(PACKAGE_ROOT)}
    with (
        (gateway.folder / "base.log").open("wb") as log,
        subprocess.Popen(command, env=environment, cwd=gateway.folder, stderr=log) as base,
    ):
        try:
            yield House(name=name, rooms=rooms, gateway=gateway, base=base, report=report, converter=converter)
        finally:
            base.terminate()


def _silences(seconds: float) -> list[str]:
    """Plan silences of 12 and 60 s in turn, and one of ten minutes if there is time for it."""
    planned: list[str] = []
    lengths = itertools.cycle((12.0, 60.0))
    every_s = min(SILENCE_EVERY_S, seconds / 5)
    at = every_s
    long = seconds > 4 * LONGEST_SILENCE_S
    while at < seconds - 30:
        length = next(lengths)
        if long and at > seconds / 2:
            length, long = LONGEST_SILENCE_S, False
        planned += ["--silent", f"{at:g}:{length:g}"]
        at += length + every_s
    return planned


def _troubles(houses: Sequence[House], broker: Mosquitto) -> list[Trouble]:
    device, port, dialling = (each.gateway for each in houses)
    slips, kinds = itertools.cycle(troubles.SLIPS), itertools.cycle(troubles.STRANGERS)
    return [
        Trouble("broker killed", 600, lambda: troubles.broker_dies(broker)),
        Trouble("hostile bodies", 240, lambda: troubles.hostile_bodies(device)),
        Trouble("slow drip", 300, lambda: troubles.slow_drip(device)),
        Trouble("hostile import", 700, lambda: troubles.hostile_import(device)),
        Trouble("settings slip", 200, lambda: troubles.options_slip(device, slips)),
        Trouble("second gateway", 500, lambda: troubles.second_gateway(device)),
        Trouble("strangers", 45, lambda: troubles.strangers(port, next(kinds))),
        Trouble("page under a refusing Supervisor", 60, lambda: troubles.page_is_opened(dialling)),
    ]


def _watch(houses: Sequence[House], seconds: float) -> None:
    """Command every house and sample it now and then, until the time is over."""
    chance = random.Random(1)
    began = next_sample = time.monotonic()
    while (now := time.monotonic()) - began < seconds:
        for each in houses:
            each.running()
            zone = chance.choice(asked(each.gateway, "/api/v1/zones")["zones"])
            place = f"/api/v1/zones/{zone['base_id']}/{zone['zone_id']}"
            asked(each.gateway, place, "POST", {"setpoint": chance.randint(36, 50) / 2})
            if now >= next_sample:
                each.sample(now - began)
        if now >= next_sample:
            next_sample = now + SAMPLE_S
        time.sleep(COMMAND_S)


def _ended(house: House) -> dict[str, Any]:
    counters = asked(house.gateway, "/api/v1/bus")["counters"]
    house.base.send_signal(signal.SIGTERM)
    house.base.wait(30)
    code = house.gateway.stop()
    found = _verdict(house, json.loads(house.report.read_text()), code)
    found["withheld_by_the_gateway"] = {key: counters[key] for key in COUNTERS}
    if house.converter is not None:
        seen = house.converter
        found["converter"] = {
            "cuts": seen.cuts,
            "cuts_that_caught_bytes": seen.caught,
            "words": seen.words,
            "hung_up": seen.hung_up,
            "heartbeats": seen.heartbeats,
        }
    return found


def _verdict(house: House, base: dict[str, Any], code: int) -> dict[str, Any]:
    samples, log = house.samples, house.gateway.log
    quarter = max(1, len(samples) // 4)
    sizes = [each["resident_mb"] for each in samples]
    early, late = statistics.median(sizes[quarter : 2 * quarter] or sizes), statistics.median(sizes[-quarter:])
    descriptors = [each["descriptors"] for each in samples]
    open_early = statistics.median(descriptors[quarter : 2 * quarter] or descriptors)
    open_late = statistics.median(descriptors[-quarter:])
    accusations = {kind: found for kind, found in base["accusations"].items() if kind != "late"}
    span_s = samples[-1]["at_s"] - samples[0]["at_s"]
    used_s = samples[-1]["processor_s"] - samples[0]["processor_s"]
    lost = base["polls"] - base["answered"]
    faults = []
    if lost > (house.converter.caught if house.converter is not None else 0):
        faults.append(f"{lost} polls not answered")
    if accusations:
        faults.append(f"the base accuses: { {kind: found['count'] for kind, found in accusations.items()} }")
    if late - early > GROWTH_MB:
        faults.append(f"memory grew by {late - early:.1f} MB")
    if max(sizes) > MEMORY_MB:
        faults.append(f"memory reached {max(sizes):.1f} MB")
    if open_late > open_early + 5:
        faults.append("descriptors leak")
    if code:
        faults.append(f"exit code {code}")
    if "Traceback" in log:
        faults.append("a traceback in the log: " + log[log.index("Traceback") :][:2000])
    return {
        "polls": base["polls"],
        "answered": base["answered"],
        "late": base["late"],
        "latency_ms": base["latency_ms"],
        "words": base["words"],
        "freezes": base["freezes"],
        "silences": base["silences"],
        "connections": base["connections"],
        "bytes_overflowed": base["bytes_overflowed"],
        "accusations": accusations,
        "resident_mb": {"second_quarter": early, "last_quarter": late, "highest": max(sizes)},
        "processor_percent": round(100 * used_s / span_s, 2) if span_s else None,
        "descriptors": {"second_quarter": open_early, "last_quarter": open_late},
        "not_healthy_samples": sum(each["status"] != "healthy" for each in samples),
        "faults": faults,
        "log_lines": log.count("\n"),
        "samples": samples,
    }


if __name__ == "__main__":
    sys.exit(main())
