"""The paths under /api/v1 for those who know ids: points, commands, what is on the wire, and all of it at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

import msgspec
from aiohttp import web

from neasmart.core.gateway import Gateway
from neasmart.core.recall import PastCommand
from neasmart.facts.errors import NoLinkError
from neasmart.facts.network import API
from neasmart.web.answers import bus_documents, documents, page_documents
from neasmart.web.answers.bus_answers import Bus
from neasmart.web.answers.page_answers import Snapshot
from neasmart.web.answers.point_answers import CommandAnswer, CommandList, PointAnswer, PointList, SyncProgress, Undone
from neasmart.web.api.live import Feed
from neasmart.web.guard.gate import ORIGIN
from neasmart.web.http.bodies import invalid_parameter, query, queued, read_object, reply, required, whole_number
from neasmart.web.http.problems import Problem
from neasmart.web.http.routes import TEXT, Route

COMMANDS_SHOWN = 200
COMMANDS_LIMIT = 1000
_LIMIT = {"type": "integer", "minimum": 1, "maximum": COMMANDS_LIMIT, "default": COMMANDS_SHOWN}

_LOG = logging.getLogger(__name__)
_STORE_TIMEOUT_S = 3.0


class CommandStore(Protocol):
    """Where commands of the past are kept."""

    async def command_history(self, limit: int) -> Sequence[PastCommand] | None:
        """Return the last commands, newest first."""


class PointRoutes:
    """The handlers; `origin` names in each command who has sent it."""

    def __init__(self, gateway: Gateway, store: CommandStore | None, feed: Feed, *, origin: str) -> None:
        """Answer from the gateway's memory, and for old commands from the store."""
        self._gateway = gateway
        self._store = store
        self._feed = feed
        self._origin = origin

    @Route(
        "GET",
        f"{API}/points",
        "points",
        PointList,
        query={"prefix": TEXT | {"description": "How the ids begin, such as `zone.1.`"}},
    )
    async def points(self, request: web.Request) -> web.Response:
        """Read all points, and registers without a meaning.

        Each value of the register table, raw and decoded, with age and quality; registers that the base writes without
        anybody knowing why stand beside them.
        """
        prefix = query(request, "prefix").get("prefix", "")
        now = self._now()
        found = documents.readings(self._gateway, now, prefix)
        unknown = documents.unknown_registers(self._gateway, now)
        return reply(PointList(points=found, count=len(found), unknown_registers=unknown))

    @Route("GET", f"{API}/points/{{point_id}}", "points", PointAnswer, names={"point_id": "PointId"})
    async def point(self, request: web.Request) -> web.Response:
        """Read one point. One value of the register table by its id, such as `zone.1.3.setpoint`."""
        ref = self._gateway.table.ref(request.match_info["point_id"])
        return reply(documents.reading(self._gateway, self._gateway.plant.reading(ref), self._now()))

    @Route(
        "PUT",
        f"{API}/points/{{point_id}}",
        "points",
        CommandAnswer,
        sends="PointCommand",
        names={"point_id": "WritablePointId"},
        status=HTTPStatus.ACCEPTED,
        commands=True,
        problems=(HTTPStatus.CONFLICT,),
    )
    async def set_point(self, request: web.Request) -> web.Response:
        """Set one point. Sets any value that the base asks for."""
        queue = queued(request)
        ref = self._gateway.table.ref(request.match_info["point_id"])
        value = required(await read_object(request, ("value",)), "value")
        (command,) = self._gateway.submit([(ref, value)], origin=self._origin_of(request), queue=queue)
        return reply(documents.command(command, self._gateway.clock), status=HTTPStatus.ACCEPTED)

    @Route("GET", f"{API}/commands", "points", CommandList, query={"limit": _LIMIT})
    async def commands(self, request: web.Request) -> web.Response:
        """Read the last commands, newest first. Those that are under way and those that have ended since the start."""
        text = query(request, "limit").get("limit", str(COMMANDS_SHOWN))
        limit = whole_number(text, 1, COMMANDS_LIMIT)
        if limit is None:
            raise invalid_parameter("limit", repr(text[:20]), f"between 1 and {COMMANDS_LIMIT}")
        return reply(CommandList(commands=(await self._all_commands(limit))[:limit]))

    @Route("GET", f"{API}/commands/{{command_id}}", "points", CommandAnswer)
    async def command(self, request: web.Request) -> web.Response:
        """Read one command. Its state with the times at which it was given, read by the base, and ended."""
        command_id = request.match_info["command_id"]
        known = self._gateway.commands.get(command_id)
        if known is not None:
            return reply(documents.command(known, self._gateway.clock))
        for told in await self._all_commands(COMMANDS_LIMIT):
            if told.id == command_id:
                return reply(told)
        message = f"Unknown command: {command_id[:60]!r}. GET {API}/commands lists the last ones"
        raise Problem(HTTPStatus.NOT_FOUND, "unknown_command", message)

    @Route(
        "POST",
        f"{API}/commands/{{command_id}}/undo",
        "points",
        Undone,
        status=HTTPStatus.ACCEPTED,
        problems=(HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    async def undo(self, request: web.Request) -> web.Response:
        """Take a command back, or bring back what was there before it.

        What has not been read is withdrawn; what has been is set back to the value of before, unless somebody has
        changed it since. Possible for ten minutes.
        """
        command_id = request.match_info["command_id"]
        withdrawn, commands = self._gateway.undo(command_id, origin=self._origin_of(request))
        ids = Undone(withdrawn=[each.id for each in withdrawn], commands=[each.id for each in commands])
        return reply(ids, status=HTTPStatus.ACCEPTED)

    @Route("GET", f"{API}/bus", "bus", Bus)
    async def bus(self, _: web.Request) -> web.Response:
        """Read what was seen on the wire. Counters, ages, and statistics of the walk of the base."""
        now = self._now()
        seen = bus_documents.bus(self._gateway, now, self._feed.frames_per_s)
        return reply(
            Bus(
                link=bus_documents.status(self._gateway.link, self._gateway.clock),
                **msgspec.structs.asdict(seen),
                statistics=self._gateway.bus.traffic.document(now),
                idle_polls=self._gateway.bus.idle_polls.document(),
            )
        )

    @Route(
        "POST",
        f"{API}/sync",
        "bus",
        SyncProgress,
        status=HTTPStatus.ACCEPTED,
        problems=(HTTPStatus.SERVICE_UNAVAILABLE,),
    )
    async def sync(self, _: web.Request) -> web.Response:
        """Have the base write everything anew.

        The base writes each value anew the next time that it asks for it; nothing is changed.
        """
        if not self._gateway.link.connected:
            raise NoLinkError(
                f"Not connected to the base station, so nothing can be asked. {self._gateway.link.detail}"
            )
        self._gateway.sync(self._now())
        return reply(self._progress(), status=HTTPStatus.ACCEPTED)

    @Route("GET", f"{API}/sync", "bus", SyncProgress)
    async def sync_progress(self, _: web.Request) -> web.Response:
        """Read how much is still to come. How many of all values have not been written since they were asked for."""
        return reply(self._progress())

    @Route("GET", f"{API}/snapshot", "system", Snapshot)
    async def snapshot(self, _: web.Request) -> web.Response:
        """Read everything that a page shows.

        What the WebSocket sends first, for programs that would rather ask again and again.
        """
        return reply(await page_documents.snapshot_in_pieces(self._gateway, self._now(), self._feed.frames_per_s))

    @Route("GET", f"{API}/live", "system", {}, shown=False)
    async def live(self, request: web.Request) -> web.StreamResponse:
        """Send the state at once and changes as they come. A WebSocket, which this description cannot tell of."""
        return await self._feed.serve(request)

    def _progress(self) -> SyncProgress:
        refreshing, total = self._gateway.sync_progress
        return SyncProgress(refreshing=refreshing, total=total)

    def _origin_of(self, request: web.Request) -> str:
        return str(request.get(ORIGIN, self._origin))

    async def _all_commands(self, limit: int) -> list[CommandAnswer]:
        known = [documents.command(command, self._gateway.clock) for command in self._gateway.commands.recent]
        ids = {told.id for told in known}
        return known + [told for told in await self._stored_commands(limit) if told.id not in ids]

    async def _stored_commands(self, limit: int) -> list[CommandAnswer]:
        if self._store is None:
            return []
        try:
            async with asyncio.timeout(_STORE_TIMEOUT_S):
                past = await self._store.command_history(limit)
        except TimeoutError:
            # The store reports its own troubles; what is in memory is still worth an answer.
            _LOG.debug("The store did not answer within %g s", _STORE_TIMEOUT_S)
            return []
        return [documents.past_command(each, self._gateway.table) for each in past or ()]

    def _now(self) -> float:
        return self._gateway.clock.monotonic()
