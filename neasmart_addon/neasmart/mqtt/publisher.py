"""Decides what is said over MQTT and when; time is an argument, and nothing here touches the network.

The order of the first publication: all states, then (after `gather_s`, because zones trickle in) the discovery
messages, then (after `settle_s`) the climate states and ``online``. Later changes of the inventory go the same way.
A climate entity forgets its state when Home Assistant takes a changed discovery message, and it refuses a mode that was
not announced yet: so a room's climate state follows the mode that was announced last, and is said again afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from neasmart.codecs import GlobalMode
from neasmart.command import Command
from neasmart.gateway import LINK, Gateway
from neasmart.mqtt.discovery import Device, described
from neasmart.mqtt.inventory import Inventory, take_inventory
from neasmart.mqtt.outbox import Outbox
from neasmart.mqtt.states import (
    climate_payload,
    command_payload,
    diagnostics_payload,
    link_payload,
    refusal_payload,
    value_payload,
)
from neasmart.mqtt.topics import OFFLINE, ONLINE, ZONE_TOPICS, Topics
from neasmart.plant import Reading, ZoneIndex
from neasmart.registers import Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishTimes:
    """The patience of the publisher, in seconds.

    `gather_s` before a change of the inventory is announced, `settle_s` before climate states follow it, `look_s`
    between two looks at the inventory, `diagnostics_s` between two diagnostics, `forget_room_s` of a living bus
    without a room until it is removed.
    """

    gather_s: float = 2.0
    settle_s: float = 1.0
    look_s: float = 1.0
    diagnostics_s: float = 60.0
    forget_room_s: float = 600.0


_DESCRIBED_AT_ONCE = 4
"""How many devices are described before the bus gets its turn: sixty at once would delay the reply to a poll."""


class Publisher:
    """Fills the outbox from the gateway's state."""

    def __init__(self, gateway: Gateway, topics: Topics, outbox: Outbox, times: PublishTimes) -> None:
        """Say nothing before `begin`."""
        self._gateway = gateway
        self._topics = topics
        self._outbox = outbox
        self._times = times
        self._announced: Inventory | None = None
        self._announce_at: float | None = None
        self._describing: Iterator[tuple[str, Device]] | None = None
        self._settling: set[ZoneIndex] = set()
        self._settle_at: float | None = None
        self._room_mode: dict[ZoneIndex, GlobalMode | None] = {}
        self._published: set[ZoneIndex] = set()
        self._heard_since: float | None = None
        self._online = False
        self._look_at = 0.0
        self._diagnostics_at = 0.0
        self._zone_by_discovery = {topics.discovery(topics.zone_device(zone)): zone for zone in gateway.plant.all_zones}
        self._polls: tuple[float, int] | None = None
        self._polls_per_minute = 0

    def begin(self, now: float) -> None:
        """Say everything from the beginning: a new connection, or Home Assistant has started."""
        self._outbox.forget()
        self._announced = None
        self._announce_at = now + self._times.gather_s
        self._describing = None
        self._settling.clear()
        self._settle_at = None
        self._room_mode.clear()
        self._online = False
        for reading in self._gateway.plant.readings:
            if reading.at is not None or reading.ref.group.key == "global":
                self._say_reading(reading)
        for command in self._gateway.commands.pending:
            self._say_command(command)
        self._say_link()
        self._say_bus(now)
        self._say_diagnostics(now)

    def take(self, batch: Mapping[str, object], now: float) -> None:
        """Take the changes that the hub has collected."""
        for key, item in batch.items():
            if isinstance(item, Reading):
                self._say_reading(item)
            elif isinstance(item, Command):
                self._say_command(item)
            elif key == LINK:
                self._say_link()
                self._say_bus(now)
        if any(isinstance(item, Command) for item in batch.values()):
            self._say_diagnostics(now)

    def tick(self, now: float) -> None:
        """Do what is due; called at least once a second and after every batch."""
        self._say_bus(now)
        if now >= self._diagnostics_at:
            self._say_diagnostics(now)
        if self._announce_at is not None:
            if now >= self._announce_at:
                self._announce_at = None
                self._announced = take_inventory(self._gateway)
                self._describing = described(self._announced, self._topics)
        elif self._announced is not None and self._settled and now >= self._look_at:
            self._look_at = now + self._times.look_s
            if take_inventory(self._gateway) != self._announced:
                self._announce_at = now + self._times.gather_s
        self._describe()
        self._settle(now)
        self._forget_rooms(now)

    def remember(self, device_topic: str, payload: bytes) -> None:
        """Note a discovery message that an earlier run has left on the broker."""
        zone = self._zone_by_discovery.get(device_topic)
        if zone is not None and payload:
            self._published.add(zone)

    def refuse(self, target: str, reason: str) -> None:
        """Say that a command was not taken, and show again what is true."""
        place = target.rpartition(".")[0]
        refs = [ref for ref in self._gateway.table.writable if ref.id.startswith(f"{place}.")]
        if not refs or (refs[0].group.key == "zone" and not self._gateway.plant.zone_active(*refs[0].index)):
            return
        at = self._gateway.clock.to_iso(self._gateway.clock.monotonic())
        payload = refusal_payload(target, reason, at=at)
        self._outbox.put(self._topics.last_command(place), payload, urgent=True, repeat=True)
        self.show_again(refs[0])

    def show_again(self, ref: Ref) -> None:
        """Say again what is shown for all command points of a place, though nothing has changed."""
        place = ref.id.rpartition(".")[0]
        for each in self._gateway.table.writable:
            if each.id.startswith(f"{place}."):
                self._say_value(each, urgent=True, repeat=True)
        if ref.group.key == "zone":
            self._say_climate((ref.index[0], ref.index[1]), urgent=True, repeat=True)

    def reassert(self) -> None:
        """Say ``online`` again, because the last will of a lost connection came after it."""
        if self._online:
            self._outbox.put(self._topics.status, ONLINE, urgent=True, repeat=True)

    @property
    def online(self) -> bool:
        """Whether the first publication is complete."""
        return self._online

    @property
    def own_discovery(self) -> list[str]:
        """The discovery topics on which earlier runs may have left messages of rooms."""
        return list(self._zone_by_discovery)

    def wait_s(self, now: float) -> float:
        """Return how long nothing will be due unless the hub reports a change."""
        if self._describing is not None:
            return 0.0
        dues = [due - now for due in (self._announce_at, self._settle_at) if due is not None]
        waiting = self._outbox.wait_s(now)
        return max(0.0, min([1.0, *dues, *([] if waiting is None else [waiting])]))

    @property
    def _settled(self) -> bool:
        return not self._settling and self._settle_at is None and self._describing is None

    def _describe(self) -> None:
        """Put the next few discovery messages of an announcement into the outbox."""
        if self._describing is None or self._announced is None:
            return
        some = list(islice(self._describing, _DESCRIBED_AT_ONCE))
        if not some:
            self._describing = None
        for device, message in some:
            topic = self._topics.discovery(device)
            changed = self._outbox.put(topic, json.dumps(message, ensure_ascii=False))
            zone = self._zone_by_discovery.get(topic)
            if zone is None:
                continue
            self._published.add(zone)
            if changed:
                self._settling.add(zone)
            else:
                self._room_mode[zone] = self._announced.mode
                self._say_climate(zone)

    def _settle(self, now: float) -> None:
        if self._announced is None or self._describing is not None:
            return
        if self._settle_at is None:
            waiting = {self._topics.discovery(self._topics.zone_device(zone)) for zone in self._settling}
            if (self._settling or not self._online) and not self._outbox.holds(waiting):
                self._settle_at = now + self._times.settle_s
            return
        if now < self._settle_at:
            return
        for zone in sorted(self._settling):
            self._room_mode[zone] = self._announced.mode
            self._say_climate(zone, repeat=True)
        self._settling.clear()
        self._settle_at = None
        if not self._online:
            self._online = True
            self._outbox.put(self._topics.status, ONLINE, repeat=True)

    def _forget_rooms(self, now: float) -> None:
        if self._heard_since is None or now - self._heard_since < self._times.forget_room_s:
            return
        for zone in sorted(self._published - set(self._gateway.plant.zones)):
            self._published.discard(zone)
            self._outbox.put(self._topics.discovery(self._topics.zone_device(zone)), "")
            for part in ZONE_TOPICS:
                self._outbox.put(self._topics.zone(zone, part), "")

    def _say_reading(self, reading: Reading) -> None:
        ref = reading.ref
        self._say_value(ref)
        if ref.group.key != "zone":
            return
        zone = (ref.index[0], ref.index[1])
        if ref.point.key == "temperature":
            self._outbox.put(self._topics.zone(zone, "available"), OFFLINE if reading.stale else ONLINE)
        elif ref.point.writable:
            self._say_climate(zone)

    def _say_command(self, command: Command) -> None:
        ref = command.ref
        self._say_value(ref, urgent=True)
        if ref.group.key == "zone":
            self._say_climate((ref.index[0], ref.index[1]), urgent=True, repeat=not command.state.live)
        payload = command_payload(command, self._gateway.clock)
        self._outbox.put(self._topics.last_command(ref.id.rpartition(".")[0]), payload, urgent=True)

    def _say_value(self, ref: Ref, *, urgent: bool = False, repeat: bool = False) -> None:
        payload = value_payload(ref.point, self._gateway.shown(ref))
        self._outbox.put(self._topics.point(ref.id), payload, urgent=urgent, repeat=repeat)

    def _say_climate(self, zone: ZoneIndex, *, urgent: bool = False, repeat: bool = False) -> None:
        if zone not in self._room_mode:
            return
        table = self._gateway.table
        payload = climate_payload(
            state=self._gateway.shown(table.at("zone", "state", *zone)),
            setpoint=self._gateway.shown(table.at("zone", "setpoint", *zone)),
            mode=self._room_mode[zone],
        )
        self._outbox.put(self._topics.zone(zone, "climate"), payload, urgent=urgent, repeat=repeat)

    def _say_link(self) -> None:
        self._outbox.put(self._topics.link, link_payload(self._gateway.link))

    def _say_bus(self, now: float) -> None:
        heard = self._gateway.link.connected and not self._gateway.bus_stale(now)
        if not heard:
            self._heard_since = None
        elif self._heard_since is None:
            self._heard_since = now
        self._outbox.put(self._topics.bus, ONLINE if heard else OFFLINE)

    def _say_diagnostics(self, now: float) -> None:
        polls = self._gateway.counters.polls
        if now >= self._diagnostics_at:
            if self._polls is not None and now > self._polls[0]:
                self._polls_per_minute = round(60 * (polls - self._polls[1]) / (now - self._polls[0]))
            self._polls = (now, polls)
            self._diagnostics_at = now + self._times.diagnostics_s
        payload = diagnostics_payload(
            age_s=self._gateway.last_write_age_s(now),
            polls_per_minute=self._polls_per_minute,
            pending=len(self._gateway.commands.pending),
            wiring=self._gateway.watch.diagnosis,
        )
        self._outbox.put(self._topics.diagnostics, payload)
