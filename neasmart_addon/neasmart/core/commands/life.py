"""What is kept of a live command beside what everybody sees."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from neasmart.core.commands.carrier import Carrier
from neasmart.core.commands.command import Command
from neasmart.facts.codecs import Season

CARRIERS = 4
"""So many connections of one command are remembered; a bus has one, or two while a converter dials anew."""


class Phase(Enum):
    """What the base reads of a live command.

    It waits for a related one; it is offered; the base is asked for its own value; it is offered once more; it is
    not served any more, and ends with the next report.
    """

    WAITING = auto()
    OFFERED = auto()
    PROBED = auto()
    OFFERED_AGAIN = auto()
    GIVEN_UP = auto()

    @property
    def served(self) -> bool:
        """Whether the base reads the commanded word."""
        return self in (Phase.OFFERED, Phase.OFFERED_AGAIN)


@dataclass(slots=True, kw_only=True)
class Life:
    """A live command.

    `baseline` is the base's own value before it, None until one is known; `waits_for` are the registers of older live
    commands. It is offered `once` if a second offer could undo something: what was set in one room since, a baseline
    that changed after the command was read, a newer command that waited for it. `told` counts valid reports since the
    read that are not the commanded value; `rooms` are the states of the rooms since then, for a command to the whole
    house. Times are monotonic seconds.
    """

    command: Command
    season: Season | None
    baseline: float | None
    once: bool
    waits_for: set[int]
    free_at: float
    phase: Phase = Phase.WAITING
    served_at: float = 0.0
    until: float = 0.0
    told: int = 0
    carriers: list[Carrier] = field(default_factory=list)
    rooms: dict[int, int] = field(default_factory=dict)

    @property
    def delivered_at(self) -> float | None:
        """When a reply that carries it has first left."""
        return self.command.delivered_at

    @property
    def offered_again_may_help(self) -> bool:
        """Whether the base has said nothing but its old value, and a second offer can undo nothing."""
        return self.told > 0 and not self.once

    def sent_by(self, carrier: Carrier | None) -> None:
        """Remember the connection by which the command was sent."""
        if carrier is not None and carrier not in self.carriers:
            self.carriers = [*self.carriers, carrier][-CARRIERS:]

    def enter(self, phase: Phase, *, until: float) -> None:
        """Go on to a phase."""
        self.phase, self.until = phase, until

    def proven(self, value: float, *, others: bool, graced: bool) -> bool:
        """Return whether the commanded value, as the base says it, is the end of this command.

        `others`: one of another value for the register was delivered within the grace; `graced`: a related one was.
        Before the base has read the command, its value may then be about to change. After that, the value of before is
        no proof while an older command may still be acted on.
        """
        if self.phase is Phase.WAITING:
            return False
        if self.delivered_at is None:
            return not others and not graced
        return not others or self.baseline is None or not self.command.ref.point.agrees(value, self.baseline)
