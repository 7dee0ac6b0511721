"""Modbus TCP framing: any split, several per segment, wrong headers, RTU bytes on the wrong port."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.facts.status import BusCounters
from neasmart.sysbus.framing.mbap import Adu, MbapFramer
from tests.support.bus import POLL_240, mbap, rtu

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
    return MbapFramer(counters).feed(stream, 0.0)


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
    framer = MbapFramer()
    places = [0, *sorted(place % (len(stream) + 1) for place in at), len(stream)]

    adus = [adu for start, end in pairwise(places) for adu in framer.feed(stream[start:end], 0.0)]

    assert adus == framed(stream)


@given(streams)
def test_byte_by_byte_gives_the_same_requests(stream: bytes) -> None:
    framer = MbapFramer()

    assert [adu for byte in stream for adu in framer.feed(bytes((byte,)), 0.0)] == framed(stream)


@given(st.lists(st.integers(min_value=1, max_value=255), min_size=6, max_size=300).map(bytes))
def test_a_poll_is_found_behind_garbage_that_cannot_be_a_header(garbage: bytes) -> None:
    assert ids(framed(garbage + POLL)) == [7]


@pytest.mark.parametrize(
    ("length", "possible"), [(1, False), (2, True), (254, True), (255, False), (256, False), (0x0102, False)]
)
def test_a_request_of_another_function_is_believed_as_long_as_one_can_be(length: int, possible: bool) -> None:
    request = b"\0\x0b\0\0" + length.to_bytes(2) + b"\xf0\x41" + b"\xaa" * (length - 2)

    assert ids(framed(request + b"\xff" * 300)) == [11] * possible


def test_another_function_under_a_wrong_protocol_id_is_no_request() -> None:
    assert framed(b"\0\x0b\0\1\0\4\xf0\x41\xaa\xaa") == []


def test_rubbish_between_good_requests_is_never_so_much_that_the_peer_is_given_up() -> None:
    counters = BusCounters()
    framer = MbapFramer(counters)

    for second in range(20):
        assert ids(framer.feed(b"\xff" * 200 + POLL, float(second))) == [7]

    # Each piece is out of step once, and none of them is as long as a request.
    assert counters.bad_headers == 20
    assert not framer.hopeless()


def test_a_good_request_within_a_possible_one_is_taken_and_what_is_before_it_is_noise() -> None:
    counters = BusCounters()

    assert ids(framed(WRITE + b"\0\x0b\0\0\0\x20\xf0\x41" + POLL, counters)) == [9, 7]
    assert (counters.noise_bytes, counters.bad_headers) == (8, 1)


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
        "F0 03 00 64 01 01",
        "F0 03 1B 58 00 01",
        "F0 10 1B 58 00 01 02 00 01",
        "F0 06 00 64 00",
    ],
)
def test_out_of_step_what_contradicts_itself_is_not_believed(inconsistent: str) -> None:
    assert ids(framed(b"\xff" * 8 + mbap(inconsistent, 11) + POLL)) == [7]


@pytest.mark.parametrize(
    "last",
    ["F0 03 00 64 00 7D", "F0 03 1B 57 00 01", "F0 06 1B 57 00 01", "F0 10 00 64 00 7B F6" + "00" * 246],
)
def test_out_of_step_the_limits_themselves_are_believed(last: str) -> None:
    assert ids(framed(b"\xff" * 8 + mbap(last, 11))) == [11]


def test_the_longest_request_is_believed() -> None:
    assert ids(framed(mbap("F0 41" + "00" * 252, 11) + POLL)) == [11, 7]


def test_more_than_five_bad_headers_in_ten_seconds_are_hopeless() -> None:
    framer = MbapFramer()
    for at in range(5):
        framer.feed(WRONG_PROTOCOL, float(at))
    assert not framer.hopeless()

    framer.feed(WRONG_PROTOCOL, 5.0)

    assert framer.hopeless()


def test_bad_headers_now_and_then_are_forgiven() -> None:
    framer = MbapFramer()

    for at in range(20):
        framer.feed(WRONG_PROTOCOL, 3.0 * at)

    assert not framer.hopeless()


def test_endless_rubbish_is_hopeless() -> None:
    framer = MbapFramer()

    framer.feed(b"\xff" * 3000, 0.0)

    assert framer.hopeless()


def test_a_request_that_stays_incomplete_is_given_up() -> None:
    counters = BusCounters()
    framer = MbapFramer(counters)
    framer.feed(POLL[:9], 0.0)

    assert ids(framer.feed(BROADCAST, 11.0)) == [8]
    assert counters.stale_bytes == 9


HEARTBEATS = {
    "text": b"www.usr.cn",
    "one byte": b"\xff",
    "zeros": b"\0\0\0\0",
    "one zero": b"\0",
    "six zeros": bytes(6),
    "registration": b"\x01\x02SN:0123456789\r\n",
}


@pytest.mark.parametrize("heartbeat", HEARTBEATS.values(), ids=HEARTBEATS.keys())
def test_a_heartbeat_before_a_request_costs_none_whatever_its_number(heartbeat: bytes) -> None:
    for number in (*range(300), 0x0300, 0x0600, 0x1000, 0xFFFF):
        assert ids(framed(heartbeat + mbap("F0 03 00 64 00 02", number) + BROADCAST)) == [number, 8]


@pytest.mark.parametrize("heartbeat", HEARTBEATS.values(), ids=HEARTBEATS.keys())
def test_a_heartbeat_each_second_between_good_requests_is_never_hopeless(heartbeat: bytes) -> None:
    framer = MbapFramer()
    for second in range(100):
        framer.feed(heartbeat, float(second))
        assert len(framer.feed(POLL, second + 0.1)) == 1
        assert not framer.hopeless()


def test_a_heartbeat_of_a_converter_whose_base_is_off_is_not_hopeless() -> None:
    framer = MbapFramer()
    for second in range(100):
        framer.feed(b"www.usr.cn", float(second))

    assert not framer.hopeless()


def test_a_good_request_within_a_possible_one_is_taken() -> None:
    longer = b"\0\1\0\0\0\x30\xf0\x41"

    assert ids(framed(longer + POLL + BROADCAST)) == [7, 8]


@pytest.mark.parametrize("protocol", [b"\0\5", b"\5\0", b"\5\5"])
def test_wrong_protocol_ids_are_counted_as_such_also_behind_noise(protocol: bytes) -> None:
    counters = BusCounters()

    assert framed(b"\xff" * 9 + (POLL[:2] + protocol + POLL[4:]) * 3, counters) == []

    assert counters.bad_protocol_ids == 3


@pytest.mark.parametrize("with_checksum", [True, False])
@pytest.mark.parametrize("request_hex", ["F0 03 00 64 00 02", "00 10 00 66 00 01 02 0C 1A", "F0 06 00 64 00 03"])
def test_a_length_that_counts_a_checksum_is_counted_as_such(request_hex: str, *, with_checksum: bool) -> None:
    counters = BusCounters()
    frame = rtu(request_hex)
    header = b"\0\1\0\0" + len(frame).to_bytes(2, "big")

    adus = framed((header + (frame if with_checksum else frame[:-2])) * 4 + POLL, counters)

    assert ids(adus) == [7]
    assert counters.bad_lengths == 4


@given(st.lists(st.binary(max_size=400), max_size=8))
def test_any_bytes_do_no_harm_and_memory_is_bounded(chunks: list[bytes]) -> None:
    framer = MbapFramer()

    for chunk in chunks:
        framer.feed(chunk, 0.0)
        assert framer.held <= 260


def test_a_poll_behind_a_stray_byte_leaves_nothing_behind() -> None:
    counters = BusCounters()
    framer = MbapFramer(counters)
    framer.feed(b"\0", 0.0)

    assert ids(framer.feed(POLL, 0.1)) == [7]
    assert (framer.held, framer.good, counters.noise_bytes) == (0, 1, 1)


def test_a_poll_and_the_first_byte_of_the_next_request() -> None:
    framer = MbapFramer()

    assert framer.feed(POLL + b"\0", 0.0) == framed(POLL)
    assert framer.held == 1


@pytest.mark.parametrize(
    "request_hex",
    ["F0 41", "F0 06 00 64", "F0 03 00 64 00", "F0 10 00 64 00 00 00", "F0 06 00 64 00 03", "F0 01 00", "F0 7F 00"],
)
def test_the_last_byte_of_a_request_completes_it(request_hex: str) -> None:
    assert ids(framed(mbap(request_hex, 11))) == [11]


@pytest.mark.parametrize("function", ["00", "80", "83"])
def test_what_is_no_function_of_a_request_is_none(function: str) -> None:
    assert ids(framed(mbap(f"F0 {function} 00 64 00 02"))) == []


@pytest.mark.parametrize(
    ("request_hex", "good"),
    [("F0 03 00 64 00 02", 1), ("F0 03 00 64 00 00", 0), ("F0 03 1B 58 00 01", 0), ("F0 04 03 00 00 02", 0)],
)
def test_only_consistent_requests_count_as_good(request_hex: str, good: int) -> None:
    framer = MbapFramer()

    assert ids(framer.feed(mbap(request_hex, 11), 0.0)) == [11]
    assert (framer.good, framer.lost) == (good, 0)


def test_a_good_poll_brings_a_stream_into_step() -> None:
    framer = MbapFramer(in_step=False)

    # A silence behind a whole request changes nothing.
    chunks = ((VENDOR, 0.0), (POLL, 20.0), (VENDOR, 20.1), (VENDOR, 40.0))
    assert [ids(framer.feed(chunk, now)) for chunk, now in chunks] == [[], [7], [10], [10]]


@pytest.mark.parametrize("in_step", [True, False])
def test_a_long_silence_brings_a_stream_to_where_it_began(*, in_step: bool) -> None:
    counters = BusCounters()
    framer = MbapFramer(counters, in_step=in_step)
    framer.feed(b"\xff" * 20, 0.0)

    assert ids(framer.feed(VENDOR, 10.5)) == [10] * in_step
    assert counters.stale_bytes == 7


def test_a_pause_of_just_ten_seconds_ends_no_request() -> None:
    framer = MbapFramer()
    framer.feed(POLL[:9], 0.0)

    assert ids(framer.feed(POLL[9:], 10.0)) == [7]


@pytest.mark.parametrize(("apart_s", "hopeless"), [(2.0, True), (2.1, False)])
def test_six_bad_headers_count_if_they_come_within_ten_seconds(apart_s: float, hopeless: bool) -> None:
    framer = MbapFramer()
    framer.feed(WRONG_PROTOCOL, 0.0)

    for number in range(6):
        framer.feed(WRONG_PROTOCOL, 100.0 + apart_s * number)

    assert framer.hopeless() == hopeless


def test_a_good_request_forgives_the_bad_headers_before_it() -> None:
    framer = MbapFramer()

    framer.feed(WRONG_PROTOCOL * 5 + POLL + WRONG_PROTOCOL, 0.0)

    assert not framer.hopeless()


@pytest.mark.parametrize(("length", "bad_headers"), [(266, 1), (267, 2), (527, 3)])
def test_noise_as_long_as_a_request_counts_as_one(length: int, bad_headers: int) -> None:
    counters = BusCounters()

    framed(b"\xff" * length, counters)

    assert (counters.bad_headers, counters.noise_bytes) == (bad_headers, length - 7)


def test_a_length_that_cannot_be_is_seen_before_the_rest_comes() -> None:
    counters = BusCounters()

    framed(b"\0\1\0\0\xff\xff", counters)

    assert counters.bad_headers == 1


@pytest.mark.parametrize(("length", "expected"), [(14, [7]), (13, [11])])
def test_a_good_request_counts_as_within_another_only_as_a_whole(length: int, expected: list[int]) -> None:
    assert ids(framed(b"\0\x0b\0\0" + length.to_bytes(2) + b"\xf0\x41" + POLL)) == expected


def test_a_misnamed_request_within_a_possible_one_is_part_of_it() -> None:
    assert ids(framed(b"\0\x0b\0\0\0\x0e\xf0\x41" + WRONG_PROTOCOL)) == [11]


def test_a_misnamed_request_is_counted_with_all_its_bytes() -> None:
    counters = BusCounters()
    framer = MbapFramer(counters)

    framer.feed(WRONG_PROTOCOL, 0.0)

    assert (framer.good, framer.lost, counters.noise_bytes, counters.bad_headers) == (0, 1, 12, 1)


def test_a_length_that_counts_a_checksum_under_a_wrong_protocol_id_is_only_noise() -> None:
    counters = BusCounters()
    framer = MbapFramer(counters)

    framer.feed(b"\0\1\0\5\0\x08" + POLL_240, 0.0)

    assert (framer.lost, counters.bad_lengths, counters.bad_protocol_ids) == (0, 0, 0)


@pytest.mark.parametrize("with_checksum", [True, False])
def test_the_longest_length_that_counts_a_checksum_is_counted_as_such(*, with_checksum: bool) -> None:
    counters = BusCounters()
    frame = rtu("F0 10 00 64 00 7B F6" + "00" * 246)
    sent = b"\0\1\0\0" + len(frame).to_bytes(2) + (frame if with_checksum else frame[:-2])

    assert ids(framed(sent + POLL, counters)) == [7]
    assert (counters.bad_lengths, counters.noise_bytes) == (1, len(sent))
