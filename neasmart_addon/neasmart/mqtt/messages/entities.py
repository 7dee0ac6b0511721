"""How each point of the register table looks in Home Assistant beyond what the table itself says.

One row for each kind of point, found by its group and key; what has no row needs nothing special.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from neasmart.facts.registers import Kind, Point, Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The icon where there is no device class, the category, and the words of an enumeration (`kind` of `Words`).

    `enabled` is whether Home Assistant shows it without being asked.
    """

    icon: str | None = None
    category: str | None = None
    words: str | None = None
    mixed: bool = False
    enabled: bool = True


_LOOKS: Mapping[tuple[str, str], Look] = MappingProxyType(
    {
        ("global", "mode"): Look(icon="mdi:sun-snowflake-variant", words="mode"),
        ("global", "state"): Look(icon="mdi:home-clock-outline", words="state", mixed=True),
        ("mixed_circuit", "valve_opening"): Look(icon="mdi:valve"),
        ("zone", "state"): Look(icon="mdi:tune-variant", words="state", category="config"),
        ("zone", "setpoint"): Look(enabled=False),
    },
)
_PLAIN = Look()
MIXED = "mixed"
"""What the global state reads while the rooms differ; it can be shown and not be commanded."""


def look(ref: Ref) -> Look:
    """Return the row of a point."""
    return _LOOKS.get((ref.group.key, ref.point.key), _PLAIN)


def options(ref: Ref) -> list[str]:
    """Return the raw keys of an enumeration as they can be shown, ``mixed`` last where it is possible."""
    return [*(ref.point.options or {}).values(), *([MIXED] if look(ref).mixed else [])]


def platform(point: Point) -> str:
    """Return the kind of entity that shows a point; a setpoint is commanded by the climate entity and only shown."""
    if point.kind is Kind.ENUM and point.writable:
        return "select"
    return "binary_sensor" if point.kind is Kind.BIT else "sensor"
