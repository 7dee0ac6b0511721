"""Promise: whatever is sent or left unread over HTTP, the base is answered, and memory stays bounded."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hostile_http import REFUSALS, attack
from tests.support.processes import GatewayProcess, eventually, gateway_process
from tests.support.steady_base import OFTEN, TcpLine, bounded, steady_base

SECONDS = 5.0
KEY = "k" * 32
GROWTH_MIB = 32.0
"""What the kernel's and aiohttp's buffers for four connections with bodies of a megabyte may take."""
DEAF = 60
DEAF_MIB = 24.0
"""For 60 answers of 1.7 MB that nobody reads; as a whole each they took 100 MiB."""
SLOWEST_S = 2.0
"""Before compressed bodies were refused unread, twenty of them kept the base waiting for 13 s."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    with gateway_process(tmp_path, **OFTEN, NEASMART_API_RATE_LIMIT_WRITES="0") as process:
        yield process


def test_hostile_bodies_on_four_connections_cost_the_base_nothing(gateway: GatewayProcess) -> None:
    answers: set[bytes] = set()
    with steady_base(lambda: TcpLine(gateway.bus_port)) as base:
        base.goes_on()
        # The files of the storage are open by then, however busy the machine is.
        eventually(lambda: any(gateway.folder.rglob("*.db-wal")))
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
                each.join(30)

    assert {b"415", b"413", b"400"} <= answers
    assert answers <= REFUSALS
    assert base.slowest_s < SLOWEST_S


def test_what_nobody_reads_is_not_kept_as_a_whole(gateway: GatewayProcess) -> None:
    request = b"GET /api/docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with contextlib.ExitStack() as stack:

        def ask() -> socket.socket:
            peer = stack.enter_context(socket.socket())
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            peer.connect(("127.0.0.1", gateway.api_port))
            peer.sendall(request)
            assert peer.recv(15) == b"HTTP/1.1 200 OK"
            return peer

        ask()
        with bounded(gateway, growth_mib=DEAF_MIB, descriptors=DEAF):
            deaf = [ask() for _ in range(DEAF)]

    assert len(deaf) == DEAF
