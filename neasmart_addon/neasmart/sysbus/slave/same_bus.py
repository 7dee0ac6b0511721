"""Notices that two connections carry the same bus, because two answers to one poll collide on the line.

A converter with two sockets, or two converters on one bus, send the same frames at the same moments. The newest
connection then answers, as long as anything comes over it; the other one is only heard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations

from neasmart.facts.codecs import READ
from neasmart.facts.status import BusCounters

WITHIN_S = 0.05
"""Frames of one bus come over both connections within this time."""
IN_A_ROW = 5
"""So many frames in a row that came over both, and it is one bus."""
ONE_ANSWER_WITHIN_S = 0.02
"""An identical poll on another connection within this time is answered once, before anything is known."""
ALONE_AFTER_S = 2.0
"""The newest connection answers no more once it is silent for so long while the other one is not."""

COUNTED_EVERY_S = 5.0
"""While it lasts, it is counted again and again, so that whoever looks at the last minute sees it."""

_REMEMBERED = 64
Request = tuple[int, bytes]


class Member:
    """One connection that takes part."""

    def __init__(self, name: str) -> None:
        """Begin with nothing heard; `name` is for people."""
        self.name = name
        self.heard_at: float | None = None


@dataclass(slots=True)
class _Heard:
    at: float
    request: Request
    admitted: bool


@dataclass(slots=True)
class _Pair:
    """Two connections, the older one first, with the frames that only one of them has brought yet."""

    older: Member
    newer: Member
    same: bool = False
    in_a_row: int = 0
    counted_at: float = 0.0
    waiting: dict[Member, deque[_Heard]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.waiting = {each: deque(maxlen=_REMEMBERED) for each in (self.older, self.newer)}

    def take(self, member: Member, heard: _Heard) -> _Heard | None:
        """Take a frame; return the same one of the other connection if that came just before."""
        for waiting in self.waiting.values():
            while waiting and heard.at - waiting[0].at > WITHIN_S:
                waiting.popleft()
                self.in_a_row = 0
        others = self.waiting[self.older if member is self.newer else self.newer]
        for each in others:
            if each.request == heard.request:
                others.remove(each)
                self.in_a_row += 1
                return each
        self.waiting[member].append(heard)
        return None


class SameBus:
    """Decides for each request whether the connection that it came over carries it out."""

    def __init__(self, counters: BusCounters, found: Callable[[str, str], object]) -> None:
        """Call `found` once with the names of the older and the newer connection that carry one bus."""
        self._counters = counters
        self._found = found
        self._members: list[Member] = []
        self._pairs: dict[tuple[Member, Member], _Pair] = {}

    def join(self, member: Member) -> None:
        """Take part; who joins later is newer."""
        self._members.append(member)
        for pair in combinations(self._members, 2):
            self._pairs.setdefault(pair, _Pair(*pair))

    def leave(self, member: Member) -> None:
        """Take part no more."""
        if member in self._members:
            self._members.remove(member)
            self._pairs = {pair: known for pair, known in self._pairs.items() if member not in pair}

    def admits(self, member: Member, unit_id: int, pdu: bytes, now: float) -> bool:
        """Return whether a request is carried out, or left to the other connection that has brought it."""
        member.heard_at = now
        heard = _Heard(now, (unit_id, pdu), admitted=True)
        for pair in self._pairs.values():
            if member not in (pair.older, pair.newer):
                continue
            twin = pair.take(member, heard)
            if (
                twin is not None
                and twin.admitted
                and pdu[:1] == bytes((READ,))
                and now - twin.at <= ONE_ANSWER_WITHIN_S
            ):
                heard.admitted = False
            self._judge(pair, now)
            if pair.same and member is pair.older:
                heard.admitted = False
        return heard.admitted

    def _judge(self, pair: _Pair, now: float) -> None:
        newer_at = pair.newer.heard_at
        if pair.same and (newer_at is None or now - newer_at > ALONE_AFTER_S):
            pair.same = False
            pair.in_a_row = 0
        elif not pair.same and pair.in_a_row >= IN_A_ROW:
            pair.same = True
            self._found(pair.older.name, pair.newer.name)
            self._count(pair, now)
        elif pair.same and now - pair.counted_at >= COUNTED_EVERY_S:
            self._count(pair, now)

    def _count(self, pair: _Pair, now: float) -> None:
        self._counters.same_bus_connections += 1
        pair.counted_at = now
