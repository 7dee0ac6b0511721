"""What exists in the house: everything that decides how Home Assistant's devices look, and nothing else.

Two equal inventories give the same discovery messages, so a comparison tells whether anything must be announced.
"""

from __future__ import annotations

from dataclasses import dataclass

from neasmart.codecs import GlobalMode
from neasmart.gateway import Gateway
from neasmart.plant import ZoneIndex

OPTIONAL_GROUPS = ("mixed_circuit", "dehumidifier", "pump")


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A zone that exists; `humidity` tells whether its thermostat has ever reported it."""

    zone: ZoneIndex
    name: str
    humidity: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The global mode, the rooms, and the ids of the optional points that have been received."""

    mode: GlobalMode | None
    rooms: tuple[Room, ...]
    optional: tuple[str, ...]


def global_mode(gateway: Gateway) -> GlobalMode | None:
    """Return the mode that the base reports, not one that is only commanded."""
    mode = gateway.plant.value("global.mode")
    return GlobalMode(int(mode)) if mode else None


def take_inventory(gateway: Gateway) -> Inventory:
    """Return what exists now, by what the base has ever reported."""
    plant, table = gateway.plant, gateway.table
    return Inventory(
        mode=global_mode(gateway),
        rooms=tuple(
            Room(
                zone=(base_id, zone_id),
                name=plant.zone_name(base_id, zone_id) or f"Zone {base_id}.{zone_id}",
                humidity=plant.reading(table.at("zone", "humidity", base_id, zone_id)).at is not None,
            )
            for base_id, zone_id in plant.zones
        ),
        optional=tuple(
            reading.ref.id
            for reading in plant.readings
            if reading.ref.group.key in OPTIONAL_GROUPS and reading.at is not None
        ),
    )
