"""Measures the gateway on a noisy bus: the simulated base with all noise over pty, Modbus TCP and RTU over TCP.

Starts ``python -m neasmart run`` and ``python -m neasmart simulate`` as processes and prints one line for each
transport. Exit code 1 if a poll stayed unanswered or the base accuses the gateway of anything but lateness, which a
busy computer can bring about; the number of late answers is printed. "withheld" are the replies that the gateway itself
kept back because its event loop had been blocked or another frame had followed: they explain unanswered polls, and
still count as such.

Meanwhile somebody commands a room twice a second by REST, and thermostats are turned; the base asks the API what was
commanded and accuses the gateway of every word that no live command explains. With ``--freeze`` the gateway's process
is stopped for two seconds now and then; polls that it could not hear do not count.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from neasmart.settings.model import DEFAULT_UNIT_IDS
from neasmart.simulator.bus.airtime import walk_s
from neasmart.simulator.bus.walk import Blocks, BlockShape, Walk
from neasmart.simulator.home.base import BaseStation
from neasmart.simulator.home.house import HOUSES, House
from tests.support.ports import free_port

PACKAGE_ROOT = Path(__file__).parents[1] / "neasmart_addon"
TRANSPORTS = ("serial", "tcp", "rtu-tcp")
START_TIMEOUT_S = 20.0
BAUDRATE = 38400
COMMAND_EVERY_S = 0.5


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the gateway on a noisy bus.")
    parser.add_argument("--polls", type=int, default=10_000, help="polls for each transport")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--transport", choices=TRANSPORTS, action="append", help="only these")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the reports here")
    parser.add_argument("--freeze", action="store_true", help="stop the gateway's process now and then")
    arguments = parser.parse_args()
    print(f"A walk of 60 rooms under both unit ids at {BAUDRATE} baud, from the bytes:", *airtimes())
    bad = False
    head = "transport    polls  answered     late  own stalls  withheld   p50 ms   p99 ms   max ms  writes  seconds"
    print(f"{head}     words  commands  turns  undone  freezes  accusations")
    for transport in arguments.transport or TRANSPORTS:
        report = measured(transport, arguments.polls, arguments.seed, freeze=arguments.freeze)
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
    words = report["words"]
    undone = sum(words["turns_undone_by_limit"].values())
    return (
        f"{transport:<10}{report['polls']:>8}{report['answered']:>10}{report['late']:>9}"
        f"{report['late_by_own_stalls']:>12}{withheld:>10}{latency['p50']:>9.3f}{latency['p99']:>9.3f}{latency['max']:>9.3f}"
        f"{report['writes']:>8}{report['duration_s']:>9.1f}{words['checked']:>10}"
        f"{words['by_verdict'].get('command', 0):>10}{words['turns']:>7}{undone:>8}{report['freezes']:>9}"
        f"  {accusations or 'none'}"
    )


def airtimes() -> Iterator[str]:
    """Yield how long a walk takes without and with a write for every poll, for the shapes of blocks."""
    addresses = BaseStation(House(HOUSES["full"])).addresses
    for shape in (BlockShape.SINGLE, BlockShape.PAIR, BlockShape.ROOM):
        steps = Walk(addresses, DEFAULT_UNIT_IDS, Blocks(shape=shape)).steps()
        before, after = (walk_s(steps, baudrate=BAUDRATE, asked_by_every_poll=asked) for asked in (False, True))
        yield f"{shape} {before:.2f} s with reports served back, {after:.2f} s with no-data;"


def measured(transport: str, polls: int, seed: int, *, freeze: bool = False) -> dict[str, Any]:
    """Run one gateway, one base and somebody who commands; return the base's report."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with bus(transport, folder) as (settings, target), gateway(folder, settings) as (api, pid), commanding(api):
            report = folder / "report.json"
            command = [sys.executable, "-m", "neasmart", "simulate", f"--{transport}", target, "--noise"]
            command += ["--cycle", "0", "--polls", str(polls), "--seed", str(seed), "--blocks", "varied"]
            command += ["--commands", api, "--turns", "0.002", "--tells", "after", "--follow-delay", "1"]
            command += ["--freeze", str(pid), "--buffer", "4096"] if freeze else []
            command += ["--report", str(report)]
            subprocess.run(
                command, env=environment({}), cwd=folder, check=True, stderr=subprocess.PIPE, timeout=60 + polls
            )
            content: dict[str, Any] = json.loads(report.read_text())
            content["gateway"] = answer(f"{api}/api/v1/bus")["counters"]
            return content


@contextmanager
def commanding(api: str) -> Iterator[None]:
    """Give a command to a room twice a second."""
    over = threading.Event()
    chance = random.Random(1)

    def command() -> None:
        while not over.wait(COMMAND_EVERY_S):
            body = json.dumps({"setpoint": chance.randint(36, 50) / 2}).encode()
            zone = f"{api}/api/v1/zones/1/{chance.randint(1, 5)}"
            request = urllib.request.Request(zone, body, {"Content-Type": "application/json"})
            with suppress(OSError), urllib.request.urlopen(request, timeout=5):
                pass

    commander = threading.Thread(target=command)
    commander.start()
    try:
        yield
    finally:
        over.set()
        commander.join()


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
def gateway(folder: Path, settings: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Run the gateway; yield the address of its API and its process id."""
    api, ingress = free_port(), free_port()
    settings = settings | {
        "NEASMART_API_PORT": str(api),
        "NEASMART_INGRESS_PORT": str(ingress),
        "NEASMART_API_RATE_LIMIT": "0",
        "NEASMART_API_RATE_LIMIT_WRITES": "0",
        "NEASMART_DATABASE_PATH": str(folder / "neasmart.db"),
    }
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "neasmart", "run"], cwd=folder, env=environment(settings), stderr=log
        )
    try:
        address = f"http://127.0.0.1:{api}"
        wait_until(lambda: answer(f"{address}/health") is not None, "the gateway")
        yield address, process.pid
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
