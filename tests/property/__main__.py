"""Lives in the world for long and counts: ``python -m tests.property --seconds 120``, half of it for each base."""

from __future__ import annotations

import argparse
import sys
import time

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from neasmart.simulator.judge.oracle import Explanation, Figures
from tests.property.machine import LastHand, LastHandOnEdges

EXAMPLES_AT_ONCE = 50
LONG = settings(
    max_examples=EXAMPLES_AT_ONCE,
    stateful_step_count=50,
    deadline=None,
    database=None,
    # Making a failing life shorter takes minutes; the test in the suite does that.
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.property")
    parser.add_argument("--seconds", type=float, default=120.0)
    seconds = parser.parse_args().seconds
    for machine in (LastHand, LastHandOnEdges):
        until = time.monotonic() + seconds / 2
        while time.monotonic() < until:
            run_state_machine_as_test(machine, settings=LONG)
        sys.stdout.write(f"{machine.precedence} base: {told(machine.totals)}\n")
        sys.stdout.flush()
    return 0


def told(figures: Figures) -> str:
    """Return the account in words."""
    undone = ", ".join(f"{count} {limit}" for limit, count in sorted(figures.undone.items())) or "none"
    return (
        f"{figures.words} served words, {figures.verdicts[Explanation.COMMAND]} of commands,"
        f" {figures.verdicts[Explanation.UNEXPLAINED]} unexplained, {figures.accused} accused in all;"
        f" {figures.turns} turns by hand, undone by the limits: {undone}"
    )


if __name__ == "__main__":
    sys.exit(main())
