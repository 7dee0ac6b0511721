"""The recorder keeps its bounds, never delays the bus, and its files are whole."""

from __future__ import annotations

import gc
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from neasmart.core.gateway import RECORDER
from neasmart.facts.status import RecorderStatus
from neasmart.settings.model import ServerSettings, ServerType
from neasmart.sysbus.capture.capture import CaptureReader, Chunk, LineFacts
from neasmart.sysbus.capture.recorder import Recorder, RecorderError, RecorderLimits
from neasmart.sysbus.capture.tap import KEPT_BYTES, Tap
from neasmart.sysbus.framing.kinds import Framing
from neasmart.sysbus.line.connection import Direction
from neasmart.sysbus.slave.either import EitherSlave
from tests.support.bus import BROADCAST_OUTSIDE, POLL_240, STATE_AND_SETPOINT_240, mbap, new_gateway, until
from tests.support.bus_links import Dial, StartLink, ask
from tests.support.ports import free_port

FACTS = LineFacts(framing=Framing.RTU, unit_ids=(240, 241))


@pytest.fixture
async def recorder(tmp_path: Path) -> AsyncIterator[Recorder]:
    recorder = Recorder(tmp_path / "captures", FACTS, new_gateway())
    yield recorder
    await recorder.stop()


def limited(folder: Path, limits: RecorderLimits) -> Recorder:
    return Recorder(folder, FACTS, new_gateway(), limits)


def chunks(path: Path) -> list[Chunk]:
    return list(CaptureReader(io.BytesIO(path.read_bytes())))


async def recorded(recorder: Recorder, *contents: bytes, started: float | None = None) -> Path:
    await recorder.start(started)
    for number, content in enumerate(contents):
        recorder.take(Direction.RECEIVED, content, 1000.0 + number / 1000)
    status = await recorder.stop()
    path = await recorder.path(status.name)
    assert path is not None
    return path


async def test_what_is_taken_is_in_the_file_with_direction_and_microseconds(recorder: Recorder) -> None:
    await recorder.start()
    recorder.take(Direction.RECEIVED, POLL_240, 1000.0)
    recorder.take(Direction.SENT, STATE_AND_SETPOINT_240, 1000.000125)
    status = await recorder.stop()

    path = await recorder.path(status.name)
    assert path is not None
    first, second = chunks(path)
    assert (first.direction, first.content) == (Direction.RECEIVED, POLL_240)
    assert (second.direction, second.content) == (Direction.SENT, STATE_AND_SETPOINT_240)
    assert second.at - first.at == pytest.approx(0.000125, abs=2e-6)


async def test_nothing_is_kept_before_the_start_and_after_the_stop(recorder: Recorder) -> None:
    recorder.take(Direction.RECEIVED, b"before", 1000.0)
    path = await recorded(recorder, b"during")
    recorder.take(Direction.RECEIVED, b"after", 1001.0)

    assert [chunk.content for chunk in chunks(path)] == [b"during"]


async def test_the_status_tells_its_life(recorder: Recorder) -> None:
    assert recorder.status == RecorderStatus()

    begun = await recorder.start(30.0)
    assert (begun.recording, begun.limit_s, begun.limit_bytes) == (True, 30.0, 20_000_000)
    ended = await recorder.stop()

    assert (ended.recording, ended.name, ended.ended_by) == (False, begun.name, "stopped")
    assert await recorder.stop() == ended


async def test_a_second_start_is_refused(recorder: Recorder) -> None:
    await recorder.start()

    with pytest.raises(RecorderError, match="running already"):
        await recorder.start()


async def test_it_ends_by_itself_after_its_time(tmp_path: Path) -> None:
    recorder = limited(tmp_path, RecorderLimits(seconds=0.2))
    await recorder.start(900.0)

    await until(lambda: not recorder.status.recording, "the recording ends")

    assert recorder.status.ended_by == "time"
    assert len(await recorder.files()) == 1


async def test_it_ends_before_its_size_is_exceeded(tmp_path: Path) -> None:
    recorder = limited(tmp_path, RecorderLimits(file_bytes=20_000))
    await recorder.start()
    for number in range(400):
        recorder.take(Direction.RECEIVED, bytes(200), 1000.0 + number)

    await until(lambda: not recorder.status.recording, "the recording ends")

    (file,) = await recorder.files()
    assert recorder.status.ended_by == "size"
    assert 10_000 < file.size <= 20_000
    assert recorder.status.bytes == file.size


async def test_at_most_five_files_are_kept(recorder: Recorder) -> None:
    names = [(await recorded(recorder, b"x")).name for _ in range(7)]

    assert sorted(file.name for file in await recorder.files()) == sorted(names[2:])


async def test_a_slow_disk_costs_bytes_of_the_recording_and_never_waits(tmp_path: Path) -> None:
    recorder = limited(tmp_path, RecorderLimits(waiting_bytes=10_000))
    await recorder.start()
    for number in range(50_000):  # more than any thread can write before the loop lets it
        recorder.take(Direction.RECEIVED, bytes(100), 1000.0 + number)
    status = await recorder.stop()

    assert status.lost_bytes > 0
    (file,) = await recorder.files()
    assert sum(len(chunk.content) for chunk in chunks(tmp_path / file.name)) == 5_000_000 - status.lost_bytes


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    recorder = limited(tmp_path / "file" / "captures", RecorderLimits())

    with pytest.raises(RecorderError, match="Cannot record"):
        await recorder.start()

    assert not recorder.status.recording


