"""When a reply may be sent at all: moved on, late, echoes and rivals; and what to doubt when something was lost."""

from __future__ import annotations

import pytest

from neasmart.core.gateway import Gateway
from neasmart.facts.points import TABLE
from neasmart.sysbus.slave.slaves import MbapSlave, RtuSlave
from neasmart.sysbus.slave.station import Station
from tests.support.bus import (
    BROADCAST_HUMIDITY,
    BROADCAST_STATE_AND_SETPOINT,
    BROADCAST_TEMPERATURE,
    NO_DATA_240,
    NO_DATA_241,
    POLL_240,
    POLL_241,
    STATE_AND_SETPOINT_240,
    WRITE_240,
    WRITE_240_REPLY,
    mbap,
    new_gateway,
    rtu,
)

BROADCAST_MODE = rtu("00 06 00 01 00 02")
WRITE_FC6 = rtu("F0 06 00 64 00 03")


@pytest.fixture
def gateway() -> Gateway:
    return new_gateway()


@pytest.fixture
def slave(gateway: Gateway) -> RtuSlave:
    return RtuSlave(Station(gateway))


def exchange(slave: RtuSlave, chunk: bytes, now: float) -> bytes:
    """Receive, and send the reply at once."""
    reply = slave.receive(chunk, now, late=False).reply
    if reply:
        slave.sent(reply, now)
    return reply


def learn_echo(slave: RtuSlave, now: float = 1.0) -> None:
    exchange(slave, exchange(slave, POLL_240, now), now)
    assert slave.echoes


def test_only_the_last_frame_of_a_read_is_answered(gateway: Gateway, slave: RtuSlave) -> None:
    assert exchange(slave, POLL_240 + POLL_241 + BROADCAST_TEMPERATURE, 1.0) == b""
    assert gateway.bus.counters.replies_moved_on == 2
    assert gateway.plant.reading(TABLE.ref("zone.1.1.temperature")).value == pytest.approx(21.0)


def test_a_frame_whose_rest_waited_while_the_gateway_stood_still_is_whole(gateway: Gateway, slave: RtuSlave) -> None:
    slave.receive(BROADCAST_TEMPERATURE[:6], 1.0, late=False)

    received = slave.receive(BROADCAST_TEMPERATURE[6:] + POLL_240, 3.5, late=True)

    assert (received.frames, received.reply) == (2, b"")
    assert gateway.plant.reading(TABLE.ref("zone.1.1.temperature")).value == pytest.approx(21.0)


def test_what_is_cut_and_followed_by_a_pause_is_given_up(gateway: Gateway, slave: RtuSlave) -> None:
    slave.receive(BROADCAST_TEMPERATURE[:6], 1.0, late=False)

    slave.receive(BROADCAST_TEMPERATURE[6:], 3.5, late=False)

    assert gateway.bus.counters.frames == 0
    assert gateway.bus.counters.stale_bytes == 6


def test_noise_behind_a_poll_does_not_keep_it_from_its_reply(slave: RtuSlave) -> None:
    assert exchange(slave, POLL_240 + b"\x55\xaa\x00", 1.0) == NO_DATA_240


def test_a_late_reply_is_dropped_but_the_write_is_kept(gateway: Gateway, slave: RtuSlave) -> None:
    assert slave.receive(WRITE_240, 1.0, late=True).reply == b""

    assert gateway.plant.reading(TABLE.ref("zone.1.1.setpoint")).value == pytest.approx(22.5)
    assert gateway.bus.counters.replies_late == 1


def test_over_modbus_tcp_a_request_that_its_master_has_given_up_is_not_answered(gateway: Gateway) -> None:
    slave = MbapSlave(Station(gateway))
    segment = mbap("F0 03 00 64 00 02", 7) + mbap("00 10 00 65 00 01 02 0C 33", 8) + mbap("F0 06 00 64 00 03", 9)

    received = slave.receive(segment, 1.0, late=True)

    assert (received.reply, received.replies, received.polls) == (b"", 0, ())
    assert gateway.bus.counters.requests_stale == 2
    assert gateway.plant.reading(TABLE.ref("zone.1.1.setpoint")).value == pytest.approx(21.5)


