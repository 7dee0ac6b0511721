"""The shapes of bodies and answers in the description of the API: of the typed answers, and of the register table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from neasmart.core.commands.command import CommandState
from neasmart.facts.registers import RegisterTable
from neasmart.facts.rows import Axis, Kind, Part, Point
from neasmart.facts.status import BusCounters
from neasmart.web.http.routes import FLAG, TEXT, Schema

COUNT: Schema = {"type": "integer", "minimum": 0}
_REFERENCE = "#/components/schemas/"
_ENDING = "Answer"


def ref(name: str) -> Schema:
    """Return a reference to one of `schemas`."""
    return {"$ref": f"{_REFERENCE}{name}"}


def fields(properties: Mapping[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    """Return an object that has all of these properties but for the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def body(properties: Mapping[str, Schema], *, required: tuple[str, ...] = ()) -> Schema:
    """Return an object that a client sends: at least one of the properties and no other."""
    schema: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return schema | ({"required": list(required)} if required else {"minProperties": 1})


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


def typed(answers: Iterable[type[msgspec.Struct]], axes: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return the shapes of typed answers, and of what stands in them; what is named like an axis has its numbers."""
    _, found = msgspec.json.schema_components(tuple(answers), ref_template=_REFERENCE + "{name}")
    return {name.removesuffix(_ENDING): _completed(shape, axes) for name, shape in found.items()}


def name_of(answer: type[msgspec.Struct]) -> str:
    """Return the name of a typed answer's shape."""
    return answer.__name__.removesuffix(_ENDING)


def _completed(schema: Any, axes: Mapping[str, Schema]) -> Any:
    if isinstance(schema, list):
        return [_completed(each, axes) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"].removesuffix(_ENDING)}
    done = {key: _completed(each, axes) for key, each in schema.items()}
    # The library leaves the type of enumerations out, and generators then make nothing of them.
    if "enum" in done and all(isinstance(each, str) for each in done["enum"]):
        done = {"type": "string", **done}
    # Of a tuple all items are described before; linters still want to see a schema for others.
    if done.get("items") is False:
        done["items"] = {}
    if "title" in done and isinstance(done["title"], str):
        del done["title"]
    if isinstance(done.get("properties"), dict):
        done["properties"] = {
            name: axes[name] if each == {"type": "integer"} and name in axes else each
            for name, each in done["properties"].items()
        }
    return done


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
    """Return every shape that the table gives."""
    mode, state = table.part(Part.SEASON).point, table.part(Part.HOUSE).point
    base_axis, zone_axis = table.rooms.axes
    room = {point.part: point for point in table.rooms.points}
    error = {"error": TEXT, "status": {"type": "integer"}, "details": nullable(TEXT), "code": TEXT, "request_id": TEXT}
    updated = {
        point.key: {"type": "integer" if point.options else "number"} for point in table.rooms.points if point.writable
    } | {f"{room[Part.TARGET].key}_encoded": {"type": "integer"}}
    told = table.answered("notifications")
    whereabouts = {"base_id": place(base_axis), "zone_id": place(zone_axis)}
    return {
        "Error": fields(error),
        "RootError": fields({"err": TEXT, **error}),
        "PointId": {"type": "string", "enum": list(table.by_id)},
        "HistoryId": {"type": "string", "enum": [*table.by_id, *table.derived]},
        "WritablePointId": {"type": "string", "enum": [each.id for each in table.writable]},
        "ZoneCommand": body({point.key: settable(point) for point in table.rooms.points if point.writable}),
        "ZoneUpdate": fields(
            {
                **whereabouts,
                "updated": titled("ZoneUpdated", fields(updated, optional=tuple(updated))),
                "commands": {"type": "array", "items": TEXT},
            }
        ),
        "PointCommand": body({"value": {"type": "number"}}, required=("value",)),
        **{
            f"{row.key.title()}Update": fields(
                {row.key: {"type": "integer"}, "commands": {"type": "array", "items": TEXT}}
            )
            for row in (mode, state)
        },
        "Mode": fields({mode.key: nullable(measured(mode))}),
        "ModeCommand": body({mode.key: settable(mode)}, required=(mode.key,)),
        "State": fields({state.key: nullable(measured(state)), "mixed": FLAG}, optional=("mixed",)),
        "StateCommand": body({state.key: settable(state)}, required=(state.key,)),
        "Zone": fields(
            {
                **whereabouts,
                "name": nullable(TEXT),
                **_values(table.rooms.points),
                "address": {"type": "integer", "minimum": 0},
                "active": FLAG,
                "age_s": {"type": ["number", "null"], "minimum": 0},
                "stale": FLAG,
                "pending": nullable(ref("Command")),
            }
        ),
        "RootZone": fields(
            {
                **_values(room[part] for part in (Part.ROOM, Part.TARGET, Part.AIR)),
                room[Part.HUMIDITY].field: measured(room[Part.HUMIDITY]),
            }
        ),
        "OutsideTemperature": fields(_values(each.point for each in table.answered("outsidetemperature"))),
        "Notifications": fields(_values(each.point for each in told)),
        "RootNotifications": fields({each.point.field: measured(each.point) for each in told}),
        **_equipment(table),
        "GroupKey": {"type": "string", "enum": list(table.groups)},
        "CommandState": {"type": "string", "enum": list(CommandState)},
        "BusCounters": fields(
            {
                each.name: {"type": "object", "additionalProperties": COUNT}
                if each.name.endswith("_by_unit")
                else COUNT
                for each in dataclasses.fields(BusCounters)
                if not each.name.endswith("_at")
            }
        ),
    }


def _equipment(table: RegisterTable) -> dict[str, Schema]:
    bit: Schema = {"type": "integer", "minimum": 0, "maximum": 1}
    found = {}
    # The root paths know no null where the published component needs a number.
    for prefix, switch in (("", nullable(bit)), ("Root", bit)):
        for name, answer in (("MixedGroup", "mixedgroups"), ("Dehumidifier", "dehumidifiers"), ("Pump", "pumps")):
            group = table.answering(answer)
            switches = {point.field: switch for point in group.points if point.kind is Kind.BIT}
            numbers = {axis.name: place(axis) for axis in group.axes}
            found[f"{prefix}{name}"] = fields({**numbers, **_values(group.points), **switches})
    return found


def _values(points: Iterable[Point]) -> dict[str, Schema]:
    return {point.field: nullable(measured(point)) for point in points}


_CHOICES: Mapping[Part | None, str] = {
    Part.SEASON: "HouseMode",
    Part.HOUSE: "HouseState",
    Part.ROOM: "RoomState",
}
