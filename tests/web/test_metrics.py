"""What Prometheus is told."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import fields
from typing import Any

import prometheus_client
import pytest
from prometheus_client.parser import text_string_to_metric_families

from neasmart.facts.points import TABLE
from neasmart.facts.status import BusCounters
from tests.support.gateways import base_polls, base_reports
from tests.web.conftest import Served


async def scrape(served: Served) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    async with served.api.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/plain"
        text = await answer.text()
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found
            found[key] = sample.value
    return found


async def test_readings_counters_and_durations_are_told(served: Served) -> None:
    await served.get("/zones/1/1")
    await served.get("/zones/1/1")

    found = await scrape(served)

    zone = {"id": "zone.1.1.temperature", "group": "zone", "base": "1", "zone": "1", "name": "Living room"}
    (reading,) = [
        value
        for (name, labels), value in found.items()
        if name == "neasmart_reading" and zone.items() <= dict(labels).items()
    ]
    assert reading == 22.0
    route = ("route", "/zones/{base_id}/{zone_id}")
    assert found["neasmart_http_requests_total", (("method", "GET"), route, ("status", "200"))] == 2
    assert found["neasmart_http_request_duration_seconds_bucket", (("le", "+Inf"), route)] == 2
    assert found["neasmart_link_connected", ()] == 1
    assert found["neasmart_bus_events_total", (("kind", "crc_errors"),)] == 0


async def test_paths_that_clients_invent_make_no_new_series(served: Served) -> None:
    for number in range(50):
        await served.get(f"/invented/{number}")

    found = await scrape(served)

    assert len([name for name, _ in found if name == "neasmart_http_requests_total"]) == 1


async def test_every_count_of_the_bus_is_told(served: Served) -> None:
    counters = served.gateway.bus.counters
    numbers = [each.name for each in fields(BusCounters) if type(getattr(counters, each.name)) is int]
    for number, name in enumerate(numbers, 1):
        setattr(counters, name, number)

    found = await scrape(served)

    assert {"crc_errors", "noise_bytes", "peers_refused"} < set(numbers)
    for number, name in enumerate(numbers, 1):
        assert found["neasmart_bus_events_total", (("kind", name),)] == number


async def test_a_reading_tells_its_zone_and_its_age(served: Served) -> None:
    found = await scrape(served)

    known = {reading.ref.id for reading in served.gateway.plant.readings if reading.value is not None}
    told = {dict(labels)["id"] for name, labels in found if name == "neasmart_reading"}
    assert known < {ref.id for ref in TABLE}
    assert told == known | served.gateway.derived.all().keys()
    place = (("base", "1"), ("group", "zone"), ("id", "zone.1.1.dew_point"), ("name", "Living room"))
    assert found["neasmart_reading", (*place, ("unit", "°C"), ("zone", "1"))] == pytest.approx(9.54, abs=0.1)
    assert found["neasmart_reading_stale", (("id", "zone.1.1.setpoint"),)] == 0


async def test_outcomes_are_counted_although_nobody_has_seen_each(served: Served) -> None:
    for setpoint in (20.0, 20.5, 21.0):
        await served.post("/zones/1/2", {"setpoint": setpoint})
    base_polls(served.gateway, "zone.1.2.setpoint")
    base_reports(served.gateway, "zone.1.2.setpoint", 21.0)

    found = await scrape(served)

    origin = ("origin", "rest")
    assert found["neasmart_commands_total", (origin, ("outcome", "superseded"))] == 2
    assert found["neasmart_commands_total", (origin, ("outcome", "confirmed"))] == 1
    assert found["neasmart_commands_total", (origin, ("outcome", "expired"))] == 0


async def test_replies_of_the_bus_are_a_histogram_by_unit_id(served: Served) -> None:
    for duration_s in (0.00005, 0.0003, 0.2):
        served.gateway.bus.reply_latencies.observe(241, duration_s)

    found = await scrape(served)

    def below(end: str) -> float:
        return found["neasmart_bus_reply_duration_seconds_bucket", (("le", end), ("unit_id", "241"))]

    assert [below(end) for end in ("5e-05", "0.00025", "0.0005", "0.05", "+Inf")] == [1, 1, 2, 2, 3]
    assert found["neasmart_bus_reply_duration_seconds_sum", (("unit_id", "241"),)] == 0.20035


async def test_promtool_has_nothing_to_complain_about(served: Served) -> None:
    served.gateway.bus.reply_latencies.observe(240, 0.001)
    served.gateway.bus.counters.polls_by_unit[240] = 1
    await served.post("/mode", {"mode": 2})
    await served.get("/metrics", headers={"Host": "evil.example"})
    async with served.api.get("/metrics") as answer:
        text = await answer.read()

    promtool = await asyncio.create_subprocess_exec(
        "promtool",
        "check",
        "metrics",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        said, _ = await promtool.communicate(text)

    assert (promtool.returncode, said.decode()) == (0, "")


async def test_the_loop_only_reads_what_is_told(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    made_in: list[threading.Thread] = []
    plain = prometheus_client.generate_latest

    def noted(*arguments: Any) -> bytes:
        made_in.append(threading.current_thread())
        return plain(*arguments)

    monkeypatch.setattr(prometheus_client, "generate_latest", noted)
    await scrape(served)

    assert made_in
    assert threading.current_thread() not in made_in
