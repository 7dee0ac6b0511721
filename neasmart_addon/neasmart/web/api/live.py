"""Sends the state to pages that stay open: everything at first, then what has changed, at most four times a second.

Clients that keep up share what is encoded, in messages that a phone takes in its stride. For one that does not, changes
are joined until it can take them; what it can hold is bounded by the number of points, and one that takes nothing for a
while is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import deque
from collections.abc import Iterator
from http import HTTPStatus

from aiohttp import WSCloseCode, WSMsgType, web
from msgspec.structs import replace

from neasmart import __version__
from neasmart.core.gateway import Gateway
from neasmart.facts.network import API, encoded
from neasmart.web.answers import page_documents
from neasmart.web.answers.page_answers import Changes
from neasmart.web.guard.auth import FOREVER, PROTOCOL_HEADER, SUBPROTOCOL
from neasmart.web.guard.gate import GOOD_UNTIL
from neasmart.web.http.problems import SERVER, Problem
from neasmart.web.http.request_id import HEADER, REQUEST_ID

CLIENTS_LIMIT = 200
"""Of each listener, because who fills the one must not keep pages from the other."""
CHANGES_EVERY_S = 0.25
KEYS_AT_ONCE = 16
"""So many readings are 0.1 ms of work before they can be sent."""
BUS_EVERY_S = 2.0
MESSAGE_BYTES = 4096
HEARTBEAT_S = 25.0
SEND_TIMEOUT_S = 10.0

_CLOSE_TIMEOUT_S = 0.3
_MESSAGE_LIMIT = 1024
_KERNEL_BUFFER_BYTES = 128 * 1024
_RATE_WINDOW_S = 10.0


class FrameRate:
    """Frames per second over the last ten seconds, from samples of a counter."""

    def __init__(self) -> None:
        """Start without samples."""
        self._samples: deque[tuple[float, int]] = deque()

    def sample(self, now: float, frames: int) -> None:
        """Note the counter at a monotonic time."""
        self._samples.append((now, frames))
        while len(self._samples) > 1 and now - self._samples[0][0] > _RATE_WINDOW_S:
            self._samples.popleft()

    @property
    def per_s(self) -> float:
        """The rate between the oldest and the newest sample."""
        if not self._samples:
            return 0.0
        (began, first), (ended, last) = self._samples[0], self._samples[-1]
        return (last - first) / (ended - began) if ended > began else 0.0


class _Changes:
    """Keys of the hub that have changed since a monotonic time; encoded once, for all who send just these."""

    __slots__ = ("_encoded", "at", "keys", "since")

    def __init__(self, keys: frozenset[str], since: float) -> None:
        self.keys = keys
        self.since = since
        self.at = 0.0
        """Of when they tell, once they are encoded."""
        self._encoded: tuple[bytes, ...] = ()

    def joined(self, newer: _Changes) -> _Changes:
        return _Changes(self.keys | newer.keys, self.since)

    def encoded(self, gateway: Gateway, frames_per_s: float, told_at: float = 0.0) -> tuple[bytes, ...]:
        """Return them as messages, encoded anew for one who has been told what is newer: nothing goes back in time."""
        if not self._encoded or self.at < told_at:
            self.at = gateway.clock.monotonic()
            self._encoded = tuple(pieces(page_documents.changes(gateway, self.keys, self.since, self.at, frames_per_s)))
        return self._encoded


def pieces(changes: Changes) -> Iterator[bytes]:
    """Encode changes as messages of at most `MESSAGE_BYTES`, unless one reading or command alone is larger."""
    message = encoded(changes)
    derived = list(changes.derived.items())
    if len(message) <= MESSAGE_BYTES or len(changes.readings) + len(derived) + len(changes.commands) <= 1:
        yield message
        return
    # Rounded up, so that the first half is never empty.
    readings, half, commands = (-(-len(each) // 2) for each in (changes.readings, derived, changes.commands))
    first = {"readings": changes.readings[:readings], "commands": changes.commands[:commands]}
    second = {"readings": changes.readings[readings:], "commands": changes.commands[commands:]}
    yield from pieces(replace(changes, **first, derived=dict(derived[:half])))
    yield from pieces(replace(changes, **second, derived=dict(derived[half:]), status={}))


class _Client:
    """One page and what it has not been sent yet."""

    def __init__(self, listener: web.Application) -> None:
        self.listener = listener
        self.socket = web.WebSocketResponse(
            timeout=_CLOSE_TIMEOUT_S,
            heartbeat=HEARTBEAT_S,
            compress=False,
            max_msg_size=_MESSAGE_LIMIT,
            protocols=(SUBPROTOCOL,),
        )
        self._pending: _Changes | None = None
        self._ready = asyncio.Event()

    def offer(self, changes: _Changes) -> None:
        self._pending = changes if self._pending is None else self._pending.joined(changes)
        self._ready.set()

    def skip(self) -> None:
        """Forget what is pending, because a snapshot is about to tell it."""
        self._pending = None
        self._ready.clear()

    async def changes(self) -> _Changes:
        await self._ready.wait()
        self._ready.clear()
        pending, self._pending = self._pending, None
        return pending or _Changes(frozenset(), 0.0)

    async def close(self) -> None:
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self.socket.close(code=WSCloseCode.GOING_AWAY, message=b"the gateway stops", drain=False)


class Feed:
    """All open pages, fed by one subscription to the hub."""

    def __init__(self, gateway: Gateway) -> None:
        """Start without clients."""
        self._gateway = gateway
        self._clients: set[_Client] = set()
        self._looked_at = asyncio.Event()
        self._telling = asyncio.Lock()
        self._rate = FrameRate()

    @property
    def clients(self) -> int:
        """How many pages are open."""
        return len(self._clients)

    @property
    def frames_per_s(self) -> float:
        """How busy the wire has been in the last seconds."""
        return self._rate.per_s

    async def run(self) -> None:
        """Hand out changes for ever."""
        loop = asyncio.get_running_loop()
        since = self._gateway.clock.monotonic()
        next_bus = loop.time()
        with self._gateway.hub.subscribed() as (_, subscription):
            while True:
                keys: set[str] = set()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(next_bus):
                        # While nobody looks, only the rate of frames has to be known.
                        await self._looked_at.wait()
                        keys.update(await subscription.batch())
                now = self._gateway.clock.monotonic()
                if loop.time() >= next_bus:
                    next_bus = loop.time() + BUS_EVERY_S
                    self._rate.sample(now, self._gateway.bus.counters.frames)
                    keys.add(page_documents.BUS)
                # In parts, and one page after the other: the bus is read between any two of them.
                ordered = sorted(keys)
                for first in range(0, len(ordered), KEYS_AT_ONCE):
                    changes = _Changes(frozenset(ordered[first : first + KEYS_AT_ONCE]), since)
                    if self._clients:
                        changes.encoded(self._gateway, self.frames_per_s)
                        await asyncio.sleep(0)
                    for client in tuple(self._clients):
                        client.offer(changes)
                        await asyncio.sleep(0)
                since = now
                await asyncio.sleep(CHANGES_EVERY_S)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one page until it goes away."""
        if sum(each.listener is request.app for each in self._clients) >= CLIENTS_LIMIT:
            message = f"Too many open pages. Allowed: {CLIENTS_LIMIT}"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_clients", message, headers={"Retry-After": "30"})
        offered = request.headers.get(PROTOCOL_HEADER)
        if offered is not None and SUBPROTOCOL not in [each.strip() for each in offered.split(",")]:
            # aiohttp would log what was offered, and that may be a key.
            message = f"A WebSocket that offers subprotocols must offer {SUBPROTOCOL}, too"
            raise Problem(HTTPStatus.BAD_REQUEST, "unknown_subprotocol", message)
        client = _Client(request.app)
        if not client.socket.can_prepare(request).ok:
            message = f"This path is a WebSocket; poll {API}/snapshot instead"
            raise Problem(HTTPStatus.BAD_REQUEST, "websocket_required", message)
        transport = request.transport
        _bound_kernel_buffer(request)
        client.socket.headers.update({HEADER: REQUEST_ID.get(), "Server": SERVER})
        self._clients.add(client)
        self._looked_at.set()
        try:
            await client.socket.prepare(request)
            good_until = request.get(GOOD_UNTIL, FOREVER)
            # Whoever came by a token or a session is heard no longer than it lasts.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if good_until == FOREVER else good_until - time.time()):
                    await self._converse(client)
        finally:
            self._clients.discard(client)
            if not self._clients:
                self._looked_at.clear()
            if transport is not None and client.socket.close_code in (None, WSCloseCode.ABNORMAL_CLOSURE):
                # Without a handshake at the end nobody will read the rest, so nothing waits to send it.
                transport.abort()
        return client.socket

    async def close(self, listener: web.Application) -> None:
        """Say good-bye to all pages of a listener."""
        await asyncio.gather(*(client.close() for client in list(self._clients) if client.listener is listener))

    async def _converse(self, client: _Client) -> None:
        sending = asyncio.create_task(self._send(client))
        receiving = asyncio.create_task(_ignore_messages(client.socket))
        try:
            await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, receiving):
                task.cancel()
            for outcome in await asyncio.gather(sending, receiving, return_exceptions=True):
                if isinstance(outcome, Exception) and not isinstance(outcome, TimeoutError | ConnectionError):
                    raise outcome

    async def _send(self, client: _Client) -> None:
        await self._deliver(client, encoded({"type": "hello", "version": __version__}))
        client.skip()
        # One at a time, and none is kept while its page is open: two hundred would be megabytes.
        async with self._telling:
            message = await self._snapshot()
        told_at = self._gateway.clock.monotonic()
        await self._deliver(client, message)
        while True:
            changes = await client.changes()
            messages = changes.encoded(self._gateway, self.frames_per_s, told_at)
            told_at = changes.at
            for message in messages:
                await self._deliver(client, message)

    async def _snapshot(self) -> bytes:
        now = self._gateway.clock.monotonic()
        return encoded(await page_documents.snapshot_in_pieces(self._gateway, now, self.frames_per_s))

    async def _deliver(self, client: _Client, message: bytes) -> None:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await client.socket.send_frame(message, WSMsgType.TEXT)


async def _ignore_messages(page: web.WebSocketResponse) -> None:
    """Read until the page closes; what pages say has no meaning, but closing and pings are answered here."""
    async for _ in page:
        pass


def _bound_kernel_buffer(request: web.Request) -> None:
    """Keep the kernel from growing its buffer to megabytes for each page that does not read."""
    connection = request.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER_BYTES)
