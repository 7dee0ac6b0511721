"""Rooms belong to the owner: names, floors, order; and a room that is none can be forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from neasmart.core.commands.command import CommandState
from neasmart.core.gateway import ROOMS
from neasmart.core.state.plant import Reading
from neasmart.core.state.rooms import Room, RoomsStatus
from tests.support.gateways import base_polls, base_reports
from tests.web.conftest import Served

PATH = "/api/v1/rooms"


async def put(served: Served, *rooms: dict[str, Any]) -> tuple[int, Any]:
    return await served.put(PATH, {"rooms": list(rooms)})


def by_zone(document: dict[str, Any]) -> dict[tuple[int, int], dict[str, Any]]:
    return {(room["base_id"], room["zone_id"]): room for room in document["rooms"]}


async def test_rooms_that_are_heard_or_named_are_told(served: Served) -> None:
    served.gateway.put_rooms([Room(base_id=3, zone_id=9, name="Attic", floor="Top", position=1)])

    status, document = await served.get(PATH)

    assert status == 200
    assert [(room["base_id"], room["zone_id"]) for room in document["rooms"]] == [(3, 9), (1, 1), (1, 2), (2, 3)]
    assert document["rooms"][0] == {
        "base_id": 3,
        "zone_id": 9,
        "name": "Attic",
        "floor": "Top",
        "position": 1,
        "hidden": False,
        "in_home_assistant": True,
        "active": False,
    }


async def test_a_part_of_a_room_can_be_changed_and_what_is_read_can_be_sent_back(served: Served) -> None:
    await put(served, {"base_id": 1, "zone_id": 2, "name": " Kitchen ", "floor": "Ground", "position": 1})

    status, document = await put(served, {"base_id": 1, "zone_id": 2, "hidden": True})

    room = by_zone(document)[1, 2]
    assert (status, room["name"], room["floor"], room["position"], room["hidden"]) == (
        200,
        "Kitchen",
        "Ground",
        1,
        True,
    )
    assert await served.put(PATH, {"rooms": document["rooms"]}) == (200, document)


@pytest.mark.parametrize("name", ["Kinder \U0001f468\u200d\U0001f469\u200d\U0001f467", "Caf\u00e9 \u2764\ufe0f"])
async def test_signs_that_are_made_of_several_are_names_too(served: Served, name: str) -> None:
    status, document = await put(served, {"base_id": 1, "zone_id": 1, "name": name})

    assert (status, by_zone(document)[1, 1]["name"]) == (200, name)


async def test_a_name_is_told_to_all_who_show_it_at_once(served: Served) -> None:
    with served.gateway.hub.subscribed() as (_, subscription):
        await put(served, {"base_id": 1, "zone_id": 1, "name": "Salon"})
        told = subscription.take()

    assert (await served.get("/api/v1/zones/1/1"))[1]["name"] == "Salon"
    assert {item.ref.index for item in told.values() if isinstance(item, Reading)} == {(1, 1)}
    status = told[ROOMS]
    assert isinstance(status, RoomsStatus)
    assert [room.name for room in status.rooms] == ["Salon"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "the body is"),
        ({"rooms": 5}, "the body is"),
        ({"rooms": [], "x": 1}, "the body is"),
        ({"rooms": [5]}, "rooms[0]"),
        ({"rooms": [{"base_id": 1}]}, "zone_id"),
        ({"rooms": [{"base_id": 6, "zone_id": 1}]}, "Must be between 1 and 5"),
        ({"rooms": [{"base_id": 1, "zone_id": 13}]}, "Must be between 1 and 12"),
        ({"rooms": [{"base_id": 1, "zone_id": 1, "name": "x" * 61}]}, "rooms[0].name"),
        ({"rooms": [{"base_id": 1, "zone_id": 1, "name": "a\nb"}]}, "rooms[0].name"),
        ({"rooms": [{"base_id": 1, "zone_id": 1, "floor": "a\u202eb"}]}, "rooms[0].floor"),
        ({"rooms": [{"base_id": 1, "zone_id": 1, "position": 0}]}, "rooms[0].position"),
        ({"rooms": [{"base_id": 1, "zone_id": 1, "hidden": 1}]}, "rooms[0].hidden"),
        ({"rooms": [{"base_id": 1, "zone_id": 1, "colour": 1}]}, "colour"),
        ({"rooms": [{"base_id": 1, "zone_id": 1, "\ud800": 1}]}, "the half of one"),
        ({"rooms": [{"base_id": 1, "zone_id": 1, "name": "\ud83d"}]}, "the half of one"),
        ({"rooms": [{"base_id": 1, "zone_id": 1}, {"base_id": 1, "zone_id": 1}]}, "twice"),
    ],
)
async def test_what_does_not_fit_is_refused_whole(served: Served, body: Any, said: str) -> None:
    good = {"base_id": 1, "zone_id": 2, "name": "Good"}
    if isinstance(body.get("rooms"), list):
        body = {**body, "rooms": [good, *body["rooms"]]}
        said = said.replace("rooms[0]", "rooms[1]")

    status, document = await served.put(PATH, body)

    assert status == 400
    assert said in document["error"]
    assert served.gateway.rooms.names.get((1, 2)) is None


async def test_a_room_is_forgotten_with_its_past_and_keeps_its_name(served: Served) -> None:
    await put(served, {"base_id": 1, "zone_id": 1, "name": "Salon"})
    await served.post("/api/v1/zones/1/1", {"setpoint": 22.5})

    async with served.api.delete("/api/v1/zones/1/1") as response:
        assert (response.status, await response.json()) == (200, {"base_id": 1, "zone_id": 1, "forgotten": True})

    _, zone = await served.get("/api/v1/zones/1/1")
    assert (zone["active"], zone["temperature"], zone["setpoint"], zone["name"]) == (False, None, None, "Salon")
    assert base_polls(served.gateway, "zone.1.1.setpoint") == 0
    assert [command.state for command in served.gateway.commands.recent] == [CommandState.WITHDRAWN]
    async with served.api.delete("/api/v1/zones/1/1") as response:
        assert response.status == 404


async def test_a_forgotten_room_is_back_when_the_base_writes_it(served: Served) -> None:
    async with served.api.delete("/api/v1/zones/1/1") as response:
        assert response.status == 200
    plant = served.gateway.plant

    base_reports(served.gateway, "zone.1.1.temperature", 20.0)

    assert plant.zone_active(1, 1)
    ref = served.gateway.table.at("zone", "temperature", 1, 1)
    assert plant.reading(ref).told == 1
