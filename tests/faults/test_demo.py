"""The demo says which of its two processes has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
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
