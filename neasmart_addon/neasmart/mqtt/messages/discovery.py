"""Describes the house to Home Assistant: one discovery message per device, projected from the register table.

Written for device discovery over MQTT (Core 2024.11 and newer). Rules of that format: every component has `platform`
and `unique_id`; ``"name": None`` takes the device's name; old Cores read `object_id`, new ones `default_entity_id`;
options such as `availability` hold for all components that have none of their own. Unique ids come from the node id
and the place on the bus alone, so they survive restarts, reinstalls, renaming and other languages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from neasmart import __version__
from neasmart.core.commands.command import CommandState
from neasmart.core.state.plant import ZoneIndex
from neasmart.diagnosis.verdicts import DoctorState
from neasmart.facts.codecs import GlobalMode
from neasmart.facts.points import TABLE
from neasmart.facts.registers import DerivedRef, Ref
from neasmart.facts.rows import Kind, Part, Point, setpoint_limits
from neasmart.mqtt.messages.climate import AUTO, HOUSE_MODES, OFF, PRESETS, SEASON_WORDS
from neasmart.mqtt.messages.inventory import Inventory, ShownRoom
from neasmart.mqtt.messages.topics import HOUSE, HOUSE_CLIMATE, READ_ALL, Topics
from neasmart.mqtt.messages.words import Words, template

Component = dict[str, Any]
Device = dict[str, Any]

REFUSED = "refused"
RESULTS = (*(state.value for state in CommandState), REFUSED)
MIXED = "mixed"
"""What the global state reads while the rooms differ; it can be shown and not be commanded."""

_MAKER = "REHAU"
_MODEL = "NEA SMART 2.0"
_DEFAULT_NODE = "neasmart"
_ORIGIN = {
    "name": "Nea Smart Gateway",
    "sw_version": __version__,
    "support_url": "https://github.com/neasmart/neasmart-gateway",
}
_ON_OFF = {"payload_on": "ON", "payload_off": "OFF"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How the house is presented: topics, words, the house's own name, and the address of the gateway's page."""

    topics: Topics
    words: Words
    house: str = ""
    page: str | None = None

    @property
    def house_name(self) -> str:
        """The name of the base's device, which tells two gateways apart."""
        node = self.topics.node
        return self.house.strip() or (_MODEL if node == _DEFAULT_NODE else f"{_MODEL} {node}")

    def zone_name(self, zone: ZoneIndex, name: str | None) -> str:
        """Return the owner's name of a room, else its place."""
        return name or self.words("group", TABLE.rooms.key, *zone)


def described(inventory: Inventory, style: Style) -> Iterator[tuple[str, Device]]:
    """Yield device identifiers and their discovery messages, the base first because the rooms refer to it."""
    yield style.topics.base_device, _base(inventory, style)
    for room in inventory.rooms:
        yield style.topics.zone_device(room.zone), _room(room, inventory, style)


def _base(inventory: Inventory, style: Style) -> Device:
    topics = style.topics
    refs: list[Ref | DerivedRef] = [ref for ref in TABLE if ref.of_house or ref.id in inventory.optional]
    refs += [ref for ref in TABLE.derived_at() if ref.id in inventory.optional]
    components = {ref.id.replace(".", "_"): _of_point(ref, style) for ref in refs}
    components["house"] = _house(style)
    components["read_all"] = _named("button", "read_all", style) | {
        "command_topic": topics.command(READ_ALL),
        "icon": "mdi:database-refresh-outline",
        "entity_category": "config",
    }
    components["changed"] = _named("event", "changed", style) | {
        "state_topic": topics.changed,
        "event_types": list(style.words.all("change", (ref.point.key for ref in TABLE.writable)).values()),
        "icon": "mdi:account-edit-outline",
    }
    components[f"{HOUSE}_last_command"] = _last_command(HOUSE, style)
    components |= _diagnostics(style)
    return {
        "device": _device(topics.base_device, style.house_name, f"{_MODEL} {style.words('name', 'model_base')}", style),
        "origin": _ORIGIN,
        "availability": _availability(topics.status, topics.bus),
        "availability_mode": "all",
        "components": components,
    }


