"""Notices what somebody has changed at the base.

It can be a thermostat, the maker's app or its program; the bus does not tell which. Not told is what follows from a
command of ours, and what the base changes by itself after another change: a room's setpoint after its state, all rooms
after the whole house. The first change of a value after its cause counts as a consequence, until the base has been at
the room twice since. What follows from a command may come before its end, so its cause is as young as that end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from neasmart.core.commands.command import Command
from neasmart.core.state.plant import Reading, Source
from neasmart.facts.codecs import Value
from neasmart.facts.registers import Ref
from neasmart.facts.rows import SETPOINT_BY_MODE, Part
from neasmart.mqtt.visits import Visits


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A value that was changed at the base; `old` is None where rooms that differed were set for the whole house."""

    ref: Ref
    old: Value
    new: int | float


class ChangesByHand:
    """Compares every report of what can be commanded with the one before; times are those of bus and commands."""

    def __init__(self, visits: Visits) -> None:
        """Start without knowing anything, so that the first report is no change."""
        self._visits = visits
        self._values: dict[Ref, Value] = {}
        # Until when a value of ours, by point and value, and a change that others follow was under way.
        self._ours: dict[Ref, dict[float, float]] = {}
        self._causes: dict[Ref, float] = {}
        self._changed: dict[Ref, float] = {}

    def start(self, readings: Iterable[Reading], commands: Iterable[Command]) -> None:
        """Take what is known now as the state from which changes are told; commands in the order they were given."""
        for reading in readings:
            if reading.ref.point.writable and reading.source is Source.BUS:
                self._values[reading.ref] = reading.value
        # What has ended while nobody listened would seem to be under way for ever.
        self._ours.clear()
        self._causes.clear()
        for command in commands:
            self._command(command)

    def take(self, commands: Iterable[Command], readings: Iterable[Reading]) -> list[Change]:
        """Take what the hub has collected; return the changes that are explained by nothing."""
        for command in commands:
            self._command(command)
        # What was changed for the whole house comes first, because it explains what follows in the rooms.
        ordered = sorted(readings, key=lambda each: (not each.ref.of_house, each.at or 0.0))
        return [change for reading in ordered if (change := self._report(reading)) is not None]

    def _command(self, command: Command) -> None:
        """Note a command of ours: its value, and what follows from it, is no change by somebody else."""
        ref = command.ref
        # The end of an older one may have been missed, but it was over when this one was given.
        ours = {value: min(until, command.queued_at) for value, until in self._ours.get(ref, {}).items()}
        ours = {value: until for value, until in ours.items() if not self._visits.since(ref.index, until)}
        until = math.inf if command.ended_at is None else command.ended_at
        if command.ended_at is None or command.delivered_at is not None:
            ours |= dict.fromkeys(_possible(command), until)
        self._ours[ref] = ours
        if ref in self._causes:
            self._causes[ref] = min(self._causes[ref], command.queued_at)
        if command.delivered_at is not None and ref.point.options is not None:
            self._causes[ref] = until

    def _report(self, reading: Reading) -> Change | None:
        ref = reading.ref
        self._visits.note(reading)
        if not ref.point.writable or reading.source is not Source.BUS or reading.at is None:
            return None
        known = ref in self._values
        old, new = self._values.get(ref), reading.value
        self._values[ref] = new
        if new is None or old == new or (old is None and not (known and ref.point.mixes and self._many_differ(new))):
            return None
        explained = self._is_ours(ref, float(new)) or self._follows(ref)
        self._changed[ref] = reading.at
        if ref.point.options is not None:
            self._causes[ref] = max(reading.at, self._causes.get(ref, reading.at))
        return None if explained else Change(ref=ref, old=old, new=new)

    def _many_differ(self, state: Value) -> bool:
        """Return whether rooms that differed were set for the whole house: one alone has been set by itself.

        Those that follow a command of ours each may tell so later than the house.
        """
        rooms = ((ref, value) for ref, value in self._values.items() if ref.point.part is Part.ROOM)
        return sum(value not in (None, state) and state not in self._ours.get(ref, {}) for ref, value in rooms) > 1

    def _is_ours(self, ref: Ref, new: float) -> bool:
        """Return whether a value is one of ours; once told, one whose command has ended explains no second change."""
        ours = self._ours.get(ref, {})
        for value, until in list(ours.items()):
            if ref.point.agrees(value, new) and not self._visits.since(ref.index, until):
                if until < math.inf:
                    del ours[value]
                return True
        return False

    def _follows(self, ref: Ref) -> bool:
        """Return whether a change is the first one since something that the base lets a register follow."""
        changed = self._changed.get(ref, -math.inf)
        return any(
            changed < at and not self._visits.since(ref.index, at)
            for cause, at in self._causes.items()
            if (cause.of_house and not ref.of_house) or (cause.index == ref.index and ref.point.options is None)
        )


def _possible(command: Command) -> Iterator[float]:
    """Yield the value of a command, and what the base makes of a setpoint beyond the limits of its season."""
    yield float(command.value)
    if command.ref.point.limits is not None:
        for limits in SETPOINT_BY_MODE.values():
            yield min(max(float(command.value), limits.low), limits.high)
