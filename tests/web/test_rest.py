"""The paths under /api/v1, shape by shape."""

from __future__ import annotations

from typing import Any

import pytest

from neasmart.core.gateway import Gateway
from neasmart.facts.points import TABLE
from tests.support.gateways import FakeClock, base_polls, base_reports, base_writes, make_gateway, set_link
from tests.web.conftest import Served, Start


async def test_zone_has_exactly_the_shape_of_the_contract(served: Served) -> None:
    served.clock.advance(4.2)

    status, zone = await served.get("/api/v1/zones/1/1")

    assert status == 200
    assert zone == {
        "base_id": 1,
        "zone_id": 1,
        "name": "Living room",
        "state": 1,
        "setpoint": 21.5,
        "temperature": 22.0,
        "relative_humidity": 45,
        "address": 100,
        "active": True,
        "age_s": 4.2,
        "stale": False,
        "pending": None,
    }


async def test_what_is_not_known_of_a_zone_is_null(served: Served) -> None:
    _, never = await served.get("/api/v1/zones/5/12")
    _, standby = await served.get("/api/v1/zones/2/3")
    _, without_humidity = await served.get("/api/v1/zones/1/2")

    assert [never[key] for key in ("state", "setpoint", "temperature", "relative_humidity", "age_s")] == [None] * 5
    assert (never["active"], never["stale"], never["address"]) == (False, True, 6000)
    assert (standby["state"], standby["setpoint"]) == (3, None)
    assert without_humidity["relative_humidity"] is None


@pytest.mark.parametrize("path", ["/api/v1/zones", "/api/v1/zones/"])
async def test_zones_lists_those_that_exist(served: Served, path: str) -> None:
    status, answer = await served.get(path)

    assert status == 200
    assert [(zone["base_id"], zone["zone_id"]) for zone in answer["zones"]] == [(1, 1), (1, 2), (2, 3)]
    assert answer["count"] == 3
    assert answer["filter"] == {"base_id": None, "include_inactive": False}


async def test_zones_are_filtered_by_base_and_may_include_those_never_seen(served: Served) -> None:
    _, of_base = await served.get("/api/v1/zones", params={"base_id": "2"})
    _, everything = await served.get("/api/v1/zones", params={"include_inactive": "true"})
    _, both = await served.get("/api/v1/zones", params={"base_id": "5", "include_inactive": "true"})

    assert (of_base["count"], of_base["filter"]) == (1, {"base_id": 2, "include_inactive": False})
    assert everything["count"] == 60
    assert both["count"] == 12


async def test_setting_a_zone_answers_what_was_taken(served: Served) -> None:
    status, answer = await served.post("/api/v1/zones/1/1", {"state": 3, "setpoint": 22.5})

    assert status == 200
    assert answer["updated"] == {"state": 3, "setpoint": 22.5, "setpoint_encoded": 3173}
    assert (answer["base_id"], answer["zone_id"], len(answer["commands"])) == (1, 1, 2)
    _, zone = await served.get("/api/v1/zones/1/1")
    assert (zone["setpoint"], zone["pending"]["id"]) == (21.5, answer["commands"][0])


@pytest.mark.parametrize(
    ("body", "code", "error"),
    [
        ({"state": 7}, "invalid_state", "Invalid state: 7. Must be a whole number from 1 to 6"),
        ({"state": 0}, "invalid_state", "Invalid state: 0. Must be a whole number from 1 to 6"),
        ({"state": True}, "invalid_state", "Invalid state: True. Must be a whole number from 1 to 6"),
        ({"state": 2.0}, "invalid_state", "Invalid state: 2.0. Must be a whole number from 1 to 6"),
        ({"state": "2"}, "invalid_state", "Invalid state: '2'. Must be a whole number from 1 to 6"),
        ({"state": None}, "invalid_state", "Invalid state: None. Must be a whole number from 1 to 6"),
        ({"setpoint": 4.9}, "invalid_setpoint", "Invalid setpoint: 4.9. Must be a number from 5.0 to 40.0"),
        ({"setpoint": 40.1}, "invalid_setpoint", "Invalid setpoint: 40.1. Must be a number from 5.0 to 40.0"),
        ({"setpoint": True}, "invalid_setpoint", "Invalid setpoint: True. Must be a number from 5.0 to 40.0"),
        ({"state": 2, "setpoint": 50}, "invalid_setpoint", "Invalid setpoint: 50. Must be a number from 5.0 to 40.0"),
        ({}, "missing_value", "One of state or setpoint needs to be specified"),
        ({"setpoint": 21, "preset": 1}, "unknown_key", "Unknown key: 'preset'. Allowed: setpoint, state"),
    ],
)
async def test_nothing_is_applied_unless_the_whole_body_is_valid(
    served: Served, body: object, code: str, error: str
) -> None:
    status, answer = await served.post("/api/v1/zones/1/1", body)

    assert (status, answer["status"], answer["code"], answer["error"]) == (400, 400, code, error)
    assert served.gateway.commands.pending == []


