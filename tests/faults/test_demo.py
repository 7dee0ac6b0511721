"""The demo says which of its two processes has ended, and leaves none of them behind."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from functools import partial
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
        eventually(lambda: child(demo.pid, "simulate"))
        ending = child(demo.pid, argument)
        assert ending is not None
        os.kill(ending, signal.SIGKILL)

        assert demo.wait(60) == 1

    told = (tmp_path / "log").read_text()
    assert f"The demo ends because its {name} has ended by itself, with code -9" in told


class Demo:
    """A demo in a terminal of its own, which belongs to the demo or to the make that has started it."""

    def __init__(self, folder: Path, *, by_make: bool) -> None:
        self.by_make = by_make
        self.ports = {f"NEASMART_{each}_PORT": free_port() for each in ("API", "INGRESS", "SERVER")}
        environment = os.environ | {name: str(port) for name, port in self.ports.items()} | {"MAKEFLAGS": ""}
        self.terminal, inner = pty.openpty()
        make = [
            "make",
            "-f",
            str(PACKAGE_ROOT.parent / "Makefile"),
            "-o",
            "setup",
            f"BIN={Path(sys.executable).parent}",
            "demo",
        ]
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *(make if by_make else [sys.executable, "-m", "neasmart", "demo"])],
            cwd=folder,
            env=environment | {"PYTHONPATH": str(PACKAGE_ROOT)},
            stdin=inner,
            stdout=inner,
            stderr=inner,
        )
        os.close(inner)
        self.shown = b""

    def wait_until_it_serves(self) -> list[int]:
        """Return its two processes."""
        eventually(self._says_where)
        demo = child(self.process.pid, "demo") if self.by_make else self.process.pid
        assert demo is not None
        return [pid for word in ("run", "simulate") if (pid := child(demo, word)) is not None]

    def _says_where(self) -> bool:
        self.shown += os.read(self.terminal, 4096)
        return b"Stop:" in self.shown


def ended(pid: int) -> bool:
    """Return whether a process has gone; one that nobody has fetched yet counts as gone."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return True


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.mark.parametrize("by_make", [False, True], ids=["alone", "by make"])
@pytest.mark.parametrize("end", ["the terminal is closed", "it is killed"])
def test_nothing_of_a_demo_outlives_it(tmp_path: Path, end: str, *, by_make: bool) -> None:
    demo = Demo(tmp_path, by_make=by_make)
    processes = demo.wait_until_it_serves()
    assert len(processes) == 2
    if end == "it is killed":
        demo.process.kill()
    else:
        os.close(demo.terminal)

    demo.process.wait(60)
    for pid in processes:
        eventually(partial(ended, pid))
    for port in demo.ports.values():
        eventually(partial(is_free, port))
    if end == "it is killed":
        os.close(demo.terminal)


def test_all_ports_that_are_taken_are_named_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        taken = {"NEASMART_API_PORT": first.getsockname()[1], "NEASMART_SERVER_PORT": second.getsockname()[1]}
        ports = taken | {"NEASMART_INGRESS_PORT": free_port()}
        environment = os.environ | {name: str(port) for name, port in ports.items()} | {"PYTHONPATH": str(PACKAGE_ROOT)}

        refused = subprocess.run(
            [sys.executable, "-m", "neasmart", "demo"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert refused.returncode == 78
    assert all(f"{port} ({name}: Address already in use)" in refused.stderr for name, port in taken.items())
    assert "NEASMART_INGRESS_PORT" not in refused.stderr


def test_a_folder_that_takes_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")

    refused = subprocess.run(
        [sys.executable, "-m", "neasmart", "demo"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PACKAGE_ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert refused.returncode == 78
    assert refused.stderr.startswith("neasmart: data/demo/config.json cannot be written")


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
            # The gateway answers before its storage is open.
            course = eventually(lambda: (found := _course(day))[2:] and found)
        finally:
            demo.terminate()
            demo.wait(60)

    known = [value for _, value in course if value is not None]
    assert len(known) > 50
    assert all(17.0 < value < 24.0 for value in known)
    assert course[0][0] - began.timestamp() < 300
    assert [path.name for path in tmp_path.rglob("*.db")] == ["neasmart.db"]


def _course(url: str) -> list[tuple[float, float | None]]:
    try:
        with urllib.request.urlopen(url, timeout=30) as reply:
            (series,) = json.load(reply)["series"]
    except OSError:
        return []
    return [(at, value) for at, value in series["points"]]
