"""The WebSocket: everything at first, then what has changed, and no client can make it grow."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from typing import Any
from unittest.mock import AsyncMock, Mock

import aiohttp
import pytest

from neasmart import __version__
from neasmart.core.gateway import Gateway
from neasmart.core.state.hub import Subscription
from neasmart.core.state.plant import Reading
from neasmart.facts.points import TABLE
from neasmart.web.answers import documents, page_documents
from neasmart.web.api import live
from neasmart.web.api.live import Feed, FrameRate
from tests.support.gateways import FakeClock, base_polls, base_reports, set_link
from tests.web.conftest import Served, Start, eventually

PATH = "/api/v1/live"
FRAME_LIMIT_BYTES = 5000


async def message(page: aiohttp.ClientWebSocketResponse) -> Any:
    return json.loads(await page.receive_str(timeout=30))


async def opened(session: aiohttp.ClientSession) -> tuple[aiohttp.ClientWebSocketResponse, Any]:
    """Open a page; return it behind its hello, with its snapshot."""
    page = await session.ws_connect(PATH)
    assert await message(page) == {"type": "hello", "version": __version__}
    return page, await message(page)


async def change_of(page: aiohttp.ClientWebSocketResponse, kind: str, **wanted: object) -> Any:
    """Read messages until one of the items of a kind has these values; return the item."""
    async with asyncio.timeout(30):
        while True:
            changes = await message(page)
            assert changes.keys() == {"type", "readings", "derived", "commands", "status"}
            for item in changes[kind]:
                if item.items() >= wanted.items():
                    return item


async def test_nothing_is_gathered_while_nobody_looks(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gathered, sampled = AsyncMock(), Mock()
    monkeypatch.setattr(Subscription, "batch", gathered)
    monkeypatch.setattr(FrameRate, "sample", sampled)
    monkeypatch.setattr(live, "BUS_EVERY_S", 0.01)

    gathering = asyncio.create_task(Feed(gateway).run())
    base_reports(gateway, "zone.1.1.temperature", 23.0)
    await eventually(lambda: sampled.call_count > 1)
    gathering.cancel()

    gathered.assert_not_called()


@pytest.mark.parametrize("listener", ["api", "ingress"])
async def test_a_page_gets_hello_snapshot_and_changes(served: Served, listener: str) -> None:
    page, snapshot = await opened(getattr(served, listener))

    base_reports(served.gateway, "zone.1.1.temperature", 23.0)
    reading = await change_of(page, "readings", id="zone.1.1.temperature", value=23.0)

    assert snapshot["type"] == "snapshot"
    assert [reading["id"] for reading in snapshot["readings"]] == list(TABLE.by_id)
    assert snapshot["zones"][0] == {"base_id": 1, "zone_id": 1, "name": "Living room", "active": True}
    assert snapshot["status"]["link"]["connected"] is True
    assert "last_write_age_s" in snapshot["status"]["bus"]
    assert reading["raw"] == TABLE.ref("zone.1.1.temperature").point.codec.encode(23.0)
    await page.close()


async def test_the_bus_goes_on_while_a_snapshot_is_made_and_what_it_tells_follows(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def the_base_tells() -> None:
        told.append("the base")
        base_reports(served.gateway, "zone.1.1.temperature", 23.0)

    def reading(gateway: Gateway, known: Reading, now: float) -> Any:
        if not told:
            asyncio.get_running_loop().call_soon(the_base_tells)
        told.append(known.ref.id)
        return documents.reading(gateway, known, now)

    monkeypatch.setattr("neasmart.web.answers.page_documents.reading", reading)
    page, snapshot = await opened(served.ingress)

    assert told.index("the base") < len(TABLE) / 2
    (first,) = [each for each in snapshot["readings"] if each["id"] == "zone.1.1.temperature"]
    assert first["value"] == 22.0
    await change_of(page, "readings", id="zone.1.1.temperature", value=23.0)
    await page.close()


async def test_no_page_goes_back_in_time_after_its_snapshot(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "reading/zone.1.1.temperature"
    original = page_documents.snapshot_in_pieces

    def waits() -> bool:
        return any(each._pending is not None and key in each._pending.keys for each in served.server.feed._clients)

    async def snapshot_in_pieces(gateway: Gateway, now: float, frames_per_s: float) -> Any:
        base_reports(gateway, "zone.1.1.temperature", 23.0)
        await eventually(waits)
        served.clock.advance(1)
        base_reports(gateway, "zone.1.1.temperature", 24.0)
        return await original(gateway, now, frames_per_s)

    monkeypatch.setattr("neasmart.web.answers.page_documents.snapshot_in_pieces", snapshot_in_pieces)
    page, _ = await opened(served.api)
    async with asyncio.timeout(30):
        while not (told := [each for each in (await message(page))["readings"] if f"reading/{each['id']}" == key]):
            pass

    assert told[0]["value"] == 24.0
    await page.close()


async def test_a_command_of_the_page_is_seen_through_to_confirmed(served: Served) -> None:
    page, _ = await opened(served.ingress)

    async with served.ingress.put("/api/v1/points/zone.1.1.setpoint", json={"value": 22.5}) as response:
        command_id = (await response.json())["id"]
    queued = await change_of(page, "commands", id=command_id, state="queued")
    base_polls(served.gateway, "zone.1.1.setpoint")
    await change_of(page, "commands", id=command_id, state="delivered")
    base_reports(served.gateway, "zone.1.1.setpoint", 22.5)
    confirmed = await change_of(page, "commands", id=command_id, state="confirmed")

    assert (queued["origin"], queued["point"]) == ("panel", "zone.1.1.setpoint")
    assert confirmed["read_by"] == [240]
    await page.close()


async def test_a_reading_tells_of_its_command_as_soon_as_there_is_one(served: Served) -> None:
    page, _ = await opened(served.api)

    _, command = await served.put("/api/v1/points/zone.1.1.setpoint", {"value": 22.5})
    reading = await change_of(page, "readings", id="zone.1.1.setpoint", pending=command)

    assert reading["value"] == 21.5
    await page.close()


async def test_a_command_that_was_superseded_meanwhile_is_told_as_well(served: Served) -> None:
    page, _ = await opened(served.api)

    _, first = await served.put("/api/v1/points/zone.1.1.setpoint", {"value": 22})
    _, second = await served.put("/api/v1/points/zone.1.1.setpoint", {"value": 23})

    seen: dict[str, str] = {}
    async with asyncio.timeout(30):
        while seen.get(first["id"]) != "superseded":
            seen.update({item["id"]: item["state"] for item in (await message(page))["commands"]})
    assert seen[second["id"]] == "queued"
    await page.close()


async def test_only_what_has_changed_of_the_status_is_told(served: Served) -> None:
    page, _ = await opened(served.api)

    set_link(served.gateway, connected=False)

    async with asyncio.timeout(30):
        while "link" not in (changes := await message(page))["status"]:
            pass
    assert changes["status"]["link"]["code"] == "no_device"
    assert not changes["status"].keys() & {"store", "mqtt"}
    await page.close()


async def test_bus_counters_come_without_being_published(
    start: Start, gateway: Gateway, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "BUS_EVERY_S", 0.05)
    served = await start(gateway, clock)
    page, _ = await opened(served.api)
    served.gateway.bus.counters.frames = 42

    async with asyncio.timeout(30):
        while (await message(page))["status"].get("bus", {}).get("counters", {}).get("frames") != 42:
            pass
    await page.close()


async def test_rapid_changes_are_joined_and_the_last_value_wins(served: Served) -> None:
    page, _ = await opened(served.api)

    values: list[float] = []
    began = time.monotonic()
    for step in range(200):
        base_reports(served.gateway, "zone.1.1.temperature", 15.0 + step / 10)
        await asyncio.sleep(0.002)
    last = round(15.0 + 199 / 10, 1)
    async with asyncio.timeout(30):
        while not values or abs(values[-1] - last) > 0.02:
            readings = (await message(page))["readings"]
            values += [reading["value"] for reading in readings if reading["id"] == "zone.1.1.temperature"]

    assert len(values) <= (time.monotonic() - began) / live.CHANGES_EVERY_S + 2
    await page.close()


async def test_what_a_slow_client_has_missed_is_one_message(served: Served, gateway: Gateway) -> None:
    changes = live._Changes(frozenset({"reading/zone.1.1.temperature"}), 990.0)
    for step in range(1000):
        ref_id = ("zone.1.1.temperature", "zone.1.1.humidity", "global.mode")[step % 3]
        changes = changes.joined(live._Changes(frozenset({f"reading/{ref_id}"}), 1000.0 + step))

    (message,) = changes.encoded(gateway, 0.0)
    told = json.loads(message)

    assert changes.since == 990.0
    assert sorted(reading["id"] for reading in told["readings"]) == [
        "global.mode",
        "zone.1.1.humidity",
        "zone.1.1.temperature",
    ]
    assert served.server.feed.clients == 0


async def test_a_client_that_never_reads_is_dropped_and_the_others_are_served(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SEND_TIMEOUT_S", 0.5)
    stuck = _page_that_never_reads(served.api_port)
    page, _ = await opened(served.api)
    await eventually(lambda: served.server.feed.clients == 2)

    async with asyncio.timeout(30):
        while served.server.feed.clients == 2:
            for reading in served.gateway.plant.readings:
                served.gateway.hub.publish(f"reading/{reading.ref.id}", reading)
            await message(page)

    base_reports(served.gateway, "zone.1.1.temperature", 23.0)
    await change_of(page, "readings", id="zone.1.1.temperature", value=23.0)
    await page.close()
    stuck.close()


def _page_that_never_reads(port: int) -> socket.socket:
    page = socket.socket()
    page.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    page.connect(("127.0.0.1", port))
    page.sendall(
        f"GET {PATH} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    return page


async def test_one_page_too_many_is_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "CLIENTS_LIMIT", 2)
    pages = [(await opened(served.api))[0] for _ in range(2)]

    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    async with served.api.get(PATH, headers={**headers, "Sec-WebSocket-Key": "A" * 22 + "=="}) as response:
        document = await response.json()

    assert (response.status, document["code"]) == (503, "too_many_clients")
    assert response.headers["Retry-After"] == "30"
    # Who fills the API's places takes none from the page in Home Assistant.
    page, _ = await opened(served.ingress)
    await page.close()
    await eventually(lambda: served.server.feed.clients == 2)
    await pages[0].close()
    await eventually(lambda: served.server.feed.clients == 1)
    another, _ = await opened(served.api)
    for page in (another, pages[1]):
        await page.close()


async def test_two_hundred_pages_may_be_open(served: Served) -> None:
    assert live.CLIENTS_LIMIT == 200
    pages = [(await opened(served.ingress))[0] for _ in range(200)]

    base_reports(served.gateway, "zone.1.1.temperature", 23.0)
    await asyncio.gather(*(change_of(page, "readings", id="zone.1.1.temperature", value=23.0) for page in pages))

    assert served.server.feed.clients == 200
    await asyncio.gather(*(page.close() for page in pages))


@pytest.mark.parametrize("nonsense", ["hello", "[" * 900, ""])
async def test_what_a_page_says_has_no_meaning(served: Served, nonsense: str) -> None:
    page, _ = await opened(served.api)

    await page.send_str(nonsense)
    await page.send_bytes(b"\x00\xff")
    base_reports(served.gateway, "zone.1.1.temperature", 23.0)

    await change_of(page, "readings", id="zone.1.1.temperature", value=23.0)
    await page.close()


async def test_a_page_that_says_too_much_is_closed(served: Served) -> None:
    page, _ = await opened(served.api)

    await page.send_str("x" * 100_000)

    await eventually(lambda: served.server.feed.clients == 0)
    await page.close()


async def test_a_page_that_vanishes_is_forgotten(served: Served) -> None:
    page, _ = await opened(served.api)
    transport = page.get_extra_info("socket")

    transport.shutdown(socket.SHUT_RDWR)

    await eventually(lambda: served.server.feed.clients == 0)
    await page.close()


async def test_the_snapshot_tells_live_commands_and_the_last_twenty_ended(served: Served) -> None:
    for step in range(30):
        served.clock.advance(1)
        await served.put("/api/v1/points/zone.1.1.setpoint", {"value": 20 + step / 10})

    page, snapshot = await opened(served.api)

    states = [command["state"] for command in snapshot["commands"]]
    assert states == ["queued", *["superseded"] * 20]
    await page.close()


def test_frame_rate_is_that_of_the_last_ten_seconds() -> None:
    rate = FrameRate()
    assert rate.per_s == 0.0

    for second in range(60):
        rate.sample(float(second), 100 * second if second < 30 else 3000)
    assert rate.per_s == 0.0

    for second in range(60, 90):
        rate.sample(float(second), 3000 + 50 * (second - 60))
    assert rate.per_s == pytest.approx(50.0)


async def test_no_message_of_a_full_house_is_large(served: Served) -> None:
    """All that sixty rooms report within a second, and a command for each, is told in messages of less than 5 kB."""
    rooms = [f"zone.{base}.{zone}" for base in range(1, 6) for zone in range(1, 13)]
    points = [f"{room}.{key}" for room in rooms for key in ("state", "setpoint", "temperature", "humidity")]
    for point in points:
        base_reports(served.gateway, point, 1 if point.endswith("state") else 21.5)
    served.gateway.submit([(TABLE.ref(f"{room}.setpoint"), 22.0) for room in rooms], origin="panel")
    keys = frozenset({*(f"reading/{point}" for point in points), *(f"command/{room}.setpoint" for room in rooms)})
    changes = live._Changes(keys | {page_documents.BUS}, 0.0)

    messages = changes.encoded(served.gateway, 4.0)

    told = [json.loads(message) for message in messages]
    assert max(map(len, messages)) < FRAME_LIMIT_BYTES
    assert sorted(reading["id"] for each in told for reading in each["readings"]) == sorted(points)
    assert sorted(given["point"] for each in told for given in each["commands"]) == [
        f"{room}.setpoint" for room in sorted(rooms)
    ]
    assert [each["status"].keys() for each in told if each["status"]] == [{"bus"}]
    rows = [f"{room}.{row.key}" for room in rooms for row in TABLE.rooms.derived]
    assert sorted(ref_id for each in told for ref_id in each["derived"]) == sorted([*rows, "global.mean_temperature"])


async def test_of_derived_values_only_those_are_told_that_have_changed(served: Served) -> None:
    served.gateway.derived.all()
    served.clock.advance(1)
    now = served.gateway.clock.monotonic()
    base_reports(served.gateway, "zone.1.1.temperature", 21.5)
    base_reports(served.gateway, "zone.2.3.temperature", 18.0)

    changes = page_documents.changes(
        served.gateway, [f"reading/zone.{place}.temperature" for place in ("1.1", "2.3")], now, now, 4.0
    )

    assert changes.derived == {"global.mean_temperature": 19.67, "zone.1.1.dew_point": 9.06}
