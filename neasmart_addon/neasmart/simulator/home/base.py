"""Decides what a base station reports and how it reacts to what it reads from a gateway, without touching a wire.

The behaviour is the one of sysbus facts 2 to 6: a no-data word makes it write its own value, a valid value that differs
from its own is a command, standby has no setpoint, a global state rewrites every room.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from neasmart.facts.codecs import DPT9_STANDBY, LOW_BYTE, GlobalMode, OperatingState, Value, encode_dpt9
from neasmart.facts.points import TABLE
from neasmart.facts.registers import Ref
from neasmart.facts.rows import Kind, Part, Point, setpoint_limits
from neasmart.simulator.home.house import House, MixedCircuit, SimulatedRoom

_MIXED_WORD = 0
_SYSTEM = TABLE.part(Part.HOUSE).group.key
_STEADY_C = 24.0


class Precedence(StrEnum):
    """Whether a command is the level of what is served or only a change of it."""

    LEVEL = "level"
    EDGE = "edge"


class Tells(StrEnum):
    """Whether the base writes a change before its next poll, or polls once more first."""

    BEFORE_POLLS = "before"
    AFTER_POLLS = "after"


class Reaction(StrEnum):
    """What the base makes of one word that it has read."""

    ASKED = "asked"
    EQUAL = "equal"
    ADOPTED = "adopted"
    WAITING = "waiting"
    IGNORED = "ignored"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What is not known of the real base and therefore varied: delays in walks, a probability 0..1.

    `follow_delay_walks` is how much later the registers change that follow from another one: the setpoints from a mode,
    the rooms from a global state, a room's setpoint and the global state from a room's state.
    """

    precedence: Precedence = Precedence.LEVEL
    tells: Tells = Tells.BEFORE_POLLS
    reaction_delay_walks: int = 0
    follow_delay_walks: int = 0
    ignore_probability: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The reaction to one word; `differs` marks a valid value that is not the base's own."""

    ref: Ref
    word: int
    reaction: Reaction
    value: Value = None
    taken: Value = None
    differs: bool = False


