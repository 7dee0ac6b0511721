"""A real Mosquitto, a gateway with a house, and the bridge between them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from neasmart.core.gateway import Gateway
from neasmart.facts.clock import Clock
from neasmart.mqtt import MqttBridge, Surroundings
from neasmart.mqtt import bridge as bridge_module
from neasmart.mqtt.bridge import SessionTimes
from neasmart.mqtt.link import broker_connection, former
from neasmart.mqtt.messages.announcer import AnnounceTimes
from neasmart.mqtt.publisher import PublishTimes
from neasmart.settings.model import MqttSettings
from tests.support.gateways import FakeClock, fill_house, make_gateway
from tests.support.home_assistant import PYTHON

QUICK = SessionTimes(
    retry_s=0.1,
    retry_max_s=0.3,
    proven_s=5.0,
    birth_s=(0.05, 0.1),
    restore_s=0.05,
    publish=PublishTimes(
        announce=AnnounceTimes(gather_s=0.3, settle_s=0.1, look_s=0.05, apart_s=0.2),
        grace_s=0.4,
        diagnostics_s=0.2,
        forget_room_s=0.5,
    ),
)
Running = Callable[..., "asyncio.Task[None]"]


@pytest.fixture(autouse=True)
def _unhurried(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let broker and bridge part as slowly as a busy computer does; else what is said at a stop may not be said at all.

    `@pytest.mark.usefixtures("_hurried")` leaves a test the real times.
    """
    with pytest.MonkeyPatch.context() as patched:
        if "_hurried" not in request.fixturenames:
            patched.setattr(bridge_module, "_PART_TIMEOUT_S", 20.0)
            patched.setattr(broker_connection, "_PART_TIMEOUT_S", 20.0)
            patched.setattr(former, "QUIET_S", 3.0)
        yield


@pytest.fixture
def _hurried() -> None:
    """Mark a test that holds the times themselves."""


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up a broker after a second without an answer; a busy one is only tried again."""
    monkeypatch.setattr(broker_connection, "ANSWER_TIMEOUT_S", 1.0)


@pytest.fixture
def gateway() -> Gateway:
    """Return a gateway on the real clock that has heard of three rooms."""
    gateway = make_gateway(FakeClock(), names={(1, 1): "Living room"})
    gateway.clock = Clock()
    fill_house(gateway)
    return gateway


@pytest.fixture
def neighbour() -> Gateway:
    """Return another gateway on the real clock."""
    gateway = make_gateway(FakeClock())
    gateway.clock = Clock()
    fill_house(gateway)
    return gateway


@asynccontextmanager
async def bridged(
    gateway: Gateway,
    settings: MqttSettings,
    *,
    times: SessionTimes = QUICK,
    **around: Any,
) -> AsyncIterator[asyncio.Task[None]]:
    """Run a bridge for the time of a test; it must end by cancellation alone."""
    surroundings = Surroundings(**around)
    bridge = MqttBridge(settings, gateway, surroundings=surroundings, times=times)
    task = asyncio.create_task(bridge.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            async with asyncio.timeout(30):
                await task
        assert task.cancelled()


# The pinned Core exists for one Python alone; on the others the schemas speak for it.
collect_ignore = [] if sys.version_info[:2] == PYTHON else ["test_home_assistant_core.py", "test_blueprints.py"]
