"""Promise: with everything on, 200 open pages of which half never read, and all noise, 96 MB of memory are enough.

The limit is held against the highest resident memory that the kernel has seen. RLIMIT_AS and RLIMIT_DATA count stacks
of threads that nobody has touched, and a cgroup of its own needs rights that a test should not have.
"""

from __future__ import annotations

import json
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.mosquitto import Mosquitto
from tests.support.panel import simulated_base
from tests.support.processes import GatewayProcess, eventually, gateway_process
from tests.support.steady_base import OFTEN

PAGES = 200
HANDSHAKE = (
    b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
WELCOME = b"HTTP/1.1 101"
ALIVE_EVERY_S = 5.0
PONG = b"\x8a\x80\0\0\0\0"
LIMIT_MIB = 96


def page(port: int, *, reads: bool) -> socket.socket:
    opened = socket.socket()
    if not reads:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    opened.settimeout(30)
    opened.connect(("127.0.0.1", port))
    opened.sendall(HANDSHAKE)
    assert opened.recv(len(WELCOME), socket.MSG_WAITALL) == WELCOME
    return opened


class Readers:
    """Pages that read all they get; counts the bytes and remembers which of them were closed."""

    def __init__(self) -> None:
        self.bytes: dict[socket.socket, int] = {}
        self.closed: set[socket.socket] = set()
        self._selector = selectors.DefaultSelector()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @contextmanager
    def reading(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join(30)
            self._selector.close()

    def add(self, opened: socket.socket) -> None:
        """Read one more; the first must not wait for the last to be opened."""
        self.bytes[opened] = 0
        self._selector.register(opened, selectors.EVENT_READ)

    def all_get_more(self) -> None:
        """Wait until each has received something more."""
        before = dict(self.bytes)
        eventually(lambda: all(self.bytes[each] > count for each, count in before.items()))

    def _run(self) -> None:
        alive_at = time.monotonic()
        while not self._stop.is_set():
            if time.monotonic() - alive_at > ALIVE_EVERY_S:
                alive_at = time.monotonic()
                for alive in set(self.bytes) - self.closed:
                    alive.sendall(PONG)
            for key, _ in self._selector.select(0.1):
                each = key.fileobj
                assert isinstance(each, socket.socket)
                chunk = each.recv(65536)
                self.bytes[each] += len(chunk)
                if not chunk:
                    self.closed.add(each)
                    self._selector.unregister(each)


def clients(gateway: GatewayProcess) -> int:
    """Return how many pages are connected, as the kernel counts them."""
    port = f":{gateway.ingress_port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(1 for line in lines if line.split()[1].endswith(port) and line.split()[3] == "01")


def polls(gateway: GatewayProcess) -> int:
    return int(gateway.get("/api/v1/snapshot")["status"]["bus"]["counters"]["polls"])


def polled_on(gateway: GatewayProcess) -> None:
    before = polls(gateway)
    eventually(lambda: polls(gateway) > before + 20)


def test_pages_that_never_read_are_dropped_and_all_together_need_less_than_96_mb(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    environment = {"NEASMART_MQTT_HOST": "127.0.0.1", "NEASMART_MQTT_PORT": str(broker.port), **OFTEN}
    report = tmp_path / "report.json"
    pages: list[socket.socket] = []
    try:
        with gateway_process(tmp_path, NEASMART_DATABASE_FLUSH_INTERVAL_SECONDS="1", **environment) as gateway:
            with simulated_base(
                gateway.bus_port, "--cycle", "2", "--noise", "--timeout", "5", "--report", str(report), house="full"
            ):
                eventually(lambda: gateway.get("/api/v1/zones")["count"] == 60, within_s=60.0)
                eventually(lambda: gateway.get("/health")["mqtt"]["connected"])
                readers = Readers()
                with readers.reading():
                    for number in range(PAGES):
                        pages.append(page(gateway.ingress_port, reads=number % 2 == 0))
                        if number % 2 == 0:
                            readers.add(pages[-1])
                    readers.all_get_more()
                    polled_on(gateway)

                    eventually(lambda: clients(gateway) <= PAGES // 2, within_s=60.0)
                    readers.all_get_more()
                    polled_on(gateway)
                assert not readers.closed
                assert gateway.get("/health")["status"] == "healthy"
            counters = gateway.get("/api/v1/bus")["counters"]
            highest = gateway.memory_mib("VmHWM")
            print(f"{highest:.1f} MiB at most, {sum(readers.bytes.values()) / 2**20:.0f} MiB read")  # noqa: T201 - figures to read
            assert highest < LIMIT_MIB
            assert "Traceback" not in gateway.log
    finally:
        for each in pages:
            each.close()
        broker.kill()

    seen = json.loads(report.read_text())
    print({key: seen[key] for key in ("polls", "answered", "late", "latency_ms", "accusations")})  # noqa: T201 - figures to read
    # The last poll may stand without its answer when the base is ended; a stalled machine makes answers late, or has
    # the gateway hold a few back.
    withheld = counters["replies_late"] + counters["requests_stale"]
    assert withheld <= seen["polls"] / 20
    assert seen["polls"] - seen["answered"] <= 1 + withheld
    assert set(seen["accusations"]) <= {"late", *["unanswered"] * bool(withheld)}
