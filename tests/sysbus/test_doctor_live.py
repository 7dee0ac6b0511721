"""The states of the wiring doctor on real ttys and sockets, and the command that looks before anything is set."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from neasmart.cli import check
from neasmart.core.gateway import Gateway
from neasmart.diagnosis.patterns import Hint
from neasmart.diagnosis.verdicts import DoctorState, code_of
from neasmart.settings.model import ServerSettings, ServerType, Settings
from neasmart.sysbus import Framing, LineFacts, Tap
from tests.support.bus import (
    BROADCAST_TEMPERATURE,
    FOREIGN_POLL,
    POLL_240,
    STATE_AND_SETPOINT_240,
    new_gateway,
    until,
)
from tests.support.bus_links import Dial, PtyPair, StartLink
from tests.support.ports import free_port
from tests.support.uart import line, received, walk

FAST = check.ListenTimes(listen_s=3.0, try_s=1.5)
SPEEDS = {termios.B9600: 9600, termios.B19200: 19200, termios.B38400: 38400, termios.B115200: 115200}


def patient() -> Gateway:
    """Return a gateway whose doctor does not wait for a walk."""
    gateway = new_gateway()
    gateway.watch_bus(gateway.bus.unit_ids, final=True)
    return gateway


def tapped(gateway: Gateway, framing: Framing = Framing.RTU) -> Tap:
    return Tap(gateway, LineFacts(framing=framing, unit_ids=gateway.bus.unit_ids))


async def finding(gateway: Gateway, state: DoctorState, hint: str | None = None) -> None:
    """Tick as the application does until the doctor says this."""

    def says() -> bool:
        gateway.tick(gateway.clock.monotonic())
        return gateway.watch.diagnosis.code == code_of(state, hint)

    try:
        await until(says, "the finding")
    except AssertionError as error:
        raise AssertionError(f"wanted {state}, found {gateway.watch.diagnosis}") from error


def serial(path: Path | str) -> ServerSettings:
    return ServerSettings(type=ServerType.SERIAL, serial_port=str(path))


async def test_a_missing_device(start_link: StartLink, tmp_path: Path) -> None:
    running = start_link(serial(tmp_path / "nothing"))

    await finding(running.gateway, DoctorState.NO_DEVICE)


async def test_a_busy_device(start_link: StartLink, pty_pair: PtyPair) -> None:
    await start_link(serial(pty_pair.ours)).reaches("connected")
    second = start_link(serial(pty_pair.ours))

    await finding(second.gateway, DoctorState.DEVICE_BUSY)


async def test_a_converter_that_cannot_be_dialled(start_link: StartLink) -> None:
    running = start_link(serial(f"socket://127.0.0.1:{free_port()}"))

    await finding(running.gateway, DoctorState.CANNOT_DIAL)


async def test_nobody_dials_and_then_a_silent_converter(start_link: StartLink, dial: Dial) -> None:
    settings = ServerSettings(type=ServerType.TCP, address="127.0.0.1", port=free_port())
    running = start_link(settings, gateway=patient())
    await finding(running.gateway, DoctorState.NOBODY_DIALS)

    await dial(running)

    await finding(running.gateway, DoctorState.SILENT)


async def test_a_converter_that_sends_rtu_to_modbus_tcp(start_link: StartLink, dial: Dial) -> None:
    gateway = patient()
    settings = ServerSettings(type=ServerType.TCP, address="127.0.0.1", port=free_port())
    running = start_link(settings, gateway=gateway, on_bytes=tapped(gateway, Framing.MBAP))
    await running.reaches("waiting_for_peer")
    _, writer = await dial(running)
    writer.write(b"".join(walk(1)[:5]))

    await finding(gateway, DoctorState.NOISE, Hint.RTU_ON_TCP.value)


LIVE: dict[str, tuple[Sequence[bytes], DoctorState, str | None]] = {
    "swapped wires": ([received(line(walk(2), swapped=True))], DoctorState.NOISE, Hint.SWAPPED.value),
    "wrong speed": ([received(line(walk(2)), speed=3.0)], DoctorState.NOISE, Hint.SPEED.value),
    "frames of others": ([FOREIGN_POLL] * 5, DoctorState.NOT_FOR_US, None),
    "polls alone": ([POLL_240] * 5, DoctorState.NO_WRITES, None),
    "writes alone": ([BROADCAST_TEMPERATURE] * 5, DoctorState.NO_POLLS, None),
    "both": ([POLL_240, BROADCAST_TEMPERATURE] * 5, DoctorState.HEALTHY, None),
    "base moved on": ([POLL_240 + BROADCAST_TEMPERATURE] * 5, DoctorState.TOO_LATE, None),
    "another device": ([POLL_240, STATE_AND_SETPOINT_240, BROADCAST_TEMPERATURE] * 5, DoctorState.RIVAL, None),
}


@pytest.mark.parametrize(("pieces", "state", "hint"), LIVE.values(), ids=LIVE.keys())
async def test_what_a_line_carries_is_named(
    start_link: StartLink, pty_pair: PtyPair, pieces: Sequence[bytes], state: DoctorState, hint: str | None
) -> None:
    gateway = patient()
    running = start_link(serial(pty_pair.ours), gateway=gateway, on_bytes=tapped(gateway))
    await running.reaches("connected")
    gateway.tick(gateway.clock.monotonic())
    base = os.open(pty_pair.theirs, os.O_RDWR | os.O_NOCTTY)
    try:
        for piece in pieces:
            before = gateway.bus.counters.bytes_received
            os.write(base, piece)
            await until(lambda: gateway.bus.counters.bytes_received >= before + len(piece), "the piece has arrived")  # noqa: B023 - awaited within the round

        await finding(gateway, state, hint)
    finally:
        os.close(base)


@contextlib.asynccontextmanager
async def base_at(baudrate: int) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Play a base on a pty whose reader sees what a UART would see at the speed that it has set.

    Yields the device and a list that gets whatever is written to the base.
    """
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    written: list[bytes] = []
    os.set_blocking(ours, False)

    async def play() -> None:
        levels = line(walk(1))
        while True:
            speed = SPEEDS.get(termios.tcgetattr(ours)[5])
            if speed is not None:
                ratio = speed / baudrate
                heard = received(levels, speed=ratio if ratio == 1 else ratio * 1.003)
                with contextlib.suppress(BlockingIOError):
                    os.write(ours, heard)
            await asyncio.sleep(0.05)
            with contextlib.suppress(BlockingIOError):
                written.append(os.read(ours, 4096))

    playing = asyncio.create_task(play())
    try:
        yield os.ttyname(theirs), written
    finally:
        playing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await playing
        os.close(ours)
        os.close(theirs)


