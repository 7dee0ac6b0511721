"""The paths under /api/v1 for rooms, the house and its equipment, as the REST contract has them."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from aiohttp import web

from neasmart.core.commands.command import Command
from neasmart.core.gateway import Gateway
from neasmart.facts.network import API
from neasmart.facts.registers import Ref
from neasmart.facts.rows import Part
from neasmart.web.answers import documents
from neasmart.web.answers.health_answers import Health
from neasmart.web.answers.page_answers import SchemaAnswer
from neasmart.web.answers.room_answers import ZoneFilter, ZoneList
from neasmart.web.api.health import health
from neasmart.web.guard.gate import ORIGIN
from neasmart.web.http import places
from neasmart.web.http.bodies import Document, flag, query, queued, read_object, reply, required
from neasmart.web.http.problems import Problem
from neasmart.web.http.routes import AXIS, FLAG, Route


class Rest:
    """The handlers; `origin` names in each command who has sent it."""

    def __init__(self, gateway: Gateway, *, origin: str, schema: SchemaAnswer) -> None:
        """Answer from the gateway's memory; `schema` tells what there is."""
        self._gateway = gateway
        self._origin = origin
        self._schema = schema

    # The router tries routes in the order in which they stand here, and single zones are asked for most.
    @Route("GET", f"{API}/zones/{{base_id}}/{{zone_id}}", "rooms", "Zone")
    async def zone(self, request: web.Request) -> web.Response:
        """Read one room.

        What the base told last, with its age; `pending` is a command that is under way. A room that was never heard
        answers with `null` values.
        """
        base_id, zone_id = places.room(request, self._gateway.table)
        return reply(documents.zone(self._gateway, base_id, zone_id, self._now()))

    @Route(
        "POST",
        f"{API}/zones/{{base_id}}/{{zone_id}}",
        "rooms",
        "ZoneUpdate",
        sends="ZoneCommand",
        commands=True,
        problems=(HTTPStatus.CONFLICT,),
    )
    async def set_zone(self, request: web.Request) -> web.Response:
        """Set a room's state, setpoint or both. Nothing is applied unless the whole body is valid."""
        queue = queued(request)
        base_id, zone_id = places.room(request, self._gateway.table)
        refs = {ref.point.key: ref for ref in self._gateway.table.room(base_id, zone_id) if ref.point.writable}
        wanted = await read_object(request, tuple(refs))
        if not wanted:
            message = f"One of {' or '.join(refs)} needs to be specified"
            raise Problem(HTTPStatus.BAD_REQUEST, "missing_value", message)
        commands = self._submit(request, [(refs[key], value) for key, value in wanted.items()], queue=queue)
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
        return await self._set_global(request, Part.SEASON)

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
        return await self._set_global(request, Part.HOUSE)

    @Route("GET", f"{API}/mixedgroups/{{group_id}}", "equipment", "MixedGroup")
    async def mixed_group(self, request: web.Request) -> web.Response:
        """Read one mixed circuit.

        Valve, pump and temperatures of a circuit. `null` as long as the base has told nothing of it.
        """
        return self._equipment(request, "mixedgroups")

    @Route("GET", f"{API}/dehumidifiers/{{dehumidifier_id}}", "equipment", "Dehumidifier")
    async def dehumidifier(self, request: web.Request) -> web.Response:
        """Read one dehumidifier. 0 off, 1 on. `null` as long as the base has told nothing of it."""
        return self._equipment(request, "dehumidifiers")

    @Route("GET", f"{API}/pumps/{{pump_id}}", "equipment", "Pump")
    async def pump(self, request: web.Request) -> web.Response:
        """Read one extra pump. 0 off, 1 on. `null` as long as the base has told nothing of it."""
        return self._equipment(request, "pumps")

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

    async def _set_global(self, request: web.Request, part: Part) -> web.Response:
        queue, ref = queued(request), self._gateway.table.part(part)
        value = required(await read_object(request, (ref.point.key,)), ref.point.key)
        (command,) = self._submit(request, [(ref, value)], queue=queue)
        return reply({ref.point.key: command.value, "commands": [command.id]}, status=HTTPStatus.ACCEPTED)

    def _equipment(self, request: web.Request, answer: str) -> web.Response:
        group = self._gateway.table.answering(answer).key
        (number,) = places.index(request, self._gateway.table, group)
        return reply(documents.equipment(self._gateway, group, number))

    def _submit(self, request: web.Request, wanted: Iterable[tuple[Ref, object]], *, queue: bool) -> list[Command]:
        return self._gateway.submit(wanted, origin=str(request.get(ORIGIN, self._origin)), queue=queue)

    def _now(self) -> float:
        return self._gateway.clock.monotonic()
