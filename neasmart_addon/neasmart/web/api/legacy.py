"""The paths at the root, which existing clients call and whose shapes they are sensitive to.

The published Home Assistant component drops an update with a null in it, raises on state 0, and reads a value back
within milliseconds after setting it. So here a pending command is shown as if it were done, a room in standby keeps
its last setpoint, and a missing humidity is 0. New clients use /api/v1, which says what is known and what is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from aiohttp import web

from neasmart.core.gateway import Gateway
from neasmart.facts.codecs import OperatingState, Value
from neasmart.facts.registers import Ref
from neasmart.facts.rows import Kind, Part
from neasmart.web.answers import documents
from neasmart.web.answers.health_answers import Health
from neasmart.web.api.health import health
from neasmart.web.http import places
from neasmart.web.http.bodies import Document, flag, read_object, reply
from neasmart.web.http.problems import Problem
from neasmart.web.http.routes import Route


class Legacy:
    """The handlers of the root paths."""

    def __init__(self, gateway: Gateway, *, origin: str) -> None:
        """Answer from the gateway's memory."""
        self._gateway = gateway
        self._origin = origin

    @Route("GET", "/health", "system", Health, any_query=True, is_open=True)
    async def health(self, _: web.Request) -> web.Response:
        """Read how the gateway is; needs no key.

        Status 200 also while the bus is silent, with what is wrong as `reasons`; never limited.
        """
        return reply(health(self._gateway, self._gateway.clock.monotonic()))

    @Route("GET", "/zones/{base_id}/{zone_id}", "root", "RootZone", any_query=True)
    async def zone(self, request: web.Request) -> web.Response:
        """Read one room, as it will be. A command that is under way is shown as if it were done."""
        base_id, zone_id = places.room(request, self._gateway.table)
        return reply(zone(self._gateway, base_id, zone_id))

    @Route(
        "POST",
        "/zones/{base_id}/{zone_id}",
        "root",
        None,
        sends="ZoneCommand",
        status=HTTPStatus.ACCEPTED,
        commands=True,
        any_query=True,
    )
    async def set_zone(self, request: web.Request) -> web.Response:
        """Set a room's state, setpoint or both.

        As under `/api/v1`. Existing clients get nothing but status 202 and no body.
        """
        base_id, zone_id = places.room(request, self._gateway.table)
        body = await read_object(request)
        refs = {ref.point.key: ref for ref in self._gateway.table.room(base_id, zone_id) if ref.point.writable}
        wanted = [(ref, body[key]) for key, ref in refs.items() if body.get(key) is not None]
        if not wanted:
            message = "one of state or setpoint need to be specified"
            raise Problem(HTTPStatus.BAD_REQUEST, "missing_value", message, err=message)
        return self._submitted(request, wanted)

    @Route("GET", "/mode", "root", "Mode", any_query=True)
    async def mode(self, _: web.Request) -> web.Response:
        """Read the global mode. A command that is under way is shown as if it were done."""
        return reply({"mode": self._gateway.shown(self._gateway.table.part(Part.SEASON))})

    @Route(
        "POST", "/mode", "root", None, sends="ModeCommand", status=HTTPStatus.ACCEPTED, commands=True, any_query=True
    )
    async def set_mode(self, request: web.Request) -> web.Response:
        """Set the global mode. As under `/api/v1`. Existing clients get nothing but status 202 and no body."""
        return await self._set_global(request, Part.SEASON)

    @Route("GET", "/state", "root", "State", any_query=True)
    async def state(self, _: web.Request) -> web.Response:
        """Read the global state. Never 0: while rooms differ it is the last state that was common."""
        return reply({"state": house_state(self._gateway)})

    @Route(
        "POST", "/state", "root", None, sends="StateCommand", status=HTTPStatus.ACCEPTED, commands=True, any_query=True
    )
    async def set_state(self, request: web.Request) -> web.Response:
        """Set the global state. As under `/api/v1`. Existing clients get nothing but status 202 and no body."""
        return await self._set_global(request, Part.HOUSE)

    @Route("GET", "/outsidetemperature", "root", "OutsideTemperature", any_query=True)
    async def outside(self, _: web.Request) -> web.Response:
        """Read outside temperature. As under `/api/v1`."""
        return reply(documents.answer(self._gateway, "outsidetemperature"))

    @Route("GET", "/notifications", "root", "RootNotifications", any_query=True)
    async def notifications(self, _: web.Request) -> web.Response:
        """Read what the base has to tell. As under `/api/v1`, but never `null`."""
        return reply({key: bool(value) for key, value in documents.answer(self._gateway, "notifications").items()})

    @Route("GET", "/mixedgroups/{group_id}", "root", "RootMixedGroup", any_query=True)
    async def mixed_group(self, request: web.Request) -> web.Response:
        """Read one mixed circuit. As under `/api/v1`, but the pump is never `null`."""
        return self._equipment(request, "mixedgroups")

    @Route("GET", "/dehumidifiers/{dehumidifier_id}", "root", "RootDehumidifier", any_query=True)
    async def dehumidifier(self, request: web.Request) -> web.Response:
        """Read one dehumidifier. As under `/api/v1`, but never `null`."""
        return self._equipment(request, "dehumidifiers")

    @Route("GET", "/pumps/{pump_id}", "root", "RootPump", any_query=True)
    async def pump(self, request: web.Request) -> web.Response:
        """Read one extra pump. As under `/api/v1`, but never `null`."""
        return self._equipment(request, "pumps")

    def _equipment(self, request: web.Request, answer: str) -> web.Response:
        """Answer one piece of equipment; what is on or off is never null, because the published component adds it."""
        group = self._gateway.table.answering(answer)
        (number,) = places.index(request, self._gateway.table, group.key)
        bits = {point.field for point in group.points if point.kind is Kind.BIT}
        document = documents.equipment(self._gateway, group.key, number)
        return reply({key: value or 0 if key in bits else value for key, value in document.items()})

    async def _set_global(self, request: web.Request, part: Part) -> web.Response:
        body, ref = await read_object(request), self._gateway.table.part(part)
        key = ref.point.key
        if body.get(key) is None:
            message = f"missing {key} key in payload"
            raise Problem(HTTPStatus.BAD_REQUEST, f"missing_{key}", message, err=message)
        return self._submitted(request, [(ref, body[key])])

    def _submitted(self, request: web.Request, wanted: Iterable[tuple[Ref, object]]) -> web.Response:
        self._gateway.submit(wanted, origin=self._origin, queue=flag(dict(request.query), "queue"))
        return web.Response(status=HTTPStatus.ACCEPTED)


