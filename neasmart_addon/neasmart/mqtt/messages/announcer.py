"""Announces the devices of the house to Home Assistant, and takes them away again.

A change of the inventory waits `gather_s`, because zones trickle in; a change of season does not. With a changed
discovery message Home Assistant keeps a mode and a word of another language from before and forgets a preset, so what
the device shows is said right after it, and once more after `settle_s`, because older ones need a moment to take the
message in. Two messages for one device within `apart_s` would lose parts of the second.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace

from neasmart.core.gateway import Gateway
from neasmart.core.state.plant import ZoneIndex
from neasmart.facts.network import json_text
from neasmart.mqtt.messages.discovery import Device, Style, described
from neasmart.mqtt.messages.inventory import HomeAssistantBook, Inventory, global_mode, take_inventory
from neasmart.mqtt.messages.outbox import Outbox
from neasmart.mqtt.messages.topics import ZONE_TOPICS


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnounceTimes:
    """The patience with announcements, in seconds; `look_s` lies between two looks at the inventory."""

    gather_s: float = 2.0
    settle_s: float = 1.0
    look_s: float = 1.0
    apart_s: float = 2.0


_REPEATED_AT_ONCE = 4
"""How many devices show again what they show before the bus gets its turn; they are described one by one."""


@dataclass(slots=True)
class _Round:
    """One announcement under way: what is described, what is still to come, and whose climate follows."""

    first: bool
    devices: Iterator[tuple[str, Device]] | None
    settling: set[ZoneIndex | None] = field(default_factory=set)
    settle_at: float | None = None


class Announcer:
    """Keeps Home Assistant's devices as the inventory says."""

    def __init__(
        self,
        gateway: Gateway,
        style: Style,
        outbox: Outbox,
        *,
        say_again: Callable[[ZoneIndex | None, bool], None],
        book: HomeAssistantBook,
        times: AnnounceTimes,
    ) -> None:
        """Announce nothing before `begin`.

        `say_again` repeats what a changed device shows, None for the base, and its words, too, if they may be others.
        """
        self._gateway = gateway
        self._style = style
        self._topics = style.topics
        self._outbox = outbox
        self._say_again = say_again
        self._book = book
        self._times = times
        self._announced: Inventory | None = None
        self._announce_at: float | None = None
        self._announced_at: float | None = None
        self._round: _Round | None = None
        self._look_at = 0.0
        self._news = True
        self._looked_at: tuple[object, ...] = ()
        self._published: set[ZoneIndex] = set()
        topics = style.topics
        self._zone_by_topic = {topics.discovery(topics.zone_device(zone)): zone for zone in gateway.plant.all_zones}
        self._kept: dict[str, bytes] = {}
        self.complete = False
        """Whether everything has been announced once since the beginning."""

    def present(self, style: Style) -> None:
        """Use another presentation from the next announcement on."""
        self._style = style

    def begin(self, now: float) -> None:
        """Announce everything anew."""
        self._announced = None
        self._announce_at = now + self._times.gather_s
        self._round = None
        self.complete = False

    def look(self, now: float) -> None:
        """Compare what exists with what was announced, now and not only when it is time for it."""
        if self._announced is None or self._round is not None or self._announce_at is not None:
            return
        self._look_at = now + self._times.look_s
        inventory = self._inventory()
        if inventory == self._announced:
            return
        only_season = replace(inventory, mode=self._announced.mode) == self._announced
        earliest = (self._announced_at or 0.0) + self._times.apart_s
        self._announce_at = max(earliest, now if only_season else now + self._times.gather_s)

    def tick(self, now: float) -> None:
        """Do what is due."""
        if self._announce_at is not None and now >= self._announce_at:
            self._announce_at = None
            self._announced_at = now
            before, self._announced = self._announced, self._inventory()
            if before is not None:
                # A room that the owner has forgotten.
                self._remove(_zones(before) - _zones(self._announced))
            self._round = _Round(first=before is None, devices=described(self._announced, self._style))
        elif now >= self._look_at and (self._news or self._decisive() != self._looked_at):
            # A look at the inventory of sixty rooms takes half a millisecond.
            self.look(now)
        if self._round is not None:
            self._describe(self._round)
            self._settle(self._round, now)
        self._remove(self._published & set(self._book.absent()))

    def found(self, topic: str, payload: bytes) -> bool:
        """Take a discovery message that an earlier run has left; return whether it is one of ours."""
        zone = self._zone_by_topic.get(topic)
        if zone is None and topic != self._topic(None):
            return False
        self._kept[topic] = payload
        if payload and zone is not None:
            self._published.add(zone)
            self._news = True
        return True

    def deleted(self, topic: str) -> ZoneIndex | None:
        """Note that the owner has deleted a device in Home Assistant; return the room, None if it is none of ours."""
        zone = self._zone_by_topic.get(topic)
        if zone is not None and zone in self._published:
            self._book.deleted(zone)
            self._news = True
            return zone
        return None

    def forget_gone(self) -> None:
        """Take away the rooms that are not in the house any more."""
        self._remove(self._published - set(self._gateway.plant.zones))

    @property
    def describing(self) -> bool:
        """Whether more devices of an announcement are still to be described."""
        return self._round is not None and self._round.devices is not None

    @property
    def topics(self) -> list[str]:
        """The discovery topics of every device that could be ours."""
        return [self._topic(None), *self._zone_by_topic]

    def wait_s(self, now: float) -> float | None:
        """Return the seconds until something is due, None if nothing is."""
        if self.describing:
            return 0.0
        dues = [self._announce_at, None if self._round is None else self._round.settle_at]
        return min((max(0.0, due - now) for due in dues if due is not None), default=None)

    def _topic(self, zone: ZoneIndex | None) -> str:
        topics = self._topics
        return topics.discovery(topics.base_device if zone is None else topics.zone_device(zone))

    def _decisive(self) -> tuple[object, ...]:
        """Return what the inventory follows from, beside what the announcer itself has done."""
        return self._gateway.plant.revision, global_mode(self._gateway), frozenset(self._book.absent())

    def _inventory(self) -> Inventory:
        self._news, self._looked_at = False, self._decisive()
        return take_inventory(self._gateway, self._book.absent(), self._published)

    def _describe(self, current: _Round) -> None:
        """Put the next discovery message into the outbox, with the climate state that belongs to it."""
        if current.devices is None:
            return
        found = next(current.devices, None)
        if found is None:
            current.devices = None
        else:
            device, message = found
            topic = self._topics.discovery(device)
            zone = self._zone_by_topic.get(topic)
            if zone is not None:
                self._published.add(zone)
            payload = json_text(message)
            changed = self._outbox.put(topic, payload, unpaced=True)
            if changed and self._kept.pop(topic, None) != payload.encode():
                current.settling.add(zone)
                self._say_again(zone, current.first)

    def _settle(self, current: _Round, now: float) -> None:
        if current.devices is not None:
            return
        if current.settle_at is None:
            waiting = {self._topic(zone) for zone in current.settling}
            if not self._outbox.holds(waiting):
                current.settle_at = now + self._times.settle_s
            return
        if now < current.settle_at:
            return
        for zone in sorted(current.settling, key=lambda each: each or (0, 0))[:_REPEATED_AT_ONCE]:
            current.settling.discard(zone)
            self._say_again(zone, current.first)
        if not current.settling:
            self._round = None
            self.complete = True

    def _remove(self, zones: Collection[ZoneIndex]) -> None:
        """Take rooms away from Home Assistant, and what they show too if they are not in the house any more.

        Other programs read it, and it is all there when the owner wants the room back.
        """
        for zone in sorted(zones):
            self._news = True
            self._published.discard(zone)
            self._outbox.put(self._topic(zone), "")
            if self._gateway.plant.zone_active(*zone):
                continue
            rooms = self._gateway.table.rooms
            for part in (*ZONE_TOPICS, *(row.key for row in rooms.rows)):
                self._outbox.put(self._topics.zone(zone, part), "")


def _zones(inventory: Inventory) -> set[ZoneIndex]:
    return {*inventory.absent, *(room.zone for room in inventory.rooms)}
