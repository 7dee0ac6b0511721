"""The shapes of bodies and answers in the description of the API, projected from the register table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from neasmart.breaker import BreakerState
from neasmart.codecs import Quality
from neasmart.command import CommandState
from neasmart.plant import Source
from neasmart.registers import ADDRESS_LIMIT, Axis, Kind, Part, Point, RegisterTable
from neasmart.rooms import LONGEST_NAME
from neasmart.status import BusCounters, Closable
from neasmart.verdicts import BY_CODE, DoctorState, Level
from neasmart.web.health import DEGRADED, HEALTHY, UNHEALTHY
from neasmart.web.rooms import POSITIONS

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
AGE: Schema = {"type": ["number", "null"], "minimum": 0, "description": "Seconds; null: never"}
TIME: Schema = {"type": ["string", "null"], "format": "date-time", "description": "ISO 8601 in UTC; null: never"}
OBJECT: Schema = {"type": "object"}
_PART: Schema = {"type": "string", "enum": list(Closable)}
_WORD: Schema = {"type": ["integer", "null"], "minimum": 0, "maximum": 0xFFFF}
_VERDICT: Schema = {"type": "string", "enum": list(BY_CODE)}
_UNIT_AGES: Schema = {"type": "object", "additionalProperties": AGE, "description": "By unit id"}


def ref(name: str) -> Schema:
    """Return a reference to one of `schemas`."""
    return {"$ref": f"#/components/schemas/{name}"}


def fields(properties: Mapping[str, Schema], *, optional: tuple[str, ...] = (), title: str | None = None) -> Schema:
    """Return an object that has all of these properties but for the optional ones."""
    required = [name for name in properties if name not in optional]
    schema: Schema = {"type": "object", "properties": dict(properties), "required": required}
    return schema if title is None else titled(title, schema)


def body(properties: Mapping[str, Schema], *, required: tuple[str, ...] = (), title: str | None = None) -> Schema:
    """Return an object that a client sends: at least one of the properties and no other."""
    schema: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    schema |= {"required": list(required)} if required else {"minProperties": 1}
    return schema if title is None else titled(title, schema)


def titled(title: str, schema: Schema) -> Schema:
    """Return a schema that `named` moves to the components, so that generated clients have a type of this name."""
    return {"title": title, **schema}


def named(schema: Any, components: dict[str, Schema]) -> Any:
    """Return a schema, or anything that holds some, with each titled one moved to `components` and a reference left."""
    if isinstance(schema, list):
        return [named(each, components) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: named(each, components) for key, each in schema.items()}
    title = found.get("title")
    if not isinstance(title, str) or not found.keys() & {"type", "oneOf"}:
        return found
    if components.setdefault(title, found) != found:
        raise ValueError(f"two shapes are named {title}")
    return ref(title)


def _rooms(whereabouts: Mapping[str, Schema]) -> dict[str, Schema]:
    text = TEXT | {"maxLength": LONGEST_NAME}
    position: Schema = {"type": ["integer", "null"], "minimum": 1, "maximum": POSITIONS}
    said = {"name": text, "floor": text, "position": position, "hidden": FLAG, "in_home_assistant": FLAG}
    change: Schema = {
        "type": "object",
        "properties": {**whereabouts, **said, "active": FLAG},
        "required": ["base_id", "zone_id"],
        "additionalProperties": False,
    }
    change = titled("RoomChange", change)
    room = fields({**whereabouts, **said, "active": FLAG}, title="Room")
    return {
        "Rooms": fields({"rooms": listed(room), "stored": FLAG, "detail": nullable(TEXT)}),
        "RoomsChange": {
            "type": "object",
            "properties": {"rooms": listed(change)},
            "required": ["rooms"],
            "additionalProperties": False,
        },
    }


def _setup() -> Schema:
    link = fields(
        {
            "kind": {"type": "string", "enum": ["serial", "dial", "listen"]},
            "device": nullable(TEXT),
            "url": nullable(TEXT),
        },
        title="SetupLink",
    )
    device = fields(
        {
            "path": TEXT,
            "name": TEXT,
            "maker": nullable(TEXT),
            "known_as": nullable(TEXT),
            "chosen": FLAG,
            "appeared_s": AGE,
            "problem": {"type": ["string", "null"], "enum": ["busy", "no_permission", "gone", None]},
        },
        title="SetupDevice",
    )
    converter = fields(
        {"host": nullable(TEXT), "port": COUNT, "port_open": nullable(FLAG), "can_open_port": FLAG},
        title="SetupConverter",
    )
    return fields(
        {
            "link": link,
            "listening": {"oneOf": [link, {"type": "null"}]},
            "devices": listed(device),
            "converter": converter,
            "decided_by": {"type": "string", "enum": ["supervisor", "file", "environment"]},
            "restart_needed": FLAG,
        }
    )


def listed(item: Schema) -> Schema:
    """Return an array."""
    return {"type": "array", "items": item}


def nullable(schema: Schema) -> Schema:
    """Return the schema with null allowed, too."""
    if "type" not in schema or "title" in schema:
        return {"oneOf": [schema, {"type": "null"}]}
    more: Schema = {"type": [schema["type"], "null"]}
    if "enum" in schema:
        more["enum"] = [*schema["enum"], None]
    return schema | more


def place(axis: Axis) -> Schema:
    """Return the numbers of an axis."""
    return {"type": "integer", "minimum": axis.low, "maximum": axis.high}


def settable(point: Point) -> Schema:
    """Return what may be commanded."""
    if point.limits is not None:
        limits = point.limits
        return {
            "type": "number",
            "minimum": limits.low,
            "maximum": limits.high,
            "description": f"{point.label} in {point.unit}; people set it in steps of {limits.step}",
        }
    return measured(point)


def measured(point: Point) -> Schema:
    """Return what a point's value may be, null not included."""
    if point.options is not None:
        names = ", ".join(f"{number} {name.replace('_', ' ')}" for number, name in point.options.items())
        schema: Schema = {"type": "integer", "enum": list(point.options), "description": f"{point.label}: {names}"}
        return schema if point.part not in _CHOICES else titled(_CHOICES[point.part], schema)
    if point.kind is Kind.BIT:
        return {"type": "boolean", "description": point.label}
    unit = f" in {point.unit}" if point.unit else ""
    return {"type": "number", "description": point.label + unit}


