"""A listening port takes Modbus TCP and RTU alike: each connection is judged by its first valid frame and stays so."""

from __future__ import annotations

import logging
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.settings.model import ServerType
from neasmart.sysbus.framing.kinds import Framing
from neasmart.sysbus.slave.either import BROKEN_AFTER, HELD_BYTES, EitherSlave
from neasmart.sysbus.slave.station import Station
from tests.support.bus import (
    BROADCAST_TEMPERATURE,
    FOREIGN_POLL,
    NO_DATA_240,
    POLL_240,
    POLL_241,
    mbap,
    new_gateway,
    rtu,
    until,
)
from tests.support.bus_links import Dial, StartTcp, ask
from tests.support.uart import walk

POLL = mbap("F0 03 00 64 00 02", 7)
NO_DATA = mbap("F0 03 04 00 00 00 00", 7)
FIRST_FRAMES = {
    "RTU poll": (POLL_240, Framing.RTU, NO_DATA_240),
    "RTU broadcast": (BROADCAST_TEMPERATURE, Framing.RTU, b""),
    "RTU of a foreign unit": (FOREIGN_POLL, Framing.RTU, b""),
    "Modbus TCP poll": (POLL, Framing.MBAP, NO_DATA),
    "Modbus TCP broadcast": (mbap("00 10 00 66 00 01 02 0C 1A"), Framing.MBAP, b""),
    "Modbus TCP with a wrong protocol id": (b"\0\1\0\5" + POLL[4:], Framing.MBAP, b""),
    "RTU with a header before it": (b"\0\1\0\0\0\x08" + rtu("F0 03 00 64 00 02"), Framing.MBAP, b""),
}
# Heads that could be those of a frame would rightly be waited for; see the framers' own tests.
noises = st.lists(st.sampled_from((b"www.usr.cn", b"\xff", b"\0\0\0\0", b"\r\nSN:01\r\n", b"\x55" * 40)), max_size=12)


def slave() -> EitherSlave:
    return EitherSlave(Station(new_gateway()))


@pytest.mark.parametrize(("frame", "framing", "reply"), FIRST_FRAMES.values(), ids=FIRST_FRAMES.keys())
def test_the_first_valid_frame_tells_and_is_served(frame: bytes, framing: Framing, reply: bytes) -> None:
    either = slave()
    assert either.framing is None

    received = either.receive(frame, 1.0, late=False)

    assert either.framing is framing
    assert received.reply == reply


@given(noises, st.sampled_from((POLL_240, POLL)), st.lists(st.integers(min_value=0), max_size=12))
def test_any_noise_before_it_and_any_split_give_the_same(noise: list[bytes], frame: bytes, at: list[int]) -> None:
    stream = b"".join(noise) + frame
    places = [0, *sorted(place % (len(stream) + 1) for place in at), len(stream)]
    either = slave()

    replies = [either.receive(stream[start:end], 1.0, late=False).reply for start, end in pairwise(places)]

    assert b"".join(replies) == (NO_DATA_240 if frame is POLL_240 else NO_DATA)


@given(st.lists(st.binary(max_size=700), max_size=8))
def test_any_bytes_do_no_harm_and_little_is_kept(chunks: list[bytes]) -> None:
    either = slave()
    for number, chunk in enumerate(chunks):
        either.receive(chunk, 0.5 * number, late=False)

        assert len(either._held) <= HELD_BYTES


@pytest.mark.parametrize(("waited_s", "rtu_answers", "tcp_answers"), [(0.2, False, True), (1.2, False, False)])
def test_the_first_request_may_have_waited_as_long_as_its_framing_allows(
    waited_s: float, *, rtu_answers: bool, tcp_answers: bool
) -> None:
    for frame, answers in ((POLL_240, rtu_answers), (POLL, tcp_answers)):
        either = EitherSlave(Station(new_gateway()), lambda: waited_s)

        assert bool(either.receive(frame, 1.0, late=True).reply) is answers


def test_what_was_judged_stays_so_until_it_breaks_for_good() -> None:
    either = slave()
    either.receive(POLL, 1.0, late=False)

    for number in range(BROKEN_AFTER - 1):
        either.receive(POLL_240, 1.1 + number / 10, late=False)
    assert either.receive(POLL, 2.0, late=False).reply == NO_DATA
    for number in range(BROKEN_AFTER):
        assert either.framing is Framing.MBAP
        either.receive(POLL_240, 3.0 + number / 10, late=False)

    assert either.receive(POLL_240, 4.0, late=False).reply == NO_DATA_240
    assert either.framing is Framing.RTU


def test_rtu_gives_way_to_modbus_tcp_as_well() -> None:
    either = slave()
    either.receive(POLL_240, 1.0, late=False)

    for number in range(BROKEN_AFTER):
        either.receive(POLL, 1.1 + number / 10, late=False)

    assert either.receive(POLL, 2.0, late=False).reply == NO_DATA


async def test_a_converter_that_is_set_otherwise_is_not_told_to_set_what_is_set(
    start_tcp: StartTcp, dial: Dial, caplog: pytest.LogCaptureFixture
) -> None:
    running = await start_tcp(ServerType.AUTO)
    reader, writer = await dial(running)
    assert await ask(reader, writer, POLL, len(NO_DATA)) == NO_DATA

    writer.write(POLL_240)

    await until(lambda: bool(caplog.records), "it is told")
    assert "sends no Modbus TCP. What it speaks is found out anew" in caplog.text


async def test_both_kinds_are_served_on_one_port_at_the_rate_of_a_bus(
    start_tcp: StartTcp, dial: Dial, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    running = await start_tcp(ServerType.AUTO)
    raw_reader, raw_writer = await dial(running)
    tcp_reader, tcp_writer = await dial(running)
    raw_writer.write(b"".join(walk(2)))

    assert await ask(raw_reader, raw_writer, POLL_241, 9)
    assert await ask(tcp_reader, tcp_writer, POLL, len(NO_DATA)) == NO_DATA

    await until(lambda: set(running.gateway.link.framings) == {"rtu", "mbap"}, "both are named")
    assert len(running.gateway.link.framings) == len(running.gateway.link.peers) == 2
    said = [record.getMessage() for record in caplog.records]
    assert any(text.endswith("speaks RTU over TCP") for text in said)
    assert any(text.endswith("speaks Modbus TCP") for text in said)
