"""Runs the two listeners on one object graph: the API for programs, and the ingress page for Home Assistant.

The listener is the security boundary: the ingress one trusts its peer's address and asks for nothing else.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from neasmart.core.gateway import PORTS, Gateway
from neasmart.facts.network import listened_on
from neasmart.facts.retries import Backoff
from neasmart.facts.status import PortsStatus
from neasmart.settings.model import ApiSettings, Settings
from neasmart.web.answers import table_document
from neasmart.web.api.history import HistoryHandler, HistoryStore, limits
from neasmart.web.api.legacy import Legacy, stale_headers
from neasmart.web.api.live import Feed
from neasmart.web.api.metrics import Metrics
from neasmart.web.api.point_routes import CommandStore, PointRoutes
from neasmart.web.api.rest import Rest
from neasmart.web.api.rooms import RoomRoutes
from neasmart.web.api.seeing import Seeing, Sights
from neasmart.web.api.setup import SetupRoutes
from neasmart.web.assets import FOLDER, Assets
from neasmart.web.docs_page import DocsPage
from neasmart.web.guard.connections import CLIENT_LIMIT, Doors, HttpConnection
from neasmart.web.guard.gate import ApiGate, Gate, IngressGate
from neasmart.web.http.bodies import BODY_LIMIT
from neasmart.web.http.json_response import JsonResponse, header_lines
from neasmart.web.http.problems import API_POLICY, COMMON_HEADERS, Decorate, answering
from neasmart.web.http.request_id import HEADER
from neasmart.web.http.routes import Route, definitions, open_paths, routes_of
from neasmart.web.http.web_counters import WebCounters
from neasmart.web.http.web_status import WEB, WebStatus
from neasmart.web.sign_in import SignIn

_LOG = logging.getLogger(__name__)
_RETRY_S = (0.5, 30.0)
_SHUTDOWN_S = 0.3
_NOT_LEGACY = ("/api/", "/static/")
_PAGE_POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'; object-src 'none'"


class Role(Enum):
    """Which of the two listeners it is; the value is its name in the log and in the status."""

    API = "api"
    INGRESS = "ingress"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    role: Role
    host: str
    port: int
    gate: Gate
    client_limit: int | None
    routes: Sequence[web.RouteDef]


class WebServer:
    """Both listeners and the feed of changes that they share."""

    def __init__(
        self,
        settings: Settings,
        gateway: Gateway,
        store: CommandStore | None,
        *,
        history: HistoryStore | None = None,
        page: Path = FOLDER,
        sights: Sights | None = None,
    ) -> None:
        """Take the collaborators and the folder of the page; `run` opens the ports.

        Without `history` there is none to ask for, and without `sights` there are no captures and no diagnostics file.
        """
        self._page_on_api = sights is not None and sights.page_on_api
        self._settings = settings
        self._sights = sights
        self._api = settings.api
        self._gateway = gateway
        self._store = store
        self._history = history
        self._page = page
        self._changed = asyncio.Event()
        self._opened_otherwise = asyncio.Event()
        self.feed = Feed(gateway)
        self.counters = WebCounters()
        self.doors: dict[Role, Doors] = {}
        self._gate = ApiGate(
            settings.api,
            self.counters,
            open_paths(self.routes(Role.API)),
            lambda: gateway.hub.state(PORTS, PortsStatus),
            has_page=self._page_on_api,
        )
        self.status = WebStatus()

    async def run(self) -> None:
        """Serve for ever; a port that is taken is tried again. Ends within a second when cancelled."""
        self._publish(WebStatus())
        assets = await asyncio.to_thread(Assets.load, self._page)
        page = _Site(
            role=Role.INGRESS,
            host=self._api.ingress_host,
            port=self._api.ingress_port,
            gate=IngressGate(self.counters),
            # All users of Home Assistant come from the one address of the Supervisor.
            client_limit=None,
            routes=[*assets.routes(self._gateway, self._page_opened), *definitions(self.routes(Role.INGRESS))],
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self.feed.run())
            group.create_task(self._warn_when_ports_are_known())
            group.create_task(self._serve(page))
            await self._serve_api(group, assets)

    def use(self, settings: Settings) -> None:
        """Use other settings: keys, rates, origins and host names from the next request on.

        Where the API listens, and whether it does, changes at once; the page stays where it is.
        """
        before, self._api, self._settings = self._api, settings.api, settings
        if settings.api != before:
            self._gate.apply(settings.api)
        if _opened_by(settings.api) != _opened_by(before):
            # Who has the new key comes back at once.
            self._opened_otherwise.set()
        if _place(settings.api) != _place(before):
            self._changed.set()

    def _page_opened(self) -> None:
        if self._sights is not None:
            self._sights.page_opened()

    async def _warn_when_ports_are_known(self) -> None:
        with self._gateway.hub.subscribed() as (snapshot, subscription):
            known = snapshot
            while PORTS not in known:
                known = await subscription.batch()
        self._gate.warn_if_open()

    async def _serve_api(self, group: asyncio.TaskGroup, assets: Assets) -> None:
        """Serve the API where the settings want it, if they do, and elsewhere when they change."""
        signing_in = SignIn(self._gate, assets, self._gateway, self._page_opened)
        page = signing_in.routes() if self._page_on_api else []
        while True:
            self._changed.clear()
            api = self._api
            serving: asyncio.Task[None] | None = None
            if api.enabled:
                site = _Site(
                    role=Role.API,
                    host=api.host,
                    port=api.port,
                    gate=self._gate,
                    client_limit=CLIENT_LIMIT,
                    routes=[*page, *definitions(self.routes(Role.API))],
                )
                serving = group.create_task(self._serve(site))
            else:
                self._report_success(None)
            await self._changed.wait()
            if serving is not None:
                serving.cancel()
                await asyncio.wait({serving})

    def routes(self, role: Role) -> list[Route]:
        """Return what a listener serves beside the page's files."""
        gateway, sights, docs = self._gateway, self._sights, DocsPage()
        origin = "panel" if role is Role.INGRESS else "rest"
        schema = table_document.schema(gateway.table)
        if self._history is not None:
            schema = msgspec.structs.replace(schema, history=limits())
        # Tried in this order, and those of rooms are asked for most.
        owners: list[object] = [
            Rest(gateway, origin=origin, schema=schema),
            PointRoutes(gateway, self._store, self.feed, origin=origin),
            Legacy(gateway, origin=origin),
            Metrics(gateway, self.counters),
            RoomRoutes(gateway, lambda: None if self._sights is None else self._sights.rooms),
            docs,
        ]
        if self._history is not None:
            owners.append(HistoryHandler(gateway, self._history))
        if sights is not None:
            owners.append(Seeing(lambda: self._settings, gateway, self.feed, sights))
            if role is Role.INGRESS:
                owners.append(SetupRoutes(lambda: sights.guide))
        routes = [route for owner in owners for route in routes_of(owner)]
        if role is Role.API and self._page_on_api and sights is not None:
            guide = SetupRoutes(lambda: sights.guide if self._gate.sessions is not None else None)
            # For the page behind a login; programs have no business there.
            routes += [replace(route, shown=False) for route in routes_of(guide)]
        docs.describe(gateway.table, routes)
        return routes

    async def _serve(self, site: _Site) -> None:
        app = web.Application(client_max_size=BODY_LIMIT)
        app.add_routes(site.routes)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        server = runner.server
        if server is None:  # pragma: no cover - aiohttp sets it in setup
            raise RuntimeError("aiohttp has made no server")
        server.request_handler = answering(
            server.request_handler,
            _decoration(site.role, self._gateway, site.gate),
            site.gate,
            self.counters,
            self._gateway.bus.bus_waits,
        )
        doors = self.doors[site.role] = Doors(self.counters, client_limit=site.client_limit)
        try:
            async with self._listening(site, server, doors):
                while True:
                    # What is open was opened by a key or a session; where they change, all have to come again.
                    await (self._opened_otherwise if site.role is Role.API else asyncio.Event()).wait()
                    self._opened_otherwise.clear()
                    await self.feed.close(app)
        finally:
            # Before the cleanup, from which on aiohttp reads nothing any more, not even a page's good-bye.
            await self.feed.close(app)
            await runner.cleanup()
            self._publish(_opened(self.status, site.role, is_open=False))

    @asynccontextmanager
    async def _listening(self, site: _Site, server: web.Server, doors: Doors) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()

        def connection() -> HttpConnection:
            return HttpConnection(server, doors, loop)

        backoff = Backoff(*_RETRY_S)
        host = listened_on(site.host)
        while True:
            try:
                listener = await loop.create_server(connection, host, site.port, reuse_address=True)
                break
            except OSError as error:
                self._report_failure(site, error)
                await asyncio.sleep(backoff.wait_s())
        _LOG.info("The %s listener is open on %s port %d", site.role.value, site.host, site.port)
        self._report_success(site.role)
        try:
            yield
        finally:
            listener.close()

    def _report_success(self, role: Role | None) -> None:
        now = self.status if role is None else _opened(self.status, role, is_open=True)
        if now.ingress and (now.api or not self._api.enabled):
            detail = "Both listeners are open." if now.api else "The page is open; the API is closed."
            now = replace(now, failed=False, detail=detail)
        self._publish(now)

    def _report_failure(self, site: _Site, error: OSError) -> None:
        reason = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else str(error)
        detail = f"The {site.role.value} listener cannot use {site.host} port {site.port}: {reason}."
        detail = f"{detail} {_advice(site.role, error)}"
        if detail != self.status.detail:
            _LOG.warning("%s It is tried again", detail)
        self._publish(replace(self.status, failed=True, detail=detail))

    def _publish(self, status: WebStatus) -> None:
        self.status = status
        self._gateway.hub.publish(WEB, status)


