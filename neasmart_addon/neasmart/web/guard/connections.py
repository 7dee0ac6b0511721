"""Bounds what connections can cost: how many there are, and how slowly a request may come and a reply leave.

aiohttp waits 75 s for a request that has begun to arrive; whoever sends one byte a minute would hold a connection and
its memory as long as that, many times over.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Callable
from http import HTTPStatus

from aiohttp import WSCloseCode, web
from aiohttp.http import WebSocketReader
from aiohttp.http_exceptions import InvalidURLError

from neasmart.web.http import clients
from neasmart.web.http.masks import MaskWatch
from neasmart.web.http.problems import API_POLICY, COMMON_HEADERS, Problem, internal_problem, one_line, shaped
from neasmart.web.http.request_id import chosen
from neasmart.web.http.web_counters import WebCounters

TOTAL_LIMIT = 512
CLIENT_LIMIT = 128
HEAD_TIMEOUT_S = 10.0
REPLY_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 120.0
SLOWEST_BYTES_S = 4000.0
"""What a phone reads over a poor connection; so many bytes more give an answer a second more."""

_LOG = logging.getLogger(__name__)
_LINE_BYTES = 8190
_HEADERS = 96
_READ_BYTES = 32768
"""asyncio would allocate 256 KiB for each read, and what is kept in between would stand in the way of the next one.

More than the longest head that is answered: what lies unread when a connection is closed resets it, and the client
never sees why it was refused.
"""
_TOLD_BYTES = 1024
"""As much as a page may say at once in its WebSocket; a full read of empty frames kept the base waiting for 28 ms."""
_ONE_WRITE = 32768
"""What is shorter finds room in an empty buffer of asyncio, so its sender waits for nobody, and need not be watched."""
_LINGERING_S = 2.0
_KEEP_ALIVE_S = 75.0
_PROTOCOL_ERROR = b"\x88\x02" + int(WSCloseCode.PROTOCOL_ERROR).to_bytes(2)
"""The frame that closes a WebSocket with 1002."""
_QUOTED = re.compile(
    r""":?\s*(?:bytearray\()?(?:\bb|(?<![A-Za-z]))(?:"|'(?![A-Z][\w-]*' header)).*""",
    re.DOTALL,
)
"""What aiohttp quotes of a request that it cannot read, because the line may hold a key: all from the first quotation
mark on that is neither an apostrophe nor before the name of a header."""
_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)


class Doors:
    """The connections that are open, in total and by client; without `client_limit` one client may have them all."""

    def __init__(self, counters: WebCounters, *, client_limit: int | None) -> None:
        """Start without connections."""
        self.counters = counters
        self.open = 0
        self._client_limit = client_limit
        self._by_client: dict[str, int] = {}
        self._told = False

    def enter(self, client: str) -> bool:
        """Count a new connection; return False if it is one too many."""
        mine = self._by_client.get(client, 0)
        if self.open >= TOTAL_LIMIT or (self._client_limit is not None and mine >= self._client_limit):
            self.counters.refuse("connections")
            if not self._told:
                self._told = True
                _LOG.warning("Too many connections, %d of %s; more are refused", mine, client)
            return False
        self.open += 1
        self._by_client[client] = mine + 1
        return True

    def leave(self, client: str) -> None:
        """Count a connection that has ended."""
        self.open -= 1
        left = self._by_client[client] - 1
        if left:
            self._by_client[client] = left
        else:
            del self._by_client[client]
        if not self.open:
            self._told = False


