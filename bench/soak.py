"""Runs everything together for hours and gives a verdict: ``make soak HOURS=2``.

A gateway on a pty pair, the simulated base of sixty zones with all its noise, a broker that is killed every ten
minutes, ten pages that listen, and a command every few seconds. Exit code 1 unless the verdict is good.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import noise
from bench.turnaround import pages
from bench.whole_process import processor_s, resident_mb
from tests.support.mosquitto import Mosquitto
from tests.support.processes import GatewayProcess, eventually, gateway_process

SAMPLE_S = 10.0
COMMAND_S = 5.0
BROKER_LIVES_S = 600.0
GROWTH_MB = 2.0
"""Resident memory may grow by this from the end of the first quarter to the last."""
MEMORY_MB = 60.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="Run everything for hours.")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--report", type=Path, help="write all figures here")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = soak(Path(name), chosen.hours * 3600)
    print(json.dumps({key: value for key, value in found.items() if key != "samples"}, indent=2))
    if chosen.report:
        chosen.report.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print("good" if not found["faults"] else "NOT GOOD: " + "; ".join(found["faults"]))
    return int(bool(found["faults"]))


def soak(folder: Path, seconds: float) -> dict[str, Any]:
    """Run for so long; return figures and what is wrong with them."""
    report = folder / "base.json"
    broker = Mosquitto(folder)
    broker.start()
    with ExitStack() as stack:
        stack.callback(broker.kill)
        settings, line = stack.enter_context(noise.bus("serial", folder))
        environment = {"NEASMART_MQTT_HOST": "127.0.0.1", "NEASMART_MQTT_PORT": str(broker.port)}
        environment |= {"NEASMART_API_RATE_LIMIT": "0", "NEASMART_API_RATE_LIMIT_WRITES": "0"}
        gateway = stack.enter_context(gateway_process(folder, **settings, **environment))
        base = stack.enter_context(_base(gateway, line, seconds, report))
        stack.callback(base.terminate)
        eventually(lambda: len(gateway.get("/api/v1/zones")["zones"]) == 60, within_s=120)
        stack.enter_context(pages(gateway, 10))
        samples = _watch(gateway, broker, base, seconds)
        counters = gateway.get("/api/v1/bus")["counters"]
        base.send_signal(signal.SIGTERM)
        base.wait(30)
        code = gateway.stop()
        log = gateway.log
    found = _verdict(samples, json.loads(report.read_text()), code, log)
    withheld = {key: counters[key] for key in ("replies_late", "replies_moved_on")}
    return found | {"withheld_by_the_gateway": withheld, "load": os.getloadavg()[1]}


def _base(gateway: GatewayProcess, line: str, seconds: float, report: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "neasmart", "simulate", "--serial", line, "--house", "full", "--noise"]
    command += ["--commands", f"http://127.0.0.1:{gateway.api_port}", "--turns", "0.0005", "--tells", "after"]
    command += ["--cycle", "30", "--duration", str(seconds + 300), "--report", str(report)]
    return subprocess.Popen(command, env=gateway.environment, cwd=gateway.folder, stderr=subprocess.DEVNULL)


def _watch(
    gateway: GatewayProcess, broker: Mosquitto, base: subprocess.Popen[bytes], seconds: float
) -> list[dict[str, Any]]:
    """Command, kill the broker now and then, and sample, until the time is over."""
    assert gateway.process is not None
    chance = random.Random(1)
    pid = gateway.process.pid
    began = next_sample = time.monotonic()
    broker_dies = began + BROKER_LIVES_S
    samples: list[dict[str, Any]] = []
    while (now := time.monotonic()) - began < seconds:
        if gateway.process.poll() is not None or base.poll() is not None:
            raise RuntimeError(f"a process ended by itself\n{gateway.log}")
        zone = f"/api/v1/zones/{chance.randint(1, 5)}/{chance.randint(1, 12)}"
        gateway.call("POST", zone, {"setpoint": chance.randint(36, 50) / 2})
        if now >= broker_dies:
            broker_dies = now + BROKER_LIVES_S
            broker.kill()
            broker.start()
        if now >= next_sample:
            next_sample = now + SAMPLE_S
            health = gateway.get("/api/v1/health")
            samples.append(
                {
                    "at_s": round(now - began, 1),
                    "resident_mb": resident_mb(pid),
                    "descriptors": len(os.listdir(f"/proc/{pid}/fd")),  # noqa: PTH208 - only the number is wanted
                    "processor_s": processor_s(pid),
                    "status": health["status"],
                }
            )
        time.sleep(COMMAND_S)
    return samples


def _verdict(samples: list[dict[str, Any]], base: dict[str, Any], code: int, log: str) -> dict[str, Any]:
    quarter = max(1, len(samples) // 4)
    sizes = [each["resident_mb"] for each in samples]
    early, late = statistics.median(sizes[quarter : 2 * quarter] or sizes), statistics.median(sizes[-quarter:])
    accusations = {kind: found["count"] for kind, found in base["accusations"].items() if kind != "late"}
    span_s = samples[-1]["at_s"] - samples[0]["at_s"]
    used_s = samples[-1]["processor_s"] - samples[0]["processor_s"]
    faults = []
    if base["answered"] != base["polls"]:
        faults.append(f"{base['polls'] - base['answered']} polls not answered")
    if accusations:
        faults.append(f"the base accuses: {accusations}")
    if late - early > GROWTH_MB:
        faults.append(f"memory grew by {late - early:.1f} MB")
    if max(sizes) > MEMORY_MB:
        faults.append(f"memory reached {max(sizes):.1f} MB")
    if samples[-1]["descriptors"] > samples[quarter - 1]["descriptors"] + 5:
        faults.append("descriptors leak")
    if code:
        faults.append(f"exit code {code}")
    if "Traceback" in log:
        faults.append("a traceback in the log: " + log[log.index("Traceback") :][:2000])
    return {
        "hours": round(span_s / 3600, 2),
        "polls": base["polls"],
        "answered": base["answered"],
        "late": base["late"],
        "latency_ms": base["latency_ms"],
        "accusations": accusations,
        "resident_mb": {"second_quarter": early, "last_quarter": late, "highest": max(sizes)},
        "processor_percent": round(100 * used_s / span_s, 2) if span_s else None,
        "descriptors": samples[-1]["descriptors"],
        "not_healthy_samples": sum(each["status"] != "healthy" for each in samples),
        "faults": faults,
        "samples": samples,
    }


if __name__ == "__main__":
    sys.exit(main())
