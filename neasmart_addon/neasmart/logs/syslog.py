"""Sends log lines to a syslog server from a thread of its own, so that nobody ever waits for the network.

To a server they go as RFC 5424: over UDP one in a datagram (RFC 5426), over TCP after their length (RFC 6587).
To a socket of this computer they go in the short form that journald and the classic daemons take.
"""

from __future__ import annotations

import logging
import os
import queue
import re
import socket
import threading
from urllib.parse import urlsplit

from neasmart.facts.clock import iso
from neasmart.facts.retries import Backoff

QUEUE_LINES = 1000
"""So many lines wait for a server that is away; later ones are counted and lost."""
TIMEOUT_S = 5.0
RETRY_S = (1.0, 60.0)

_LOG = logging.getLogger(__name__)
_PORT = 514
_DAEMON = 3 << 3
_SEVERITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7
_NAME = "neasmart"
_DATAGRAM_BYTES = 2048
"""What every receiver should take, says RFC 5426."""
_LINE_BYTES = 8192
_CONTROLS = {number: f"\\x{number:02x}" for number in (*range(32), 127)} | {9: "\t", 10: "\\n"}
_CLOSING_S = 0.5


class SyslogHandler(logging.Handler):
    """Hands lines to a thread that connects, sends, and tries again; a full queue loses lines and never waits."""

    def __init__(self, url: str) -> None:
        """Send to ``udp://HOST:PORT``, ``tcp://HOST:PORT`` or ``unix:///PATH``."""
        super().__init__()
        self._url = url
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._lost = 0
        self._away = False
        self._socket: socket.socket | None = None
        parts = urlsplit(url)
        self._kind = parts.scheme
        self._address = (parts.hostname or "", parts.port or _PORT)
        self._path = parts.path
        self._host = re.sub(r"[^!-~]", "", socket.gethostname())[:255] or "-"
        self._thread = threading.Thread(target=self._send_all, name="syslog", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a line."""
        try:
            if self._lines.qsize() < QUEUE_LINES:
                self._lines.put(self._framed(record))
            else:
                self._lost += 1
        except Exception:  # noqa: BLE001 - the contract of handlers: logging never raises
            self.handleError(record)

    def close(self) -> None:
        """Send what can be sent at once, and end."""
        self._stopping.set()
        self._lines.put(None)
        # The thread may be about to log, which takes the lock that the caller holds; it gets no longer than this.
        self._thread.join(_CLOSING_S)
        super().close()

    @property
    def waiting(self) -> int:
        """How many lines have not been sent yet."""
        return self._lines.qsize()

    def _framed(self, record: logging.LogRecord) -> bytes:
        text = self.format(record).translate(_CONTROLS)
        priority = _DAEMON | next((code for level, code in _SEVERITIES if record.levelno >= level), _DEBUG)
        if self._kind == "unix":
            return f"<{priority}>{_NAME}[{os.getpid()}]: {text}".encode(errors="replace")[:_LINE_BYTES]
        line = f"<{priority}>1 {iso(record.created)} {self._host} {_NAME} {os.getpid()} - - {text}".encode(
            errors="replace"
        )
        if self._kind == "udp":
            return line[:_DATAGRAM_BYTES]
        line = line[:_LINE_BYTES]
        return b"%d %b" % (len(line), line)

    def _send_all(self) -> None:
        for line in iter(self._lines.get, None):
            if not self._send(line):
                break
        if self._socket is not None:
            self._socket.close()

    def _send(self, line: bytes) -> bool:
        """Send a line, however often it takes; return False if there is no more time for it."""
        backoff = Backoff(*RETRY_S)
        while True:
            try:
                if self._socket is None:
                    self._socket = self._connected()
                elif self._kind == "tcp":
                    _check_open(self._socket)
                self._socket.sendall(line)
            except (OSError, ValueError) as error:
                self._lose(error)
                if self._stopping.wait(backoff.wait_s()):
                    return False
            else:
                self._found()
                return True

    def _connected(self) -> socket.socket:
        if self._kind == "tcp":
            return socket.create_connection(self._address, TIMEOUT_S)
        family: int = socket.AF_UNIX
        address: object = self._path
        if self._kind == "udp":
            family, _, _, _, address = socket.getaddrinfo(*self._address, type=socket.SOCK_DGRAM)[0]
        opened = socket.socket(family, socket.SOCK_DGRAM)
        opened.settimeout(TIMEOUT_S)
        try:
            opened.connect(address)  # type: ignore[arg-type] # a path, or as getaddrinfo gives it
        except OSError:
            opened.close()
            raise
        return opened

    def _lose(self, error: Exception) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if not self._away:
            self._away = True
            _LOG.warning(
                "The syslog server %s cannot be reached (%s); lines wait, up to %d", self._url, error, QUEUE_LINES
            )

    def _found(self) -> None:
        if self._away:
            self._away = False
            lost, self._lost = self._lost, 0
            _LOG.info("The syslog server %s takes lines again; %d were lost", self._url, lost)


def _check_open(connected: socket.socket) -> None:
    """Raise ConnectionError if the server has closed; the first line sent after that would be lost without a word."""
    connected.settimeout(0.0)
    try:
        if not connected.recv(_LINE_BYTES):
            raise ConnectionResetError("the server has closed the connection")
    except BlockingIOError:
        pass
    finally:
        connected.settimeout(TIMEOUT_S)
