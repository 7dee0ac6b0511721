"""The life of a command: queued, delivered, and one end; the last hand wins.

What can be known decides: that a reply has left for the base, and what the base wrote afterwards. A command ends when
the base says the commanded value, when it says a third one (somebody turned the thermostat), when it keeps its own, or
when time runs out. At every end the register holds the no-data word again, so a command never fires late.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import NamedTuple

from neasmart.core.commands.carrier import Carrier
from neasmart.core.commands.command import OUTCOMES, Command, CommandState, CommandTimes, Reason, Why
from neasmart.core.commands.leavings import Leavings
from neasmart.core.commands.life import Life, Phase
from neasmart.core.state.image import RegisterImage
from neasmart.core.state.walks import Walks
from neasmart.facts.codecs import OperatingState, Season, Value, season_of
from neasmart.facts.registers import Ref, RegisterTable
from neasmart.facts.rows import Part, setpoint_limits

HISTORY_LENGTH = 200


class Carried(NamedTuple):
    """The command whose word a reply carries at an address."""

    address: int
    command_id: str
    value: int | float


class Commands:
    """All live commands, at most one for each register, and the last ones that ended."""

    def __init__(self, table: RegisterTable, image: RegisterImage, walks: Walks, times: CommandTimes) -> None:
        """Serve commands through `image`; patience is counted in `walks`."""
        self._table = table
        self._image = image
        self.walks = walks
        self.times = times
        self._live: dict[int, Life] = {}
        self._ended: deque[Command] = deque(maxlen=HISTORY_LENGTH)
        self._leavings = Leavings()
        self._reacting: dict[int, float] = {}
        self._pollers: set[Carrier] = set()
        self._mode: int | None = None
        self._season: Season | None = None
        self._room_states: dict[int, int] = {}
        self.outcomes: dict[tuple[CommandState, str], int] = {}
        """How many commands have ended, by how and by origin; kept here because consumers may miss changes."""
        self._ids = (f"{secrets.token_hex(4)}-{number}" for number in count(1))

    def use(self, times: CommandTimes) -> None:
        """Be as patient as this from now on."""
        self.times = times

    def submit(self, ref: Ref, value: float, *, origin: str, now: float, warning: str | None = None) -> list[Command]:
        """Queue a checked value; return the commands that it ends, and last the new one."""
        for outcome in OUTCOMES:
            # From zero on, so that the first one is seen as an increase.
            self.outcomes.setdefault((outcome, origin), 0)
        command = Command(
            id=next(self._ids),
            ref=ref,
            value=value,
            word=ref.point.codec.encode(value),
            origin=origin,
            state=CommandState.QUEUED,
            queued_at=now,
            warning=warning,
        )
        changes = self._supersede(command, now)
        related = self._table.related[ref.address]
        life = Life(
            command=command,
            season=self.season if ref.point.part is Part.TARGET else None,
            baseline=self._baseline(ref, now),
            once=ref.of_house,
            waits_for={address for address in related if address in self._live},
            free_at=max((self._reacting.get(address, now) for address in related), default=now),
        )
        self._live[ref.address] = life
        if not life.waits_for and life.free_at <= now:
            self._serve(life, now)
        return [*changes, command]

    def carried(self, address: int, number: int) -> tuple[Carried, ...]:
        """Return the commands whose words a reply of `number` registers from `address` on carries."""
        if not self._live:
            return ()
        return tuple(
            Carried(at, life.command.id, life.command.value)
            for at, life in self._live.items()
            if address <= at < address + number and life.phase.served
        )

    def polled_by(self, carrier: Carrier) -> None:
        """Note that a connection has carried a poll of ours."""
        self._pollers = {each for each in self._pollers if each.open} | {carrier}

    def left(
        self, carried: Sequence[Carried], unit_id: int, now: float, carrier: Carrier | None = None
    ) -> list[Command]:
        """Note that a reply that carries these commands has left; return the commands that changed."""
        changes = []
        for address, command_id, value in carried:
            self._leavings.note(address, command_id, value, now)
            life = self._live.get(address)
            if life is None or life.command.id != command_id:
                continue
            life.sent_by(carrier)
            command = life.command
            if unit_id in command.read_by:
                continue
            life.command = replace(
                command,
                state=CommandState.DELIVERED,
                delivered_at=command.delivered_at if command.delivered_at is not None else now,
                read_by=(*command.read_by, unit_id),
            )
            changes.append(life.command)
        return changes

    def on_write(self, ref: Ref, value: Value, now: float, carrier: Carrier | None = None) -> list[Command]:
        """Judge by a value that the base wrote; return the commands that ended."""
        # No data, mixed, not applicable: what could not be commanded decides nothing.
        if value is None:
            return []
        part = ref.point.part
        changes: list[Command] = []
        if part is Part.SEASON and self._asks_us(carrier):
            changes += self._season_told(int(value), now)
        life = self._live.get(ref.address)
        if life is not None and self._counts(life, carrier):
            changes += self._judge(life, value, now)
        # Afterwards, because what was to switch the room on may just have ended.
        if part is Part.ROOM and self._asks_us(carrier):
            changes += self._room_told(ref, int(value), now)
        return changes

    def tick(self, now: float) -> list[Command]:
        """Do what only time brings about; return the commands that ended."""
        walk_s = self.walks.walk_s
        changes: list[Command] = []
        for address, life in list(self._live.items()):
            if self._live.get(address) is not life:
                continue
            if life.phase is Phase.WAITING:
                # A setpoint of a season that the base has not turned to waits until that is decided, and nothing is
                # served beside an older word that may undo it.
                patient = now - life.command.queued_at < self.times.wait_walks * walk_s
                patient = patient or life.season not in (None, self._season)
                patient = patient or any(self._live[each].phase.served for each in life.waits_for)
                if not patient or (not life.waits_for and now >= life.free_at):
                    self._serve(life, now)
                continue
            changes += self._aged(life, now, walk_s)
        self._leavings.forget(now - self.times.grace_walks * self.walks.times.longest_s)
        self._reacting = {address: at for address, at in self._reacting.items() if at > now}
        return changes

    def stood_still(self, now: float) -> list[Command]:
        """End all, because a hand may have turned unheard since they were given; return them."""
        text = "the gateway stood still, or its clock jumped, so somebody may have set it otherwise since"
        reason = Reason(why=Why.STOOD_STILL, text=text)
        lives = list(self._live.values())
        return [ended for life in lives for ended in self._end(life, CommandState.EXPIRED, now, reason)]

    def withdraw(self, command_id: str, now: float) -> list[Command]:
        """Take a live command back; return the commands that ended, none if it is not live.

        One that the base has not read is `withdrawn`. One that it has read is `superseded`, because it may act on it.
        """
        life = next((life for life in self._live.values() if life.command.id == command_id), None)
        if life is None:
            return []
        if life.delivered_at is None:
            taken_back = Reason(why=Why.WITHDRAWN, text="taken back before the base read it")
            return self._end(life, CommandState.WITHDRAWN, now, taken_back)
        return self._end(life, CommandState.SUPERSEDED, now, Reason(why=Why.UNDONE, text="it was undone"))

    def live(self, ref: Ref) -> Command | None:
        """Return the live command of a register."""
        life = self._live.get(ref.address)
        return None if life is None else life.command

    def newest(self, refs: Iterable[Ref]) -> Command | None:
        """Return the live command that was given last to one of these registers."""
        newest: Command | None = None
        for ref in refs:
            life = self._live.get(ref.address)
            if life is not None and (newest is None or life.command.queued_at > newest.queued_at):
                newest = life.command
        return newest

    @property
    def pending(self) -> list[Command]:
        """All live commands, oldest first."""
        return sorted(self, key=lambda command: command.queued_at)

    @property
    def recent(self) -> list[Command]:
        """Live commands and the last ended ones, newest first."""
        return sorted((*self, *self._ended), key=lambda command: command.queued_at, reverse=True)

    def get(self, command_id: str) -> Command | None:
        """Return a live or recently ended command by its id."""
        return next((command for command in (*self, *self._ended) if command.id == command_id), None)

    @property
    def mode(self) -> int | None:
        """The global mode that the base has or is being told, None while it is not known."""
        (ref,) = self._table.of_part(Part.SEASON)
        command = self.live(ref)
        return self._mode if command is None else int(command.value)

    @property
    def season(self) -> Season | None:
        """The season that the base has or is being told, None in automatic mode or while it is not known."""
        return season_of(self.mode)

    def __iter__(self) -> Iterator[Command]:
        """Iterate over the live commands."""
        return iter([life.command for life in self._live.values()])

    def _supersede(self, command: Command, now: float) -> list[Command]:
        """End what a new command takes the place of."""
        changes: list[Command] = []
        part = command.ref.point.part
        older = self._live.get(command.ref.address)
        if older is not None:
            reason = Reason(why=Why.SUPERSEDED, text="a newer command took its place")
            changes += self._end(older, CommandState.SUPERSEDED, now, reason, replaced=True)
        if part is Part.HOUSE:
            reason = Reason(why=Why.HOUSE_SET, text="the whole house was set")
            changes += self._end_all(self._parts(Part.ROOM, Part.TARGET), now, reason)
        elif part is Part.SEASON:
            changes += self._turn(season_of(command.value), now)
        elif part is Part.ROOM and command.value == OperatingState.STANDBY:
            reason = Reason(why=Why.ROOM_OFF, text="the room is switched off")
            changes += self._end_all(self._parts(Part.TARGET, index=command.ref.index), now, reason)
        return changes

    def _parts(self, *parts: Part, index: tuple[int, ...] | None = None) -> list[Life]:
        """Return the live commands of these parts, all or those of one room."""
        return [
            life
            for life in self._live.values()
            if life.command.ref.point.part in parts and index in (None, life.command.ref.index)
        ]

    def _turn(self, season: Season | None, now: float) -> list[Command]:
        """End the setpoints that were given for the other season."""
        if season is None:
            return []
        others = [life for life in self._parts(Part.TARGET) if life.season not in (None, season)]
        return self._end_all(others, now, Reason(why=Why.SEASON, text=f"the season is {season.value} now"))

    def _end_all(self, lives: Iterable[Life], now: float, reason: Reason) -> list[Command]:
        changes: list[Command] = []
        for life in lives:
            changes += self._end(life, CommandState.SUPERSEDED, now, reason)
        return changes

    def _baseline(self, ref: Ref, now: float) -> float | None:
        """Return the base's own value before the command, if it has told one within two walks."""
        report = self._image.report(ref.address)
        if report is None or now - report.at > self.times.grace_walks * self.walks.walk_s:
            return None
        return ref.decode(report.word).value

    def _serve(self, life: Life, now: float) -> None:
        """Let the base read a command from now on; on whom it waited is of no matter, and not offered again."""
        for other in map(self._live.__getitem__, life.waits_for):
            other.once = True
        life.waits_for.clear()
        life.phase = Phase.OFFERED
        life.served_at = now
        self._image.desire(life.command.ref.address, life.command.word)

    def _counts(self, life: Life, carrier: Carrier | None) -> bool:
        """Return whether a write came by the connection that was sent the command, or would be."""
        return _came_by(carrier, life.carriers) if life.carriers else self._asks_us(carrier)

    def _asks_us(self, carrier: Carrier | None) -> bool:
        """Return whether a connection is one that polls us; while none has polled, any may be."""
        return not self._pollers or _came_by(carrier, self._pollers)

    def _judge(self, life: Life, value: float, now: float) -> list[Command]:
        """Decide by a value of the base that could be a command."""
        command, point = life.command, life.command.ref.point
        since = now - self.times.grace_walks * self.walks.walk_s
        others = self._left(life, command.ref, now)
        graced = any(self._leavings.lately(each, since) for each in self._table.related[command.ref.address])
        if point.agrees(value, command.value):
            # Another command of the same value would only make the base say it once more.
            contrary = any(not point.agrees(each, command.value) for each in others)
            if life.proven(value, others=contrary, graced=graced):
                already = Reason(why=Why.ALREADY, text="the base has it already")
                return self._end(life, CommandState.CONFIRMED, now, already if life.delivered_at is None else None)
            return []
        if life.delivered_at is not None:
            life.told += 1
            limits = setpoint_limits(self._mode)
            limited = min(max(command.value, limits.low), limits.high)
            if point.part is Part.TARGET and point.agrees(value, limited):
                reason = Reason(why=Why.LIMITED, text=f"limited to {point.words(limited)}", value=limited)
                return self._end(life, CommandState.OVERRIDDEN, now, reason)
        if life.baseline is None:
            life.baseline = value
        elif not point.agrees(value, life.baseline):
            if not graced and not any(point.agrees(value, other) for other in others):
                text = f"the base now says {point.words(value)} (thermostat, app or its program)"
                reason = Reason(why=Why.OVERRIDDEN, text=text, value=value)
                return self._end(life, CommandState.OVERRIDDEN, now, reason)
            life.baseline = value
            life.once = life.once or life.delivered_at is not None
        return []

    def _season_told(self, mode: int, now: float) -> list[Command]:
        """Take the base's mode; setpoints of the other season end when it has turned."""
        season, before = season_of(mode), self._season
        self._mode = mode
        if season is None or season is before:
            return []
        self._season = season
        if before is None:
            return []
        return self._turn(season, now)

    def _room_told(self, ref: Ref, state: int, now: float) -> list[Command]:
        """Take a room's state: one that was switched off takes no setpoint, and all together tell the house."""
        before = self._room_states.get(ref.address)
        self._room_states[ref.address] = state
        changes: list[Command] = []
        if state == OperatingState.STANDBY and before not in (None, state) and not self._switched_on(ref):
            reason = Reason(why=Why.ROOM_OFF, text="the room was switched off")
            for life in self._parts(Part.TARGET, index=ref.index):
                changes += self._end(life, CommandState.OVERRIDDEN, now, reason)
        for life in self._parts(Part.HOUSE):
            if life.delivered_at is not None:
                value, phase = life.command.value, life.phase
                if phase.served and before is not None and state not in (before, value, *self._left(life, ref, now)):
                    # Somebody has set this room since the base had the word, which would undo that.
                    patience = self.times.hold_walks + self.times.probe_walks
                    self._probe(life, now + patience * self.walks.walk_s)
                if life.rooms.get(ref.address) != value:
                    life.rooms[ref.address] = state
                walked = now - life.delivered_at >= self.walks.walk_s or len(life.rooms) >= len(self._room_states)
                if walked and all(each == value for each in life.rooms.values()):
                    changes += self._end(life, CommandState.CONFIRMED, now, None)
        return changes

    def _left(self, life: Life, ref: Ref, now: float) -> list[float]:
        """Return the values of other commands for its register, or for this one, that the base may still act on."""
        since = now - self.times.grace_walks * self.walks.walk_s
        addresses = {life.command.ref.address, ref.address}
        return [each for at in addresses for each in self._leavings.others(at, life.command.id, since)]

    def _switched_on(self, room: Ref) -> bool:
        """Return whether a live command has a room switched on."""
        lives = (self._live.get(address) for address in (room.address, *self._table.related[room.address]))
        return any(life is not None and life.command.value != OperatingState.STANDBY for life in lives)

    def _aged(self, life: Life, now: float, walk_s: float) -> list[Command]:
        """Offer, ask, offer again, give up: what a served command comes to with time."""
        times, address = self.times, life.command.ref.address
        if life.delivered_at is None:
            patience_s = max(times.delivery_s, times.delivery_walks * walk_s)
            if now - life.served_at >= patience_s:
                text = f"the base did not read it within {patience_s:.0f} s"
                return self._end(life, CommandState.EXPIRED, now, Reason(why=Why.NOT_READ, text=text))
            return []
        patience_s = max(times.sync_s, times.sync_walks * walk_s)
        if now - life.delivered_at >= patience_s:
            text = f"the base read it but did not confirm it within {patience_s:.0f} s"
            return self._end(life, CommandState.EXPIRED, now, Reason(why=Why.NOT_CONFIRMED, text=text))
        if life.phase is Phase.OFFERED and now - life.delivered_at >= times.hold_walks * walk_s:
            self._probe(life, now + times.probe_walks * walk_s)
        elif life.phase is Phase.PROBED and now >= life.until:
            if life.offered_again_may_help:
                life.enter(Phase.OFFERED_AGAIN, until=now + times.hold_walks * walk_s)
                self._image.desire(address, life.command.word)
            else:
                life.enter(Phase.GIVEN_UP, until=now)
        elif life.phase is Phase.OFFERED_AGAIN and now >= life.until:
            life.enter(Phase.GIVEN_UP, until=now)
        if life.phase is Phase.GIVEN_UP:
            self._image.drop(address)
            if life.told and life.baseline is not None:
                text = f"the base keeps {life.command.ref.point.words(life.baseline)}"
                reason = Reason(why=Why.KEPT, text=text, value=life.baseline)
                return self._end(life, CommandState.REJECTED, now, reason)
        return []

    def _probe(self, life: Life, until: float) -> None:
        """Serve a command no longer but ask the base for its own value, until a time."""
        life.enter(Phase.PROBED, until=until)
        self._image.drop(life.command.ref.address)
        self._image.ask(until, [life.command.ref.address])

    def _end(
        self, life: Life, state: CommandState, now: float, reason: Reason | None, *, replaced: bool = False
    ) -> list[Command]:
        """End a live command, and with it those that waited for it; one that `replaced` it is waited for instead."""
        command = life.command
        address = command.ref.address
        if self._live.get(address) is not life:
            return []
        del self._live[address]
        self._image.drop(address)
        ended = replace(command, state=state, ended_at=now, reason=reason)
        self._ended.append(ended)
        self.outcomes[state, command.origin] += 1
        changes = [ended]
        if life.delivered_at is not None:
            # The base may still react to it.
            self._reacting[address] = now + self.walks.walk_s
        for other in list(self._live.values()):
            if replaced or address not in other.waits_for:
                continue
            other.waits_for.discard(address)
            if state is CommandState.CONFIRMED:
                other.free_at = max(other.free_at, self._reacting.get(address, now))
            else:
                text = f"it waited for {command.ref.label}, which ended as {state.value}"
                text += f": {reason.text}" if reason else ""
                changes += self._end(other, state, now, Reason(why=Why.WAITED, text=text))
        return changes


def _came_by(carrier: Carrier | None, others: Iterable[Carrier]) -> bool:
    return carrier is None or any(carrier.follows(each) for each in others)
