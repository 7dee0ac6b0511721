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
from neasmart.facts.registers import Part, RegisterTable


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

    `told` has the keys of those points that may be absent and have been received, such as ``humidity``.
    """

    zone: ZoneIndex
    name: str
    told: frozenset[str] = frozenset()

    def has(self, part: Part, table: RegisterTable) -> bool:
        """Return whether the room has ever told a part that may be absent."""
        return table.part(part, *self.zone).point.key in self.told


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The global mode, the rooms, and the ids of the optional points that have been received.

    `flow` tells whether any flow temperature has been received, without which nothing can be said of condensation.
    """

    mode: GlobalMode | None
    rooms: tuple[ShownRoom, ...]
    optional: tuple[str, ...]
    flow: bool


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
    plant, table = gateway.plant, gateway.table
    optional = [each for each in plant.readings if not (each.ref.of_house or each.ref.room) and each.at is not None]
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
                ),
            )
            for zone in plant.zones
            if zone not in absent and (zone in announced or plant.reading(table.exists_by(*zone)).told > 1)
        ),
        optional=tuple(each.ref.id for each in optional),
        flow=any(each.ref.point.part is Part.FLOW and each.held is not None for each in optional),
    )
