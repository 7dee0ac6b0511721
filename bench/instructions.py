"""Counts the instructions of a poll and a broadcast, to judge small computers: ``python -m bench.instructions``.

Instructions do not depend on how busy a machine is. valgrind counts them in the real way from the bytes to the reply:
connection, framer, station, image, plant, hub. What starting costs is taken off by a run without frames.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure
from bench.peers import ROOT
from bench.turnaround import ZONES, poll, write
from neasmart.settings.model import Settings
from neasmart.sysbus.capture.tap import Tap
from neasmart.sysbus.line.connection import Connection, Wiring
from neasmart.sysbus.slave.slaves import RtuSlave
from neasmart.sysbus.slave.station import Station
from neasmart.sysbus.transport.lag import LagWatch
from neasmart.wiring.app import build_gateway, line_facts

FRAMES = 1200
PI_4_HZ = 1.5e9
PI_4_PER_CYCLE = (0.5, 1.0)
"""Instructions a Cortex-A72 completes in a cycle while it runs an interpreter with cold caches, low and high."""
FRAMES_PER_S = 10
"""A base that walks sixty rooms in 30 s: two polls and three broadcasts for each room."""
_TOTAL = re.compile(r"Collected : (\d+)")


class _Line(asyncio.Transport):
    """Takes replies and forgets them."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        del data

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


class _Owner:
    def joined(self, connection: Connection) -> None: ...

    def left(self, connection: Connection, error: Exception | None) -> None: ...

    def received(self, connection: Connection) -> None: ...


async def serve(kind: str, frames: int) -> None:
    settings = Settings()
    gateway = build_gateway(settings)
    station = Station(gateway)
    lag = LagWatch(asyncio.get_running_loop())
    tap = Tap(gateway, line_facts(settings))
    line = Connection(RtuSlave(station), _Owner(), Wiring(gateway=gateway, station=station, lag=lag, on_bytes=tap))
    line.connection_made(_Line())
    for number in range(frames):
        zone = ZONES[number % len(ZONES)]
        words = [1, 0x0C1A + number // len(ZONES) % 5, 0x0C00]
        line.data_received(poll(zone) if kind == "poll" else write(0, zone, words))


def counted(kind: str, frames: int) -> int:
    served = [sys.executable, "-m", "bench.instructions", "--serve", kind, str(frames)]
    paths = f"{ROOT}:{ROOT / 'neasmart_addon'}"
    with tempfile.TemporaryDirectory() as folder:
        said = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={Path(folder) / 'out'}", *served],
            cwd=ROOT,
            env={"PYTHONPATH": paths, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
            check=True,
            capture_output=True,
            text=True,
        ).stderr
    total = _TOTAL.search(said)
    if total is None:
        raise RuntimeError(said)
    return int(total[1])


def by_frame() -> dict[str, float]:
    """Return the instructions of a poll with its reply and of a broadcast."""
    nothing = counted("poll", 0)
    return {kind: (counted(kind, FRAMES) - nothing) / FRAMES for kind in ("poll", "write")}


def measure() -> Iterator[Figure]:
    """Count both; there is one round, because a count does not vary."""
    for kind, count in by_frame().items():
        what = "a poll and its reply" if kind == "poll" else "a broadcast of a room"
        yield Figure(what=f"instructions of {what}", unit="k", samples=(count / 1000,))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description="Count instructions.")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        asyncio.run(serve(chosen.serve[0], int(chosen.serve[1])))
        return 0
    each = by_frame()
    for kind, instructions in each.items():
        slow, quick = (1e6 * instructions / PI_4_HZ / rate for rate in PI_4_PER_CYCLE)
        print(
            f"{kind}: {instructions / 1000:.0f} thousand instructions, {quick:.0f} to {slow:.0f} us on a Raspberry Pi 4"
        )
    share = FRAMES_PER_S * (2 * each["poll"] + 3 * each["write"]) / 5 / PI_4_HZ
    low, high = (100 * share / rate for rate in reversed(PI_4_PER_CYCLE))
    print(f"a live bus of sixty rooms: {low:.2f} to {high:.2f} % of one core for the frames themselves")
    return 0


if __name__ == "__main__":
    sys.exit(main())
