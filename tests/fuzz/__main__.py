"""Tries every reader with hostile input: ``make fuzz SECONDS=120``, that long for each.

Guided by coverage (atheris) where it is installed, else by damage to the samples. What atheris finds worth keeping goes
to build/fuzz; an input that fails is printed, and belongs into the corpus with its repair.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

from tests.fuzz import mutations
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--target", choices=TARGETS, action="append")
    chosen = parser.parse_args()
    failed = 0
    for name in chosen.target or TARGETS:
        if importlib.util.find_spec("atheris"):
            command = [sys.executable, "-m", "tests.fuzz.guided", name, str(chosen.seconds)]
            failed += subprocess.run(command, cwd=ROOT, check=False).returncode != 0
        else:
            count = mutations.run(name, TARGETS[name], seconds=chosen.seconds)
            sys.stdout.write(f"{name}: {count} inputs\n")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
