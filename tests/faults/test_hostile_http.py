"""Promise: whatever four connections send over HTTP, the base is answered, and memory stays bounded."""

from __future__ import annotations

import contextlib
import gzip
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import GatewayProcess, eventually, gateway_process
from tests.support.steady_base import OFTEN, TcpLine, bounded, steady_base

SECONDS = 5.0
KEY = "k" * 32
GROWTH_MIB = 32.0
"""What the kernel's and aiohttp's buffers for four connections with bodies of a megabyte may take."""
SLOWEST_S = 2.0
"""Before compressed bodies were refused unread, twenty of them kept the base waiting for 13 s."""
BODIES = [
    (b"Content-Encoding: gzip\r\n", gzip.compress(b"[" * 50_000_000, 9)),
    (b"Content-Encoding: deflate\r\n", b"no such thing"),
    (b"", b'{"setpoint": ' + b"9" * 1_000_000 + b"}"),
    (b"", b'{"setpoint": ' + b"9" * 60_000 + b"}"),
    (b"", b"{" + b",".join(b'"%d":1' % number for number in range(95_000)) + b"}"),
    (b"", b"{" + b",".join(b'"%d":1' % number for number in range(7_000)) + b"}"),
    (b"", b"[" * 60_000),
    (b"X: " + b"y" * 8000 + b"\r\n", b""),
]
PATHS = [b"/api/v1/zones/1/1", b"/zones/1/1", b"/health", b"/nowhere", b"/api/v1/rooms"]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    with gateway_process(tmp_path, **OFTEN, NEASMART_API_RATE_LIMIT_WRITES="0") as process:
        yield process


def attack(port: int, until: float, seed: int, answers: set[bytes]) -> None:
    """Send bodies in any order over one connection after the other."""
    chance = random.Random(seed)
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as opened:
            opened.settimeout(5)
            while time.monotonic() < until:
                headers, body = chance.choice(BODIES)
                length = b"Content-Length: %d\r\n" % len(body)
                head = b"POST %s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n" % (chance.choice(PATHS), headers, length)
                opened.sendall(head + body)
                answer = opened.recv(65_536)
                if not answer:
                    break
                answers.add(answer[9:12])


def test_hostile_bodies_on_four_connections_cost_the_base_nothing(gateway: GatewayProcess) -> None:
    answers: set[bytes] = set()
    with steady_base(lambda: TcpLine(gateway.bus_port)) as base:
        base.goes_on()
        # The files of the storage are open by then, however busy the machine is.
        eventually(lambda: any(gateway.folder.rglob("*.db-wal")), within_s=30)
        until = time.monotonic() + SECONDS
        attackers = [
            threading.Thread(target=attack, args=(gateway.api_port, until, seed, answers), daemon=True)
            for seed in range(4)
        ]
        with bounded(gateway, growth_mib=GROWTH_MIB):
            for each in attackers:
                each.start()
            while time.monotonic() < until:
                base.goes_on()
            for each in attackers:
                each.join(10)

    assert {b"415", b"413", b"400"} <= answers
    assert answers <= {b"400", b"404", b"405", b"413", b"415", b"429"}
    assert base.slowest_s < SLOWEST_S
