"""Answers what points were between two times, thinned to what a chart can show, as JSON or as CSV."""

from __future__ import annotations

import asyncio
import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import chain, groupby
from typing import Protocol

from aiohttp import web

from neasmart.core.gateway import Gateway
from neasmart.core.recall import Question, Series, TimedWords
from neasmart.facts.clock import iso
from neasmart.facts.codecs import Value
from neasmart.facts.errors import UnknownPointError
from neasmart.facts.network import API
from neasmart.facts.registers import DerivedRef, Ref
from neasmart.facts.rows import Kind
from neasmart.web.answers.point_answers import HistoryAnswer, HistorySeries
from neasmart.web.http.bodies import Document, invalid_parameter, query, reply, whole_number
from neasmart.web.http.problems import Problem
from neasmart.web.http.routes import JSON, TEXT, Route

POINTS_LIMIT = 100
MAX_POINTS = 3000
DEFAULT_POINTS = 500
TOGETHER_LIMIT = 60_000
"""Points of all series of one answer, because they are held in memory."""
DEFAULT_SPAN_S = 86_400.0
_FIRST_S = datetime(1, 1, 1, tzinfo=UTC).timestamp()
_LAST_S = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
"""Between these a time can be written."""
_KEPT = 3
FORMATS = ("json", "csv")
_TIME = TEXT | {"format": "date-time"}
_QUERY: Document = {
    "points": {
        "type": "array",
        "minItems": 1,
        "maxItems": POINTS_LIMIT,
        "items": {"$ref": "#/components/schemas/HistoryId"},
    },
    "from": _TIME | {"description": "A day before `to` if not given"},
    "to": _TIME | {"description": "Now if not given"},
    "max_points": {"type": "integer", "minimum": _KEPT, "maximum": MAX_POINTS, "default": DEFAULT_POINTS},
    "format": {"type": "string", "enum": list(FORMATS), "default": FORMATS[0]},
}

TimedValues = list[tuple[float, Value]]
Replay = Callable[[DerivedRef, Mapping[int, Value], Value], Value]


class HistoryStore(Protocol):
    """Where the samples are kept."""

    async def history(self, question: Question) -> Series:
        """Return the samples by address."""


def limits() -> Document:
    """Return what a page needs to know to ask."""
    return {"points_limit": POINTS_LIMIT, "max_points": MAX_POINTS}