@pytest.mark.parametrize(
    ("path", "code", "error"),
    [
        ("zones/1/15", "invalid_zone_id", "Invalid zone ID: 15. Must be between 1 and 12"),
        ("zones/6/1", "invalid_base_id", "Invalid base ID: 6. Must be between 1 and 5"),
        ("zones/0/1", "invalid_base_id", "Invalid base ID: 0. Must be between 1 and 5"),
        ("zones/-1/1", "invalid_base_id", "Invalid base ID: -1. Must be between 1 and 5"),
        ("zones/one/1", "invalid_base_id", "Invalid base ID: 'one'. Must be between 1 and 5"),
        ("zones?base_id=9", "invalid_base_id", "Invalid base ID: 9. Must be between 1 and 5"),
        ("zones?include_inactive=maybe", "invalid_include_inactive", None),
        ("mixedgroups/4", "invalid_group_id", "Invalid mixed group ID: 4. Must be between 1 and 3"),
        ("dehumidifiers/10", "invalid_dehumidifier_id", "Invalid dehumidifier ID: 10. Must be between 1 and 9"),
        ("pumps/6", "invalid_pump_id", "Invalid pump ID: 6. Must be between 1 and 5"),
        ("commands?limit=0", "invalid_limit", "Invalid limit: '0'. Must be between 1 and 1000"),
    ],
)
async def test_ids_out_of_range_are_refused_by_name(served: Served, path: str, code: str, error: str | None) -> None:
    status, answer = await served.get(f"/api/v1/{path}")

    assert (status, answer["code"]) == (400, code)
    assert answer["error"] == error or error is None
    assert answer["details"] == f"Validation failed for parameter {code.removeprefix('invalid_')}"
    assert answer.keys() == {"error", "status", "details", "code", "request_id"}


async def test_globals_are_reported_as_the_base_wrote_them(served: Served) -> None:
    assert await served.get("/api/v1/mode") == (200, {"mode": 2})
    assert await served.get("/api/v1/state") == (200, {"state": 1})
    assert await served.get("/api/v1/outsidetemperature") == (
        200,
        {"outside_temperature": 15.2, "filtered_outside_temperature": 15.0},
    )
    assert await served.get("/api/v1/notifications") == (
        200,
        {"hints_present": False, "warnings_present": True, "error_present": False},
    )


async def test_equipment_is_reported_and_unknown_is_null(served: Served) -> None:
    assert (await served.get("/api/v1/mixedgroups/1"))[1] == {
        "group_id": 1,
        "pump_state": 1,
        "mixing_valve_opening_percentage": 50,
        "flow_temperature": 35.0,
        "return_temperature": 30.0,
    }
    assert (await served.get("/api/v1/mixedgroups/2"))[1]["pump_state"] is None
    assert (await served.get("/api/v1/dehumidifiers/1"))[1] == {"dehumidifier_id": 1, "dehumidifier_state": 1}
    assert (await served.get("/api/v1/dehumidifiers/2"))[1] == {"dehumidifier_id": 2, "dehumidifier_state": 0}
    assert (await served.get("/api/v1/dehumidifiers/9"))[1] == {"dehumidifier_id": 9, "dehumidifier_state": None}
    assert (await served.get("/api/v1/pumps/1"))[1] == {"pump_id": 1, "pump_state": 1}


