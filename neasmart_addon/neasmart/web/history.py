"""Answers what points were between two times, thinned to what a chart can show, as JSON or as CSV."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol

from aiohttp import web

from neasmart.clock import iso
from neasmart.codecs import Value
from neasmart.errors import UnknownPointError
from neasmart.gateway import Gateway
from neasmart.registers import Kind, Ref
from neasmart.web.bodies import Document, invalid_parameter, query, reply, whole_number
from neasmart.web.problems import Problem

POINTS_LIMIT = 100
MAX_POINTS = 5000
DEFAULT_POINTS = 500
DEFAULT_SPAN_S = 86_400.0
FORMATS = ("json", "csv")

Samples = Sequence[tuple[float, int | None]]
Points = list[tuple[float, Value]]


class HistoryStore(Protocol):
    """Where the samples are kept."""

    async def history(self, addresses: Collection[int], begin_s: float, end_s: float) -> Mapping[int, Samples]:
        """Return by address Unix seconds and the word that holds from there on, None for a gap."""


def limits() -> Document:
    """Return what a page needs to know to ask."""
    return {"points_limit": POINTS_LIMIT, "max_points": MAX_POINTS}


class History:
    """The handler of `/api/v1/history`."""

    def __init__(self, gateway: Gateway, store: HistoryStore) -> None:
        """Ask `store`, and decode by the gateway's table."""
        self._gateway = gateway
        self._store = store

    def routes(self) -> list[web.RouteDef]:
        """Return the one route."""
        return [web.get("/api/v1/history", self.history)]

    async def history(self, request: web.Request) -> web.Response:
        """Answer the samples of the points in `points` (comma-separated ids) between `from` and `to`."""
        given = query(request, "points", "from", "to", "max_points", "format")
        refs = self._refs(given.get("points", ""))
        now_s = self._gateway.clock.wall()
        end_s = _time("to", given["to"]) if "to" in given else now_s
        begin_s = _time("from", given["from"]) if "from" in given else end_s - DEFAULT_SPAN_S
        if begin_s >= end_s:
            raise invalid_parameter("from", repr(given.get("from", "")), "earlier than to")
        max_points = _max_points(given.get("max_points"))
        form = given.get("format", FORMATS[0])
        if form not in FORMATS:
            raise invalid_parameter("format", repr(form[:60]), " or ".join(FORMATS))
        found = await self._store.history({ref.address for ref in refs}, begin_s, end_s)
        if form == "csv":
            body = await asyncio.to_thread(table, refs, found)
            name = f"neasmart-{iso(begin_s)[:10]}-{iso(end_s)[:10]}.csv"
            return web.Response(
                body=body,
                content_type="text/csv",
                charset="utf-8",
                headers={"Content-Disposition": f'attachment; filename="{name}"'},
            )
        series = await asyncio.to_thread(_series, refs, found, begin_s, end_s, max_points)
        return reply({"from": iso(begin_s), "to": iso(end_s), "series": series})

    def _refs(self, text: str) -> list[Ref]:
        ids = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
        if not 1 <= len(ids) <= POINTS_LIMIT:
            allowed = f"1 to {POINTS_LIMIT} ids separated by commas, such as zone.1.1.temperature"
            raise invalid_parameter("points", f"{len(ids)} ids", allowed)
        try:
            return [self._gateway.table.ref(each) for each in ids]
        except UnknownPointError as error:
            raise Problem(HTTPStatus.BAD_REQUEST, "invalid_points", str(error)) from error


def decoded(ref: Ref, samples: Samples) -> Points:
    """Return values instead of words; what a word cannot tell is None, several in a row are one."""
    points: Points = []
    for at_s, word in samples:
        value = None if word is None else ref.decode(word).value
        if not points or points[-1][1] != value or value is not None:
            points.append((at_s, value))
    return points


def fewer(points: Points, begin_s: float, end_s: float, max_points: int, *, extremes: bool) -> Points:
    """Return at most `max_points` points that look the same on a chart.

    Of each stretch of time the first gap is kept, and besides the lowest and highest value, or only the last where
    the values have no order (`extremes` false).
    """
    if len(points) <= max_points:
        return points
    stretches = max(1, max_points // (3 if extremes else 2))
    width_s = (end_s - begin_s) / stretches
    groups: dict[int, Points] = {}
    for point in points:
        groups.setdefault(min(stretches - 1, max(0, int((point[0] - begin_s) / width_s))), []).append(point)
    thin: Points = []
    for _, group in sorted(groups.items()):
        gaps = [point for point in group if point[1] is None][:1]
        known = [point for point in group if point[1] is not None]
        if extremes and known:
            known = [min(known, key=_height), max(known, key=_height)]
        thin += sorted({*gaps, *known[-2 if extremes else -1 :]}, key=lambda point: point[0])
    return thin


def table(refs: Sequence[Ref], found: Mapping[int, Samples]) -> bytes:
    """Return CSV with a row for each time at which a point changed; every cell holds what held then."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(["time", *(ref.id for ref in refs)])
    changes: dict[float, dict[int, str]] = {}
    for column, ref in enumerate(refs):
        for at_s, value in decoded(ref, found.get(ref.address, ())):
            changes.setdefault(at_s, {})[column] = "" if value is None else str(_number(value))
    row = [""] * len(refs)
    for at_s, cells in sorted(changes.items()):
        for column, text in cells.items():
            row[column] = text
        writer.writerow([iso(at_s), *row])
    return lines.getvalue().encode()


def _series(
    refs: Sequence[Ref], found: Mapping[int, Samples], begin_s: float, end_s: float, max_points: int
) -> list[Document]:
    series = []
    for ref in refs:
        extremes = ref.point.kind in (Kind.TEMPERATURE, Kind.PERCENT)
        points = fewer(decoded(ref, found.get(ref.address, ())), begin_s, end_s, max_points, extremes=extremes)
        series.append({"id": ref.id, "unit": ref.point.unit, "points": [(at, _number(value)) for at, value in points]})
    return series


def _height(point: tuple[float, Value]) -> float:
    return 0.0 if point[1] is None else float(point[1])


def _number(value: Value) -> int | float | None:
    return int(value) if isinstance(value, bool) else value


def _max_points(text: str | None) -> int:
    if text is None:
        return DEFAULT_POINTS
    number = whole_number(text, 3, MAX_POINTS)
    if number is None:
        raise invalid_parameter("max_points", repr(text[:60]), f"a whole number from 3 to {MAX_POINTS}")
    return number


def _time(name: str, text: str) -> float:
    """Return Unix seconds of an ISO 8601 time; one without a zone is UTC."""
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        allowed = "a time such as 2026-01-31T12:00:00Z"
        raise invalid_parameter(name, repr(text[:60]), allowed) from error
