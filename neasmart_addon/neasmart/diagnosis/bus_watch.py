"""Remembers of the bus what the doctor needs: counters and bytes of the last minute, and when each sign last came.

It looks at time and never at connections, so that evidence outlives a peer that is cut off and dials anew. Times are
monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace

from neasmart.diagnosis.doctor import FRAMINGS, Observed, Patience, diagnose
from neasmart.diagnosis.patterns import Hint, Pattern, PatternTaker
from neasmart.facts.status import BusCounters, LinkStatus

WINDOW_S = 60.0
SNAPSHOT_EVERY_S = 5.0
_TOGETHER_S = 10.0
_SAME_BUS_S = 10.0
"""The link counts it anew every five seconds while it lasts."""
_SIGNS = (*FRAMINGS, "same_bus_connections")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the gateway knows at one moment; `last_write_at` is when the base wrote a register that has a meaning."""

    link: LinkStatus
    counters: BusCounters
    last_write_at: float | None = None
    patience: Patience = field(default_factory=Patience)
    problem: str | None = None


@dataclass(slots=True)
class _Span:
    """Some seconds of the last minute: when they began, the counters of that moment, and the bytes since."""

    at: float
    counters: BusCounters
    pattern: Pattern


class BusWatch:
    """Keeps what was seen, and the diagnosis that it gives."""

    def __init__(
        self,
        unit_ids: Iterable[int],
        *,
        line: str | None = None,
        final: bool = False,
        since: float = float("-inf"),
    ) -> None:
        """Start without having seen anything.

        `line` is the speed and format of a serial line of our own, as people read it; `final` asks for a verdict on
        what was heard so far at every look. What came before `since` came on another link.
        """
        self.unit_ids = tuple(unit_ids)
        self.bytes = PatternTaker(self.unit_ids)
        self.mbap = False
        self.line = line
        self.diagnosis = diagnose(
            Observed(
                link=LinkStatus(), seen=BusCounters(), pattern=Pattern.joined(()), watched_s=0.0, unit_ids=self.unit_ids
            )
        )
        self._final = final
        self._since = since
        self._visits = _Visits()
        self._spans: deque[_Span] = deque()
        self._closed = BusCounters()
        self._counts = dict.fromkeys(_SIGNS, 0)
        self._rose_at: dict[str, float] = {}

    def hear(self, *, mbap: bool) -> None:
        """Take the bytes that come for Modbus TCP, or for those of a line."""
        self.mbap = mbap

    def look(self, now: float, scene: Scene) -> bool:
        """Judge anew; return whether the diagnosis now says something else than before."""
        if self._final:
            scene = replace(scene, patience=replace(scene.patience, final=True))
        self._sample(now, scene)
        before, found = self.diagnosis, diagnose(self._observed(now, scene))
        self.diagnosis = replace(found, since=before.since if found.code == before.code else now)
        return not found.says_the_same(before)

    def _sample(self, now: float, scene: Scene) -> None:
        counters = scene.counters
        opened = self._visits.follow(now, scene.link, scene.patience.late_s)
        if not scene.link.connected:
            self._closed = _copied(counters)
        if opened or not self._spans:
            self._begin(self._visits.open_since or now, self._closed)
        last = self._spans[-1]
        last.pattern = Pattern.joined((last.pattern, self.bytes.digest()))
        if now - last.at >= SNAPSHOT_EVERY_S:
            self._begin(now, _copied(counters))
        while now - self._spans[0].at > WINDOW_S:
            self._spans.popleft()
        for name in _SIGNS:
            count = getattr(counters, name)
            if count > self._counts[name]:
                self._rose_at[name] = now
            self._counts[name] = count

    def _begin(self, now: float, counters: BusCounters) -> None:
        self._spans.append(_Span(now, counters, Pattern.joined(())))

    def _observed(self, now: float, scene: Scene) -> Observed:
        counters, visits = scene.counters, self._visits
        frame_age_s = self._age_s(counters.last_frame_at, now)
        began = now - WINDOW_S if visits.open_since is None else max(now - WINDOW_S, visits.open_since)
        quiet = frame_age_s is None or frame_age_s >= scene.patience.late_s
        if frame_age_s is not None and quiet:
            began = max(began, now - frame_age_s)
        same_bus = self._risen("same_bus_connections", now, _SAME_BUS_S)
        if not same_bus and "same_bus_connections" in self._rose_at:
            # What came over two connections passed for the replies of a rival.
            began = max(began, self._rose_at["same_bus_connections"] + _SAME_BUS_S / 2)
        spans = [span for span in self._spans if span.at >= began]
        at, first = (spans[0].at, spans[0].counters) if spans else (now, counters)
        return Observed(
            link=scene.link,
            seen=_difference(counters, first),
            pattern=Pattern.joined(span.pattern for span in spans if quiet),
            watched_s=now - at,
            unit_ids=self.unit_ids,
            open_s=0.0 if visits.open_since is None else now - visits.open_since,
            unsteady=visits.unsteady(now, scene.link, scene.patience.late_s),
            frame_age_s=frame_age_s,
            poll_age_s=self._age_s(max(counters.last_poll_at.values(), default=None), now),
            write_age_s=self._age_s(scene.last_write_at, now),
            wrong_framing=self._wrong_framing(now, scene.link),
            same_bus=same_bus,
            units_seen=tuple(
                sorted(
                    unit
                    for unit, heard in counters.last_heard_at.items()
                    if heard >= self._since and now - heard <= WINDOW_S
                )
            ),
            mbap=self.mbap,
            line=self.line,
            problem=scene.problem,
            patience=scene.patience,
        )

    def _wrong_framing(self, now: float, link: LinkStatus) -> tuple[Hint, float] | None:
        found = [name for name in FRAMINGS if self._risen(name, now)]
        if not found:
            return None
        newest = max(self._rose_at[name] for name in found)
        name = next(name for name in found if newest - self._rose_at[name] <= _TOGETHER_S)
        hint, _ = FRAMINGS[name]
        if hint is Hint.MBAP_ON_RTU and "://" in link.description:
            hint = Hint.MBAP_DIALLED
        return hint, now - self._rose_at[name]

    def _age_s(self, at: float | None, now: float) -> float | None:
        return None if at is None or at < self._since else max(0.0, now - at)

    def _risen(self, name: str, now: float, within_s: float = WINDOW_S) -> bool:
        return name in self._rose_at and now - self._rose_at[name] <= within_s


