"""What a room does, how it reads as climate, and how measured temperatures are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.facts.codecs import GlobalMode, OperatingState
from neasmart.mqtt.messages.climate import PRESETS, Action, RoomFacts, action, mode_and_preset
from neasmart.mqtt.messages.states import Steady, half_up


def room(
    setpoint: float | None = 21.0,
    temperature: float | None = 20.0,
    *,
    mode: GlobalMode | None = GlobalMode.HEATING,
    state: int | None = 1,
    flow: float | None = None,
) -> RoomFacts:
    return RoomFacts(state=state, setpoint=setpoint, temperature=temperature, flow=flow, mode=mode)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (room(21.0, 20.9), Action.HEATING),
        (room(21.0, 21.0), Action.IDLE),
        (room(21.0, 23.0), Action.IDLE),
        (room(21.0, 20.0, state=3), Action.OFF),
        (room(None, 20.0), None),
        (room(21.0, None), None),
        (room(24.0, 26.0, mode=GlobalMode.COOLING), Action.COOLING),
        (room(24.0, 23.0, mode=GlobalMode.MANUAL_COOLING), Action.IDLE),
        (room(21.0, 20.0, mode=GlobalMode.AUTO), Action.HEATING),
        (room(21.0, 25.0, mode=GlobalMode.AUTO), Action.IDLE),
        (room(21.0, 25.0, mode=GlobalMode.AUTO, flow=18.0), Action.COOLING),
        (room(21.0, 25.0, mode=GlobalMode.AUTO, flow=35.0), Action.IDLE),
        (room(21.0, 20.0, mode=None), Action.HEATING),
    ],
)
def test_a_room_that_is_past_its_setpoint_for_its_season_is_idle(facts: RoomFacts, expected: Action | None) -> None:
    assert action(facts, None) is expected


def test_a_room_at_its_setpoint_does_not_tremble() -> None:
    seen: Action | None = None
    changes = 0
    for temperature in [20.9, 21.0, 20.95, 21.0, 20.9, 21.1, 20.85, 20.8, 20.9, 20.95, 21.0]:
        before, seen = seen, action(room(21.0, temperature), seen)
        changes += before is not None and before is not seen

    assert changes == 3  # idle at 21.0, heating again at 20.8, idle at 21.0


@pytest.mark.parametrize("state", list(OperatingState))
def test_every_state_reads_as_one_mode_and_preset(state: OperatingState) -> None:
    mode, preset = mode_and_preset(int(state), "heat")

    assert (mode == "off") == (state is OperatingState.STANDBY)
    assert (mode == "auto") == (state is OperatingState.TIME_PROGRAM)
    assert PRESETS.get(preset, state) is state
    assert mode_and_preset(None, "heat") == (None, "none")


@pytest.mark.parametrize(
    ("value", "expected"), [(21.25, 21.3), (21.35, 21.4), (21.449, 21.4), (-0.05, 0.0), (0.15, 0.2)]
)
def test_tenths_are_rounded_half_up(value: float, expected: float) -> None:
    assert half_up(value, 0.1) == expected


def test_trembling_below_what_is_shown_is_not_said() -> None:
    steady = Steady()
    shown = [steady.payload("t", value) for value in (21.44, 21.46, 21.44, 21.46, 21.47, 21.44)]
    assert shown == ["21.4"] * 6

    assert steady.payload("t", 21.5) == "21.5"
    assert steady.payload("t", 21.44) == "21.5"
    assert steady.payload("t", None) == "None"
    assert steady.payload("t", 21.44) == "21.4"


@given(st.lists(st.floats(-20, 40), min_size=1))
def test_what_is_shown_is_never_a_tenth_off(values: list[float]) -> None:
    steady = Steady()
    for value in values:
        assert abs(float(steady.payload("t", value)) - value) < 0.1
