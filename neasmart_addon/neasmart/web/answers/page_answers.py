"""The shapes of what a page is drawn from and of what its guide can offer."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from neasmart.web.answers.point_answers import ChangedPoint, CommandAnswer, PointAnswer
from neasmart.web.answers.room_answers import ZoneName
from neasmart.web.answers.shapes import Age, Answer, Count, DerivedValues


class SchemaAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """The points, their units and limits."""

    version: str
    groups: list[dict[str, Any]]
    setpoint_limits: dict[str, Any]
    history: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class Snapshot(Answer, frozen=True, kw_only=True, tag_field="type", tag="snapshot"):
    """Everything that a page shows."""

    readings: list[PointAnswer]
    derived: DerivedValues
    commands: list[CommandAnswer]
    zones: list[ZoneName]
    status: dict[str, Any]


class Changes(Answer, frozen=True, kw_only=True, tag_field="type", tag="changes"):
    """What has changed since the message of before."""

    readings: list[ChangedPoint]
    derived: DerivedValues
    commands: list[CommandAnswer]
    status: dict[str, Any]


class SetupLink(Answer, frozen=True, kw_only=True):
    """One way to the bus."""

    kind: Literal["serial", "dial", "listen"]
    device: str | None
    url: str | None


class SetupDevice(Answer, frozen=True, kw_only=True):
    """A serial device."""

    path: str
    name: str
    maker: str | None
    known_as: str | None
    chosen: bool
    appeared_s: Age
    problem: Literal["no_permission", "gone", "busy"] | None


class SetupConverter(Answer, frozen=True, kw_only=True):
    """Where a converter may dial."""

    host: str | None
    port: Count
    port_open: bool | None
    can_open_port: bool


class SetupCounters(Answer, frozen=True, kw_only=True):
    """What had been counted when the present link began, the one that is listened to included."""

    bytes_received: Count
    frames: Count
    polls: Count
    polls_by_unit: dict[str, Count]


class Setup(Answer, frozen=True, kw_only=True):
    """What can be the link, what is, and who decides."""

    link: SetupLink
    listening: SetupLink | None
    counted_before: SetupCounters
    devices: list[SetupDevice]
    converter: SetupConverter
    decided_by: Literal["supervisor", "file", "environment"]
    restart_needed: bool
