"""Listeners: who may connect, who is cut off, what independent clients read, and how a taken port is waited for."""

from __future__ import annotations

import asyncio
import errno
import logging
import re
import socket
import sys

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient

from neasmart.core.commands.command import CommandState
from neasmart.facts.points import TABLE
from neasmart.settings.model import ServerSettings, ServerType
from neasmart.sysbus.line import telling
from neasmart.sysbus.line.connection import Direction
from neasmart.sysbus.line.journal import FREE_LINES
from neasmart.sysbus.line.link import LinkTuning
from neasmart.sysbus.line.link_faults import listening_fault
from neasmart.sysbus.line.listener import PeerLimits
from neasmart.sysbus.line.telling import PAST_CONNECTIONS
from neasmart.sysbus.transport.tcp_options import READ_BYTES
from tests.support.bus import (
    BROADCAST_TEMPERATURE,
    NO_DATA_240,
    POLL_240,
    mbap,
    new_gateway,
    until,
)
from tests.support.bus_links import Dial, Running, StartLink, StartTcp, ask, closed, mbpoll
from tests.support.ports import free_port

POLL = mbap("F0 03 00 64 00 02")
NO_DATA = mbap("F0 03 04 00 00 00 00")
STATE, SETPOINT = TABLE.ref("zone.1.1.state"), TABLE.ref("zone.1.1.setpoint")


@pytest.mark.parametrize(
    ("kind", "framer"), [(ServerType.TCP, FramerType.SOCKET), (ServerType.RTU_TCP, FramerType.RTU)], ids=str
)
async def test_the_client_of_pymodbus_reads_and_writes(
    start_tcp: StartTcp, kind: ServerType, framer: FramerType
) -> None:
    running = await start_tcp(kind)
    client = AsyncModbusTcpClient("127.0.0.1", port=running.settings.port, framer=framer, timeout=2)
    assert await client.connect()

    written = await client.write_registers(STATE.address, [1, 0x0C33], device_id=240)
    single = await client.write_register(STATE.address, 2, device_id=241)
    read = await client.read_holding_registers(STATE.address, count=2, device_id=241)
    refused = await client.read_holding_registers(0xFFFF, count=1, device_id=240)
    client.close()

    assert not written.isError()
    assert not single.isError()
    assert read.registers == [0, 0]
    assert refused.exception_code == 2
    assert running.gateway.plant.reading(SETPOINT).value == pytest.approx(21.5)


def poll_of(zone: int) -> bytes:
    """Return a poll for each connection; the same one over two of them would be one bus, and answered once."""
    return mbap(f"F0 03 {100 * zone:04X} 00 02")


async def all_are_answered(running: Running, size: int) -> None:
    """Wait until every request, of so many bytes, has had its answer; what this machine held up gets none."""
    counters = running.gateway.bus.counters
    await until(lambda: counters.polls * size == counters.bytes_received, "each is carried out")
    assert counters.replies + counters.requests_stale == counters.polls


