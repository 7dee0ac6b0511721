"""Socket options for the bus: replies leave at once, and a converter without power is noticed within a minute."""

from __future__ import annotations

import socket

_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000),
)


def keep_alive(connected: socket.socket) -> None:
    """Set the options on a connected socket."""
    for level, option, value in _OPTIONS:
        connected.setsockopt(level, option, value)