def schemas(table: RegisterTable) -> dict[str, Schema]:
    """Return every shape that has a name."""
    mode, state = table.part(Part.SEASON).point, table.part(Part.HOUSE).point
    base_axis, zone_axis = table.rooms.axes
    room = {point.part: point for point in table.rooms.points}
    error = {"error": TEXT, "status": {"type": "integer"}, "details": nullable(TEXT), "code": TEXT, "request_id": TEXT}
    told = table.answered("notifications")
    whereabouts = {"base_id": place(base_axis), "zone_id": place(zone_axis)}
    return {
        "Error": fields(error),
        "RootError": fields({"err": TEXT, **error}),
        "PointId": {"type": "string", "enum": list(table.by_id)},
        "WritablePointId": {"type": "string", "enum": [each.id for each in table.writable]},
        "ZoneCommand": body({point.key: settable(point) for point in table.rooms.points if point.writable}),
        "Mode": fields({"mode": nullable(measured(mode))}),
        "ModeCommand": body({"mode": settable(mode)}, required=("mode",)),
        "State": fields({"state": nullable(measured(state)), "mixed": FLAG}, optional=("mixed",)),
        "StateCommand": body({"state": settable(state)}, required=("state",)),
        "Zone": fields(
            {
                **whereabouts,
                "name": nullable(TEXT),
                **_values(table.rooms.points),
                "address": {"type": "integer", "minimum": 0, "exclusiveMaximum": ADDRESS_LIMIT},
                "active": FLAG,
                "age_s": AGE,
                "stale": FLAG,
                "pending": nullable(ref("Command")),
            }
        ),
        **_rooms(whereabouts),
        "Setup": _setup(),
        "RootZone": fields(
            {
                **_values(room[part] for part in (Part.ROOM, Part.TARGET, Part.AIR)),
                room[Part.HUMIDITY].field: measured(room[Part.HUMIDITY]),
            }
        ),
        "ZoneName": fields({**whereabouts, "name": nullable(TEXT), "active": FLAG}),
        "OutsideTemperature": fields(_values(each.point for each in table.answered("outsidetemperature"))),
        "Notifications": fields(_values(each.point for each in told)),
        "RootNotifications": fields({each.point.field: measured(each.point) for each in told}),
        **_equipment(table),
        "Point": fields(
            {
                "id": ref("PointId"),
                "group": {"type": "string", "enum": list(table.groups)},
                "index": listed({"type": "integer"}),
                "point": TEXT,
                "address": {"type": "integer", "minimum": 0, "exclusiveMaximum": ADDRESS_LIMIT},
                "value": {"type": ["number", "boolean", "null"], "description": "In the unit that `schema` names"},
                "raw": _WORD,
                "quality": _enum(Quality),
                "source": _enum(Source),
                "stale": FLAG,
                "age_s": AGE,
                "at": TIME,
                "pending": nullable(ref("Command")),
            }
        ),
        "Command": fields(
            {
                "id": TEXT,
                "point": TEXT,
                "value": NUMBER,
                "raw": _WORD,
                "origin": TEXT,
                "state": _enum(CommandState),
                "queued_at": TIME,
                "delivered_at": TIME,
                "ended_at": TIME,
                "read_by": listed({"type": "integer"}) | {"description": "Unit ids"},
                "reason": nullable(TEXT),
                "warning": nullable(TEXT),
            }
        ),
        "Bus": fields(_BUS | {"link": OBJECT, "statistics": OBJECT}),
        "Health": _health(),
        "Doctor": fields(
            {
                "state": _enum(DoctorState),
                "sentence": TEXT,
                "advice": TEXT,
                "evidence": listed(TEXT),
                "hint": nullable(TEXT),
                "code": _VERDICT,
                "level": _enum(Level),
                "parameters": {"type": "object", "additionalProperties": TEXT},
                "receiving": FLAG,
                "since": TIME,
            }
        ),
        "Captures": fields(
            {
                "recorder": OBJECT,
                "captures": listed(
                    fields({"name": TEXT, "size": COUNT, "recorded_at": TIME, "path": TEXT}, title="Capture")
                ),
            }
        ),
        "Snapshot": fields(
            {
                "type": {"const": "snapshot"},
                "readings": listed(ref("Point")),
                "commands": listed(ref("Command")),
                "zones": listed(ref("ZoneName")),
                "status": OBJECT,
            }
        ),
        "Schema": fields(
            {"version": TEXT, "groups": listed(OBJECT), "setpoint_limits": OBJECT, "history": OBJECT},
            optional=("history",),
        ),
    }


