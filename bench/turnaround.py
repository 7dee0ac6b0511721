"""Measures the time from a request to the first byte of its reply on a pty, beside a slave on libmodbus.

The gateway runs whole, as a process of its own; this process is the base. Rounds of both slaves alternate. Under load
sixty zones are written between the polls, ten pages listen, REST is loaded by ten connections, or the disk stalls.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import tty
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import peers
from bench.figures import Figure, percentile, ratios
from neasmart.facts.points import TABLE
from neasmart.sysbus.framing.crc import with_crc
from tests.support.processes import GatewayProcess, gateway_process

PAUSE_S = 0.002
"""Between two requests, as on a line of 38400 baud."""
PATIENCE_S = 0.5
SETTLE_S = 0.3
P99_MS = 0.8
ZONES = [TABLE.ref(f"zone.{base}.{zone}.state").address for base in range(1, 6) for zone in range(1, 13)]


def poll(address: int, count: int = 2) -> bytes:
    return with_crc(bytes((240, 3)) + address.to_bytes(2, "big") + count.to_bytes(2, "big"))


def write(unit_id: int, address: int, words: list[int]) -> bytes:
    head = bytes((unit_id, 16)) + address.to_bytes(2, "big") + len(words).to_bytes(2, "big") + bytes((2 * len(words),))
    return with_crc(head + b"".join(word.to_bytes(2, "big") for word in words))


class Line:
    """The base's end of a serial line that needs no device."""

    def __init__(self) -> None:
        self.base, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)

    def ask(self, request: bytes, length: int) -> float | None:
        """Return the seconds to the first byte of the reply, None if it did not come whole."""
        began = time.perf_counter()
        os.write(self.base, request)
        first: float | None = None
        received = b""
        while len(received) < length:
            if not select.select([self.base], [], [], PATIENCE_S)[0]:
                return None
            received += os.read(self.base, 512)
            first = first or time.perf_counter() - began
        return first

    def wait_for_slave(self) -> None:
        deadline = time.monotonic() + 20
        while self.ask(poll(100), 9) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody answers on {self.path}")

    def close(self) -> None:
        os.close(self.base)
        os.close(self._slave)


