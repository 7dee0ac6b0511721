"""Tells Prometheus what the gateway has counted and what it knows, in its text format.

Nothing is counted here: bus and listeners keep plain numbers, and this module reads them when it is asked. The bus does
not wait for more than that: the library is loaded, and the text made of what was read, in a thread.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from aiohttp import web

from neasmart import __version__
from neasmart.core.gateway import Gateway
from neasmart.core.state.plant import ZoneIndex
from neasmart.facts.codecs import Value
from neasmart.facts.registers import DerivedRef, Ref
from neasmart.facts.status import BusCounters
from neasmart.web.http.routes import TEXT, Route
from neasmart.web.http.web_counters import WebCounters

if TYPE_CHECKING:
    from prometheus_client import Metric

_BREAKER = {"closed": 0, "half_open": 1, "open": 2}


class Metrics:
    """The handler of `/metrics`."""

    def __init__(self, gateway: Gateway, counters: WebCounters) -> None:
        """Read from these."""
        self._gateway = gateway
        self._counters = counters

    @Route("GET", "/metrics", "system", {"text/plain": TEXT}, any_query=True)
    async def serve(self, _: web.Request) -> web.Response:
        """Read the figures for Prometheus.

        In the text format of Prometheus: readings, bus, commands, storage, MQTT and answers.
        """
        # A megabyte that only those pay who ask for metrics.
        await asyncio.to_thread(importlib.import_module, "prometheus_client")
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4  # noqa: PLC0415

        plant, table = self._gateway.plant, self._gateway.table
        known: list[_Known] = [(each.ref, each.value, each.stale) for each in plant.readings if each.value is not None]
        derived = self._gateway.derived.all()
        known += [(table.derived[name], value, None) for name, value in derived.items() if value is not None]
        counted = (*self._process(), *self._bus(), *self._commands_and_store(), *self._http())
        body = await asyncio.to_thread(_text, _Collected(counted, known, dict(plant.names)))
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    def _process(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

        build = GaugeMetricFamily("neasmart_build_info", "Version of the gateway", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        now = self._gateway.clock.monotonic()
        yield GaugeMetricFamily(
            "neasmart_uptime_seconds", "Time since the start", value=max(0.0, now - self._gateway.started_at)
        )

    def _bus(self) -> Iterator[Metric]:
        from prometheus_client.core import (  # noqa: PLC0415
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        counters, link = self._gateway.bus.counters, self._gateway.link
        kinds = CounterMetricFamily("neasmart_bus_events", "What was seen on the bus, by kind", labels=["kind"])
        for kind in _BUS_KINDS:
            kinds.add_metric([kind], getattr(counters, kind))
        yield kinds
        polls = CounterMetricFamily("neasmart_bus_polls", "Polls of the base, by unit id", labels=["unit_id"])
        for unit_id, count in sorted(counters.polls_by_unit.items()):
            polls.add_metric([str(unit_id)], count)
        yield polls
        latencies = HistogramMetricFamily(
            "neasmart_bus_reply_duration_seconds", "From a poll's arrival to its reply, by unit id", labels=["unit_id"]
        )
        for unit_id, histogram in sorted(self._gateway.bus.reply_latencies.items()):
            latencies.add_metric([str(unit_id)], list(histogram.cumulated), histogram.total_s)
        yield latencies
        yield GaugeMetricFamily("neasmart_link_connected", "1 while the link is open", value=int(link.connected))
        breaker = GaugeMetricFamily(
            "neasmart_breaker_state", "Circuit breaker: 0 closed, 1 half-open, 2 open", labels=["part"]
        )
        breaker.add_metric(["link"], _BREAKER[link.breaker])
        breaker.add_metric(["store"], _BREAKER[self._gateway.store.breaker])
        yield breaker
        age_s = self._gateway.last_write_age_s(self._gateway.clock.monotonic())
        if age_s is not None:
            yield GaugeMetricFamily("neasmart_last_write_age_seconds", "Since the base last wrote", value=age_s)

    def _commands_and_store(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415

        store = self._gateway.store
        yield CounterMetricFamily(
            "neasmart_store_transactions", "Transactions of the storage", value=store.transactions
        )
        yield CounterMetricFamily("neasmart_store_errors", "Failures of the storage", value=store.errors)
        yield GaugeMetricFamily("neasmart_store_healthy", "1 while the storage works", value=int(store.healthy))
        yield GaugeMetricFamily("neasmart_store_waiting", "Entries kept in memory for now", value=store.waiting)
        yield GaugeMetricFamily("neasmart_mqtt_connected", "1 while connected", value=int(self._gateway.mqtt.connected))
        states: dict[str, int] = {}
        for command in self._gateway.commands.recent:
            states[command.state] = states.get(command.state, 0) + 1
        recent = GaugeMetricFamily("neasmart_commands_recent", "Commands in memory, by state", labels=["state"])
        for state, count in sorted(states.items()):
            recent.add_metric([state], count)
        yield recent
        ended = CounterMetricFamily(
            "neasmart_commands", "Commands that have ended, by how and by who gave them", labels=["outcome", "origin"]
        )
        for (outcome, origin), count in sorted(self._gateway.commands.outcomes.items()):
            ended.add_metric([outcome, origin], count)
        yield ended

    def _http(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily  # noqa: PLC0415

        requests = CounterMetricFamily(
            "neasmart_http_requests", "Answers, by route and status", labels=["method", "route", "status"]
        )
        for (method, route, status), count in sorted(self._counters.requests.items()):
            requests.add_metric([method, route, str(status)], count)
        yield requests
        refused = CounterMetricFamily("neasmart_http_refused", "Refusals, by reason", labels=["reason"])
        for reason, count in sorted(self._counters.refused.items()):
            refused.add_metric([reason], count)
        yield refused
        durations = HistogramMetricFamily(
            "neasmart_http_request_duration_seconds", "From a request to its answer, by route", labels=["route"]
        )
        for route, histogram in sorted(self._counters.durations.items()):
            durations.add_metric([route], list(histogram.cumulated), histogram.total_s)
        yield durations


_Known = tuple[Ref | DerivedRef, Value, bool | None]
"""A value that is known, and whether it is old, None for one that is derived."""


@dataclass(frozen=True, slots=True, eq=False)
class _Collected:
    """What was read, as the registry asks for it."""

    counted: Iterable[Metric]
    known: Iterable[_Known]
    names: Mapping[ZoneIndex, str]

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

        yield from self.counted
        labels = ["id", "group", "base", "zone", "name", "unit"]
        readings = GaugeMetricFamily("neasmart_reading", "Last value of a point, in its unit", labels=labels)
        old = GaugeMetricFamily("neasmart_reading_stale", "1 if the value is old", labels=["id"])
        for ref, value, stale in self.known:
            place = [*map(str, ref.room), self.names.get(ref.room, "")] if ref.room else ["", "", ""]
            readings.add_metric([ref.id, ref.group.key, *place, ref.point.unit or ""], float(value or 0))
            if stale is not None:
                old.add_metric([ref.id], int(stale))
        yield readings
        yield old


def _text(collected: _Collected) -> bytes:
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415

    registry = CollectorRegistry(auto_describe=False)
    registry.register(collected)
    return generate_latest(registry)


_BUS_KINDS = tuple(each.name for each in fields(BusCounters) if isinstance(each.default, int))
"""All counts of the bus but those that have a metric of their own."""
