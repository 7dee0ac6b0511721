"""Ports for the servers of a test."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator

_FIRST, _LAST = 20_000, 32_000
"""Below the range from which Linux takes ports for outgoing connections: one of those could come before the server."""


def _walk() -> Iterator[int]:
    """Go round a share of the ports that is this worker's own.

    A port that was given is not in use yet, so nothing but the order keeps the next test, or the next worker, from it.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = range(_FIRST + worker, _LAST, workers)
    at = random.SystemRandom().randrange(len(share))
    while True:
        yield share[at]
        at = (at + 1) % len(share)


_PORTS = _walk()


def free_port() -> int:
    """Return a TCP port of loopback that nobody uses now, and that was not returned lately."""
    while True:
        port = next(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
