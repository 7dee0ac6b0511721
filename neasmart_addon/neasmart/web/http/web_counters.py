"""Counts what the listeners do, as plain numbers, so that counting costs next to nothing while a request is served."""

from __future__ import annotations

from dataclasses import dataclass, field

from neasmart.diagnosis.histogram import Histogram

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper ends of the duration buckets in seconds; one more bucket takes what is longer."""


@dataclass(slots=True)
class WebCounters:
    """What has happened since the process started; keys of `requests` are method, route and status.

    `refused` counts by reason: ``unauthorized``, ``rate_limited``, ``cross_site``, ``unknown_host``,
    ``forbidden_peer``, ``connections``, ``slow``.
    """

    requests: dict[tuple[str, str, int], int] = field(default_factory=dict)
    durations: dict[str, Histogram] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)

    def answered(self, method: str, route: str, status: int, duration_s: float | None) -> None:
        """Count an answer; the life of a WebSocket is no duration."""
        key = (method, route, status)
        self.requests[key] = self.requests.get(key, 0) + 1
        if duration_s is not None:
            durations = self.durations.get(route)
            if durations is None:
                durations = self.durations[route] = Histogram(BUCKETS_S)
            durations.observe(duration_s)

    def refuse(self, reason: str) -> None:
        """Count a refusal."""
        self.refused[reason] = self.refused.get(reason, 0) + 1
