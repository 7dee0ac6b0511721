"""How the base's modes and states read in Home Assistant's own climate words, and back.

The base heats or cools the whole house, so a room offers ``off`` (standby), ``auto`` (the base's time program) and the
one mode that the season makes possible; the other states are presets. In the global mode "auto" that mode is
``heat_cool``: the base holds the temperature that was set, from either side, while ``auto`` tells Home Assistant that
a schedule sets it. These words are those that Home Assistant's frontend translates and has icons for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from neasmart.facts.codecs import GlobalMode, OperatingState, Value

OFF = "off"
AUTO = "auto"
PRESET_NONE = "none"
SEASON_WORDS: Mapping[GlobalMode | None, str] = MappingProxyType(
    {
        None: "heat_cool",
        GlobalMode.AUTO: "heat_cool",
        GlobalMode.HEATING: "heat",
        GlobalMode.MANUAL_HEATING: "heat",
        GlobalMode.COOLING: "cool",
        GlobalMode.MANUAL_COOLING: "cool",
    },
)
HOUSE_MODES: Mapping[str, GlobalMode] = MappingProxyType(
    {"heat_cool": GlobalMode.AUTO, "heat": GlobalMode.HEATING, "cool": GlobalMode.COOLING},
)
"""What the climate entity of the whole house commands; the manual modes are shown by the same words."""
PRESETS: Mapping[str, OperatingState] = MappingProxyType(
    {
        "comfort": OperatingState.NORMAL,
        "eco": OperatingState.REDUCED,
        "boost": OperatingState.PARTY,
        "away": OperatingState.HOLIDAY,
    },
)
_PRESET_OF = {state: word for word, state in PRESETS.items()}
OLD_WORDS: Mapping[str, OperatingState] = MappingProxyType({state.name.lower(): state for state in OperatingState})
"""The base's own names, accepted wherever a mode or a preset is commanded."""


class Action(StrEnum):
    """What a room is doing, in Home Assistant's words."""

    OFF = "off"
    IDLE = "idle"
    HEATING = "heating"
    COOLING = "cooling"


HYSTERESIS_K = 0.2
"""A room that is idle is taken to heat or cool again when it is this far from its setpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomFacts:
    """What the estimate of a room's action is made from; temperatures in degC, `flow` the coldest one that is known."""

    state: Value
    setpoint: Value
    temperature: Value
    flow: float | None
    mode: GlobalMode | None


def mode_and_preset(state: Value, season: str) -> tuple[str | None, str]:
    """Return a room's mode and preset; the mode is None while the state is not known."""
    if state is None:
        return None, PRESET_NONE
    operating = OperatingState(int(state))
    if operating is OperatingState.STANDBY:
        return OFF, PRESET_NONE
    if operating is OperatingState.TIME_PROGRAM:
        return AUTO, PRESET_NONE
    return season, _PRESET_OF[operating]


def heeds_flow(mode: GlobalMode | None) -> bool:
    """Return whether the coldest flow decides what a room is doing: only where the base chooses the season."""
    return SEASON_WORDS[mode] == SEASON_WORDS[None]


def action(room: RoomFacts, before: Action | None) -> Action | None:
    """Return what a room is most likely doing, None if that cannot be told.

    An estimate, because the bus carries no valve: a room that is past its setpoint for its season is idle, else it is
    heated or cooled; `before` gives the hysteresis. Where the base chooses the season, a room above its setpoint
    counts as cooled only if the coldest flow is colder than the room.
    """
    if room.state is not None and int(room.state) == OperatingState.STANDBY:
        return Action.OFF
    if room.setpoint is None or room.temperature is None:
        return None
    missing_k = float(room.setpoint) - float(room.temperature)
    season = SEASON_WORDS[room.mode]
    least_k = HYSTERESIS_K - 1e-6 if before is Action.IDLE else 0.0
    if season != "cool" and missing_k > least_k:
        return Action.HEATING
    cold_water = season == "cool" or (
        season == "heat_cool" and room.flow is not None and room.flow < float(room.temperature)
    )
    return Action.COOLING if cold_water and -missing_k > least_k else Action.IDLE
