"""Decides what is said over MQTT and when; time is an argument, and nothing here touches the network.

The order of the first publication: all states, then the discovery messages, then ``online``. See `announcer` and
`rooms` for the two; here is what concerns the whole house and the bus.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from neasmart.core.commands.command import Command
from neasmart.core.gateway import DOCTOR, LINK, Gateway
from neasmart.core.state.plant import Reading, ZoneIndex
from neasmart.diagnosis.doctor import Diagnosis
from neasmart.facts.codecs import GlobalMode
from neasmart.facts.errors import NeasmartError
from neasmart.facts.network import json_text
from neasmart.facts.rows import Part, setpoint_limits
from neasmart.mqtt.changes import Change, ChangesByHand
from neasmart.mqtt.messages.announcer import Announcer, AnnounceTimes
from neasmart.mqtt.messages.climate import SEASON_WORDS
from neasmart.mqtt.messages.discovery import MIXED, Style
from neasmart.mqtt.messages.inventory import HomeAssistantBook
from neasmart.mqtt.messages.outbox import Outbox
from neasmart.mqtt.messages.states import (
    changed_at,
    command_payload,
    diagnostics_payload,
    house_payload,
    lapsed_payload,
    link_payload,
    refusal_payload,
    value_payload,
    wiring_payload,
)
from neasmart.mqtt.messages.topics import HOUSE, OFFLINE, ONLINE
from neasmart.mqtt.room_states import SAID_AT_ONCE, RoomStates
from neasmart.mqtt.visits import Visits


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishTimes:
    """The patience of the publisher, in seconds.

    `grace_s` of a lost link change nothing; `diagnostics_s` lie between two diagnostics,
    `forget_room_s` of a living bus without a room until it is removed.
    """

    announce: AnnounceTimes = field(default_factory=AnnounceTimes)
    grace_s: float = 15.0
    diagnostics_s: float = 60.0
    forget_room_s: float = 600.0


class Publisher:
    """Fills the outbox from the gateway's state; times (`now`) are monotonic seconds, nothing raises."""

    def __init__(
        self,
        gateway: Gateway,
        style: Style,
        outbox: Outbox,
        book: HomeAssistantBook,
        *,
        times: PublishTimes | None = None,
    ) -> None:
        """Say nothing before `begin`."""
        self._gateway = gateway
        self._style = style
        self._topics = style.topics
        self._outbox = outbox
        self._times = times or PublishTimes()
        visits = Visits()
        self.rooms = RoomStates(gateway, style.topics, outbox, visits)
        self.announcer = Announcer(
            gateway, style, outbox, say_again=self._say_again, book=book, times=self._times.announce
        )
        self._results: dict[str, str] = {}
        self._refused_at: dict[str, float] = {}
        self._changes = ChangesByHand(visits)
        self._unsaid: deque[ZoneIndex] = deque()
        self._heard_since: float | None = None
        # Endless while the link is open; at the start nothing has been there that could be missed for a moment.
        self._grace_until = -math.inf
        self._heard = False
        self._online = False
        self._bus_at = 0.0
        self._diagnostics_at = 0.0
        self._polls: tuple[float, int] | None = None
        self._polls_per_minute = 0

    def present(self, style: Style) -> None:
        """Use another presentation from the next beginning on; its topics are the same."""
        self._style = style
        self.announcer.present(style)

    def begin(self, now: float) -> None:
        """Say everything from the beginning: a new connection, or Home Assistant has started."""
        self._outbox.forget()
        self._online = False
        self.rooms.begin()
        self.announcer.begin(now)
        self._changes.start(self._gateway.plant.readings, reversed(self._gateway.commands.recent))
        self._unsaid = deque(self._gateway.plant.all_zones)
        for reading in self._gateway.plant.readings:
            if reading.ref.of_house or (reading.at is not None and not reading.ref.room):
                self.rooms.say_value(reading.ref)
        for command in self._gateway.commands.pending:
            self._say_command(command)
        self._say_ends()
        self._say_house()
        self._say_bus(now)
        self._outbox.put(self._topics.wiring, self._wiring(self._gateway.watch.diagnosis))
        self._say_diagnostics(now)

    def take(self, batch: Mapping[str, object], now: float, again: Mapping[str, object] = MappingProxyType({})) -> None:
        """Take the changes that the hub has collected, and what was only told `again`: it shows where the base is."""
        commands = [item for item in batch.values() if isinstance(item, Command)]
        readings = [item for item in batch.values() if isinstance(item, Reading)]
        repeated = [item for item in again.values() if isinstance(item, Reading)]
        for change in self._changes.take(commands, [*repeated, *readings]):
            if self._online:
                self._outbox.tell(self._topics.changed, self._change_payload(change))
        self.rooms.readings([*repeated, *readings] if self.rooms.awaits_reports else readings)
        for command in commands:
            self._say_command(command)
        if any(reading.ref.point.part is Part.SEASON for reading in readings):
            self.announcer.look(now)
        if readings or commands:
            self._say_house()
        if commands:
            self._say_diagnostics(now)
        self._say_statuses(batch, now)

    def tick(self, now: float) -> None:
        """Do what is due; called at least once a second and after every batch."""
        if now >= self._bus_at:
            self._say_bus(now, self._gateway.watch.diagnosis)
        if now >= self._diagnostics_at:
            self._say_diagnostics(now)
        for _ in range(min(SAID_AT_ONCE, len(self._unsaid))):
            self.rooms.say_all(self._unsaid.popleft())
        self.rooms.say_some()
        self.rooms.tick()
        self.announcer.tick(now)
        if self._heard_since is not None and now - self._heard_since >= self._times.forget_room_s:
            self.announcer.forget_gone()
        if self.announcer.complete and not self._unsaid and not self._online:
            self._online = True
            self._outbox.put(self._topics.status, ONLINE, repeat=True)

    def refuse(self, target: str, error: NeasmartError) -> None:
        """Say that a command was not taken, and show again what is true."""
        place = target.rpartition(".")[0]
        refs = [ref for ref in self._gateway.table.writable if ref.place == place]
        if not refs or (refs[0].room and not self._gateway.plant.zone_active(*refs[0].room)):
            return
        now = self._gateway.clock.monotonic()
        topic = self._topics.last_command(place)
        self._refused_at[topic] = now
        words, message = self._style.words, str(error)
        reason = words.sentence(f"error.{error.code}") or words.sentence("error.other", message=message) or message
        payload = self._results[topic] = refusal_payload(target, reason, at=self._gateway.clock.to_iso(now))
        self._outbox.tell(topic, payload, retained=True)
        self.show_again(place)

    def show_again(self, place: str) -> None:
        """Say again what is shown for all command points of a place, though nothing has changed."""
        for each in self._gateway.table.writable:
            if each.place == place:
                self.rooms.say_value(each, urgent=True, repeat=True)
                if each.room and each.point.options is not None:
                    self.rooms.say_climate(each.room, urgent=True, repeat=True)
        if place == HOUSE:
            self._say_house(urgent=True, repeat=True)

    def earlier(self, topic: str, payload: bytes) -> None:
        """Correct a result that the broker has kept as if its command still lived."""
        if not topic.endswith("/last_command") or not payload:
            return
        kept = payload.decode(errors="replace")
        true = self._results.setdefault(topic, lapsed_payload(payload, self._gateway, self._style.words) or kept)
        if true != kept:
            self._outbox.put(topic, true)

    def reassert(self) -> None:
        """Say ``online`` again, because the last will of a lost connection came after it."""
        if self._online:
            self._outbox.put(self._topics.status, ONLINE, urgent=True, repeat=True)

    @property
    def online(self) -> bool:
        """Whether the first publication is complete."""
        return self._online

    @property
    def unsaid(self) -> bool:
        """Whether `tick` has more to say or to describe at once."""
        return bool(self._unsaid) or self.rooms.unsaid or self.announcer.describing

    def farewell(self) -> list[tuple[str, str]]:
        """Return what is to be said last, topic and payload, so that nothing retained claims that we live."""
        gone = link_payload(self._gateway.link, heard=False)
        return [(self._topics.status, OFFLINE), (self._topics.bus, OFFLINE), (self._topics.link, gone)]

    def wait_s(self, now: float) -> float:
        """Return how long nothing will be due unless the hub reports a change."""
        if self.unsaid:
            return 0.0
        dues = (self.announcer.wait_s(now), self._outbox.wait_s(now))
        return min([1.0, *(due for due in dues if due is not None)])

    def _say_again(self, zone: ZoneIndex | None, words: bool) -> None:  # noqa: FBT001 - as the announcer calls it
        """Repeat what Home Assistant forgets when a device is described to it anew, and what it reads by `words`."""
        if zone is None:
            self._say_house(unpaced=True, repeat=True)
        else:
            self.rooms.say_climate(zone, unpaced=True, repeat=True)
        if not words:
            return
        place = HOUSE if zone is None else self._gateway.table.rooms.place(*zone)
        for each in self._gateway.table.writable:
            if each.place == place and each.point.options is not None:
                self.rooms.say_value(each, repeat=True)
        topic = self._topics.last_command(place)
        if topic in self._results:
            self._outbox.put(topic, self._results[topic], repeat=True)
        if zone is None:
            self._outbox.put(self._topics.wiring, self._wiring(self._gateway.watch.diagnosis), repeat=True)

    def _say_command(self, command: Command) -> None:
        # The mode and the state of the house share this topic and often end together; both ends are worth knowing.
        self._outbox.tell(*self._result(command), retained=True)
        self.rooms.command(command)
        if command.ref.of_house:
            self._say_house(urgent=True)

    def _say_ends(self) -> None:
        """Say what became of the last command to each place: it may have ended while the broker was away."""
        recent = sorted(self._gateway.commands.recent, key=changed_at)
        for command in {each.ref.place: each for each in recent}.values():
            refused_at = self._refused_at.get(self._topics.last_command(command.ref.place), -math.inf)
            if not command.state.live and changed_at(command) > refused_at:
                self._outbox.put(*self._result(command))

    def _result(self, command: Command) -> tuple[str, str]:
        """Return topic and payload that tell where a command stands."""
        topic = self._topics.last_command(command.ref.place)
        limits = setpoint_limits(self._gateway.commands.mode)
        self._results[topic] = command_payload(command, self._gateway.clock, self._style.words, limits)
        return topic, self._results[topic]

    def _say_house(self, *, urgent: bool = False, unpaced: bool = False, repeat: bool = False) -> None:
        table = self._gateway.table
        mode, state = (self._gateway.shown(table.part(part)) for part in (Part.SEASON, Part.HOUSE))
        payload = house_payload(
            state=state,
            season=SEASON_WORDS[GlobalMode(int(mode)) if mode else None],
            temperature=self.rooms.say_house(),
        )
        self._outbox.put(self._topics.house, payload, urgent=urgent, unpaced=unpaced, repeat=repeat)

    def _change_payload(self, change: Change) -> str:
        ref = change.ref
        zone = ref.room
        return json_text(
            {
                "event_type": self._style.words("change", ref.point.key),
                "point": ref.id,
                "room": None if zone is None else self._style.zone_name(zone, self._gateway.plant.zone_name(*zone)),
                "old": MIXED if change.old is None else value_payload(ref.point, change.old),
                "new": value_payload(ref.point, change.new),
            }
        )

    def _say_bus(self, now: float, found: Diagnosis | None = None) -> None:
        """Say whether entities are available and whether the base is heard; short gaps change neither.

        Somebody else asks the doctor every second, so what he `found` then is fresh enough unless something happens.
        """
        gateway = self._gateway
        self._bus_at = now + self._times.announce.look_s
        if gateway.link.connected:
            self._grace_until = math.inf
        elif self._grace_until == math.inf:
            self._grace_until = now + self._times.grace_s
        linked = now < self._grace_until
        alive = linked and not gateway.bus_stale(now)
        if not alive:
            self._heard_since = None
        elif self._heard_since is None:
            self._heard_since = now
        self._outbox.put(self._topics.bus, ONLINE if alive else OFFLINE)
        if gateway.link.connected or not linked:
            self._heard = linked and (found or gateway.diagnosis(now)).receiving
        self._outbox.put(self._topics.link, link_payload(gateway.link, heard=self._heard))

    def _say_statuses(self, batch: Mapping[str, object], now: float) -> None:
        if LINK in batch:
            self._say_bus(now)
        found = batch.get(DOCTOR)
        if isinstance(found, Diagnosis):
            self._outbox.put(self._topics.wiring, self._wiring(found))

    def _wiring(self, found: Diagnosis) -> str:
        return wiring_payload(found, self._style.words)

    def _say_diagnostics(self, now: float) -> None:
        polls = self._gateway.bus.counters.polls
        if now >= self._diagnostics_at:
            if self._polls is not None and now > self._polls[0]:
                self._polls_per_minute = round(60 * (polls - self._polls[1]) / (now - self._polls[0]))
            self._polls = (now, polls)
            self._diagnostics_at = now + self._times.diagnostics_s
        payload = diagnostics_payload(
            age_s=self._gateway.last_write_age_s(now),
            polls_per_minute=self._polls_per_minute,
            pending=len(self._gateway.commands.pending),
        )
        self._outbox.put(self._topics.diagnostics, payload)
