"""Turns readings, commands and statuses into MQTT payloads.

``None`` as a payload tells Home Assistant that a value is not known; an empty one would be an error there.
"""

from __future__ import annotations

import json

from neasmart.clock import Clock
from neasmart.codecs import GlobalMode, OperatingState, Value
from neasmart.command import Command
from neasmart.doctor import Diagnosis
from neasmart.mqtt.discovery import MODE_WORDS, OFF, PRESET_NONE
from neasmart.registers import Kind, Point
from neasmart.status import LinkStatus

UNKNOWN = "None"
_TEXT_LIMIT = 250


def value_payload(point: Point, value: Value) -> str:
    """Return a point's value as Home Assistant and people read it: API names, ON and OFF, numbers."""
    if value is None:
        return UNKNOWN
    if point.options is not None:
        return point.options.get(int(value), UNKNOWN)
    if point.kind is Kind.BIT:
        return "ON" if value else "OFF"
    return f"{round(float(value), 2):g}"


def climate_payload(*, state: Value, setpoint: Value, mode: GlobalMode | None) -> str:
    """Return a room's climate state; `mode` is the global mode that was last announced for the room."""
    if state is None:
        word, preset = None, PRESET_NONE
    elif int(state) == OperatingState.STANDBY:
        word, preset = OFF, PRESET_NONE
    else:
        word, preset = MODE_WORDS[mode], OperatingState(int(state)).name.lower()
    return json.dumps({"mode": word, "preset": preset, "setpoint": setpoint})


def command_payload(command: Command, clock: Clock) -> str:
    """Return where a command stands, with what a person needs to understand it."""
    point = command.ref.point
    return json.dumps(
        {
            "result": command.state.value,
            "point": command.ref.id,
            "value": value_payload(point, command.value),
            "origin": command.origin,
            "reason": command.reason,
            "warning": command.warning,
            "at": clock.to_iso(command.ended_at or command.delivered_at or command.queued_at),
        },
    )


def refusal_payload(target: str, reason: str, *, at: str | None) -> str:
    """Return that a command was not taken, and why."""
    return json.dumps(
        {"result": "refused", "point": target, "reason": reason[:_TEXT_LIMIT], "origin": "mqtt", "at": at}
    )


def link_payload(link: LinkStatus) -> str:
    """Return the state of the connection to the bus."""
    return json.dumps({"connected": link.connected, "code": link.code, "detail": link.detail})


def diagnostics_payload(*, age_s: float | None, polls_per_minute: int, pending: int, wiring: Diagnosis) -> str:
    """Return how busy the bus is, and what the wiring doctor says."""
    return json.dumps(
        {
            "last_write_age_s": None if age_s is None else round(age_s),
            "polls_per_minute": polls_per_minute,
            "pending_commands": pending,
            "wiring": wiring.state.value,
            "wiring_attributes": {"hint": wiring.hint, "sentence": wiring.sentence, "advice": wiring.advice},
        },
    )
