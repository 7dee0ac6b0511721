"""Understands command payloads from MQTT; everything in them is hostile until it has been checked.

Beside the points themselves a room takes ``mode`` and ``preset`` and the house ``climate`` and ``preset``, in the words
of Home Assistant's climate entity. Limits and modes that Home Assistant shows may lag a change of season, so what is
commanded is judged by the season that the base has or is being told, never by the one that was announced.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

from neasmart.core.gateway import Gateway
from neasmart.facts.codecs import GlobalMode, OperatingState
from neasmart.facts.errors import InvalidValueError, UnknownPointError
from neasmart.facts.registers import Ref
from neasmart.facts.rows import Kind, Part
from neasmart.mqtt.messages.climate import AUTO, HOUSE_MODES, OFF, OLD_WORDS, PRESET_NONE, PRESETS, SEASON_WORDS
from neasmart.mqtt.messages.discovery import MIXED
from neasmart.mqtt.messages.topics import HOUSE_CLIMATE
from neasmart.mqtt.messages.words import key_of

PAYLOAD_LIMIT = 64
"""The longest sensible payload in bytes; Home Assistant sends temperatures with up to twenty digits."""
TARGET_LIMIT = 60
_NUMBER = re.compile(r"-?\d{1,3}(\.\d{1,40})?", re.ASCII)


class OnlyShownError(InvalidValueError):
    """That the rooms differ is a state that can be shown and not be commanded."""

    code = "only_shown"


Wanted = list[tuple[Ref, int | float]]


class Orders:
    """Turns a target and a payload into commands."""

    def __init__(self, gateway: Gateway) -> None:
        """Read the present state from `gateway`."""
        self._gateway = gateway
        self._table = gateway.table
        # A room's mode and preset are its state; the house has a point that is called mode.
        states = {part: {ref.place: ref for ref in gateway.table.of_part(part)} for part in (Part.ROOM, Part.HOUSE)}
        self._behind = {"mode": states[Part.ROOM], "preset": states[Part.ROOM] | states[Part.HOUSE]}

    def wanted(self, target: str, payload: bytes) -> Wanted:
        """Return what to command in which order, nothing if it is so already.

        Raises UnknownPointError or InvalidValueError with a sentence for the user. `target` is the topic's part
        between the prefix and ``/set``, with dots.
        """
        if len(target) > TARGET_LIMIT:
            raise UnknownPointError("Unknown point: its name is too long")
        text = _text(target, payload)
        place, _, part = target.rpartition(".")
        if target == HOUSE_CLIMATE:
            return self._house_mode(text)
        behind = self._behind.get(part, {}).get(place)
        if behind is not None:
            state = self._existing(behind.id)
            wanted = self._preset(state, text) if part == "preset" else self._mode(state, text)
            return [] if wanted is None else [(state, int(wanted))]
        ref = self._existing(target)
        return [(ref, _value(ref, text))]

    def _existing(self, ref_id: str) -> Ref:
        ref = self._table.ref(ref_id)
        if ref.room and not self._gateway.plant.zone_active(*ref.room):
            raise UnknownPointError(f"There is no zone {ref.room[0]}.{ref.room[1]}")
        return ref

    @property
    def _season(self) -> GlobalMode | None:
        """The global mode that the base has or is being told."""
        mode = self._gateway.shown(self._table.part(Part.SEASON))
        return GlobalMode(int(mode)) if mode else None

    def _mode(self, state: Ref, text: str) -> OperatingState | None:
        if text == OFF:
            return OperatingState.STANDBY
        if text == AUTO:
            return OperatingState.TIME_PROGRAM
        season = self._season
        fitting = SEASON_WORDS[season]
        if text in HOUSE_MODES:
            if season is not None and text != fitting:
                raise InvalidValueError("mode", text, f"{OFF}, {AUTO} or {fitting} in the present season")
            return OperatingState.NORMAL if self._off_or_auto(state) else None
        if text in OLD_WORDS:
            return OLD_WORDS[text]
        raise InvalidValueError("mode", text, f"{OFF}, {AUTO} or {fitting} in the present season")

    def _preset(self, state: Ref, text: str) -> OperatingState | None:
        if text == PRESET_NONE:
            # Without a preset a room is normal; where it is off or follows its program it has none already.
            return None if self._off_or_auto(state) else OperatingState.NORMAL
        wanted = PRESETS.get(text) or OLD_WORDS.get(text)
        if wanted is None:
            raise InvalidValueError("preset", text, ", ".join((PRESET_NONE, *PRESETS)))
        return wanted

    def _house_mode(self, text: str) -> Wanted:
        """Return the commands for the whole house: its state first, then the mode if it differs."""
        mode, state = self._table.part(Part.SEASON), self._table.part(Part.HOUSE)
        if text == OFF:
            return [(state, int(OperatingState.STANDBY))]
        if text == AUTO:
            return [(state, int(OperatingState.TIME_PROGRAM))]
        if text not in HOUSE_MODES:
            raise InvalidValueError("mode", text, ", ".join((OFF, AUTO, *HOUSE_MODES)))
        leaving: Wanted = [(state, int(OperatingState.NORMAL))] if self._off_or_auto(state) else []
        season = self._season
        differs = season is None or SEASON_WORDS[season] != text
        return [*leaving, *([(mode, int(HOUSE_MODES[text]))] if differs else [])]

    def _off_or_auto(self, state: Ref) -> bool:
        return self._gateway.shown(state) in (OperatingState.STANDBY, OperatingState.TIME_PROGRAM)


def _text(target: str, payload: bytes) -> str:
    if len(payload) > PAYLOAD_LIMIT:
        raise InvalidValueError(target, f"{len(payload)} bytes", f"at most {PAYLOAD_LIMIT} bytes")
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidValueError(target, payload.hex(" "), "text in UTF-8") from error


def _value(ref: Ref, text: str) -> int | float:
    """Return the value of a payload, checked before it is rounded: 40.2 is refused and not taken for 40."""
    point = ref.point
    if point.options is not None:
        wanted = key_of(point.vocabulary, text)
        for number, name in point.options.items():
            if name == wanted:
                return number
        raise (OnlyShownError if wanted == MIXED else InvalidValueError)(
            point.key, text, ", ".join(point.options.values())
        )
    if point.kind is Kind.TEMPERATURE and point.limits is not None:
        if not _NUMBER.fullmatch(text):
            raise InvalidValueError(point.key, text, point.allowed)
        point.checked(float(text))
        step = Decimal(str(point.limits.step))
        return float((Decimal(text) / step).to_integral_value(ROUND_HALF_UP) * step)
    # Only reported: the gateway refuses it with its own sentence, whatever the value.
    return 0
