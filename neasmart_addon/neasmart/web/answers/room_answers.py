"""The shapes of rooms as the base tells them, and of what the owner says of them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from neasmart.core.state.rooms import LONGEST_NAME
from neasmart.web.answers.shapes import Answer, Count, of_table

POSITIONS = 1000
Row = Annotated[dict[str, Any], of_table("Zone")]
Text = Annotated[str, Meta(max_length=LONGEST_NAME)]
Position = Annotated[int, Meta(ge=1, le=POSITIONS)]


class ZoneFilter(Answer, frozen=True, kw_only=True):
    """What was asked for."""

    base_id: int | None
    include_inactive: bool


class ZoneList(Answer, frozen=True, kw_only=True):
    """Rooms in the order of their numbers."""

    zones: list[Row]
    count: Count
    filter: ZoneFilter


class RoomForgotten(Answer, frozen=True, kw_only=True):
    """The room that was forgotten."""

    base_id: int
    zone_id: int
    forgotten: bool


class ZoneName(Answer, frozen=True, kw_only=True):
    """A room that could exist."""

    base_id: int
    zone_id: int
    name: str | None
    active: bool


class RoomAnswer(Answer, frozen=True, kw_only=True):
    """What the owner has said of a room."""

    base_id: int
    zone_id: int
    name: Text
    floor: Text
    position: Position | None
    hidden: bool
    in_home_assistant: bool
    active: bool


class RoomsAnswer(Answer, frozen=True, kw_only=True):
    """Rooms in the order of the page; `detail` tells why they could not be stored."""

    rooms: list[RoomAnswer]
    stored: bool
    detail: str | None


class RoomChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be said of one room; what is not given stays. `active` is told and cannot be changed."""

    base_id: int
    zone_id: int
    name: Text | msgspec.UnsetType = msgspec.UNSET
    floor: Text | msgspec.UnsetType = msgspec.UNSET
    position: Position | msgspec.UnsetType | None = msgspec.UNSET
    hidden: bool | msgspec.UnsetType = msgspec.UNSET
    in_home_assistant: bool | msgspec.UnsetType = msgspec.UNSET
    active: bool | msgspec.UnsetType = msgspec.UNSET


class RoomsChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All rooms or some."""

    rooms: list[RoomChange]
