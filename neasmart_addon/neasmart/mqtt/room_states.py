"""Says what every room shows: its values, its climate entity, and what is worked out from them.

What a person commands is shown at once, also in all rooms when it is meant for the whole house: the base needs a walk
to tell each room's new state, and until then the old one would look like a refusal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from neasmart.core.commands.command import Command, CommandState
from neasmart.core.gateway import Gateway
from neasmart.core.state.plant import Reading, ZoneIndex
from neasmart.facts.codecs import Quality, Value
from neasmart.facts.registers import DerivedRef, Ref
from neasmart.facts.rows import Kind, Part
from neasmart.mqtt.messages.climate import SEASON_WORDS, Action, RoomFacts, action, heeds_flow
from neasmart.mqtt.messages.discovery import MIXED
from neasmart.mqtt.messages.inventory import global_mode
from neasmart.mqtt.messages.outbox import Outbox
from neasmart.mqtt.messages.states import UNKNOWN, ClimateState, Steady, on_off, value_payload
from neasmart.mqtt.messages.topics import OFFLINE, ONLINE, Topics
from neasmart.mqtt.visits import Visits

SAID_AT_ONCE = 4
"""How many rooms are said before the bus gets its turn: sixty at once would delay the reply to a poll."""


@dataclass(slots=True)
class _Room:
    """What is remembered of a room between two messages."""

    action: Action | None = None
    expected: int | None = None
    before: Value = None


@dataclass(slots=True)
class _HouseCommand:
    """A command for the whole house that the rooms have not all answered yet."""

    confirmed_at: float | None = None


@dataclass(slots=True)
class RoomStates:
    """The states of all rooms, on their topics."""

    gateway: Gateway
    topics: Topics
    outbox: Outbox
    visits: Visits = field(default_factory=Visits)
    steady: Steady = field(default_factory=Steady)
    _rooms: dict[ZoneIndex, _Room] = field(default_factory=dict)
    _house: _HouseCommand | None = None
    # Rooms that are to be said, each with whether that is an echo of what somebody did.
    _unsaid: dict[ZoneIndex, bool] = field(default_factory=dict)
    _flow: float | None = None
    _flow_refs: list[Ref] = field(init=False)
    _taken_at: float = 0.0

    def __post_init__(self) -> None:
        """Find the points that tell a flow temperature."""
        self._flow_refs = list(self.gateway.table.of_part(Part.FLOW))

    def begin(self) -> None:
        """Look at what concerns all rooms: a new connection, or Home Assistant has started.

        What became of a command meanwhile was told nobody; one that is still under way is told next.
        """
        self._flow = self._coldest_flow()
        self._expect_nothing()
        self._unsaid.clear()

    def say_all(self, zone: ZoneIndex) -> None:
        """Say everything that is known of a room."""
        plant, table = self.gateway.plant, self.gateway.table
        told = [plant.reading(ref) for ref in table.room(*zone)]
        if all(reading.at is None for reading in told):
            return
        for reading in told:
            if reading.at is not None:
                self.say_value(reading.ref)
                self._say_availability(reading)
        self._say_room(zone)

    def readings(self, readings: Iterable[Reading]) -> None:
        """Say what follows from reports about rooms; what follows for many of them is left to `say_some`.

        They are all that has come since the last time.
        """
        since, self._taken_at = self._taken_at, self.gateway.clock.monotonic()
        touched: dict[ZoneIndex, None] = {}
        for reading in readings:
            ref, zone = reading.ref, reading.ref.room
            if zone and ref.point.options is not None:
                self._answered(zone, reading)
            self.say_value(ref)
            if zone:
                self._say_availability(reading)
                touched[zone] = None
            elif ref.point.part in (Part.SEASON, Part.FLOW):
                for each in self._concerned(ref, since):
                    self._unsaid.setdefault(each, False)
        for each in touched:
            self._say_room(each)

    def _concerned(self, ref: Ref, since: float) -> Iterable[ZoneIndex]:
        """Return the rooms that may show something else after a report of the season or of a flow temperature."""
        plant, before, self._flow = self.gateway.plant, self._flow, self._coldest_flow()
        if ref.point.part is Part.SEASON or (self._flow != before and heeds_flow(global_mode(self.gateway))):
            return plant.zones
        moved = self.gateway.derived.moved((ref.address,), since)
        return [each.room for each, _ in moved if each.room and plant.zone_active(*each.room)]

    def say_some(self) -> None:
        """Say the next few of the rooms that wait for it."""
        for zone in list(islice(self._unsaid, SAID_AT_ONCE)):
            urgent = self._unsaid.pop(zone)
            if urgent:
                self.say_value(self.gateway.table.part(Part.ROOM, *zone), urgent=True)
            self._say_room(zone, urgent=urgent)

    @property
    def unsaid(self) -> bool:
        """Whether any room waits to be said."""
        return bool(self._unsaid)

    def command(self, command: Command) -> None:
        """Show a command of somebody at once, and the truth again when it has ended."""
        ref = command.ref
        if ref.room:
            self.say_value(ref, urgent=True)
            self.say_climate(ref.room, urgent=True, repeat=not command.state.live)
            return
        self.say_value(ref, urgent=True)
        if ref.point.part is Part.HOUSE:
            self._expect(command)

    @property
    def awaits_reports(self) -> bool:
        """Whether a report that repeats the old value is news: it shows that a room has not followed the house."""
        return self._house is not None

    def tick(self) -> None:
        """Stop waiting for rooms that the base has passed without a word after a command for the whole house."""
        confirmed_at = None if self._house is None else self._house.confirmed_at
        if confirmed_at is None:
            return
        self._expect_nothing(passed_since=confirmed_at)
        if all(room.expected is None for room in self._rooms.values()):
            self._house = None

    def say_value(self, ref: Ref, *, urgent: bool = False, repeat: bool = False) -> None:
        """Say a point's value."""
        topic = self.topics.point(ref.id)
        self.outbox.put(topic, self.payload(ref), urgent=urgent, repeat=repeat)

    def payload(self, ref: Ref) -> str:
        """Return what a point shows."""
        value = self.shown(ref)
        if value is None and ref.point.mixes and self.gateway.plant.reading(ref).quality is Quality.MIXED:
            return MIXED
        if ref.point.kind is Kind.TEMPERATURE and not ref.point.writable:
            return self.steady.payload(self.topics.point(ref.id), value)
        return value_payload(ref.point, value)

    def shown(self, ref: Ref) -> Value:
        """Return the value that a person expects to see: the commanded one while it is on its way."""
        if ref.room and ref.point.options is not None and self.gateway.commands.live(ref) is None:
            expected = self._room(ref.room).expected
            if expected is not None:
                return expected
        return self.gateway.shown(ref)

    def say_climate(
        self, zone: ZoneIndex, *, urgent: bool = False, unpaced: bool = False, repeat: bool = False
    ) -> None:
        """Say a room's climate state."""
        room, table, mode = self._room(zone), self.gateway.table, global_mode(self.gateway)
        state, setpoint = (self.shown(table.part(part, *zone)) for part in (Part.ROOM, Part.TARGET))
        facts = RoomFacts(
            state=state,
            setpoint=setpoint,
            temperature=self._value(zone, Part.AIR),
            flow=self._flow,
            mode=mode,
        )
        room.action = action(facts, room.action)
        shown = ClimateState(state=state, setpoint=setpoint, season=SEASON_WORDS[mode], action=room.action)
        topic = self.topics.zone(zone, "climate")
        self.outbox.put(topic, shown.payload, urgent=urgent, unpaced=unpaced, repeat=repeat)

    def say_house(self) -> str:
        """Say what follows for the whole house; return the mean temperature as it is shown."""
        refs = self.gateway.table.derived_at()
        shown = {ref.point.part: self.derived_payload(ref) for ref in refs if self.gateway.derived.exists(ref)}
        self._say_derived(refs)
        return shown.get(Part.MEAN, UNKNOWN)

    def derived_payload(self, ref: DerivedRef) -> str:
        """Return what a derived value shows."""
        value = self.gateway.derived.value(ref)
        if ref.point.kind is Kind.TEMPERATURE:
            return self.steady.payload(self.topics.point(ref.id), value, jitter=ref.point.jitter)
        return on_off(on=None if value is None else bool(value))

    def _say_availability(self, reading: Reading) -> None:
        """Say whether a room's values count: whether the base still tells its temperature."""
        if reading.ref.room and reading.ref == self.gateway.table.exists_by(*reading.ref.room):
            topic = self.topics.zone(reading.ref.room, "available")
            self.outbox.put(topic, OFFLINE if reading.stale else ONLINE)

    def _say_room(self, zone: ZoneIndex, *, urgent: bool = False) -> None:
        self.say_climate(zone, urgent=urgent)
        self._say_derived(self.gateway.table.derived_at(*zone))

    def _say_derived(self, refs: Iterable[DerivedRef]) -> None:
        for ref in filter(self.gateway.derived.exists, refs):
            self.outbox.put(self.topics.point(ref.id), self.derived_payload(ref))

    def _expect(self, command: Command) -> None:
        if command.state.live:
            self._house = _HouseCommand()
            for zone in self.gateway.plant.zones:
                room = self._room(zone)
                room.expected = int(command.value)
                room.before = self._value(zone, Part.ROOM)
                self._unsaid[zone] = True
        elif command.state is CommandState.CONFIRMED and self._house is not None:
            self._house.confirmed_at = command.ended_at
        else:
            self._expect_nothing()

    def _answered(self, zone: ZoneIndex, reading: Reading) -> None:
        """Take a report in place of what was expected; that a room is still as it was says nothing yet."""
        room = self._room(zone)
        confirmed = self._house is None or self._house.confirmed_at is not None
        if reading.value == room.expected or (confirmed and reading.value != room.before):
            room.expected = None

    def _expect_nothing(self, *, passed_since: float | None = None) -> None:
        """Show the base's own states again, in all rooms or only where it has been since a moment, or is no more."""
        if passed_since is None:
            self._house = None
        for zone, room in self._rooms.items():
            if room.expected is None:
                continue
            if passed_since is None or self.visits.since(zone, passed_since) or self._told(zone, Part.AIR).stale:
                room.expected = None
                self._unsaid[zone] = True

    def _coldest_flow(self) -> float | None:
        readings = map(self.gateway.plant.reading, self._flow_refs)
        return min((float(each.value) for each in readings if each.value is not None and not each.stale), default=None)

    def _value(self, zone: ZoneIndex, part: Part) -> Value:
        return self._told(zone, part).value

    def _told(self, zone: ZoneIndex, part: Part) -> Reading:
        return self.gateway.plant.reading(self.gateway.table.part(part, *zone))

    def _room(self, zone: ZoneIndex) -> _Room:
        return self._rooms.setdefault(zone, _Room())
