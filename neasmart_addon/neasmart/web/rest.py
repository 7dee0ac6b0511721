"""The paths under /api/v1, as the REST contract has them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Protocol

from aiohttp import web

from neasmart.command import Command
from neasmart.errors import NoLinkError
from neasmart.gateway import Gateway
from neasmart.registers import Part
from neasmart.web import documents, places
from neasmart.web.bodies import Document, flag, invalid_parameter, query, read_object, reply, whole_number
from neasmart.web.health import health
from neasmart.web.live import Feed
from neasmart.web.problems import Problem

PREFIX = "/api/v1"
COMMANDS_SHOWN = 200
COMMANDS_LIMIT = 1000

_LOG = logging.getLogger(__name__)
_STORE_TIMEOUT_S = 3.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class CommandStore(Protocol):
    """Where commands of the past are kept."""

    async def command_history(self, limit: int) -> Sequence[documents.PastCommand] | None:
        """Return the last commands, newest first."""


class Rest:
    """The handlers; `origin` names in each command who has sent it."""

    def __init__(
        self,
        gateway: Gateway,
        store: CommandStore | None,
        feed: Feed,
        *,
        origin: str,
        schema: Document | None = None,
    ) -> None:
        """Answer from the gateway's memory, and for old commands from the store; `schema` tells what there is."""
        self._gateway = gateway
        self._store = store
        self._feed = feed
        self._origin = origin
        self._schema = documents.schema(gateway.table) if schema is None else schema

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, each of which refuses query parameters that it does not know."""
        return [
            # The router tries them in this order, and single zones are asked for most.
            _get("/zones/{base_id}/{zone_id}", _plain(self.zone)),
            _post("/zones/{base_id}/{zone_id}", self.set_zone),
            _get("/zones", self.zones),
            _get("/zones/", self.zones),
            _get("/outsidetemperature", _plain(self.outside)),
            _get("/notifications", _plain(self.notifications)),
            _get("/mode", _plain(self.mode)),
            _post("/mode", self.set_mode),
            _get("/state", _plain(self.state)),
            _post("/state", self.set_state),
            _get("/mixedgroups/{group_id}", _plain(self.mixed_group)),
            _get("/dehumidifiers/{dehumidifier_id}", _plain(self.dehumidifier)),
            _get("/pumps/{pump_id}", _plain(self.pump)),
            _get("/health", _plain(self.health)),
            _get("/schema", _plain(self.schema)),
            _get("/points", self.points),
            _get("/points/{point_id}", _plain(self.point)),
            web.put(f"{PREFIX}/points/{{point_id}}", self.set_point),
            _get("/commands", self.commands),
            _get("/commands/{command_id}", _plain(self.command)),
            _post("/commands/{command_id}/undo", _plain(self.undo)),
            _get("/bus", _plain(self.bus)),
            _get("/sync", _plain(self.sync_progress)),
            _post("/sync", _plain(self.sync)),
            _get("/snapshot", _plain(self.snapshot)),
            web.get(f"{PREFIX}/live", _plain(self._feed.serve), allow_head=False),
        ]

    async def zones(self, request: web.Request) -> web.Response:
        """Answer all zones that exist, of one base or of all."""
        asked = query(request, "base_id", "include_inactive")
        include_inactive = flag(asked, "include_inactive")
        base_axis, zone_axis = self._gateway.table.rooms.axes
        base_id = places.number(base_axis, asked["base_id"]) if "base_id" in asked else None
        now = self._now()
        found = [
            documents.zone(self._gateway, base, zone, now)
            for base in ((base_id,) if base_id is not None else base_axis.indices)
            for zone in zone_axis.indices
            if include_inactive or self._gateway.plant.zone_active(base, zone)
        ]
        chosen = {"base_id": base_id, "include_inactive": include_inactive}
        return reply({"zones": found, "count": len(found), "filter": chosen})

    async def zone(self, request: web.Request) -> web.Response:
        """Answer one zone."""
        base_id, zone_id = places.room(request, self._gateway.table)
        return reply(documents.zone(self._gateway, base_id, zone_id, self._now()))

    async def set_zone(self, request: web.Request) -> web.Response:
        """Command a zone's state, its setpoint, or both."""
        queue = _queue(request)
        base_id, zone_id = places.room(request, self._gateway.table)
        refs = {ref.point.key: ref for ref in self._gateway.table.room(base_id, zone_id) if ref.point.writable}
        wanted = await read_object(request, tuple(refs))
        if not wanted:
            message = f"One of {' or '.join(refs)} needs to be specified"
            raise Problem(HTTPStatus.BAD_REQUEST, "missing_value", message)
        commands = self._submit({refs[key].id: value for key, value in wanted.items()}, queue=queue)
        updated: Document = {command.ref.point.key: command.value for command in commands}
        for command in commands:
            if command.ref.point.part is Part.TARGET:
                updated[f"{command.ref.point.key}_encoded"] = command.word
        ids = [command.id for command in commands]
        return reply({"base_id": base_id, "zone_id": zone_id, "updated": updated, "commands": ids})

    async def outside(self, _: web.Request) -> web.Response:
        """Answer the outside temperatures."""
        return reply(documents.answer(self._gateway, "outsidetemperature"))

    async def notifications(self, _: web.Request) -> web.Response:
        """Answer which kinds of messages the base has to tell."""
        return reply(documents.answer(self._gateway, "notifications"))

    async def mode(self, _: web.Request) -> web.Response:
        """Answer the global mode."""
        return reply(documents.answer(self._gateway, "mode"))

    async def set_mode(self, request: web.Request) -> web.Response:
        """Command the global mode."""
        return await self._set_global(request, "mode")

    async def state(self, _: web.Request) -> web.Response:
        """Answer the global state, and whether the rooms differ."""
        document = documents.answer(self._gateway, "state")
        if self._gateway.plant.mixed:
            document["mixed"] = True
        return reply(document)

    async def set_state(self, request: web.Request) -> web.Response:
        """Command the global state."""
        return await self._set_global(request, "state")

    async def mixed_group(self, request: web.Request) -> web.Response:
        """Answer one mixed circuit."""
        (group_id,) = places.index(request, self._gateway.table, "mixed_circuit")
        return reply(documents.equipment(self._gateway, "mixed_circuit", group_id))

    async def dehumidifier(self, request: web.Request) -> web.Response:
        """Answer one dehumidifier."""
        (dehumidifier_id,) = places.index(request, self._gateway.table, "dehumidifier")
        return reply(documents.equipment(self._gateway, "dehumidifier", dehumidifier_id))

    async def pump(self, request: web.Request) -> web.Response:
        """Answer one extra pump."""
        (pump_id,) = places.index(request, self._gateway.table, "pump")
        return reply(documents.equipment(self._gateway, "pump", pump_id))

    async def health(self, _: web.Request) -> web.Response:
        """Answer how the gateway is; 200 as long as it can answer."""
        return reply(health(self._gateway, self._now()))

    async def schema(self, _: web.Request) -> web.Response:
        """Answer what the register table knows of points, units and limits."""
        return reply(self._schema)

    async def points(self, request: web.Request) -> web.Response:
        """Answer every point, and the registers that have no meaning yet."""
        prefix = query(request, "prefix").get("prefix", "")
        now = self._now()
        found = documents.readings(self._gateway, now, prefix)
        unknown = documents.unknown_registers(self._gateway, now)
        return reply({"points": found, "count": len(found), "unknown_registers": unknown})

    async def point(self, request: web.Request) -> web.Response:
        """Answer one point."""
        ref = self._gateway.table.ref(request.match_info["point_id"])
        return reply(documents.reading(self._gateway, self._gateway.plant.reading(ref), self._now()))

    async def set_point(self, request: web.Request) -> web.Response:
        """Command one point."""
        queue = _queue(request)
        ref = self._gateway.table.ref(request.match_info["point_id"])
        value = _required(await read_object(request, ("value",)), "value")
        (command,) = self._submit({ref.id: value}, queue=queue)
        return reply(documents.command(command, self._gateway.clock), status=HTTPStatus.ACCEPTED)

    async def commands(self, request: web.Request) -> web.Response:
        """Answer the last commands, newest first, with those that the store remembers."""
        text = query(request, "limit").get("limit", str(COMMANDS_SHOWN))
        limit = whole_number(text, 1, COMMANDS_LIMIT)
        if limit is None:
            raise invalid_parameter("limit", repr(text[:20]), f"between 1 and {COMMANDS_LIMIT}")
        return reply({"commands": (await self._all_commands(limit))[:limit]})

    async def command(self, request: web.Request) -> web.Response:
        """Answer one command by its id."""
        command_id = request.match_info["command_id"]
        known = self._gateway.commands.get(command_id)
        if known is not None:
            return reply(documents.command(known, self._gateway.clock))
        for document in await self._all_commands(COMMANDS_LIMIT):
            if document["id"] == command_id:
                return reply(document)
        message = f"Unknown command: {command_id[:60]!r}. GET {PREFIX}/commands lists the last ones"
        raise Problem(HTTPStatus.NOT_FOUND, "unknown_command", message)

    async def undo(self, request: web.Request) -> web.Response:
        """Take a command back, or bring back what was there before it."""
        withdrawn, commands = self._gateway.undo(request.match_info["command_id"], origin=self._origin)
        ids = {"withdrawn": [each.id for each in withdrawn], "commands": [each.id for each in commands]}
        return reply(ids, status=HTTPStatus.ACCEPTED)

    async def bus(self, _: web.Request) -> web.Response:
        """Answer what has been seen on the wire."""
        now = self._now()
        return reply(
            {
                "link": documents.status(self._gateway.link, self._gateway.clock),
                **documents.bus(self._gateway, now, self._feed.frames_per_s),
                "statistics": self._gateway.traffic.document(now),
                "idle_polls": self._gateway.idle_polls.document(),
            }
        )

    async def sync(self, _: web.Request) -> web.Response:
        """Watch one walk in which the base tells everything anew, as every poll without a command asks it to."""
        if not self._gateway.link.connected:
            raise NoLinkError(
                f"Not connected to the base station, so nothing can be asked. {self._gateway.link.detail}"
            )
        self._gateway.sync(self._now())
        return reply(self._progress(), status=HTTPStatus.ACCEPTED)

    async def sync_progress(self, _: web.Request) -> web.Response:
        """Answer how many registers the base has still to write, and of how many."""
        return reply(self._progress())

    async def snapshot(self, _: web.Request) -> web.Response:
        """Answer what `/live` sends first, for clients that can only poll."""
        return reply(documents.snapshot(self._gateway, self._now(), self._feed.frames_per_s))

    def _progress(self) -> Document:
        refreshing, total = self._gateway.sync_progress
        return {"refreshing": refreshing, "total": total}

    async def _set_global(self, request: web.Request, key: str) -> web.Response:
        queue = _queue(request)
        value = _required(await read_object(request, (key,)), key)
        commands = self._submit({f"global.{key}": value}, queue=queue)
        document = {key: commands[0].value, "commands": [command.id for command in commands]}
        return reply(document, status=HTTPStatus.ACCEPTED)

    def _submit(self, values: Mapping[str, object], *, queue: bool) -> list[Command]:
        wanted = [(self._gateway.table.ref(ref_id), value) for ref_id, value in values.items()]
        return self._gateway.submit(wanted, origin=self._origin, queue=queue)

    async def _all_commands(self, limit: int) -> list[Document]:
        known = [documents.command(command, self._gateway.clock) for command in self._gateway.commands.recent]
        ids = {document["id"] for document in known}
        return known + [document for document in await self._stored_commands(limit) if document["id"] not in ids]

    async def _stored_commands(self, limit: int) -> list[Document]:
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


def _get(path: str, handler: Handler) -> web.RouteDef:
    return web.get(PREFIX + path, handler)


def _post(path: str, handler: Handler) -> web.RouteDef:
    return web.post(PREFIX + path, handler)


def _plain(handler: Handler) -> Handler:
    """Return the handler, refusing all query parameters."""

    async def refusing(request: web.Request) -> web.StreamResponse:
        query(request)
        return await handler(request)

    return refusing


def _queue(request: web.Request) -> bool:
    return flag(query(request, "queue"), "queue")


def _required(document: Document, key: str) -> object:
    if key not in document:
        message = f"Missing key {key} in the body"
        raise Problem(HTTPStatus.BAD_REQUEST, f"missing_{key}", message, details=f"The body is {{{key!r}: ...}}")
    return document[key]