class HistoryHandler:
    """The handler of `/api/v1/history`."""

    def __init__(self, gateway: Gateway, store: HistoryStore) -> None:
        """Ask `store`, and decode by the gateway's table."""
        self._gateway = gateway
        self._store = store

    @Route("GET", f"{API}/history", "points", {JSON: HistoryAnswer, "text/csv": TEXT}, query=_QUERY)
    async def history(self, request: web.Request) -> web.Response:
        """Read what points were between two times.

        Each value holds until the next one. Thinned to `max_points` so that extremes are kept.
        """
        given = query(request, *_QUERY)
        refs = self._refs(given.get("points", ""))
        now_s = self._gateway.clock.wall()
        end_s = _time("to", given["to"]) if "to" in given else now_s
        begin_s = _time("from", given["from"]) if "from" in given else max(_FIRST_S, end_s - DEFAULT_SPAN_S)
        if begin_s >= end_s:
            raise invalid_parameter("from", repr(given.get("from", "")), "earlier than to")
        form = given.get("format", FORMATS[0])
        if form not in FORMATS:
            raise invalid_parameter("format", repr(form[:60]), " or ".join(FORMATS))
        usual = DEFAULT_POINTS if form == FORMATS[0] else min(MAX_POINTS, TOGETHER_LIMIT // len(refs))
        max_points = _max_points(given["max_points"]) if "max_points" in given else usual
        if len(refs) * max_points > TOGETHER_LIMIT:
            allowed = f"at most {TOGETHER_LIMIT // len(refs)} for {len(refs)} points"
            raise invalid_parameter("max_points", str(max_points), allowed)
        registers = {each for ref in refs for each in _registers(ref)}
        question = Question(
            addresses={each.address for each in registers},
            begin_s=begin_s,
            end_s=end_s,
            stretches=max(1, min(max_points, TOGETHER_LIMIT // len(registers)) // 3),
            thin=self._thin,
        )
        samples = await self._store.history(question)
        courses = await asyncio.to_thread(self._courses, refs, samples, max_points)
        if form == "csv":
            name = f"neasmart-{iso(begin_s)[:10]}-{iso(end_s)[:10]}.csv"
            return web.Response(
                body=await asyncio.to_thread(table, courses),
                content_type="text/csv",
                charset="utf-8",
                headers={"Content-Disposition": f'attachment; filename="{name}"'},
            )
        series = [
            HistorySeries(
                id=ref.id, unit=ref.point.unit, points=[(at, _number(value)) for at, value in courses[ref.id]]
            )
            for ref in refs
        ]
        return reply(HistoryAnswer(begin=iso(begin_s), end=iso(end_s), series=series))

    def _thin(self, address: int, samples: TimedWords) -> TimedWords:
        return fewer(self._gateway.table.by_address[address], samples)

    def _courses(
        self, refs: Sequence[Ref | DerivedRef], samples: Mapping[int, TimedWords], max_points: int
    ) -> dict[str, TimedValues]:
        """Return the values of each point by its id, of derived ones what followed from those of their sources."""
        work, courses = self._gateway.derived.replayed, {}
        for ref in refs:
            known = {each.address: decoded(each, samples.get(each.address, [])) for each in _registers(ref)}
            courses[ref.id] = known[ref.address] if isinstance(ref, Ref) else replayed(ref, known, work, max_points)
        return courses

    def _refs(self, text: str) -> list[Ref | DerivedRef]:
        ids = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
        if not 1 <= len(ids) <= POINTS_LIMIT:
            allowed = f"1 to {POINTS_LIMIT} ids separated by commas, such as zone.1.1.temperature"
            raise invalid_parameter("points", f"{len(ids)} ids", allowed)
        try:
            known = self._gateway.table
            return [known.derived.get(each) or known.ref(each) for each in ids]
        except UnknownPointError as error:
            raise Problem(HTTPStatus.BAD_REQUEST, "invalid_points", str(error)) from error


def decoded(ref: Ref, samples: TimedWords) -> TimedValues:
    """Return values instead of words; what a word cannot tell is None, several in a row are one."""
    points: TimedValues = []
    for at_s, word in samples:
        value = None if word is None else ref.decode(word).value
        if not points or points[-1][1] != value or value is not None:
            points.append((at_s, value))
    return points


def replayed(
    ref: DerivedRef, sources: Mapping[int, Sequence[tuple[float, Value]]], work: Replay, most: int
) -> TimedValues:
    """Return what followed from the values of the sources, by address, at no more than `most` of their changes."""
    changes = sorted(
        ((at_s, address, value) for address, points in sources.items() for at_s, value in points), key=_time_of
    )
    times = sorted({at_s for at_s, _, _ in changes})
    looked_at = set(times[:: max(1, math.ceil(len(times) / most))])
    points: TimedValues = []
    held: dict[int, Value] = {}
    value: Value = None
    for at_s, together in groupby(changes, key=_time_of):
        held.update({address: each for _, address, each in together})
        if at_s in looked_at:
            value = work(ref, held, value)
            if value is not None or (points and points[-1][1] is not None):
                points.append((at_s, value))
    return points


def fewer(ref: Ref, samples: TimedWords) -> TimedWords:
    """Return at most three samples of one stretch of time, which look the same on a chart.

    The first gap is kept, and besides the lowest and highest value, or only the last where values have no order.
    """
    if len(samples) <= _KEPT:
        return samples
    known = [(ref.decode(word).value, (at_s, word)) for at_s, word in samples if word is not None]
    kept = {sample for sample in samples if sample[1] is None and sample == _first_gap(samples)}
    if ref.point.kind in (Kind.TEMPERATURE, Kind.PERCENT):
        heights = [(float(value), sample) for value, sample in known if value is not None]
        kept |= {min(heights)[1], max(heights)[1]} if heights else set()
    elif known:
        kept.add(known[-1][1])
    return sorted(kept, key=lambda sample: sample[0])


def _first_gap(samples: TimedWords) -> tuple[float, int | None] | None:
    return next((sample for sample in samples if sample[1] is None), None)


def table(courses: Mapping[str, TimedValues]) -> bytes:
    """Return CSV with a row for each time at which a point changed; every cell holds what held then."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(["time", *courses])
    changes: dict[float, dict[int, str]] = {}
    for column, points in enumerate(courses.values()):
        for at_s, value in points:
            changes.setdefault(at_s, {})[column] = "" if value is None else str(_number(value))
    row = [""] * len(courses)
    for at_s, cells in sorted(changes.items()):
        for column, text in cells.items():
            row[column] = text
        writer.writerow([iso(at_s), *row])
    return lines.getvalue().encode()


def _registers(ref: Ref | DerivedRef) -> tuple[Ref, ...]:
    return (ref,) if isinstance(ref, Ref) else tuple(chain.from_iterable(ref.sources.values()))


def _time_of(change: tuple[float, int, Value]) -> float:
    return change[0]


def _number(value: Value) -> int | float | None:
    if isinstance(value, bool):
        return int(value)
    return round(value, 2) if isinstance(value, float) else value


def _max_points(text: str) -> int:
    number = whole_number(text, _KEPT, MAX_POINTS)
    if number is None:
        raise invalid_parameter("max_points", repr(text[:60]), f"a whole number from {_KEPT} to {MAX_POINTS}")
    return number


def _time(name: str, text: str) -> float:
    """Return Unix seconds of an ISO 8601 time; one without a zone is UTC."""
    problem = invalid_parameter(name, repr(text[:60]), "a time such as 2026-01-31T12:00:00Z")
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise problem from error
    at_s = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    if not _FIRST_S <= at_s <= _LAST_S:
        raise problem
    return at_s
