"""Loads a gateway of sixty rooms on a live bus through its API, and says whether it held: ``make load``.

It holds if no request fails, none is refused for its rate, and the base is answered every time while it lasts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support.panel import simulated_base
from tests.support.processes import eventually, gateway_process

FOLDER = Path(__file__).parent
LOCUST = FOLDER.parents[1] / ".venv-load" / "bin" / "locust"
WALK_S = 30


def main() -> int:
    """Print a line for each kind of request and the verdict; return 0 if the gateway held."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description="Load a gateway through its API.")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--connections", type=int, default=10)
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        gateway_process(Path(folder)) as gateway,
        simulated_base(gateway.bus_port, "--cycle", str(WALK_S), house="full"),
    ):
        eventually(lambda: len(gateway.get("/api/v1/zones")["zones"]) == 60, within_s=90)
        before = gateway.get("/api/v1/bus")["counters"]
        rows = loaded(f"http://127.0.0.1:{gateway.api_port}", chosen.seconds, chosen.connections)
        after = gateway.get("/api/v1/bus")["counters"]
    for row in rows:
        print(
            f"{row['method'] + ' ' + row['name']:<44}{row['num_requests'] / chosen.seconds:>8.0f}/s"
            f"{percentile(row, 50):>7.1f} ms p50{percentile(row, 99):>8.1f} ms p99{row['num_failures']:>6} failed"
        )
    total = sum(row["num_requests"] for row in rows)
    failed = sum(row["num_failures"] for row in rows)
    polls, replies = (after[name] - before[name] for name in ("polls", "replies"))
    held = bool(total) and not failed and 0 < polls == replies
    print(
        f"{total / chosen.seconds:.0f} answers a second by {chosen.connections} connections, {failed} failed;"
        f" {replies} of {polls} polls of the base answered: {'good' if held else 'bad'}"
    )
    return 0 if held else 1


def loaded(url: str, seconds: int, connections: int) -> list[dict[str, Any]]:
    """Return what locust counted for each kind of request."""
    said = subprocess.run(
        [
            *(str(LOCUST), "--headless", "--json", "--loglevel", "WARNING", "--host", url),
            *("--locustfile", str(FOLDER / "users.py"), "--users", str(connections), "--spawn-rate", str(connections)),
            *("--run-time", f"{seconds}s", "--stop-timeout", "5"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        rows: list[dict[str, Any]] = json.loads(said.stdout)
    except ValueError as error:
        raise RuntimeError(said.stderr) from error
    return sorted(rows, key=lambda row: (row["method"], row["name"]))


def percentile(row: dict[str, Any], share: float) -> float:
    """Return below how many milliseconds this percentage of the answers came."""
    left = row["num_requests"] * share / 100
    for time_ms, count in sorted((float(text), count) for text, count in row["response_times"].items()):
        left -= count
        if left <= 0:
            return time_ms
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
