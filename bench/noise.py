"""Measures the gateway on a noisy bus: the simulated base with all noise over pty, Modbus TCP and RTU over TCP.

Starts ``python -m neasmart run`` and ``python -m neasmart simulate`` as processes and prints one line for each
transport. Exit code 1 if a poll stayed unanswered or the base accuses the gateway of anything but lateness, which a
busy computer can bring about; the number of late answers is printed. "withheld" are the replies that the gateway itself
kept back because its event loop had been blocked or another frame had followed: they explain unanswered polls, and
still count as such.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.ports import free_port

PACKAGE_ROOT = Path(__file__).parents[1] / "neasmart_addon"
TRANSPORTS = ("serial", "tcp", "rtu-tcp")
START_TIMEOUT_S = 20.0


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the gateway on a noisy bus.")
    parser.add_argument("--polls", type=int, default=10_000, help="polls for each transport")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--transport", choices=TRANSPORTS, action="append", help="only these")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the reports here")
    arguments = parser.parse_args()
    bad = False
    head = "transport    polls  answered     late  own stalls  withheld   p50 ms   p99 ms   max ms  writes  seconds"
    print(f"{head}  accusations")
    for transport in arguments.transport or TRANSPORTS:
        report = measured(transport, arguments.polls, arguments.seed)
        print(line(transport, report), flush=True)
        bad = bad or report["answered"] != report["polls"] or bool(set(report["accusations"]) - {"late"})
        if arguments.keep:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            (arguments.keep / f"noise-{transport}.json").write_text(json.dumps(report, indent=2))
    return int(bad)


def line(transport: str, report: dict[str, Any]) -> str:
    latency = report["latency_ms"]
    withheld = report["gateway"]["replies_late"] + report["gateway"]["replies_moved_on"]
    accusations = {fault: found["count"] for fault, found in report["accusations"].items()}
    return (
        f"{transport:<10}{report['polls']:>8}{report['answered']:>10}{report['late']:>9}"
        f"{report['late_by_own_stalls']:>12}{withheld:>10}{latency['p50']:>9.3f}{latency['p99']:>9.3f}{latency['max']:>9.3f}"
        f"{report['writes']:>8}{report['duration_s']:>9.1f}  {accusations or 'none'}"
    )


def measured(transport: str, polls: int, seed: int) -> dict[str, Any]:
    """Run one gateway and one base; return the base's report."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with bus(transport, folder) as (settings, target), gateway(folder, settings) as api:
            report = folder / "report.json"
            command = [
                sys.executable,
                "-m",
                "neasmart",
                "simulate",
                f"--{transport}",
                target,
                "--noise",
                "--cycle",
                "0",
            ]
            command += ["--polls", str(polls), "--seed", str(seed), "--blocks", "varied", "--report", str(report)]
            subprocess.run(
                command, env=environment({}), cwd=folder, check=True, stderr=subprocess.PIPE, timeout=60 + polls
            )
            content: dict[str, Any] = json.loads(report.read_text())
            content["gateway"] = answer(f"{api}/api/v1/bus")["counters"]
            return content


@contextmanager
def bus(transport: str, folder: Path) -> Iterator[tuple[dict[str, str], str]]:
    """Yield the settings of the gateway and the target of the base."""
    if transport != "serial":
        port = free_port()
        kind = "tcp" if transport == "tcp" else "rtu_tcp"
        settings = {"NEASMART_SERVER_TYPE": kind, "NEASMART_SERVER_PORT": str(port)}
        yield settings | {"NEASMART_SERVER_ADDRESS": "127.0.0.1"}, f"127.0.0.1:{port}"
        return
    ours, base = folder / "gateway", folder / "base"
    pair = subprocess.Popen(["socat", f"pty,raw,echo=0,link={ours}", f"pty,raw,echo=0,link={base}"])
    try:
        wait_until(lambda: ours.exists() and base.exists(), "socat's ptys")
        yield {"NEASMART_SERVER_TYPE": "serial", "NEASMART_SERVER_SERIAL_PORT": str(ours)}, str(base)
    finally:
        pair.terminate()
        pair.wait(5)


@contextmanager
def gateway(folder: Path, settings: dict[str, str]) -> Iterator[str]:
    """Run the gateway; yield the address of its API."""
    api, ingress = free_port(), free_port()
    settings = settings | {
        "NEASMART_API_PORT": str(api),
        "NEASMART_INGRESS_PORT": str(ingress),
        "NEASMART_DATABASE_PATH": str(folder / "neasmart.db"),
    }
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "neasmart", "run"], cwd=folder, env=environment(settings), stderr=log
        )
    try:
        address = f"http://127.0.0.1:{api}"
        wait_until(lambda: answer(f"{address}/health") is not None, "the gateway")
        yield address
    except TimeoutError:
        print((folder / "gateway.log").read_text(), file=sys.stderr)
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def answer(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return json.load(error)
    except OSError:
        return None


def environment(settings: dict[str, str]) -> dict[str, str]:
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("NEASMART_")}
    return inherited | {"PYTHONPATH": str(PACKAGE_ROOT)} | settings


def wait_until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not appear within {START_TIMEOUT_S:g} s")
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
