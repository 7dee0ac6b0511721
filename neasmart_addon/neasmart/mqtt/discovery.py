"""Describes the house to Home Assistant: one discovery message per device, projected from the register table.

Written for device discovery over MQTT (Core 2024.11 and newer). Rules of that format: every component has `platform`
and `unique_id`; ``"name": None`` takes the device's name; old Cores read `object_id`, new ones `default_entity_id`;
options such as `availability` hold for all components that have none of their own. Unique ids come from the node id
and the place on the bus alone, so they survive restarts, reinstalls and renaming.

How a room is shown: the base heats or cools the whole house, so a room offers ``off`` and the one mode that the global
mode makes possible. In the global mode "auto" that is ``heat_cool`` and not ``auto``: the base holds the temperature
that was set, from either side, while ``auto`` would tell Home Assistant that a schedule sets it and that the user
cannot. ``off`` is the state standby; the other states are presets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from neasmart import __version__
from neasmart.codecs import GlobalMode, OperatingState
from neasmart.mqtt.inventory import Inventory, Room
from neasmart.mqtt.topics import Topics
from neasmart.registers import TABLE, Kind, Point, Ref, setpoint_limits
from neasmart.verdicts import DoctorState

Component = dict[str, Any]
Device = dict[str, Any]

OFF = "off"
PRESET_NONE = "none"
MODE_WORDS: Mapping[GlobalMode | None, str] = MappingProxyType(
    {
        None: "heat_cool",
        GlobalMode.AUTO: "heat_cool",
        GlobalMode.HEATING: "heat",
        GlobalMode.MANUAL_HEATING: "heat",
        GlobalMode.COOLING: "cool",
        GlobalMode.MANUAL_COOLING: "cool",
    },
)
PRESETS: Mapping[str, OperatingState] = MappingProxyType(
    {state.name.lower(): state for state in OperatingState if state is not OperatingState.STANDBY},
)
COMMAND_RESULTS = ("queued", "delivered", "confirmed", "superseded", "rejected", "expired", "refused")

_MAKER = "REHAU"
_MODEL = "NEA SMART 2.0"
_ORIGIN = {
    "name": "Nea Smart Gateway",
    "sw_version": __version__,
    "support_url": "https://github.com/neasmart/neasmart-gateway",
}


def described(inventory: Inventory, topics: Topics) -> Iterator[tuple[str, Device]]:
    """Yield device identifiers and their discovery messages, the base first because the rooms refer to it."""
    yield topics.base_device, _base(inventory, topics)
    for room in inventory.rooms:
        yield topics.zone_device(room.zone), _room(room, inventory.mode, topics)


def devices(inventory: Inventory, topics: Topics) -> dict[str, Device]:
    """Return all discovery messages by device identifier."""
    return dict(described(inventory, topics))


def _base(inventory: Inventory, topics: Topics) -> Device:
    refs = [ref for ref in TABLE if ref.group.key == "global" or ref.id in inventory.optional]
    components = {ref.id.replace(".", "_"): _of_point(ref, ref.label, topics) for ref in refs}
    components["global_last_command"] = _last_command("global", topics)
    components |= _diagnostics(topics)
    return {
        "device": {
            "identifiers": [topics.base_device],
            "name": _MODEL,
            "manufacturer": _MAKER,
            "model": f"{_MODEL} base station",
        },
        "origin": _ORIGIN,
        "availability": _availability(topics.status, topics.bus),
        "availability_mode": "all",
        "components": components,
    }


def _room(room: Room, mode: GlobalMode | None, topics: Topics) -> Device:
    base_id, zone_id = room.zone
    place = f"zone.{base_id}.{zone_id}"
    components = {"climate": _climate(room, mode, topics)}
    for point in TABLE.groups["zone"].points:
        # The setpoint is part of the climate entity.
        if point.key == "setpoint" or (point.key == "humidity" and not room.humidity):
            continue
        components[point.key] = _of_point(TABLE.at("zone", point.key, base_id, zone_id), point.label, topics)
    components["last_command"] = _last_command(place, topics)
    return {
        "device": {
            "identifiers": [topics.zone_device(room.zone)],
            "name": room.name,
            "manufacturer": _MAKER,
            "model": f"{_MODEL} room, base {base_id} zone {zone_id}",
            "via_device": topics.base_device,
        },
        "origin": _ORIGIN,
        "availability": _availability(topics.status, topics.bus, topics.zone(room.zone, "available")),
        "availability_mode": "all",
        "components": components,
    }


def _climate(room: Room, mode: GlobalMode | None, topics: Topics) -> Component:
    limits = setpoint_limits(mode)
    place = f"zone.{room.zone[0]}.{room.zone[1]}"
    state_topic = topics.zone(room.zone, "climate")
    component = _named("climate", f"{place}.climate", None, topics, entity=place) | {
        "temperature_unit": "C",
        "temp_step": limits.step,
        "precision": 0.1,
        "min_temp": limits.low,
        "max_temp": limits.high,
        "modes": [OFF, MODE_WORDS[mode]],
        "mode_state_topic": state_topic,
        "mode_state_template": "{{ value_json.mode }}",
        "mode_command_topic": topics.command(f"{place}.mode"),
        "temperature_state_topic": state_topic,
        "temperature_state_template": "{{ value_json.setpoint }}",
        "temperature_command_topic": topics.command(f"{place}.setpoint"),
        "preset_modes": list(PRESETS),
        "preset_mode_state_topic": state_topic,
        "preset_mode_value_template": "{{ value_json.preset }}",
        "preset_mode_command_topic": topics.command(f"{place}.preset"),
        "current_temperature_topic": topics.point(f"{place}.temperature"),
    }
    if room.humidity:
        component["current_humidity_topic"] = topics.point(f"{place}.humidity")
    return component


def _of_point(ref: Ref, name: str, topics: Topics) -> Component:
    """Return the entity of one point, by its kind."""
    point = ref.point
    platform = _platform(point)
    component = _named(platform, ref.id, name, topics) | {"state_topic": topics.point(ref.id)}
    if point.diagnostic:
        component["entity_category"] = "diagnostic"
    if platform == "select":
        component["command_topic"] = topics.command(ref.id)
        component["options"] = list((point.options or {}).values())
        return component
    if point.device_class is not None:
        component["device_class"] = point.device_class
    if platform == "binary_sensor":
        return component | {"payload_on": "ON", "payload_off": "OFF"}
    component["unit_of_measurement"] = point.unit
    component["state_class"] = "measurement"
    if point.kind is Kind.TEMPERATURE:
        component["suggested_display_precision"] = 1
    return component


def _platform(point: Point) -> str:
    if point.kind is Kind.ENUM and point.writable:
        return "select"
    return "binary_sensor" if point.kind is Kind.BIT else "sensor"


def _last_command(place: str, topics: Topics) -> Component:
    topic = topics.last_command(place)
    return _named("sensor", f"{place}.last_command", "Last command", topics) | {
        "state_topic": topic,
        "value_template": "{{ value_json.result }}",
        "json_attributes_topic": topic,
        "device_class": "enum",
        "options": list(COMMAND_RESULTS),
        "entity_category": "diagnostic",
        # What became of a command is worth knowing even when the base has fallen silent.
        "availability": _availability(topics.status),
    }


def _diagnostics(topics: Topics) -> dict[str, Component]:
    """Return the entities about the bus itself, shown as long as the gateway runs."""
    always = {"entity_category": "diagnostic", "availability": _availability(topics.status)}
    counted = always | {"state_topic": topics.diagnostics}
    return {
        "bus_link": _named("binary_sensor", "bus_link", "Bus link", topics)
        | always
        | {
            "state_topic": topics.link,
            "value_template": "{{ 'ON' if value_json.connected else 'OFF' }}",
            "payload_on": "ON",
            "payload_off": "OFF",
            "json_attributes_topic": topics.link,
            "device_class": "connectivity",
        },
        "last_write_age": _named("sensor", "last_write_age", "Last write age", topics)
        | counted
        | {
            "value_template": "{{ value_json.last_write_age_s }}",
            "device_class": "duration",
            "unit_of_measurement": "s",
            "suggested_display_precision": 0,
        },
        "polls_per_minute": _named("sensor", "polls_per_minute", "Polls per minute", topics)
        | counted
        | {
            "value_template": "{{ value_json.polls_per_minute }}",
            "unit_of_measurement": "1/min",
            "state_class": "measurement",
        },
        "pending_commands": _named("sensor", "pending_commands", "Pending commands", topics)
        | counted
        | {"value_template": "{{ value_json.pending_commands }}", "state_class": "measurement"},
        "wiring": _named("sensor", "wiring", "Wiring", topics)
        | counted
        | {
            "value_template": "{{ value_json.wiring }}",
            "json_attributes_topic": topics.diagnostics,
            "json_attributes_template": "{{ value_json.wiring_attributes | tojson }}",
            "device_class": "enum",
            "options": [state.value for state in DoctorState],
        },
    }


def _named(platform: str, ref_id: str, name: str | None, topics: Topics, *, entity: str | None = None) -> Component:
    unique_id = f"{topics.node}_{ref_id}".replace(".", "_")
    object_id = f"{topics.node}_{entity or ref_id}".replace(".", "_").lower()
    return {
        "platform": platform,
        "unique_id": unique_id,
        "default_entity_id": f"{platform}.{object_id}",
        "object_id": object_id,
        "name": name,
    }


def _availability(*names: str) -> list[dict[str, str]]:
    return [{"topic": name} for name in names]
