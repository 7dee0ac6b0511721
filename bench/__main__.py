"""Measures what the project promises: ``python -m bench``; CONTRIBUTING.md says how to read the table.

Prints a line for each figure and writes bench/results.json. Exit code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import home_assistant, instructions, noise, panel, store_writes, turnaround, whole_process
from bench.figures import Figure, write

RESULTS = Path(__file__).parent / "results.json"


def noisy_bus(rounds: int, polls: int) -> Iterator[Figure]:
    """Run the noisy base on each transport, every round with another seed."""
    for transport in noise.TRANSPORTS:
        reports = [noise.measured(transport, polls, seed) for seed in range(1, rounds + 1)]
        answered = tuple(100 * report["answered"] / report["polls"] for report in reports)
        wrong = tuple(
            float(sum(found["count"] for fault, found in report["accusations"].items() if fault != "late"))
            for report in reports
        )
        yield Figure(what=f"noise, {transport}: answered", unit="%", samples=answered, limit=100, at_least=True)
        yield Figure(what=f"noise, {transport}: accusations", unit="", samples=wrong, limit=0)


def disk(commands_per_day: float) -> Iterator[Figure]:
    """Count the bytes that one simulated day makes the disk write."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder:
        result = asyncio.run(store_writes.day(Path(folder), 24.0, commands_per_day))
    per_thousand, per_day = result
    yield Figure(what="written for 1000 register updates", unit="kB", samples=(per_thousand,), limit=20)
    yield Figure(what="written in a day", unit="MB", samples=(per_day,), limit=5)


def main() -> int:
    rounds_help = "repetitions of each measurement"
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what the project promises.")
    parser.add_argument("--rounds", type=int, default=5, help=rounds_help)
    parser.add_argument("--polls", type=int, default=1000, help="polls in a round of the turnaround")
    parser.add_argument("--noise-polls", type=int, default=2000, help="polls in a round on the noisy bus")
    parser.add_argument(
        "--only",
        action="append",
        choices=["start", "turnaround", "rest", "idle", "noise", "panel", "home-assistant", "disk", "instructions"],
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    measurements: dict[str, Callable[[], Iterator[Figure]]] = {
        "start": lambda: whole_process.start(chosen.rounds),
        "turnaround": lambda: turnaround.measure(chosen.rounds, chosen.polls),
        "rest": lambda: whole_process.rest(chosen.rounds, 3),
        "idle": lambda: whole_process.idle(min(chosen.rounds, 3)),
        "noise": lambda: noisy_bus(min(chosen.rounds, 3), chosen.noise_polls),
        "panel": lambda: panel.measure(2 * chosen.rounds),
        "home-assistant": lambda: home_assistant.measure(chosen.rounds),
        "disk": lambda: disk(50.0),
        "instructions": instructions.measure,
    }
    whole_process.compiled()
    before = os.getloadavg()[0]
    figures: list[Figure] = []
    print(f"{'':<58}{'median':>11} {'':<6}{'lowest to highest':>24}  target")
    for name, measurement in measurements.items():
        if chosen.only and name not in chosen.only:
            continue
        try:
            for figure in measurement():
                figures.append(figure)
                print(figure.line(), flush=True)
        except (AssertionError, OSError, subprocess.SubprocessError, RuntimeError) as error:
            print(f"{name}: could not be measured: {error!r}", file=sys.stderr)
            return 2
    print("costliest imports: " + ", ".join(f"{name} {us / 1000:.0f} ms" for us, name in whole_process.imports()[:8]))
    loads = (before, os.getloadavg()[0])
    print(f"load of this machine before {loads[0]:.1f}, after {loads[1]:.1f}, on {os.cpu_count()} processors")
    write(chosen.results, figures, loads)
    return int(any(figure.met is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
