"""The paths of the rooms: what the owner calls them and where they are, and to forget one that is none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
from aiohttp import web

from neasmart.core.gateway import ROOMS, Gateway
from neasmart.core.state.rooms import Room, RoomsStatus
from neasmart.facts.network import API
from neasmart.web.answers.room_answers import RoomAnswer, RoomChange, RoomForgotten, RoomsAnswer, RoomsChange
from neasmart.web.http import places
from neasmart.web.http.bodies import Document, read_document, reply
from neasmart.web.http.problems import Problem
from neasmart.web.http.routes import Route

_JOINER = "\N{ZERO WIDTH JOINER}"
"""It makes a family of a man, a woman and a child."""


class RoomKeeper(Protocol):
    """Where the owner's word and the past of rooms are kept."""

    async def save_rooms(self) -> bool:
        """Store what was said of the rooms; return whether it is stored."""

    async def forget(self, addresses: Collection[int]) -> None:
        """Forget what registers held."""


class RoomRoutes:
    """The handlers."""

    def __init__(self, gateway: Gateway, keeper: Callable[[], RoomKeeper | None]) -> None:
        """Take the core, and who keeps what is said; None keeps it as long as the process lives."""
        self._gateway = gateway
        self._keeper = keeper

    @Route("GET", f"{API}/rooms", "rooms", RoomsAnswer)
    async def rooms(self, _: web.Request) -> web.Response:
        """Read what the owner calls the rooms, in the order of the page.

        Names, floors, order and what is hidden: the bus carries none of it, so it is kept here.
        """
        return reply(self._document())

    @Route("PUT", f"{API}/rooms", "rooms", RoomsAnswer, sends=RoomsChange)
    async def change(self, request: web.Request) -> web.Response:
        """Change names, floors, order and what is hidden, of all rooms or of some.

        A room or a field that is left out stays as it is.
        """
        document = await read_document(request)
        changes = list(self._changes(document))
        self._gateway.put_rooms(changed(self._gateway.rooms.of((each.base_id, each.zone_id)), each) for each in changes)
        keeper = self._keeper()
        if keeper is not None:
            await keeper.save_rooms()
        return reply(self._document())

    @Route("DELETE", f"{API}/zones/{{base_id}}/{{zone_id}}", "rooms", RoomForgotten)
    async def forget(self, request: web.Request) -> web.Response:
        """Forget a room and its past, until the base writes it again; its name stays.

        It comes back by itself if the base writes it.
        """
        base_id, zone_id = places.room(request, self._gateway.table)
        if not self._gateway.plant.zone_active(base_id, zone_id):
            message = f"Nothing is known of zone {base_id}.{zone_id}, so there is nothing to forget"
            raise Problem(HTTPStatus.NOT_FOUND, "unknown_zone", message)
        forgotten = self._gateway.forget_zone(base_id, zone_id, self._gateway.clock.monotonic())
        keeper = self._keeper()
        if keeper is not None:
            await keeper.forget(forgotten)
        return reply(RoomForgotten(base_id=base_id, zone_id=zone_id, forgotten=True))

    def _changes(self, document: Document) -> Iterator[RoomChange]:
        entries = document.get("rooms")
        if document.keys() != {"rooms"} or not isinstance(entries, list):
            raise _invalid("", 'the body is {"rooms": [{"base_id": 1, "zone_id": 1, "name": "Living room"}]}')
        base_axis, zone_axis = self._gateway.table.rooms.axes
        seen: set[tuple[int, int]] = set()
        for position, entry in enumerate(entries):
            try:
                room = msgspec.convert(entry, RoomChange)
            except msgspec.ValidationError as error:
                text, _, at = str(error).partition(" - at `$")
                raise _invalid(f"rooms[{position}]{at.rstrip('`')}", text.replace("`", "")) from error
            for axis, number in ((base_axis, room.base_id), (zone_axis, room.zone_id)):
                if number not in axis.indices:
                    raise places.invalid(axis, str(number))
            if (room.base_id, room.zone_id) in seen:
                raise _invalid(f"rooms[{position}]", f"zone {room.base_id}.{room.zone_id} is there twice")
            seen.add((room.base_id, room.zone_id))
            for key in ("name", "floor"):
                text = getattr(room, key)
                if isinstance(text, str) and not text.replace(_JOINER, "").isprintable():
                    raise _invalid(f"rooms[{position}].{key}", "only letters and signs that can be seen are allowed")
            yield room

    def _document(self) -> RoomsAnswer:
        gateway = self._gateway
        status = gateway.hub.state(ROOMS, RoomsStatus) or RoomsStatus()
        return RoomsAnswer(
            rooms=[
                RoomAnswer(
                    base_id=room.base_id,
                    zone_id=room.zone_id,
                    name=room.name,
                    floor=room.floor,
                    position=room.position,
                    hidden=room.hidden,
                    in_home_assistant=room.in_home_assistant,
                    active=gateway.plant.zone_active(room.base_id, room.zone_id),
                )
                for room in gateway.rooms.ordered(gateway.plant.zones)
            ],
            stored=status.detail is None and self._keeper() is not None,
            detail=status.detail,
        )


def changed(room: Room, change: RoomChange) -> Room:
    """Return a room with what is given changed."""
    given: dict[str, Any] = {
        key: value.strip() if isinstance(value, str) else value
        for key in ("name", "floor", "position", "hidden", "in_home_assistant")
        if (value := getattr(change, key)) is not msgspec.UNSET
    }
    if "name" in given or "floor" in given:
        given["from_page"] = True
    return replace(room, **given)


def _invalid(where: str, why: str) -> Problem:
    message = f"Invalid {where or 'rooms'}: {why}"
    return Problem(HTTPStatus.BAD_REQUEST, "invalid_rooms", message, details="Nothing was changed")
