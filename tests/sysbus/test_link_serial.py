"""Serial lines and dialled converters: read by independent clients, unplugged, missing, busy, and found again."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
import struct
import sys
import termios
import threading
import tty
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import serialx
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient
from serialx.platforms.serial_rfc2217 import RFC2217SerialTransport
from serialx.platforms.serial_rfc2217.types import SetModemstateMaskCmd

from neasmart.facts.points import TABLE
from neasmart.facts.retries import BreakerState
from neasmart.settings.model import ModbusSettings, ServerSettings, ServerType
from neasmart.sysbus.line import port
from neasmart.sysbus.line.link import FIRST_WAIT_S, LinkTuning
from neasmart.sysbus.line.port import PortTimes
from neasmart.sysbus.transport import serial_line
from neasmart.sysbus.transport.serial_line import LenientTransport
from neasmart.sysbus.transport.tcp_options import keep_alive
from tests.support.bus import BROADCAST_STATE_AND_SETPOINT, NO_DATA_240, POLL_240, RFC2217_SERVED, mbap, until
from tests.support.bus_links import PtyPair, StartLink, ask, mbpoll
from tests.support.ports import free_port

STATE = TABLE.ref("zone.1.1.state")
READER = (
    "import os, select, sys\nwhile True:\n select.select([int(sys.argv[1])], [], [])\n os.read(int(sys.argv[1]), 4096)"
)


def serial(path: Path | str, baudrate: int = 38400) -> ServerSettings:
    return ServerSettings(type=ServerType.SERIAL, serial_port=str(path), baudrate=baudrate)


async def polled(pair: PtyPair) -> bytes:
    """Poll through the other end of the line until an answer comes; a poll that was repeated may be answered twice."""
    loop = asyncio.get_running_loop()
    line = await asyncio.to_thread(os.open, pair.theirs, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    received = bytearray()
    loop.add_reader(line, lambda: received.extend(os.read(line, 4096)))
    try:
        for asked in range(1, 61):
            os.write(line, POLL_240)
            try:
                await until(lambda: len(received) >= len(NO_DATA_240), "a reply", 0.5)
            except AssertionError:
                continue
            answer = bytes(received[: len(NO_DATA_240)])
            assert (answer * asked).startswith(received)
            return answer
    finally:
        loop.remove_reader(line)
        os.close(line)
    raise AssertionError("no answer on the line")


async def test_the_serial_client_of_pymodbus_reads_and_writes(start_link: StartLink, pty_pair: PtyPair) -> None:
    running = start_link(serial(pty_pair.ours))
    await running.reaches("connected")
    client = AsyncModbusSerialClient(str(pty_pair.theirs), framer=FramerType.RTU, baudrate=38400, timeout=2)
    assert await client.connect()

    written = await client.write_registers(STATE.address, [1, 0x0C33], device_id=240)
    single = await client.write_register(STATE.address, 2, device_id=241)
    read = await client.read_holding_registers(STATE.address, count=2, device_id=241)
    client.close()

    assert not written.isError()
    assert not single.isError()
    assert read.registers == [0, 0]


async def test_mbpoll_reads_over_the_line(start_link: StartLink, pty_pair: PtyPair) -> None:
    running = start_link(serial(pty_pair.ours))
    await running.reaches("connected")

    options = ("-m", "rtu", "-b", "38400", "-P", "none", "-a", "240", "-0", "-r", "1", "-c", "2", "-1", "-o", "5")

    assert "[1]: \t10\n[2]: \t10\n" in await mbpoll(*options, str(pty_pair.theirs))


async def test_the_line_is_found_again_after_it_was_pulled(
    start_link: StartLink, pty_pair: PtyPair, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    running = start_link(serial(pty_pair.ours))
    await running.reaches("connected")
    assert await polled(pty_pair) == NO_DATA_240

    await pty_pair.pull()
    await until(lambda: not running.gateway.link.connected, "the loss is noticed")
    await running.reaches("no_device")
    await pty_pair.plug()
    await running.reaches("connected")

    assert await polled(pty_pair) == NO_DATA_240
    said = [record.getMessage() for record in caplog.records if record.getMessage().startswith("link:")]
    assert len(said) == 4


async def test_a_line_missing_at_the_start_is_opened_as_soon_as_it_appears(
    start_link: StartLink, tmp_path: Path
) -> None:
    pair = PtyPair(tmp_path / "ours", tmp_path / "theirs")
    # Without the look at the path the open breaker would wait for a minute.
    running = start_link(serial(pair.ours), modbus=ModbusSettings(circuit_breaker_failure_threshold=1))
    await running.reaches("no_device")
    assert running.gateway.link.breaker is BreakerState.OPEN
    assert str(pair.ours) in running.gateway.link.detail

    await pair.plug()
    await running.reaches("connected")

    assert await polled(pair) == NO_DATA_240
    await pair.pull()


async def test_the_by_id_link_is_followed_to_the_new_device(
    start_link: StartLink, pty_pair: PtyPair, tmp_path: Path
) -> None:
    other = PtyPair(tmp_path / "ours2", tmp_path / "theirs2")
    await other.plug()
    by_id = tmp_path / "by-id"
    by_id.symlink_to(pty_pair.ours.resolve())
    running = start_link(serial(by_id))
    await running.reaches("connected")

    # The old device stays open and silent, without an end of file: only the path tells.
    by_id.unlink()
    by_id.symlink_to(other.ours.resolve())
    await until(lambda: not running.gateway.link.connected, "the change is noticed")
    await running.reaches("connected")

    assert await polled(other) == NO_DATA_240
    await other.pull()


async def test_a_device_that_vanishes_without_a_word_is_missed(
    start_link: StartLink, pty_pair: PtyPair, tmp_path: Path
) -> None:
    path = tmp_path / "by-id"
    path.symlink_to(pty_pair.ours.resolve())
    running = start_link(serial(path), tuning=LinkTuning(port=PortTimes(look_s=0.05)))
    await running.reaches("connected")

    path.unlink()

    await running.reaches("no_device")


async def test_a_busy_line_is_said_and_opened_once_it_is_free(start_link: StartLink, pty_pair: PtyPair) -> None:
    first = start_link(serial(pty_pair.ours))
    await first.reaches("connected")
    second = start_link(serial(pty_pair.ours))
    await second.reaches("device_busy")

    await first.stop()

    await second.reaches("connected")


async def test_a_link_that_begins_anew_is_not_shown_as_the_end_of_the_one_before(
    start_link: StartLink, pty_pair: PtyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start_link(serial(pty_pair.ours))
    await first.reaches("connected")
    await first.stop()
    assert first.gateway.link.code == "stopped"
    assert "stopping" not in first.gateway.link.detail

    async def takes_long(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(serialx, "create_serial_connection", takes_long)
    second = start_link(serial(pty_pair.ours), gateway=first.gateway)

    await second.reaches("starting")


async def test_a_path_that_is_no_serial_line_is_said(start_link: StartLink, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    running = start_link(serial(path))

    await running.reaches("no_device")

    assert "not a serial port" in running.gateway.link.detail


async def test_a_missing_port_in_the_settings_is_said(start_link: StartLink) -> None:
    running = start_link(serial(""))

    await running.reaches("not_configured")


def waits_in(line: int) -> int:
    """Return how many bytes wait to be read."""
    return int.from_bytes(fcntl.ioctl(line, termios.FIONREAD, bytes(4)), sys.byteorder)


async def test_what_lay_in_the_line_before_is_thrown_away(start_link: StartLink, pty_pair: PtyPair) -> None:
    line = await asyncio.to_thread(os.open, pty_pair.ours, os.O_RDWR | os.O_NOCTTY)
    other = await asyncio.to_thread(os.open, pty_pair.theirs, os.O_RDWR | os.O_NOCTTY)
    lying = BROADCAST_STATE_AND_SETPOINT * 3
    os.write(other, lying)
    await until(lambda: waits_in(line) == len(lying), "all of it has arrived")

    running = start_link(serial(pty_pair.ours))
    await running.reaches("connected")

    assert await polled(pty_pair) == NO_DATA_240
    assert running.gateway.bus.counters.broadcasts == 0
    os.close(line)
    os.close(other)


async def test_a_converter_that_waits_for_us_is_dialled_again_for_ever(start_link: StartLink) -> None:
    arrived: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    port = free_port()
    running = start_link(serial(f"socket://127.0.0.1:{port}"))
    await running.reaches("cannot_dial")

    async with await asyncio.start_server(lambda *streams: arrived.put_nowait(streams), "127.0.0.1", port):
        reader, writer = await asyncio.wait_for(arrived.get(), 30)
        assert await ask(reader, writer, POLL_240, len(NO_DATA_240)) == NO_DATA_240
        writer.close()
        reader, writer = await asyncio.wait_for(arrived.get(), 30)
        assert await ask(reader, writer, POLL_240, len(NO_DATA_240)) == NO_DATA_240
        writer.close()


async def test_a_silent_converter_is_dialled_anew(start_link: StartLink) -> None:
    arrived: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    tuning = LinkTuning(port=PortTimes(look_s=0.05, idle_s=0.2))
    async with await asyncio.start_server(lambda _reader, writer: arrived.put_nowait(writer), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        start_link(serial(f"socket://127.0.0.1:{port}"), tuning=tuning)

        for _ in range(2):
            (await asyncio.wait_for(arrived.get(), 30)).close()


async def test_a_converter_that_accepts_and_hangs_up_is_named_and_dialled_less_and_less(
    start_link: StartLink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    dialled: list[float] = []

    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dialled.append(asyncio.get_running_loop().time())
        writer.write(b"Port already \x1b[1min use\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        running = start_link(serial(f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        await running.reaches("converter_busy")
        link = running.gateway.link
        assert (link.said, link.connected) == ("Port already [1min use", False)
        assert link.said in link.detail
        await until(lambda: len(running.gateway.link.past) == 5, "five trials")

    assert running.gateway.link.dials == 5
    assert [past.why for past in running.gateway.link.past] == ["converter_busy"] * 5
    for number, (earlier, later) in enumerate(pairwise(dialled)):
        assert later - earlier >= FIRST_WAIT_S * 2**number
    said = [record.getMessage() for record in caplog.records if record.getMessage().startswith("link:")]
    assert len(said) == 2


async def test_a_valid_frame_lets_the_dialling_begin_anew(start_link: StartLink) -> None:
    dialled, left = list[float](), list[float]()

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dialled.append(asyncio.get_running_loop().time())
        if len(dialled) == 4:
            assert await ask(reader, writer, POLL_240, len(NO_DATA_240)) == NO_DATA_240
        left.append(asyncio.get_running_loop().time())
        writer.close()

    async with await asyncio.start_server(answer_once, "127.0.0.1", 0) as server:
        running = start_link(serial(f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        await until(lambda: len(dialled) == 5, "it is dialled after it has worked")

    assert dialled[4] - left[3] < FIRST_WAIT_S * 2**3, "as long as the fourth wait would have been"
    assert running.gateway.link.dials <= 2


@pytest.mark.parametrize("kind", [ServerType.AUTO, ServerType.TCP, ServerType.RTU_TCP])
async def test_a_device_that_is_set_is_the_link_whatever_listening_would_have_been(
    start_link: StartLink, pty_pair: PtyPair, kind: ServerType, caplog: pytest.LogCaptureFixture
) -> None:
    running = start_link(ServerSettings(type=kind, serial_port=str(pty_pair.ours)))
    await running.reaches("connected")

    assert await polled(pty_pair) == NO_DATA_240
    # A busy machine may say for itself that it stood still.
    of_link = [record for record in caplog.records if record.name.startswith("neasmart.sysbus.line.")]
    contradicted = [record.getMessage() for record in of_link if record.levelno == logging.WARNING]
    assert len(contradicted) == (kind is not ServerType.AUTO)
    assert all(kind.value in text and str(pty_pair.ours) in text for text in contradicted)


async def test_another_program_that_reads_the_same_device_is_named(start_link: StartLink) -> None:
    base, ours = os.openpty()
    tty.setraw(ours)
    os.set_blocking(base, False)
    running = start_link(serial(os.ttyname(ours)), tuning=LinkTuning(port=PortTimes(vanish_s=0.05)))
    await running.reaches("connected")
    # The other program takes the bytes away between our being woken and our reading; it takes turns with us.
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", READER, str(ours), pass_fds=(ours,))

    def shared() -> bool:
        with contextlib.suppress(BlockingIOError):
            os.write(base, POLL_240)
        return running.gateway.link.code == "device_shared"

    try:
        await until(shared, "it is named")
    finally:
        other.terminate()
        await other.wait()
        await running.stop()
        os.close(base)
        os.close(ours)


async def test_modbus_tcp_from_a_dialled_converter_is_counted(start_link: StartLink) -> None:
    async def translate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(mbap("F0 03 00 64 00 02") * 4)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(translate, "127.0.0.1", 0) as server:
        running = start_link(serial(f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        await until(lambda: running.gateway.bus.counters.mbap_on_rtu == 4, "all are recognised")
        await running.stop()


@pytest.fixture
async def ser2net_port(request: pytest.FixtureRequest, pty_pair: PtyPair, tmp_path: Path) -> AsyncIterator[int]:
    port = free_port()
    config = tmp_path / "ser2net.yaml"
    config.write_text(
        f"%YAML 1.1\n---\nconnection: &bus\n  accepter: {request.param},127.0.0.1,{port}\n"
        f"  connector: serialdev,{pty_pair.ours},38400n81,local\n  options:\n    mdns: false\n"
    )
    with (tmp_path / "ser2net.log").open("wb") as log:
        program = await asyncio.create_subprocess_exec(
            *("ser2net", "-n", "-u", "-d", "-c", str(config)), stdout=log, stderr=log
        )
    await until(lambda: f":{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text(), "ser2net listens")
    yield port
    program.terminate()
    await program.wait()


DIALLED = pytest.mark.parametrize(
    ("ser2net_port", "scheme"),
    [("tcp", "socket"), ("telnet(rfc2217),tcp", "rfc2217")],
    indirect=["ser2net_port"],
    ids=["raw", "rfc2217"],
)


@DIALLED
async def test_ser2net_is_dialled(start_link: StartLink, pty_pair: PtyPair, ser2net_port: int, scheme: str) -> None:
    running = start_link(serial(f"{scheme}://127.0.0.1:{ser2net_port}"))
    await running.reaches("connected")

    assert await polled(pty_pair) == NO_DATA_240


@DIALLED
async def test_a_dialled_converter_that_loses_its_power_is_noticed_by_the_kernel(
    start_link: StartLink, ser2net_port: int, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[socket.socket] = []

    def watched(connected: socket.socket) -> None:
        keep_alive(connected)
        kept.append(connected)

    for module in (port, serial_line):
        monkeypatch.setattr(module, "keep_alive", watched)
    running = start_link(serial(f"{scheme}://127.0.0.1:{ser2net_port}"))
    await running.reaches("connected")

    (dialled,) = kept
    assert dialled.getpeername()[1] == ser2net_port
    assert dialled.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert dialled.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


@DIALLED
async def test_ser2net_that_another_program_holds_is_named_by_its_own_words(
    start_link: StartLink, ser2net_port: int, scheme: str
) -> None:
    holder = start_link(serial(f"{scheme}://127.0.0.1:{ser2net_port}"))
    await holder.reaches("connected")
    running = start_link(serial(f"{scheme}://127.0.0.1:{ser2net_port}"))

    await running.reaches("converter_busy")
    assert "in use" in running.gateway.link.said

    await holder.stop()
    await running.reaches("connected")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (b"\xff\xfb\x01\xff\xfd\x2cPort busy\r\n", "converter_busy", "Port busy"),
        (b"", "converter_busy", ""),
        (b"login: \xff\xfe\x00", "cannot_dial", ""),
    ],
    ids=["words between options", "nothing", "a server of another kind"],
)
async def test_an_rfc2217_server_that_does_not_serve_is_told_by_what_it_does(
    start_link: StartLink, words: bytes, code: str, said: str
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        running = start_link(serial(f"rfc2217://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        await running.reaches(code)
        assert running.gateway.link.said == said
        await running.stop()


@pytest.mark.parametrize("served", [True, False], ids=["later", "at once"])
@pytest.mark.parametrize(
    ("talk", "why"),
    [
        (b"\xff\xfa\x2c\x6b\xff\xf0", "it sends what is no RFC 2217"),
        (b"\xff\xfa\x2c\x67\x09\xff\xf0", "it sends what is no RFC 2217"),
        (b"\xff\xfa\x2c" + bytes(100_000), "it negotiates without end"),
        (b"\xff\xfd\x63" * 100_000, "it negotiates without end"),
    ],
    ids=["an empty state", "a parity that is none", "an option without end", "options without end"],
)
async def test_an_rfc2217_server_that_talks_nonsense_is_left(
    start_link: StartLink, caplog: pytest.LogCaptureFixture, talk: bytes, why: str, *, served: bool
) -> None:
    over = asyncio.Event()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Nothing is read, so that answers lie.
        writer.write((RFC2217_SERVED if served else b"") + talk)
        await over.wait()
        writer.transport.abort()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        running = start_link(serial(f"rfc2217://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        await until(lambda: why in caplog.text, "it is left")
        await running.stop()
        over.set()

    assert "Traceback" not in caplog.text


async def test_the_words_of_a_server_that_hangs_up_while_it_is_answered_are_read(
    start_link: StartLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux keeps what was received before a reset, but the write that finds the reset ends the transport first."""
    asked, gone = threading.Event(), threading.Event()
    received = LenientTransport._data_received

    def late(transport: LenientTransport, data: bytes) -> None:
        asked.set()
        assert gone.wait(30)
        received(transport, data)

    def hang_up(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.recv(100)
        connection.sendall(b"\xff\xfd\x00")
        assert asked.wait(30)
        connection.sendall(b"Port already in use\r\n")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        gone.set()

    monkeypatch.setattr(LenientTransport, "_data_received", late)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=hang_up, args=(listener,))
        serving.start()
        running = start_link(serial(f"rfc2217://127.0.0.1:{listener.getsockname()[1]}"))
        await running.reaches("converter_busy")
        assert running.gateway.link.said == "Port already in use"
        await running.stop()
        serving.join()