def _room(room: ShownRoom, inventory: Inventory, style: Style) -> Device:
    topics = style.topics
    place = TABLE.rooms.place(*room.zone)
    components = {"climate": _climate(room, inventory.mode, style)}
    for ref in TABLE.shown_at(*room.zone):
        if not ref.point.optional or ref.point.key in room.told:
            components[ref.point.key] = _of_point(ref, style)
    components["last_command"] = _last_command(place, style)
    device = _device(
        topics.zone_device(room.zone),
        style.zone_name(room.zone, room.name),
        f"{_MODEL} {style.words('name', 'model_room', *room.zone)}",
        style,
    )
    if room.name:
        # It counts only when the device is made, so nothing that the owner has arranged is ever moved.
        device["suggested_area"] = room.name
    return {
        "device": device | {"via_device": topics.base_device},
        "origin": _ORIGIN,
        "availability": _availability(topics.status, topics.bus, topics.zone(room.zone, "available")),
        "availability_mode": "all",
        "components": components,
    }


def _device(identifier: str, name: str, model: str, style: Style) -> Device:
    device = {
        "identifiers": [identifier],
        "name": name,
        "manufacturer": _MAKER,
        "model": model,
        "sw_version": __version__,
    }
    if style.page is not None:
        device["configuration_url"] = style.page
    return device


def _climate(room: ShownRoom, mode: GlobalMode | None, style: Style) -> Component:
    topics, limits, season = style.topics, setpoint_limits(mode), SEASON_WORDS[mode]
    place = TABLE.rooms.place(*room.zone)
    state_topic = topics.zone(room.zone, "climate")
    component = (
        _identified("climate", f"{place}.climate", style, entity=place)
        | {"name": None}
        | _modes(state_topic, topics.command(f"{place}.mode"), topics.command(f"{place}.preset"), season)
    )
    # Home Assistant refuses a mode that it was not told of. Read like this, a season's word never is one: what arrives
    # before or after its discovery is always the one that this discovery offers.
    component["mode_state_template"] = (
        f"{{{{ value_json.mode if value_json.mode in ['{OFF}', '{AUTO}', None] else '{season}' }}}}"
    )
    component |= {
        "action_topic": state_topic,
        "action_template": "{{ value_json.action }}",
        "temp_step": limits.step,
        "min_temp": limits.low,
        "max_temp": limits.high,
        "temperature_state_topic": state_topic,
        "temperature_state_template": "{{ value_json.setpoint }}",
        "temperature_command_topic": topics.command(TABLE.part(Part.TARGET, *room.zone).id),
        "current_temperature_topic": topics.point(TABLE.part(Part.AIR, *room.zone).id),
    }
    if room.has(Part.HUMIDITY, TABLE):
        component["current_humidity_topic"] = topics.point(TABLE.part(Part.HUMIDITY, *room.zone).id)
    return component


def _house(style: Style) -> Component:
    """Return the climate entity of the whole house, which has no target temperature."""
    topics = style.topics
    return (
        _identified("climate", "house", style)
        | {"name": style.words("group", HOUSE)}
        | _modes(topics.house, topics.command(HOUSE_CLIMATE), topics.command(f"{HOUSE}.preset"), *sorted(HOUSE_MODES))
        | {"current_temperature_topic": topics.house, "current_temperature_template": "{{ value_json.temperature }}"}
    )


def _modes(state_topic: str, mode_topic: str, preset_topic: str, *seasons: str) -> Component:
    return {
        "temperature_unit": "C",
        "precision": 0.1,
        "modes": [OFF, AUTO, *seasons],
        "mode_state_topic": state_topic,
        "mode_state_template": "{{ value_json.mode }}",
        "mode_command_topic": mode_topic,
        "preset_modes": list(PRESETS),
        "preset_mode_state_topic": state_topic,
        "preset_mode_value_template": "{{ value_json.preset }}",
        "preset_mode_command_topic": preset_topic,
    }


