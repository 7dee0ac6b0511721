"""Doctor, captures, statistics and the diagnostics file over HTTP, with the real recorder and real secrets."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import aiohttp
import msgspec
import pytest

from neasmart.core.gateway import LINK, Gateway
from neasmart.facts.status import LinkStatus, PastConnection
from neasmart.logs.output import LastLines
from neasmart.settings.model import ServerSettings, Settings, ZoneSettings
from neasmart.settings.redaction import Scrubber
from neasmart.sysbus import Framing, LineFacts, Recorder, Tap
from neasmart.sysbus.capture.capture import CaptureReader
from neasmart.sysbus.line.connection import Direction
from neasmart.sysbus.slave.station import Station
from neasmart.web import Sights, WebServer
from neasmart.web.guard import connections
from tests.support.bus import BROADCAST_OUTSIDE, POLL_240, new_gateway, until
from tests.support.ports import free_port

FACTS = LineFacts(framing=Framing.RTU, unit_ids=(240, 241))
PLANTED = "Xq7-planted"


def with_secrets() -> Settings:
    """Return settings with a secret in every place that may carry one, those of later releases included."""
    sections: dict[str, Any] = {}
    for section, kind in get_type_hints(Settings).items():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            secret = [
                name
                for name in kind.__struct_fields__
                if any(word in name for word in ("password", "key", "secret", "token", "username"))
            ]
            types = get_type_hints(kind)
            sections[section] = kind(**{name: _planted(types[name], name) for name in secret})
    sections["server"] = ServerSettings(serial_port=f"rfc2217://{PLANTED}-u:{PLANTED}-p@192.168.1.5:2217")
    sections["api"] = msgspec.structs.replace(
        sections["api"], host="127.0.0.1", port=free_port(), ingress_port=free_port()
    )
    return Settings(**sections, zones=[ZoneSettings(base=1, zone=1, name="Grandma's room")])


def _planted(kind: Any, name: str) -> Any:
    return [f"{PLANTED}-{name}"] if str(kind).startswith("list") else f"{PLANTED}-{name}"


@dataclass
class Seen:
    gateway: Gateway
    tap: Tap
    log: LastLines
    client: aiohttp.ClientSession

    async def get(self, path: str) -> Any:
        async with self.client.get(path) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def send(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        async with self.client.request(method, path, json=body) as response:
            return response.status, await response.json()

    def hear(self, frame: bytes, now: float) -> None:
        """Play the base."""
        self.tap(Direction.RECEIVED, frame, now)
        self.gateway.bus.counters.bytes_received += len(frame)
        Station(self.gateway).answer(frame[0], frame[1:-2], now)


@pytest.fixture
async def seen(tmp_path: Path) -> AsyncIterator[Seen]:
    settings = with_secrets()
    gateway = new_gateway()
    gateway.plant.names[1, 1] = "Grandma's room"
    log, logger = LastLines(), logging.getLogger("neasmart")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(log)
    recorder = Recorder(tmp_path / "captures", FACTS, gateway)
    tap = Tap(gateway, FACTS, recorder)
    sights = Sights(recorder=recorder, last_frames=tap.last_frames, log_lines=lambda: log.lines)
    server = WebServer(settings, gateway, None, sights=sights)
    running = asyncio.create_task(server.run())
    await until(lambda: server.status.api, "the API is open")
    async with aiohttp.ClientSession(f"http://127.0.0.1:{settings.api.port}") as client:
        yield Seen(gateway=gateway, tap=tap, log=log, client=client)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await recorder.stop()
    logger.removeHandler(log)
    logger.setLevel(level)


def connect(gateway: Gateway) -> float:
    now = gateway.clock.monotonic()
    gateway.hub.publish(LINK, LinkStatus(connected=True, code="connected", detail="Connected.", since=now))
    gateway.tick(now)
    return now


async def test_the_doctor_answers_with_evidence(seen: Seen) -> None:
    now = connect(seen.gateway)
    seen.hear(BROADCAST_OUTSIDE, now + 0.1)
    seen.hear(POLL_240, now + 0.2)
    seen.gateway.tick(now + 1.0)

    document = await seen.get("/api/v1/doctor")

    assert document["state"] == "healthy"
    assert document["sentence"]
    assert document["advice"] == ""
    assert "1 polls" in document["evidence"][0]
    assert document["since"].endswith("Z")
    snapshot = await seen.get("/api/v1/snapshot")
    assert snapshot["status"]["doctor"]["state"] == "healthy"


async def test_the_bus_tells_its_statistics(seen: Seen) -> None:
    now = connect(seen.gateway)
    for number in range(3):
        seen.hear(POLL_240, now + 10.0 * number)

    document = await seen.get("/api/v1/bus")

    assert document["statistics"]["cycle_s"]["last"] == 10.0
    assert document["statistics"]["blocks"][0]["address"] == 100
    assert document["counters"]["polls"] == 3


async def test_a_capture_is_started_stopped_listed_downloaded_and_deleted(seen: Seen) -> None:
    status, begun = await seen.send("POST", "/api/v1/captures", {"seconds": 60})
    assert (status, begun["recorder"]["recording"], begun["recorder"]["limit_s"]) == (201, True, 60)
    seen.tap(Direction.RECEIVED, POLL_240, seen.gateway.clock.monotonic())

    status, stopped = await seen.send("POST", "/api/v1/captures/stop")
    assert (status, stopped["recorder"]["ended_by"]) == (200, "stopped")
    (file,) = stopped["captures"]
    async with seen.client.get(f"/{file['path']}") as response:
        content = await response.read()
        assert response.headers["Content-Disposition"] == f'attachment; filename="{file["name"]}"'
        assert response.headers["Content-Type"] == "application/x-pcapng"
    assert len(content) == file["size"]
    assert [chunk.content for chunk in CaptureReader(io.BytesIO(content))] == [POLL_240]
    for name, text in (("Range", "bytes=9999-"), ("Range", "x"), ("If-Match", '"x"'), ("If-None-Match", "*")):
        async with seen.client.get(f"/{file['path']}", headers={name: text}) as response:
            assert (response.status, await response.read()) == (200, content)
    async with seen.client.head(f"/{file['path']}", headers={"Range": "bytes=0-1"}) as response:
        assert (response.status, response.headers["Content-Length"]) == (200, str(file["size"]))

    assert await seen.send("DELETE", f"/{file['path']}") == (200, stopped | {"captures": []})


async def test_a_long_capture_may_take_longer_to_leave_than_other_answers(
    seen: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "ANSWER_TIMEOUT_S", 0.1)
    name, size = "capture-20260101-000000.pcapng", 10_000_000
    (tmp_path / "captures").mkdir()
    with (tmp_path / "captures" / name).open("wb") as file:
        file.truncate(size)

    async with seen.client.get(f"/api/v1/captures/{name}") as response:
        await response.content.readany()
        # A phone that hears nothing for a moment; more is on its way than all buffers hold.
        await asyncio.sleep(0.5)

        assert len(await response.read()) > size - 2**20


async def test_a_capture_needs_no_body_and_runs_once(seen: Seen) -> None:
    assert (await seen.send("POST", "/api/v1/captures"))[0] == 201

    status, document = await seen.send("POST", "/api/v1/captures")

    assert (status, document["code"]) == (409, "not_recorded")


@pytest.mark.parametrize("seconds", [0, 601, True, "60", None, -1])
async def test_impossible_times_are_refused(seen: Seen, seconds: object) -> None:
    status, document = await seen.send("POST", "/api/v1/captures", {"seconds": seconds})

    assert (status, document["code"]) == (400, "invalid_seconds")
    assert (await seen.get("/api/v1/captures"))["recorder"]["recording"] is False


@pytest.mark.parametrize("name", ["neasmart.db", "..%2Fneasmart.db", "capture-20260101-000000.pcapng"])
async def test_nothing_but_captures_is_handed_out(seen: Seen, name: str) -> None:
    for method in ("GET", "DELETE"):
        status, document = await seen.send(method, f"/api/v1/captures/{name}")
        assert (status, document["code"]) == (404, "unknown_capture")


async def test_the_diagnostics_hold_everything_a_helper_asks_for(seen: Seen) -> None:
    now = connect(seen.gateway)
    seen.hear(BROADCAST_OUTSIDE, now)

    async with seen.client.get("/api/v1/diagnostics") as response:
        assert response.headers["Content-Disposition"].startswith('attachment; filename="neasmart-diagnostics-')
        document = await response.json()

    assert document["versions"].keys() >= {"neasmart", "python", "pymodbus", "aiohttp", "serialx"}
    assert document["platform"]["machine"]
    assert document["settings"]["modbus"]["slave_id"] == [240, 241]
    assert document["doctor"]["state"]
    assert document["health"]["status"]
    assert document["statistics"]["blocks"]
    assert document["frames"][0]["registers"][0] == "global.outside_temperature = 15.2 °C"
    assert any("listener is open" in line for line in document["log"])


async def test_the_diagnostics_hold_the_connections_that_have_ended(seen: Seen) -> None:
    now = connect(seen.gateway)
    ended = PastConnection(host="127.0.0.1:4321", opened_at=now - 2, ended_at=now - 1, why="gone", bytes=24, frames=2)
    seen.gateway.hub.publish(LINK, replace(seen.gateway.link, past=(ended,)))

    (told,) = (await seen.get("/api/v1/diagnostics"))["link"]["past"]

    assert (told["why"], told["bytes"], told["frames"]) == ("gone", 24, 2)
    assert datetime.fromisoformat(told["opened_at"]) < datetime.fromisoformat(told["ended_at"]) < datetime.now(UTC)


async def test_no_secret_and_no_name_of_a_room_is_in_the_diagnostics(seen: Seen) -> None:
    logger = logging.getLogger("neasmart.test")
    logger.warning("dialled rfc2217://%s-u:%s-p@192.168.1.5:2217 in vain", PLANTED, PLANTED)
    logger.warning("broker refused %s-username with '%s-password' for Grandma's room", PLANTED, PLANTED)
    seen.gateway.hub.publish(
        LINK,
        LinkStatus(code="cannot_dial", detail=f"rfc2217://{PLANTED}-u:{PLANTED}-p@192.168.1.5:2217 cannot be reached"),
    )
    seen.gateway.tick(seen.gateway.clock.monotonic())

    text = json.dumps(await seen.get("/api/v1/diagnostics"), ensure_ascii=False)

    assert PLANTED not in text
    assert "Grandma" not in text
    assert "192.168.1.5" in text
    assert "Grandma" in json.dumps(await seen.get("/api/v1/diagnostics?names=true"), ensure_ascii=False)
    assert PLANTED not in json.dumps(await seen.get("/api/v1/diagnostics?names=true"), ensure_ascii=False)


async def test_the_bus_does_not_wait_while_secrets_are_looked_for(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_in: list[threading.Thread] = []
    plain = Scrubber.document

    def noted(self: Scrubber, value: Any) -> Any:
        looked_in.append(threading.current_thread())
        return plain(self, value)

    monkeypatch.setattr(Scrubber, "document", noted)
    await seen.get("/api/v1/diagnostics")

    assert looked_in
    assert threading.current_thread() not in looked_in


def test_the_planted_secrets_are_where_they_should_be() -> None:
    """The test above is worth nothing unless the settings really hold them."""
    settings = with_secrets()

    assert (settings.mqtt.username, settings.mqtt.password) == (f"{PLANTED}-username", f"{PLANTED}-password")
    assert PLANTED in settings.server.serial_port


def test_the_last_log_lines_are_bounded() -> None:
    last = LastLines()
    for number in range(1000):
        last.handle(logging.makeLogRecord({"msg": f"line {number} " + "x" * 10_000}))

    assert len(last.lines) == 300
    assert last.lines[-1].startswith("line 999")
    assert max(map(len, last.lines)) == 4000
