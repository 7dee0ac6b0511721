"""What a measurement gives back, and the table and file that are made of it."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table: a sample of each round; the median is held against `limit`, a floor if `at_least`."""

    what: str
    unit: str
    samples: tuple[float, ...]
    limit: float | None = None
    at_least: bool = False

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the target, None without one."""
        if self.limit is None:
            return None
        return self.median >= self.limit if self.at_least else self.median <= self.limit

    def line(self) -> str:
        target = "" if self.limit is None else f"{'>=' if self.at_least else '<='} {self.limit:g}"
        verdict = {None: "", True: "met", False: "MISSED"}[self.met]
        spread = f"{min(self.samples):.3f} to {max(self.samples):.3f}"
        return f"{self.what:<58}{self.median:>11.3f} {self.unit:<6}{spread:>24}  {target:<10}{verdict}"


def ratios(
    what: str, ours: Sequence[float], theirs: Sequence[float], limit: float, *, at_least: bool = False
) -> Figure:
    """Compare round by round, so that a machine whose speed drifts does not matter."""
    pairs = tuple(mine / other for mine, other in zip(ours, theirs, strict=True))
    return Figure(what=what, unit="x", samples=pairs, limit=limit, at_least=at_least)


def percentile(times: Iterable[float], part: float) -> float:
    """Return the measured value below which this part of all values lies."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def write(path: Path, figures: Sequence[Figure], loads: Sequence[float]) -> None:
    """Write what was measured, where and under what load."""
    machine = {
        "processors": os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "load_before_and_after": list(loads),
    }
    rows = [asdict(each) | {"median": each.median, "met": each.met} for each in figures]
    path.write_text(json.dumps({"machine": machine, "figures": rows}, indent=2) + "\n", encoding="utf-8")
