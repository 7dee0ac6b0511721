"""Notices what somebody has changed at the base.

It can be a thermostat, the maker's app or its program; the bus does not tell which. Not told is what follows from a
command of ours, and what the base changes by itself after another change: a room's setpoint after its state, all rooms
after the whole house.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from neasmart.core.commands.command import Command
from neasmart.core.state.plant import Reading, Source
from neasmart.facts.codecs import Value
from neasmart.facts.registers import Ref
from neasmart.facts.rows import SETPOINT_BY_MODE

CONSEQUENCE_S = 60.0
"""Two walks of the base over all rooms, within which it has said what follows from a change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A value that was changed at the base."""

    ref: Ref
    old: int | float
    new: int | float


class ChangesByHand:
    """Compares every report of what can be commanded with the one before."""

    def __init__(self) -> None:
        """Start without knowing anything, so that the first report is no change."""
        self._values: dict[str, Value] = {}
        self._ours: dict[str, tuple[float, set[float]]] = {}
        self._moved_at: dict[tuple[int, ...], float] = {}

    def start(self, readings: Iterable[Reading]) -> None:
        """Take what is known now as the state from which changes are told."""
        for reading in readings:
            if reading.ref.point.writable and reading.source is Source.BUS:
                self._values[reading.ref.id] = reading.value

    def command(self, command: Command, now: float) -> None:
        """Note a command of ours: its value, and what follows from it, is no change by somebody else."""
        at, values = self._ours.get(command.ref.id, (now, set()))
        if now - at > CONSEQUENCE_S:
            values = set()
        self._ours[command.ref.id] = (now, values | set(_possible(command)))
        if command.delivered_at is not None and command.ref.point.options is not None:
            self._moved_at[command.ref.index] = now

    def report(self, reading: Reading, now: float) -> Change | None:
        """Return the change that a report tells, None if it tells none or one that is explained."""
        ref = reading.ref
        if not ref.point.writable or reading.source is not Source.BUS:
            return None
        old, new = self._values.get(ref.id), reading.value
        self._values[ref.id] = new
        if old is None or new is None or old == new or self._explained(ref, float(new), now):
            return None
        if ref.point.options is not None:
            self._moved_at[ref.index] = now
        return Change(ref=ref, old=old, new=new)

    def _explained(self, ref: Ref, new: float, now: float) -> bool:
        at, values = self._ours.get(ref.id, (-CONSEQUENCE_S, set()))
        ours = any(abs(value - new) <= ref.point.confirm_within + 1e-6 for value in values)
        if ours and now - at <= 2 * CONSEQUENCE_S:
            return True
        # The whole house has no index.
        causes: list[tuple[int, ...]] = [] if ref.of_house else [()]
        if ref.point.options is None:
            causes.append(ref.index)
        return any(now - self._moved_at.get(cause, -CONSEQUENCE_S) < CONSEQUENCE_S for cause in causes)


def _possible(command: Command) -> Iterator[float]:
    """Yield the value of a command, and what the base makes of a setpoint beyond the limits of its season."""
    yield float(command.value)
    if command.ref.point.limits is not None:
        for limits in SETPOINT_BY_MODE.values():
            yield min(max(float(command.value), limits.low), limits.high)