def _advice(role: Role, error: OSError) -> str:
    prefix = "api." if role is Role.API else "api.ingress_"
    if error.errno == errno.EADDRINUSE:
        return f"Stop the other program or choose another {prefix}port."
    if error.errno == errno.EACCES:
        return f"Choose a port above 1023 as {prefix}port."
    # An address of another computer, for which Python has different errors, or a name that nobody knows.
    return f"This computer has no such address: set {prefix}host to 127.0.0.1, or to 0.0.0.0 for the whole network."


def _place(api: ApiSettings) -> tuple[bool, str, int]:
    return api.enabled, api.host, api.port


def _opened_by(api: ApiSettings) -> tuple[bool, str, str]:
    return api.enable_auth, api.key, api.jwt_secret


def _opened(status: WebStatus, role: Role, *, is_open: bool) -> WebStatus:
    return replace(status, api=is_open) if role is Role.API else replace(status, ingress=is_open)


def _decoration(role: Role, gateway: Gateway, gate: Gate) -> Decorate:
    """Return what adds the headers of a listener; a handler's own value of a header stands."""
    policy = _PAGE_POLICY if role is Role.INGRESS else API_POLICY
    headers = CIMultiDict({**COMMON_HEADERS, "Content-Security-Policy": policy})
    lines = header_lines(headers)

    def decorate(request: web.BaseRequest, response: web.StreamResponse, request_id: str) -> None:
        stale = {} if request.rel_url.raw_path.startswith(_NOT_LEGACY) else stale_headers(gateway)
        asked = gate.headers(request)
        if (
            not asked
            and type(response) is JsonResponse
            and response.compose(request, request_id, lines + header_lines(stale) if stale else lines)
        ):
            return
        response.headers[HEADER] = request_id
        response.headers.merge(headers)
        response.headers.update(stale)
        response.headers.extend(asked)

    return decorate
