"""A replay tells and does what was recorded, on every kind of line."""

from __future__ import annotations

import asyncio
import contextlib
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from neasmart.cli import replay
from neasmart.core.gateway import Gateway
from neasmart.settings.model import ServerSettings, ServerType
from neasmart.simulator.bus.transport import Opener, Transport
from neasmart.sysbus import Framing, LineFacts, Recorder, Tap
from neasmart.sysbus.capture.capture import CaptureReader, Chunk, written
from neasmart.sysbus.line.connection import Direction
from neasmart.sysbus.slave.slaves import RtuSlave
from neasmart.sysbus.slave.station import Station
from tests.support.bus import BROADCAST_OUTSIDE, POLL_240, Hands, new_gateway, until
from tests.support.bus_links import PtyPair, Running, StartLink
from tests.support.ports import free_port

HOUSE = Path(__file__).parents[1] / "frames" / "simulated-house.pcapng"
ZONES = [(1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (2, 1), (2, 2), (2, 3), (2, 5), (5, 1), (5, 12)]


@contextlib.contextmanager
def house() -> Iterator[CaptureReader]:
    with HOUSE.open("rb") as file:
        yield CaptureReader(file)


def values(gateway: Gateway) -> dict[str, object]:
    return {reading.ref.id: reading.value for reading in gateway.plant.readings if reading.at is not None}


def replayed() -> Gateway:
    """Return a gateway that has heard the whole recording."""
    hands = Hands()
    gateway = new_gateway(hands.clock)
    slave = RtuSlave(Station(gateway))
    with house() as capture:
        for chunk in capture:
            if chunk.direction is Direction.RECEIVED:
                slave.receive(chunk.content, chunk.at, late=False)
    return gateway


def test_the_sample_of_the_house_is_told_in_words() -> None:
    said: list[str] = []
    with house() as capture:
        outcome = replay.shown(capture, said.append)

    assert outcome.frames == len(said) - 1 > 150
    assert "zones: 1.1, 1.2, 1.3, 1.4, 1.5, 2.1, 2.2, 2.3, 2.5, 5.1, 5.12" in said[-1]
    assert "walk: 4.0" in said[-1]
    assert any(" < 240 read        zone.1.1.state, zone.1.1.setpoint" in line for line in said)
    assert any(" > 240 read reply  zone.1.1.state = " in line for line in said)
    assert any("<   0 write       global.outside_temperature = " in line for line in said)


def test_a_replay_gives_the_very_replies_that_were_recorded() -> None:
    hands = Hands()
    gateway = new_gateway(hands.clock)
    slave = RtuSlave(Station(gateway))
    given, recorded = [], []
    with house() as capture:
        for chunk in capture:
            hands.now = chunk.at
            if chunk.direction is Direction.SENT:
                recorded.append(chunk.content)
                slave.sent(chunk.content, chunk.at)
            elif reply := slave.receive(chunk.content, chunk.at, late=False).reply:
                given.append(reply)

    assert given == recorded
    assert len(given) > 40


@pytest.mark.parametrize("kind", [ServerType.RTU_TCP, ServerType.TCP])
async def test_a_recording_plays_the_base_over_tcp(start_link: StartLink, kind: ServerType) -> None:
    settings = ServerSettings(type=kind, address="127.0.0.1", port=free_port())
    running = start_link(settings)
    await running.reaches("waiting_for_peer")
    transport = Transport.TCP if kind is ServerType.TCP else Transport.RTU_TCP
    framing = Framing.MBAP if kind is ServerType.TCP else Framing.RTU
    with house() as capture:
        await replay.served(capture, Opener(transport, f"127.0.0.1:{settings.port}"), framing, None)

    await until(lambda: values(running.gateway) == values(replayed()), "all has arrived")
    assert running.gateway.plant.zones == ZONES
    counters = running.gateway.bus.counters
    # A busy machine has the gateway hold a few back.
    assert counters.replies + counters.replies_late + counters.requests_stale > 30


async def test_a_recording_plays_the_base_on_a_serial_line(start_link: StartLink, pty_pair: PtyPair) -> None:
    running = start_link(ServerSettings(type=ServerType.SERIAL, serial_port=str(pty_pair.ours)))
    await running.reaches("connected")
    with house() as capture:
        await replay.served(capture, Opener(Transport.SERIAL, str(pty_pair.theirs)), Framing.RTU, None)

    await until(lambda: running.gateway.plant.zones == ZONES, "all has arrived")


async def test_the_recorded_speed_is_kept_or_multiplied(start_link: StartLink) -> None:
    running = await _waiting(start_link)
    chunks = [
        Chunk(at=100.0 + number / 2, direction=Direction.RECEIVED, content=BROADCAST_OUTSIDE) for number in range(4)
    ]
    content = written(LineFacts(framing=Framing.RTU, unit_ids=(240, 241)), chunks)
    loop = asyncio.get_running_loop()

    began = loop.time()
    opener = Opener(Transport.RTU_TCP, f"127.0.0.1:{running.settings.port}")
    await replay.served(CaptureReader(io.BytesIO(content)), opener, Framing.RTU, 5.0)

    assert loop.time() - began >= 0.3
    await until(lambda: running.gateway.bus.counters.broadcasts == 4, "all has arrived")


async def test_what_is_recorded_while_a_recording_plays_is_that_recording(
    start_link: StartLink, tmp_path: Path
) -> None:
    gateway = new_gateway()
    facts = LineFacts(framing=Framing.RTU, unit_ids=gateway.bus.unit_ids)
    recorder = Recorder(tmp_path, facts, gateway)
    settings = ServerSettings(type=ServerType.RTU_TCP, address="127.0.0.1", port=free_port())
    running = start_link(settings, gateway=gateway, on_bytes=Tap(gateway, facts, recorder))
    await running.reaches("waiting_for_peer")
    await recorder.start()
    with house() as capture:
        await replay.served(capture, Opener(Transport.RTU_TCP, f"127.0.0.1:{settings.port}"), Framing.RTU, None)
    with house() as capture:
        sent = _received(capture)
    await until(lambda: gateway.bus.counters.bytes_received == len(sent), "all has arrived")
    status = await recorder.stop()

    with (tmp_path / status.name).open("rb") as file:
        assert _received(CaptureReader(file)) == sent


def test_who_has_seen_enough_is_not_told_that_the_recording_is_broken() -> None:
    command = f"{sys.executable} -m neasmart replay {HOUSE} | head -1"
    done = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True)

    assert (done.stdout.count("\n"), done.stderr) == (1, "")


