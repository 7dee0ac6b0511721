"""What exists in the house: everything that decides how Home Assistant's devices look, and nothing else.

Two equal inventories give the same discovery messages, so a comparison tells whether anything must be announced.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from neasmart.core.gateway import Gateway
from neasmart.core.state.plant import ZoneIndex
from neasmart.facts.codecs import GlobalMode
from neasmart.facts.registers import RegisterTable
from neasmart.facts.rows import Part


class HomeAssistantBook(Protocol):
    """What the owner has said about rooms beyond their names; whoever keeps it may change it at any time."""

    def absent(self) -> Collection[ZoneIndex]:
        """Return the rooms that shall not be in Home Assistant."""

    def deleted(self, zone: ZoneIndex) -> None:
        """Note that the owner has deleted a room's device in Home Assistant."""


class MemoryBook:
    """A book that lasts as long as the process, for when nobody else keeps one."""

    def __init__(self) -> None:
        """Start empty."""
        self._absent: set[ZoneIndex] = set()

    def absent(self) -> Collection[ZoneIndex]:
        """Return the rooms that were deleted."""
        return self._absent

    def deleted(self, zone: ZoneIndex) -> None:
        """Keep the room away."""
        self._absent.add(zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRoom:
    """A zone that exists; `name` is empty unless the owner has named it.

    `told` has the keys of those points that may be absent and are there, such as ``humidity`` and ``dew_point``.
    """

    zone: ZoneIndex
    name: str
    told: frozenset[str] = frozenset()

    def has(self, part: Part, table: RegisterTable) -> bool:
        """Return whether the room has ever told a part that may be absent."""
        return table.part(part, *self.zone).point.key in self.told


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The global mode, the rooms, the ids of what may be absent elsewhere and is there, and the rooms nobody wants."""

    mode: GlobalMode | None
    rooms: tuple[ShownRoom, ...]
    optional: tuple[str, ...]
    absent: frozenset[ZoneIndex] = frozenset()


def global_mode(gateway: Gateway) -> GlobalMode | None:
    """Return the mode that the base reports, not one that is only commanded."""
    mode = gateway.plant.reading(gateway.table.part(Part.SEASON)).value
    return GlobalMode(int(mode)) if mode else None


def take_inventory(
    gateway: Gateway, absent: Collection[ZoneIndex] = (), announced: Collection[ZoneIndex] = ()
) -> Inventory:
    """Return what exists now, by what the base has ever reported.

    A room counts when its temperature was told twice, so that one bad frame makes no device, or when an earlier run has
    announced it.
    """
    plant, table, derived = gateway.plant, gateway.table, gateway.derived
    equipment = [ref for ref in table if not (ref.of_house or ref.room) and plant.reading(ref).at is not None]
    return Inventory(
        mode=global_mode(gateway),
        rooms=tuple(
            ShownRoom(
                zone=zone,
                name=plant.zone_name(*zone) or "",
                told=frozenset(
                    ref.point.key
                    for ref in table.room(*zone)
                    if ref.point.optional and plant.reading(ref).at is not None
                )
                | {ref.point.key for ref in table.derived_at(*zone) if derived.exists(ref)},
            )
            for zone in plant.zones
            if zone not in absent and (zone in announced or plant.reading(table.exists_by(*zone)).told > 1)
        ),
        absent=frozenset(plant.zones).intersection(absent),
        optional=(
            *(ref.id for ref in equipment),
            *(ref.id for ref in table.derived_at() if derived.exists(ref)),
        ),
    )
