"""Puts together what a page shows: everything at once, and then what has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from neasmart.core.gateway import Gateway
from neasmart.facts.codecs import Value
from neasmart.web.answers.bus_documents import bus, status
from neasmart.web.answers.documents import Document, changed_reading, command, reading, readings, zone_names
from neasmart.web.answers.page_answers import Changes, Snapshot
from neasmart.web.answers.point_answers import PointAnswer

ENDED_COMMANDS_SHOWN = 20
_READINGS_AT_ONCE = 50
"""Before the bus gets its turn."""
_READING = "reading/"
_COMMAND = "command/"
_STATUS = "status/"
BUS = "status/bus"
"""The key of the bus counters, which are not published but looked at every few seconds."""


async def snapshot_in_pieces(gateway: Gateway, now: float, frames_per_s: float) -> Snapshot:
    """Return what `snapshot` does while the loop goes on, because it takes 2 ms: readings as they were at first."""
    known = gateway.plant.readings
    told: list[PointAnswer] = []
    for first in range(0, len(known), _READINGS_AT_ONCE):
        told += [reading(gateway, each, now) for each in known[first : first + _READINGS_AT_ONCE]]
        await asyncio.sleep(0)
    return snapshot(gateway, now, frames_per_s, told)


def snapshot(gateway: Gateway, now: float, frames_per_s: float, told: list[PointAnswer] | None = None) -> Snapshot:
    """Return everything that a page shows, with these readings if they are given."""
    gateway.diagnosis(now)
    recent = gateway.commands.recent
    ended = [given for given in recent if not given.state.live][:ENDED_COMMANDS_SHOWN]
    shown = [given for given in recent if given.state.live or given in ended]
    keys = [key for key, _ in gateway.hub.entries(_STATUS)]
    return Snapshot(
        readings=readings(gateway, now) if told is None else told,
        derived={ref_id: _told(value) for ref_id, value in gateway.derived.all().items()},
        commands=[command(given, gateway.clock) for given in shown],
        zones=zone_names(gateway),
        status=_statuses(gateway, [*keys, BUS], now, frames_per_s),
    )


def changes(gateway: Gateway, keys: Collection[str], since: float, now: float, frames_per_s: float) -> Changes:
    """Return the present state of what has changed under these keys of the hub.

    A point whose command has changed comes with its reading, because the reading tells of the command. Commands that
    ended after `since` are all told, also where a newer one has taken their key.
    """
    commanded = {key.removeprefix(_COMMAND) for key in keys if key.startswith(_COMMAND)}
    read = {key.removeprefix(_READING) for key in keys if key.startswith(_READING)}
    points = commanded | read
    return Changes(
        readings=[
            changed_reading(gateway, gateway.plant.reading(gateway.table.ref(point)), now) for point in sorted(points)
        ],
        derived={
            ref.id: _told(value)
            for ref, value in gateway.derived.moved((gateway.table.ref(point).address for point in read), since)
        },
        commands=[
            command(given, gateway.clock)
            for given in (gateway.commands.recent if commanded else ())
            if given.ref.id in commanded and (given.state.live or (given.ended_at or 0.0) >= since)
        ],
        status=_statuses(gateway, [key for key in keys if key.startswith(_STATUS)], now, frames_per_s),
    )


def _statuses(gateway: Gateway, keys: Iterable[str], now: float, frames_per_s: float) -> Document:
    return {
        key.removeprefix(_STATUS): (
            bus(gateway, now, frames_per_s) if key == BUS else status(gateway.hub.state(key, object), gateway.clock)
        )
        for key in keys
    }


def _told(value: Value) -> Value:
    """Return a derived value without digits that mean nothing."""
    return round(value, 2) if isinstance(value, float) else value
