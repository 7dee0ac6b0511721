"""The shapes of answers, and of bodies that are more than one value; the description of the API is made of them.

Times are ISO 8601 in UTC, ages seconds, and what is not known is null. A name ends in Answer where the plain word is a
class of the core; the description leaves the ending out. What depends on the register table alone, such as a room's
values, is no class here but comes from the table.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

from neasmart.core.state.plant import Source
from neasmart.core.state.rooms import LONGEST_NAME
from neasmart.diagnosis.verdicts import BY_CODE, DoctorState, Level
from neasmart.facts.codecs import Quality, Value
from neasmart.facts.registers import ADDRESS_LIMIT
from neasmart.facts.retries import BreakerState
from neasmart.facts.status import Closable

POSITIONS = 1000


def _table(name: str) -> Meta:
    """Mark what has a shape that the register table or a list of the core gives."""
    return Meta(extra_json_schema={"$ref": f"#/components/schemas/{name}"})


Count = Annotated[int, Meta(ge=0)]
Age = Annotated[Annotated[float, Meta(ge=0)] | None, Meta(description="Seconds; null: never")]
_WHEN = "ISO 8601 in UTC; null: never"
Time = Annotated[str | None, Meta(description=_WHEN, extra_json_schema={"format": "date-time"})]
Address = Annotated[int, Meta(ge=0, lt=ADDRESS_LIMIT)]
Word = Annotated[int, Meta(ge=0, le=0xFFFF)]
VerdictCode = Annotated[str, Meta(extra_json_schema={"enum": list(BY_CODE)})]
UnitAges = Annotated[dict[str, Age], Meta(description="By unit id")]
PointId = Annotated[str, _table("PointId")]
Row = Annotated[dict[str, Any], _table("Zone")]
Sample = Annotated[
    tuple[float, float | None], Meta(description="Unix seconds, and the value from then on; null is a gap")
]
DerivedValues = Annotated[dict[str, Value], Meta(description="What follows from readings, by its id")]
Text = Annotated[str, Meta(max_length=LONGEST_NAME)]
Position = Annotated[int, Meta(ge=1, le=POSITIONS)]


class Answer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is sent once and then forgotten."""


class CommandAnswer(Answer, frozen=True, kw_only=True):
    """A command as it stands now."""

    id: str
    point: str
    value: float
    raw: Word | None
    origin: str
    state: Annotated[str, _table("CommandState")]
    queued_at: Time
    delivered_at: Time
    ended_at: Time
    read_by: Annotated[tuple[int, ...], Meta(description="Unit ids")]
    reason: str | None
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
    group: Annotated[str, _table("GroupKey")]
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


class BusSeen(Answer, frozen=True, kw_only=True):
    """What has been seen on the wire.

    `code` and `late` (the base's values do not arrive) are the doctor's; `stale` tells that all values are marked old.
    """

    last_write_age_s: Age
    last_poll_age_s: UnitAges
    last_frame_age_s: Age
    last_byte_age_s: Age
    frames_per_s: float
    code: VerdictCode
    late: bool
    stale: bool
    late_after_s: float
    stale_after_s: float
    counters: Annotated[dict[str, Any], _table("BusCounters")]


Bus = msgspec.defstruct(
    "Bus",
    [
        ("link", dict[str, Any]),
        *get_type_hints(BusSeen, include_extras=True).items(),
        ("statistics", dict[str, Any]),
        ("idle_polls", dict[str, Any]),
    ],
    bases=(Answer,),
    frozen=True,
    kw_only=True,
)
"""The link, what has been seen on the wire, and how the base walks."""


class DoctorAnswer(Answer, frozen=True, kw_only=True):
    """What is wrong with the wiring, what to do, and what it was concluded from."""

    state: DoctorState
    hint: str | None
    code: VerdictCode
    level: Level
    sentence: str
    advice: str
    evidence: tuple[str, ...]
    parameters: dict[str, str]
    receiving: bool
    since: Time


class Capture(Answer, frozen=True, kw_only=True):
    """A finished recording; `path` is relative to the page."""

    name: str
    size: Count
    recorded_at: Time
    path: str


class Captures(Answer, frozen=True, kw_only=True):
    """What the recorder does, and the recordings, newest first."""

    recorder: dict[str, Any]
    captures: list[Capture]


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


class HealthStatus(StrEnum):
    """Whether the gateway can do its job; `unhealthy` asks for the owner's hand."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class HealthDatabase(Answer, frozen=True, kw_only=True):
    """The storage."""

    healthy: bool
    using_fallback: bool
    fallback_entries: Count
    circuit_breaker_state: BreakerState
    detail: str | None
    transactions: Count
    errors: Count
    last_flush_at: Time


class HealthModbus(Answer, frozen=True, kw_only=True):
    """The link and the bus; `circuit_breaker` is the name that is asked for in circulating instructions."""

    circuit_breaker_state: BreakerState
    circuit_breaker: BreakerState
    context_initialized: bool
    link: str
    connected: bool
    detail: str
    code: VerdictCode
    last_write_age_s: Age
    last_poll_age_s: UnitAges
    idle_reply: Literal["no_data", "last_report"]


class SettingsFaultAnswer(Answer, frozen=True, kw_only=True):
    """A setting that cannot be used."""

    key: str
    text: str
    closes: list[Closable]


class HealthSettings(Answer, frozen=True, kw_only=True):
    """What is wrong with the settings, and what waits for the next start."""

    problem: str | None
    refused: str | None
    faults: list[SettingsFaultAnswer]
    closed: list[Closable]
    restart_needed: list[str]
    notes: list[str]


class Health(Answer, frozen=True, kw_only=True):
    """How the gateway is; `uptime` in seconds."""

    status: HealthStatus
    reasons: list[str]
    database: HealthDatabase
    modbus: HealthModbus
    mqtt: dict[str, Any]
    settings: HealthSettings
    uptime: Count
    version: str
    registers_receiving_updates: bool
    registers_stale: bool
    registers_age_seconds: Age
    last_register_write: Time
    stale_after_seconds: float
    pending_command_registers: list[int]


class SchemaAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """The points, their units and limits."""

    version: str
    groups: list[dict[str, Any]]
    setpoint_limits: dict[str, Any]
    history: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


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
    problem: Literal["no_permission", "gone"] | None


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
