"""Turns readings, commands and statuses into MQTT payloads.

``None`` as a payload tells Home Assistant that a value is not known; an empty one would be an error there. Enumerations
are said by their API names, which discovery turns into the owner's language.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from neasmart.core.commands.command import Command, CommandState, Reason
from neasmart.core.gateway import Gateway
from neasmart.diagnosis.doctor import Diagnosis
from neasmart.facts.clock import Clock
from neasmart.facts.codecs import OperatingState, Value
from neasmart.facts.network import json_text
from neasmart.facts.rows import Kind, Limits, Point
from neasmart.facts.status import LinkStatus
from neasmart.mqtt.messages.climate import PRESET_NONE, Action, mode_and_preset
from neasmart.mqtt.messages.discovery import REFUSED
from neasmart.mqtt.messages.words import Words

UNKNOWN = "None"
PRECISION_K = 0.1
"""To this a measured temperature is shown."""
_JITTER_K = 0.08
_TEXT_LIMIT = 250
_LIVE = frozenset(state.value for state in CommandState if state.live)


def value_payload(point: Point, value: Value) -> str:
    """Return a point's value as Home Assistant and other programs read it: API names, ON and OFF, numbers."""
    if value is None:
        return UNKNOWN
    if point.options is not None:
        return point.options.get(int(value), UNKNOWN)
    if point.kind is Kind.BIT:
        return on_off(on=bool(value))
    return f"{round(float(value), 2):g}"


def on_off(*, on: bool | None) -> str:
    """Return what a binary sensor reads."""
    return UNKNOWN if on is None else "ON" if on else "OFF"


class Steady:
    """Measured temperatures as they are shown, without the trembling between two tenths."""

    def __init__(self) -> None:
        """Start with nothing shown."""
        self._shown: dict[str, float] = {}

    def payload(self, topic: str, value: Value | float, *, jitter: float = _JITTER_K) -> str:
        """Return what a topic shows for a temperature; it stays while the value is within `jitter` of it."""
        if value is None:
            self._shown.pop(topic, None)
            return UNKNOWN
        shown = self._shown.get(topic)
        if shown is None or abs(float(value) - shown) >= jitter:
            shown = self._shown[topic] = half_up(float(value), PRECISION_K)
        return f"{shown:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClimateState:
    """What a room's climate entity shows; `season` is the word of the mode that the season makes possible."""

    state: Value
    setpoint: Value
    season: str
    action: Action | None

    @property
    def payload(self) -> str:
        """The JSON that the discovery's templates read."""
        mode, preset = mode_and_preset(self.state, self.season)
        return json_text(
            {"mode": mode, "preset": preset, "setpoint": self.setpoint, "action": self.action and self.action.value}
        )


def house_payload(*, state: Value, season: str, temperature: str) -> str:
    """Return the climate state of the whole house; a state that is mixed or not known has no preset."""
    mode, preset = (season, PRESET_NONE) if state is None else mode_and_preset(OperatingState(int(state)), season)
    shown = None if temperature == UNKNOWN else float(temperature)
    return json_text({"mode": mode, "preset": preset, "temperature": shown})


def changed_at(command: Command) -> float:
    """Return when a command came to stand where it stands."""
    return command.ended_at or command.delivered_at or command.queued_at


def command_payload(command: Command, clock: Clock, words: Words, limits: Limits) -> str:
    """Return where a command stands, with what a person needs to understand it; the season has these `limits`."""
    point = command.ref.point
    low, high = (words.value(point, each) for each in (limits.low, limits.high)) if command.warning else ("", "")
    return json_text(
        {
            "result": command.state.value,
            "point": command.ref.id,
            "value": value_payload(point, command.value),
            "origin": command.origin,
            "reason": None if command.reason is None else _sentence(command.reason, point, words),
            "warning": command.warning and words.sentence("command.limited", low=low, high=high),
            "at": clock.to_iso(changed_at(command)),
        },
    )


def lapsed_payload(payload: bytes, gateway: Gateway, words: Words) -> str | None:
    """Return the end of a command that an earlier run has left as if it still lived, None for anything else."""
    try:
        told = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get("result") not in _LIVE:
        return None
    ref = gateway.table.by_id.get(str(told.get("point")))
    if ref is None or gateway.commands.live(ref) is not None:
        return None
    at = gateway.clock.to_iso(gateway.started_at)
    reason = words.sentence("reason.restarted")
    return json_text(told | {"result": CommandState.EXPIRED.value, "reason": reason, "at": at})


def refusal_payload(target: str, reason: str, *, at: str | None) -> str:
    """Return that a command was not taken, and why."""
    return json_text({"result": REFUSED, "point": target, "reason": reason[:_TEXT_LIMIT], "origin": "mqtt", "at": at})


def link_payload(link: LinkStatus, *, heard: bool) -> str:
    """Return the state of the connection to the bus, and whether the base is heard on it."""
    return json_text({"connected": link.connected, "heard": heard, "code": link.code, "detail": link.detail})


def wiring_payload(found: Diagnosis, words: Words) -> str:
    """Return what the doctor says of the bus, as the page says it."""
    said = {
        "sentence": words.sentence(f"find.{found.code}", **found.parameters) or found.sentence,
        "advice": words.sentence(f"help.{found.code}", **found.parameters) or found.advice,
    }
    return json_text({"state": found.state.value, "hint": found.hint, **said})


def diagnostics_payload(*, age_s: float | None, polls_per_minute: int, pending: int) -> str:
    """Return how busy the bus is."""
    return json_text(
        {
            "last_write_age_s": None if age_s is None else round(age_s),
            "polls_per_minute": polls_per_minute,
            "pending_commands": pending,
        },
    )


def _sentence(reason: Reason, point: Point, words: Words) -> str:
    parts = {}
    if reason.value is not None:
        parts["value"] = words.value(point, reason.value)
    return words.sentence(f"reason.{reason.why}", **parts) or reason.text


def half_up(value: float, step: float) -> float:
    """Return the nearest multiple of `step`, the upper one from the middle on; `step` is a binary fraction or 0.1."""
    return round(math.floor(value / step + 0.5 + 1e-9) * step, 6)
