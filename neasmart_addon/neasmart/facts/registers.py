"""What a table of registers is made of: points, groups in which they repeat, and the refs that follow from both.

REST, the panel, MQTT, metrics, documentation and the simulator are projections of the one table in `points`; an address
or a range that stands anywhere else is a defect. What sets one point apart from another is a column of its row, never a
comparison of its key. Addresses are 0-based as on the wire ("register 100" is 0x0064).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import chain, product
from types import MappingProxyType
from typing import ClassVar

from neasmart.facts.codecs import (
    Codec,
    Decoded,
    EnumCodec,
    GlobalMode,
    Quality,
    Value,
)
from neasmart.facts.errors import InvalidValueError, ReadOnlyPointError, UnknownPointError
from neasmart.facts.network import API

ADDRESS_LIMIT = 7000
"""Addresses from here on are never used on this bus; a frame that names one is noise."""


class Kind(StrEnum):
    """How a point behaves for those who show it."""

    ENUM = "enum"
    BIT = "bit"
    PERCENT = "percent"
    TEMPERATURE = "temperature"


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


_RELATED: Mapping[Part | None, tuple[Part, ...]] = MappingProxyType(
    {
        Part.ROOM: (Part.HOUSE,),
        Part.TARGET: (Part.ROOM, Part.HOUSE, Part.SEASON),
    },
)
"""The parts whose change makes the base rewrite a part by itself: a state turns its setpoint, and so on."""


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
    kind: Kind
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """One register with its meaning; `id` names it everywhere, for example ``zone.1.3.setpoint``."""

    id: str
    address: int
    group: Group = field(repr=False, compare=False)
    index: tuple[int, ...]
    point: Point = field(repr=False, compare=False)

    @property
    def label(self) -> str:
        """The point's label with its place, for example ``Zone 1.3 setpoint``."""
        place = ".".join(map(str, self.index))
        return f"{self.group.label} {place} {self.point.label.lower()}" if place else self.point.label

    @property
    def place(self) -> str:
        """Where the register is, for example ``zone.1.3``, or ``global`` for the whole house."""
        return self.group.place(*self.index)

    @property
    def of_house(self) -> bool:
        """Whether the register is there once, for the whole house."""
        return not self.index

    @property
    def room(self) -> tuple[int, int] | None:
        """The base and zone number of the room that the register belongs to, None for what is no room's."""
        return (self.index[0], self.index[1]) if self.group.rooms else None

    def decode(self, word: int) -> Decoded:
        """Return what a word means at this address."""
        return self.point.codec.decode(word)


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedRef:
    """One derived value with the registers from which it follows, by part; `id` names it everywhere."""

    id: str
    group: Group = field(repr=False, compare=False)
    index: tuple[int, ...]
    point: Derived = field(repr=False, compare=False)
    sources: Mapping[Part, tuple[Ref, ...]] = field(repr=False, compare=False)

    @property
    def room(self) -> tuple[int, int] | None:
        """The base and zone number of the room that the value belongs to, None for what is no room's."""
        return (self.index[0], self.index[1]) if self.group.rooms else None


