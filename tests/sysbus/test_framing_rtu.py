"""RTU framing by the measured rules: any split, any garbage, the shortest reading, bounded memory."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.facts.status import BusCounters
from neasmart.sysbus.framing.crc import crc16, with_crc
from neasmart.sysbus.framing.rtu import WINDOW, Frame, FrameKind, RtuFramer
from tests.support.bus import (
    BROADCAST_HUMIDITY,
    BROADCAST_TEMPERATURE,
    FOREIGN_POLL,
    NO_DATA_240,
    POLL_240,
    POLL_241,
    SAMPLES,
    STATE_AND_SETPOINT_240,
    WRITE_240,
    WRITE_240_REPLY,
    rtu,
)

OURS = (240, 241)
READ, WRITE, RESPONSE = FrameKind.READ_REQUEST, FrameKind.WRITE_REQUEST, FrameKind.RESPONSE

FOREIGN_REPLY = rtu("10 03 04 00 01 0C 33")
pieces = st.one_of(
    st.sampled_from((*SAMPLES, FOREIGN_REPLY, WRITE_240_REPLY, STATE_AND_SETPOINT_240)),
    st.sampled_from((b"\0", b"\xf0", b"\xf0\x03", b"\x00\x10", POLL_240[:-1], BROADCAST_TEMPERATURE[:7])),
    st.binary(max_size=12),
)
streams = st.lists(pieces, max_size=12).map(b"".join)


def cut(stream: bytes, at: list[int]) -> list[bytes]:
    places = [0, *sorted(place % (len(stream) + 1) for place in at), len(stream)]
    return [stream[start:end] for start, end in pairwise(places)]


def raw(frames: list[Frame]) -> list[bytes]:
    return [frame.raw for frame in frames]


def framed(stream: bytes, counters: BusCounters | None = None) -> list[Frame]:
    return RtuFramer(OURS, counters).feed(stream, 0.0)


def test_a_poll_that_comes_alone_behind_a_stray_byte_leaves_nothing_behind() -> None:
    counters = BusCounters()
    framer = RtuFramer(OURS, counters)

    assert framer.feed(b"\xf0", 0.0) == []
    assert raw(framer.feed(POLL_240, 0.1)) == [POLL_240]
    assert (framer.held, counters.noise_bytes) == (0, 1)


def test_a_reply_without_a_register_is_none() -> None:
    counters = BusCounters()

    assert raw(framed(rtu("10 03 00") + POLL_240, counters)) == [POLL_240]
    assert counters.noise_bytes == 5


@given(st.binary(max_size=300))
def test_the_checksum_is_that_of_pymodbus(content: bytes) -> None:
    assert with_crc(content) == rtu(content.hex())
    assert crc16(with_crc(content)) == 0


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.hex(" "))
def test_each_sample_frame_is_found_alone(sample: bytes) -> None:
    (frame,) = framed(sample)

    assert frame.raw == sample
    assert frame.unit_id == sample[0]
    assert frame.pdu == sample[1:-2]
    assert frame.kind is (READ if sample[1] == 3 else WRITE)


def test_several_frames_are_cut_out_of_one_read() -> None:
    assert raw(framed(b"".join(SAMPLES) * 2)) == [*SAMPLES, *SAMPLES]


@given(streams, st.lists(st.integers(min_value=0), max_size=20))
def test_any_split_gives_the_same_frames(stream: bytes, at: list[int]) -> None:
    framer = RtuFramer(OURS)

    frames = [frame for chunk in cut(stream, at) for frame in framer.feed(chunk, 0.0)]

    assert frames == framed(stream)


@given(streams)
def test_byte_by_byte_gives_the_same_frames(stream: bytes) -> None:
    framer = RtuFramer(OURS)

    frames = [frame for byte in stream for frame in framer.feed(bytes((byte,)), 0.0)]

    assert raw(frames) == raw(framed(stream))


@given(st.sampled_from(OURS), st.binary(min_size=4, max_size=4), streams)
def test_a_poll_that_comes_alone_is_the_frame_that_the_search_finds(unit_id: int, rest: bytes, after: bytes) -> None:
    # 02 where the address begins could be the byte count of a shorter frame.
    for payload in (rest, b"\x02" + rest[1:]):
        chunk = with_crc(bytes((unit_id, 3)) + payload)
        alone, split = BusCounters(), BusCounters()
        whole, bytewise = RtuFramer(OURS, alone), RtuFramer(OURS, split)

        at_once = whole.feed(chunk, 0.0) + whole.feed(after, 0.0)
        found = [frame for byte in chunk + after for frame in bytewise.feed(bytes((byte,)), 0.0)]

        assert at_once == found
        assert (alone.crc_errors, whole.held) == (split.crc_errors, bytewise.held)


@given(st.binary(max_size=600))
def test_a_poll_is_found_behind_garbage_that_is_no_frame(garbage: bytes) -> None:
    # A frame that begins in the garbage and ends in the poll would rightly come first; see the next test for it.
    before = framed(garbage + POLL_240[:-1])

    found = framed(garbage + POLL_240)

    assert raw(found) == [*raw(before), POLL_240]


def test_the_frame_that_ends_first_wins() -> None:
    # Without its own end, a poll whose tail completes an earlier frame belongs to that frame.
    longer = rtu("F0 10 00 65 00 04 08 F0 03 00 64 00 02 90 F5")

    assert raw(framed(longer)) == [POLL_240]


def test_an_incomplete_candidate_does_not_block() -> None:
    claims_247_bytes = bytes.fromhex("F0 10 00 64 00 77 EE")

    assert raw(framed(claims_247_bytes + POLL_240)) == [POLL_240]


def test_the_shortest_valid_reading_wins() -> None:
    # A frame followed by 00 has a valid checksum too; the 00 begins the next broadcast.
    assert raw(framed(FOREIGN_REPLY + BROADCAST_TEMPERATURE)) == [FOREIGN_REPLY, BROADCAST_TEMPERATURE]
    assert raw(framed(POLL_240 + BROADCAST_HUMIDITY)) == [POLL_240, BROADCAST_HUMIDITY]


def test_foreign_requests_and_replies_are_stepped_over_whole() -> None:
    stream = FOREIGN_POLL + FOREIGN_REPLY + rtu("10 10 00 64 00 02") + rtu("10 83 02") + POLL_241

    kinds = [(frame.unit_id, frame.kind) for frame in framed(stream)]

    assert kinds == [(16, READ), (16, RESPONSE), (16, RESPONSE), (16, RESPONSE), (241, READ)]


@pytest.mark.parametrize("refusal", ["10 83 02", "10 86 02", "10 90 02", "F0 83 03", "F0 86 02", "F0 90 03"])
def test_a_refusal_is_stepped_over_where_a_frame_begins(refusal: str) -> None:
    counters = BusCounters()

    frames = framed(POLL_240 + rtu(refusal) + POLL_241, counters)

    assert [(frame.unit_id, frame.kind) for frame in frames][1:] == [(int(refusal[:2], 16), RESPONSE), (241, READ)]
    assert counters.noise_bytes == 0


def test_a_write_that_comes_alone_is_no_poll_whatever_its_address() -> None:
    (frame,) = framed(rtu("F0 06 03 00 00 01"))

    assert frame.kind is WRITE


def test_the_shortest_reply_is_taken_with_its_last_byte() -> None:
    reply = rtu("10 03 02 00 01")

    assert raw(framed(reply)) == [reply]


def test_a_payload_that_holds_a_poll_of_ours_is_not_torn_from_a_foreign_reply() -> None:
    # Not decidable byte by byte: the inner frame ends first. The station drops the reply because a frame follows.
    inner = FOREIGN_REPLY[:3] + POLL_240
    assert raw(framed(inner)) == [POLL_240]


@pytest.mark.parametrize(
    "strange",
    [
        rtu("F0 03 1B 58 00 01"),  # address 7000
        rtu("F0 03 00 64 00 00"),  # nothing
        rtu("F0 03 00 64 00 7E"),  # 126 registers
        rtu("F0 06 FF FF 00 01"),  # address 65535
    ],
)
def test_a_request_for_us_outside_the_limits_counts_only_where_a_frame_begins(strange: bytes) -> None:
    kind = READ if strange[1] == 3 else WRITE
    assert [(frame.raw, frame.kind) for frame in framed(strange)] == [(strange, kind)]
    assert raw(framed(POLL_240 + strange)) == [POLL_240, strange]
    assert raw(framed(b"\x55" + strange)) == []


@pytest.mark.parametrize(
    "strange",
    [
        rtu("10 03 1B 58 00 01"),
        rtu("F0 10 1B 58 00 01 02 00 00"),
        rtu("F0 10 00 64 00 02 02 00 00"),
        rtu("F0 10 00 64 00 00 00"),
        rtu("10 03 03 00 00 00"),
        rtu("F0 04 00 64 00 02"),
        rtu("F0 83 02")[:4],
    ],
)
def test_what_is_not_consistent_is_noise(strange: bytes) -> None:
    assert raw(framed(strange + POLL_240)) == [POLL_240]


def test_a_split_frame_is_waited_for_but_not_for_ever() -> None:
    counters = BusCounters()
    framer = RtuFramer(OURS, counters)

    assert framer.feed(POLL_240[:5], 0.0) == []
    assert raw(framer.feed(POLL_240[5:], 0.9)) == [POLL_240]
    framer.feed(POLL_240[:5], 2.0)
    assert framer.feed(POLL_240[5:], 3.1) == []
    assert counters.stale_bytes == 5
    assert framer.held == 3


def test_noise_is_counted_when_it_is_known_to_be_noise() -> None:
    counters = BusCounters()

    framed(b"\x55" * 10 + POLL_240 + b"\xaa" * (WINDOW + 7), counters)

    assert counters.noise_bytes == 17


@pytest.mark.parametrize("sample", [POLL_240, BROADCAST_TEMPERATURE, WRITE_240])
def test_a_damaged_request_for_us_is_a_checksum_error_once(sample: bytes) -> None:
    counters = BusCounters()
    damaged = sample[:-1] + bytes((sample[-1] ^ 0xFF,))

    (frame,) = framed(damaged + POLL_241, counters)

    assert counters.crc_errors == 1
    assert frame.after_damage


def test_a_candidate_inside_a_valid_frame_is_no_checksum_error() -> None:
    counters = BusCounters()

    frames = framed(rtu("00 10 00 64 00 06 0C F0 03 00 64 00 02 11 22 F0 06 00 01") + POLL_241, counters)

    assert counters.crc_errors == 0
    assert [frame.after_damage for frame in frames] == [False, False]


def test_a_damaged_foreign_frame_is_only_noise() -> None:
    counters = BusCounters()

    framed(FOREIGN_POLL[:-1] + b"\x00" + POLL_240, counters)

    assert (counters.crc_errors, counters.noise_bytes) == (0, 8)


@given(st.lists(st.binary(max_size=400), max_size=8))
def test_any_bytes_do_no_harm_and_memory_is_bounded(chunks: list[bytes]) -> None:
    counters = BusCounters()
    framer = RtuFramer(OURS, counters)

    frames = []
    for chunk in chunks:
        frames += framer.feed(chunk, 0.0)
        assert framer.held <= WINDOW

    accounted = sum(len(frame.raw) for frame in frames) + counters.noise_bytes + framer.held
    assert accounted == sum(map(len, chunks))
    assert all(crc16(frame.raw) == 0 for frame in frames)


def test_a_start_is_looked_at_once_however_slowly_the_rest_comes() -> None:
    framer = RtuFramer(OURS)

    for byte in FOREIGN_POLL[:1] + b"\x10\x00\x64\x00\x20\x40" + bytes(60):
        framer.feed(bytes((byte,)), 0.0)

    assert len(framer._candidates) == len(set(framer._candidates)) > 0


def test_a_flood_that_looks_like_headers_keeps_memory_bounded() -> None:
    framer = RtuFramer(OURS)

    framer.feed(b"\xf0\x03" * 20_000, 0.0)

    assert framer.held <= WINDOW
    assert len(framer._candidates) <= 3 * WINDOW
    assert len(framer._broken) <= 3 * WINDOW


def test_a_reply_of_one_register_and_the_zero_behind_it_are_no_poll() -> None:
    reply = rtu("F0 03 02 00 00")
    framer = RtuFramer(OURS)

    # With the zero it has a right checksum as well, and the length of a poll.
    (frame,) = framer.feed(reply + b"\0", 0.0)

    assert (frame.raw, frame.kind, framer.held) == (reply, RESPONSE, 1)


def test_a_poll_of_another_unit_is_no_poll_of_the_unit_that_its_function_code_names() -> None:
    (frame,) = RtuFramer((3, 240)).feed(FOREIGN_POLL, 0.0)

    assert frame.unit_id == 16


@pytest.mark.parametrize("refusal", ["10 83 02", "F0 86 02", "F0 90 03"])
def test_a_refusal_alone_is_taken_with_its_last_byte(refusal: str) -> None:
    assert raw(framed(rtu(refusal))) == [rtu(refusal)]


@pytest.mark.parametrize(
    "inside",
    [
        "10 03 00 64 00 01",
        "10 03 00 64 00 7D",  # 125 registers
        "10 03 1B 57 00 01",  # address 6999
        "10 03 FA" + "00" * 250,
        "10 06 1B 57 00 01",
        "10 10 00 64 00 01",
        "10 10 00 64 00 7B",  # 123 registers
        "10 10 00 64 00 7B F6" + "00" * 246,
        "10 10 1B 57 00 01 02 00 00",
    ],
)
def test_the_limits_themselves_are_believed_anywhere(inside: str) -> None:
    assert raw(framed(b"\x55" + rtu(inside))) == [rtu(inside)]


@pytest.mark.parametrize(
    "outside",
    [
        "10 03 00 64 00 00",
        "10 03 00 64 00 7E",
        "10 03 00 64 01 01",
        "10 03 1B 58 00 01",
        "10 03 FC" + "00" * 252,
        "10 06 1B 58 00 01",
        "10 10 00 64 00 00",
        "10 10 00 64 00 7C",
        "10 10 00 64 01 01",
        "10 10 1B 58 00 01",
    ],
)
def test_beyond_the_limits_nothing_of_another_unit_is_believed(outside: str) -> None:
    assert raw(framed(rtu(outside))) == []


def test_of_noise_so_much_is_held_as_a_frame_can_be_long() -> None:
    framer = RtuFramer(OURS)

    framer.feed(b"\x55" * 256, 0.0)
    assert framer.held == 256
    framer.feed(b"\x55", 0.0)
    assert framer.held == 256


def test_a_pause_of_just_one_second_ends_no_frame() -> None:
    framer = RtuFramer(OURS)
    framer.feed(POLL_240[:5], 0.0)

    assert raw(framer.feed(POLL_240[5:], 1.0)) == [POLL_240]


@pytest.mark.parametrize(
    "reply",
    [
        b"\x55" + NO_DATA_240,  # where a frame begins it could be a request
        WRITE_240_REPLY,
    ],
)
def test_a_damaged_reply_of_ours_is_no_lost_request(reply: bytes) -> None:
    counters = BusCounters()

    (frame,) = framed(reply[:-1] + bytes((reply[-1] ^ 0xFF,)) + POLL_241, counters)

    assert (counters.crc_errors, frame.after_damage) == (0, False)


def test_each_damaged_request_counts_and_the_next_frame_alone_tells_it() -> None:
    counters = BusCounters()
    damaged = POLL_240[:-1] + b"\0"

    frames = framed(damaged + damaged + POLL_241 + FOREIGN_POLL + POLL_241, counters)

    assert counters.crc_errors == 2
    assert [frame.after_damage for frame in frames] == [True, False, False]


def test_a_request_lost_before_a_silence_is_told_with_the_next_poll_alone() -> None:
    framer = RtuFramer(OURS)
    framer.feed(POLL_240[:-1] + b"\0", 0.0)

    frames = framer.feed(POLL_241, 2.0) + framer.feed(POLL_241, 2.1)

    assert [frame.after_damage for frame in frames] == [True, False]


def test_a_request_lost_in_noise_counts_once_while_the_noise_goes_on() -> None:
    counters = BusCounters()
    framer = RtuFramer(OURS, counters)
    framer.feed(POLL_240[:-1] + b"\0", 0.0)

    counted = []
    for noise in (255, 1, 1, 300):
        framer.feed(b"\x55" * noise, 0.0)
        counted.append(counters.crc_errors)

    assert counted == [0, 1, 1, 1]


def test_what_seemed_to_begin_inside_a_frame_does_not_keep_the_next_one() -> None:
    write = rtu("F0 06 00 64 03 02")  # 64 03 02 could begin a reply that ends in the poll

    assert raw(framed(write + POLL_240)) == [write, POLL_240]


def test_where_a_frame_begins_is_looked_at_once() -> None:
    framer = RtuFramer(OURS)

    for byte in rtu("F0 03 1B 58 00 01")[:7]:
        framer.feed(bytes((byte,)), 0.0)

    assert len(framer._candidates) == 1
