from __future__ import annotations

from typing import Any

import pytest
from pymodbus.framer import FramerRTU

from neasmart.simulator.bus.noise import (
    ALL_NOISE,
    FOREIGN_UNIT,
    NOISE_TRANSACTIONS,
    UNKNOWN_FUNCTIONS,
    Noise,
    NoiseKind,
    NoisePlan,
    hidden_frames,
)
from neasmart.simulator.bus.walk import Read
from neasmart.simulator.bus.wire import MbapWire, RtuWire, Wire, has_valid_crc, read_request, write_request

UNITS = (240, 241)
SAMPLES = 400


def rtu_noise(plan: NoisePlan = ALL_NOISE) -> Noise:
    return Noise(plan, RtuWire(), UNITS, seed=4)


def mbap_noise(plan: NoisePlan = ALL_NOISE) -> Noise:
    return Noise(plan, MbapWire(), UNITS, seed=4)


def test_a_request_for_us_is_found_at_any_offset() -> None:
    poll = RtuWire().frame(read_request(Read(unit_id=240, address=100, count=2)), 240)
    write = RtuWire().frame(write_request(100, [1, 2], 16), 0)

    assert hidden_frames(b"\x01\x02" + poll + b"\x03" + write, (0, 240)) == [poll, write]
    assert hidden_frames(poll, (0, 241)) == []


@pytest.mark.parametrize("kind", rtu_noise().kinds, ids=str)
def test_rtu_noise_hides_no_frame_for_us_even_when_a_broadcast_follows(kind: NoiseKind) -> None:
    noise = rtu_noise()
    broadcast = RtuWire().frame(write_request(102, [0x0C1A], 16), 0)

    for _ in range(SAMPLES):
        raw = b"".join(noise.frames(kind)) + broadcast
        assert hidden_frames(raw, (0, *UNITS)) == [broadcast]


def test_a_frame_cut_by_one_byte_before_a_zero_is_valid_again_and_therefore_counts_as_hidden() -> None:
    cut = RtuWire().frame(read_request(Read(unit_id=240, address=102, count=79))[:-1], 240)

    assert hidden_frames(cut + b"\x00", UNITS) == [cut + b"\x00"]


def test_foreign_frames_are_a_request_of_unit_16_and_its_answer() -> None:
    for wire in (RtuWire(), MbapWire()):
        noise = Noise(ALL_NOISE, wire, UNITS, seed=1)
        for _ in range(SAMPLES):
            request, response = (list(wire.parse(bytearray(raw))) for raw in noise.frames(NoiseKind.FOREIGN))
            assert response
            assert all(item.unit_id == FOREIGN_UNIT for item in response if not hasattr(item, "why"))
            assert not request or not hasattr(request[0], "why")


def test_foreign_rtu_frames_have_valid_checksums() -> None:
    noise = rtu_noise()

    for _ in range(SAMPLES):
        assert all(has_valid_crc(raw) and raw[0] == FOREIGN_UNIT for raw in noise.frames(NoiseKind.FOREIGN))


def test_damaged_frames_have_a_wrong_checksum() -> None:
    noise = rtu_noise()

    assert not any(has_valid_crc(noise.frames(NoiseKind.BAD_CRC)[0]) for _ in range(SAMPLES))


def test_unknown_functions_are_well_formed_and_address_everybody() -> None:
    noise = rtu_noise()
    frames = [noise.frames(NoiseKind.UNKNOWN_FUNCTION)[0] for _ in range(SAMPLES)]

    assert all(has_valid_crc(raw) for raw in frames)
    assert {raw[1] for raw in frames} == set(UNKNOWN_FUNCTIONS)
    assert not {3, 6, 16} & set(UNKNOWN_FUNCTIONS)
    assert {raw[0] for raw in frames} == {0, FOREIGN_UNIT, *UNITS}


def test_truncated_frames_are_too_short_for_their_function_and_have_a_valid_checksum() -> None:
    noise = rtu_noise()
    frames = [noise.frames(NoiseKind.TRUNCATED)[0] for _ in range(SAMPLES)]

    assert all(has_valid_crc(raw) for raw in frames)
    assert {raw[1] for raw in frames} == {3, 16}
    assert all(len(raw) < (8 if raw[1] == 3 else 13) for raw in frames)


def test_truncated_modbus_tcp_requests_have_a_true_length() -> None:
    noise = mbap_noise()

    for _ in range(SAMPLES):
        raw = noise.frames(NoiseKind.TRUNCATED)[0]
        assert int.from_bytes(raw[4:6], "big") == len(raw) - 6
        assert len(raw) - 7 < (5 if raw[7] == 3 else 10)


def test_vendor_bytes_are_no_modbus_frame() -> None:
    noise = rtu_noise()

    for _ in range(SAMPLES):
        (raw,) = noise.frames(NoiseKind.VENDOR)
        assert FramerRTU.compute_CRC(raw[:-2]) != int.from_bytes(raw[-2:], "big")


def test_vendor_frames_on_modbus_tcp_have_a_header_and_a_function_of_their_own() -> None:
    noise = mbap_noise()

    assert all(noise.frames(NoiseKind.VENDOR)[0][7] >= 0x41 for _ in range(SAMPLES))


def test_the_protocol_id_is_never_zero() -> None:
    noise = mbap_noise()

    assert all(noise.frames(NoiseKind.PROTOCOL_ID)[0][2:4] != b"\0\0" for _ in range(SAMPLES))


def test_noise_on_modbus_tcp_uses_no_transaction_number_of_a_poll() -> None:
    noise = mbap_noise()

    for kind in noise.kinds:
        for _ in range(50):
            for raw in noise.frames(kind):
                assert int.from_bytes(raw[:2], "big") in NOISE_TRANSACTIONS


@pytest.mark.parametrize("wire", [RtuWire(), MbapWire()], ids=["rtu", "mbap"])
def test_each_kind_comes_as_often_as_planned_and_alone_if_it_is_alone(wire: Wire) -> None:
    kinds = Noise(ALL_NOISE, wire, UNITS).kinds
    for kind in kinds:
        if kind is NoiseKind.PROTOCOL_ID:
            continue
        wanted: dict[str, Any] = {kind.value: 0.5}
        plan = NoisePlan(**wanted)
        noise = Noise(plan, wire, UNITS, seed=2)
        drawn = [found for _ in range(SAMPLES) for found, _ in noise.before_step()]
        assert set(drawn) == {kind}
        assert 0.4 * SAMPLES < len(drawn) < 0.6 * SAMPLES


def test_without_a_plan_there_is_no_noise() -> None:
    noise = mbap_noise(NoisePlan())

    assert not any(noise.before_step() or noise.wants_protocol_id() or noise.burst() for _ in range(SAMPLES))
    assert noise.segment_length() == 1
    assert list(noise.pieces(b"abc")) == [b"abc"]


def test_splits_cut_at_every_byte_and_lose_none() -> None:
    noise = rtu_noise(NoisePlan(splits=True))
    segment = bytes(range(13))
    cuts = set()
    bytewise = 0
    for _ in range(200):
        pieces = list(noise.pieces(segment))
        assert b"".join(pieces) == segment
        if len(pieces) == 2:
            cuts.add(len(pieces[0]))
        bytewise += len(pieces) == len(segment)

    assert cuts == set(range(1, 13))
    assert bytewise


def test_segments_have_up_to_twenty_frames() -> None:
    noise = rtu_noise()

    assert {noise.segment_length() for _ in range(SAMPLES)} == set(range(1, 21))
    assert {noise.burst() for _ in range(SAMPLES)} == {0, 20}
