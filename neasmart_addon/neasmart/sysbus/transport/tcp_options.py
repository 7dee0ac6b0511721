"""How connections of the bus are set: replies leave at once, and a converter without power is noticed in a minute."""

from __future__ import annotations

import socket

READ_BYTES = 448
"""At most so much is read at once: a tenth of a second of the line, and what Python still calls a small object.

asyncio and serialx would allocate 256 KiB for each read, which musl maps anew every time. With larger pieces than these
glibc's heap grew by megabytes in an hour, because what is kept in between stands in its way. A read that is full is
followed by another, so what it holds has waited.
"""

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