def of_link(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return what the link says; a busy machine may say for itself that it stood still."""
    return [each for each in caplog.records if each.name == telling.__name__]


async def test_mbpoll_reads(start_tcp: StartTcp) -> None:
    running = await start_tcp()
    options = ("-m", "tcp", "-p", str(running.settings.port), "-a", "241", "-0", "-r", "1", "-c", "2", "-1", "-o", "5")

    assert "[1]: \t10\n[2]: \t10\n" in await mbpoll(*options, "127.0.0.1")


async def test_a_reply_does_not_wait_for_another_read(start_tcp: StartTcp, dial: Dial) -> None:
    running = await start_tcp(ServerType.RTU_TCP)
    reader, writer = await dial(running)

    for byte in BROADCAST_TEMPERATURE:
        writer.write(bytes((byte,)))
        await writer.drain()
    assert await ask(reader, writer, POLL_240, len(NO_DATA_240)) == NO_DATA_240

    assert running.gateway.plant.zones == [(1, 1)]


@pytest.mark.parametrize("kind", [ServerType.TCP, ServerType.RTU_TCP], ids=str)
async def test_a_command_is_delivered_by_the_reply_that_carries_it(
    start_tcp: StartTcp, dial: Dial, kind: ServerType
) -> None:
    running = await start_tcp(kind)
    reader, writer = await dial(running)
    await running.reaches("connected")
    (command,) = running.gateway.submit([(STATE, 2)], origin="test")
    poll, length = (POLL, len(NO_DATA)) if kind is ServerType.TCP else (POLL_240, len(NO_DATA_240))

    assert (await ask(reader, writer, poll, length)).hex().count("0002") >= 1

    await until(lambda: running.gateway.commands.pending[0].state is CommandState.DELIVERED, "the command is delivered")
    assert running.gateway.commands.pending[0].id == command.id


async def test_many_requests_in_one_segment_are_each_answered(start_tcp: StartTcp, dial: Dial) -> None:
    running = await start_tcp()
    reader, writer = await dial(running)

    assert await ask(reader, writer, POLL * 20, len(NO_DATA) * 20) == NO_DATA * 20

    await all_are_answered(running, len(POLL))


def test_what_is_read_at_once_is_a_small_object() -> None:
    small_limit_bytes = 512  # of Python's own allocator, whatever the version
    assert sys.getsizeof(bytes(READ_BYTES)) <= small_limit_bytes


async def test_requests_that_need_several_reads_are_each_answered(start_tcp: StartTcp, dial: Dial) -> None:
    running = await start_tcp()
    reader, writer = await dial(running)
    number = 3 * READ_BYTES // len(POLL)

    assert await ask(reader, writer, POLL * number, number * len(NO_DATA)) == NO_DATA * number

    await all_are_answered(running, len(POLL))


async def test_connected_means_that_a_peer_is_there(start_tcp: StartTcp, dial: Dial) -> None:
    running = await start_tcp()
    assert not running.gateway.link.connected

    _, writer = await dial(running)
    await running.reaches("connected")
    assert running.gateway.link.connected
    assert len(running.gateway.link.peers) == 1
    writer.close()

    await running.reaches("waiting_for_peer")
    assert running.gateway.link.peers == ()


@pytest.mark.parametrize(
    ("allowed", "admitted"), [(["127.0.0.0/30"], True), (["10.0.0.0/8", "127.0.0.9"], False), (["::/0"], False)]
)
async def test_only_peers_from_allowed_networks_are_admitted(
    start_tcp: StartTcp, allowed: list[str], dial: Dial, *, admitted: bool
) -> None:
    running = await start_tcp(allowed=allowed)
    reader, writer = await dial(running)

    if admitted:
        assert await ask(reader, writer, POLL, len(NO_DATA)) == NO_DATA
    else:
        assert await closed(reader)
        assert running.gateway.bus.counters.peers_refused == 1


async def test_an_ipv4_peer_of_a_listener_for_both_families_is_judged_as_one(start_link: StartLink, dial: Dial) -> None:
    settings = ServerSettings(address="::", port=free_port(), allowed_peers=["127.0.0.1"])
    running = start_link(settings)
    await running.reaches("waiting_for_peer")

    reader, writer = await dial(running)
    assert await ask(reader, writer, POLL, len(NO_DATA)) == NO_DATA


async def test_a_ninth_peer_is_refused_while_the_others_are_alive(start_tcp: StartTcp, dial: Dial) -> None:
    running = await start_tcp()
    others = [await dial(running) for _ in range(8)]
    await until(lambda: len(running.gateway.link.peers) == 8, "eight are connected")

    ninth, _ = await dial(running)

    assert await closed(ninth)
    assert running.gateway.bus.counters.peers_refused == 1
    for zone, streams in enumerate(others, 1):
        assert await ask(*streams, poll_of(zone), len(NO_DATA)) == NO_DATA


async def test_the_newest_of_a_host_replaces_its_oldest_silent_one(start_tcp: StartTcp, dial: Dial) -> None:
    running = await start_tcp(tuning=LinkTuning(peers=PeerLimits(peers=2, own_host_s=0.0)))
    first = await dial(running)
    assert await ask(*first, poll_of(1), len(NO_DATA)) == NO_DATA
    second = await dial(running)
    assert await ask(*second, poll_of(2), len(NO_DATA)) == NO_DATA

    third = await dial(running)

    assert await ask(*third, poll_of(3), len(NO_DATA)) == NO_DATA
    assert await closed(first[0])
    assert await ask(*second, poll_of(2), len(NO_DATA)) == NO_DATA


async def test_bytes_that_are_no_frame_keep_no_place(start_tcp: StartTcp, dial: Dial) -> None:
    limits = PeerLimits(peers=2, own_host_s=1000.0, never_heard_s=0.3)
    running = await start_tcp(tuning=LinkTuning(peers=limits))
    talker, talker_writer = await dial(running)
    good, good_writer = await dial(running)
    assert await ask(good, good_writer, POLL, len(NO_DATA)) == NO_DATA
    loop = asyncio.get_running_loop()
    until_s = loop.time() + 0.4
    while loop.time() < until_s:
        talker_writer.write(b"\xff")
        await asyncio.sleep(0.02)

    newcomer, newcomer_writer = await dial(running)

    assert await ask(newcomer, newcomer_writer, poll_of(2), len(NO_DATA)) == NO_DATA
    assert await closed(talker)
    assert await ask(good, good_writer, POLL, len(NO_DATA)) == NO_DATA


async def test_what_has_ended_is_in_the_status(start_tcp: StartTcp, dial: Dial) -> None:
    running = await start_tcp()
    for _ in range(PAST_CONNECTIONS + 3):
        reader, writer = await dial(running)
        assert await ask(reader, writer, POLL, len(NO_DATA)) == NO_DATA
        writer.close()
        await running.reaches("waiting_for_peer")

    past = running.gateway.link.past
    assert len(past) == PAST_CONNECTIONS
    assert past[-1].host.startswith("127.0.0.1:")
    assert (past[-1].bytes % len(POLL), past[-1].frames > 0, past[-1].why) == (0, True, "it closed the connection")
    assert past[-1].opened_at <= past[-1].ended_at


async def test_a_converter_that_comes_and_goes_costs_few_lines(
    start_tcp: StartTcp, dial: Dial, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    running = await start_tcp()
    for _ in range(40):
        reader, writer = await dial(running)
        assert await ask(reader, writer, POLL, len(NO_DATA)) == NO_DATA
        writer.close()
        await running.reaches("waiting_for_peer")

    assert len(of_link(caplog)) <= FREE_LINES


async def test_a_ninth_peer_replaces_one_that_is_silent_for_long(start_tcp: StartTcp, dial: Dial) -> None:
    running = await start_tcp(
        tuning=LinkTuning(peers=PeerLimits(peers=2, own_host_s=1000.0, never_heard_s=1000.0, replaceable_after_s=0.0))
    )
    silent, _ = await dial(running)
    await until(lambda: len(running.gateway.link.peers) == 1, "the first is connected")
    lively, lively_writer = await dial(running)
    await ask(lively, lively_writer, poll_of(2), len(NO_DATA))

    newcomer, newcomer_writer = await dial(running)

    assert await ask(newcomer, newcomer_writer, POLL, len(NO_DATA)) == NO_DATA
    assert await closed(silent)
    assert running.gateway.bus.counters.peers_dropped == 1


async def test_an_idle_peer_is_dropped(start_tcp: StartTcp, dial: Dial) -> None:
    running = await start_tcp(tuning=LinkTuning(peers=PeerLimits(idle_s=0.2, sweep_s=0.05)))
    reader, _ = await dial(running)

    assert await closed(reader)

    assert running.gateway.bus.counters.peers_dropped == 1
    await running.reaches("waiting_for_peer")


async def test_endless_rubbish_is_cut_off(start_tcp: StartTcp, caplog: pytest.LogCaptureFixture, dial: Dial) -> None:
    running = await start_tcp(ServerType.RTU_TCP)
    reader, writer = await dial(running)

    writer.write(b"\x55" * 70_000)

    assert await closed(reader)
    assert running.gateway.bus.counters.peers_dropped == 1
    found = re.search(r"was cut off: it sent (\d+) bytes without a valid frame", caplog.text)
    assert found is not None
    assert 0 <= int(found[1]) - PeerLimits().rubbish_bytes < READ_BYTES


async def test_modbus_tcp_where_rtu_is_insisted_on_is_named_and_not_cut_off(
    start_tcp: StartTcp, caplog: pytest.LogCaptureFixture, dial: Dial
) -> None:
    running = await start_tcp(ServerType.RTU_TCP, tuning=LinkTuning(peers=PeerLimits(rubbish_bytes=200)))
    reader, writer = await dial(running)

    for _ in range(30):
        writer.write(POLL)
        await writer.drain()
    await until(lambda: running.gateway.bus.counters.mbap_on_rtu == 30, "all are recognised")

    assert running.gateway.bus.counters.peers_dropped == 0
    assert "auto" in next(record.getMessage() for record in of_link(caplog) if record.levelno == logging.WARNING)
    assert await ask(reader, writer, POLL_240, len(NO_DATA_240)) == NO_DATA_240


@pytest.mark.parametrize("heartbeat", [b"www.usr.cn", b"\xff", bytes(4)])
async def test_a_heartbeat_between_good_requests_costs_no_poll(
    start_tcp: StartTcp, dial: Dial, heartbeat: bytes
) -> None:
    running = await start_tcp(ServerType.TCP)
    reader, writer = await dial(running)

    for number in range(60):
        request = heartbeat + mbap("F0 03 00 64 00 02", number)
        assert await ask(reader, writer, request, len(NO_DATA)) == mbap("F0 03 04 00 00 00 00", number)

    await all_are_answered(running, len(heartbeat + POLL))
    assert running.gateway.bus.counters.peers_dropped == 0


async def test_a_peer_that_does_not_speak_modbus_tcp_is_cut_off(start_tcp: StartTcp, dial: Dial) -> None:
    running = await start_tcp(ServerType.TCP)
    reader, writer = await dial(running)

    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 100)

    assert await closed(reader)
    assert running.gateway.bus.counters.bad_headers > 5


async def test_rtu_on_the_modbus_tcp_port_is_named_with_the_setting_to_change(
    start_tcp: StartTcp, caplog: pytest.LogCaptureFixture, dial: Dial
) -> None:
    running = await start_tcp(ServerType.TCP)
    _, writer = await dial(running)

    for _ in range(3):
        writer.write(POLL_240)
        await writer.drain()
    await until(lambda: running.gateway.bus.counters.rtu_on_tcp == 3, "three frames are recognised")

    warnings = [record.getMessage() for record in of_link(caplog) if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "Simple Modbus TCP to RTU" in warnings[0]
    assert "auto" in warnings[0]


def test_an_address_that_no_version_of_python_can_listen_on_is_said_in_the_same_words() -> None:
    older = OSError(errno.EADDRNOTAVAIL, "error while attempting to bind on address ('192.0.2.1', 502)")
    newer = OSError("could not bind on any address out of [('192.0.2.1', 502)]")

    said = [listening_fault("192.0.2.1", "192.0.2.1:502", error) for error in (older, newer)]

    assert [each.code for each in said] == ["foreign_address", "foreign_address"]
    assert said[0].said == said[1].said


async def test_a_taken_port_is_said_and_opened_once_it_is_free(start_link: StartLink) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        running = start_link(ServerSettings(address="127.0.0.1", port=port))
        await running.reaches("cannot_listen")
        assert "used by another program" in running.gateway.link.detail

    await running.reaches("waiting_for_peer")


async def test_an_address_of_another_host_cannot_be_listened_on(start_link: StartLink) -> None:
    running = start_link(ServerSettings(address="192.0.2.1", port=free_port()))

    await running.reaches("foreign_address")
    assert "192.0.2.1 is not an address of this computer" in running.gateway.link.detail


async def test_a_peer_that_never_reads_does_not_fill_the_memory(start_tcp: StartTcp) -> None:
    running = await start_tcp()
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.settimeout(0)
        await asyncio.get_running_loop().sock_connect(deaf, ("127.0.0.1", running.settings.port))
        await running.reaches("connected")

        long_poll = mbap("F0 03 00 64 00 7D") * 50
        async with asyncio.timeout(30):
            while running.gateway.link.connected:
                try:
                    await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(deaf, long_poll), 1)
                except OSError:
                    break
        await running.reaches("waiting_for_peer")


async def test_a_recorder_sees_all_bytes_of_the_wire(start_link: StartLink, dial: Dial) -> None:
    wire: list[tuple[Direction, bytes]] = []
    settings = ServerSettings(address="127.0.0.1", port=free_port())
    running = start_link(settings, on_bytes=lambda direction, chunk, *_: wire.append((direction, chunk)))
    await running.reaches("waiting_for_peer")
    reader, writer = await dial(running)

    await ask(reader, writer, POLL, len(NO_DATA))

    assert wire[0] == (Direction.RECEIVED, POLL)
    assert wire[-1] == (Direction.SENT, NO_DATA)


async def test_stopping_closes_everything(start_tcp: StartTcp, dial: Dial) -> None:
    running = await start_tcp()
    reader, _ = await dial(running)
    await running.reaches("connected")

    await running.stop()

    assert await closed(reader)
    assert running.gateway.link.code == "stopped"
    with pytest.raises(ConnectionRefusedError):
        await dial(running)


async def test_a_new_connection_makes_the_base_say_everything_anew(start_link: StartLink, dial: Dial) -> None:
    gateway = new_gateway()
    running = start_link(ServerSettings(address="127.0.0.1", port=free_port()), gateway=gateway)
    await running.reaches("waiting_for_peer")
    gateway.bus.write(SETPOINT.address, [0x0C33], function_code=16, unit_id=0, now=gateway.clock.monotonic())

    reader, writer = await dial(running)

    assert await ask(reader, writer, POLL, len(NO_DATA)) == NO_DATA
