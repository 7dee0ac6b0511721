"""Counts durations by their length, so cheaply that it can be done between a request on the wire and its reply."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

REPLY_ENDS_S = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05)
"""Ends of the buckets for replies on the bus."""


class Histogram:
    """How many durations were at most as long as each of `ends_s`, in seconds; one more bucket takes what is longer."""

    __slots__ = ("buckets", "ends_s", "total_s")

    def __init__(self, ends_s: tuple[float, ...]) -> None:
        """Start without durations; the ends rise."""
        self.ends_s = ends_s
        self.buckets = [0] * (len(ends_s) + 1)
        self.total_s = 0.0

    def observe(self, duration_s: float) -> None:
        """Count one duration."""
        self.buckets[bisect_left(self.ends_s, duration_s)] += 1
        self.total_s += duration_s

    @property
    def cumulated(self) -> Iterator[tuple[str, int]]:
        """Each end as text, the last one ``+Inf``, with how many durations were at most as long."""
        below = 0
        for end, count in zip([*map(str, self.ends_s), "+Inf"], self.buckets, strict=True):
            below += count
            yield end, below


class Histograms(dict[int, Histogram]):
    """A histogram of replies for each unit id that was answered."""

    def observe(self, unit_id: int, duration_s: float) -> None:
        """Count one reply."""
        histogram = self.get(unit_id)
        if histogram is None:
            histogram = self[unit_id] = Histogram(REPLY_ENDS_S)
        histogram.observe(duration_s)
