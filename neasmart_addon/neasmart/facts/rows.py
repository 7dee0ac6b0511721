"""What a row of the table may say: how a point travels, what it is for and how it is shown, or how it is derived.

What sets one point apart from another is a column of its row, never a comparison of its key. Temperatures in degC.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from neasmart.facts.codecs import BitCodec, Codec, EnumCodec, GlobalMode, PercentCodec, Quality, TemperatureCodec, Value
from neasmart.facts.errors import InvalidValueError, ReadOnlyPointError, UnknownPointError


class Kind(StrEnum):
    """How a point behaves for those who show it."""

    ENUM = "enum"
    BIT = "bit"
    PERCENT = "percent"
    TEMPERATURE = "temperature"


_KINDS: Mapping[type[Codec], Kind] = {
    EnumCodec: Kind.ENUM,
    BitCodec: Kind.BIT,
    PercentCodec: Kind.PERCENT,
    TemperatureCodec: Kind.TEMPERATURE,
}


class Part(StrEnum):
    """What a point is for those who work with its meaning; most points are only shown and have none.

    The first four are commanded, and the base turns some of them by others; the others are measured, and what is
    derived (dew point, mean, action) is worked out from them.
    """

    SEASON = "season"
    HOUSE = "house"
    ROOM = "room"
    TARGET = "target"
    AIR = "air"
    HUMIDITY = "humidity"
    FLOW = "flow"
    MEAN = "mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A closed range and the step in which people set it."""

    low: float
    high: float
    step: float


