"""What hostile clients send over HTTP, all at once or drop by drop."""

from __future__ import annotations

import contextlib
import gzip
import random
import socket
import time

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
REFUSALS = {b"400", b"404", b"405", b"413", b"415", b"429"}
"""Nothing that is sent here may be answered in another way."""


def attack(
    port: int, until: float, seed: int, answers: set[bytes], *, pause_s: float = 0.0, source: str = "127.0.0.1"
) -> None:
    """Send bodies in any order over one connection after the other; keep the status codes that are answered."""
    chance = random.Random(seed)
    while time.monotonic() < until:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), 5, (source, 0)) as opened,
        ):
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
                time.sleep(pause_s)


def drip(port: int, count: int, *, every_s: float = 1.0, patience_s: float = 30.0, source: str = "127.0.0.1") -> float:
    """Send the same request over several connections, a byte of each at a time; return when the last was closed (s).

    Raise TimeoutError if one is still open after `patience_s`.
    """
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Drip: " + b"y" * 4000
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        peers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 5, (source, 0))) for _ in range(count)
        ]
        for byte in request:
            peers = [each for each in peers if _takes(each, byte)]
            passed_s = time.monotonic() - began
            if not peers:
                return passed_s
            if passed_s > patience_s:
                break
            time.sleep(every_s)
    raise TimeoutError(f"{len(peers)} of {count} that drip are still there after {patience_s:g} s")


def _takes(peer: socket.socket, byte: int) -> bool:
    """Send a byte; return False once the other side has closed."""
    try:
        peer.setblocking(False)  # noqa: FBT003 - the socket's own face
        while peer.recv(4096):
            pass
    except BlockingIOError:
        pass
    except OSError:
        return False
    else:
        return False
    try:
        peer.sendall(bytes((byte,)))
    except OSError:
        return False
    return True
