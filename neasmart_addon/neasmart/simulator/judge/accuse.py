"""Keeps account of what the gateway did wrong, with the bytes that prove it, and of how fast it answered."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from neasmart.simulator.judge.oracle import Figures

EXAMPLES_KEPT = 5
EVENTS_KEPT = 1000
LATENCIES_KEPT = 100_000


class Fault(StrEnum):
    """What a slave on this bus must never do."""

    REPLY_TO_BROADCAST = "reply_to_broadcast"
    REPLY_TO_FOREIGN_UNIT = "reply_to_foreign_unit"
    LATE = "late"
    WRONG_TRANSACTION = "wrong_transaction"
    WRONG_UNIT = "wrong_unit"
    MALFORMED = "malformed"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    UNSOLICITED = "unsolicited"
    STALE_COMMAND = "stale_command"
    UNEXPLAINED_WORD = "unexplained_word"
    EARLY_COMMAND = "early_command"
    ENDED_COMMAND = "ended_command"
    OVERTAKEN_COMMAND = "overtaken_command"
    TURN_UNDONE = "turn_undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accusation:
    """One fault with its evidence: what was sent, what came back, and when (seconds since the start)."""

    at_s: float
    sent: str
    received: str
    text: str


@dataclass(slots=True, kw_only=True)
class UnitCount:
    """Polls of one unit id."""

    polls: int = 0
    answered: int = 0


@dataclass(slots=True, kw_only=True)
class RunReport:
    """Everything that a run has shown; `as_json` is what ``--report`` writes.

    `stalls` counts answers that came to us late because this process itself did not get to run.
    """

    transport: str = ""
    seed: int = 0
    duration_s: float = 0.0
    connections: int = 0
    walks: int = 0
    polls: int = 0
    answered: int = 0
    writes: int = 0
    longest_segment: int = 1
    stalls: int = 0
    freezes: int = 0
    silences: int = 0
    bytes_overflowed: int = 0
    words: Figures = field(default_factory=Figures)
    walk_lengths_s: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))
    units: dict[int, UnitCount] = field(default_factory=dict)
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))
    faults: Counter[Fault] = field(default_factory=Counter)
    examples: dict[Fault, list[Accusation]] = field(default_factory=dict)
    noise: Counter[str] = field(default_factory=Counter)
    events: list[dict[str, Any]] = field(default_factory=list)

    def polled(self, unit_id: int) -> None:
        """Count a poll that was sent."""
        self.polls += 1
        self.units.setdefault(unit_id, UnitCount()).polls += 1

    def withdrawn(self, unit_id: int) -> None:
        """Count a poll no more, because the base ended while it waited for the answer."""
        self.polls -= 1
        self.units[unit_id].polls -= 1

    def heard(self, unit_id: int, latency_ms: float) -> None:
        """Count a poll that was answered."""
        self.answered += 1
        self.units.setdefault(unit_id, UnitCount()).answered += 1
        self.latencies_ms.append(latency_ms)

    def accuse(self, fault: Fault, text: str, *, at_s: float, sent: bytes = b"", received: bytes = b"") -> None:
        """Note a fault; the first few of each kind keep their bytes."""
        self.faults[fault] += 1
        kept = self.examples.setdefault(fault, [])
        if len(kept) < EXAMPLES_KEPT:
            evidence = Accusation(at_s=at_s, sent=spaced(sent), received=spaced(received), text=text)
            kept.append(evidence)

    def note(self, kind: str, *, at_s: float, **facts: Any) -> None:
        """Note something that the base did because of what it read."""
        if len(self.events) < EVENTS_KEPT:
            self.events.append({"kind": kind, "at_s": round(at_s, 3), **facts})

    def adopted(self) -> list[dict[str, Any]]:
        """Return the commands that the base took over."""
        return [event for event in self.events if event["kind"] == "adopted"]

    @property
    def late(self) -> int:
        """How many answers came too late."""
        return self.faults[Fault.LATE]

    @property
    def other_faults(self) -> dict[str, int]:
        """Every fault except lateness, which a stalled computer can bring about by itself."""
        return {str(fault): number for fault, number in self.faults.items() if fault is not Fault.LATE and number}

    def as_json(self) -> dict[str, Any]:
        """Return the report for people and programs."""
        return {
            "transport": self.transport,
            "seed": self.seed,
            "duration_s": round(self.duration_s, 3),
            "connections": self.connections,
            "walks": self.walks,
            "polls": self.polls,
            "answered": self.answered,
            "answered_percent": round(100 * self.answered / self.polls, 3) if self.polls else None,
            "late": self.late,
            "late_by_own_stalls": self.stalls,
            "writes": self.writes,
            "frames_in_longest_segment": self.longest_segment,
            "freezes": self.freezes,
            "silences": self.silences,
            "bytes_overflowed": self.bytes_overflowed,
            "walk_s": {"p50": percentile(self.walk_lengths_s, 50), "max": percentile(self.walk_lengths_s, 100)},
            "words": {
                "checked": self.words.words,
                "by_verdict": {str(verdict): count for verdict, count in sorted(self.words.verdicts.items())},
                "turns": self.words.turns,
                "turns_undone_by_limit": {str(limit): count for limit, count in sorted(self.words.undone.items())},
            },
            "units": {
                str(unit_id): {"polls": unit.polls, "answered": unit.answered}
                for unit_id, unit in sorted(self.units.items())
            },
            "latency_ms": {
                "p50": percentile(self.latencies_ms, 50),
                "p99": percentile(self.latencies_ms, 99),
                "max": percentile(self.latencies_ms, 100),
            },
            "accusations": {
                str(fault): {
                    "count": number,
                    "examples": [
                        {"at_s": round(a.at_s, 3), "text": a.text, "sent": a.sent, "received": a.received}
                        for a in self.examples[fault]
                    ],
                }
                for fault, number in sorted(self.faults.items())
                if number
            },
            "adopted": self.adopted(),
            "events": [event for event in self.events if event["kind"] != "adopted"],
            "noise": dict(sorted(self.noise.items())),
        }


def percentile(values: Iterable[float], percent: float) -> float | None:
    """Return the smallest value that `percent` of the values do not exceed, None without values."""
    ordered = sorted(values)
    if not ordered:
        return None
    return round(ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)], 3)


def spaced(raw: bytes) -> str:
    """Return bytes as people write them, ``F0 03 00 64``."""
    return raw.hex(" ").upper()
