"""The clock that decides goes on while the computer sleeps, and everybody who compares times with it has the same."""

from __future__ import annotations

import runpy
import time

import pytest

from neasmart.facts import clock
from neasmart.sysbus.transport import lag


def test_time_passes_while_the_computer_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    slept_s = 7200.0
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    monkeypatch.setattr(time, "clock_gettime", {time.CLOCK_BOOTTIME: 1000.0 + slept_s}.__getitem__)

    assert runpy.run_path(str(clock.__file__))["Clock"]().monotonic() == 1000.0 + slept_s


def test_the_watch_on_lag_has_the_clock_of_the_gateway() -> None:
    # By any other one each poll would have waited since the last night in standby, or none.
    assert vars(lag)["monotonic"] is clock.Clock().monotonic
