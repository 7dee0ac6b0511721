"""The heating system as it is known: readings with their age and quality, and the zones that exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from neasmart.facts.codecs import Quality, Value
from neasmart.facts.registers import Ref, RegisterTable
from neasmart.facts.rows import Limits, Part, setpoint_limits

ZoneIndex = tuple[int, int]


class Source(StrEnum):
    """Where a reading comes from."""

    NEVER = "never"
    BUS = "bus"
    STORED = "stored"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleTimes:
    """Ages in seconds: the bus is late after `warn_s`, a reading is stale after `stale_s`."""

    warn_s: float = 10.0
    stale_s: float = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is known of one point.

    `value` is in the point's unit, None when not known; `word` as on the wire; `at` monotonic seconds of the last
    write, negative ages never occur; `held` is the last value that was not None, for clients that cannot show a gap.
    `told` counts the reports and stops at 2, which a stored value had reached already.
    """

    ref: Ref
    value: Value = None
    word: int | None = None
    at: float | None = None
    quality: Quality = Quality.NO_DATA
    source: Source = Source.NEVER
    stale: bool = True
    held: Value = None
    told: int = 0

    def age_s(self, now: float) -> float | None:
        """Return the seconds since the base last wrote the point, None if it never did."""
        return None if self.at is None else max(0.0, now - self.at)


class Plant:
    """Readings of every point of the table; filled by the bus, or for display only from what was stored."""

    def __init__(
        self, table: RegisterTable, *, names: Mapping[ZoneIndex, str] | None = None, stale: StaleTimes | None = None
    ) -> None:
        """Start with every point unknown."""
        self.table = table
        self.names: dict[ZoneIndex, str] = dict(names or {})
        self.stale_times = stale or StaleTimes()
        self._readings: dict[int, Reading] = {ref.address: Reading(ref=ref) for ref in table}
        self.last_write_at: float | None = None
        self.changed: set[int] = set()
        """Registers whose value, or whether it is stale, has changed; `Derivations` takes them out."""
        self.revision = 0
        """Rises when there is more or less in the house than before, or under another name."""

    def use(self, stale: StaleTimes) -> None:
        """Take values for late and stale at these ages from now on."""
        self.stale_times = stale

    def observe(self, address: int, word: int, now: float) -> Reading:
        """Take a word that the base wrote; the address must be in the table."""
        self.last_write_at = now
        return self._take(address, word, at=now, source=Source.BUS, stale=False)

    def repeats(self, address: int, word: int) -> bool:
        """Return whether this word at an address of the table would say nothing new, but for the time of it."""
        known = self._readings[address]
        return known.word == word and known.source is Source.BUS and not known.stale and known.told > 1

    def restore(self, address: int, word: int, at: float) -> Reading | None:
        """Take a stored word for display, marked stale, unless the bus has already said more."""
        reading = self._readings.get(address)
        if reading is None or reading.source is Source.BUS:
            return None
        return self._take(address, word, at=at, source=Source.STORED, stale=True)

    def forget(self, base_id: int, zone_id: int) -> list[Reading]:
        """Know nothing of a zone any more, until the base writes it again; return its empty readings."""
        self.revision += 1
        forgotten = self.table.room(base_id, zone_id)
        for ref in forgotten:
            self._readings[ref.address] = Reading(ref=ref)
            self.changed.add(ref.address)
        return [self._readings[ref.address] for ref in forgotten]

    def sweep(self, now: float) -> list[Reading]:
        """Mark what has become stale since the last sweep and return it."""
        limit = now - self.stale_times.stale_s
        aged = [r for r in self._readings.values() if not r.stale and r.at is not None and r.at < limit]
        for reading in aged:
            self._readings[reading.ref.address] = replace(reading, stale=True)
            self.changed.add(reading.ref.address)
        return [self._readings[reading.ref.address] for reading in aged]

    def reading(self, ref: Ref) -> Reading:
        """Return what is known of a point."""
        return self._readings[ref.address]

    def value(self, ref_id: str) -> Value:
        """Return a point's value by its id."""
        return self._readings[self.table.ref(ref_id).address].value

    def values(self, refs: Iterable[Ref]) -> dict[str, Value]:
        """Return the values of points by their names in REST."""
        return {ref.point.field: self._readings[ref.address].value for ref in refs}

    @property
    def readings(self) -> list[Reading]:
        """All readings in the order of the table."""
        return list(self._readings.values())

    @property
    def zones(self) -> list[ZoneIndex]:
        """Base and zone numbers of the zones that exist: those whose temperature has been received."""
        return [(base_id, zone_id) for base_id, zone_id in self.all_zones if self.zone_active(base_id, zone_id)]

    @property
    def all_zones(self) -> list[ZoneIndex]:
        """Base and zone numbers of every zone that could exist."""
        bases, zones = self.table.rooms.axes
        return [(base_id, zone_id) for base_id in bases.indices for zone_id in zones.indices]

    def zone_active(self, base_id: int, zone_id: int) -> bool:
        """Return whether a zone's temperature has been received, now or before the last restart."""
        return self.reading(self.table.exists_by(base_id, zone_id)).at is not None

    def rename(self, names: Mapping[ZoneIndex, str]) -> set[ZoneIndex]:
        """Give the zones other names; return those whose name is another one now."""
        before, self.names = self.names, dict(names)
        self.revision += before != self.names
        return {zone for zone in before.keys() | names.keys() if before.get(zone) != names.get(zone)}

    def zone_name(self, base_id: int, zone_id: int) -> str | None:
        """Return the name that the owner has given to a zone."""
        return self.names.get((base_id, zone_id))

    @property
    def setpoint_limits(self) -> Limits:
        """The range to which the base clamps setpoints now."""
        return setpoint_limits(self.reading(self.table.part(Part.SEASON)).value)

    @property
    def mixed(self) -> bool:
        """Whether the rooms differ in their state."""
        return self.reading(self.table.part(Part.HOUSE)).quality is Quality.MIXED

    def _take(self, address: int, word: int, *, at: float, source: Source, stale: bool) -> Reading:
        before = self._readings[address]
        value, quality = before.ref.decode(word)
        reading = Reading(
            ref=before.ref,
            value=value,
            word=word,
            at=at,
            quality=quality,
            source=source,
            stale=stale,
            held=before.held if value is None else value,
            told=2 if source is Source.STORED else min(before.told + 1, 2),
        )
        self._readings[address] = reading
        if value != before.value or stale != before.stale:
            self.changed.add(address)
        self.revision += reading.told != before.told or (reading.held is None) != (before.held is None)
        return reading
