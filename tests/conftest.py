"""What holds for every test: a slow machine fails no property, nothing blocks the loop, and nothing is left behind.

An ordinary account of Debian finds the broker and ser2net, too.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.guards import Guards, descriptors
from tests.support.mosquitto import Mosquitto

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
os.environ["PATH"] += ":/usr/sbin:/sbin"

THREADS_END_S = 30.0
"""So long a thread that has been told to end may need to close what it had open."""
LAST_STEPS_S = 30.0
"""So long a task that has been told to end may need for a few rounds of the loop."""
_GUARDS = Guards()


@pytest.fixture
def guards() -> Guards:
    return _GUARDS


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture(autouse=True)
def _guarded(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a task or a descriptor, or in which the gateway blocks its loop.

    `@pytest.mark.unguarded("blocking", reason=...)` exempts, from "blocking", "descriptors" or "tasks".
    """
    exempt = {guard for mark in request.node.iter_markers("unguarded") for guard in mark.args if mark.kwargs["reason"]}
    before = descriptors()
    _GUARDS.clear()
    _GUARDS.last_steps_s = 1.0 if "tasks" in exempt else LAST_STEPS_S
    yield
    blocked, tasks = list(_GUARDS.blocked), list(_GUARDS.tasks)
    if "blocking" not in exempt:
        assert not blocked, "the gateway blocks its loop"
    if "tasks" not in exempt:
        assert not tasks, "tasks are left"
    if "descriptors" not in exempt:
        left, patience = _new(before), time.monotonic() + THREADS_END_S
        while left and time.monotonic() < patience:
            gc.collect()
            time.sleep(0.01)
            left = _new(before)
        assert not left, "descriptors are left open"


def _new(before: dict[int, str]) -> dict[int, str]:
    return {number: leads_to for number, leads_to in descriptors().items() if before.get(number) != leads_to}