async def test_a_disk_that_fills_ends_it_with_its_complaint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = limited(tmp_path, RecorderLimits())
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda _path, mode: opened(Path("/dev/full"), mode))
    await recorder.start()
    recorder.take(Direction.RECEIVED, bytes(100_000), 1000.0)

    await until(lambda: not recorder.status.recording, "the recording ends")

    assert recorder.status.ended_by == "No space left on device"


@pytest.mark.parametrize("name", ["../neasmart.db", "/etc/passwd", "capture-1.pcapng", "", "capture-20260101-000000"])
async def test_only_recordings_are_handed_out(recorder: Recorder, name: str) -> None:
    await recorded(recorder, b"x")

    assert await recorder.path(name) is None
    assert not await recorder.remove(name)


async def test_a_recording_can_be_removed(recorder: Recorder) -> None:
    path = await recorded(recorder, b"x")

    assert await recorder.remove(path.name)
    assert await recorder.files() == []


async def test_an_unfinished_file_of_a_crash_is_removed_with_the_next_recording(tmp_path: Path) -> None:
    left = tmp_path / "capture-20260101-000000.pcapng.partial"
    left.write_bytes(b"half")

    await recorded(limited(tmp_path, RecorderLimits()), b"x")

    assert not left.exists()


async def test_a_link_is_recorded_with_its_replies(start_link: StartLink, dial: Dial, tmp_path: Path) -> None:
    gateway = new_gateway()
    recorder = Recorder(tmp_path, FACTS, gateway)
    tap = Tap(gateway, FACTS, recorder)
    settings = ServerSettings(type=ServerType.RTU_TCP, address="127.0.0.1", port=free_port())
    running = start_link(settings, gateway=gateway, on_bytes=tap)
    await running.reaches("waiting_for_peer")
    reader, writer = await dial(running)
    await recorder.start()
    writer.write(BROADCAST_OUTSIDE)
    answer = await ask(reader, writer, POLL_240, 9)
    status = await recorder.stop()

    content = chunks(tmp_path / status.name)
    assert b"".join(chunk.content for chunk in content if chunk.direction is Direction.RECEIVED).endswith(POLL_240)
    assert [chunk.content for chunk in content if chunk.direction is Direction.SENT] == [answer]
    frames = tap.last_frames()
    assert frames[0]["registers"][0] == "global.outside_temperature = 15.2 °C"
    assert frames[-1]["what"] == "read reply"


async def test_frames_of_two_connections_are_each_read_in_their_framing(start_link: StartLink, dial: Dial) -> None:
    gateway = new_gateway()
    tap = Tap(gateway, FACTS)
    running = start_link(ServerSettings(address="127.0.0.1", port=free_port()), gateway=gateway, on_bytes=tap)
    await running.reaches("waiting_for_peer")
    raw, tcp = [await dial(running) for _ in range(2)]
    poll = mbap("F1 03 00 01 00 01", 7)

    raw[1].write(POLL_240[:5])
    tcp[1].write(poll[:7])
    await until(lambda: gateway.bus.counters.bytes_received == 12, "both have begun")
    raw[1].write(POLL_240[5:])
    tcp[1].write(poll[7:])
    await until(lambda: gateway.bus.counters.polls == 2, "both have asked")

    asked = {(frame["unit_id"], tuple(frame["registers"])) for frame in tap.last_frames() if frame["what"] == "read"}
    assert asked == {(240, ("zone.1.1.state", "zone.1.1.setpoint")), (241, ("global.mode",))}


async def test_what_was_seen_of_a_connection_does_not_keep_its_machinery(start_link: StartLink, dial: Dial) -> None:
    gateway = new_gateway()
    tap = Tap(gateway, FACTS)
    running = start_link(ServerSettings(address="127.0.0.1", port=free_port()), gateway=gateway, on_bytes=tap)
    await running.reaches("waiting_for_peer")
    gc.collect()
    before = sum(isinstance(each, EitherSlave) for each in gc.get_objects())

    for _ in range(20):
        _, writer = await dial(running)
        writer.write(POLL_240)
        writer.close()
    await until(lambda: gateway.bus.counters.polls == 20, "all have asked")
    await running.reaches("waiting_for_peer")

    def kept() -> int:
        gc.collect()
        return sum(isinstance(each, EitherSlave) for each in gc.get_objects()) - before

    await until(lambda: kept() <= 1, "those that have gone are forgotten")
    assert sum(frame["what"] == "read" for frame in tap.last_frames()) == 20


async def test_the_frames_that_were_seen_stay_few_in_a_flood(tmp_path: Path) -> None:
    gateway = new_gateway()
    tap = Tap(gateway, FACTS, Recorder(tmp_path, FACTS, gateway))
    for number in range(20_000):
        tap(Direction.RECEIVED, POLL_240 * 10, float(number))
    tap(Direction.RECEIVED, bytes(4 * KEPT_BYTES), 20_000.0)
    tap(Direction.RECEIVED, POLL_240, 20_002.0)

    assert len(tap.last_frames()) == 1
    assert gateway.hub.state(RECORDER, RecorderStatus) == RecorderStatus()
