"""Joins image, plant, commands and hub for those who show and command; `bus_face` is the side of the bus."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from neasmart.core.bus_face import BusFace, publish_commands, publish_reading
from neasmart.core.commands.command import Command, CommandTimes
from neasmart.core.commands.commands import Commands
from neasmart.core.commands.undo import UndoBook
from neasmart.core.state.derivations import Derivations
from neasmart.core.state.hub import Hub
from neasmart.core.state.image import LastReports, RegisterImage
from neasmart.core.state.plant import Plant, StaleTimes, ZoneIndex
from neasmart.core.state.rooms import Room, Rooms, RoomsStatus
from neasmart.core.state.walks import WalkTimes
from neasmart.diagnosis.bus_watch import BusWatch, Scene
from neasmart.diagnosis.doctor import Diagnosis, Patience
from neasmart.facts.clock import Clock
from neasmart.facts.codecs import OperatingState
from neasmart.facts.errors import NoLinkError, RoomOffError, StoodStillError
from neasmart.facts.registers import Ref, RegisterTable
from neasmart.facts.rows import Part, setpoint_limits
from neasmart.facts.status import Closable, LinkStatus, MqttStatus, SettingsStatus, StoreStatus

LINK = "status/link"
STORE = "status/store"
MQTT = "status/mqtt"
SETTINGS = "status/settings"
DOCTOR = "status/doctor"
RECORDER = "status/recorder"
ROOMS = "status/rooms"
PORTS = "status/ports"

STANDSTILL_S = 10.0
"""Seconds between two ticks of about one: process or computer stood still, and what is known may be of before."""
OLD_AFTER_STANDSTILL_S = 2.0
"""So long what is read may have waited in a socket meanwhile."""
_FRAMES_AT_ONCE = 50
"""So many are counted in 0.2 ms."""

_ORDER = (Part.SEASON, Part.HOUSE, Part.ROOM, Part.TARGET)
"""What is commanded together is given in this order, because each of these changes what comes after it."""


class TakenBack(NamedTuple):
    """The commands that were taken back, and those that bring back what was there before."""

    withdrawn: list[Command]
    commands: list[Command]


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """The patience of every part of the core."""

    commands: CommandTimes
    walks: WalkTimes
    stale: StaleTimes


class Gateway:
    """The one object graph that every edge shares."""

    def __init__(
        self,
        *,
        image: RegisterImage,
        plant: Plant,
        commands: Commands,
        unit_ids: Sequence[int],
        clock: Clock | None = None,
        last_reports: LastReports | None = None,
    ) -> None:
        """Take the collaborators; the hub starts with every reading unknown.

        With `last_reports` polls without a command are answered with those, at the expert's own risk.
        """
        self.table: RegisterTable = plant.table
        self.image = image
        self.plant = plant
        self.commands = commands
        self._undo = UndoBook(plant, commands)
        self._last_reports = last_reports
        self._sync_at: float | None = None
        self._ticked_at = self._ticked_unix_s = math.inf
        self._old_until = -math.inf
        self.clock = clock or Clock()
        self.derived = Derivations(plant, self.clock)
        self.hub = Hub()
        self.rooms = Rooms()
        self.bus = BusFace(
            image=image,
            plant=plant,
            commands=commands,
            hub=self.hub,
            served=image.served if last_reports is None else last_reports.served,
            stands_still=self._stands_still,
        )
        self.bus.use(unit_ids)
        self.watch = BusWatch(self.bus.unit_ids)
        self.started_at = self.clock.monotonic()
        self.hub.publish(LINK, LinkStatus())
        self.hub.publish(STORE, StoreStatus())
        self.hub.publish(MQTT, MqttStatus())
        self.hub.publish(DOCTOR, self.watch.diagnosis)
        self.hub.publish(ROOMS, RoomsStatus())
        for reading in plant.readings:
            publish_reading(self.hub, reading)

    def submit(self, wanted: Iterable[tuple[Ref, object]], *, origin: str, queue: bool = False) -> list[Command]:
        """Queue commands, all or none of them; return the new ones in the order given.

        Raises ReadOnlyPointError and InvalidValueError for what may not be commanded, NoLinkError while nothing is
        connected unless `queue` is set, StoodStillError where a command may be older than it seems, and RoomOffError
        for a setpoint of a room that is off and stays so.
        """
        checked = [(ref, ref.point.checked(value)) for ref, value in wanted]
        now = self.clock.monotonic()
        self._refuse_what_may_be_old(now)
        if not queue and not self.link.connected:
            raise NoLinkError(f"Not connected to the base station, so the command was not taken. {self.link.detail}")
        self._refuse_rooms_that_stay_off(checked)
        new: dict[int, Command] = {}
        for ref, value in sorted(checked, key=lambda each: _ORDER.index(each[0].point.part or Part.TARGET)):
            before, season = self._undo.before(ref), self.commands.season
            changes = self.commands.submit(ref, value, origin=origin, now=now, warning=self._warning(ref, value))
            publish_commands(self.hub, changes)
            new[ref.address] = changes[-1]
            self._undo.accepted(changes[-1], before, season)
        return [new[ref.address] for ref, _ in checked]

    def undo(self, command_id: str, *, origin: str) -> TakenBack:
        """Take a command back: withdraw it if the base has not read it, else command what was there before.

        Raises UnknownCommandError, UndoError with the reason, and NoLinkError, StoodStillError and RoomOffError as
        `submit`.
        """
        now = self.clock.monotonic()
        self._refuse_what_may_be_old(now)
        values = self._undo.values(command_id, now)
        if values and not self.link.connected:
            raise NoLinkError(f"Not connected to the base station, so nothing can be undone. {self.link.detail}")
        self._refuse_rooms_that_stay_off(values)
        withdrawn = self.commands.withdraw(command_id, now)
        publish_commands(self.hub, withdrawn)
        self._undo.done(command_id)
        return TakenBack(withdrawn, self.submit(values, origin=origin) if values else [])

    def restore(self, stored: Iterable[tuple[int, int, float]]) -> None:
        """Show stored words (address, word, monotonic time), marked stale; the base never reads them."""
        for address, word, at in stored:
            reading = self.plant.restore(address, word, at)
            if reading is not None:
                publish_reading(self.hub, reading)

    def rename(self, names: Mapping[ZoneIndex, str]) -> None:
        """Give the zones other names, and tell all who show them."""
        renamed = self.plant.rename(names)
        for reading in self.plant.readings:
            if reading.ref.room in renamed:
                publish_reading(self.hub, reading)

    def put_rooms(self, rooms: Iterable[Room]) -> None:
        """Take the owner's word about rooms, and tell all who show them."""
        self.rooms.put(rooms)
        self._rooms_changed()

    def take_over_rooms(self, first: Iterable[Room]) -> None:
        """Take the first names of the settings for rooms of which the page has said nothing."""
        self.rooms.take_over(first)
        self._rooms_changed()

    def tell_rooms(self, *, detail: str | None) -> None:
        """Publish what is said of the rooms; `detail` is why that is not stored, None if it is."""
        status = RoomsStatus(rooms=tuple(self.rooms.ordered()), detail=detail)
        if status != self.hub.state(ROOMS, RoomsStatus):
            self.hub.publish(ROOMS, status)

    def forget_zone(self, base_id: int, zone_id: int, now: float) -> list[int]:
        """Forget all that was heard of a zone, and what is still to be told it; its name stays.

        Returns the registers that are concerned. If the base writes one of them again, it is back.
        """
        forgotten = self.plant.forget(base_id, zone_id)
        for reading in forgotten:
            command = self.commands.live(reading.ref)
            if command is not None:
                publish_commands(self.hub, self.commands.withdraw(command.id, now))
            self.image.forget(reading.ref.address)
            publish_reading(self.hub, reading)
        return [reading.ref.address for reading in forgotten]

    def use_times(self, times: Times) -> None:
        """Be as patient from now on as the settings say."""
        self.commands.use(times.commands)
        self.bus.walks.use(times.walks)
        self.plant.use(times.stale)
        self.image.use(late_s=times.stale.warn_s)

    def watch_bus(self, unit_ids: Sequence[int], *, line: str | None = None, final: bool = False) -> None:
        """Answer under these unit ids, and judge the bus anew; see `BusWatch` for `line` and `final`."""
        self.bus.use(unit_ids)
        now = self.clock.monotonic()
        self.watch = BusWatch(unit_ids, line=line, final=final, since=now)
        # What was counted on another link is not this one's; a look while none is open tells the watch from where on.
        self.watch.look(now, Scene(link=LinkStatus(), counters=self.bus.counters))

    def tick(self, now: float) -> None:
        """Do what only time brings about; called about once a second."""
        for _ in self.ticking(now):
            pass

    def ticking(self, now: float) -> Iterator[None]:
        """Do the same in pieces, between which the bus may go on: on a busy bus it is 3 ms."""
        if self._stands_still(now):
            self._old_until = now + OLD_AFTER_STANDSTILL_S
            publish_commands(self.hub, self.commands.stood_still(now))
        self._ticked_at, self._ticked_unix_s = now, self.clock.wall()
        self.bus.walks.tick(now)
        publish_commands(self.hub, self.commands.tick(now))
        for reading in self.plant.sweep(now):
            publish_reading(self.hub, reading)
        yield
        while self.bus.idle_polls.digest(_FRAMES_AT_ONCE):
            yield
        yield
        while self.bus.traffic.digest(_FRAMES_AT_ONCE):
            yield
        yield
        self.diagnosis(now)

    def sync(self, now: float) -> None:
        """Begin to watch one walk in which the base tells everything anew; every poll asks it for that anyway."""
        self._sync_at = now
        self.image.ask(now + 2 * self.bus.walks.walk_s)

    @property
    def serves_last_reports(self) -> bool:
        """Whether an expert has chosen to serve what the base reported last, outside of what is promised."""
        return self._last_reports is not None

    @property
    def sync_progress(self) -> tuple[int, int]:
        """How many registers the base has still to tell since the last `sync`, and how many it has told at all."""
        reports = [report for ref in self.table.writable if (report := self.image.report(ref.address)) is not None]
        since = self._sync_at
        return sum(since is not None and report.at <= since for report in reports), len(reports)

    def diagnosis(self, now: float) -> Diagnosis:
        """Return what the doctor says at this moment, with fresh figures; tell everybody if it is news."""
        patience = Patience(late_s=self.plant.stale_times.warn_s, walk_s=self.bus.walks.walk_s)
        scene = Scene(
            link=self.link,
            counters=self.bus.counters,
            last_write_at=self.plant.last_write_at,
            patience=patience,
            problem=self.settings_problem,
        )
        if self.watch.look(now, scene):
            self.hub.publish(DOCTOR, self.watch.diagnosis)
        return self.watch.diagnosis

    @property
    def settings_problem(self) -> str | None:
        """Why the bus is left alone, None if the settings allow it to be served."""
        settings = self.hub.state(SETTINGS, SettingsStatus) or SettingsStatus()
        if Closable.BUS not in settings.closed:
            return None
        return "; ".join(fault.text for fault in settings.faults if Closable.BUS in fault.closes)

    @property
    def link(self) -> LinkStatus:
        """The last status of the connection to the bus."""
        return self.hub.state(LINK, LinkStatus) or LinkStatus()

    @property
    def store(self) -> StoreStatus:
        """The last status of the storage."""
        return self.hub.state(STORE, StoreStatus) or StoreStatus()

    @property
    def mqtt(self) -> MqttStatus:
        """The last status of the connection to the MQTT broker."""
        return self.hub.state(MQTT, MqttStatus) or MqttStatus()

    def shown(self, ref: Ref) -> int | float | bool | None:
        """Return the commanded value while a command is live, else the last reading."""
        command = self.commands.live(ref)
        return self.plant.reading(ref).value if command is None else command.value

    def last_write_age_s(self, now: float) -> float | None:
        """Return the seconds since the base wrote anything, None before the first write of this process."""
        at = self.plant.last_write_at
        return None if at is None else max(0.0, now - at)

    def bus_stale(self, now: float) -> bool:
        """Return whether the base has been silent for longer than readings stay fresh."""
        age = self.last_write_age_s(now)
        return age is None or age > self.plant.stale_times.stale_s

    def _stands_still(self, now: float) -> bool:
        """Return whether by either clock the tick that is due since long has not come.

        A virtual machine that is paused is seen by the wall clock only, once something corrects that. The first time
        from a server on a computer without a clock of its own looks the same.
        """
        return now - self._ticked_at > STANDSTILL_S or self.clock.wall() - self._ticked_unix_s > STANDSTILL_S

    def _refuse_what_may_be_old(self, now: float) -> None:
        """Raise StoodStillError for what may have been given before a hand that was told meanwhile."""
        # What waited in the sockets may be read before the tick.
        if self._stands_still(now) or now < self._old_until:
            text = "The gateway stood still, or its clock jumped, so it cannot know how old this is. Send it again"
            raise StoodStillError(text)

    def _refuse_rooms_that_stay_off(self, wanted: Sequence[tuple[Ref, float]]) -> None:
        switched = {ref.index: value for ref, value in wanted if ref.point.part in (Part.ROOM, Part.HOUSE)}
        for ref, _ in wanted:
            if ref.point.part is Part.TARGET and self._stays_off(ref, switched):
                raise RoomOffError("room is off")

    def _stays_off(self, target: Ref, switched: Mapping[tuple[int, ...], float]) -> bool:
        """Return whether a room is off, and neither a live command nor the same request switches it on."""
        (room,) = self.table.of_part(Part.ROOM, target.index)
        (house,) = self.table.of_part(Part.HOUSE)
        for index in (room.index, house.index):
            if switched.get(index, OperatingState.STANDBY) != OperatingState.STANDBY:
                return False
        command = self.commands.newest((room, house))
        if command is not None:
            return command.value == OperatingState.STANDBY
        report = self.image.report(room.address)
        return report is not None and room.decode(report.word).value == OperatingState.STANDBY

    def _warning(self, ref: Ref, value: float) -> str | None:
        if ref.point.part is not Part.TARGET:
            return None
        limits = setpoint_limits(self.commands.mode)
        if limits.low <= value <= limits.high:
            return None
        return f"the base will limit {value:g} to its range of {limits.low:g} to {limits.high:g} degC"

    def _rooms_changed(self) -> None:
        self.rename(self.rooms.names)
        status = self.hub.state(ROOMS, RoomsStatus) or RoomsStatus()
        self.tell_rooms(detail=status.detail)