async def test_rooms_that_differ_make_the_global_state_mixed(served: Served) -> None:
    base_writes(served.gateway, "global.state", 0)

    assert await served.get("/api/v1/state") == (200, {"state": None, "mixed": True})


@pytest.mark.parametrize(("key", "value"), [("mode", 3), ("state", 4)])
async def test_setting_a_global_is_accepted_as_a_command(served: Served, key: str, value: int) -> None:
    status, answer = await served.post(f"/api/v1/{key}", {key: value})

    assert (status, answer[key]) == (202, value)
    _, command = await served.get(f"/api/v1/commands/{answer['commands'][0]}")
    assert (command["point"], command["value"], command["state"]) == (f"global.{key}", value, "queued")


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("mode", {"mode": 6}, "invalid_mode"),
        ("mode", {}, "missing_mode"),
        ("mode", {"state": 1}, "unknown_key"),
        ("state", {"state": 0}, "invalid_state"),
        ("state", {}, "missing_state"),
    ],
)
async def test_an_impossible_global_is_refused(served: Served, path: str, body: object, code: str) -> None:
    status, answer = await served.post(f"/api/v1/{path}", body)

    assert (status, answer["code"]) == (400, code)


async def test_a_command_is_seen_through_to_confirmed(served: Served) -> None:
    _, queued = await served.put("/api/v1/points/zone.1.1.setpoint", {"value": 22.5})
    path = f"/api/v1/commands/{queued['id']}"
    assert (queued["state"], queued["raw"], queued["origin"]) == ("queued", 3173, "rest")

    served.clock.advance(1)
    assert base_polls(served.gateway, "zone.1.1.setpoint", unit_id=241) == 3173
    _, delivered = await served.get(path)
    served.clock.advance(2)
    base_reports(served.gateway, "zone.1.1.setpoint", 22.5)
    _, confirmed = await served.get(path)

    assert (delivered["state"], delivered["read_by"], delivered["ended_at"]) == ("delivered", [241], None)
    assert confirmed["state"] == "confirmed"
    assert confirmed["queued_at"] < confirmed["delivered_at"] < confirmed["ended_at"]
    _, zone = await served.get("/api/v1/zones/1/1")
    assert (zone["setpoint"], zone["pending"]) == (22.5, None)


async def test_commands_are_listed_newest_first(served: Served) -> None:
    for value in (20.0, 21.0, 22.0):
        served.clock.advance(1)
        await served.put("/api/v1/points/zone.1.1.setpoint", {"value": value})

    _, answer = await served.get("/api/v1/commands")
    _, newest = await served.get("/api/v1/commands", params={"limit": "1"})

    states = [(command["value"], command["state"]) for command in answer["commands"]]
    assert states == [(22.0, "queued"), (21.0, "superseded"), (20.0, "superseded")]
    assert newest["commands"] == answer["commands"][:1]


async def test_without_a_link_a_command_is_refused_unless_it_may_wait(served: Served) -> None:
    set_link(served.gateway, connected=False)

    refused = await served.put("/api/v1/points/zone.1.1.setpoint", {"value": 22.5})
    taken = await served.put("/api/v1/points/zone.1.1.setpoint?queue=true", {"value": 22.5})
    syncing = await served.post("/api/v1/sync", None)

    assert (refused[0], refused[1]["code"]) == (503, "no_link")
    assert "/dev/ttyUSB0" in refused[1]["error"]
    assert (taken[0], taken[1]["state"]) == (202, "queued")
    assert (syncing[0], syncing[1]["code"]) == (503, "no_link")
    assert (await served.get("/api/v1/zones/1/1"))[0] == 200


async def test_a_command_that_may_have_waited_in_a_socket_is_refused(served: Served) -> None:
    served.gateway.tick(served.clock.now)
    served.clock.advance(60)

    refused = await served.post("/api/v1/zones/1/1", {"setpoint": 7.0})
    waiting = await served.put("/api/v1/points/zone.1.1.setpoint?queue=true", {"value": 7.0})

    assert [(status, answer["code"]) for status, answer in (refused, waiting)] == [(503, "stood_still")] * 2
    assert served.gateway.commands.pending == []


