"""Promise: a stop ends with 0 within three seconds at any stage of start and stop, and the database opens afterwards.

Before Python runs the first line of ours nobody can listen; then the signal itself ends the process, which s6's finish
script and systemd take for a stop.
"""

from __future__ import annotations

import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.processes import GatewayProcess, eventually

LONGEST_S = 3.0
START_STEPS_S = [step * 0.02 for step in range(30)]
"""From the exec on; a start takes about 0.4 s."""
STOP_STEPS_S = [0.0, 0.002, 0.004, 0.006, 0.008, 0.01, 0.012, 0.015, 0.02, 0.03, 0.04, 0.06]
"""A stop takes about 0.06 s, most of it in Python's own end."""


def listens_for(gateway: GatewayProcess, number: signal.Signals) -> bool:
    """Return whether the process has a handler for a signal, as the kernel sees it."""
    lines = dict(each.split(":", 1) for each in (gateway.proc / "status").read_text().splitlines())
    return bool(int(lines["SigCgt"], 16) >> (number - 1) & 1)


def assert_the_database_opens(path: Path) -> None:
    if path.exists():
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("part", range(2))
def test_a_stop_at_any_moment_of_the_start_ends_with_0(tmp_path: Path, part: int) -> None:
    gateway = GatewayProcess(tmp_path)
    with_the_signal = 0
    for delay_s in START_STEPS_S[part::2]:
        gateway.start(healthy=False)
        time.sleep(delay_s)
        listening = listens_for(gateway, signal.SIGTERM)
        began = time.monotonic()
        code = gateway.stop(signal.SIGTERM)

        assert time.monotonic() - began < LONGEST_S, (delay_s, gateway.log)
        assert code == 0 or (code == -signal.SIGTERM and not listening), (delay_s, code, gateway.log)
        with_the_signal += code != 0
        assert "Traceback" not in gateway.log
        assert_the_database_opens(tmp_path / "neasmart.db")
    print(f"{with_the_signal} of {len(START_STEPS_S[part::2])} ended by the signal itself")  # noqa: T201 - a figure to read


def never_loaded(folder: Path) -> GatewayProcess:
    """Start a gateway that listens for signals and needs a minute to load itself."""
    gateway = GatewayProcess(folder)
    gateway.environment["PYTHONPATH"] = f"{folder}:{gateway.environment['PYTHONPATH']}"
    # The settings need this library first.
    (folder / "msgspec.py").write_text("import time\ntime.sleep(60)\n")
    gateway.start(healthy=False)
    eventually(lambda: listens_for(gateway, signal.SIGTERM))
    return gateway


def test_the_gateway_listens_for_a_stop_before_it_loads_itself(tmp_path: Path) -> None:
    gateway = never_loaded(tmp_path)

    assert gateway.stop(signal.SIGTERM, within_s=LONGEST_S) == 0
    assert gateway.log == ""


def test_a_wish_to_load_the_settings_anew_does_not_end_a_start(tmp_path: Path) -> None:
    gateway = never_loaded(tmp_path)
    assert gateway.process is not None
    gateway.process.send_signal(signal.SIGHUP)

    assert gateway.stop(signal.SIGTERM, within_s=LONGEST_S) == 0
    assert gateway.log == ""


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_at_any_moment_of_the_stop_changes_nothing(tmp_path: Path, second: signal.Signals) -> None:
    gateway = GatewayProcess(tmp_path)
    for delay_s in STOP_STEPS_S[second == signal.SIGINT :: 2]:
        gateway.start()
        assert gateway.process is not None
        began = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        time.sleep(delay_s)
        code = gateway.stop(second)

        assert time.monotonic() - began < LONGEST_S
        assert code == 0, (delay_s, gateway.log)
        assert "Traceback" not in gateway.log
        assert_the_database_opens(tmp_path / "neasmart.db")


def test_in_a_terminal_the_gateway_ends_with_it(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path)
    terminal, inner = pty.openpty()
    with subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-m", "neasmart", "run"],
        cwd=tmp_path,
        env=gateway.environment,
        stdin=inner,
        stdout=inner,
        stderr=inner,
    ) as process:
        os.close(inner)
        shown = b""
        while b"listener is open" not in shown:
            shown += os.read(terminal, 4096)
        os.close(terminal)

        try:
            assert process.wait(10) == 0
        finally:
            process.kill()
    assert_the_database_opens(tmp_path / "neasmart.db")
