"""Plays Home Assistant's ingress: a random prefix that is stripped, headers that change, queries that are refused.

Runs in a thread of its own, so that browser tests can be written without an event loop. It reaches the gateway from
loopback, as the listener demands.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import ClientConnectionError, ClientSession, ClientWebSocketResponse, WSMsgType, web

MAX_BODY = 16 * 1024 * 1024
_ODD_QUERY = re.compile(r"\.\./|%2e%2e|<script|%3cscript|union[\s+%20]+select", re.IGNORECASE)
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length", "host"})
_FRAME = """<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>Home Assistant</title>
<link rel="icon" href="data:,">
<style>html {{ {variables} }} iframe {{ border: 0; width: 100%; height: 95vh }}</style></head>
<body><iframe title="panel" src="{prefix}/"></iframe></body></html>"""


class Ingress:
    """One app behind the proxy; the attributes may be changed while it runs."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.prefix = f"/api/hassio_ingress/{secrets.token_urlsafe(24)}"
        self.blocks_websockets = False
        self.frame_language = "en"
        self.frame_variables = ""
        self.requests: list[tuple[str, str]] = []
        self.replaced: dict[str, str] = {}
        self.opened_as: str | None = None
        """The name under which Home Assistant was opened, as its proxy passes it on."""
        self.port = 0
        self._sockets: set[web.WebSocketResponse] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The page, as the frame of Home Assistant opens it."""
        return f"{self.origin}{self.prefix}/"

    def count(self, method: str, path: str) -> int:
        """Return how often a path below the prefix has been asked for."""
        return self.requests.count((method, path))

    @property
    def open_sockets(self) -> int:
        return len(self._sockets)

    async def serve(self, started: threading.Event, stop: asyncio.Event) -> None:
        self._loop = asyncio.get_running_loop()
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_get("/home", self._frame)
        app.router.add_route("*", "/{path:.*}", self._forward)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        async with ClientSession(auto_decompress=False) as session:
            self._session = session
            started.set()
            await stop.wait()
        await runner.cleanup()

    async def _frame(self, _: web.Request) -> web.Response:
        page = _FRAME.format(language=self.frame_language, variables=self.frame_variables, prefix=self.prefix)
        return web.Response(text=page, content_type="text/html")

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        if not request.path.startswith(f"{self.prefix}/"):
            return web.Response(status=404)
        path = request.raw_path.removeprefix(self.prefix)
        self.requests.append((request.method, path))
        if _ODD_QUERY.search(request.query_string):
            return web.Response(status=400)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return web.Response(status=403) if self.blocks_websockets else await self._join(request, path)
        return await self._fetch(request, path)

    async def _fetch(self, request: web.Request, path: str) -> web.Response:
        headers = {name: text for name, text in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        headers["X-Ingress-Path"] = self.prefix
        if self.opened_as is not None:
            headers["X-Forwarded-Host"] = self.opened_as
        url = f"http://127.0.0.1:{self.target_port}{path}"
        try:
            async with self._session.request(
                request.method, url, headers=headers, data=await request.read(), allow_redirects=False
            ) as answer:
                body = await answer.read()
                passed = [(name, text) for name, text in answer.headers.items() if name.lower() not in _HOP_BY_HOP]
        except ClientConnectionError:
            return web.Response(status=502, text="Bad Gateway")
        response = web.Response(status=answer.status, body=body)
        for name, text in passed:
            # The Supervisor loses the charset on the way.
            response.headers[name] = text.split(";")[0] if name.lower() == "content-type" else text
        return response

    async def _join(self, request: web.Request, path: str) -> web.StreamResponse:
        try:
            theirs = await self._session.ws_connect(
                f"http://127.0.0.1:{self.target_port}{path}", headers={"X-Ingress-Path": self.prefix}
            )
        except (ClientConnectionError, OSError):
            return web.Response(status=502)
        ours = web.WebSocketResponse()
        await ours.prepare(request)
        self._sockets.add(ours)
        try:
            ways = {asyncio.create_task(self._pump(theirs, ours)), asyncio.create_task(self._pump(ours, theirs))}
            _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in left:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self._sockets.discard(ours)
            await theirs.close()
            await ours.close()
        return ours

    async def _pump(
        self,
        source: web.WebSocketResponse | ClientWebSocketResponse,
        sink: web.WebSocketResponse | ClientWebSocketResponse,
    ) -> None:
        async for message in source:
            if message.type is not WSMsgType.TEXT:
                continue
            text = str(message.data)
            for old, new in self.replaced.items():
                text = text.replace(old, new)
            await sink.send_str(text)


@contextmanager
def ingress(target_port: int) -> Iterator[Ingress]:
    """Run the proxy for the time of a test."""
    proxy = Ingress(target_port)
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(proxy.serve(started, stop))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(30), "the ingress emulator does not start"
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