async def test_a_setpoint_beyond_the_base_s_range_is_taken_with_a_warning(served: Served) -> None:
    _, command = await served.put("/api/v1/points/zone.1.1.setpoint", {"value": 38})

    assert command["warning"] == "the base will limit 38 to its range of 5 to 31 degC"


async def test_a_reading_tells_value_word_age_quality_and_pending_command(served: Served) -> None:
    _, command = await served.put("/api/v1/points/zone.1.1.setpoint", {"value": 22.5})
    served.clock.advance(4.2)

    _, reading = await served.get("/api/v1/points/zone.1.1.setpoint")

    assert reading == {
        "id": "zone.1.1.setpoint",
        "group": "zone",
        "index": [1, 1],
        "point": "setpoint",
        "address": 101,
        "value": 21.5,
        "raw": 3123,
        "quality": "good",
        "source": "bus",
        "stale": False,
        "age_s": 4.2,
        "at": served.gateway.clock.to_iso(1000.0),
        "pending": command,
    }


async def test_every_point_of_the_table_is_listed_known_or_not(served: Served) -> None:
    _, everything = await served.get("/api/v1/points")
    _, of_base = await served.get("/api/v1/points", params={"prefix": "zone.1."})

    assert [point["id"] for point in everything["points"]] == list(TABLE.by_id)
    assert everything["count"] == len(TABLE)
    assert of_base["count"] == 48
    never = next(point for point in everything["points"] if point["id"] == "zone.5.12.state")
    assert (never["source"], never["value"], never["raw"], never["at"], never["stale"]) == (
        "never",
        None,
        None,
        None,
        True,
    )


async def test_registers_without_meaning_are_listed_beside_the_points(served: Served) -> None:
    served.gateway.bus.write(4, [77], function_code=6, unit_id=0, now=served.clock.now)
    served.clock.advance(2)

    _, answer = await served.get("/api/v1/points", params={"prefix": "none"})

    assert answer == {"points": [], "count": 0, "unknown_registers": [{"address": 4, "raw": 77, "age_s": 2.0}]}


async def test_stored_and_stale_readings_say_so(served: Served) -> None:
    served.gateway.restore([(6002, 0x0C1A, 400.0)])
    served.clock.advance(181)
    served.gateway.tick(served.clock.now)

    _, stored = await served.get("/api/v1/points/zone.5.12.temperature")
    _, aged = await served.get("/api/v1/points/zone.1.1.temperature")

    assert (stored["source"], stored["stale"], stored["age_s"]) == ("stored", True, 781.0)
    assert (aged["source"], aged["stale"], aged["value"]) == ("bus", True, 22.0)


@pytest.mark.parametrize(
    ("point", "body", "status", "code"),
    [
        ("zone.1.1.temperature", {"value": 20}, 400, "read_only"),
        ("zone.6.1.setpoint", {"value": 20}, 404, "unknown_point"),
        ("zone.1.1.setpoint", {}, 400, "missing_value"),
        ("zone.1.1.setpoint", {"value": None}, 400, "invalid_setpoint"),
        ("zone.1.1.setpoint", {"value": "21"}, 400, "invalid_setpoint"),
        ("global.mode", {"value": 9}, 400, "invalid_mode"),
    ],
)
async def test_a_point_that_cannot_be_set_so_is_refused(
    served: Served, point: str, body: object, status: int, code: str
) -> None:
    answered, answer = await served.put(f"/api/v1/points/{point}", body)

    assert (answered, answer["code"]) == (status, code)


async def test_unknown_points_and_commands_are_not_found(served: Served) -> None:
    assert (await served.get("/api/v1/points/zone.1.1.valve"))[1]["code"] == "unknown_point"
    assert (await served.get("/api/v1/commands/none"))[1]["code"] == "unknown_command"