class BaseStation:
    """The registers of a base station on top of a house.

    `on_turn` is told address and new word of a register that somebody changed by hand, `on_adopted` address and word of
    a command that was taken over.
    """

    def __init__(self, house: House, behaviour: Behaviour | None = None, *, seed: int = 0) -> None:
        """Start as a base that has been running for a while: everything counts as reported already."""
        self.house = house
        self.behaviour = behaviour or Behaviour()
        self.walk = 0
        self.on_turn: Callable[[int, int], None] = lambda _address, _word: None
        self.on_adopted: Callable[[int, int], None] = lambda _address, _word: None
        self._chance = random.Random(seed)  # noqa: S311 - moods of a base, not secrets
        self._words = dict(_sources(house))
        self._following: dict[int, tuple[int, int]] = {}
        self._commandable = [address for address in self._words if TABLE.by_address[address].point.writable]
        self._reported = {address: self.word(address) for address in self._commandable}
        self._asked: set[int] = set()
        self._served: dict[int, int] = {}
        self._waiting: dict[int, tuple[int, int]] = {}
        self._unsettled = False
        self._changed_since_poll = False

    def step(self, dt_s: float) -> None:
        """Let house time pass."""
        self.house.step(dt_s)
        self._unsettled = True

    def local_setpoint(self, base_id: int, zone_id: int, value_c: float) -> None:
        """Turn a room thermostat's wheel."""
        with self._by_hand(TABLE.part(Part.TARGET, base_id, zone_id).address):
            self._set_setpoint(base_id, zone_id, value_c)

    def local_state(self, base_id: int, zone_id: int, state: OperatingState) -> None:
        """Change a room's state at its thermostat."""
        with self._by_hand(TABLE.part(Part.ROOM, base_id, zone_id).address):
            self.house.rooms[base_id, zone_id].state = state

    def local_mode(self, mode: GlobalMode) -> None:
        """Change the global mode in the maker's app."""
        with self._by_hand(TABLE.part(Part.SEASON).address):
            self.house.mode = mode

    def local_global_state(self, state: OperatingState) -> None:
        """Change the state of all rooms in the maker's app."""
        with self._by_hand(TABLE.part(Part.HOUSE).address):
            self._set_global_state(state)

    def begin_walk(self) -> None:
        """Count a walk, and do what was put off until it: take commands over, let changes follow."""
        self.walk += 1
        for address, (_, due) in list(self._following.items()):
            if self.walk >= due:
                del self._following[address]
                self._unsettled = True
        for address, (word, due) in list(self._waiting.items()):
            if self.walk >= due:
                del self._waiting[address]
                self._adopt(TABLE.by_address[address], word)

    def word(self, address: int) -> int:
        """Return the base's own word of one of its registers."""
        following = self._following.get(address)
        return self._words[address]() if following is None else following[0]

    @property
    def addresses(self) -> list[int]:
        """All registers that this base reports."""
        return sorted(self._words)

    def reported(self, addresses: Iterable[int]) -> None:
        """Note that these registers have been written to the bus, wherever the bytes got to."""
        for address in addresses:
            self._asked.discard(address)
            if address in self._reported:
                self._reported[address] = self.word(address)

    def polls(self) -> None:
        """Note that a poll is being sent."""
        self._changed_since_poll = False

    def urgent(self) -> list[int]:
        """Return the registers to be written now, out of turn: those asked for, those changed since the last report.

        A base that polls before it tells of a change lets the next poll pass first.
        """
        if not self._unsettled and not self._asked:
            return []
        if self._changed_since_poll and self.behaviour.tells is Tells.AFTER_POLLS:
            return sorted(self._asked)
        changed = {address for address in self._commandable if self._reported[address] != self.word(address)}
        self._unsettled = False
        return sorted(changed | self._asked)

    def read(self, address: int, word: int) -> Judgement | None:
        """React to a word that was read from the gateway; None for registers that carry no commands."""
        if address not in self._reported:
            return None
        ref = TABLE.by_address[address]
        before, self._served[address] = self._served.get(address), word
        if _masked(ref, word) == ref.point.no_data:
            self._asked.add(address)
            return Judgement(ref=ref, word=word, reaction=Reaction.ASKED)
        own = self.word(address)
        value = ref.decode(word).value
        if _same(ref, word, own):
            self._waiting.pop(address, None)
            return Judgement(ref=ref, word=word, value=value, reaction=Reaction.EQUAL)
        if value is None or own == DPT9_STANDBY:
            return Judgement(ref=ref, word=word, value=value, reaction=Reaction.INVALID)
        reaction, taken = self._command(ref, word, before)
        return Judgement(ref=ref, word=word, value=value, reaction=reaction, taken=taken, differs=True)

    def _command(self, ref: Ref, word: int, before: int | None) -> tuple[Reaction, Value]:
        edge = before is not None and before != word
        if self.behaviour.precedence is Precedence.EDGE and not edge:
            return (Reaction.WAITING if ref.address in self._waiting else Reaction.IGNORED), None
        if self._waiting.get(ref.address, (None, 0))[0] == word:
            return Reaction.WAITING, None
        if self._chance.random() < self.behaviour.ignore_probability:
            return Reaction.IGNORED, None
        if self.behaviour.reaction_delay_walks:
            self._waiting[ref.address] = (word, self.walk + self.behaviour.reaction_delay_walks)
            return Reaction.WAITING, None
        taken = self._adopt(ref, word)
        return (Reaction.EQUAL if taken is None else Reaction.ADOPTED), taken

    def _adopt(self, ref: Ref, word: int) -> Value:
        """Take a command over; return what it became, None if clamping left everything as it was."""
        value = ref.decode(word).value
        own = self.word(ref.address)
        if value is None:
            return None
        with self._changing(ref.address):
            match ref.point.part:
                case Part.SEASON:
                    self.house.mode = GlobalMode(int(value))
                case Part.HOUSE:
                    self._set_global_state(OperatingState(int(value)))
                case Part.ROOM:
                    self.house.rooms[ref.index[0], ref.index[1]].state = OperatingState(int(value))
                case _:
                    self._set_setpoint(ref.index[0], ref.index[1], float(value))
        now = self.word(ref.address)
        if now == own:
            return None
        self.on_adopted(ref.address, word)
        return ref.decode(now).value

    @contextmanager
    def _by_hand(self, address: int) -> Iterator[None]:
        """Change a register by hand, which ends what the base still meant to take over for it."""
        before = self.word(address)
        with self._changing(address):
            yield
        self._waiting.pop(address, None)
        if self.word(address) != before:
            self.on_turn(address, self.word(address))

    @contextmanager
    def _changing(self, cause: int) -> Iterator[None]:
        """Let what follows from the change of one register show later, if this base is slow about it."""
        delay = self.behaviour.follow_delay_walks
        before = {address: self.word(address) for address in self._commandable} if delay else {}
        self._following.pop(cause, None)
        yield
        self._unsettled = self._changed_since_poll = True
        for address, word in before.items():
            if address != cause and address not in self._following and self._words[address]() != word:
                self._following[address] = (word, self.walk + delay)

    def _set_setpoint(self, base_id: int, zone_id: int, value_c: float) -> None:
        limits = setpoint_limits(self.house.mode)
        room = self.house.rooms[base_id, zone_id]
        self.house.set_setpoint(room, min(max(value_c, limits.low), limits.high))

    def _set_global_state(self, state: OperatingState) -> None:
        for room in self.house.rooms.values():
            room.state = state


