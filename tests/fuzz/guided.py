"""Lets atheris lead one target by coverage: ``python -m tests.fuzz.guided TARGET SECONDS``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main(name: str, seconds: str) -> None:
    atheris = importlib.import_module("atheris")
    found = ROOT / "build" / "fuzz" / name
    found.mkdir(parents=True, exist_ok=True)
    with atheris.instrument_imports(include=["neasmart"]):
        targets = importlib.import_module("tests.fuzz.targets").TARGETS
    options = [f"-max_total_time={seconds}", "-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={found}/"]
    atheris.Setup([name, *options, str(found), str(Path(__file__).with_name("corpus") / name)], targets[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
