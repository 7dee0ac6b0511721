"""Lets the simulated base run by itself: ``python -m neasmart.simulator --tcp HOST:PORT``."""

from __future__ import annotations

import argparse
import asyncio
import logging

from neasmart.simulator import SimulatorOptions, add_arguments, simulate


def main() -> None:
    """Parse the command line and play the base."""
    parser = argparse.ArgumentParser(prog="python -m neasmart.simulator", description=__doc__)
    add_arguments(parser)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    report = asyncio.run(simulate(SimulatorOptions.from_arguments(arguments)))
    logging.getLogger(__name__).info(
        "%d polls, %d answered, %d late, other faults: %s",
        report.polls,
        report.answered,
        report.late,
        report.other_faults or "none",
    )


if __name__ == "__main__":
    main()
