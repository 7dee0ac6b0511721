"""What the interfaces say about rooms, equipment, points and commands, as pure functions of the gateway's state.

Times leave the process as ISO 8601 UTC or as ages in seconds, never as monotonic instants; what is not known is None.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from neasmart.core.commands.command import Command, Reason
from neasmart.core.gateway import Gateway
from neasmart.core.recall import PastCommand
from neasmart.core.state.plant import Reading
from neasmart.facts.clock import Clock, iso
from neasmart.facts.registers import Ref, RegisterTable
from neasmart.web.answers.point_answers import ChangedPoint, CommandAnswer, PointAnswer, UnknownRegister
from neasmart.web.answers.room_answers import ZoneName

Document = dict[str, Any]
_FRESH_S = 1.0


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
        age_s=age_of(known.at, now),
        at=gateway.clock.to_iso(known.at),
        pending=None if pending is None else command(pending, gateway.clock),
    )


def changed_reading(gateway: Gateway, known: Reading, now: float) -> ChangedPoint:
    """Return what may have changed of a point."""
    age_s = age_of(known.at, now)
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
        UnknownRegister(address=address, raw=report.word, age_s=age_of(report.at, now))
        for address, report in gateway.image.unknown()
    ]


def zone(gateway: Gateway, base_id: int, zone_id: int, now: float) -> Document:
    """Return one zone as the base reports it.

    Age and staleness are those of its temperature, by which a zone exists; `pending` is its newest live command.
    """
    plant = gateway.plant
    refs, exists_by = _registers(gateway.table, base_id, zone_id)
    exists = plant.reading(exists_by)
    newest = gateway.commands.newest(refs)
    return {
        "base_id": base_id,
        "zone_id": zone_id,
        "name": plant.zone_name(base_id, zone_id),
        **plant.values(refs),
        "address": refs[0].address,
        "active": exists.at is not None,
        "age_s": age_of(exists.at, now),
        "stale": exists.stale,
        "pending": None if newest is None else command(newest, gateway.clock),
    }


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
    return gateway.plant.values(gateway.table.answered(name))


def equipment(gateway: Gateway, group: str, number: int) -> Document:
    """Return one mixed circuit, dehumidifier or extra pump; what is on or off is 0 or 1."""
    table = gateway.table
    (axis,), refs = table.groups[group].axes, table.place(group, number)
    found = {
        name: int(value) if isinstance(value, bool) else value for name, value in gateway.plant.values(refs).items()
    }
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
        **_reason(given.reason),
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
        **_reason(past.reason),
        warning=None,
    )


def _reason(reason: Reason | None) -> Document:
    told = reason or Reason(why=None, text="")
    return {"reason": told.text or None, "reason_code": told.why, "reason_value": told.value}


def age_of(at: float | None, now: float) -> float | None:
    """Return the seconds since a monotonic time, None if it never was."""
    return None if at is None else round(max(0.0, now - at), 1)


@lru_cache(maxsize=64)
def _registers(table: RegisterTable, base_id: int, zone_id: int) -> tuple[tuple[Ref, ...], Ref]:
    """Return the registers of a room, and the one by which it exists."""
    return table.room(base_id, zone_id), table.exists_by(base_id, zone_id)
