"""Modbus of another kind is recognised between valid frames, whatever its split, and forgotten with a valid one."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.facts.status import BusCounters
from neasmart.sysbus.framing.kinds import Framing
from neasmart.sysbus.framing.strangers import AsciiFrames, Strangers
from tests.support.bus import BROADCAST_TEMPERATURE, POLL_240, POLL_241, mbap

OURS = (240, 241)


def ascii_frame(hexadecimal: str) -> bytes:
    """Return a frame of Modbus ASCII with its checksum over the bytes (LRC)."""
    content = bytes.fromhex(hexadecimal)
    return b":" + (content + bytes((-sum(content) & 0xFF,))).hex().upper().encode() + b"\r\n"


ASCII = ascii_frame("F0 03 00 64 00 02")


def look(strangers: Strangers, *pieces: bytes) -> None:
    for piece in pieces:
        strangers.judge(piece, 0.0, valid=False)


@pytest.mark.parametrize("frame", [POLL_240, POLL_241, BROADCAST_TEMPERATURE])
def test_rtu_frames_are_recognised_by_their_checksum(frame: bytes) -> None:
    counters = BusCounters()
    strangers = Strangers(Framing.MBAP, OURS, counters)

    look(strangers, frame[:3], frame[3:], b"\xff" + frame)

    assert strangers.frames == counters.rtu_on_tcp == 2


def test_modbus_tcp_is_recognised_by_its_header() -> None:
    counters = BusCounters()
    strangers = Strangers(Framing.RTU, OURS, counters)

    look(strangers, mbap("F0 03 00 64 00 02"), b"www.usr.cn", mbap("00 10 00 66 00 01 02 0C 1A"))

    assert strangers.frames == counters.mbap_on_rtu == 2


@given(st.lists(st.integers(min_value=0), max_size=12))
def test_ascii_is_recognised_in_any_split(at: list[int]) -> None:
    stream = b"noise" + ASCII * 3 + b"::" + ASCII
    places = [0, *sorted(place % len(stream) for place in at), len(stream)]
    frames = AsciiFrames()

    assert sum(frames.feed(stream[start:end]) for start, end in pairwise(places)) == 4


def test_ascii_with_a_wrong_checksum_is_none() -> None:
    assert AsciiFrames().feed(ASCII.replace(b"64", b"65")) == 0


def test_a_valid_frame_clears_the_suspicion() -> None:
    counters = BusCounters()
    strangers = Strangers(Framing.MBAP, OURS, counters)
    look(strangers, POLL_240, POLL_241[:4])

    strangers.judge(mbap("F0 03 00 64 00 02"), 0.1, valid=True)
    look(strangers, POLL_241[4:])

    assert (strangers.frames, counters.rtu_on_tcp) == (0, 1)


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_any_bytes_do_no_harm(chunks: list[bytes]) -> None:
    for framing in Framing:
        look(Strangers(framing, OURS, BusCounters()), *chunks)