async def test_schema_is_the_register_table_without_its_addresses(served: Served) -> None:
    _, schema = await served.get("/api/v1/schema")

    groups = {group["key"]: group for group in schema["groups"]}
    assert list(groups) == list(TABLE.groups)
    assert groups["zone"]["axes"] == [
        {"name": "base_id", "low": 1, "high": 5},
        {"name": "zone_id", "low": 1, "high": 12},
    ]
    state, setpoint = groups["zone"]["points"][:2]
    assert state["options"]["1"] == "normal"
    assert (state["writable"], state["limits"], state["kind"]) == (True, None, "enum")
    assert setpoint["limits"] == {"low": 5.0, "high": 40.0, "step": 0.5}
    assert (setpoint["unit"], setpoint["options"], setpoint["device_class"]) == ("°C", None, "temperature")
    assert schema["setpoint_limits"]["heating"] == {"low": 5.0, "high": 31.0, "step": 0.5}
    assert "address" not in str(schema)


async def test_bus_tells_counters_ages_and_link(served: Served) -> None:
    counters = served.gateway.bus.counters
    counters.frames, counters.polls_by_unit[240], counters.last_poll_at[240] = 5, 3, served.clock.now
    served.clock.advance(3)

    _, bus = await served.get("/api/v1/bus")

    assert bus["link"]["code"] == "connected"
    assert (bus["counters"]["frames"], bus["counters"]["polls_by_unit"]) == (5, {"240": 3})
    assert bus["last_poll_age_s"] == {"240": 3.0, "241": None}
    assert (bus["last_write_age_s"], bus["late"], bus["stale"]) == (3.0, False, False)
    assert bus["frames_per_s"] >= 0


async def test_sync_makes_the_base_write_anew_and_tells_how_far_it_is(served: Served) -> None:
    _, before = await served.get("/api/v1/sync")

    status, begun = await served.post("/api/v1/sync", None)
    served.clock.advance(0.1)
    base_reports(served.gateway, "zone.1.1.setpoint", 21.5)
    _, after = await served.get("/api/v1/sync")

    assert before["refreshing"] == 0
    assert status == 202
    assert begun["refreshing"] == before["total"]
    assert after == {"refreshing": begun["refreshing"] - 1, "total": begun["refreshing"]}


async def test_snapshot_is_there_for_clients_that_only_poll(served: Served) -> None:
    _, snapshot = await served.get("/api/v1/snapshot")

    assert snapshot["type"] == "snapshot"
    assert len(snapshot["readings"]) == len(TABLE)
    assert len(snapshot["zones"]) == 60
    assert snapshot["zones"][0] == {"base_id": 1, "zone_id": 1, "name": "Living room", "active": True}
    assert {"link", "store", "bus", "web"} <= snapshot["status"].keys()


async def test_before_anything_is_received_everything_answers(start: Start, clock: FakeClock) -> None:
    served = await start(make_gateway(clock, connected=False), clock)
    paths = ("zones", "zones/1/1", "mode", "state", "points", "bus", "sync", "snapshot", "commands", "health")

    answers: list[tuple[int, Any]] = [await served.get(f"/api/v1/{path}") for path in paths]

    assert {status for status, _ in answers} == {200}
    assert answers[0][1]["count"] == 0


@pytest.mark.parametrize("path", ["zones/1/1", "points/global.mode", "mode", "bus", "health", "schema", "commands/x"])
async def test_unknown_query_parameters_are_refused_with_those_allowed(served: Served, path: str) -> None:
    status, answer = await served.get(f"/api/v1/{path}", params={"verbose": "1"})

    assert (status, answer["code"]) == (400, "unknown_parameter")
    assert answer["error"] == "Unknown query parameter: 'verbose'. This path takes none"


async def test_a_repeated_query_parameter_is_refused(served: Served) -> None:
    status, answer = await served.get("/api/v1/zones?base_id=1&base_id=2")

    assert (status, answer["code"]) == (400, "invalid_base_id")


class _Past:
    id, point, value, origin, state, reason = "old-1", "zone.1.1.setpoint", 22.5, "rest", "confirmed", None
    queued_at, delivered_at, ended_at, read_by = 1_700_000_000.0, 1_700_000_001.0, None, (240,)


class _Store:
    async def command_history(self, limit: int) -> list[_Past]:
        return [_Past()][:limit]


