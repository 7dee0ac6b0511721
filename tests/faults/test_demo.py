"""The demo says which of its two processes has ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.processes import PACKAGE_ROOT, eventually


def child(parent: int, argument: str) -> int | None:
    """Return the child process that was started with this argument."""
    for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split():
        if argument.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
            return int(pid)
    return None


@pytest.mark.parametrize(("argument", "name"), [("simulate", "simulated base"), ("run", "gateway")])
def test_the_demo_tells_what_has_ended_by_itself(tmp_path: Path, argument: str, name: str) -> None:
    ports = {f"NEASMART_{each}_PORT": str(free_port()) for each in ("API", "INGRESS", "SERVER")}
    environment = os.environ | ports | {"PYTHONPATH": str(PACKAGE_ROOT)}
    line = [sys.executable, "-m", "neasmart", "demo"]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(line, cwd=tmp_path, env=environment, stdout=log, stderr=log) as demo,
    ):
        eventually(lambda: child(demo.pid, "simulate"), within_s=30)
        ending = child(demo.pid, argument)
        assert ending is not None
        os.kill(ending, signal.SIGKILL)

        assert demo.wait(20) == 1

    told = (tmp_path / "log").read_text()
    assert f"The demo ends because its {name} has ended by itself, with code -9" in told


def test_the_demo_has_a_day_behind_it_in_a_database_of_its_own(tmp_path: Path) -> None:
    ports = {f"NEASMART_{each}_PORT": str(free_port()) for each in ("API", "INGRESS", "SERVER")}
    environment = os.environ | ports | {"PYTHONPATH": str(PACKAGE_ROOT)}
    url = f"http://127.0.0.1:{ports['NEASMART_INGRESS_PORT']}/api/v1/history?points=zone.1.1.temperature"
    line = [sys.executable, "-m", "neasmart", "demo"]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(line, cwd=tmp_path, env=environment, stdout=log, stderr=log) as demo,
    ):
        try:
            began = datetime.now(UTC) - timedelta(hours=23, minutes=30)
            day = f"{url}&from={began:%Y-%m-%dT%H:%M:%SZ}"
            eventually(lambda: _course(day), within_s=30)
            course = _course(day)
        finally:
            demo.terminate()
            demo.wait(20)

    assert course is not None
    known = [value for _, value in course if value is not None]
    assert len(known) > 50
    assert all(17.0 < value < 24.0 for value in known)
    assert course[0][0] - began.timestamp() < 300
    assert [path.name for path in tmp_path.rglob("*.db")] == ["neasmart.db"]


def _course(url: str) -> list[tuple[float, float | None]] | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            (series,) = json.load(reply)["series"]
    except OSError:
        return None
    return [(at, value) for at, value in series["points"]]
