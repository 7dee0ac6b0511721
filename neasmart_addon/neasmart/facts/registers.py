"""What follows from the rows of a table: registers with their address and id, derived values with their sources.

REST, the panel, MQTT, metrics, documentation and the simulator are projections of the one table in `points`; an address
or a range that stands anywhere else is a defect. Addresses are 0-based as on the wire ("register 100" is 0x0064).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, product
from types import MappingProxyType

from neasmart.facts.codecs import Decoded
from neasmart.facts.errors import UnknownPointError
from neasmart.facts.network import API
from neasmart.facts.rows import Derived, Group, Part, Point

ADDRESS_LIMIT = 7000
"""Addresses from here on are never used on this bus; a frame that names one is noise."""


_RELATED: Mapping[Part | None, tuple[Part, ...]] = MappingProxyType(
    {
        Part.ROOM: (Part.HOUSE,),
        Part.TARGET: (Part.ROOM, Part.HOUSE, Part.SEASON),
    },
)
"""The parts whose change makes the base rewrite a part by itself: a state turns its setpoint, and so on."""


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
        return self.place(self.rooms.key, *index)

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