class HttpConnection(web.RequestHandler):
    """One client's connection; what is not even HTTP is answered in the one shape of all errors, too."""

    __slots__ = ("_client", "_deadline", "_doors", "_masks")

    def __init__(self, server: web.Server, doors: Doors, loop: asyncio.AbstractEventLoop) -> None:
        """Serve what the server says, as long as the doors allow."""
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type] # aiohttp's way to say "none"; its hint forgets it
            lingering_time=_LINGERING_S,
            keepalive_timeout=_KEEP_ALIVE_S,
            max_line_size=_LINE_BYTES,
            max_field_size=_LINE_BYTES,
            max_headers=_HEADERS,
            # A compressed body is refused by `problems` instead, before a byte of it is inflated.
            auto_decompress=False,
        )
        self._doors = doors
        self._client: str | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._masks: MaskWatch | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the client in, or drop it at once."""
        peer = transport.get_extra_info("peername")
        client = clients.name(str(peer[0])) if peer else ""
        if not self._doors.enter(client):
            if isinstance(transport, asyncio.Transport):
                transport.abort()
            return
        self._client = client
        connection = transport.get_extra_info("socket")
        if connection is not None and _USER_TIMEOUT is not None:
            # The kernel ends what its peer does not take, however long a reply is.
            connection.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, int(REPLY_TIMEOUT_S * 1000))
        if hasattr(transport, "max_size"):
            transport.max_size = _READ_BYTES
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Free the place."""
        if self._client is None:
            return
        self._doors.leave(self._client)
        self._client = None
        self._forget_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; the rest of a request's head must follow soon after its first byte."""
        if self._masks is not None and not self._masks.all_masked(data):
            self._refuse_unmasked()
            return
        requests = self._request_count
        super().data_received(data)
        if self._request_count != requests:
            if self._deadline is not None:
                self._forget_deadline()
        elif self._deadline is None and self._waits:
            self._await_head()

    def set_parser(self, parser: WebSocketReader, data_received_cb: Callable[[], None] | None = None) -> None:
        """Read a WebSocket from now on."""
        self._masks = MaskWatch()
        transport = self.transport
        if transport is not None and hasattr(transport, "max_size"):
            transport.max_size = _TOLD_BYTES
        if not self._masks.all_masked(self._message_tail):
            self._message_tail = b""
            self._refuse_unmasked()
        super().set_parser(parser, data_received_cb)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; who reads it too slowly loses the connection, which others need."""
        transport, body = self.transport, getattr(resp, "body", None)
        limit_s = ANSWER_TIMEOUT_S + (getattr(resp, "content_length", None) or 0) / SLOWEST_BYTES_S
        if not isinstance(transport, asyncio.Transport):
            return await super().finish_response(request, resp, start_time)
        try:
            if isinstance(body, bytes) and len(body) < _ONE_WRITE and not transport.get_write_buffer_size():
                return await super().finish_response(request, resp, start_time)
            async with asyncio.timeout(limit_s):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError as error:
            self._doors.counters.refuse("slow")
            transport.abort()
            raise ConnectionError("the answer was not read") from error
        finally:
            if transport.get_write_buffer_size():
                # It has left as far as aiohttp can tell; a close waits until it is read, and keeps its place.
                self._loop.call_later(limit_s, _abort_if_closing, transport)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to a request that could not be read, and close the connection behind it."""
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            # Port scans and TLS on a plain port are no news; at a higher level they would fill the log.
            told = _QUOTED.sub("", message or "")
            # Some addresses are all that is said, and not in quotes.
            why = None if told == message and isinstance(exc, InvalidURLError) else one_line(told)
            _LOG.debug("%s sent what is not HTTP: %s", request.remote, why)
            problem = Problem(status, "malformed_request", "The request is not valid HTTP", details=why)
        elif isinstance(exc, ConnectionError):
            _LOG.debug("%s went away in the middle of a request", request.remote)
            problem = internal_problem()
        else:
            _LOG.error("A request of %s could not be answered", request.remote, exc_info=exc)
            problem = internal_problem()
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has already begun")
        response = shaped(problem, path=request.path, request_id=chosen(None))
        response.headers.update({**COMMON_HEADERS, "Content-Security-Policy": API_POLICY})
        response.force_close()
        return response

    @property
    def _waits(self) -> bool:
        return self._current_request is None and not self._messages and not self._upgraded

    def _refuse_unmasked(self) -> None:
        self._doors.counters.refuse("unmasked")
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.write(_PROTOCOL_ERROR)
        self.force_close()

    def _await_head(self) -> None:
        self._deadline = self._loop.call_later(HEAD_TIMEOUT_S, self._give_up)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self._waits:
            self._doors.counters.refuse("slow")
            self.force_close()


def _abort_if_closing(transport: asyncio.Transport) -> None:
    if transport.is_closing():
        transport.abort()