def test_each_request_of_a_segment_is_answered_over_modbus_tcp(gateway: Gateway) -> None:
    slave = MbapSlave(Station(gateway))
    segment = mbap("F0 03 00 64 00 02", 1) + mbap("00 10 00 65 00 01 02 0C 33", 2) + mbap("F1 03 00 65 00 01", 3)

    received = slave.receive(segment, 1.0, late=False)

    assert received.reply == mbap("F0 03 04 00 00 00 00", 1) + mbap("F1 03 02 00 00", 3)
    assert (received.frames, received.replies) == (3, 2)


def test_an_echo_is_learned_from_a_reply_that_a_base_never_sends(gateway: Gateway, slave: RtuSlave) -> None:
    reply = exchange(slave, POLL_240, 1.0)

    assert exchange(slave, reply, 1.01) == b""

    assert slave.echoes
    assert (gateway.bus.counters.echoes, gateway.bus.counters.rival_replies) == (1, 0)


def test_an_echo_in_front_of_the_next_poll_does_not_cost_its_reply(slave: RtuSlave) -> None:
    reply = exchange(slave, POLL_240, 1.0)

    assert exchange(slave, reply + POLL_240, 1.1) == NO_DATA_240


def test_a_repeated_write_is_no_echo_until_echoes_are_known(slave: RtuSlave) -> None:
    assert exchange(slave, WRITE_FC6, 1.0) == WRITE_FC6
    assert exchange(slave, WRITE_FC6, 1.1) == WRITE_FC6


def test_an_echo_that_is_not_known_yet_begins_no_loop(gateway: Gateway, slave: RtuSlave) -> None:
    reply = exchange(slave, WRITE_FC6, 1.0)

    assert exchange(slave, reply, 1.01) == b""

    assert gateway.bus.counters.writes == 2


def test_the_echo_of_a_write_is_stripped_once_echoes_are_known(gateway: Gateway, slave: RtuSlave) -> None:
    learn_echo(slave)

    assert exchange(slave, WRITE_FC6, 2.0) == WRITE_FC6
    assert exchange(slave, WRITE_FC6, 2.01) == b""
    assert exchange(slave, WRITE_FC6, 2.1) == WRITE_FC6
    assert gateway.bus.counters.writes == 2
    assert (gateway.bus.counters.echoes, gateway.bus.counters.frames, gateway.bus.counters.foreign_frames) == (2, 5, 0)


def test_the_echo_of_a_block_write_is_never_taken_for_a_rival(gateway: Gateway, slave: RtuSlave) -> None:
    assert exchange(slave, WRITE_240, 1.0) == WRITE_240_REPLY

    assert exchange(slave, WRITE_240_REPLY, 1.01) == b""
    assert (gateway.bus.counters.echoes, gateway.bus.counters.rival_replies) == (1, 0)


def test_a_line_that_stops_to_echo_is_believed_again(slave: RtuSlave) -> None:
    learn_echo(slave)

    for at in range(3):
        exchange(slave, POLL_240, 2.0 + at)
    assert slave.echoes
    exchange(slave, POLL_240, 5.0)

    assert not slave.echoes


def test_another_answer_for_our_unit_is_a_rival(gateway: Gateway, slave: RtuSlave) -> None:
    exchange(slave, POLL_240, 1.0)

    assert exchange(slave, STATE_AND_SETPOINT_240, 1.01) == b""

    assert not slave.echoes
    assert gateway.bus.counters.rival_replies == 1


