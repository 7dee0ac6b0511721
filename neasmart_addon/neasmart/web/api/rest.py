"""The paths under /api/v1, as the REST contract has them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Protocol

import msgspec
from aiohttp import web

from neasmart.core.commands.command import Command
from neasmart.core.gateway import Gateway
from neasmart.core.recall import PastCommand
from neasmart.facts.errors import NoLinkError
from neasmart.facts.network import API
from neasmart.facts.rows import Part
from neasmart.web.api import documents
from neasmart.web.api.health import health
from neasmart.web.api.live import Feed
from neasmart.web.guard.gate import ORIGIN
from neasmart.web.http import places
from neasmart.web.http.answers import (
    Bus,
    CommandAnswer,
    CommandList,
    Health,
    PointAnswer,
    PointList,
    SchemaAnswer,
    Snapshot,
    SyncProgress,
    Undone,
    ZoneFilter,
    ZoneList,
)
from neasmart.web.http.bodies import Document, flag, invalid_parameter, query, read_object, reply, whole_number
from neasmart.web.http.problems import Problem
from neasmart.web.http.routes import AXIS, FLAG, TEXT, Route

COMMANDS_SHOWN = 200
COMMANDS_LIMIT = 1000
_LIMIT = {"type": "integer", "minimum": 1, "maximum": COMMANDS_LIMIT, "default": COMMANDS_SHOWN}

_LOG = logging.getLogger(__name__)
_STORE_TIMEOUT_S = 3.0


class CommandStore(Protocol):
    """Where commands of the past are kept."""

    async def command_history(self, limit: int) -> Sequence[PastCommand] | None:
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
        schema: SchemaAnswer | None = None,
    ) -> None:
        """Answer from the gateway's memory, and for old commands from the store; `schema` tells what there is."""
        self._gateway = gateway
        self._store = store
        self._feed = feed
        self._origin = origin
        self._schema = documents.schema(gateway.table) if schema is None else schema

    # The router tries routes in the order in which they stand here, and single zones are asked for most.
    @Route("GET", f"{API}/zones/{{base_id}}/{{zone_id}}", "rooms", "Zone")
    async def zone(self, request: web.Request) -> web.Response:
        """Read one room.

        What the base told last, with its age; `pending` is a command that is under way. A room that was never heard
        answers with `null` values.
        """
        base_id, zone_id = places.room(request, self._gateway.table)
        return reply(documents.zone(self._gateway, base_id, zone_id, self._now()))

    @Route("POST", f"{API}/zones/{{base_id}}/{{zone_id}}", "rooms", "ZoneUpdate", sends="ZoneCommand", commands=True)
    async def set_zone(self, request: web.Request) -> web.Response:
        """Set a room's state, setpoint or both. Nothing is applied unless the whole body is valid."""
        queue = _queue(request)
        base_id, zone_id = places.room(request, self._gateway.table)
        refs = {ref.point.key: ref for ref in self._gateway.table.room(base_id, zone_id) if ref.point.writable}
        wanted = await read_object(request, tuple(refs))
        if not wanted:
            message = f"One of {' or '.join(refs)} needs to be specified"
            raise Problem(HTTPStatus.BAD_REQUEST, "missing_value", message)
        commands = self._submit(request, {refs[key].id: value for key, value in wanted.items()}, queue=queue)
        updated: Document = {command.ref.point.key: command.value for command in commands}
        for command in commands:
            if command.ref.point.part is Part.TARGET:
                updated[f"{command.ref.point.key}_encoded"] = command.word
        ids = [command.id for command in commands]
        return reply({"base_id": base_id, "zone_id": zone_id, "updated": updated, "commands": ids})

    @Route(
        "GET",
        f"{API}/zones",
        "rooms",
        ZoneList,
        query={"base_id": AXIS, "include_inactive": FLAG},
        also=f"{API}/zones/",
    )
    async def zones(self, request: web.Request) -> web.Response:
        """Read all rooms.

        Rooms whose temperature has been received, in the order of their numbers; `include_inactive` adds all other
        places, `base_id` keeps those of one base.
        """
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
        chosen = ZoneFilter(base_id=base_id, include_inactive=include_inactive)
        return reply(ZoneList(zones=found, count=len(found), filter=chosen))

    @Route("GET", f"{API}/outsidetemperature", "system", "OutsideTemperature")
    async def outside(self, _: web.Request) -> web.Response:
        """Read outside temperature. As measured, and smoothed by the base."""
        return reply(documents.answer(self._gateway, "outsidetemperature"))

    @Route("GET", f"{API}/notifications", "system", "Notifications")
    async def notifications(self, _: web.Request) -> web.Response:
        """Read what the base has to tell.

        Whether the base shows hints, warnings or errors; the bus does not carry which.
        """
        return reply(documents.answer(self._gateway, "notifications"))

    @Route("GET", f"{API}/mode", "system", "Mode")
    async def mode(self, _: web.Request) -> web.Response:
        """Read the global mode. Heating, cooling or by itself, for the whole house."""
        return reply(documents.answer(self._gateway, "mode"))

    @Route(
        "POST", f"{API}/mode", "system", "ModeUpdate", sends="ModeCommand", status=HTTPStatus.ACCEPTED, commands=True
    )
    async def set_mode(self, request: web.Request) -> web.Response:
        """Set the global mode. Changes the season for the whole house."""
        return await self._set_global(request, "mode")

    @Route("GET", f"{API}/state", "system", "State")
    async def state(self, _: web.Request) -> web.Response:
        """Read the global state. One state for the whole house; `mixed` tells that rooms differ."""
        document = documents.answer(self._gateway, "state")
        if self._gateway.plant.mixed:
            document["mixed"] = True
        return reply(document)

    @Route(
        "POST", f"{API}/state", "system", "StateUpdate", sends="StateCommand", status=HTTPStatus.ACCEPTED, commands=True
    )
    async def set_state(self, request: web.Request) -> web.Response:
        """Set the global state. Takes the place of states and setpoints that were given to rooms."""
        return await self._set_global(request, "state")

    @Route("GET", f"{API}/mixedgroups/{{group_id}}", "equipment", "MixedGroup")
    async def mixed_group(self, request: web.Request) -> web.Response:
        """Read one mixed circuit.

        Valve, pump and temperatures of a circuit. `null` as long as the base has told nothing of it.
        """
        (group_id,) = places.index(request, self._gateway.table, "mixed_circuit")
        return reply(documents.equipment(self._gateway, "mixed_circuit", group_id))

    @Route("GET", f"{API}/dehumidifiers/{{dehumidifier_id}}", "equipment", "Dehumidifier")
    async def dehumidifier(self, request: web.Request) -> web.Response:
        """Read one dehumidifier. 0 off, 1 on. `null` as long as the base has told nothing of it."""
        (dehumidifier_id,) = places.index(request, self._gateway.table, "dehumidifier")
        return reply(documents.equipment(self._gateway, "dehumidifier", dehumidifier_id))

    @Route("GET", f"{API}/pumps/{{pump_id}}", "equipment", "Pump")
    async def pump(self, request: web.Request) -> web.Response:
        """Read one extra pump. 0 off, 1 on. `null` as long as the base has told nothing of it."""
        (pump_id,) = places.index(request, self._gateway.table, "pump")
        return reply(documents.equipment(self._gateway, "pump", pump_id))

    @Route("GET", f"{API}/health", "system", Health)
    async def health(self, _: web.Request) -> web.Response:
        """Read how the gateway is. The same as `/health`, which needs no key."""
        return reply(health(self._gateway, self._now()))

    @Route("GET", f"{API}/schema", "system", SchemaAnswer)
    async def schema(self, _: web.Request) -> web.Response:
        """Read the points, their units and limits.

        What the values of points mean: units, limits, steps and words for numbers.
        """
        return reply(self._schema)

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
    )
    async def set_point(self, request: web.Request) -> web.Response:
        """Set one point. Sets any value that the base asks for."""
        queue = _queue(request)
        ref = self._gateway.table.ref(request.match_info["point_id"])
        value = _required(await read_object(request, ("value",)), "value")
        (command,) = self._submit(request, {ref.id: value}, queue=queue)
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
        seen = documents.bus(self._gateway, now, self._feed.frames_per_s)
        return reply(
            Bus(
                link=documents.status(self._gateway.link, self._gateway.clock),
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
        return reply(documents.snapshot(self._gateway, self._now(), self._feed.frames_per_s))

    @Route("GET", f"{API}/live", "system", {}, shown=False)
    async def live(self, request: web.Request) -> web.StreamResponse:
        """Send the state at once and changes as they come. A WebSocket, which this description cannot tell of."""
        return await self._feed.serve(request)

    def _progress(self) -> SyncProgress:
        refreshing, total = self._gateway.sync_progress
        return SyncProgress(refreshing=refreshing, total=total)

    async def _set_global(self, request: web.Request, key: str) -> web.Response:
        queue = _queue(request)
        value = _required(await read_object(request, (key,)), key)
        commands = self._submit(request, {f"global.{key}": value}, queue=queue)
        document = {key: commands[0].value, "commands": [command.id for command in commands]}
        return reply(document, status=HTTPStatus.ACCEPTED)

    def _submit(self, request: web.Request, values: Mapping[str, object], *, queue: bool) -> list[Command]:
        wanted = [(self._gateway.table.ref(ref_id), value) for ref_id, value in values.items()]
        return self._gateway.submit(wanted, origin=self._origin_of(request), queue=queue)

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


def _queue(request: web.Request) -> bool:
    return flag(query(request, "queue"), "queue")


def _required(document: Document, key: str) -> object:
    if key not in document:
        message = f"Missing key {key} in the body"
        raise Problem(HTTPStatus.BAD_REQUEST, f"missing_{key}", message, details=f"The body is {{{key!r}: ...}}")
    return document[key]
