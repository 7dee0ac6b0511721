"""The root paths, as the published Home Assistant component calls and reads them."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.support.gateways import (
    NO_SENSOR,
    FakeClock,
    base_polls,
    base_reports,
    base_writes,
    make_gateway,
    set_link,
)
from tests.web.conftest import Served, Start

STALE_HEADERS = (
    "X-Rehau-Registers-Stale",
    "X-Rehau-Registers-Age-Seconds",
    "X-Rehau-Stale-After-Seconds",
    "X-Rehau-Last-Register-Write",
)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/zones/1/1", {"state": 1, "setpoint": 21.5, "temperature": 22.0, "relative_humidity": 45}),
        ("/zones/1/2", {"state": 2, "setpoint": 19.0, "temperature": 19.5, "relative_humidity": 0}),
        ("/zones/2/3", {"state": 3, "setpoint": 20.0, "temperature": 18.0, "relative_humidity": 50}),
        ("/zones/5/12", {"state": None, "setpoint": None, "temperature": None, "relative_humidity": 0}),
        ("/mode", {"mode": 2}),
        ("/state", {"state": 1}),
        ("/outsidetemperature", {"outside_temperature": 15.2, "filtered_outside_temperature": 15.0}),
        ("/notifications", {"hints_present": False, "warnings_present": True, "error_present": False}),
        ("/dehumidifiers/1", {"dehumidifier_id": 1, "dehumidifier_state": 1}),
        ("/dehumidifiers/9", {"dehumidifier_id": 9, "dehumidifier_state": 0}),
        ("/pumps/1", {"pump_id": 1, "pump_state": 1}),
        ("/pumps/5", {"pump_id": 5, "pump_state": 0}),
        (
            "/mixedgroups/1",
            {
                "group_id": 1,
                "pump_state": 1,
                "mixing_valve_opening_percentage": 50,
                "flow_temperature": 35.0,
                "return_temperature": 30.0,
            },
        ),
        (
            "/mixedgroups/3",
            {
                "group_id": 3,
                "pump_state": 0,
                "mixing_valve_opening_percentage": None,
                "flow_temperature": None,
                "return_temperature": None,
            },
        ),
    ],
)
async def test_each_answer_has_exactly_its_shape(served: Served, path: str, answer: dict[str, Any]) -> None:
    assert await served.get(path) == (200, answer)


async def test_while_rooms_differ_the_state_is_the_last_one_they_shared(start: Start, clock: FakeClock) -> None:
    served = await start(make_gateway(clock), clock)
    assert (await served.get("/state"))[1] == {"state": None}
    base_writes(served.gateway, "global.state", 0)
    assert (await served.get("/state"))[1] == {"state": 1}

    base_writes(served.gateway, "global.state", 2)
    base_writes(served.gateway, "global.state", 0)

    assert (await served.get("/state"))[1] == {"state": 2}
    assert (await served.get("/api/v1/state"))[1] == {"state": None, "mixed": True}


@pytest.mark.parametrize(("path", "status"), [("/zones/2/3", 400), ("/api/v1/zones/2/3", 409)])
async def test_a_setpoint_for_a_room_that_is_off_is_refused(served: Served, path: str, status: int) -> None:
    refused, answer = await served.post(path, {"setpoint": 21})

    assert (refused, answer["error"], answer["code"]) == (status, "room is off", "room_is_off")
    assert answer.get("err") == ("room is off" if status == 400 else None)
    assert (await served.post(path, {"setpoint": 21, "state": 1}))[0] in (200, 202)


async def test_an_unknown_mode_is_null_and_never_zero(start: Start, clock: FakeClock) -> None:
    served = await start(make_gateway(clock), clock)

    assert await served.get("/mode") == (200, {"mode": None})
    assert (await served.get("/notifications"))[1] == {
        "hints_present": False,
        "warnings_present": False,
        "error_present": False,
    }


async def test_a_missing_outside_sensor_is_null(served: Served) -> None:
    base_writes(served.gateway, "global.outside_temperature", NO_SENSOR)

    assert (await served.get("/outsidetemperature"))[1]["outside_temperature"] is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/zones/1/1", {"setpoint": 22.5}),
        ("/zones/1/1", {"state": 3}),
        ("/zones/1/1", {"state": None, "setpoint": 22}),
        ("/mode", {"mode": 3}),
        ("/state", {"state": 2}),
    ],
)
async def test_a_command_is_answered_202_with_an_empty_body(served: Served, path: str, body: dict[str, Any]) -> None:
    async with served.api.post(path, json=body) as response:
        content = await response.read()

    assert (response.status, content) == (202, b"")
    given = {key: value for key, value in body.items() if value is not None}
    assert (await served.get(path))[1].items() >= given.items()


async def test_a_command_is_shown_until_the_base_has_decided(served: Served) -> None:
    await served.post("/zones/1/1", {"setpoint": 22.5})
    base_polls(served.gateway, "zone.1.1.setpoint")
    base_reports(served.gateway, "zone.1.1.setpoint", 21.5)
    _, while_live = await served.get("/zones/1/1")

    served.clock.advance(211)
    served.gateway.tick(served.clock.now)
    _, afterwards = await served.get("/zones/1/1")

    assert while_live["setpoint"] == 22.5
    assert afterwards["setpoint"] == 21.5


@pytest.mark.parametrize(
    ("path", "body", "err"),
    [
        ("/zones/6/1", {"setpoint": 21}, "invalid base id"),
        ("/zones/1/13", {"setpoint": 21}, "invalid zone id"),
        ("/zones/1/1", {}, "one of state or setpoint need to be specified"),
        ("/zones/1/1", {"state": None}, "one of state or setpoint need to be specified"),
        ("/zones/1/1", {"state": 7}, "invalid state"),
        ("/zones/1/1", {"state": 0}, "invalid state"),
        ("/zones/1/1", {"setpoint": 41}, "invalid setpoint"),
        ("/zones/1/1", {"setpoint": True}, "invalid setpoint"),
        ("/mode", {}, "missing mode key in payload"),
        ("/mode", {"mode": 6}, "invalid mode"),
        ("/state", {}, "missing state key in payload"),
        ("/state", {"state": 7}, "invalid state"),
    ],
)
async def test_a_wrong_command_is_refused_in_the_words_that_clients_know(
    served: Served, path: str, body: object, err: str
) -> None:
    status, answer = await served.post(path, body)

    assert (status, answer["err"]) == (400, err)
    assert {"error", "status", "details", "code", "request_id"} <= answer.keys()
    assert served.gateway.commands.pending == []


@pytest.mark.parametrize(
    ("path", "err"),
    [
        ("/zones/0/1", "invalid base id"),
        ("/zones/1/x", "invalid zone id"),
        ("/mixedgroups/4", "invalid mixed group id"),
        ("/dehumidifiers/10", "invalid dehumidifier id"),
        ("/pumps/0", "invalid pump id"),
    ],
)
async def test_ids_out_of_range_are_refused_in_the_words_that_clients_know(served: Served, path: str, err: str) -> None:
    status, answer = await served.get(path)

    assert (status, answer["err"]) == (400, err)


async def test_without_a_link_a_command_is_refused(served: Served) -> None:
    set_link(served.gateway, connected=False)

    status, answer = await served.post("/zones/1/1", {"setpoint": 21})

    assert (status, answer["code"]) == (503, "no_link")
    assert answer["err"] == answer["error"]
    assert (await served.post("/zones/1/1?queue=true", {"setpoint": 21}))[0] == 202


@pytest.mark.parametrize("path", ["/health", "/zones/1/1", "/zones/9/9", "/nothing", "/mode?verbose=1"])
async def test_every_answer_tells_how_old_the_registers_are(served: Served, path: str) -> None:
    served.clock.advance(200)

    async with served.api.get(path) as response:
        headers = response.headers

    assert [headers[name] for name in STALE_HEADERS] == [
        "true",
        "200.0",
        "180",
        served.gateway.clock.to_iso(1000.0),
    ]


async def test_before_the_first_write_the_headers_are_there_and_empty(start: Start, clock: FakeClock) -> None:
    served = await start(make_gateway(clock), clock)

    async with served.api.get("/zones/1/1") as response:
        values = [response.headers[name] for name in STALE_HEADERS]

    assert values == ["true", "", "180", ""]


async def test_a_client_without_any_headers_is_served(served: Served) -> None:
    async with aiohttp.ClientSession(skip_auto_headers=("Accept", "User-Agent", "Content-Type")) as bare:
        url = f"http://127.0.0.1:{served.api_port}/zones/1/1"
        async with bare.post(url, data=b'{"setpoint": 21}') as response:
            assert response.status == 202
        async with bare.get(url) as response:
            assert (await response.json())["setpoint"] == 21