def _of_point(ref: Ref | DerivedRef, style: Style) -> Component:
    """Return the entity of one point, by its kind; a setpoint is commanded by the climate entity and only shown."""
    point = ref.point
    kind = "select" if point.options and point.writable else "binary_sensor" if point.kind is Kind.BIT else "sensor"
    component = _identified(kind, ref.id, style) | {
        "name": style.words.name(ref),
        "state_topic": style.topics.point(ref.id),
    }
    if point.icon is not None:
        component["icon"] = point.icon
    if point.category is not None:
        component["entity_category"] = point.category
    if point.in_climate:
        component["enabled_by_default"] = False
    if isinstance(point, Point) and point.options:
        words = style.words.all(point.vocabulary, (*point.options.values(), *([MIXED] if point.mixes else [])))
        return component | {
            "command_topic": style.topics.command(ref.id),
            "options": list(words.values()),
            "value_template": template(words),
        }
    if point.device_class is not None:
        component["device_class"] = point.device_class
    if kind == "binary_sensor":
        return component | _ON_OFF
    component |= {"unit_of_measurement": point.unit, "state_class": "measurement"}
    if point.kind is Kind.TEMPERATURE:
        component["suggested_display_precision"] = 1
    return component


def _last_command(place: str, style: Style) -> Component:
    topic = style.topics.last_command(place)
    words = style.words.all("result", RESULTS)
    return _named("sensor", "last_command", style, place) | {
        "state_topic": topic,
        "value_template": template(words, of="value_json.result"),
        "json_attributes_topic": topic,
        "device_class": "enum",
        "options": list(words.values()),
        "entity_category": "diagnostic",
        # What became of a command is worth knowing even when the base has fallen silent.
        "availability": _availability(style.topics.status),
    }


def _diagnostics(style: Style) -> dict[str, Component]:
    """Return the entities about the bus itself, shown as long as the gateway runs."""
    topics = style.topics
    always = {"entity_category": "diagnostic", "availability": _availability(topics.status)}
    counted = always | {"state_topic": topics.diagnostics, "enabled_by_default": False}
    wiring = style.words.all("find", [state.value for state in DoctorState])
    return {
        "bus_link": _named("binary_sensor", "bus_link", style)
        | always
        | _ON_OFF
        | {
            "state_topic": topics.link,
            "value_template": "{{ 'ON' if value_json.heard else 'OFF' }}",
            "json_attributes_topic": topics.link,
            "device_class": "connectivity",
        },
        "last_write_age": _named("sensor", "last_write_age", style)
        | counted
        | {
            "value_template": "{{ value_json.last_write_age_s }}",
            "device_class": "duration",
            "unit_of_measurement": "s",
            "suggested_display_precision": 0,
        },
        "polls_per_minute": _named("sensor", "polls_per_minute", style)
        | counted
        | {
            "value_template": "{{ value_json.polls_per_minute }}",
            "unit_of_measurement": "1/min",
            "state_class": "measurement",
            "icon": "mdi:swap-horizontal",
        },
        "pending_commands": _named("sensor", "pending_commands", style)
        | counted
        | {
            "value_template": "{{ value_json.pending_commands }}",
            "state_class": "measurement",
            "icon": "mdi:tray-full",
        },
        "wiring": _named("sensor", "wiring", style)
        | always
        | {
            "state_topic": topics.wiring,
            "value_template": template(wiring, of="value_json.state"),
            "json_attributes_topic": topics.wiring,
            "device_class": "enum",
            "options": list(wiring.values()),
        },
    }


def _named(platform_: str, key: str, style: Style, place: str | None = None) -> Component:
    """Return the identity of an entity that is no point of the table, named by its key."""
    return _identified(platform_, key if place is None else f"{place}.{key}", style) | {
        "name": style.words("name", key)
    }


def _identified(platform_: str, ref_id: str, style: Style, *, entity: str | None = None) -> Component:
    node = style.topics.node
    unique_id = f"{node}_{ref_id}".replace(".", "_")
    object_id = f"{node}_{entity or ref_id}".replace(".", "_").lower()
    return {
        "platform": platform_,
        "unique_id": unique_id,
        "default_entity_id": f"{platform_}.{object_id}",
        "object_id": object_id,
    }


def _availability(*names: str) -> list[dict[str, str]]:
    return [{"topic": name} for name in names]
