from __future__ import annotations

from collections import Counter

import pytest

from neasmart.facts.codecs import WRITE_MULTIPLE, WRITE_SINGLE
from neasmart.facts.points import TABLE
from neasmart.simulator.bus.airtime import walk_s
from neasmart.simulator.bus.walk import Blocks, BlockShape, Read, Walk, WalkOrder, Write
from neasmart.simulator.bus.wire import RtuWire, read_request, read_response, write_request
from neasmart.simulator.home.base import BaseStation
from neasmart.simulator.home.house import DEMO, House

ADDRESSES = BaseStation(House(DEMO, seed=1)).addresses
COMMANDABLE = {address for address in ADDRESSES if TABLE.by_address[address].point.writable}
EVERY_BLOCKS = [
    *(Blocks(shape=shape, function_code=code) for shape in BlockShape for code in (WRITE_MULTIPLE, WRITE_SINGLE)),
    *(Blocks(shape=BlockShape.LENGTH, length=length) for length in (1, 2, 3, 7, 34)),
    *(Blocks(order=order) for order in WalkOrder),
]


@pytest.mark.parametrize("blocks", EVERY_BLOCKS, ids=str)
def test_every_round_polls_all_commands_from_both_ids_and_reports_everything(blocks: Blocks) -> None:
    walk = Walk(ADDRESSES, (240, 241), blocks, seed=2)

    for _ in range(5):
        steps = walk.steps()
        polled = Counter((s.unit_id, a) for s in steps if isinstance(s, Read) for a in s.addresses if a in COMMANDABLE)
        written = [address for step in steps if isinstance(step, Write) for address in step.addresses]
        assert set(polled) == {(unit_id, address) for unit_id in (240, 241) for address in COMMANDABLE}
        assert sorted(written) == ADDRESSES


@pytest.mark.parametrize("blocks", EVERY_BLOCKS, ids=str)
def test_no_block_is_longer_than_the_bus_allows(blocks: Blocks) -> None:
    steps = Walk(ADDRESSES, (240,), blocks, seed=2).steps()

    assert all(1 <= step.count <= 35 for step in steps)
    if blocks.function_code == 6:
        assert all(step.count == 1 for step in steps if isinstance(step, Write))


@pytest.mark.parametrize(
    ("blocks", "counts"),
    [
        (Blocks(shape=BlockShape.SINGLE), {1}),
        (Blocks(shape=BlockShape.PAIR), {2}),
        (Blocks(shape=BlockShape.ROOM), {11}),
        (Blocks(shape=BlockShape.LENGTH, length=5), {5}),
    ],
)
def test_the_shape_is_the_length_of_a_poll(blocks: Blocks, counts: set[int]) -> None:
    steps = Walk(ADDRESSES, (240,), blocks).steps()

    assert {step.count for step in steps if isinstance(step, Read)} == counts


def test_a_varied_walk_uses_many_lengths() -> None:
    walk = Walk(ADDRESSES, (240,), Blocks(shape=BlockShape.VARIED), seed=1)

    lengths = {step.count for _ in range(40) for step in walk.steps() if isinstance(step, Read)}

    assert len(lengths) > 20


def test_the_order_of_the_places_can_be_turned_and_shuffled() -> None:
    def order(blocks: Blocks) -> list[int]:
        walk = Walk(ADDRESSES, (240,), blocks, seed=1)
        return [step.address for step in walk.steps() if isinstance(step, Read)]

    ascending = order(Blocks())

    assert ascending == sorted(ascending)
    assert order(Blocks(order=WalkOrder.DESCENDING)) == ascending[::-1]
    assert order(Blocks(order=WalkOrder.SHUFFLED)) not in (ascending, ascending[::-1])
    assert sorted(order(Blocks(order=WalkOrder.SHUFFLED))) == ascending


def frame_lengths(steps: list[Read | Write], *, with_answers: bool) -> list[int]:
    """Return the lengths of the frames as pymodbus builds them."""
    wire = RtuWire()
    frames = []
    for step in steps:
        if isinstance(step, Write):
            frames.append(wire.frame(write_request(step.address, [0] * step.count, step.function_code), 0))
        else:
            frames.append(wire.frame(read_request(step), step.unit_id))
            if with_answers:
                frames.append(wire.frame(read_response([0] * step.count), step.unit_id))
    return [len(frame) for frame in frames]


@pytest.mark.parametrize("blocks", EVERY_BLOCKS[:4], ids=str)
def test_the_airtime_of_a_walk_is_that_of_its_frames_and_the_silence_between_them(blocks: Blocks) -> None:
    steps = Walk(ADDRESSES, (240, 241), blocks, seed=2).steps()
    lengths = frame_lengths(steps, with_answers=True)

    seconds = walk_s(steps, baudrate=38400, asked_by_every_poll=False)

    assert seconds == pytest.approx((sum(lengths) + 3.5 * len(lengths)) * 10 / 38400)


def test_a_poll_that_finds_no_data_costs_one_write_more() -> None:
    polls: list[Read | Write] = [Read(unit_id=unit, address=100, count=2) for unit in (240, 241)]
    extra = frame_lengths([Write(address=100, count=2, function_code=WRITE_MULTIPLE)], with_answers=False)[0] + 3.5

    before = walk_s(polls, baudrate=38400, asked_by_every_poll=False)
    after = walk_s(polls, baudrate=38400, asked_by_every_poll=True)

    assert after - before == pytest.approx(2 * extra * 10 / 38400)
    assert extra * 10 / 38400 == pytest.approx(0.0043, abs=0.0001)