def test_a_reply_that_nobody_asked_for_is_no_rival(gateway: Gateway, slave: RtuSlave) -> None:
    exchange(slave, POLL_240, 1.0)

    exchange(slave, WRITE_240_REPLY, 1.5)

    assert gateway.bus.counters.rival_replies == 0


def asks(slave: RtuSlave | MbapSlave, poll: bytes, at: float) -> bool:
    """Return whether the base reads the word that makes it write its mode, which it has told."""
    return slave.receive(poll, at, late=False).reply[-6 if isinstance(slave, RtuSlave) else -4 :][:2] == b"\0\x0a"


def test_a_report_is_never_read_back(slave: RtuSlave) -> None:
    assert exchange(slave, BROADCAST_STATE_AND_SETPOINT + POLL_240, 1.0) == NO_DATA_240


def test_after_a_damaged_frame_the_base_is_asked_for_its_globals(gateway: Gateway, slave: RtuSlave) -> None:
    exchange(slave, BROADCAST_MODE, 1.0)
    assert not asks(slave, POLL_241, 1.1)

    exchange(slave, BROADCAST_HUMIDITY[:-1] + b"\x00" + BROADCAST_HUMIDITY, 1.2)

    assert asks(slave, POLL_241, 1.3)
    assert gateway.bus.counters.crc_errors == 1


def test_after_a_long_silence_the_base_is_asked_for_its_globals(slave: RtuSlave) -> None:
    exchange(slave, BROADCAST_MODE, 1.0)
    exchange(slave, BROADCAST_MODE, 12.0)

    assert asks(slave, POLL_241, 12.1)


def test_after_a_lost_request_over_modbus_tcp_the_base_is_asked_for_its_globals(gateway: Gateway) -> None:
    slave = MbapSlave(Station(gateway))
    poll = mbap("F1 03 00 01 00 02")
    slave.receive(mbap("00 06 00 01 00 02"), 1.0, late=False)
    assert not asks(slave, poll, 1.05)

    slave.receive(b"\0\2\0\5\0\6" + bytes.fromhex("F0 06 00 64 00 02"), 1.1, late=False)

    assert asks(slave, poll, 1.2)


def test_a_write_behind_a_bad_header_is_carried_out(gateway: Gateway) -> None:
    slave = MbapSlave(Station(gateway))
    misnamed = b"\0\2\0\5\0\6" + bytes.fromhex("F0 06 00 64 00 02")
    write = mbap("F0 06 00 64 00 03", 3)

    received = slave.receive(misnamed + write, 1.0, late=False)

    state = gateway.plant.reading(TABLE.ref("zone.1.1.state"))
    assert (received.frames, received.replies, received.reply) == (1, 1, write)
    assert (state.value, gateway.bus.counters.bad_headers, gateway.bus.counters.writes) == (3, 1, 1)


def test_only_polls_that_were_answered_are_timed_and_each_by_its_unit_id(gateway: Gateway, slave: RtuSlave) -> None:
    slave.sent(NO_DATA_240, 2.0, asked_at=1.5)
    slave.sent(NO_DATA_241, 3.0, asked_at=2.75)
    slave.sent(WRITE_240_REPLY, 4.0, asked_at=3.0)
    slave.sent(NO_DATA_240, 5.0)

    seconds = {unit_id: each.total_s for unit_id, each in gateway.bus.reply_latencies.items()}
    assert seconds == {240: 0.5, 241: 0.25}


def test_each_poll_of_one_reply_over_modbus_tcp_is_timed(gateway: Gateway) -> None:
    slave = MbapSlave(Station(gateway))
    asked = mbap("F0 03 00 64 00 02", 1) + mbap("F0 06 00 64 00 03", 2) + mbap("F1 03 00 01 00 02", 3)
    reply = slave.receive(asked + mbap("F0 03 00 64 00 02", 4), 1.0, late=False).reply

    slave.sent(reply, 1.25, asked_at=1.0)
    slave.sent(reply, 9.0)

    timed = {unit_id: (sum(each.buckets), each.total_s) for unit_id, each in gateway.bus.reply_latencies.items()}
    assert timed == {240: (2, 0.5), 241: (1, 0.25)}


