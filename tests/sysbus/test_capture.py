"""Captures: what Wireshark makes of them, that replay reads what was recorded, and that hostile files do no harm."""

from __future__ import annotations

import contextlib
import io
import random
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from neasmart.sysbus.capture import pcapng
from neasmart.sysbus.capture.capture import CaptureReader, Chunk, FrameReaders, LineFacts, written
from neasmart.sysbus.capture.pcapng import CaptureError
from neasmart.sysbus.capture.seen import FrameReader
from neasmart.sysbus.framing.kinds import Framing
from neasmart.sysbus.line.connection import Direction
from tests.support.bus import (
    BROADCAST_OUTSIDE,
    FOREIGN_POLL,
    NO_DATA_240,
    POLL_240,
    STATE_AND_SETPOINT_240,
    WRITE_240,
    WRITE_240_REPLY,
    mbap,
    rtu,
)
from tests.support.uart import walk

RTU = LineFacts(framing=Framing.RTU, unit_ids=(240, 241))
MBAP = LineFacts(framing=Framing.MBAP, unit_ids=(240, 241))
BEGAN = 1_790_000_000


def conversation(*parts: tuple[Direction, bytes]) -> list[Chunk]:
    return [
        Chunk(at=(BEGAN * 1_000_000 + 1_234 * number) / 1e6, direction=direction, content=content)
        for number, (direction, content) in enumerate(parts)
    ]


def received(*contents: bytes) -> list[tuple[Direction, bytes]]:
    return [(Direction.RECEIVED, content) for content in contents]


def house() -> list[Chunk]:
    parts = []
    for frame in walk(2):
        parts += received(frame)
        if frame[0] == 240:
            parts.append((Direction.SENT, STATE_AND_SETPOINT_240))
    return conversation(*parts)


def tshark(path: Path, *arguments: str) -> list[str]:
    """Return the lines that Wireshark's own decoder gives, with no setting at all."""
    shown = subprocess.run(
        ["tshark", "-n", "-r", str(path), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(path.parent), "LC_ALL": "C.UTF-8"},
    )
    return shown.stdout.splitlines()


def test_wireshark_decodes_every_frame_without_a_setting(tmp_path: Path) -> None:
    chunks = house()
    path = tmp_path / "house.pcapng"
    path.write_bytes(written(RTU, chunks))

    decoded = tshark(path, "-Y", "modbus", "-T", "fields", "-e", "mbtcp.unit_id", "-e", "modbus.func_code")
    faults = tshark(path, "-Y", "_ws.malformed || _ws.expert.severity >= warning || tcp.analysis.flags")
    answered = tshark(path, "-Y", "modbus.request_frame", "-T", "fields", "-e", "modbus.regval_uint16")

    assert len(decoded) == len(chunks) == 96
    assert decoded[:3] == ["240\t3", "240\t3", "241\t3"]
    assert faults == []
    assert answered == ["1,3123"] * 16
    assert len(tshark(path, "-Y", "rtacser")) == len(chunks)


def test_wireshark_shows_names_and_values_as_comments_and_times_to_the_microsecond(tmp_path: Path) -> None:
    path = tmp_path / "one.pcapng"
    path.write_bytes(written(RTU, conversation(*received(POLL_240, BROADCAST_OUTSIDE))))

    shown = tshark(path, "-Y", "modbus", "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.comment")

    assert shown == [
        f"{BEGAN}.000000000\tzone.1.1.state; zone.1.1.setpoint",
        f"{BEGAN}.001234000\tglobal.outside_temperature = 15.2 °C; global.filtered_outside_temperature = 15 °C",
    ]


def test_wireshark_finds_nothing_malformed_in_a_capture_of_noise_and_oddities(tmp_path: Path) -> None:
    chance = random.Random(7)
    parts = received(
        chance.randbytes(900),
        rtu("F0 03 00 64 00 00"),
        rtu("F0 83 03"),
        POLL_240[:5],
        POLL_240[5:],
        FOREIGN_POLL + rtu("10 03 04 00 01 0C 33"),
        WRITE_240,
        rtu("00 06 00 6E 00 2D"),
        bytes(5000),
    )
    path = tmp_path / "noise.pcapng"
    path.write_bytes(written(RTU, conversation(*parts, (Direction.SENT, WRITE_240_REPLY), (Direction.SENT, b"\xf0"))))

    assert tshark(path, "-Y", "_ws.malformed") == []
    assert len(tshark(path, "-Y", "modbus")) >= 6


def test_wireshark_decodes_a_converter_that_speaks_modbus_tcp(tmp_path: Path) -> None:
    poll, answer = mbap("F0 03 00 64 00 02", 7), mbap("F0 03 04 00 01 0C 33", 7)
    parts = [*received(poll + mbap("00 10 00 66 00 01 02 0C 1A", 8), mbap("F0 2B 0E", 9)), (Direction.SENT, answer)]
    path = tmp_path / "mbap.pcapng"
    path.write_bytes(written(MBAP, conversation(*parts)))

    decoded = tshark(path, "-Y", "modbus", "-T", "fields", "-e", "mbtcp.trans_id", "-e", "modbus.func_code")

    assert decoded == ["7\t3", "8\t16", "7\t3"]
    assert tshark(path, "-Y", "_ws.malformed") == []


