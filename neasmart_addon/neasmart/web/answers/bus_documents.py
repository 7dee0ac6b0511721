"""Says what has been seen on the wire, what the doctor makes of it, and what the parts say of themselves."""

from __future__ import annotations

import dataclasses

from neasmart.core.gateway import Gateway
from neasmart.facts.clock import Clock
from neasmart.web.answers.bus_answers import BusSeen, DoctorAnswer
from neasmart.web.answers.documents import Document, age_of


def bus(gateway: Gateway, now: float, frames_per_s: float) -> BusSeen:
    """Return what has been seen on the wire: counters, and the age of what was last seen of each kind.

    `code` and `late` (the base's values do not arrive) are the doctor's; `stale` tells that all values are marked old.
    """
    counters = gateway.bus.counters
    last_poll = {unit_id: age_of(counters.last_poll_at.get(unit_id), now) for unit_id in gateway.bus.unit_ids}
    last_poll.update({unit_id: age_of(at, now) for unit_id, at in counters.last_poll_at.items()})
    age_s = gateway.last_write_age_s(now)
    found = gateway.diagnosis(now)
    return BusSeen(
        last_write_age_s=_rounded(age_s),
        last_poll_age_s={str(unit_id): polled for unit_id, polled in last_poll.items()},
        last_frame_age_s=age_of(counters.last_frame_at, now),
        last_byte_age_s=age_of(counters.last_byte_at, now),
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


def _rounded(age_s: float | None) -> float | None:
    return None if age_s is None else round(age_s, 1)


def _json_keys(value: object) -> object:
    """Return a mapping with text for keys, as JSON has it; other values as they are."""
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else value
