"""What there is to say of each path of the API; `openapi` makes the document of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from neasmart.registers import Axis, RegisterTable
from neasmart.web.history import DEFAULT_POINTS, FORMATS, MAX_POINTS, POINTS_LIMIT
from neasmart.web.openapi_schemas import COUNT, FLAG, OBJECT, TEXT, Schema, body, fields, listed, place, ref, titled
from neasmart.web.rest import COMMANDS_LIMIT, COMMANDS_SHOWN
from neasmart.web.seeing import SECONDS_LIMIT

JSON = "application/json"
DOCS_FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "start.js")
OPEN_PATHS = frozenset({"/health", "/api/openapi.json", "/api/docs", *(f"/api/docs/{name}" for name in DOCS_FILES)})
"""What may be read without a key: nothing of the house but whether the gateway is well."""
_QUEUE: Schema = FLAG | {"description": "Take the command even while the base is not connected", "default": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path.

    `answers` are media types with their schemas, none where there is no body; `names` what stands in the path.
    """

    summary: str
    tag: str
    answers: Mapping[str, Schema]
    status: int = HTTPStatus.OK
    sends: Schema | None = None
    sends_optional: bool = False
    names: Mapping[str, Schema] | None = None
    query: Mapping[str, Schema] | None = None
    problems: tuple[int, ...] = ()
    is_open: bool = False


def operations(table: RegisterTable) -> dict[str, Operation]:
    """Return by method and path what there is to say."""
    base_axis = table.rooms.axes[0]
    return {
        **_rooms(base_axis),
        **_points(),
        **_bus(),
        **_setup(),
        **_root(),
        "GET /api/v1/health": _read("How the gateway is", "system", ref("Health")),
        "GET /api/v1/schema": _read("The points, their units and limits", "system", ref("Schema")),
        "GET /api/v1/snapshot": _read("Everything that a page shows", "system", ref("Snapshot")),
        "GET /api/openapi.json": Operation(
            summary="This document; needs no key", tag="system", answers={JSON: OBJECT}, is_open=True
        ),
        "GET /api/docs": Operation(
            summary="This document, to read and to try; needs no key",
            tag="system",
            answers={"text/html": TEXT},
            is_open=True,
        ),
        "GET /api/docs/{name}": Operation(
            summary="The files of that page",
            tag="system",
            answers={"text/javascript": TEXT, "text/css": TEXT},
            names={"name": {"type": "string", "enum": list(DOCS_FILES)}},
            is_open=True,
        ),
        "GET /metrics": _read("For Prometheus", "system", TEXT, kind="text/plain"),
        "GET /health": Operation(
            summary="How the gateway is; needs no key",
            tag="system",
            answers={JSON: ref("Health")},
            is_open=True,
        ),
    }


def _rooms(base_axis: Axis) -> dict[str, Operation]:
    v1 = "/api/v1"
    chosen = {"base_id": place(base_axis) | {"type": ["integer", "null"]}, "include_inactive": FLAG}
    zones = _read(
        "All rooms",
        "rooms",
        fields(
            {"zones": listed(ref("Zone")), "count": COUNT, "filter": fields(chosen, title="ZoneFilter")},
            title="ZoneList",
        ),
        query={"base_id": place(base_axis), "include_inactive": FLAG},
    )
    updated = {"state": {"type": "integer"}, "setpoint": {"type": "number"}, "setpoint_encoded": {"type": "integer"}}
    zone_set = fields(
        {
            "base_id": place(base_axis),
            "zone_id": {"type": "integer"},
            "updated": fields(updated, optional=tuple(updated), title="ZoneUpdated"),
            "commands": listed(TEXT),
        },
        title="ZoneUpdate",
    )
    zone = f"{v1}/zones/{{base_id}}/{{zone_id}}"
    return {
        f"GET {v1}/zones": zones,
        f"GET {zone}": _read("One room", "rooms", ref("Zone")),
        f"DELETE {zone}": Operation(
            summary="Forget a room and its past, until the base writes it again; its name stays",
            tag="rooms",
            answers={JSON: fields({"base_id": COUNT, "zone_id": COUNT, "forgotten": FLAG}, title="RoomForgotten")},
            problems=(404,),
        ),
        f"GET {v1}/rooms": _read("What the owner calls the rooms, in the order of the page", "rooms", ref("Rooms")),
        f"PUT {v1}/rooms": Operation(
            summary="Change names, floors, order and what is hidden, of all rooms or of some",
            tag="rooms",
            answers={JSON: ref("Rooms")},
            sends=ref("RoomsChange"),
        ),
        f"POST {zone}": _write("Set a room's state, setpoint or both", "rooms", ref("ZoneCommand"), zone_set, 200),
        f"GET {v1}/outsidetemperature": _read("Outside temperature", "system", ref("OutsideTemperature")),
        f"GET {v1}/notifications": _read("What the base has to tell", "system", ref("Notifications")),
        **{
            f"{method} {v1}/{key}": operation
            for key in ("mode", "state")
            for method, operation in (
                ("GET", _read(f"The global {key}", "system", ref(key.title()))),
                ("POST", _set_global(key)),
            )
        },
        f"GET {v1}/mixedgroups/{{group_id}}": _read("One mixed circuit", "equipment", ref("MixedGroup")),
        f"GET {v1}/dehumidifiers/{{dehumidifier_id}}": _read("One dehumidifier", "equipment", ref("Dehumidifier")),
        f"GET {v1}/pumps/{{pump_id}}": _read("One extra pump", "equipment", ref("Pump")),
    }


