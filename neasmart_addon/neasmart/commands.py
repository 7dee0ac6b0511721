"""The life of a command: queued, delivered, and then confirmed, superseded, rejected or expired.

A command ends at the latest `expire_s` + `confirm_s` after it was given, and with its end the base reads its own
value again, so a command can never fire late.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count

from neasmart.image import RegisterImage
from neasmart.registers import Ref

HISTORY_LENGTH = 200


class CommandState(StrEnum):
    """Where a command is in its life."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    CONFIRMED = "confirmed"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def live(self) -> bool:
        """Whether the command is still served to the base."""
        return self in (CommandState.QUEUED, CommandState.DELIVERED)


OUTCOMES = tuple(state for state in CommandState if not state.live)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTimes:
    """The patience with a command, in seconds.

    `expire_s` from queued to read, `confirm_s` from read to confirmed, `grace_s` from read until another value
    written by the base counts as a refusal: two walks of the base over all rooms.
    """

    expire_s: float = 30.0
    confirm_s: float = 120.0
    grace_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command as it stands now; times are monotonic seconds, `read_by` the unit ids under which it was read."""

    id: str
    ref: Ref
    value: int | float
    word: int
    origin: str
    state: CommandState
    queued_at: float
    delivered_at: float | None = None
    ended_at: float | None = None
    read_by: tuple[int, ...] = ()
    reason: str | None = None
    warning: str | None = None


class Commands:
    """All live commands, at most one for each register, and the last ones that ended."""

    def __init__(self, image: RegisterImage, times: CommandTimes) -> None:
        """Serve commands through `image`."""
        self._image = image
        self.times = times
        self._live: dict[int, Command] = {}
        self._ended: deque[Command] = deque(maxlen=HISTORY_LENGTH)
        self.outcomes: dict[tuple[CommandState, str], int] = {}
        """How many commands have ended, by how and by origin; kept here because consumers may miss changes."""
        self._ids = (f"{secrets.token_hex(4)}-{number}" for number in count(1))

    def submit(self, ref: Ref, value: float, *, origin: str, now: float, warning: str | None = None) -> list[Command]:
        """Queue a checked value; return the command that it supersedes, if any, and last the new one."""
        for outcome in OUTCOMES:
            # From zero on, so that the first one is seen as an increase.
            self.outcomes.setdefault((outcome, origin), 0)
        changes = self._ending(ref.address, CommandState.SUPERSEDED, now, "a newer command took its place")
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
        self._live[ref.address] = command
        self._image.desire(ref.address, command.word)
        return [*changes, command]

    def on_poll(self, addresses: range, unit_id: int, now: float) -> list[Command]:
        """Note that the base has read these registers; return the commands that changed."""
        changes = []
        for address in self._covered(addresses):
            command = self._live[address]
            if unit_id in command.read_by:
                continue
            command = replace(
                command,
                state=CommandState.DELIVERED,
                delivered_at=command.delivered_at if command.delivered_at is not None else now,
                read_by=(*command.read_by, unit_id),
            )
            self._live[address] = command
            changes.append(command)
        return changes

    def on_write(self, address: int, word: int, now: float) -> list[Command]:
        """Compare what the base wrote with the command it has read; return the command if it ended."""
        command = self._live.get(address)
        if command is None or command.delivered_at is None:
            return []
        if _confirms(command, word):
            return self._ending(address, CommandState.CONFIRMED, now, None)
        if now - command.delivered_at >= self.times.grace_s:
            return self._ending(address, CommandState.REJECTED, now, _refusal(command.ref, word))
        return []

    def tick(self, now: float) -> list[Command]:
        """End what has waited too long; return the commands that ended."""
        changes: list[Command] = []
        for address, command in list(self._live.items()):
            if command.delivered_at is None:
                if now - command.queued_at >= self.times.expire_s:
                    reason = f"the base did not read it within {self.times.expire_s:g} s"
                    changes += self._ending(address, CommandState.EXPIRED, now, reason)
            elif now - command.delivered_at >= self.times.confirm_s:
                reason = f"the base read it but did not confirm it within {self.times.confirm_s:g} s"
                changes += self._ending(address, CommandState.EXPIRED, now, reason)
        return changes

    def live(self, ref: Ref) -> Command | None:
        """Return the live command of a register."""
        return self._live.get(ref.address)

    @property
    def pending(self) -> list[Command]:
        """All live commands, oldest first."""
        return sorted(self._live.values(), key=lambda command: command.queued_at)

    @property
    def recent(self) -> list[Command]:
        """Live commands and the last ended ones, newest first."""
        return sorted((*self._live.values(), *self._ended), key=lambda command: command.queued_at, reverse=True)

    def get(self, command_id: str) -> Command | None:
        """Return a live or recently ended command by its id."""
        return next((command for command in self.recent if command.id == command_id), None)

    def _covered(self, addresses: range) -> Iterable[int]:
        if not self._live:
            return ()
        return [address for address in self._live if address in addresses]

    def _ending(self, address: int, state: CommandState, now: float, reason: str | None) -> list[Command]:
        command = self._live.pop(address, None)
        if command is None:
            return []
        self._image.drop(address)
        ended = replace(command, state=state, ended_at=now, reason=reason)
        self._ended.append(ended)
        self.outcomes[state, command.origin] += 1
        return [ended]

    def __iter__(self) -> Iterator[Command]:
        """Iterate over the live commands."""
        return iter(self._live.values())


def _confirms(command: Command, word: int) -> bool:
    if word == command.word:
        return True
    value = command.ref.decode(word).value
    # A little more than the tolerance, because 21.1 - 21.0 is not 0.1 in binary.
    return value is not None and abs(value - command.value) <= command.ref.point.confirm_within + 1e-6


def _refusal(ref: Ref, word: int) -> str:
    decoded = ref.decode(word)
    if decoded.value is None:
        return f"the base reports {decoded.quality.value.replace('_', ' ')} instead"
    if ref.point.options is not None:
        return f"the base keeps {ref.point.options[int(decoded.value)].replace('_', ' ')}"
    return f"the base keeps {decoded.value:g}"
