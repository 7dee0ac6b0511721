"""Health tells the truth, and is 200 as long as there is anybody to tell it."""

from __future__ import annotations

import msgspec
import pytest

from neasmart import __version__
from neasmart.core.gateway import LINK, SETTINGS, STORE, Gateway
from neasmart.facts.retries import BreakerState
from neasmart.facts.status import Closable, LinkStatus, SettingsFault, SettingsStatus, StoreStatus
from neasmart.web.api.health import health
from neasmart.web.http.web_status import WEB, WebStatus
from tests.support.gateways import FakeClock, base_polls, make_gateway
from tests.web.conftest import Served

OPEN = LinkStatus(connected=True, code="connected", detail="The link is open.")


@pytest.mark.parametrize("path", ["/health", "/api/v1/health"])
async def test_health_has_every_field_of_the_contract(served: Served, path: str) -> None:
    await served.post("/zones/1/1", {"setpoint": 22})
    served.gateway.bus.counters.last_poll_at[240] = served.clock.now
    served.clock.advance(5)

    status, answer = await served.get(path)

    assert status == 200
    assert (answer["status"], answer["reasons"], answer["uptime"]) == ("healthy", [], 5)
    assert answer["version"] == __version__
    assert answer["database"].items() >= {"healthy": True, "using_fallback": False, "fallback_entries": 0}.items()
    assert (
        answer["modbus"].items()
        >= {
            "circuit_breaker_state": "closed",
            "context_initialized": True,
            "link": "connected",
            "code": "healthy",
            "last_write_age_s": 5.0,
            "last_poll_age_s": {"240": 5.0, "241": None},
        }.items()
    )
    assert answer["registers_receiving_updates"] is True
    assert answer["registers_stale"] is False
    assert answer["registers_age_seconds"] == 5.0
    assert answer["last_register_write"] == served.gateway.clock.to_iso(1000.0)
    assert answer["stale_after_seconds"] == 180.0
    assert answer["pending_command_registers"] == [101]


async def test_a_silent_bus_is_degraded_and_still_answered_with_200(served: Served) -> None:
    served.gateway.tick(served.clock.now)
    served.clock.advance(200)

    status, answer = await served.get("/health")

    assert (status, answer["status"]) == (200, "degraded")
    assert answer["reasons"] == ["The base has fallen silent."]
    assert (answer["registers_stale"], answer["registers_receiving_updates"]) == (True, False)


def test_a_gateway_that_has_never_heard_the_base_is_degraded(clock: FakeClock) -> None:
    gateway = make_gateway(clock)

    answer = msgspec.to_builtins(health(gateway, clock.now))

    assert answer["status"] == "degraded"
    assert answer["registers_age_seconds"] is None
    assert answer["last_register_write"] is None


@pytest.mark.parametrize(
    ("key", "item"),
    [
        (LINK, LinkStatus(code="not_configured", detail="No link is configured.")),
        (LINK, LinkStatus(code="no_device", detail="The device is not there.", breaker=BreakerState.OPEN)),
        (LINK, LinkStatus(connected=True, code="connected", breaker=BreakerState.HALF_OPEN)),
        (STORE, StoreStatus(healthy=False, using_fallback=True, waiting=3)),
        (STORE, StoreStatus(breaker=BreakerState.OPEN)),
    ],
)
def test_what_mends_itself_is_degraded(gateway: Gateway, clock: FakeClock, key: str, item: object) -> None:
    gateway.hub.publish(key, item)

    answer = msgspec.to_builtins(health(gateway, clock.now))

    assert answer["status"] == "degraded"
    assert answer["reasons"]


@pytest.mark.parametrize(
    ("key", "item"),
    [
        (LINK, LinkStatus(code="stopped", detail="The link has stopped.")),
        (SETTINGS, SettingsStatus(problem="server.port = 0 is not allowed", closed=(Closable.BUS,))),
        (STORE, StoreStatus(healthy=False, using_fallback=False)),
        (WEB, WebStatus(api=False, ingress=True, failed=True, detail="The api listener cannot use port 5001.")),
    ],
)
def test_what_needs_the_owner_s_hand_is_unhealthy(gateway: Gateway, clock: FakeClock, key: str, item: object) -> None:
    base_polls(gateway, "zone.1.1.setpoint")
    gateway.hub.publish(key, item)

    answer = msgspec.to_builtins(health(gateway, clock.now))

    assert answer["status"] == "unhealthy"
    assert len(answer["reasons"]) == 1


def test_a_name_that_was_left_out_is_told_and_costs_nothing_else(gateway: Gateway, clock: FakeClock) -> None:
    before = msgspec.to_builtins(health(gateway, clock.now))["reasons"]
    fault = SettingsFault(key="zones[1].name", text="config.json: zones[1].name = 5 is not allowed. Expected str")
    gateway.hub.publish(SETTINGS, SettingsStatus(problem=fault.text, faults=(fault,)))

    answer = msgspec.to_builtins(health(gateway, clock.now))

    assert answer["status"] == "degraded"
    assert answer["reasons"] == [f"Some settings are left out: {fault.text}", *before]
    assert answer["settings"]["faults"] == [{"key": fault.key, "text": fault.text, "closes": []}]
    assert gateway.settings_problem is None


def test_fallback_entries_are_what_waits_for_the_disk(gateway: Gateway, clock: FakeClock) -> None:
    gateway.hub.publish(LINK, OPEN)
    gateway.hub.publish(STORE, StoreStatus(healthy=False, using_fallback=True, waiting=3))

    database = msgspec.to_builtins(health(gateway, clock.now))["database"]

    assert (database["using_fallback"], database["fallback_entries"], database["healthy"]) == (True, 3, False)
