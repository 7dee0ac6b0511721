"""What a command is, as everybody sees it, and the patience with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from neasmart.facts.registers import Ref


class CommandState(StrEnum):
    """Where a command is in its life.

    `delivered`: a reply that carries it has left. `confirmed`: the base says the commanded value. `overridden`: the
    base says a third value, because somebody set it otherwise or it limits. `superseded`: a newer command took its
    place. `rejected`: the base keeps its value. `expired`: not read, or not decided, in time. `withdrawn`: taken back
    before it was read.
    """

    QUEUED = "queued"
    DELIVERED = "delivered"
    CONFIRMED = "confirmed"
    OVERRIDDEN = "overridden"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"

    @property
    def live(self) -> bool:
        """Whether the command has not ended."""
        return self in (CommandState.QUEUED, CommandState.DELIVERED)


class Why(StrEnum):
    """Why a command ended as it did, for whoever says it in the owner's language."""

    WITHDRAWN = "withdrawn"
    UNDONE = "undone"
    SUPERSEDED = "superseded"
    HOUSE_SET = "house_set"
    ROOM_OFF = "room_off"
    SEASON = "season"
    ALREADY = "already"
    LIMITED = "limited"
    OVERRIDDEN = "overridden_by"
    KEPT = "kept"
    NOT_READ = "not_read"
    NOT_CONFIRMED = "not_confirmed"
    WAITED = "waited"
    RESTARTED = "restarted"
    STOOD_STILL = "stood_still"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a command ended; `text` is the sentence for programs, `value` what the base says where that decided.

    What an older version has stored is known by its sentence only.
    """

    why: Why | None
    text: str
    value: float | None = None


OUTCOMES = tuple(state for state in CommandState if not state.live)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTimes:
    """The patience with a command, in seconds and in walks of the base, whichever is longer.

    `delivery` from served to read, `sync` from read to its end. A command is held for `hold_walks` after it was read,
    then the base is asked for its own value for `probe_walks`. For `grace_walks` after a command was delivered, a
    change that it may have brought about is nobody's hand. A command waits at most `wait_walks` for a related one.
    """

    delivery_s: float = 30.0
    delivery_walks: float = 2.0
    sync_s: float = 120.0
    sync_walks: float = 7.0
    hold_walks: float = 2.0
    probe_walks: float = 1.0
    grace_walks: float = 2.0
    wait_walks: float = 3.0


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
    reason: Reason | None = None
    warning: str | None = None
