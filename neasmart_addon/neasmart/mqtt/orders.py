"""Understands command payloads from MQTT; everything in them is hostile until it has been checked.

Beside the points themselves a room takes ``mode`` and ``preset``, in the words of Home Assistant's climate entity.
"""

from __future__ import annotations

import re

from neasmart.codecs import OperatingState, Value
from neasmart.errors import InvalidValueError, UnknownPointError
from neasmart.gateway import Gateway
from neasmart.mqtt.discovery import MODE_WORDS, OFF, PRESET_NONE, PRESETS
from neasmart.mqtt.inventory import global_mode
from neasmart.plant import ZoneIndex
from neasmart.registers import Kind, Ref

PAYLOAD_LIMIT = 64
"""The longest sensible payload in bytes; Home Assistant sends temperatures with up to twenty digits."""
TARGET_LIMIT = 60
_NUMBER = re.compile(r"-?\d{1,3}(\.\d{1,40})?", re.ASCII)

Wanted = list[tuple[Ref, int | float]]


class Orders:
    """Turns a target and a payload into commands; remembers how rooms were used before they were switched off."""

    def __init__(self, gateway: Gateway) -> None:
        """Read the present state from `gateway`."""
        self._gateway = gateway
        self._table = gateway.table
        self._before_standby: dict[ZoneIndex, OperatingState] = {}

    def wanted(self, target: str, payload: bytes) -> Wanted:
        """Return what to command, nothing if it is so already.

        Raises UnknownPointError or InvalidValueError with a sentence for the user. `target` is the topic's part
        between the prefix and ``/set``, with dots.
        """
        if len(target) > TARGET_LIMIT:
            raise UnknownPointError("Unknown point: its name is too long")
        text = _text(target, payload)
        group, _, rest = target.partition(".")
        if group == "zone" and rest.endswith((".mode", ".preset")):
            place, _, part = target.rpartition(".")
            ref = self._existing(f"{place}.state")
            state = self._mode_state(ref, text) if part == "mode" else self._preset_state(ref, text)
            return [] if state is None else [(ref, int(state))]
        ref = self._existing(target)
        return [(ref, _value(ref, text))]

    def note(self, ref: Ref, value: Value) -> None:
        """Remember a room's state so that switching it on brings back what it was before."""
        if ref.group.key == "zone" and ref.point.key == "state" and value and value != OperatingState.STANDBY:
            self._before_standby[ref.index[0], ref.index[1]] = OperatingState(int(value))

    def _existing(self, ref_id: str) -> Ref:
        ref = self._table.ref(ref_id)
        if ref.group.key == "zone" and not self._gateway.plant.zone_active(ref.index[0], ref.index[1]):
            raise UnknownPointError(f"There is no zone {ref.index[0]}.{ref.index[1]}")
        return ref

    def _mode_state(self, ref: Ref, text: str) -> OperatingState | None:
        if text == OFF:
            return OperatingState.STANDBY
        possible = MODE_WORDS[global_mode(self._gateway)]
        if text != possible:
            raise InvalidValueError("mode", text, f"{OFF} or {possible} in the present global mode")
        shown = self._gateway.shown(ref)
        if shown is not None and int(shown) != OperatingState.STANDBY:
            return None
        return self._before_standby.get((ref.index[0], ref.index[1]), OperatingState.NORMAL)

    def _preset_state(self, ref: Ref, text: str) -> OperatingState | None:
        if text == PRESET_NONE:
            # A room in standby has no preset already; taking one away must not switch it on.
            return None if self._gateway.shown(ref) == OperatingState.STANDBY else OperatingState.NORMAL
        if text not in PRESETS:
            raise InvalidValueError("preset", text, ", ".join((PRESET_NONE, *PRESETS)))
        return PRESETS[text]


def _text(target: str, payload: bytes) -> str:
    if len(payload) > PAYLOAD_LIMIT:
        raise InvalidValueError(target, f"{len(payload)} bytes", f"at most {PAYLOAD_LIMIT} bytes")
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidValueError(target, payload.hex(" "), "text in UTF-8") from error


def _value(ref: Ref, text: str) -> int | float:
    point = ref.point
    if point.options is not None:
        for number, name in point.options.items():
            if name == text:
                return number
        raise InvalidValueError(point.key, text, ", ".join(point.options.values()))
    if point.kind is Kind.TEMPERATURE:
        if not _NUMBER.fullmatch(text):
            raise InvalidValueError(point.key, text, point.allowed)
        step = point.limits.step if point.limits is not None else 0.5
        return round(float(text) / step) * step
    # Only reported: the gateway refuses it with its own sentence, whatever the value.
    return 0