@pytest.mark.parametrize("facts", [RTU, MBAP])
def test_what_is_read_is_what_was_recorded(facts: LineFacts) -> None:
    chunks = [*house(), *conversation(*received(bytes(range(256))), (Direction.SENT, b"\x00"))]

    capture = CaptureReader(io.BytesIO(written(facts, chunks)))

    assert capture.facts == facts
    assert list(capture) == chunks


def test_connections_of_both_framings_come_back_in_one_file(tmp_path: Path) -> None:
    poll, answer = mbap("F0 03 00 64 00 02", 7), mbap("F0 03 04 00 01 0C 33", 7)
    chunks = [
        Chunk(at=1.0, direction=Direction.RECEIVED, content=POLL_240),
        Chunk(at=1.1, direction=Direction.RECEIVED, content=poll[:5], framing=Framing.MBAP),
        Chunk(at=1.2, direction=Direction.SENT, content=NO_DATA_240),
        Chunk(at=1.3, direction=Direction.RECEIVED, content=poll[5:], framing=Framing.MBAP),
        Chunk(at=1.4, direction=Direction.SENT, content=answer, framing=Framing.MBAP),
    ]
    path = tmp_path / "both.pcapng"
    path.write_bytes(written(RTU, chunks))

    capture = CaptureReader(io.BytesIO(path.read_bytes()))
    readers = FrameReaders(capture.facts)

    assert list(capture) == chunks
    assert [seen.transaction_id for chunk in capture for seen in readers.feed(chunk)] == [None, None, 7, 7]
    assert tshark(path, "-Y", "_ws.malformed") == []


@given(
    st.lists(
        st.tuples(st.integers(0, 2**33 * 1_000_000), st.sampled_from(Direction), st.binary(min_size=1, max_size=300))
    ).filter(bool)
)
def test_any_bytes_come_back_exactly(pieces: list[tuple[int, Direction, bytes]]) -> None:
    chunks = [Chunk(at=at_us / 1e6, direction=direction, content=content) for at_us, direction, content in pieces]

    again = list(CaptureReader(io.BytesIO(written(RTU, chunks))))

    assert [(each.direction, each.content) for each in again] == [(each.direction, each.content) for each in chunks]
    assert [each.at for each in again] == pytest.approx([each.at for each in chunks], abs=1e-6)


def test_a_file_that_ends_in_the_middle_of_a_block_is_read_up_to_there() -> None:
    content = written(RTU, house())

    assert 0 < len(list(CaptureReader(io.BytesIO(content[: len(content) // 2])))) < 96


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no pcapng"),
        (b"GIF89a..........", "no pcapng"),
        (pcapng.section("x", "y"), "no bytes of a line"),
        (pcapng.section("x", "y") + b"\1\0\0\0\xff\xff\xff\xff", "length"),
    ],
)
def test_other_files_are_refused_in_words(content: bytes, why: str) -> None:
    with pytest.raises(CaptureError, match=why):
        CaptureReader(io.BytesIO(content))


HOUSE = written(RTU, house()[:6])


@given(st.binary(max_size=3000))
@example(b"")
def test_any_file_is_read_or_refused(content: bytes) -> None:
    _read(content)


@given(st.lists(st.tuples(st.integers(0, len(HOUSE) - 1), st.integers(0, 255)), max_size=12), st.integers(0, 64))
def test_any_damage_to_a_file_is_read_or_refused(changes: list[tuple[int, int]], cut: int) -> None:
    content = bytearray(HOUSE)
    for at, byte in changes:
        content[at] = byte
    _read(bytes(content[: len(content) - cut]))


def _read(content: bytes) -> None:
    with contextlib.suppress(CaptureError):
        capture = CaptureReader(io.BytesIO(content))
        reader = FrameReader(capture.facts.framing, capture.facts.unit_ids)
        for chunk in capture:
            for seen in reader.feed(chunk.direction, chunk.content, chunk.at):
                assert seen.document()["what"]


def test_a_file_of_the_other_byte_order_is_read() -> None:
    big = (
        b"\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4d\0\1\0\0" + b"\xff" * 8 + b"\0\0\0\x1c"
        b"\0\0\0\1\0\0\0\x14\0\xfa\0\0\0\0\0\0\0\0\0\x14"
        b"\0\0\0\6\0\0\0\x24\0\0\0\0\0\0\0\0\0\0\0\5\0\0\0\2\0\0\0\2AB\0\0\0\0\0\x24"
    )

    (packet,) = pcapng.packets(io.BytesIO(big))

    assert (packet.content, packet.at_us, packet.interface.link_type) == (b"AB", 5, pcapng.RTAC_SERIAL)


def test_a_reply_is_joined_with_what_was_asked() -> None:
    reader = FrameReader(Framing.RTU, (240, 241))

    asked = reader.feed(Direction.RECEIVED, POLL_240, 1.0)
    (reply,) = reader.feed(Direction.SENT, NO_DATA_240, 1.1)

    assert [each.what for each in asked] == ["read"]
    assert reply.what == "read reply"
    assert [each.text for each in reply.registers] == [
        "zone.1.1.state = no data (0x0000)",
        "zone.1.1.setpoint = no data (0x0000)",
    ]