def times(line: Line, count: int, *, zones_written: bool = False, write_count: int = 0) -> tuple[list[float], int]:
    """Return the turnarounds in milliseconds and how many requests stayed unanswered."""
    found: list[float] = []
    silent = 0
    for number in range(count):
        zone = ZONES[number % len(ZONES)]
        if zones_written:
            words = [1 + number // 60 % 6, 0x0C1A + number // 60 % 5, 0x0C00 + number % 200]
            os.write(line.base, write(0, zone, words))
            time.sleep(PAUSE_S)
        if write_count:
            took = line.ask(write(240, zone, [0x0C1A + number % 7] * write_count), 8)
        else:
            took = line.ask(poll(zone), 9)
        if took is None:
            silent += 1
        else:
            found.append(1000 * took)
        time.sleep(PAUSE_S)
    return found, silent


@contextmanager
def libmodbus() -> Iterator[Line]:
    line = Line()
    with subprocess.Popen([str(peers.libmodbus_slave()), line.path]) as process:
        try:
            line.wait_for_slave()
            yield line
        finally:
            process.kill()
            line.close()


@contextmanager
def our_gateway(folder: Path, **environment: str) -> Iterator[tuple[Line, GatewayProcess]]:
    line = Line()
    settings = {"NEASMART_SERVER_TYPE": "serial", "NEASMART_SERVER_SERIAL_PORT": line.path}
    settings |= {"NEASMART_DATABASE_FLUSH_INTERVAL_SECONDS": "1"}
    with gateway_process(folder, **settings, **environment) as gateway:
        try:
            line.wait_for_slave()
            times(line, len(ZONES), zones_written=True)
            yield line, gateway
        finally:
            line.close()


@contextmanager
def pages(gateway: GatewayProcess, count: int) -> Iterator[subprocess.Popen[bytes]]:
    """Let pages listen to every change, in a process of their own."""
    address = f"ws://127.0.0.1:{gateway.ingress_port}/api/v1/live"
    command = [sys.executable, "-m", "bench.listen", address, str(count)]
    with subprocess.Popen(command, cwd=peers.ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process
        finally:
            process.terminate()


@contextmanager
def rest_load(gateway: GatewayProcess) -> Iterator[subprocess.Popen[bytes]]:
    """Load REST by ten connections."""
    address = f"http://127.0.0.1:{gateway.api_port}/api/v1/zones/1/1"
    with subprocess.Popen(["wrk", "-t1", "-c10", "-d600s", address], stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def paused(loads: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Stop what loads the machine for a moment, and let what is on its way come to its end."""
    for each in loads:
        each.send_signal(signal.SIGSTOP)
    time.sleep(SETTLE_S)
    try:
        yield
    finally:
        for each in loads:
            each.send_signal(signal.SIGCONT)
        time.sleep(SETTLE_S)


def measure(rounds: int, polls: int) -> Iterator[Figure]:
    """Measure at rest beside libmodbus, then under each load."""
    ours: list[list[float]] = []
    theirs: list[list[float]] = []
    written: list[list[float]] = []
    with tempfile.TemporaryDirectory() as folder, our_gateway(Path(folder)) as (line, _), libmodbus() as reference:
        for _ in range(rounds):
            ours.append(times(line, polls)[0])
            theirs.append(times(reference, polls)[0])
            written.append(times(line, polls, write_count=2)[0])
    for name, rows in (("gateway", ours), ("libmodbus", theirs), ("gateway, 2 written", written)):
        p50 = tuple(percentile(row, 0.5) for row in rows)
        p99 = tuple(percentile(row, 0.99) for row in rows)
        yield Figure(what=f"turnaround p50, {name}", unit="ms", samples=p50)
        yield Figure(
            what=f"turnaround p99, {name}", unit="ms", samples=p99, limit=None if name == "libmodbus" else P99_MS
        )
    medians = [[percentile(row, 0.5) for row in rows] for rows in (ours, theirs)]
    yield ratios("turnaround p50, gateway / libmodbus", medians[0], medians[1], 1.6)
    for load in ("60 zones written", "10 pages listen", "REST loaded", "disk stalls 5 s", "all of these"):
        yield from _under(load, rounds, polls)


def _under(load: str, rounds: int, polls: int) -> Iterator[Figure]:
    everything = load == "all of these"
    ours: list[list[float]] = []
    theirs: list[list[float]] = []
    silent: list[float] = []
    loads: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        environment = {}
        if load == "disk stalls 5 s" or everything:
            environment = {"LD_PRELOAD": str(peers.slow_disk()), "SLOW_DISK": folder, "SLOW_DISK_S": "5"}
        line, gateway = stack.enter_context(our_gateway(Path(folder), **environment))
        if load == "10 pages listen" or everything:
            loads.append(stack.enter_context(pages(gateway, 10)))
        if load == "REST loaded" or everything:
            loads.append(stack.enter_context(rest_load(gateway)))
        # Polled while the loads pause: a busy machine never sleeps, and a slave that does nothing else is fast then.
        reference = stack.enter_context(libmodbus())
        zones_written = load != "REST loaded"
        for _ in range(rounds):
            found, unanswered = times(line, polls, zones_written=zones_written)
            ours.append(found)
            silent.append(float(unanswered))
            with paused(loads):
                theirs.append(times(reference, polls, zones_written=zones_written)[0])
    medians = [[percentile(row, 0.5) for row in rows] for rows in (ours, theirs)]
    yield Figure(what=f"turnaround p50, {load}", unit="ms", samples=tuple(medians[0]))
    yield Figure(
        what=f"turnaround p99, {load}",
        unit="ms",
        samples=tuple(percentile(row, 0.99) for row in ours),
        limit=P99_MS,
    )
    yield ratios(f"turnaround p50, {load} / libmodbus", medians[0], medians[1], 2.0)
    yield Figure(what=f"polls not answered, {load}", unit="", samples=tuple(silent), limit=0)
