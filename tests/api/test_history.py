"""The history as it is asked for: series with gaps, thinned so that a chart looks the same, and CSV."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.clock import iso
from neasmart.codecs import Value, encode_dpt9
from neasmart.gateway import Gateway
from neasmart.registers import TABLE
from neasmart.web.history import MAX_POINTS, fewer
from tests.api.conftest import Served, Start
from tests.support.gateways import FakeClock

TEMPERATURE, STATE = TABLE.ref("zone.1.1.temperature"), TABLE.ref("zone.1.1.state")
BEGIN_S = 1_780_000_000.0


class Shelf:
    """A store with a history that the test writes."""

    def __init__(self) -> None:
        self.samples: dict[int, list[tuple[float, int | None]]] = {
            TEMPERATURE.address: [(BEGIN_S, encode_dpt9(20.5)), (BEGIN_S + 60, None), (BEGIN_S + 120, 0x0C1A)],
            STATE.address: [(BEGIN_S + 60, 3)],
        }
        self.asked: list[tuple[set[int], float, float]] = []

    async def history(
        self, addresses: Collection[int], begin_s: float, end_s: float
    ) -> dict[int, list[tuple[float, int | None]]]:
        self.asked.append((set(addresses), begin_s, end_s))
        return {address: self.samples.get(address, []) for address in addresses}


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def served(start: Start, gateway: Gateway, clock: FakeClock, shelf: Shelf) -> Served:
    return await start(gateway, clock, history=shelf)


async def test_series_come_in_the_order_asked_with_null_for_a_gap(served: Served, shelf: Shelf) -> None:
    path = f"/api/v1/history?points={STATE.id},{TEMPERATURE.id}&from={iso(BEGIN_S)}&to={iso(BEGIN_S + 600)}"

    status, answer = await served.get(path)

    assert status == 200
    assert answer == {
        "from": iso(BEGIN_S),
        "to": iso(BEGIN_S + 600),
        "series": [
            {"id": STATE.id, "unit": None, "points": [[BEGIN_S + 60, 3]]},
            {
                "id": TEMPERATURE.id,
                "unit": "°C",
                "points": [[BEGIN_S, 20.5], [BEGIN_S + 60, None], [BEGIN_S + 120, 21.0]],
            },
        ],
    }
    assert shelf.asked == [({TEMPERATURE.address, STATE.address}, BEGIN_S, BEGIN_S + 600)]


async def test_without_times_the_last_day_is_answered(served: Served, shelf: Shelf, clock: FakeClock) -> None:
    status, _ = await served.get(f"/api/v1/history?points={STATE.id}")

    ((_, begin_s, end_s),) = shelf.asked
    assert status == 200
    assert end_s == clock.clock.wall()
    assert end_s - begin_s == 86400


async def test_csv_holds_in_every_row_what_held_then(served: Served) -> None:
    path = f"/api/v1/history?points={TEMPERATURE.id},{STATE.id}&from={iso(BEGIN_S)}&to={iso(BEGIN_S + 600)}&format=csv"

    async with served.api.get(path) as answer:
        text = await answer.text()

    assert answer.content_type == "text/csv"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="neasmart-')
    assert text.splitlines() == [
        f"time,{TEMPERATURE.id},{STATE.id}",
        f"{iso(BEGIN_S)},20.5,",
        f"{iso(BEGIN_S + 60)},,3",
        f"{iso(BEGIN_S + 120)},21.0,3",
    ]


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("", "1 to 100 ids"),
        ("points=", "1 to 100 ids"),
        ("points=" + ",".join(ref.id for ref in list(TABLE)[:101]), "1 to 100 ids"),
        ("points=zone.9.9.state", "zone.9.9.state"),
        ("points=zone.1.1.state&from=yesterday", "2026-01-31T12:00:00Z"),
        ("points=zone.1.1.state&to=0001-01-01T00:00:00-23:00&from=9999-12-31T23:59:59-23:00", "Invalid"),
        ("points=zone.1.1.state&from=2026-01-02&to=2026-01-01", "earlier than to"),
        ("points=zone.1.1.state&max_points=2", f"3 to {MAX_POINTS}"),
        ("points=zone.1.1.state&max_points=99999", f"3 to {MAX_POINTS}"),
        ("points=zone.1.1.state&format=xml", "json or csv"),
        ("points=zone.1.1.state&point=x", "points, from, to, max_points, format"),
    ],
)
async def test_a_wrong_question_is_refused_with_what_is_allowed(served: Served, query: str, part: str) -> None:
    status, answer = await served.get(f"/api/v1/history?{query}")

    assert status == 400
    assert part in answer["error"]


async def test_the_schema_tells_whether_there_is_a_history(
    served: Served, start: Start, gateway: Gateway, clock: FakeClock
) -> None:
    without = await start(gateway, clock)

    assert (await served.get("/api/v1/schema"))[1]["history"] == {"points_limit": 100, "max_points": MAX_POINTS}
    assert "history" not in (await without.get("/api/v1/schema"))[1]
    assert (await without.get(f"/api/v1/history?points={STATE.id}"))[0] == 404


curves = st.lists(
    st.tuples(st.integers(0, 10_000).map(float), st.one_of(st.none(), st.floats(-20, 40))),
    max_size=400,
    unique_by=lambda point: point[0],
).map(sorted)


@given(curves, st.integers(3, 60))
def test_thinning_keeps_the_order_the_bound_and_the_extremes(
    points: list[tuple[float, Value]], max_points: int
) -> None:
    thin = fewer(points, 0.0, 10_001.0, max_points, extremes=True)

    values = [value for _, value in points if value is not None]
    assert len(thin) <= max_points
    assert [at for at, _ in thin] == sorted({at for at, _ in thin})
    assert set(thin) <= set(points)
    if values:
        kept = [value for _, value in thin if value is not None]
        assert (min(kept), max(kept)) == (min(values), max(values))
