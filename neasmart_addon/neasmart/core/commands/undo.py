"""Remembers what was there before each command, so that a person can take it back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from neasmart.core.commands.command import Command, CommandState
from neasmart.core.commands.commands import Commands
from neasmart.core.state.plant import Plant, Source
from neasmart.facts.codecs import OperatingState, Season, Value
from neasmart.facts.errors import UndoError, UnknownCommandError
from neasmart.facts.network import API
from neasmart.facts.registers import Ref
from neasmart.facts.rows import Part

UNDO_WITHIN_S = 600.0
"""After that the values of before are old values, and bringing old values back is what must never happen."""
REMEMBERED = 200

_REFUSED = {
    CommandState.SUPERSEDED: "a newer command took its place",
    CommandState.OVERRIDDEN: "the base has been set otherwise since",
    CommandState.REJECTED: "the base did not take it",
    CommandState.WITHDRAWN: "it was taken back before",
}


class Before(NamedTuple):
    """What a register had before a command: the `value` commanded or told, and what the base had `told`."""

    ref: Ref
    value: int | float
    told: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The values before a command, in the order in which they would be commanded; `number` counts commands."""

    number: int
    season: Season | None
    values: tuple[Before, ...]


class UndoBook:
    """The values before each of the last commands."""

    def __init__(self, plant: Plant, commands: Commands) -> None:
        """Look at the readings and commands of these."""
        self._plant = plant
        self._commands = commands
        self._kept: dict[str, Kept] = {}
        self._newest: dict[int, int] = {}
        self._count = 0

    def before(self, ref: Ref) -> tuple[Before, ...]:
        """Return what a command for a register is about to change, as it is now.

        A state turns setpoints, so they are kept with it where the room is on; a state of the house, all rooms. Of a
        state that is under way the base has not told the setpoint yet.
        """
        table = self._plant.table
        if ref.point.part is Part.HOUSE:
            rooms: Iterable[Ref] = table.of_part(Part.ROOM)
        elif ref.point.part is Part.ROOM:
            rooms = (ref,)
        else:
            return self._valued((ref,))
        rooms = [each.ref for each in self._valued(rooms)]
        on = [room for room in rooms if self._value(room) != OperatingState.STANDBY]
        targets = [(room, target) for room in on for target in table.of_part(Part.TARGET, room.index)]
        known = [target for room, target in targets if self._pending(target) or not self._pending(room)]
        return self._valued((*rooms, *known))

    def accepted(self, command: Command, before: tuple[Before, ...], season: Season | None) -> None:
        """Keep what was there before a command that was accepted."""
        self._count += 1
        self._newest[command.ref.address] = self._count
        self._kept[command.id] = Kept(number=self._count, season=season, values=before)
        if len(self._kept) > REMEMBERED:
            del self._kept[next(iter(self._kept))]

    def values(self, command_id: str, now: float) -> list[tuple[Ref, int | float]]:
        """Return what takes a command back, in order; nothing if the base has not read it.

        What somebody has set since stays as it is. Raises UnknownCommandError, and UndoError where nothing can be
        taken back.
        """
        command, kept = self._commands.get(command_id), self._kept.get(command_id)
        if command is None or kept is None:
            raise UnknownCommandError(f"Unknown command: {command_id[:60]!r}. GET {API}/commands lists the last ones")
        if now - command.queued_at > UNDO_WITHIN_S:
            raise UndoError(f"It is too late to undo this; that is possible for {UNDO_WITHIN_S / 60:.0f} minutes")
        if command.state in _REFUSED:
            raise UndoError(f"This cannot be undone: {_REFUSED[command.state]}")
        if self._newest[command.ref.address] != kept.number:
            raise UndoError(f"This cannot be undone: {_REFUSED[CommandState.SUPERSEDED]}")
        if command.delivered_at is None:
            if not command.state.live:
                raise UndoError("There is nothing to undo: the base never read it")
            return []
        values = [(each.ref, each.value) for each in kept.values if self._still(each, command, kept)]
        if command.ref.point.part is not Part.TARGET:
            rooms = {ref.index for ref, _ in values if ref.point.part is not Part.TARGET}
            values = [(ref, value) for ref, value in values if ref.index in rooms]
        if not values:
            raise UndoError(
                "This cannot be undone: what was there before is not known, or somebody has changed it since"
            )
        return values

    def done(self, command_id: str) -> None:
        """Forget a command that was taken back."""
        self._kept.pop(command_id, None)

    def _still(self, before: Before, command: Command, kept: Kept) -> bool:
        """Return whether nobody has touched a register since the command."""
        ref = before.ref
        if self._newest.get(ref.address, 0) > kept.number:
            return False
        if ref.point.part is Part.TARGET and kept.season not in (None, self._commands.season):
            return False
        own = ref == command.ref
        if command.state.live if own else ref.point.part is Part.TARGET:
            # What the base tells may be on its way yet; and a setpoint is turned by the state that was commanded.
            return True
        now_there = self._plant.reading(ref).value
        known = (each for each in (before.value, before.told, command.value) if each is not None)
        return now_there is None or any(ref.point.agrees(now_there, each) for each in known)

    def _valued(self, refs: Iterable[Ref]) -> tuple[Before, ...]:
        valued = ((ref, self._value(ref)) for ref in refs)
        return tuple(Before(ref, value, self._plant.reading(ref).value) for ref, value in valued if value is not None)

    def _value(self, ref: Ref) -> int | float | None:
        """Return what is commanded, else what the base has said in this process and lately."""
        command, reading = self._pending(ref), self._plant.reading(ref)
        told = reading.value if reading.source is Source.BUS and not reading.stale else None
        # A state of the house is for the rooms that there are.
        return told if command is None or (told is None and command.ref != ref) else command.value

    def _pending(self, ref: Ref) -> Command | None:
        """Return the live command for a register; for the state of a room that of the house, too."""
        house = self._plant.table.of_part(Part.HOUSE) if ref.point.part is Part.ROOM else ()
        return self._commands.newest((ref, *house))