def test_the_command_prints_and_refuses_what_is_no_capture(tmp_path: Path) -> None:
    shown = _command(str(HOUSE))
    other = tmp_path / "other.pcapng"
    other.write_bytes(b"this is something else")
    refused = _command(str(other))
    missing = _command(str(tmp_path / "missing"))

    assert (shown.returncode, "zones: 1.1" in shown.stdout) == (0, True)
    assert (refused.returncode, "no pcapng file" in refused.stderr) == (1, True)
    assert (missing.returncode, "No such file" in missing.stderr) == (1, True)


def test_the_command_says_that_nobody_listens() -> None:
    refused = _command(str(HOUSE), "--serve", "--rtu-tcp", f"127.0.0.1:{free_port()}", "--fast")

    assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)


def test_only_requests_are_sent_on_a_line_of_the_other_kind() -> None:
    reply = POLL_240[:2] + b"\x04\x00\x01\x0c\x33\x0e\x29"
    chunks = [Chunk(at=1.0, direction=Direction.RECEIVED, content=POLL_240 + reply + BROADCAST_OUTSIDE + b"\xff\xff")]
    content = written(LineFacts(framing=Framing.RTU, unit_ids=(240, 241)), chunks)

    sent = list(replay.pieces(CaptureReader(io.BytesIO(content)), Framing.MBAP))

    assert [(piece.content[6:8], piece.asks) for piece in sent] == [(b"\xf0\x03", True), (b"\x00\x10", False)]


async def _waiting(start_link: StartLink) -> Running:
    running = start_link(ServerSettings(type=ServerType.RTU_TCP, address="127.0.0.1", port=free_port()))
    await running.reaches("waiting_for_peer")
    return running


def _received(capture: CaptureReader) -> bytes:
    return b"".join(chunk.content for chunk in capture if chunk.direction is Direction.RECEIVED)


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "neasmart", "replay", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