def _points() -> dict[str, Operation]:
    v1 = "/api/v1"
    unknown = fields({"address": COUNT, "raw": COUNT, "age_s": {"type": ["number", "null"]}}, title="UnknownRegister")
    limit = {"type": "integer", "minimum": 1, "maximum": COMMANDS_LIMIT, "default": COMMANDS_SHOWN}
    ids = {
        "type": "array",
        "minItems": 1,
        "maxItems": POINTS_LIMIT,
        "items": ref("PointId"),
    }
    sample = listed({"type": ["number", "null"]}) | {"minItems": 2, "maxItems": 2}
    sample["description"] = "Unix seconds, and the value from then on; null is a gap"
    series = fields({"id": TEXT, "unit": {"type": ["string", "null"]}, "points": listed(sample)}, title="HistorySeries")
    return {
        f"GET {v1}/points": _read(
            "All points, and registers without a meaning",
            "points",
            fields(
                {"points": listed(ref("Point")), "count": COUNT, "unknown_registers": listed(unknown)},
                title="PointList",
            ),
            query={"prefix": TEXT | {"description": "How the ids begin, such as `zone.1.`"}},
        ),
        f"GET {v1}/points/{{point_id}}": Operation(
            summary="One point", tag="points", answers={JSON: ref("Point")}, names={"point_id": ref("PointId")}
        ),
        f"PUT {v1}/points/{{point_id}}": Operation(
            summary="Set one point",
            tag="points",
            answers={JSON: ref("Command")},
            status=HTTPStatus.ACCEPTED,
            sends=body({"value": {"type": "number"}}, required=("value",), title="PointCommand"),
            names={"point_id": ref("WritablePointId")},
            query={"queue": _QUEUE},
            problems=(503,),
        ),
        f"GET {v1}/commands": _read(
            "The last commands, newest first",
            "points",
            fields({"commands": listed(ref("Command"))}, title="CommandList"),
            query={"limit": limit},
        ),
        f"GET {v1}/commands/{{command_id}}": _read("One command", "points", ref("Command")),
        f"POST {v1}/commands/{{command_id}}/undo": Operation(
            summary="Take a command back, or bring back what was there before it",
            tag="points",
            answers={JSON: fields({"withdrawn": listed(TEXT), "commands": listed(TEXT)}, title="Undone")},
            status=HTTPStatus.ACCEPTED,
            problems=(409, 503),
        ),
        f"GET {v1}/history": Operation(
            summary="What points were between two times",
            tag="points",
            answers={
                JSON: fields({"from": TEXT, "to": TEXT, "series": listed(series)}, title="History"),
                "text/csv": TEXT,
            },
            query={
                "points": ids,
                "from": {"type": "string", "format": "date-time", "description": "A day before `to` if not given"},
                "to": {"type": "string", "format": "date-time", "description": "Now if not given"},
                "max_points": {"type": "integer", "minimum": 3, "maximum": MAX_POINTS, "default": DEFAULT_POINTS},
                "format": {"type": "string", "enum": list(FORMATS), "default": FORMATS[0]},
            },
        ),
    }