async def test_the_words_of_a_server_that_hangs_up_as_a_confirmation_is_given_up_are_read(
    start_link: StartLink, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a slow machine the end of the connection and that of the patience come in one round of the loop."""
    confirmed = RFC2217SerialTransport._send_and_wait

    async def given_up(transport: RFC2217SerialTransport, cmd: Any) -> Any:
        if isinstance(cmd, SetModemstateMaskCmd):
            await until(lambda: transport._tcp_transport is None, "the connection has ended")
            raise TimeoutError
        return await confirmed(transport, cmd)

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(RFC2217_SERVED[:9] + b"Port already in use\r\n")
        writer.close()

    monkeypatch.setattr(RFC2217SerialTransport, "_send_and_wait", given_up)
    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        running = start_link(serial(f"rfc2217://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        await until(lambda: running.gateway.link.dials, "it was dialled")
        await running.reaches("converter_busy")
        assert running.gateway.link.said == "Port already in use"
        await running.stop()
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("ser2net_port", ["tcp"], indirect=True)
async def test_ser2net_without_its_dongle_is_dialled_less_and_less(
    start_link: StartLink, pty_pair: PtyPair, ser2net_port: int
) -> None:
    await pty_pair.pull()
    running = start_link(serial(f"socket://127.0.0.1:{ser2net_port}"))

    await running.reaches("converter_busy")
    await until(lambda: running.gateway.link.dials == 4, "it is dialled again and again")
    await until(lambda: running.gateway.link.said, "its words are shown")
