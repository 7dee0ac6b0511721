"""The shapes of points, of the commands that they are given, and of what they were."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from neasmart.core.state.plant import Source
from neasmart.facts.codecs import Quality, Value
from neasmart.web.answers.shapes import (
    Address,
    Age,
    Answer,
    CommandReason,
    Count,
    PointId,
    Sample,
    Time,
    Word,
    of_table,
)


class CommandAnswer(Answer, frozen=True, kw_only=True):
    """A command as it stands now."""

    id: str
    point: str
    value: float
    raw: Word | None
    origin: str
    state: Annotated[str, of_table("CommandState")]
    queued_at: Time
    delivered_at: Time
    ended_at: Time
    read_by: Annotated[tuple[int, ...], Meta(description="Unit ids")]
    reason: Annotated[str | None, Meta(description="Why it ended, in a sentence")]
    reason_code: Annotated[
        CommandReason | None, Meta(description="The same as a code; null: nothing to tell, or not known")
    ]
    reason_value: Annotated[float | None, Meta(description="What the base says, where that decided")]
    warning: str | None


class CommandList(Answer, frozen=True, kw_only=True):
    """Commands, newest first."""

    commands: list[CommandAnswer]


class Undone(Answer, frozen=True, kw_only=True):
    """The ids of commands that were taken back, and of those that bring back what was there before."""

    withdrawn: list[str]
    commands: list[str]


class PointAnswer(Answer, frozen=True, kw_only=True):
    """One value of the register table."""

    id: PointId
    group: Annotated[str, of_table("GroupKey")]
    index: tuple[int, ...]
    point: str
    address: Address
    value: Annotated[Value, Meta(description="In the unit that `schema` names")]
    raw: Word | None
    quality: Quality
    source: Source
    stale: bool
    age_s: Age
    at: Time
    pending: CommandAnswer | None


class ChangedPoint(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """What may have changed of a point; of sixty rooms at once this is a third of their whole readings.

    What is left out is as usual, a fresh age, too; everything else about a point was told by the snapshot.
    """

    id: PointId
    value: Value
    raw: Word | None
    age_s: Age | msgspec.UnsetType
    quality: Quality = Quality.GOOD
    source: Source = Source.BUS
    stale: bool = False
    pending: CommandAnswer | None = None


class UnknownRegister(Answer, frozen=True, kw_only=True):
    """A register that the base writes and the table does not know."""

    address: Count
    raw: Count
    age_s: Age


class PointList(Answer, frozen=True, kw_only=True):
    """Points, and what has no meaning yet."""

    points: list[PointAnswer]
    count: Count
    unknown_registers: list[UnknownRegister]


class SyncProgress(Answer, frozen=True, kw_only=True):
    """How many of all values have not been written since they were asked for."""

    refreshing: Count
    total: Count


class HistorySeries(Answer, frozen=True, kw_only=True):
    """One point."""

    id: str
    unit: str | None
    points: list[Sample]


class HistoryAnswer(Answer, frozen=True, kw_only=True):
    """What points were between two times."""

    begin: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")
    series: list[HistorySeries]