def _equipment(table: RegisterTable) -> dict[str, Schema]:
    bit: Schema = {"type": "integer", "minimum": 0, "maximum": 1}
    found = {}
    # The root paths know no null where the published component needs a number.
    for prefix, switch in (("", nullable(bit)), ("Root", bit)):
        for name, key in (("MixedGroup", "mixed_circuit"), ("Dehumidifier", "dehumidifier"), ("Pump", "pump")):
            group = table.groups[key]
            switches = {point.field: switch for point in group.points if point.kind is Kind.BIT}
            numbers = {axis.name: place(axis) for axis in group.axes}
            found[f"{prefix}{name}"] = fields({**numbers, **_values(group.points), **switches})
    return found


def _values(points: Iterable[Point]) -> dict[str, Schema]:
    return {point.field: nullable(measured(point)) for point in points}


def _health() -> Schema:
    breaker = _enum(BreakerState)
    database = {"healthy": FLAG, "using_fallback": FLAG, "fallback_entries": COUNT, "circuit_breaker_state": breaker}
    database |= {"detail": nullable(TEXT), "transactions": COUNT, "errors": COUNT, "last_flush_at": TIME}
    modbus = {
        "circuit_breaker_state": breaker,
        "circuit_breaker": breaker,
        "context_initialized": FLAG,
        "link": TEXT,
        "connected": FLAG,
    }
    modbus |= {"detail": TEXT, "code": _VERDICT, "idle_reply": TEXT}
    modbus |= {"last_write_age_s": AGE, "last_poll_age_s": _UNIT_AGES}
    return fields(
        {
            "status": titled("HealthStatus", {"type": "string", "enum": [HEALTHY, DEGRADED, UNHEALTHY]}),
            "reasons": listed(TEXT),
            "database": fields(database, title="HealthDatabase"),
            "modbus": fields(modbus, title="HealthModbus"),
            "mqtt": OBJECT,
            "settings": fields(
                {
                    "problem": nullable(TEXT),
                    "refused": nullable(TEXT),
                    "faults": listed(
                        fields({"key": TEXT, "text": TEXT, "closes": listed(_PART)}, title="SettingsFault")
                    ),
                    "closed": listed(_PART),
                    "restart_needed": listed(TEXT),
                    "notes": listed(TEXT),
                },
                title="HealthSettings",
            ),
            "uptime": COUNT | {"description": "Seconds"},
            "version": TEXT,
            "registers_receiving_updates": FLAG,
            "registers_stale": FLAG,
            "registers_age_seconds": AGE,
            "last_register_write": TIME,
            "stale_after_seconds": NUMBER,
            "pending_command_registers": listed({"type": "integer"}),
        }
    )


def _enum(kind: type[StrEnum]) -> Schema:
    return titled(kind.__name__, {"type": "string", "enum": [str(each) for each in kind]})


_CHOICES: Mapping[Part | None, str] = {
    Part.SEASON: "HouseMode",
    Part.HOUSE: "HouseState",
    Part.ROOM: "RoomState",
}
_BUS: Schema = {
    "last_write_age_s": AGE,
    "last_poll_age_s": _UNIT_AGES,
    "last_frame_age_s": AGE,
    "last_byte_age_s": AGE,
    "frames_per_s": NUMBER,
    "code": _VERDICT,
    "late": FLAG,
    "stale": FLAG,
    "late_after_s": NUMBER,
    "stale_after_s": NUMBER,
    "counters": fields(
        {
            each.name: {"type": "object", "additionalProperties": COUNT} if each.name.endswith("_by_unit") else COUNT
            for each in dataclasses.fields(BusCounters)
            if not each.name.endswith("_at")
        },
        title="BusCounters",
    ),
}
