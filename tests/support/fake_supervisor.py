"""Plays the Supervisor over HTTP as far as an app may ask it about itself, and validates as the real one does.

Options are stored whole, unknown ones are dropped and required ones demanded; posted ports replace the stored set;
`options.json` is written at a start only.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from aiohttp import web

from tests.support.supervisor import RefusedError, manifest, taken

TOKEN = "the-token-of-the-app"
Handler = Callable[[web.Request], Awaitable[web.Response]]


class FakeSupervisor:
    """The attributes may be changed while it serves."""

    def __init__(self) -> None:
        form = manifest()
        self.schema: dict[str, Any] = form["schema"]
        self.defaults: dict[str, Any] = form["options"]
        self.user: dict[str, Any] = {}
        self.network: dict[str, int | None] = dict(form["ports"])
        self.restarts = 0
        self.posted: list[dict[str, Any]] = []
        self.hangs = False
        self.refuses: str | None = None
        self.before_post: Callable[[], None] = lambda: None
        self.after_post: Callable[[], None] = lambda: None
        self.on_restart: Callable[[], None] = lambda: None
        self.url = ""

    @property
    def options(self) -> dict[str, Any]:
        """Defaults with what the user has saved over them, as the Supervisor merges: whole groups."""
        return {**deepcopy(self.defaults), **deepcopy(self.user)}

    def save_in_form(self, **sections: Any) -> None:
        """Save as somebody does who uses the form."""
        self.user = self._valid({**self.options, **sections})

    async def serve(self) -> web.AppRunner:
        """Open a port; `url` tells where."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/addons/self/info", self._guarded(self._info)),
                web.get("/addons/self/options/config", self._guarded(self._config)),
                web.post("/addons/self/options", self._guarded(self._store)),
                web.post("/addons/self/restart", self._guarded(self._restart)),
            ]
        )
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.Response:
            if request.headers.get("Authorization") != f"Bearer {TOKEN}":
                return web.Response(status=401)
            if self.hangs:
                await asyncio.sleep(3600)
            if self.refuses is not None:
                return _refused(self.refuses)
            return await handler(request)

        return guarded

    async def _info(self, _: web.Request) -> web.Response:
        return _ok({"slug": "neasmart_addon", "options": self.options, "network": dict(self.network)})

    async def _config(self, _: web.Request) -> web.Response:
        try:
            return _ok(self._valid(self.options))
        except RefusedError:
            return _refused("Invalid configuration data for the add-on")

    async def _store(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.before_post()
        self.posted.append(body)
        try:
            if "options" in body:
                self.user = self._valid(body["options"])
        except RefusedError as error:
            return _refused(f"Invalid options: {error}. Got {body['options']!r}"[:300])
        if "network" in body:
            if not body["network"].keys() <= self.network.keys():
                return _refused("Port not defined in the config")
            self.network = {name: body["network"].get(name) for name in self.network}
        self.after_post()
        if self.hangs:
            await asyncio.sleep(3600)
        return _ok(None)

    async def _restart(self, _: web.Request) -> web.Response:
        await asyncio.to_thread(self.on_restart)
        self.restarts += 1
        return _ok(None)

    def _valid(self, options: dict[str, Any]) -> dict[str, Any]:
        found = {name: taken(self.schema[name], value, name) for name, value in options.items() if name in self.schema}
        missing = [name for name, inner in self.schema.items() if isinstance(inner, dict) and name not in found]
        if missing:
            raise RefusedError(f"Missing option {missing[0]!r} in root")
        return found


@contextmanager
def fake_supervisor() -> Iterator[FakeSupervisor]:
    """Serve in a thread of its own, for tests without an event loop."""
    supervisor = FakeSupervisor()
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        runner = await supervisor.serve()
        started.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert started.wait(30), "the fake Supervisor does not start"
    try:
        yield supervisor
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()


def _ok(data: Any) -> web.Response:
    return web.json_response({"result": "ok", "data": data if data is not None else {}})


def _refused(message: str) -> web.Response:
    return web.json_response({"result": "error", "message": message}, status=400)