class _ForgetfulStore:
    async def command_history(self, limit: int) -> None:
        assert limit


async def test_commands_of_an_earlier_run_come_from_the_store(start: Start, gateway: Gateway, clock: FakeClock) -> None:
    served = await start(gateway, clock, _Store())
    await served.put("/api/v1/points/zone.1.1.setpoint", {"value": 20})

    _, answer = await served.get("/api/v1/commands")
    _, old = await served.get("/api/v1/commands/old-1")

    assert [command["value"] for command in answer["commands"]] == [20, 22.5]
    assert old == {
        "id": "old-1",
        "point": "zone.1.1.setpoint",
        "value": 22.5,
        "raw": 3173,
        "origin": "rest",
        "state": "confirmed",
        "queued_at": "2023-11-14T22:13:20.000Z",
        "delivered_at": "2023-11-14T22:13:21.000Z",
        "ended_at": None,
        "read_by": [240],
        "reason": None,
        "reason_code": None,
        "reason_value": None,
        "warning": None,
    }


async def test_a_store_without_history_costs_only_the_history(start: Start, gateway: Gateway, clock: FakeClock) -> None:
    served = await start(gateway, clock, _ForgetfulStore())

    assert await served.get("/api/v1/commands") == (200, {"commands": []})


async def test_an_unread_command_is_withdrawn(served: Served) -> None:
    _, answer = await served.post("/api/v1/zones/1/1", {"setpoint": 23})
    (command,) = answer["commands"]

    undone = await served.post(f"/api/v1/commands/{command}/undo", None)

    assert undone == (202, {"withdrawn": [command], "commands": []})
    assert (await served.get(f"/api/v1/commands/{command}"))[1]["state"] == "withdrawn"


async def test_what_the_base_has_read_is_undone_by_the_value_of_before(served: Served) -> None:
    _, answer = await served.post("/api/v1/zones/1/1", {"setpoint": 23})
    base_polls(served.gateway, "zone.1.1.setpoint")

    status, undone = await served.post(f"/api/v1/commands/{answer['commands'][0]}/undo", None)

    (back,) = undone["commands"]
    assert (status, (await served.get(f"/api/v1/commands/{back}"))[1]["value"]) == (202, 21.5)


async def test_what_cannot_be_undone_says_why(served: Served) -> None:
    _, answer = await served.post("/api/v1/zones/1/1", {"setpoint": 23})
    await served.post("/api/v1/zones/1/1", {"setpoint": 24})

    for command, status, code in ((answer["commands"][0], 409, "cannot_undo"), ("nonsense", 404, "unknown_command")):
        refused, problem = await served.post(f"/api/v1/commands/{command}/undo", None)
        assert (refused, problem["code"]) == (status, code)


async def test_an_undo_that_is_refused_changes_nothing(served: Served) -> None:
    _, answer = await served.post("/api/v1/zones/1/1", {"setpoint": 23})
    path = f"/api/v1/commands/{answer['commands'][0]}/undo"
    base_polls(served.gateway, "zone.1.1.setpoint")
    served.clock.advance(1)
    base_reports(served.gateway, "zone.1.1.setpoint", 23.0)
    _, off = await served.post("/api/v1/zones/1/1", {"state": 3})
    before = await served.get("/api/v1/commands")

    refused = [await served.post(path, None) for _ in range(2)]

    assert [(status, problem["code"]) for status, problem in refused] == [(409, "room_is_off")] * 2
    assert await served.get("/api/v1/commands") == before
    await served.post(f"/api/v1/commands/{off['commands'][0]}/undo", None)
    assert (await served.post(path, None))[0] == 202


async def test_it_is_told_how_the_base_answers_polls_without_a_command(served: Served) -> None:
    base_polls(served.gateway, "zone.1.1.setpoint")
    served.clock.advance(0.25)
    base_reports(served.gateway, "zone.1.1.setpoint", 21.5)

    _, bus = await served.get("/api/v1/bus")

    assert bus["idle_polls"]["zone.setpoint"] == {
        "polls": 1,
        "asked": 1,
        "answered": 1,
        "mean_s": 0.25,
        "longest_s": 0.25,
    }
