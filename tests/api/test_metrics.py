"""What Prometheus is told."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import Served


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