def _bus() -> dict[str, Operation]:
    v1 = "/api/v1"
    captures = ref("Captures")
    seconds = {"type": "number", "minimum": 1, "maximum": SECONDS_LIMIT, "default": SECONDS_LIMIT}
    sent = titled(
        "CaptureCommand", {"type": "object", "properties": {"seconds": seconds}, "additionalProperties": False}
    )
    return {
        f"GET {v1}/bus": _read("What was seen on the wire", "bus", ref("Bus")),
        f"GET {v1}/sync": _read(
            "How much is still to come", "bus", fields({"refreshing": COUNT, "total": COUNT}, title="SyncProgress")
        ),
        f"POST {v1}/sync": Operation(
            summary="Have the base write everything anew",
            tag="bus",
            answers={JSON: fields({"refreshing": COUNT, "total": COUNT}, title="SyncProgress")},
            status=HTTPStatus.ACCEPTED,
            problems=(503,),
        ),
        f"GET {v1}/doctor": _read("What is wrong with the wiring", "bus", ref("Doctor")),
        f"GET {v1}/diagnostics": _read(
            "Everything a helper asks for, without secrets",
            "bus",
            OBJECT,
            query={"names": FLAG | {"description": "With the names of the rooms"}},
        ),
        f"GET {v1}/captures": _read("The recorder and its recordings", "bus", captures),
        f"POST {v1}/captures": Operation(
            summary="Begin a recording",
            tag="bus",
            answers={JSON: captures},
            status=HTTPStatus.CREATED,
            sends=sent,
            sends_optional=True,
            problems=(409,),
        ),
        f"POST {v1}/captures/stop": Operation(summary="End the recording", tag="bus", answers={JSON: captures}),
        f"GET {v1}/captures/{{name}}": _read(
            "A recording for Wireshark", "bus", {"type": "string", "format": "binary"}, kind="application/x-pcapng"
        ),
        f"DELETE {v1}/captures/{{name}}": _read("Delete a recording", "bus", captures),
    }


def _setup() -> dict[str, Operation]:
    choice: Schema = {
        "type": "object",
        "properties": {
            "device": TEXT | {"description": "The path of a serial device"},
            "url": TEXT | {"description": "`socket://HOST:PORT` or `rfc2217://HOST:PORT`"},
            "listen": {"type": "boolean", "enum": [True], "description": "Wait for a converter that dials"},
        },
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }
    more = {
        "open_port": {"type": "boolean", "enum": [True], "description": "Have Home Assistant open the port"},
        "restart": {"type": "boolean", "enum": [True], "description": "Have the app started anew"},
    }
    return {
        "GET /api/v1/setup": _read("What can be the link to the bus, and what is", "setup", ref("Setup")),
        "POST /api/v1/setup/listen": Operation(
            summary="Listen to a link for ten minutes, without sending",
            tag="setup",
            answers={JSON: ref("Setup")},
            sends=choice,
            problems=(409,),
        ),
        "POST /api/v1/setup/apply": Operation(
            summary="Store a link and use it, open the port, or restart",
            tag="setup",
            answers={JSON: ref("Setup")},
            sends=choice | {"properties": {**choice["properties"], **more}},
            problems=(409,),
        ),
    }


def _root() -> dict[str, Operation]:
    zone = "/zones/{base_id}/{zone_id}"
    return {
        f"GET {zone}": _read("One room, as it will be", "root", ref("RootZone")),
        f"POST {zone}": _submit("Set a room's state, setpoint or both", ref("ZoneCommand")),
        "GET /mode": _read("The global mode", "root", ref("Mode")),
        "POST /mode": _submit("Set the global mode", ref("ModeCommand")),
        "GET /state": _read("The global state", "root", ref("State")),
        "POST /state": _submit("Set the global state", ref("StateCommand")),
        "GET /outsidetemperature": _read("Outside temperature", "root", ref("OutsideTemperature")),
        "GET /notifications": _read("What the base has to tell", "root", ref("RootNotifications")),
        "GET /mixedgroups/{group_id}": _read("One mixed circuit", "root", ref("RootMixedGroup")),
        "GET /dehumidifiers/{dehumidifier_id}": _read("One dehumidifier", "root", ref("RootDehumidifier")),
        "GET /pumps/{pump_id}": _read("One extra pump", "root", ref("RootPump")),
    }


def _read(
    summary: str, tag: str, schema: Schema, *, kind: str = JSON, query: Mapping[str, Schema] | None = None
) -> Operation:
    return Operation(summary=summary, tag=tag, answers={kind: schema}, query=query)


def _write(summary: str, tag: str, sends: Schema, answers: Schema, status: int) -> Operation:
    return Operation(
        summary=summary,
        tag=tag,
        answers={JSON: answers},
        status=status,
        sends=sends,
        query={"queue": _QUEUE},
        problems=(503,),
    )


def _set_global(key: str) -> Operation:
    answer = fields({key: {"type": "integer"}, "commands": listed(TEXT)}, title=f"{key.title()}Update")
    return _write(f"Set the global {key}", "system", ref(f"{key.title()}Command"), answer, 202)


def _submit(summary: str, sends: Schema) -> Operation:
    return Operation(
        summary=summary,
        tag="root",
        answers={},
        status=HTTPStatus.ACCEPTED,
        sends=sends,
        query={"queue": _QUEUE},
        problems=(503,),
    )