def test_each_kind_of_connection_has_its_patience() -> None:
    assert (RtuSlave.patience_s, RtuSlave.overtaken_by_frames) == (0.0, True)
    assert (MbapSlave.patience_s, MbapSlave.overtaken_by_frames) == (1.0, False)


@pytest.mark.parametrize("modbus_tcp", [False, True])
def test_what_came_of_a_read_is_told(gateway: Gateway, *, modbus_tcp: bool) -> None:
    slave = MbapSlave(Station(gateway)) if modbus_tcp else RtuSlave(Station(gateway))
    written, asked = ("F0 06 00 64 00 03", "F0 03 00 64 00 02")
    wrap = mbap if modbus_tcp else rtu

    write = slave.receive(wrap(written), 1.0, late=False)
    poll = slave.receive(wrap(asked), 2.0, late=False)

    assert (write.frames, write.replies, write.polls) == (1, 1, ())
    assert (poll.frames, poll.replies, len(poll.polls)) == (1, 1, 1)


def test_of_a_broadcast_comes_no_reply(slave: RtuSlave) -> None:
    received = slave.receive(BROADCAST_HUMIDITY, 1.0, late=False)

    assert (received.frames, received.reply, received.replies, received.polls) == (1, b"", 0, ())


def test_modbus_tcp_on_a_serial_line_is_not_looked_for_unasked(gateway: Gateway, slave: RtuSlave) -> None:
    slave.receive(mbap("F0 06 00 64 00 03"), 1.0, late=False)

    assert (slave.strange_frames, gateway.bus.counters.mbap_on_rtu) == (0, 0)


def test_a_function_that_nobody_serves_is_no_valid_frame(gateway: Gateway) -> None:
    received = MbapSlave(Station(gateway)).receive(mbap("F0 41 01 02"), 1.0, late=False)

    assert (received.frames, received.reply, received.replies) == (0, b"", 0)


@pytest.mark.parametrize(("after_s", "counted"), [(1.0, (1, 0)), (1.1, (0, 1))])
def test_an_echo_comes_within_a_second(
    gateway: Gateway, slave: RtuSlave, after_s: float, counted: tuple[int, int]
) -> None:
    reply = exchange(slave, POLL_240, 0.0)

    exchange(slave, reply, after_s)

    assert (gateway.bus.counters.echoes, gateway.bus.counters.rival_replies) == counted


def test_an_echo_comes_once(gateway: Gateway, slave: RtuSlave) -> None:
    reply = exchange(slave, POLL_240, 1.0)

    exchange(slave, reply, 1.01)
    exchange(slave, reply, 1.02)

    assert (gateway.bus.counters.echoes, gateway.bus.counters.rival_replies) == (1, 1)


def test_the_echoes_of_four_replies_are_waited_for(gateway: Gateway, slave: RtuSlave) -> None:
    replies = [rtu(f"F0 03 02 00 0{number}") for number in range(5)]
    for reply in replies:
        slave.sent(reply, 1.0)

    exchange(slave, replies[0], 1.1)
    assert gateway.bus.counters.echoes == 0
    exchange(slave, replies[1], 1.1)
    assert gateway.bus.counters.echoes == 1


def test_the_echo_of_a_write_unlearns_nothing(gateway: Gateway, slave: RtuSlave) -> None:
    learn_echo(slave)

    exchange(slave, exchange(slave, WRITE_240, 2.0), 2.01)
    assert slave.echoes
    for at in range(5):
        assert exchange(slave, WRITE_FC6, 3.0 + at) == WRITE_FC6
        assert exchange(slave, WRITE_FC6, 3.01 + at) == b""

    assert (slave.echoes, gateway.bus.counters.writes) == (True, 6)


