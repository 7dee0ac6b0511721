"""Modbus TCP framing: any split, several per segment, wrong headers, RTU bytes on the wrong port."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.status import BusCounters
from neasmart.sysbus.mbap import Adu, MbapFramer
from tests.support.bus import BROADCAST_TEMPERATURE, POLL_240, POLL_241, mbap, rtu

OURS = (240, 241)
POLL = mbap("F0 03 00 64 00 02", 7)
BROADCAST = mbap("00 10 00 66 00 01 02 0C 1A", 8)
WRITE = mbap("F0 06 00 64 00 03", 9)
VENDOR = mbap("F0 41 01 02 03", 10)
WRONG_PROTOCOL = b"\0\x01\0\x05" + POLL[4:]

pieces = st.one_of(
    st.sampled_from((POLL, BROADCAST, WRITE, VENDOR, WRONG_PROTOCOL, POLL[:5], b"\0\0\0\0\0\0", POLL_240)),
    st.binary(max_size=15),
)
streams = st.lists(pieces, max_size=12).map(b"".join)


def framed(stream: bytes, counters: BusCounters | None = None) -> list[Adu]:
    return MbapFramer(OURS, counters).feed(stream, 0.0)


def ids(adus: list[Adu]) -> list[int]:
    return [adu.transaction_id for adu in adus]


def test_one_request() -> None:
    assert framed(POLL) == [Adu(transaction_id=7, unit_id=240, pdu=POLL[7:])]


def test_a_reply_carries_the_transaction_and_the_unit_of_its_request() -> None:
    (adu,) = framed(POLL)

    assert adu.reply(bytes.fromhex("03 04 00 01 0C 33")) == bytes.fromhex("00 07 00 00 00 07 F0 03 04 00 01 0C 33")


def test_several_requests_of_one_segment_are_all_found() -> None:
    assert ids(framed(POLL + BROADCAST + WRITE + VENDOR + POLL)) == [7, 8, 9, 10, 7]


@given(streams, st.lists(st.integers(min_value=0), max_size=20))
def test_any_split_gives_the_same_requests(stream: bytes, at: list[int]) -> None:
    framer = MbapFramer(OURS)
    places = [0, *sorted(place % (len(stream) + 1) for place in at), len(stream)]

    adus = [adu for start, end in pairwise(places) for adu in framer.feed(stream[start:end], 0.0)]

    assert adus == framed(stream)


@given(streams)
def test_byte_by_byte_gives_the_same_requests(stream: bytes) -> None:
    framer = MbapFramer(OURS)

    assert [adu for byte in stream for adu in framer.feed(bytes((byte,)), 0.0)] == framed(stream)


@given(st.lists(st.integers(min_value=1, max_value=255), min_size=6, max_size=300).map(bytes))
def test_a_poll_is_found_behind_garbage_that_cannot_be_a_header(garbage: bytes) -> None:
    assert ids(framed(garbage + POLL)) == [7]


def test_only_the_request_with_the_wrong_protocol_is_lost() -> None:
    counters = BusCounters()

    assert ids(framed(WRITE + WRONG_PROTOCOL + BROADCAST, counters)) == [9, 8]
    assert counters.bad_headers == 1


@pytest.mark.parametrize("length", [0, 1, 255, 65535])
def test_a_wrong_length_is_slid_over(length: int) -> None:
    counters = BusCounters()
    bad = b"\0\x01\0\0" + length.to_bytes(2, "big") + b"\xf0\x03"

    assert ids(framed(bad + POLL, counters)) == [7]
    assert (counters.bad_headers, counters.noise_bytes) == (1, 8)


def test_out_of_step_only_consistent_requests_are_believed() -> None:
    lost = b"\xff" * 8
    inconsistent = mbap("F0 10 00 66 00 01 04 0C 1A")
    too_high = mbap("F0 03 1B 58 00 01")

    assert ids(framed(lost + VENDOR + inconsistent + too_high + POLL)) == [7]


def test_out_of_step_a_consistent_block_write_is_believed() -> None:
    write = mbap("F0 10 00 66 00 03 06 0C 1A 00 01 00 02", 11)

    assert framed(b"\xff" * 8 + write) == [Adu(transaction_id=11, unit_id=240, pdu=write[7:])]


@pytest.mark.parametrize(
    "inconsistent",
    [
        "F0 10 00 66 00 03 08 0C 1A 00 01 00 02",  # one word more than the byte count says
        "F0 10 00 66 00 02 06 0C 1A 00 01 00 02",  # another quantity
        "F0 10 00 66 00 03 06 0C 1A 00 01",  # a word less
        "F0 10 00 66 00 00 00",
        "F0 03 00 64 00 00",
        "F0 03 00 64 00 7E",
        "F0 03 1B 58 00 01",
        "F0 10 1B 58 00 01 02 00 01",
        "F0 06 00 64 00",
    ],
)
def test_out_of_step_what_contradicts_itself_is_not_believed(inconsistent: str) -> None:
    assert ids(framed(b"\xff" * 8 + mbap(inconsistent, 11) + POLL)) == [7]


@pytest.mark.parametrize("last", ["F0 03 00 64 00 7D", "F0 03 1B 57 00 01"])
def test_out_of_step_the_limits_themselves_are_believed(last: str) -> None:
    assert ids(framed(b"\xff" * 8 + mbap(last, 11))) == [11]


def test_the_longest_request_is_believed() -> None:
    assert ids(framed(mbap("F0 41" + "00" * 252, 11) + POLL)) == [11, 7]


def test_more_than_five_bad_headers_in_ten_seconds_are_hopeless() -> None:
    framer = MbapFramer(OURS)
    for at in range(5):
        framer.feed(WRONG_PROTOCOL, float(at))
    assert not framer.hopeless()

    framer.feed(WRONG_PROTOCOL, 5.0)

    assert framer.hopeless()


def test_bad_headers_now_and_then_are_forgiven() -> None:
    framer = MbapFramer(OURS)

    for at in range(20):
        framer.feed(WRONG_PROTOCOL, 3.0 * at)

    assert not framer.hopeless()


def test_endless_rubbish_is_hopeless() -> None:
    framer = MbapFramer(OURS)

    framer.feed(b"\xff" * 3000, 0.0)

    assert framer.hopeless()


def test_a_request_that_stays_incomplete_is_given_up() -> None:
    counters = BusCounters()
    framer = MbapFramer(OURS, counters)
    framer.feed(POLL[:9], 0.0)

    assert ids(framer.feed(BROADCAST, 11.0)) == [8]
    assert counters.stale_bytes == 9


@pytest.mark.parametrize("frame", [POLL_240, POLL_241, BROADCAST_TEMPERATURE])
def test_rtu_bytes_are_recognised_by_their_checksum(frame: bytes) -> None:
    counters = BusCounters()
    framer = MbapFramer(OURS, counters)

    assert framer.feed(frame, 0.0) == []

    assert framer.rtu_frames == counters.rtu_on_tcp == 1


def test_rtu_is_not_suspected_while_headers_are_right() -> None:
    counters = BusCounters()

    framed(mbap(rtu("F0 03 00 64 00 02").hex()) * 3, counters)

    assert counters.rtu_on_tcp == 0


@given(st.lists(st.binary(max_size=400), max_size=8))
def test_any_bytes_do_no_harm_and_memory_is_bounded(chunks: list[bytes]) -> None:
    framer = MbapFramer(OURS)

    for chunk in chunks:
        framer.feed(chunk, 0.0)
        assert framer.held <= 260