async def test_the_check_finds_a_healthy_line_at_once_and_sends_nothing() -> None:
    said: list[str] = []
    async with base_at(38400) as (path, written):
        found = await check.examined(Settings(server=serial(path)), FAST, said.append)

    assert found.state is DoctorState.HEALTHY
    assert written == []
    assert "38400 8N1" in said[-1]


@pytest.mark.parametrize("baudrate", [9600, 19200])
async def test_the_check_tries_the_usual_speeds(baudrate: int) -> None:
    said: list[str] = []
    async with base_at(baudrate) as (path, written):
        found = await check.examined(Settings(server=serial(path)), FAST, said.append)

    assert (found.state, found.hint) == (DoctorState.NOISE, Hint.SPEED.value)
    assert f"valid frames at {baudrate} 8N1" in found.sentence
    assert written == []


async def test_the_check_names_swapped_wires(pty_pair: PtyPair) -> None:
    content = received(line(walk(2), swapped=True))
    base = os.open(pty_pair.theirs, os.O_RDWR | os.O_NOCTTY)
    examining = asyncio.create_task(
        check.examined(
            Settings(server=serial(pty_pair.ours)), check.ListenTimes(listen_s=1.5, try_s=0.2), lambda _text: None
        )
    )
    try:
        while not examining.done():
            os.write(base, content[:200])
            content = content[200:] + content[:200]
            await asyncio.sleep(0.05)
    finally:
        os.close(base)

    found = await examining
    assert (found.state, found.hint) == (DoctorState.NOISE, Hint.SWAPPED.value)


async def command(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "neasmart", "doctor", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30.0):
        said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_the_command_ends_with_0_on_a_healthy_line() -> None:
    async with base_at(38400) as (path, _):
        code, said = await command("--serial", path, "--seconds", "10")

    assert (code, "(healthy)" in said) == (0, True), said


async def test_the_command_ends_with_1_and_advice_without_a_device(tmp_path: Path) -> None:
    code, said = await command("--serial", str(tmp_path / "nothing"))

    assert code == 1
    assert "(no_device)" in said
    assert "What to do: Plug the adapter in" in said


async def test_the_command_waits_for_a_converter() -> None:
    code, said = await command("--tcp-listen", str(free_port()), "--address", "127.0.0.1", "--seconds", "1")

    assert code == 1
    assert "(nobody_dials)" in said


async def test_the_command_refuses_unit_ids_that_are_none() -> None:
    code, said = await command("--serial", "/dev/null", "--unit-ids", "x")

    assert code == 2
    assert "--unit-ids" in said