SETPOINT_CONTRACT = Limits(low=5.0, high=40.0, step=0.5)
"""What the REST contract accepts; the base clamps to the range of its mode."""
SETPOINT_HEATING = Limits(low=5.0, high=31.0, step=0.5)
SETPOINT_COOLING = Limits(low=15.0, high=35.0, step=0.5)
SETPOINT_AUTO = Limits(low=5.0, high=35.0, step=0.5)
SETPOINT_BY_MODE: Mapping[GlobalMode, Limits] = MappingProxyType(
    {
        GlobalMode.AUTO: SETPOINT_AUTO,
        GlobalMode.HEATING: SETPOINT_HEATING,
        GlobalMode.MANUAL_HEATING: SETPOINT_HEATING,
        GlobalMode.COOLING: SETPOINT_COOLING,
        GlobalMode.MANUAL_COOLING: SETPOINT_COOLING,
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One row of the table.

    `offset` counts from the group's address; `no_data` is the word that makes the base write its own value when it
    reads it from us (command registers only), and `told` the one that it reads and ignores once it has written its
    value, where that is another; `part` is what the point is for those who work with it, one of each at one place;
    `confirm_within` is the difference up to which two values count as the same. `optional` points are missing in some
    houses where their group exists: nobody announces them before they were received. `vocabulary` is the kind of words
    in which the members of an enumeration are told to people. `name` is what REST calls the point where it differs from
    its key, and `answer` the answer of REST that has it, for points without an index. Home Assistant is told
    `device_class`, `icon` and `category`; what is `in_climate` the climate entity has already, so that an entity of its
    own is only there for those who switch it on.
    """

    key: str
    label: str
    offset: int
    codec: Codec
    unit: str | None = None
    limits: Limits | None = None
    no_data: int | None = None
    told: int | None = None
    part: Part | None = None
    confirm_within: float = 0.0
    optional: bool = False
    vocabulary: str = ""
    name: str = ""
    answer: str | None = None
    device_class: str | None = None
    icon: str | None = None
    category: str | None = None
    in_climate: bool = False

    @property
    def kind(self) -> Kind:
        """How the point behaves, which follows from how it travels."""
        return _KINDS[type(self.codec)]

    @property
    def field(self) -> str:
        """The point's name in the answers of REST that are not about points."""
        return self.name or self.key

    @property
    def writable(self) -> bool:
        """Whether the base asks us for commands for this point."""
        return self.no_data is not None

    @property
    def options(self) -> Mapping[int, str] | None:
        """The wire numbers of an enumeration with their API names, None for other kinds."""
        if isinstance(self.codec, EnumCodec):
            return {int(member): member.name.lower() for member in self.codec.members}
        return None

    @property
    def mixes(self) -> bool:
        """Whether it may be told that the rooms differ, which is no member of the enumeration."""
        return isinstance(self.codec, EnumCodec) and self.codec.zero is Quality.MIXED

    @property
    def allowed(self) -> str:
        """What may be commanded, for people."""
        if self.limits is not None:
            return f"a number from {self.limits.low} to {self.limits.high}"
        if self.options is not None:
            return f"a whole number from {min(self.options)} to {max(self.options)}"
        return "true or false" if self.kind is Kind.BIT else "0 to 100"

    def agrees(self, one: float, other: float) -> bool:
        """Return whether two values are the same for the base."""
        # A little more than the tolerance, because 21.1 - 21.0 is not 0.1 in binary.
        return abs(one - other) <= self.confirm_within + 1e-6

    def words(self, value: float) -> str:
        """Return a value as people read it in a sentence: 21.0, time program."""
        if self.options is not None:
            return self.options[int(value)].replace("_", " ")
        return f"{value:.1f}" if self.kind is Kind.TEMPERATURE else f"{value:g}"

    def checked(self, value: object) -> int | float:
        """Return a commanded value if it may be sent; raise ReadOnlyPointError or InvalidValueError."""
        if not self.writable:
            raise ReadOnlyPointError(f"{self.label} is reported by the base and cannot be set")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidValueError(self.key, value, self.allowed)
        # Whole numbers of any length are finite; asking math about a huge one would raise OverflowError.
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidValueError(self.key, value, self.allowed)
        if self.limits is not None:
            if not self.limits.low <= value <= self.limits.high:
                raise InvalidValueError(self.key, value, self.allowed)
            return value
        if not isinstance(value, int) or self.options is None or value not in self.options:
            raise InvalidValueError(self.key, value, self.allowed)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """What the owner says of derived values: how close to the dew point is a risk, and below what a room is cold."""

    condensation_k: float = 2.0
    cold_c: float = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a derived value is worked out from: the known values of its sources, what it was before, and the margins."""

    values: Mapping[Part, Sequence[float]]
    before: Value
    margins: Margins

    def one(self, part: Part) -> float | None:
        """Return the value of a source of which there is one, None while it is not known."""
        values = self.values[part]
        return values[0] if values else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """One row of the table for a value that the base does not tell and that follows from those it tells.

    `work` makes it of the values of `sources`: of those at its own place, else of those of the whole house. It is there
    once a value of each source has been received. A change below `jitter` is not worth being told. The other columns
    are those of `Point`.
    """

    key: str
    label: str
    kind: Kind
    sources: tuple[Part, ...]
    work: Callable[[Inputs], Value]
    part: Part | None = None
    jitter: float = 0.0
    unit: str | None = None
    device_class: str | None = None
    icon: str | None = None
    category: str | None = None
    in_climate: bool = False
    optional: ClassVar[bool] = True
    writable: ClassVar[bool] = False
    options: ClassVar[None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One index of a repeating group: its name, for people too, its range and the distance in registers between two."""

    name: str
    label: str
    low: int
    high: int
    stride: int

    @property
    def indices(self) -> range:
        """All legal values of the index."""
        return range(self.low, self.high + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Points that repeat together; the address is `origin` plus each index times the stride of its axis.

    A group without axes is there once, for the whole house. Where `rooms` is set each repetition is a room, with base
    and zone number for an index: people name it, see it and forget it as one. A repetition exists once the point
    `exists_by` has been received, or any point where that is not given. `answer` is the answer of REST that has one
    repetition, for groups that are no rooms.
    """

    key: str
    label: str
    origin: int
    axes: tuple[Axis, ...] = ()
    points: tuple[Point, ...]
    derived: tuple[Derived, ...] = ()
    answer: str | None = None
    rooms: bool = False
    exists_by: str | None = None

    def address(self, *index: int) -> int:
        """Return the first register of one repetition."""
        return self.origin + sum(axis.stride * i for axis, i in zip(self.axes, index, strict=True))

    @property
    def rows(self) -> tuple[Point | Derived, ...]:
        """What is told by the base and what is derived."""
        return (*self.points, *self.derived)

    def place(self, *index: int) -> str:
        """Return the name of one repetition, such as ``zone.1.3``, with which the ids of its points begin."""
        return ".".join((self.key, *map(str, index)))

    def point(self, key: str) -> Point:
        """Return one of the group's points by its key; raise UnknownPointError."""
        for point in self.points:
            if point.key == key:
                return point
        raise UnknownPointError(f"{self.key} has no point {key}; it has {', '.join(p.key for p in self.points)}")


def setpoint_limits(mode: Value) -> Limits:
    """Return the range to which the base clamps setpoints in a global mode; the widest while it is not known."""
    return SETPOINT_BY_MODE[GlobalMode(int(mode))] if mode else SETPOINT_AUTO
