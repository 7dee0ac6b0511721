"""Ports for the servers of a test."""

from __future__ import annotations

import random
import socket

_CHANCE = random.SystemRandom()
_FIRST, _LAST = 20_000, 32_000
"""Below the range from which Linux takes ports for outgoing connections: one of those could come before the server."""


def free_port() -> int:
    """Return a TCP port of loopback that nobody uses now."""
    while True:
        port = _CHANCE.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
