from __future__ import annotations

import random

import pytest

from neasmart.simulator.bus.damage import BadWire, Hit, damaged
from neasmart.simulator.bus.wire import MbapWire, RtuWire, has_valid_crc, write_request

FRAME = RtuWire().frame(write_request(100, [1, 0x0C33], 16), 0)
SAMPLES = 2000


@pytest.mark.parametrize("hit", [Hit.BYTE_LOST, Hit.FLIPPED, Hit.CUT], ids=str)
def test_any_byte_can_be_the_one(hit: Hit) -> None:
    chance = random.Random(1)
    first_difference = set()
    for _ in range(SAMPLES):
        arrived = damaged(FRAME, hit, chance)
        assert arrived != FRAME
        first_difference.add(next((n for n, byte in enumerate(arrived) if byte != FRAME[n]), len(arrived)))

    assert first_difference >= set(range(len(FRAME) - 1))


def test_what_arrives_is_no_valid_frame() -> None:
    wire = BadWire(1.0, (240, 241), whole_frames=False, seed=3)
    hits = set()
    for _ in range(SAMPLES):
        arrived, hit = wire.carried(FRAME)
        assert hit is not None
        assert len(arrived) < 4 or not has_valid_crc(arrived)
        hits.add(hit)

    assert hits == set(Hit)


def test_an_adapter_for_modbus_tcp_passes_whole_frames_or_none() -> None:
    frame = MbapWire().frame(write_request(100, [1, 0x0C33], 16), 0, 7)
    wire = BadWire(0.5, (240, 241), whole_frames=True, seed=3)

    arrived = [wire.carried(frame) for _ in range(SAMPLES)]

    assert set(arrived) == {(frame, None), (b"", Hit.FRAME_LOST)}
    assert 0.4 * SAMPLES < arrived.count((frame, None)) < 0.6 * SAMPLES


def test_a_good_wire_carries_everything() -> None:
    wire = BadWire(0.0, (240, 241), whole_frames=False)

    assert all(wire.carried(FRAME) == (FRAME, None) for _ in range(SAMPLES))


def test_a_lost_byte_is_not_replaced_by_the_unit_id_that_follows() -> None:
    frame = bytes.fromhex("00 10 06 A4 00 02 04 00 01 0C E2 03 F1")
    wire = BadWire(1.0, (240, 241), whole_frames=False, seed=3)

    arrived = {wire.carried(frame)[0] for _ in range(SAMPLES)}

    assert frame[:-1] not in arrived
    assert frame[:-2] in arrived
