"""How values that the base does not tell follow from those it tells: dew points, risks, means.

All of them are estimates from what the sensors of the rooms see, and DOCS says so. Temperatures in degC, humidity in
per cent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from neasmart.facts.codecs import Season, Value, season_of
from neasmart.facts.rows import Inputs, Part

_MAGNUS_B = 17.62
_MAGNUS_C = 243.12
_COLD_AGAIN_K = 0.5
_WET_STILL_K = 0.3


def dew_point(temperature: Value, humidity: Value) -> float | None:
    """Return the temperature at which the air of a room begins to condense, None if it cannot be told.

    The Magnus formula over water with the coefficients 17.62 and 243.12 degC (Sonntag 1990, as in the WMO Guide to
    Instruments and Methods of Observation, No. 8, annex 4.B), valid from -45 to 60 degC:
    ``g = ln(rh / 100) + 17.62 t / (243.12 + t)``, ``dew point = 243.12 g / (17.62 - g)``.
    A humidity of 0 has no dew point.
    """
    if temperature is None or humidity is None or not 0 < humidity <= 100:  # noqa: PLR2004 - per cent
        return None
    degrees = float(temperature)
    gamma = math.log(float(humidity) / 100) + _MAGNUS_B * degrees / (_MAGNUS_C + degrees)
    return _MAGNUS_C * gamma / (_MAGNUS_B - gamma)


def condensation(known: Inputs) -> bool | None:
    """Return the risk of a room from its air, the coldest flow of the house, and its season."""
    return condensation_risk(
        mode=known.one(Part.SEASON),
        flow=min(known.values[Part.FLOW], default=None),
        dew=dew_point(known.one(Part.AIR), known.one(Part.HUMIDITY)),
        margin_k=known.margins.condensation_k + (_WET_STILL_K if known.before else 0.0),
    )


def condensation_risk(*, mode: float | None, flow: float | None, dew: float | None, margin_k: float) -> bool | None:
    """Return whether cold water may make a room's floor or ceiling wet, None if that cannot be told.

    It may where the coldest flow temperature lies below the dew point plus the margin; never while the house heats.
    """
    if season_of(mode) is Season.HEATING:
        return False
    if flow is None or dew is None:
        return None
    return flow < dew + margin_k


def cold(temperature: Value, limit: float, *, before: bool) -> bool | None:
    """Return whether a room is below the limit; one that was is not before it is half a kelvin above it."""
    if temperature is None:
        return None
    return float(temperature) < limit + (_COLD_AGAIN_K if before else 0.0)


def mean(temperatures: Sequence[float]) -> float | None:
    """Return the mean of some temperatures, None of none."""
    return sum(temperatures) / len(temperatures) if temperatures else None
