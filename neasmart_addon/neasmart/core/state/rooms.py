"""The owner's word about rooms: what they are called, on which floor, in which order; the bus carries nothing of it.

What the settings say is a room's first name, and is kept; what the page says wins from then on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from neasmart.core.state.plant import ZoneIndex

LONGEST_NAME = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One room; `position` is its place on the page, None for behind all that have one.

    `hidden` is for the page alone. `in_home_assistant` is False once its device was deleted there. `from_page` tells
    that name and floor are the page's word, so that the settings have none any more.
    """

    base_id: int
    zone_id: int
    name: str = ""
    floor: str = ""
    position: int | None = None
    hidden: bool = False
    in_home_assistant: bool = True
    from_page: bool = False

    @property
    def zone(self) -> ZoneIndex:
        """Base and zone number."""
        return self.base_id, self.zone_id


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomsStatus:
    """All rooms of which something is said, in the order of the page; `detail` is why they are not stored, if so."""

    rooms: tuple[Room, ...] = ()
    detail: str | None = None


class Rooms:
    """What is said of each room."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._rooms: dict[ZoneIndex, Room] = {}

    def put(self, rooms: Iterable[Room]) -> None:
        """Take the word of the page, or of the file that keeps it."""
        self._rooms.update({room.zone: room for room in rooms})

    def take_over(self, first: Iterable[Room]) -> None:
        """Take names and floors of the settings for all rooms of which the page has said nothing."""
        for room in first:
            known = self.of(room.zone)
            if not known.from_page and (room.name or room.floor):
                self._rooms[room.zone] = replace(known, name=room.name or known.name, floor=room.floor or known.floor)

    def of(self, zone: ZoneIndex) -> Room:
        """Return what is said of a room, also if that is nothing."""
        return self._rooms.get(zone) or Room(base_id=zone[0], zone_id=zone[1])

    def ordered(self, others: Iterable[ZoneIndex] = ()) -> list[Room]:
        """Return all rooms of which something is said, and `others`, in the order of the page."""
        found = [self.of(zone) for zone in {*self._rooms, *others}]
        return sorted(found, key=lambda room: (room.position is None, room.position or 0, room.zone))

    @property
    def absent(self) -> set[ZoneIndex]:
        """The rooms that shall not be in Home Assistant."""
        return {zone for zone, room in self._rooms.items() if not room.in_home_assistant}

    @property
    def names(self) -> dict[ZoneIndex, str]:
        """The names that are not empty."""
        return {zone: room.name for zone, room in self._rooms.items() if room.name}
