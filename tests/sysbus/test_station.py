"""The slave role: sample frames with exact replies, silence where silence is right, refusals as Modbus says."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.pdu import ExceptionResponse
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadHoldingRegistersResponse,
    WriteMultipleRegistersRequest,
    WriteMultipleRegistersResponse,
    WriteSingleRegisterRequest,
    WriteSingleRegisterResponse,
)

from neasmart.core.gateway import Gateway
from neasmart.core.state.plant import StaleTimes
from neasmart.facts.points import TABLE
from neasmart.facts.status import BusCounters
from neasmart.sysbus.slave.slaves import MbapSlave, RtuSlave
from neasmart.sysbus.slave.station import Station
from tests.support.bus import (
    BROADCAST_HUMIDITY,
    BROADCAST_HUMIDITY_FC6,
    BROADCAST_MIXED,
    BROADCAST_OUTSIDE,
    BROADCAST_STATE_AND_SETPOINT,
    BROADCAST_TEMPERATURE,
    FOREIGN_POLL,
    NO_DATA_240,
    NO_DATA_241,
    POLL_240,
    POLL_241,
    SAMPLES,
    WRITE_240,
    WRITE_240_REPLY,
    mbap,
    new_gateway,
    rtu,
)

ILLEGAL_ADDRESS, ILLEGAL_VALUE = 2, 3
"""Exception codes of the Modbus specification."""


@pytest.fixture
def gateway() -> Gateway:
    return new_gateway()


@pytest.fixture
def slave(gateway: Gateway) -> RtuSlave:
    return RtuSlave(Station(gateway))


def value(gateway: Gateway, ref_id: str) -> object:
    return gateway.plant.reading(TABLE.ref(ref_id)).value


def said(slave: RtuSlave | MbapSlave, chunk: bytes, now: float = 1.0) -> bytes:
    return slave.receive(chunk, now, late=False).reply


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (POLL_240, NO_DATA_240),
        (POLL_241, NO_DATA_241),
        (WRITE_240, WRITE_240_REPLY),
        (BROADCAST_TEMPERATURE, b""),
        (BROADCAST_STATE_AND_SETPOINT, b""),
        (BROADCAST_HUMIDITY, b""),
        (BROADCAST_HUMIDITY_FC6, b""),
        (BROADCAST_OUTSIDE, b""),
        (BROADCAST_MIXED, b""),
        (FOREIGN_POLL, b""),
    ],
    ids=lambda frame: frame.hex(" "),
)
def test_each_sample_frame_gets_exactly_its_reply(slave: RtuSlave, request_: bytes, reply: bytes) -> None:
    assert said(slave, request_) == reply


@given(st.integers(0, 6999), st.integers(1, 125), st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=123))
def test_a_read_is_answered_as_pymodbus_would(address: int, count: int, words: list[int]) -> None:
    station = Station(new_gateway())
    first = min(address, 7000 - len(words))
    write = WriteMultipleRegistersRequest(address=first, registers=words)
    read = ReadHoldingRegistersRequest(address=address, count=count)
    station.answer(0, b"\x10" + write.encode(), 1.0)

    reply = station.answer(240, b"\x03" + read.encode(), 1.0).pdu

    expected = station.gateway.bus.poll(address, count, 240, 1.0)
    assert reply == b"\x03" + ReadHoldingRegistersResponse(registers=expected.words).encode()


@given(st.integers(0, 6999), st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=123))
def test_a_write_is_answered_as_pymodbus_would(address: int, words: list[int]) -> None:
    station = Station(new_gateway())
    single = WriteSingleRegisterRequest(address=address, registers=words[:1]).encode()
    multiple = WriteMultipleRegistersRequest(address=address, registers=words).encode()

    replies = [station.answer(240, head + pdu, 1.0).pdu for head, pdu in ((b"\x06", single), (b"\x10", multiple))]

    assert replies == [
        b"\x06" + WriteSingleRegisterResponse(address=address, registers=words[:1]).encode(),
        b"\x10" + WriteMultipleRegistersResponse(address=address, count=len(words)).encode(),
    ]
    reports = [station.gateway.image.report(each) for each in range(address, min(address + len(words), 7000))]
    assert [report.word for report in reports if report is not None] == words[: 7000 - address]


@pytest.mark.parametrize("function", [3, 6, 16])
@pytest.mark.parametrize(
    ("code", "end"), [(ILLEGAL_ADDRESS, "FF FF 00 01 02 00 01"), (ILLEGAL_VALUE, "00 64 00 00 00")]
)
def test_a_refusal_is_that_of_pymodbus(gateway: Gateway, function: int, code: int, end: str) -> None:
    pdu = bytes((function,)) + bytes.fromhex(end)
    if function != 16:
        pdu = pdu[:5]
    expected = struct.pack("B", function | 0x80) + ExceptionResponse(function, code).encode()

    # A single register may be 0.
    assert Station(gateway).answer(240, pdu, 1.0).pdu == (pdu if (function, code) == (6, ILLEGAL_VALUE) else expected)


def test_a_command_is_what_a_poll_reads(gateway: Gateway, slave: RtuSlave) -> None:
    said(slave, BROADCAST_STATE_AND_SETPOINT)
    assert said(slave, POLL_240, 2.0) == NO_DATA_240

    gateway.submit(
        [(TABLE.at("zone", "state", 1, 1), 1), (TABLE.at("zone", "setpoint", 1, 2), 22)], origin="test", queue=True
    )

    assert said(slave, POLL_240, 2.0) == rtu("F0 03 04 00 01 00 00")


def test_sample_broadcasts_mean_what_they_say(gateway: Gateway, slave: RtuSlave) -> None:
    for sample in SAMPLES:
        said(slave, sample)

    assert value(gateway, "zone.1.1.temperature") == pytest.approx(21.0)
    assert value(gateway, "zone.1.1.setpoint") == pytest.approx(22.5)
    assert value(gateway, "zone.1.1.humidity") == 45
    assert value(gateway, "global.outside_temperature") == pytest.approx(15.2)
    assert value(gateway, "global.filtered_outside_temperature") == pytest.approx(15.0)
    assert value(gateway, "mixed_circuit.1.valve_opening") == 50
    assert value(gateway, "mixed_circuit.1.flow_temperature") == pytest.approx(35.0)
    assert value(gateway, "mixed_circuit.1.return_temperature") == pytest.approx(30.0)


def test_a_broadcast_is_applied_once(gateway: Gateway, slave: RtuSlave) -> None:
    said(slave, BROADCAST_STATE_AND_SETPOINT)

    assert (gateway.bus.counters.broadcasts, gateway.bus.counters.registers_written) == (1, 2)


def test_polls_are_counted_by_unit_with_their_time(gateway: Gateway, slave: RtuSlave) -> None:
    said(slave, POLL_240, 1.0)
    said(slave, POLL_240, 2.0)
    said(slave, POLL_241, 3.0)

    assert gateway.bus.counters.polls_by_unit == {240: 2, 241: 1}
    assert gateway.bus.counters.last_poll_at == {240: 2.0, 241: 3.0}


def test_a_poll_that_covers_unknown_registers_is_answered(slave: RtuSlave) -> None:
    said(slave, rtu("00 10 00 67 00 02 04 12 34 00 07"))

    assert said(slave, rtu("F0 03 00 66 00 05")) == rtu("F0 03 0A 00 00 00 00 00 00 00 00 00 00")


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        ("F0 03 00 64 00 00", "F0 83 03"),
        ("F1 03 00 64 00 7E", "F1 83 03"),
        ("F0 03 1B 58 00 01", "F0 83 02"),
        ("F0 03 FF FF 00 02", "F0 83 02"),
        ("F0 06 1B 58 00 01", "F0 86 02"),
    ],
)
def test_refusals_over_rtu(slave: RtuSlave, request_: str, reply: str) -> None:
    assert said(slave, rtu(request_)) == rtu(reply)


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        ("F0 03 00 64 00 00", "F0 83 03"),
        ("F0 03 FF FF 00 02", "F0 83 02"),
        ("F0 06 FF FF 00 01", "F0 86 02"),
        ("F0 10 00 64 00 00 00", "F0 90 03"),
        ("F0 10 00 64 00 02 02 00 01", "F0 90 03"),
        ("F0 10 00 64 00 01 01 00", "F0 90 03"),
        ("F0 10 00 64 00 01 01 00 05", "F0 90 03"),
        ("F0 10 00 64 00 01 02 00 01 00", "F0 90 03"),
        ("F0 10 FF FF 00 01 02 00 01", "F0 90 02"),
        ("F0 10 00 64 00 7C F8" + "00" * 248, None),  # longer than MBAP can be
    ],
)
def test_refusals_over_modbus_tcp(gateway: Gateway, request_: str, reply: str | None) -> None:
    expected = mbap(reply) if reply else b""

    assert said(MbapSlave(Station(gateway)), mbap(request_)) == expected


@pytest.mark.parametrize(
    "pdu",
    [
        "03",
        "03 00 64 00",
        "06 00 64",
        "10 00 64 00 01",
        "10 00 64 00 01 02 00",
        "04 00 64 00 01",
        "2B 0E 01 00",
        "83 02",
    ],
)
@pytest.mark.parametrize("unit", ["00", "10", "F0", "F1"])
def test_truncated_and_unknown_requests_stay_unanswered(gateway: Gateway, unit: str, pdu: str) -> None:
    assert said(MbapSlave(Station(gateway)), mbap(f"{unit} {pdu}")) == b""


@pytest.mark.parametrize("unit", [0, 1, 16, 239, 242, 247, 255])
@pytest.mark.parametrize("pdu", ["03 00 64 00 02", "03 00 64 00 00", "06 00 64 00 01", "10 00 64 00 01 02 00 01"])
def test_nobody_but_our_units_is_answered_for(gateway: Gateway, unit: int, pdu: str) -> None:
    assert Station(gateway).answer(unit, bytes.fromhex(pdu), 1.0).pdu is None


def test_a_write_to_a_foreign_unit_changes_nothing(gateway: Gateway, slave: RtuSlave) -> None:
    said(slave, rtu("10 10 00 65 00 01 02 0C 65"))

    assert value(gateway, "zone.1.1.setpoint") is None
    assert gateway.bus.counters.foreign_frames == 1


def test_unit_ids_count_from_the_next_link_on(gateway: Gateway) -> None:
    before = RtuSlave(Station(gateway))

    gateway.watch_bus((241,))

    assert before.receive(POLL_240, 1.0, late=False).reply == NO_DATA_240
    after = RtuSlave(Station(gateway))
    assert (after.receive(POLL_240, 1.0, late=False).reply, after.receive(POLL_241, 1.1, late=False).reply) == (
        b"",
        NO_DATA_241,
    )


@pytest.mark.parametrize(
    "broadcast", ["00 10 00 64 00 02 03 00 01 0C", "00 10 1B 58 00 01 02 00 01", "00 06 1B 58 00 01"]
)
def test_a_broadcast_that_would_be_refused_is_counted_and_nobody_answers(gateway: Gateway, broadcast: str) -> None:
    assert Station(gateway).answer(0, rtu(broadcast)[1:-2], 1.0).pdu is None
    assert gateway.bus.counters.unsupported == 1


@pytest.mark.parametrize("pdu", ["", "10", "10 00 64 00 01", "10 00 64 00 01 02 00", "03 00 64", "41 01"])
def test_what_is_cut_short_or_unknown_is_counted_once_and_not_answered(gateway: Gateway, pdu: str) -> None:
    assert Station(gateway).answer(240, bytes.fromhex(pdu), 1.0).pdu is None
    assert gateway.bus.counters.unsupported == 1


def test_unit_ids_are_configurable() -> None:
    slave = RtuSlave(Station(new_gateway(unit_ids=(241,))))

    assert said(slave, POLL_240) == b""
    assert said(slave, POLL_241) == NO_DATA_241


@given(st.integers(min_value=0, max_value=255), st.binary(max_size=260))
def test_any_request_whatever_is_answered_rightly_or_not_at_all(unit: int, pdu: bytes) -> None:
    reply = Station(new_gateway()).answer(unit, pdu, 1.0).pdu

    if reply is not None:
        assert unit in (240, 241)
        assert pdu[0] in (3, 6, 16)
        assert reply[0] in (pdu[0], pdu[0] | 0x80)
        assert len(reply) <= 253


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_noise_is_never_answered_over_rtu(chunks: list[bytes]) -> None:
    gateway = new_gateway()
    slave = RtuSlave(Station(gateway))

    replies = [said(slave, chunk) for chunk in chunks]

    asked = gateway.bus.counters.polls + gateway.bus.counters.writes + gateway.bus.counters.exceptions
    assert sum(reply != b"" for reply in replies) <= asked


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_noise_is_never_answered_over_modbus_tcp(chunks: list[bytes]) -> None:
    gateway = new_gateway()
    slave = MbapSlave(Station(gateway))

    replies = [said(slave, chunk) for chunk in chunks]

    asked = gateway.bus.counters.polls + gateway.bus.counters.writes + gateway.bus.counters.exceptions
    assert sum(reply != b"" for reply in replies) <= asked


def test_counters_begin_at_zero(gateway: Gateway) -> None:
    assert gateway.bus.counters == BusCounters()


def test_a_shorter_patience_counts_on_a_link_that_is_open_already(gateway: Gateway, slave: RtuSlave) -> None:
    mode = TABLE.ref("global.mode")
    said(slave, POLL_240, 1.0)
    gateway.bus.write(mode.address, [2], function_code=16, unit_id=0, now=1.0)
    assert gateway.bus.poll(mode.address, 1, 240, 1.0).words == [0]
    gateway.plant.use(StaleTimes(warn_s=5.0, stale_s=60.0))

    said(slave, POLL_240, 7.0)

    assert gateway.bus.poll(mode.address, 1, 240, 7.0).words == [10]


@pytest.mark.parametrize("pdu", ["03 00 64 00 02 00", "06 00 64 00 01 00"])
def test_what_is_a_byte_too_long_is_counted_and_not_answered(gateway: Gateway, pdu: str) -> None:
    assert Station(gateway).answer(240, bytes.fromhex(pdu), 1.0).pdu is None
    assert (gateway.bus.counters.unsupported, gateway.bus.counters.polls, gateway.bus.counters.writes) == (1, 0, 0)


def test_a_broadcast_that_asks_is_no_poll(gateway: Gateway) -> None:
    assert Station(gateway).answer(0, POLL_240[1:-2], 1.0).pdu is None
    assert (gateway.bus.counters.unsupported, gateway.bus.counters.polls) == (1, 0)


@pytest.mark.parametrize(("count", "refused"), [(123, False), (124, True)])
def test_a_write_of_more_than_a_frame_holds_is_refused(gateway: Gateway, count: int, refused: bool) -> None:
    pdu = b"\x10\x00\x64" + count.to_bytes(2) + bytes((2 * count,)) + bytes(2 * count)

    assert Station(gateway).answer(240, pdu, 1.0).pdu == (b"\x90\x03" if refused else pdu[:5])
    assert (gateway.bus.counters.exceptions, gateway.bus.counters.writes) == (refused, not refused)


@pytest.mark.parametrize(("pdu", "refused"), [("10 1B 57 00 01 02 00 05", False), ("10 1B 58 00 01 02 00 05", True)])
def test_a_block_begins_below_the_end_of_the_addresses(gateway: Gateway, pdu: str, refused: bool) -> None:
    content = bytes.fromhex(pdu)

    assert Station(gateway).answer(240, content, 1.0).pdu == (b"\x90\x02" if refused else content[:5])


def test_what_is_asked_and_written_is_counted(gateway: Gateway, slave: RtuSlave) -> None:
    counters = gateway.bus.counters

    for at, frame in enumerate(
        (POLL_240, WRITE_240, BROADCAST_STATE_AND_SETPOINT, FOREIGN_POLL, rtu("F0 03 00 64 00 00"))
    ):
        said(slave, frame, 1.0 + at)

    assert (counters.frames, counters.foreign_frames, counters.polls, counters.writes) == (5, 1, 1, 1)
    assert (counters.broadcasts, counters.registers_written, counters.exceptions) == (1, 3, 1)
    assert (counters.last_heard_at, counters.last_frame_at) == ({240: 5.0, 0: 3.0, 16: 4.0}, 5.0)


def test_a_mute_station_takes_what_is_written_and_says_nothing(gateway: Gateway) -> None:
    slave = RtuSlave(Station(gateway, mute=True))

    assert [said(slave, frame) for frame in (POLL_240, WRITE_240)] == [b"", b""]

    assert value(gateway, "zone.1.1.setpoint") == pytest.approx(22.5)
    assert gateway.bus.counters.polls == 1


def test_a_reply_of_another_unit_asks_nobody_anything(gateway: Gateway) -> None:
    station = Station(gateway)

    station.step_over(16, 1.0)
    station.step_over(240, 2.0)

    assert (gateway.bus.counters.frames, gateway.bus.counters.foreign_frames) == (2, 1)


@pytest.mark.parametrize(("pause_s", "word"), [(5.0, 0), (5.5, 10)])
def test_a_pause_longer_than_the_base_ever_makes_is_doubted(gateway: Gateway, pause_s: float, word: int) -> None:
    slave = RtuSlave(Station(gateway))
    mode = TABLE.ref("global.mode")
    gateway.plant.use(StaleTimes(warn_s=5.0, stale_s=60.0))
    said(slave, POLL_240, 1.0)
    gateway.bus.write(mode.address, [2], function_code=16, unit_id=0, now=1.0)

    said(slave, POLL_240, 1.0 + pause_s)

    assert gateway.bus.poll(mode.address, 1, 240, 1.0 + pause_s).words == [word]


def test_the_longest_read_is_answered(gateway: Gateway) -> None:
    reply = Station(gateway).answer(240, bytes.fromhex("03 0F A0 00 7D"), 1.0).pdu

    assert reply == b"\x03\xfa" + bytes(250)


def test_every_frame_is_part_of_the_traffic(gateway: Gateway) -> None:
    station = Station(gateway)

    station.answer(240, POLL_240[1:-2], 1.0)
    station.step_over(16, 2.0)

    assert list(gateway.bus.traffic._waiting) == [(1.0, 240, POLL_240[1:-2]), (2.0, 16, b"")]


def test_a_command_is_read_once_its_reply_has_left(gateway: Gateway) -> None:
    station = Station(gateway)
    ref = TABLE.ref("zone.1.1.setpoint")
    (command,) = gateway.submit([(ref, 21.5)], origin="test", queue=True)
    poll = station.answer(240, b"\x03" + ref.address.to_bytes(2) + b"\0\1", 1.0).poll
    assert poll is not None
    before = gateway.commands.get(command.id)

    station.left(poll, 1.0)

    assert gateway.commands.get(command.id) != before
