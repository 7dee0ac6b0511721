"""Plans in which order and in which blocks a base station reads and writes its registers.

Nobody has published a capture of this bus, so block shape, order and function code are parameters.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from neasmart.facts.codecs import WRITE_MULTIPLE, WRITE_SINGLE, FunctionCode
from neasmart.facts.points import TABLE

LONGEST_BLOCK = 35
_ROOM_LENGTH = 1 + max(point.offset for point in TABLE.rooms.points)
"""From a room's first to its last register with a meaning, those without one included."""


class BlockShape(StrEnum):
    """How many registers one request covers; `LENGTH` takes a number from 1 to 35, `VARIED` changes all the time."""

    SINGLE = "single"
    PAIR = "pair"
    ROOM = "room"
    LENGTH = "length"
    VARIED = "varied"


class WalkOrder(StrEnum):
    """In which order a walk visits the globals and the rooms."""

    ASCENDING = "ascending"
    DESCENDING = "descending"
    SHUFFLED = "shuffled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """The shape of requests and the function code of writes."""

    shape: BlockShape = BlockShape.PAIR
    length: int = LONGEST_BLOCK
    function_code: FunctionCode = WRITE_MULTIPLE
    order: WalkOrder = WalkOrder.ASCENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One broadcast of a contiguous block."""

    address: int
    count: int
    function_code: FunctionCode

    @property
    def addresses(self) -> range:
        """The registers of the block."""
        return range(self.address, self.address + self.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One read of a contiguous block from one unit id."""

    unit_id: int
    address: int
    count: int

    @property
    def addresses(self) -> range:
        """The registers of the block."""
        return range(self.address, self.address + self.count)


Step = Write | Read


class Walk:
    """The steps of one round over the globals and all rooms."""

    def __init__(self, addresses: Sequence[int], unit_ids: Sequence[int], blocks: Blocks, *, seed: int = 0) -> None:
        """Plan for the registers of one house, `addresses`, polled under each of `unit_ids`."""
        self._unit_ids = tuple(unit_ids)
        self._blocks = blocks
        self._chance = random.Random(seed)  # noqa: S311 - an order of walking, not a secret
        places: dict[tuple[int, int] | None, list[int]] = {}
        for address in sorted(addresses):
            places.setdefault(TABLE.by_address[address].room, []).append(address)
        self._places = list(places.values())

    def steps(self) -> list[Step]:
        """Return the steps of the next round: every place is reported, then polled."""
        places = list(self._places)
        match self._blocks.order:
            case WalkOrder.DESCENDING:
                places.reverse()
            case WalkOrder.SHUFFLED:
                self._chance.shuffle(places)
            case _:
                pass
        steps: list[Step] = []
        for place in places:
            steps += self.writes(place)
            steps += self._polls(place)
        return steps

    def some_writes(self) -> list[Write]:
        """Return the broadcasts that report one place, picked by chance."""
        return self.writes(self._chance.choice(self._places))

    def writes(self, addresses: Sequence[int]) -> list[Write]:
        """Return the broadcasts that report these registers."""
        shape = self._shape()
        longest = 1 if self._blocks.function_code == WRITE_SINGLE else self._longest(shape)
        return [
            Write(address=first, count=count, function_code=self._blocks.function_code)
            for first, count in _runs(sorted(addresses), longest)
        ]

    def _polls(self, addresses: Sequence[int]) -> Iterator[Read]:
        commandable = [address for address in addresses if TABLE.by_address[address].point.writable]
        shape = self._shape()
        if shape in (BlockShape.SINGLE, BlockShape.PAIR):
            blocks = list(_runs(commandable, self._longest(shape)))
        else:
            blocks = [(commandable[0], max(self._longest(shape), commandable[-1] - commandable[0] + 1))]
            if self._longest(shape) == 1:
                blocks = list(_runs(commandable, 1))
        for first, count in blocks:
            for unit_id in self._unit_ids:
                yield Read(unit_id=unit_id, address=first, count=count)

    def _shape(self) -> BlockShape:
        if self._blocks.shape is not BlockShape.VARIED:
            return self._blocks.shape
        return self._chance.choice((BlockShape.SINGLE, BlockShape.PAIR, BlockShape.ROOM, BlockShape.LENGTH))

    def _longest(self, shape: BlockShape) -> int:
        match shape:
            case BlockShape.SINGLE:
                return 1
            case BlockShape.PAIR:
                return 2
            case BlockShape.ROOM:
                return _ROOM_LENGTH
            case _:
                varied = self._blocks.shape is BlockShape.VARIED
                return self._chance.randint(1, LONGEST_BLOCK) if varied else self._blocks.length


def _runs(addresses: Sequence[int], longest: int) -> Iterator[tuple[int, int]]:
    """Yield first register and length of contiguous runs, cut at `longest`."""
    first = count = 0
    for address in addresses:
        if count and address == first + count and count < longest:
            count += 1
            continue
        if count:
            yield first, count
        first, count = address, 1
    if count:
        yield first, count
