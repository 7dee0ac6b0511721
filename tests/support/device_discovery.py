"""The rules of Home Assistant's device discovery messages, as its documentation of the MQTT integration gives them.

Core drops unknown keys in silence and refuses others only at run time, so here everything that is not expected is an
error. Keys are written out in full; abbreviations are not accepted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from neasmart.mqtt.messages.discovery import Device, Style, described
from neasmart.mqtt.messages.inventory import Inventory

Check = Callable[[Any], bool]
_SLUG = re.compile(r"[a-z0-9_]+")
_PLACEHOLDER = re.compile(r"\{\{.+\}\}")


def devices(inventory: Inventory, style: Style) -> dict[str, Device]:
    """Return all discovery messages by device identifier."""
    return dict(described(inventory, style))


def text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 255


def topic(value: object) -> bool:
    return isinstance(value, str) and bool(value) and not set("+#\0") & set(value) and not value.startswith("/")


def template(value: object) -> bool:
    return isinstance(value, str) and _PLACEHOLDER.fullmatch(value) is not None


def number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(text, value)) and len(set(value)) == len(value)


def one_of(*allowed: object) -> Check:
    return lambda value: value in allowed


def subset(*allowed: object) -> Check:
    return lambda value: texts(value) and set(value) <= set(allowed)


def availability(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, dict) and each.keys() == {"topic"} and topic(each["topic"]) for each in value
    )


COMMON: Mapping[str, Check] = {
    "platform": text,
    "unique_id": text,
    "default_entity_id": text,
    "object_id": lambda value: isinstance(value, str) and _SLUG.fullmatch(value) is not None,
    "name": lambda value: value is None or text(value),
    "entity_category": one_of("config", "diagnostic"),
    "enabled_by_default": lambda value: isinstance(value, bool),
    "icon": text,
    "availability": availability,
    "availability_mode": one_of("all", "any", "latest"),
    "json_attributes_topic": topic,
    "json_attributes_template": template,
    "qos": one_of(0, 1, 2),
}
PLATFORMS: Mapping[str, Mapping[str, Check]] = {
    "climate": {
        "action_template": template,
        "action_topic": topic,
        "current_humidity_topic": topic,
        "current_humidity_template": template,
        "current_temperature_topic": topic,
        "current_temperature_template": template,
        "max_temp": number,
        "min_temp": number,
        "mode_command_topic": topic,
        "mode_state_topic": topic,
        "mode_state_template": template,
        "modes": subset("auto", "off", "cool", "heat", "heat_cool", "dry", "fan_only"),
        "precision": one_of(0.1, 0.5, 1.0),
        "preset_mode_command_topic": topic,
        "preset_mode_state_topic": topic,
        "preset_mode_value_template": template,
        "preset_modes": texts,
        "temp_step": number,
        "temperature_command_topic": topic,
        "temperature_state_topic": topic,
        "temperature_state_template": template,
        "temperature_unit": one_of("C", "F"),
    },
    "select": {
        "command_topic": topic,
        "options": texts,
        "state_topic": topic,
        "value_template": template,
        "retain": lambda value: value is False,
    },
    "sensor": {
        "device_class": one_of("temperature", "humidity", "duration", "enum", "timestamp"),
        "expire_after": number,
        "options": texts,
        "state_class": one_of("measurement"),
        "state_topic": topic,
        "suggested_display_precision": one_of(0, 1, 2),
        "unit_of_measurement": text,
        "value_template": template,
    },
    "button": {"command_topic": topic},
    "event": {"state_topic": topic, "event_types": texts},
    "binary_sensor": {
        "device_class": one_of("problem", "running", "connectivity", "moisture"),
        "payload_on": text,
        "payload_off": text,
        "state_topic": topic,
        "value_template": template,
    },
}
REQUIRED: Mapping[str, set[str]] = {
    "climate": {"mode_command_topic", "mode_state_topic", "current_temperature_topic"},
    "select": {"command_topic", "options", "state_topic"},
    "sensor": {"state_topic"},
    "binary_sensor": {"state_topic"},
    "button": {"command_topic"},
    "event": {"event_types", "state_topic"},
}
UNITS: Mapping[str | None, set[str | None]] = {
    "temperature": {"°C", "°F", "K"},
    "humidity": {"%"},
    "duration": {"d", "h", "min", "s", "ms"},
    "enum": {None},
    "timestamp": {None},
}
DEVICE: Mapping[str, Check] = {
    "identifiers": texts,
    "name": text,
    "manufacturer": text,
    "model": text,
    "via_device": text,
    "suggested_area": text,
    "configuration_url": lambda value: text(value) and value.startswith(("http://", "https://", "homeassistant://")),
    "sw_version": text,
}
ORIGIN: Mapping[str, Check] = {
    "name": text,
    "sw_version": text,
    "support_url": lambda value: text(value) and value.startswith("https://"),
}


def faults(message: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with one device discovery message, one line for each fault."""
    found = _unknown("", message, {"device", "origin", "components", "availability", "availability_mode", "qos"})
    found += _checked("device", message["device"], DEVICE, {"identifiers", "name"})
    found += _checked("origin", message["origin"], ORIGIN, {"name"})
    if not availability(message.get("availability", [])):
        found.append("availability")
    for key, component in message["components"].items():
        if _SLUG.fullmatch(key) is None:
            found.append(f"component key {key}")
        found += _component(key, component)
    return found


