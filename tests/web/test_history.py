"""The history as it is asked for: series with gaps, thinned so that a chart looks the same, and CSV."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.core.gateway import Gateway
from neasmart.core.recall import Question, Series
from neasmart.facts.clock import iso
from neasmart.facts.codecs import encode_dpt9
from neasmart.facts.points import TABLE
from neasmart.facts.rows import Part
from neasmart.web.api.history import MAX_POINTS, fewer
from tests.support.gateways import FakeClock
from tests.web.conftest import Served, Start

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

    async def history(self, question: Question) -> Series:
        assert question.stretches in (166, 1000)
        assert question.thin is not None
        assert question.thin(TEMPERATURE.address, []) == []
        self.asked.append((set(question.addresses), question.begin_s, question.end_s))
        return {address: self.samples.get(address, []) for address in question.addresses}


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def served(start: Start, gateway: Gateway, clock: FakeClock, shelf: Shelf) -> Served:
    return await start(gateway, clock, history=shelf)


async def test_a_derived_point_is_what_followed_from_its_sources(served: Served, shelf: Shelf) -> None:
    humidity = TABLE.ref("zone.1.1.humidity")
    shelf.samples[humidity.address] = [(BEGIN_S + 30, 50), (BEGIN_S + 180, 100)]
    path = f"/api/v1/history?points=zone.1.1.dew_point&from={iso(BEGIN_S)}&to={iso(BEGIN_S + 600)}"

    _, answer = await served.get(path)

    (series,) = answer["series"]
    assert (series["id"], series["unit"]) == ("zone.1.1.dew_point", "°C")
    # Known from the first humidity on, a gap with the temperature's, and at 100 % the temperature itself.
    assert [at - BEGIN_S for at, _ in series["points"]] == [30, 60, 120, 180]
    assert [value for _, value in series["points"]] == [9.72, None, 10.18, 21.0]
    assert {TEMPERATURE.address, humidity.address} == shelf.asked[0][0]


async def test_a_derived_point_of_many_sources_is_looked_at_no_more_often_than_asked(
    served: Served, shelf: Shelf
) -> None:
    for at, ref in enumerate(TABLE.of_part(Part.AIR)):
        shelf.samples[ref.address] = [(BEGIN_S + at + 60 * each, encode_dpt9(20.0 + at / 10)) for each in range(9)]
    path = f"/api/v1/history?points=global.mean_temperature&from={iso(BEGIN_S)}&to={iso(BEGIN_S + 600)}"

    _, answer = await served.get(path)

    (series,) = answer["series"]
    # Of 540 changes every second one, because 500 is what is given when nothing is asked for.
    assert len(series["points"]) == 270
    assert series["points"][-1][1] == pytest.approx(22.95, abs=0.02)


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
        ("points=zone.1.1.state&to=0001-01-01T00:00:00Z", "earlier than to"),
        ("points=zone.1.1.state&to=0001-01-01T00:00:00%2B14:00", "2026-01-31T12:00:00Z"),
        ("points=zone.1.1.state&to=9999-12-31T23:59:59-14:00", "2026-01-31T12:00:00Z"),
        ("points=zone.1.1.state&to=9999-12-31T23:59:59.999999", "2026-01-31T12:00:00Z"),
        ("points=zone.1.1.state&from=2026-01-02&to=2026-01-01", "earlier than to"),
        ("points=zone.1.1.state&max_points=2", f"3 to {MAX_POINTS}"),
        ("points=zone.1.1.state&max_points=99999", f"3 to {MAX_POINTS}"),
        ("max_points=3000&points=" + ",".join(ref.id for ref in list(TABLE)[:50]), "at most 1200 for 50 points"),
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


stretches = st.lists(
    st.tuples(st.integers(0, 10_000).map(float), st.one_of(st.none(), st.integers(100, 200))),
    max_size=60,
    unique_by=lambda sample: sample[0],
).map(lambda samples: sorted(samples, key=lambda sample: sample[0]))


@given(stretches)
def test_thinning_keeps_the_order_a_gap_and_the_extremes(samples: list[tuple[float, int | None]]) -> None:
    thin = fewer(TEMPERATURE, samples)

    words = [word for _, word in samples if word is not None]
    kept = [word for _, word in thin if word is not None]
    assert len(thin) <= 3
    assert [at for at, _ in thin] == sorted({at for at, _ in thin})
    assert set(thin) <= set(samples)
    assert (None in dict(samples).values()) is (None in dict(thin).values())
    if words:
        assert (min(kept), max(kept)) == (min(words), max(words))


@given(stretches)
def test_thinning_keeps_the_last_of_states(samples: list[tuple[float, int | None]]) -> None:
    thin = fewer(STATE, samples)

    words = [word for _, word in samples if word is not None]
    if words:
        assert [word for _, word in thin if word is not None][-1] == words[-1]