def test_a_write_is_an_echo_only_of_the_same_reply_and_at_once(slave: RtuSlave) -> None:
    exchange(slave, POLL_240, 0.0)
    assert exchange(slave, WRITE_FC6, 0.0) == WRITE_FC6
    assert exchange(slave, WRITE_FC6, 0.03) == b""


def test_a_reply_before_anybody_has_asked_is_no_rival(gateway: Gateway, slave: RtuSlave) -> None:
    assert exchange(slave, STATE_AND_SETPOINT_240, 1.0) == b""

    assert (gateway.bus.counters.rival_replies, gateway.bus.counters.frames) == (0, 1)


def test_a_refusal_by_another_device_is_a_rival(gateway: Gateway, slave: RtuSlave) -> None:
    exchange(slave, POLL_240, 1.0)

    exchange(slave, rtu("F0 83 02"), 1.01)

    assert (gateway.bus.counters.rival_replies, gateway.bus.counters.foreign_frames) == (1, 0)


@pytest.mark.parametrize("modbus_tcp", [False, True])
def test_what_the_guard_refuses_is_neither_carried_out_nor_answered(gateway: Gateway, *, modbus_tcp: bool) -> None:
    asked: list[tuple[int, bytes, float]] = []

    def guard(unit_id: int, pdu: bytes, now: float) -> bool:
        asked.append((unit_id, pdu, now))
        return unit_id == 241

    slave = MbapSlave(Station(gateway)) if modbus_tcp else RtuSlave(Station(gateway))
    slave.guard_by(guard)
    wrap = mbap if modbus_tcp else rtu
    received = slave.receive(wrap("F0 06 00 64 00 03") + wrap("F1 06 00 64 00 04"), 1.0, late=False)

    assert received.reply == wrap("F1 06 00 64 00 04")
    assert asked == [(240, WRITE_FC6[1:-2], 1.0), (241, bytes.fromhex("06 00 64 00 04"), 1.0)]
    assert (gateway.bus.counters.writes, gateway.bus.counters.replies_moved_on) == (1, 0)


@pytest.mark.parametrize("strangers", [False, True])
def test_modbus_tcp_on_a_serial_line_is_told_if_it_is_looked_for(gateway: Gateway, *, strangers: bool) -> None:
    slave = RtuSlave(Station(gateway), strangers=strangers)

    slave.receive(mbap("F0 06 00 64 00 03"), 1.0, late=False)

    assert (slave.strange_frames, gateway.bus.counters.mbap_on_rtu) == (strangers, strangers)
    slave.receive(POLL_240, 3.0, late=False)
    assert slave.strange_frames == 0


def test_rtu_over_modbus_tcp_is_told_until_a_good_request_comes(gateway: Gateway) -> None:
    slave = MbapSlave(Station(gateway))

    slave.receive(POLL_240 * 3, 1.0, late=False)

    assert (slave.strange_frames, gateway.bus.counters.rtu_on_tcp) == (3, 3)
    slave.receive(mbap("F0 03 00 64 00 02"), 1.1, late=False)
    assert slave.strange_frames == 0


def test_rubbish_is_hopeless_over_modbus_tcp_alone(gateway: Gateway, slave: RtuSlave) -> None:
    over_tcp = MbapSlave(Station(gateway))

    for each in (slave, over_tcp):
        each.receive(b"\xff" * 3000, 1.0, late=False)

    assert (slave.hopeless, over_tcp.hopeless) == (False, True)


def test_a_lost_request_alone_makes_the_bus_doubt(gateway: Gateway) -> None:
    slave = MbapSlave(Station(gateway))
    slave.receive(mbap("00 06 00 01 00 02"), 1.0, late=False)

    slave.receive(b"\xff" * 20 + mbap("F0 06 00 64 00 03"), 1.1, late=False)

    assert not asks(slave, mbap("F1 03 00 01 00 02"), 1.2)
