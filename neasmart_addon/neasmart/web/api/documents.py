"""What the interfaces say about the heating system, as pure functions from the gateway's state to typed answers.

Times leave the process as ISO 8601 UTC or as ages in seconds, never as monotonic instants; what is not known is None.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from neasmart import __version__
from neasmart.core.commands.command import Command
from neasmart.core.gateway import Gateway
from neasmart.core.recall import PastCommand
from neasmart.core.state.plant import Reading
from neasmart.facts.clock import Clock, iso
from neasmart.facts.codecs import Value
from neasmart.facts.registers import Ref, RegisterTable
from neasmart.facts.rows import SETPOINT_BY_MODE, Group, Limits, Point
from neasmart.web.http.answers import (
    BusSeen,
    ChangedPoint,
    Changes,
    CommandAnswer,
    DoctorAnswer,
    PointAnswer,
    SchemaAnswer,
    Snapshot,
    UnknownRegister,
    ZoneName,
)

Document = dict[str, Any]

ENDED_COMMANDS_SHOWN = 20
_FRESH_S = 1.0
_READING = "reading/"
_COMMAND = "command/"
_STATUS = "status/"
BUS = "status/bus"
"""The key of the bus counters, which are not published but looked at every few seconds."""


def schema(table: RegisterTable) -> SchemaAnswer:
    """Return the register table without its addresses: what a page needs to draw itself."""
    return SchemaAnswer(
        version=__version__,
        groups=[_group(group) for group in table.groups.values()],
        setpoint_limits={mode.name.lower(): _limits(limits) for mode, limits in SETPOINT_BY_MODE.items()},
    )


def reading(gateway: Gateway, known: Reading, now: float) -> PointAnswer:
    """Return what is known of one point, with its live command if there is one."""
    ref = known.ref
    pending = gateway.commands.live(ref)
    return PointAnswer(
        id=ref.id,
        group=ref.group.key,
        index=ref.index,
        point=ref.point.key,
        address=ref.address,
        value=known.value,
        raw=known.word,
        quality=known.quality,
        source=known.source,
        stale=known.stale,
        age_s=_age_s(known.at, now),
        at=gateway.clock.to_iso(known.at),
        pending=None if pending is None else command(pending, gateway.clock),
    )


def changed_reading(gateway: Gateway, known: Reading, now: float) -> ChangedPoint:
    """Return what may have changed of a point."""
    age_s = _age_s(known.at, now)
    pending = gateway.commands.live(known.ref)
    return ChangedPoint(
        id=known.ref.id,
        value=known.value,
        raw=known.word,
        age_s=msgspec.UNSET if age_s is not None and age_s < _FRESH_S else age_s,
        quality=known.quality,
        source=known.source,
        stale=known.stale,
        pending=None if pending is None else command(pending, gateway.clock),
    )


def readings(gateway: Gateway, now: float, prefix: str = "") -> list[PointAnswer]:
    """Return all points whose id begins with the prefix, those never received included."""
    return [reading(gateway, known, now) for known in gateway.plant.readings if known.ref.id.startswith(prefix)]


def unknown_registers(gateway: Gateway, now: float) -> list[UnknownRegister]:
    """Return the registers that the base writes and the table does not know."""
    return [
        UnknownRegister(address=address, raw=report.word, age_s=_age_s(report.at, now))
        for address, report in gateway.image.unknown()
    ]


def zone(gateway: Gateway, base_id: int, zone_id: int, now: float) -> Document:
    """Return one zone as the base reports it.

    Age and staleness are those of its temperature, by which a zone exists; `pending` is its newest live command.
    """
    plant, table = gateway.plant, gateway.table
    refs = table.room(base_id, zone_id)
    exists = plant.reading(table.exists_by(base_id, zone_id))
    live = [found for found in map(gateway.commands.live, refs) if found is not None]
    newest = max(live, key=lambda found: found.queued_at) if live else None
    return {
        "base_id": base_id,
        "zone_id": zone_id,
        "name": plant.zone_name(base_id, zone_id),
        **values(gateway, refs),
        "address": refs[0].address,
        "active": exists.at is not None,
        "age_s": _age_s(exists.at, now),
        "stale": exists.stale,
        "pending": None if newest is None else command(newest, gateway.clock),
    }


def values(gateway: Gateway, refs: Iterable[Ref]) -> Document:
    """Return the values of points by their names in REST."""
    return {ref.point.field: gateway.plant.reading(ref).value for ref in refs}


def zone_names(gateway: Gateway) -> list[ZoneName]:
    """Return every zone that could exist, with its name and whether it does."""
    plant = gateway.plant
    return [
        ZoneName(
            base_id=base_id,
            zone_id=zone_id,
            name=plant.zone_name(base_id, zone_id),
            active=plant.zone_active(base_id, zone_id),
        )
        for base_id, zone_id in plant.all_zones
    ]


def answer(gateway: Gateway, name: str) -> Document:
    """Return what one answer about the whole house has, such as ``outsidetemperature``."""
    return values(gateway, gateway.table.answered(name))


def equipment(gateway: Gateway, group: str, number: int) -> Document:
    """Return one mixed circuit, dehumidifier or extra pump; what is on or off is 0 or 1."""
    table = gateway.table
    (axis,), refs = table.groups[group].axes, table.place(group, number)
    found = {name: int(value) if isinstance(value, bool) else value for name, value in values(gateway, refs).items()}
    return {axis.name: number, **found}


def command(given: Command, clock: Clock) -> CommandAnswer:
    """Return a command as it stands now."""
    return CommandAnswer(
        id=given.id,
        point=given.ref.id,
        value=given.value,
        raw=given.word,
        origin=given.origin,
        state=given.state,
        queued_at=clock.to_iso(given.queued_at),
        delivered_at=clock.to_iso(given.delivered_at),
        ended_at=clock.to_iso(given.ended_at),
        read_by=given.read_by,
        reason=given.reason,
        warning=given.warning,
    )


def past_command(past: PastCommand, table: RegisterTable) -> CommandAnswer:
    """Return a command that only the store remembers; its word follows from its value."""
    ref = table.by_id.get(past.point)
    return CommandAnswer(
        id=past.id,
        point=past.point,
        value=past.value,
        raw=None if ref is None else ref.point.codec.encode(past.value),
        origin=past.origin,
        state=past.state,
        queued_at=iso(past.queued_at),
        delivered_at=None if past.delivered_at is None else iso(past.delivered_at),
        ended_at=None if past.ended_at is None else iso(past.ended_at),
        read_by=past.read_by,
        reason=past.reason,
        warning=None,
    )


def bus(gateway: Gateway, now: float, frames_per_s: float) -> BusSeen:
    """Return what has been seen on the wire: counters, and the age of what was last seen of each kind.

    `code` and `late` (the base's values do not arrive) are the doctor's; `stale` tells that all values are marked old.
    """
    counters = gateway.bus.counters
    last_poll = {unit_id: _age_s(counters.last_poll_at.get(unit_id), now) for unit_id in gateway.bus.unit_ids}
    last_poll.update({unit_id: _age_s(at, now) for unit_id, at in counters.last_poll_at.items()})
    age_s = gateway.last_write_age_s(now)
    found = gateway.diagnosis(now)
    return BusSeen(
        last_write_age_s=_rounded(age_s),
        last_poll_age_s={str(unit_id): polled for unit_id, polled in last_poll.items()},
        last_frame_age_s=_age_s(counters.last_frame_at, now),
        last_byte_age_s=_age_s(counters.last_byte_at, now),
        frames_per_s=round(frames_per_s, 2),
        code=found.code,
        late=not found.receiving,
        stale=gateway.bus_stale(now),
        late_after_s=gateway.plant.stale_times.warn_s,
        stale_after_s=gateway.plant.stale_times.stale_s,
        counters={
            each.name: _json_keys(getattr(counters, each.name))
            for each in dataclasses.fields(counters)
            if not each.name.endswith("_at")
        },
    )


def doctor(gateway: Gateway, now: float) -> DoctorAnswer:
    """Return what is wrong with the wiring, with the figures of this moment."""
    return DoctorAnswer(**status(gateway.diagnosis(now), gateway.clock))


def status(item: object, clock: Clock) -> Document:
    """Return what a part has published about itself; its monotonic times become ISO 8601."""
    if isinstance(item, dict):
        return item
    if not dataclasses.is_dataclass(item) or isinstance(item, type):
        return {"detail": str(item)}
    document: Document = {}
    for each in dataclasses.fields(item):
        value = getattr(item, each.name)
        is_time = each.name == "since" or each.name.endswith("_at")
        if isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            document[each.name] = [status(part, clock) for part in value]
        else:
            document[each.name] = clock.to_iso(value) if is_time and isinstance(value, float) else value
    return document


def snapshot(gateway: Gateway, now: float, frames_per_s: float) -> Snapshot:
    """Return everything that a page shows."""
    gateway.diagnosis(now)
    recent = gateway.commands.recent
    ended = [given for given in recent if not given.state.live][:ENDED_COMMANDS_SHOWN]
    shown = [given for given in recent if given.state.live or given in ended]
    keys = [key for key, _ in gateway.hub.entries(_STATUS)]
    return Snapshot(
        readings=readings(gateway, now),
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


def _group(group: Group) -> Document:
    return {
        "key": group.key,
        "label": group.label,
        "axes": [{"name": axis.name, "low": axis.low, "high": axis.high} for axis in group.axes],
        "rooms": group.rooms,
        "exists_by": group.exists_by,
        "points": [_point(point) for point in group.points],
        "derived": [
            {"key": row.key, "label": row.label, "kind": row.kind, "unit": row.unit, "device_class": row.device_class}
            for row in group.derived
        ],
    }


def _point(point: Point) -> Document:
    return {
        "key": point.key,
        "label": point.label,
        "kind": point.kind,
        "unit": point.unit,
        "writable": point.writable,
        "limits": None if point.limits is None else _limits(point.limits),
        "options": None if point.options is None else _json_keys(dict(point.options)),
        "device_class": point.device_class,
        "part": point.part,
        "vocabulary": point.vocabulary,
    }


def _told(value: Value) -> Value:
    """Return a derived value without digits that mean nothing."""
    return round(value, 2) if isinstance(value, float) else value


def _limits(limits: Limits) -> Document:
    return {"low": limits.low, "high": limits.high, "step": limits.step}


def _age_s(at: float | None, now: float) -> float | None:
    return None if at is None else round(max(0.0, now - at), 1)


def _rounded(age_s: float | None) -> float | None:
    return None if age_s is None else round(age_s, 1)


def _json_keys(value: object) -> object:
    """Return a mapping with text for keys, as JSON has it; other values as they are."""
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else value