class _Visits:
    """Since when the link has been open, where cuts that are shorter than the bus may be silent do not count."""

    def __init__(self) -> None:
        self.open_since: float | None = None
        self._link: LinkStatus | None = None
        self._connected_at = 0.0
        # When a peer left last, and for how long it had stayed.
        self._left: tuple[float, float] | None = None

    def follow(self, now: float, link: LinkStatus, late_s: float) -> bool:
        """Take the status of the link; return whether it has opened after having been closed for long."""
        before, self._link = self._link, link
        at = now if link.since is None else link.since
        if before is not None and before.since != link.since:
            if before.connected:
                self._leave(at, at - self._connected_at)
            elif before.code == link.code:
                # Somebody came and went, or went and came, between two looks.
                self._leave(at, 0.0)
        if not link.connected:
            if self._left is None or now - self._left[0] > late_s:
                self.open_since = None
            return False
        if before is None or before.since != link.since:
            self._connected_at = at
        if self.open_since is not None:
            return False
        self.open_since = at
        return True

    def unsteady(self, now: float, link: LinkStatus, late_s: float) -> bool:
        """Return whether a peer has just gone that had not stayed for long."""
        if link.code != "waiting_for_peer" or self._left is None:
            return False
        left_at, lasted_s = self._left
        return lasted_s < late_s and now - left_at <= late_s

    def _leave(self, at: float, lasted_s: float) -> None:
        self._left = (at, lasted_s)
        if self.open_since is None:
            self.open_since = at


def _copied(counters: BusCounters) -> BusCounters:
    return replace(
        counters,
        polls_by_unit=dict(counters.polls_by_unit),
        last_poll_at=dict(counters.last_poll_at),
        last_heard_at=dict(counters.last_heard_at),
    )


def _difference(now: BusCounters, before: BusCounters) -> BusCounters:
    """Return what was counted between two snapshots; times are those of the later one."""
    difference = _copied(now)
    for each in fields(BusCounters):
        value = getattr(now, each.name)
        if isinstance(value, int):
            setattr(difference, each.name, value - getattr(before, each.name))
    difference.polls_by_unit = {
        unit: count - before.polls_by_unit.get(unit, 0) for unit, count in now.polls_by_unit.items()
    }
    return difference