def _same(ref: Ref, word: int, known: int) -> bool:
    value = ref.decode(word).value
    return _masked(ref, word) == known or (value is not None and value == ref.decode(known).value)


def _masked(ref: Ref, word: int) -> int:
    return word if ref.point.kind is Kind.TEMPERATURE else word & LOW_BYTE


def _sources(house: House) -> Iterable[tuple[int, Callable[[], int]]]:
    """Yield the address of everything that this house reports and a function that returns its word now."""
    known: dict[tuple[str | int, ...], dict[str, Callable[[], int]]] = {(_SYSTEM,): dict(_system_sources(house))}
    known |= {("mixed_circuit", at): dict(_circuit_sources(each)) for at, each in enumerate(house.mixed_circuits, 1)}
    for key, running in (("dehumidifier", house.dehumidifiers), ("pump", house.pumps)):
        known |= {(key, at + 1): {"running": partial(_running, running, at)} for at in range(len(running))}
    known |= {(TABLE.rooms.key, *index): dict(_room_sources(house, room)) for index, room in house.rooms.items()}
    for place, sources in known.items():
        for ref in TABLE.place(str(place[0]), *map(int, place[1:])):
            if ref.point.optional and ref.room and not house.rooms[ref.room].plan.has_humidity:
                continue
            yield ref.address, sources.get(ref.point.key, partial(_steady, ref.point))


def _steady(point: Point) -> int:
    """Return what stands in a register for which this house has no equation."""
    return encode_dpt9(_STEADY_C) if point.kind is Kind.TEMPERATURE else 0


def _running(running: Sequence[bool], at: int) -> int:
    return int(running[at])


def _system_sources(house: House) -> Iterable[tuple[str, Callable[[], int]]]:
    yield "mode", lambda: int(house.mode)
    yield "state", lambda: _MIXED_WORD if house.state is None else int(house.state)
    yield "error", lambda: int(house.error)
    yield "warning", lambda: int(house.warning)
    yield "hint", lambda: int(house.hint)
    yield "outside_temperature", lambda: _measured(house.outside_c)
    yield "filtered_outside_temperature", lambda: _measured(house.filtered_outside_c)


def _circuit_sources(circuit: MixedCircuit) -> Iterable[tuple[str, Callable[[], int]]]:
    yield "valve_opening", lambda: round(100 * circuit.opening)
    yield "pump", lambda: int(circuit.pump)
    yield "flow_temperature", lambda: _measured(circuit.flow_c)
    yield "return_temperature", lambda: _measured(circuit.return_c)


def _room_sources(house: House, room: SimulatedRoom) -> Iterable[tuple[str, Callable[[], int]]]:
    def setpoint() -> int:
        value = house.setpoint_c(room)
        return DPT9_STANDBY if value is None else encode_dpt9(value)

    yield "state", lambda: int(room.state)
    yield "setpoint", setpoint
    yield "temperature", lambda: _measured(room.temperature_c)
    yield "humidity", lambda: round(room.humidity_percent)


def _measured(value_c: float) -> int:
    return encode_dpt9(round(value_c, 1))
