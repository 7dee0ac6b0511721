"""Describes the API as an OpenAPI 3.1 document, from the register table and the routes that a listener really has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from neasmart import __version__
from neasmart.registers import Axis, RegisterTable
from neasmart.web.auth import KEY_HEADER
from neasmart.web.history import DEFAULT_POINTS, FORMATS, MAX_POINTS, POINTS_LIMIT
from neasmart.web.openapi_schemas import COUNT, FLAG, OBJECT, TEXT, Schema, body, fields, listed, place, ref, schemas
from neasmart.web.request_id import HEADER
from neasmart.web.rest import COMMANDS_LIMIT, COMMANDS_SHOWN
from neasmart.web.seeing import SECONDS_LIMIT

VERSION = "3.1.0"
DOCS_FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "start.js")
_JSON = "application/json"
_ABOUT = (
    "Rooms, equipment and bus of a REHAU NEA SMART 2.0. New programs use `/api/v1`; the paths at the root serve "
    "existing clients. A value that is not known is `null`. Every GET answers HEAD, too. A request may name itself by "
    f"`{HEADER}`; the answer and the log tell the name."
)
_PROBLEMS: Mapping[int, str] = {
    400: "The request is not valid, and nothing of it was applied",
    401: "A key or a token is needed, or it is not valid",
    403: "The host name or the page that asks is not allowed",
    404: "There is nothing under this name",
    408: "The body did not arrive in time",
    409: "Not possible at the moment",
    413: "The body is too large",
    429: "Too many requests or failed attempts; `Retry-After` tells when to come back",
    503: "Not connected to the base station, or too many clients",
}
_EVERYWHERE = (400, 401, 403, 429)
_WITH_BODY = (408, 413)
_STALE = (
    "X-Rehau-Registers-Stale",
    "X-Rehau-Registers-Age-Seconds",
    "X-Rehau-Stale-After-Seconds",
    "X-Rehau-Last-Register-Write",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation:
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


def document(table: RegisterTable, routes: Iterable[web.RouteDef]) -> Schema:
    """Return the description of these routes; one that is not known here is left out."""
    known = _operations(table)
    axes = {axis.name: place(axis) for group in table.groups.values() for axis in group.axes}
    paths: dict[str, Schema] = {}
    for route in routes:
        operation = known.get(f"{route.method} {route.path}")
        if operation is not None:
            paths.setdefault(route.path, {})[route.method.lower()] = _described(route, operation, axes)
    return {
        "openapi": VERSION,
        "info": {
            "title": "Nea Smart Gateway",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        # Relative to this document, so that it also holds behind Home Assistant's ingress.
        "servers": [{"url": ".."}],
        "security": [{}, {"key": []}, {"token": []}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas(table),
            "headers": _HEADERS,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": KEY_HEADER, "description": "`api.key`"},
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "HS256 by `api.jwt_secret`, with `exp`",
                },
            },
        },
    }


def _described(route: web.RouteDef, operation: _Operation, axes: Mapping[str, Schema]) -> Schema:
    at_root = not route.path.startswith("/api/")
    found = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    names = {name: (operation.names or {}).get(name) or axes.get(name, TEXT) for name in found}
    parameters = [{"name": name, "in": "path", "required": True, "schema": schema} for name, schema in names.items()]
    for name, schema in (operation.query or {}).items():
        parameter: Schema = {"name": name, "in": "query", "schema": schema}
        if schema.get("type") == "array":
            parameter |= {"required": True, "style": "form", "explode": False}
        parameters.append(parameter)
    described: Schema = {
        "operationId": _operation_id(route),
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": parameters,
        "responses": _responses(operation, at_root=at_root, named=bool(names)),
    }
    if operation.is_open:
        described["security"] = []
    if operation.sends is not None:
        required = not operation.sends_optional
        described["requestBody"] = {"required": required, "content": {_JSON: {"schema": operation.sends}}}
    return described


def _responses(operation: _Operation, *, at_root: bool, named: bool) -> Schema:
    headers = {HEADER: {"$ref": f"#/components/headers/{HEADER}"}}
    if at_root:
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in _STALE}
    done: Schema = {"description": HTTPStatus(operation.status).phrase, "headers": headers}
    if operation.answers:
        done["content"] = {kind: {"schema": schema} for kind, schema in operation.answers.items()}
    problems = {*_EVERYWHERE, *operation.problems, *((404,) if named else ())}
    if operation.sends is not None:
        problems |= set(_WITH_BODY)
    if operation.is_open:
        problems.discard(401)
    shape = {_JSON: {"schema": ref("RootError" if at_root else "Error")}}
    responses = {str(int(operation.status)): done}
    for status in sorted(problems):
        also = (
            {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
            if status == HTTPStatus.TOO_MANY_REQUESTS
            else {}
        )
        responses[str(status)] = {"description": _PROBLEMS[status], "headers": headers | also, "content": shape}
    return responses


def _operation_id(route: web.RouteDef) -> str:
    path = route.path.replace("/api/v1", "").replace("/api", "")
    words = [part.strip("{}") for part in path.replace("_id", "").replace(".", "_").split("/")]
    root = "" if route.path.startswith("/api/") else "root_"
    return root + "_".join([route.method.lower(), *words]).replace("__", "_")


def _operations(table: RegisterTable) -> dict[str, _Operation]:
    """Return by method and path what there is to say."""
    base_axis = table.groups["zone"].axes[0]
    return {
        **_rooms(base_axis),
        **_points(),
        **_bus(),
        **_root(),
        "GET /api/v1/health": _read("How the gateway is", "system", ref("Health")),
        "GET /api/v1/schema": _read("The points, their units and limits", "system", ref("Schema")),
        "GET /api/v1/snapshot": _read("Everything that a page shows", "system", ref("Snapshot")),
        "GET /api/v1/live": _Operation(
            summary="WebSocket with `hello`, `snapshot` and then `changes`",
            tag="system",
            answers={},
            status=HTTPStatus.SWITCHING_PROTOCOLS,
            problems=(503,),
        ),
        "GET /api/openapi.json": _read("This document", "system", OBJECT),
        "GET /api/docs": _read("This document, to read and to try", "system", TEXT, kind="text/html"),
        "GET /api/docs/{name}": _Operation(
            summary="The files of that page",
            tag="system",
            answers={"text/javascript": TEXT, "text/css": TEXT},
            names={"name": {"type": "string", "enum": list(DOCS_FILES)}},
        ),
        "GET /metrics": _read("For Prometheus", "system", TEXT, kind="text/plain"),
        "GET /health": _Operation(
            summary="How the gateway is; needs no key",
            tag="system",
            answers={_JSON: ref("Health")},
            is_open=True,
        ),
    }


def _rooms(base_axis: Axis) -> dict[str, _Operation]:
    v1 = "/api/v1"
    chosen = {"base_id": place(base_axis) | {"type": ["integer", "null"]}, "include_inactive": FLAG}
    zones = _read(
        "All rooms",
        "rooms",
        fields({"zones": listed(ref("Zone")), "count": COUNT, "filter": fields(chosen)}),
        query={"base_id": place(base_axis), "include_inactive": FLAG},
    )
    updated = {"state": {"type": "integer"}, "setpoint": {"type": "number"}, "setpoint_encoded": {"type": "integer"}}
    zone_set = fields(
        {
            "base_id": place(base_axis),
            "zone_id": {"type": "integer"},
            "updated": fields(updated, optional=tuple(updated)),
            "commands": listed(TEXT),
        }
    )
    zone = f"{v1}/zones/{{base_id}}/{{zone_id}}"
    return {
        f"GET {v1}/zones": zones,
        f"GET {v1}/zones/": zones,
        f"GET {zone}": _read("One room", "rooms", ref("Zone")),
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


def _points() -> dict[str, _Operation]:
    v1 = "/api/v1"
    unknown = fields({"address": COUNT, "raw": COUNT, "age_s": {"type": ["number", "null"]}})
    limit = {"type": "integer", "minimum": 1, "maximum": COMMANDS_LIMIT, "default": COMMANDS_SHOWN}
    ids = {
        "type": "array",
        "minItems": 1,
        "maxItems": POINTS_LIMIT,
        "items": ref("PointId"),
    }
    sample = listed({"type": ["number", "null"]}) | {"minItems": 2, "maxItems": 2}
    sample["description"] = "Unix seconds, and the value from then on; null is a gap"
    series = fields({"id": TEXT, "unit": {"type": ["string", "null"]}, "points": listed(sample)})
    return {
        f"GET {v1}/points": _read(
            "All points, and registers without a meaning",
            "points",
            fields({"points": listed(ref("Point")), "count": COUNT, "unknown_registers": listed(unknown)}),
            query={"prefix": TEXT | {"description": "How the ids begin, such as `zone.1.`"}},
        ),
        f"GET {v1}/points/{{point_id}}": _Operation(
            summary="One point", tag="points", answers={_JSON: ref("Point")}, names={"point_id": ref("PointId")}
        ),
        f"PUT {v1}/points/{{point_id}}": _Operation(
            summary="Set one point",
            tag="points",
            answers={_JSON: ref("Command")},
            status=HTTPStatus.ACCEPTED,
            sends=body({"value": {"type": "number"}}, required=("value",)),
            names={"point_id": ref("WritablePointId")},
            query={"queue": _QUEUE},
            problems=(503,),
        ),
        f"GET {v1}/commands": _read(
            "The last commands, newest first",
            "points",
            fields({"commands": listed(ref("Command"))}),
            query={"limit": limit},
        ),
        f"GET {v1}/commands/{{command_id}}": _read("One command", "points", ref("Command")),
        f"GET {v1}/history": _Operation(
            summary="What points were between two times",
            tag="points",
            answers={_JSON: fields({"from": TEXT, "to": TEXT, "series": listed(series)}), "text/csv": TEXT},
            query={
                "points": ids,
                "from": {"type": "string", "format": "date-time", "description": "A day before `to` if not given"},
                "to": {"type": "string", "format": "date-time", "description": "Now if not given"},
                "max_points": {"type": "integer", "minimum": 3, "maximum": MAX_POINTS, "default": DEFAULT_POINTS},
                "format": {"type": "string", "enum": list(FORMATS), "default": FORMATS[0]},
            },
        ),
    }


def _bus() -> dict[str, _Operation]:
    v1 = "/api/v1"
    captures = ref("Captures")
    seconds = {"type": "number", "minimum": 1, "maximum": SECONDS_LIMIT, "default": SECONDS_LIMIT}
    sent = {"type": "object", "properties": {"seconds": seconds}, "additionalProperties": False}
    return {
        f"GET {v1}/bus": _read("What was seen on the wire", "bus", ref("Bus")),
        f"GET {v1}/sync": _read("How much is still to come", "bus", fields({"refreshing": COUNT, "total": COUNT})),
        f"POST {v1}/sync": _Operation(
            summary="Have the base write everything anew",
            tag="bus",
            answers={_JSON: fields({"refreshing": COUNT})},
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
        f"POST {v1}/captures": _Operation(
            summary="Begin a recording",
            tag="bus",
            answers={_JSON: captures},
            status=HTTPStatus.CREATED,
            sends=sent,
            sends_optional=True,
            problems=(409,),
        ),
        f"POST {v1}/captures/stop": _Operation(summary="End the recording", tag="bus", answers={_JSON: captures}),
        f"GET {v1}/captures/{{name}}": _read(
            "A recording for Wireshark", "bus", {"type": "string", "format": "binary"}, kind="application/x-pcapng"
        ),
        f"DELETE {v1}/captures/{{name}}": _read("Delete a recording", "bus", captures),
    }


def _root() -> dict[str, _Operation]:
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
    summary: str, tag: str, schema: Schema, *, kind: str = _JSON, query: Mapping[str, Schema] | None = None
) -> _Operation:
    return _Operation(summary=summary, tag=tag, answers={kind: schema}, query=query)


def _write(summary: str, tag: str, sends: Schema, answers: Schema, status: int) -> _Operation:
    return _Operation(
        summary=summary,
        tag=tag,
        answers={_JSON: answers},
        status=status,
        sends=sends,
        query={"queue": _QUEUE},
        problems=(503,),
    )


def _set_global(key: str) -> _Operation:
    answer = fields({key: {"type": "integer"}, "commands": listed(TEXT)})
    return _write(f"Set the global {key}", "system", ref(f"{key.title()}Command"), answer, 202)


def _submit(summary: str, sends: Schema) -> _Operation:
    return _Operation(
        summary=summary,
        tag="root",
        answers={},
        status=HTTPStatus.ACCEPTED,
        sends=sends,
        query={"queue": _QUEUE},
        problems=(503,),
    )


_QUEUE: Schema = FLAG | {"description": "Take the command even while the base is not connected", "default": False}
_TAGS: Mapping[str, str] = {
    "rooms": "Rooms",
    "system": "The whole system and the gateway itself",
    "equipment": "Mixed circuits, dehumidifiers and pumps",
    "points": "Every value by its id, commands and history",
    "bus": "Wiring, recordings and diagnostics",
    "root": "For existing clients: a pending command is shown as if it were done, and errors have `err`, too",
}
_HEADERS: Mapping[str, Schema] = {
    HEADER: {"description": "The name of the request", "schema": TEXT},
    "Retry-After": {"description": "Seconds", "schema": COUNT},
    _STALE[0]: {"description": "Whether the base has been silent for too long", "schema": FLAG},
    _STALE[1]: {"description": "Since the base last wrote, empty if never", "schema": TEXT},
    _STALE[2]: {"description": "When values count as old", "schema": {"type": "number"}},
    _STALE[3]: {"description": "When the base last wrote, empty if never", "schema": TEXT},
}
