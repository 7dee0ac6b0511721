"""Joins image, plant, commands and hub: the bus calls `poll` and `write`, everybody else `submit` and the hub.

`poll` and `write` touch nothing but memory, because the base waits for the reply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from neasmart.clock import Clock
from neasmart.commands import Command, Commands
from neasmart.doctor import BusWatch, Diagnosis
from neasmart.errors import NoLinkError
from neasmart.histogram import Histograms
from neasmart.hub import Hub
from neasmart.image import RegisterImage
from neasmart.plant import Plant, Reading, ZoneIndex
from neasmart.registers import Kind, Ref, RegisterTable
from neasmart.status import BusCounters, LinkStatus, MqttStatus, Part, SettingsStatus, StoreStatus
from neasmart.traffic import Traffic

LINK = "status/link"
STORE = "status/store"
MQTT = "status/mqtt"
SETTINGS = "status/settings"
DOCTOR = "status/doctor"
RECORDER = "status/recorder"


class Gateway:
    """The one object graph that every edge shares."""

    def __init__(
        self,
        *,
        table: RegisterTable,
        image: RegisterImage,
        plant: Plant,
        commands: Commands,
        unit_ids: Sequence[int],
        clock: Clock | None = None,
    ) -> None:
        """Take the collaborators; the hub starts with every reading unknown."""
        self.table = table
        self.image = image
        self.plant = plant
        self.commands = commands
        self.unit_ids = tuple(unit_ids)
        self.clock = clock or Clock()
        self.hub = Hub()
        self.counters = BusCounters()
        self.reply_latencies = Histograms()
        self.traffic = Traffic()
        self.watch = BusWatch(self.unit_ids)
        self._bus_waits: Callable[[], bool] = lambda: False
        self.started_at = self.clock.monotonic()
        self.hub.publish(LINK, LinkStatus())
        self.hub.publish(STORE, StoreStatus())
        self.hub.publish(MQTT, MqttStatus())
        self.hub.publish(DOCTOR, self.watch.diagnosis)
        for reading in plant.readings:
            self._publish_reading(reading)

    def poll(self, address: int, count: int, unit_id: int, now: float) -> list[int]:
        """Return the words that the base shall read and note what it has read."""
        addresses = range(address, address + count)
        words = [self.image.served(each, now) for each in addresses]
        for command in self.commands.on_poll(addresses, unit_id, now):
            self.image.doubt(self._affected_by(command.ref))
            self._publish_commands([command])
        return words

    def write(self, address: int, words: Sequence[int], *, function_code: int, unit_id: int, now: float) -> None:
        """Take words that the base wrote, by broadcast or to one of our unit ids."""
        for each, word in enumerate(words, address):
            if self.image.record(each, word, at=now, function_code=function_code, unit_id=unit_id):
                self._publish_reading(self.plant.observe(each, word, now))
                self._publish_commands(self.commands.on_write(each, word, now))
            else:
                self.counters.unknown_registers += 1

    def submit(self, wanted: Iterable[tuple[Ref, object]], *, origin: str, queue: bool = False) -> list[Command]:
        """Queue commands, all or none of them; return the new ones in the order given.

        Raises ReadOnlyPointError and InvalidValueError for what may not be commanded, and NoLinkError while nothing
        is connected unless `queue` is set.
        """
        checked = [(ref, ref.point.checked(value)) for ref, value in wanted]
        if not queue and not self.link.connected:
            raise NoLinkError(f"Not connected to the base station, so the command was not taken. {self.link.detail}")
        now = self.clock.monotonic()
        new: list[Command] = []
        for ref, value in checked:
            changes = self.commands.submit(ref, value, origin=origin, now=now, warning=self._warning(ref, value))
            self._publish_commands(changes)
            new.append(changes[-1])
        return new

    def restore(self, stored: Iterable[tuple[int, int, float]]) -> None:
        """Show stored words (address, word, monotonic time), marked stale; the base never reads them."""
        for address, word, at in stored:
            reading = self.plant.restore(address, word, at)
            if reading is not None:
                self._publish_reading(reading)

    def rename(self, names: Mapping[ZoneIndex, str]) -> None:
        """Give the zones other names, and tell all who show them."""
        before, self.plant.names = self.plant.names, dict(names)
        renamed = {zone for zone in before.keys() | names.keys() if before.get(zone) != names.get(zone)}
        for reading in self.plant.readings:
            if reading.ref.group.key == "zone" and reading.ref.index in renamed:
                self._publish_reading(reading)

    def tick(self, now: float) -> None:
        """Do what only time brings about; called about once a second."""
        self._publish_commands(self.commands.tick(now))
        for reading in self.plant.sweep(now):
            self._publish_reading(reading)
        self.traffic.digest()
        found = self.watch.tick(now, self.link, self.counters, self.settings_problem)
        if found is not None:
            self.hub.publish(DOCTOR, found)

    def ask_of_bus(self, waits: Callable[[], bool]) -> None:
        """Take from the link how to see, without waiting, whether bytes of the base have arrived."""
        self._bus_waits = waits

    def bus_waits(self) -> bool:
        """Return whether the base waits to be read; whoever has more than 0.1 ms to do lets the loop go on first."""
        return self._bus_waits()

    def doubt(self) -> int:
        """Make the base write everything anew, because something may have been missed; return how many registers.

        Called when the bus was not heard for a while, when a frame from the base was damaged, and on request.
        """
        return self.image.doubt_all()

    def diagnosis(self, now: float) -> Diagnosis:
        """Return what the doctor says at this moment, with fresh figures."""
        return self.watch.look(now, self.link, self.counters, self.settings_problem)

    @property
    def settings_problem(self) -> str | None:
        """Why the bus is left alone, None if the settings allow it to be served."""
        settings = self.hub.state(SETTINGS, SettingsStatus) or SettingsStatus()
        if Part.BUS not in settings.closed:
            return None
        return "; ".join(fault.text for fault in settings.faults if Part.BUS in fault.closes)

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

    def _affected_by(self, ref: Ref) -> Iterable[int]:
        """Return the registers that the base may change on its own when it takes a command for `ref`.

        A global state rewrites all rooms, and one room's state can turn the global state into "mixed". Served back in
        their old value they would undo the command.
        """
        if ref.group.key == "global":
            return (each.address for each in self.table.writable if each is not ref)
        return (
            each.address
            for each in self.table.writable
            if each is not ref and (each.group.key == "global" or each.index == ref.index)
        )

    def _warning(self, ref: Ref, value: float) -> str | None:
        if ref.point.kind is not Kind.TEMPERATURE:
            return None
        limits = self.plant.setpoint_limits
        if limits.low <= value <= limits.high:
            return None
        return f"the base will limit {value:g} to its range of {limits.low:g} to {limits.high:g} degC"

    def _publish_reading(self, reading: Reading) -> None:
        self.hub.publish(f"reading/{reading.ref.id}", reading)

    def _publish_commands(self, commands: Iterable[Command]) -> None:
        for command in commands:
            self.hub.publish(f"command/{command.ref.id}", command)
