"""The command that plays the base for any gateway."""

from __future__ import annotations

import argparse
import asyncio
import sys

from neasmart.simulator.options import SimulatorOptions, add_arguments
from neasmart.simulator.run import simulate

__all__ = ["add_arguments", "run"]


def run(namespace: argparse.Namespace) -> int:
    """Play until it is over; return 0, or 1 if no gateway was reached."""
    options = SimulatorOptions.from_arguments(namespace)
    report = asyncio.run(simulate(options))
    if report.connections:
        return 0
    sys.stderr.write(f"neasmart: no gateway was reached at {options.target}\n")
    return 1