def house_state(gateway: Gateway) -> Value:
    """Return the state of the house, never null once it is known: while rooms differ, the last one they shared, or 1.

    The published component logs two errors at each poll that answers null, and rooms differ every day.
    """
    ref = gateway.table.part(Part.HOUSE)
    shown = gateway.shown(ref)
    if shown is None and gateway.plant.mixed:
        return gateway.plant.reading(ref).held or OperatingState.NORMAL
    return shown


def zone(gateway: Gateway, base_id: int, zone_id: int) -> Document:
    """Return the four values of a zone that the published component reads."""
    state, setpoint, air, humid = (
        gateway.table.part(part, base_id, zone_id) for part in (Part.ROOM, Part.TARGET, Part.AIR, Part.HUMIDITY)
    )
    command = gateway.commands.live(setpoint)
    humidity = gateway.plant.reading(humid).value
    return {
        "state": gateway.shown(state),
        "setpoint": gateway.plant.reading(setpoint).held if command is None else command.value,
        "temperature": gateway.plant.reading(air).value,
        "relative_humidity": 0 if humidity is None else humidity,
    }


def stale_headers(gateway: Gateway) -> dict[str, str]:
    """Return the headers of every answer at the root; an empty text means that nothing was ever received."""
    now = gateway.clock.monotonic()
    age_s = gateway.last_write_age_s(now)
    return {
        "X-Rehau-Registers-Stale": "true" if gateway.bus_stale(now) else "false",
        "X-Rehau-Registers-Age-Seconds": "" if age_s is None else f"{age_s:.1f}",
        "X-Rehau-Stale-After-Seconds": f"{gateway.plant.stale_times.stale_s:g}",
        "X-Rehau-Last-Register-Write": gateway.clock.to_iso(gateway.plant.last_write_at) or "",
    }