class RegisterTable:
    """All refs of the given groups, found by id and by address."""

    def __init__(self, groups: tuple[Group, ...]) -> None:
        """Expand the groups; two points on one address are a defect of the table."""
        self.groups: Mapping[str, Group] = MappingProxyType({group.key: group for group in groups})
        self.by_id: Mapping[str, Ref] = MappingProxyType({ref.id: ref for ref in _expanded(groups)})
        self.by_address: Mapping[int, Ref] = MappingProxyType({ref.address: ref for ref in self.by_id.values()})
        self._by_parts = {(ref.group.key, ref.point.key, *ref.index): ref for ref in self.by_id.values()}
        if len(self.by_address) != len(self.by_id):
            raise ValueError("two points of the register table share an address")

    def __iter__(self) -> Iterator[Ref]:
        """Iterate over all refs in the order of the table."""
        return iter(self.by_id.values())

    def __len__(self) -> int:
        """Return the number of registers with a meaning."""
        return len(self.by_id)

    def ref(self, ref_id: str) -> Ref:
        """Return a ref by its id; raise UnknownPointError."""
        try:
            return self.by_id[ref_id]
        except KeyError:
            raise UnknownPointError(f"Unknown point: {ref_id[:60]!r}. GET {API}/points lists all ids") from None

    def at(self, group: str, point: str, *index: int) -> Ref:
        """Return a ref by its parts; raise UnknownPointError."""
        ref = self._by_parts.get((group, point, *index))
        return self.ref(".".join((group, *map(str, index), point))) if ref is None else ref

    @cached_property
    def writable(self) -> tuple[Ref, ...]:
        """The refs that the base asks us for."""
        return tuple(ref for ref in self if ref.point.writable)

    @cached_property
    def related(self) -> Mapping[int, tuple[int, ...]]:
        """For each command register those, by address, whose change makes the base rewrite it by itself."""
        return {
            ref.address: tuple(
                other.address
                for part in _RELATED.get(ref.point.part, ())
                for other in self.of_part(part, ref.index) or self.of_part(part, ())
            )
            for ref in self.writable
        }

    def of_part(self, part: Part, index: tuple[int, ...] | None = None) -> tuple[Ref, ...]:
        """Return the registers of a part, all or those of one place."""
        return self._of_part.get((part, index), ())

    def part(self, part: Part, *index: int) -> Ref:
        """Return the register of a part at one place; raise UnknownPointError if the table has none there."""
        found = self._of_part.get((part, index))
        if found is None:
            raise UnknownPointError(f"There is no {part} at {index}")
        return found[0]

    @cached_property
    def derived(self) -> Mapping[str, DerivedRef]:
        """All derived values by their id, in the order of the table."""
        return {
            found.id: found
            for group in self.groups.values()
            for index in product(*(axis.indices for axis in group.axes))
            for row in group.derived
            for found in [self._derived(group, index, row)]
        }

    @cached_property
    def dependants(self) -> Mapping[int, tuple[DerivedRef, ...]]:
        """The derived values that follow from a register, by its address."""
        found: dict[int, list[DerivedRef]] = {}
        for derived in self.derived.values():
            for source in chain.from_iterable(derived.sources.values()):
                found.setdefault(source.address, []).append(derived)
        return {address: tuple(refs) for address, refs in found.items()}

    def shown_at(self, *index: int) -> tuple[Ref | DerivedRef, ...]:
        """Return registers and derived values of one room, or with no number those of the house."""
        group = self.rooms if index else self.house
        return (*self.place(group.key, *index), *self.derived_at(*index))

    def derived_at(self, *index: int) -> tuple[DerivedRef, ...]:
        """Return the derived values of one room, or with no number those of the house, in the order of the table."""
        return self._derived_at.get(index, ())

    @cached_property
    def rooms(self) -> Group:
        """The group whose repetitions are rooms."""
        (found,) = (group for group in self.groups.values() if group.rooms)
        return found

    @cached_property
    def house(self) -> Group:
        """The group of what is there once."""
        return self.part(Part.HOUSE).group

    def place(self, group: str, *index: int) -> tuple[Ref, ...]:
        """Return the registers of one repetition of a group in the order of the table, none out of range."""
        return self._places.get((group, *index), ())

    def room(self, *index: int) -> tuple[Ref, ...]:
        """Return the registers of one room in the order of the table, none out of range."""
        return self._places.get((self.rooms.key, *index), ())

    def exists_by(self, *index: int) -> Ref:
        """Return the register of a room that makes it exist; raise UnknownPointError."""
        return self.at(self.rooms.key, self.rooms.exists_by or "", *index)

    def answered(self, answer: str) -> tuple[Ref, ...]:
        """Return the registers that one answer of REST has."""
        return self._answers.get(answer, ())

    def answering(self, answer: str) -> Group:
        """Return the group of which one answer of REST has a repetition; raise UnknownPointError if there is none."""
        for group in self.groups.values():
            if group.answer == answer:
                return group
        raise UnknownPointError(f"No group is answered as {answer}")

    def _derived(self, group: Group, index: tuple[int, ...], row: Derived) -> DerivedRef:
        sources = {part: self.of_part(part, index) or self.of_part(part) for part in row.sources}
        return DerivedRef(id=f"{group.place(*index)}.{row.key}", group=group, index=index, point=row, sources=sources)

    @cached_property
    def _derived_at(self) -> dict[tuple[int, ...], tuple[DerivedRef, ...]]:
        places = {ref.index: None for ref in self.derived.values()}
        return {place: tuple(ref for ref in self.derived.values() if ref.index == place) for place in places}

    @cached_property
    def _answers(self) -> dict[str, tuple[Ref, ...]]:
        names = {ref.point.answer for ref in self if ref.point.answer is not None}
        return {name: tuple(ref for ref in self if ref.point.answer == name) for name in names}

    @cached_property
    def _places(self) -> dict[tuple[str | int, ...], tuple[Ref, ...]]:
        found: dict[tuple[str | int, ...], list[Ref]] = {}
        for ref in self:
            found.setdefault((ref.group.key, *ref.index), []).append(ref)
        return {place: tuple(refs) for place, refs in found.items()}

    @cached_property
    def _of_part(self) -> dict[tuple[Part, tuple[int, ...] | None], tuple[Ref, ...]]:
        found: dict[tuple[Part, tuple[int, ...] | None], list[Ref]] = {}
        for ref in self:
            if ref.point.part is not None:
                for index in (None, ref.index):
                    found.setdefault((ref.point.part, index), []).append(ref)
        return {place: tuple(refs) for place, refs in found.items()}


def setpoint_limits(mode: Value) -> Limits:
    """Return the range to which the base clamps setpoints in a global mode; the widest while it is not known."""
    return SETPOINT_BY_MODE[GlobalMode(int(mode))] if mode else SETPOINT_AUTO


def _expanded(groups: tuple[Group, ...]) -> Iterator[Ref]:
    for group in groups:
        for index in product(*(axis.indices for axis in group.axes)):
            for point in group.points:
                yield Ref(
                    id=f"{group.place(*index)}.{point.key}",
                    address=group.address(*index) + point.offset,
                    group=group,
                    index=index,
                    point=point,
                )