def _component(key: str, component: Mapping[str, Any]) -> list[str]:
    platform = str(component.get("platform"))
    if platform not in PLATFORMS:
        return [f"{key}: platform {platform}"]
    checks = {**COMMON, **PLATFORMS[platform]}
    found = _checked(key, component, checks, {"platform", "unique_id", "default_entity_id"} | REQUIRED[platform])
    if component.get("default_entity_id") != f"{platform}.{component.get('object_id')}":
        found.append(f"{key}: default_entity_id and object_id differ")
    rules = {"climate": _climate, "sensor": _sensor}.get(platform)
    return found + ([f"{key}: {fault}" for fault in rules(component)] if rules else [])


def _climate(component: Mapping[str, Any]) -> list[str]:
    found = []
    target = ("temperature_command_topic", "temperature_state_topic", "min_temp", "max_temp", "temp_step")
    if len({name in component for name in target}) > 1:
        found.append(f"{', '.join(target)} belong together")
    if component.get("min_temp", 0) >= component.get("max_temp", 1):
        found.append("min_temp is not below max_temp")
    if "none" in component.get("preset_modes", []):
        found.append("preset_modes must not hold none")
    if ("preset_modes" in component) != ("preset_mode_command_topic" in component):
        found.append("preset_modes and preset_mode_command_topic belong together")
    return found


def _sensor(component: Mapping[str, Any]) -> list[str]:
    found = []
    kind, unit = component.get("device_class"), component.get("unit_of_measurement")
    if kind in UNITS and unit not in UNITS[kind]:
        found.append(f"{unit} is no unit of {kind}")
    if ("options" in component) != (kind == "enum"):
        found.append("options belong to the device class enum")
    if kind == "enum" and "state_class" in component:
        found.append("an enum has no state_class")
    return found


def _checked(where: str, content: Mapping[str, Any], checks: Mapping[str, Check], required: set[str]) -> list[str]:
    found = _unknown(where, content, set(checks))
    found += [f"{where}: {name} is missing" for name in sorted(required - content.keys())]
    found += [
        f"{where}: {name} = {value!r}" for name, value in content.items() if name in checks and not checks[name](value)
    ]
    return found


def _unknown(where: str, content: Mapping[str, Any], known: set[str]) -> list[str]:
    return [f"{where}: unknown key {name}" for name in sorted(content.keys() - known)]
