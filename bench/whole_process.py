"""Measures what the gateway costs as a process: its start, its memory, its processor time on a live bus, and REST.

Memory is that of everything at once: sixty rooms on a live bus, broker, history, API and an open page.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench import peers, turnaround
from bench.figures import Figure, ratios
from tests.support.mosquitto import Mosquitto
from tests.support.panel import simulated_base
from tests.support.processes import PACKAGE_ROOT, GatewayProcess, eventually, gateway_process

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
SETTLE_S = 5.0
WALK_S = 30
MEMORY_LIMIT_MB = 46.0 if sys.version_info < (3, 14) else 52.0
"""Code objects of Python 3.14 are a third larger, which is 4 MB with all that we import."""
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_P99 = re.compile(r"99%\s+([\d.]+)(us|ms|s)")


def start(rounds: int) -> Iterator[Figure]:
    """Measure from exec to the first healthy answer: into an empty folder, and into one that was used."""
    first: list[float] = []
    later: list[float] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for found in (first, later):
                gateway = GatewayProcess(Path(folder))
                began = time.perf_counter()
                gateway.start(healthy=False)
                eventually(lambda: _answers(gateway), within_s=20)  # noqa: B023 - called at once
                found.append(time.perf_counter() - began)
                gateway.stop()
    yield Figure(what="start to first answer, new folder", unit="s", samples=tuple(first), limit=0.4)
    yield Figure(what="start to first answer, used folder", unit="s", samples=tuple(later), limit=0.4)


def _answers(gateway: GatewayProcess) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{gateway.api_port}/health", timeout=1) as answer:
            return bool(json.load(answer)["status"])
    except OSError:
        return False


def rest(rounds: int, seconds: int) -> Iterator[Figure]:
    """Measure GET of one zone by ten connections, in turn with Flask and waitress and with nothing but aiohttp."""
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    bare: list[tuple[float, float]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        gateway_process(Path(folder)) as gateway,
        simulated_base(gateway.bus_port, "--cycle", str(WALK_S), house="full"),
        peers.flask() as flask,
        peers.bare_handler() as handler,
    ):
        zone = f"http://127.0.0.1:{gateway.api_port}/api/v1/zones/1/1"
        eventually(lambda: gateway.get("/api/v1/zones/1/1").get("temperature") is not None, within_s=60)
        for _ in range(rounds):
            ours.append(load(zone, seconds))
            theirs.append(load(flask, seconds))
            bare.append(load(handler, seconds))
    rates = [[rate for rate, _ in found] for found in (ours, theirs, bare)]
    yield Figure(what="GET one zone, gateway", unit="/s", samples=tuple(rates[0]))
    yield Figure(what="GET one zone, Flask + waitress", unit="/s", samples=tuple(rates[1]))
    yield Figure(what="GET, bare handler of aiohttp", unit="/s", samples=tuple(rates[2]))
    yield ratios("GET one zone, gateway / Flask + waitress", rates[0], rates[1], 5.0, at_least=True)
    yield Figure(what="GET one zone p99, gateway", unit="ms", samples=tuple(p99 for _, p99 in ours))
    yield Figure(what="GET one zone p99, Flask + waitress", unit="ms", samples=tuple(p99 for _, p99 in theirs))


def load(address: str, seconds: int) -> tuple[float, float]:
    """Return answers a second and the 99th percentile in milliseconds."""
    said = subprocess.run(
        ["wrk", "-t1", "-c10", f"-d{seconds}s", "--latency", address], check=True, capture_output=True, text=True
    ).stdout
    rate, slowest = _RATE.search(said), _P99.search(said)
    if rate is None or slowest is None or "Non-2xx" in said:
        raise RuntimeError(said)
    return float(rate[1]), float(slowest[1]) * {"us": 0.001, "ms": 1, "s": 1000}[slowest[2]]


def idle(rounds: int) -> Iterator[Figure]:
    """Measure memory and processor time with sixty zones and a broker, then with a page; a round lasts a walk."""
    shares: list[float] = []
    with_page: list[float] = []
    sizes: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        broker = Mosquitto(Path(folder))
        broker.start()
        try:
            mqtt = {"NEASMART_MQTT_HOST": "127.0.0.1", "NEASMART_MQTT_PORT": str(broker.port)}
            with (
                gateway_process(Path(folder), **mqtt) as gateway,
                simulated_base(gateway.bus_port, "--cycle", str(WALK_S), house="full"),
            ):
                eventually(lambda: len(gateway.get("/api/v1/zones")["zones"]) == 60, within_s=90)
                time.sleep(SETTLE_S)
                assert gateway.process is not None
                shares += [busy(gateway.process.pid) for _ in range(rounds)]
                with turnaround.pages(gateway, 1):
                    for _ in range(rounds):
                        with_page.append(busy(gateway.process.pid))
                        load(f"http://127.0.0.1:{gateway.api_port}/api/v1/zones/1/1", 1)
                        sizes.append(resident_mb(gateway.process.pid))
        finally:
            broker.kill()
    yield Figure(what="processor time, live bus, 60 zones, MQTT", unit="%", samples=tuple(shares), limit=0.5)
    yield Figure(what="processor time, the same and a page", unit="%", samples=tuple(with_page))
    yield Figure(what="resident memory, everything on", unit="MB", samples=tuple(sizes), limit=MEMORY_LIMIT_MB)


def busy(pid: int) -> float:
    """Return the share of a core in percent that a process uses for as long as a walk lasts."""
    used, began = processor_s(pid), time.monotonic()
    time.sleep(WALK_S)
    return 100 * (processor_s(pid) - used) / (time.monotonic() - began)


def processor_s(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in 10^6 bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024 / 1e6


def compiled() -> None:
    """Compile the package as the image does: what is compiled at a start costs half a second and 3 MB."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(PACKAGE_ROOT / "neasmart")], check=True)


def imports() -> list[tuple[int, str]]:
    """Return the modules that cost most at the start: microseconds with all they import, and the name."""
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import neasmart.wiring.app"],
        check=True,
        capture_output=True,
        text=True,
    ).stderr
    rows = [line.removeprefix("import time:").split("|") for line in said.splitlines() if "|" in line]
    return sorted(((int(row[1]), row[2].strip()) for row in rows[1:]), reverse=True)
