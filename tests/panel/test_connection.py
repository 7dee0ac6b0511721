"""The page stays true while gateways restart, proxies block WebSockets, tabs are hidden and clocks jump."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.ingress import ingress
from tests.support.panel import House, Visitor, card, findings, simulated_house, target
from tests.support.ports import free_port
from tests.support.processes import GatewayProcess, eventually, gateway_process

pytestmark = pytest.mark.xdist_group("browser")

HIDE = """() => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => window.isHidden });
  window.hide = (hidden) => { window.isHidden = hidden; document.dispatchEvent(new Event("visibilitychange")); };
  window.hide(true);
}"""
CLOCK_THAT_JUMPS = """
  const RealDate = Date;
  window.jump_ms = 0;
  window.Date = class extends RealDate {
    constructor(...given) { super(...(given.length ? given : [RealDate.now() + window.jump_ms])); }
    static now() { return RealDate.now() + window.jump_ms; }
  };
"""


def test_the_page_comes_back_by_itself_after_a_restart_of_the_gateway(tmp_path: Path, visitor: Visitor) -> None:
    with simulated_house(tmp_path, house="small") as house:
        page = visitor.open(house.ingress, network_trouble_expected=True)
        expect(card(page, "1.1")).to_be_visible()

        assert house.gateway.stop() == 0
        expect(page.get_by_role("status").first).to_have_text("Gateway not reachable")
        expect(page.locator("[data-finding=gateway_down]")).to_be_visible()
        expect(card(page, "1.1")).to_be_visible()

        house.gateway.start()
        expect(page.get_by_role("status").first).to_have_text("Heating talks to us", timeout=60_000)
        expect(page.locator(".banner")).to_have_count(0)
        visitor.leave()


def test_where_websockets_are_blocked_the_page_polls(visitor: Visitor, house: House) -> None:
    with ingress(house.gateway.ingress_port) as proxy:
        proxy.blocks_websockets = True
        page = visitor.open(proxy, network_trouble_expected=True)

        expect(card(page, "2.3")).to_be_visible(timeout=20_000)
        expect(page.get_by_role("status").first).to_have_text("Heating talks to us")
        room = card(page, "2.3")
        room.get_by_role("button", name="Warmer").click()
        expect(room.locator("[data-fate=done]")).to_be_visible(timeout=20_000)
        polls = proxy.count("GET", "/api/v1/snapshot")
        eventually(lambda: proxy.count("GET", "/api/v1/snapshot") > polls)

        proxy.blocks_websockets = False
        eventually(lambda: proxy.open_sockets == 1, within_s=60)
        visitor.leave()


def test_a_hidden_page_closes_its_connection_and_comes_back_when_shown(house: House, visitor: Visitor) -> None:
    with ingress(house.gateway.ingress_port) as proxy:
        page = visitor.open(proxy)
        expect(card(page, "1.1")).to_be_visible()
        eventually(lambda: proxy.open_sockets == 1)

        page.evaluate(HIDE)
        eventually(lambda: proxy.open_sockets == 0)
        page.evaluate("window.hide(false)")

        eventually(lambda: proxy.open_sockets == 1)
        expect(page.get_by_role("status").first).to_have_text("Heating talks to us")
        visitor.leave()


def test_a_new_version_of_the_gateway_reloads_the_page_once(house: House, visitor: Visitor) -> None:
    version = house.gateway.get("/api/v1/schema")["version"]
    with ingress(house.gateway.ingress_port) as proxy:
        page = visitor.open(proxy)
        expect(card(page, "1.1")).to_be_visible()
        assert proxy.count("GET", "/") == 1
        # Only what the feed says is replaced, as if the gateway had been updated under an open page.
        proxy.replaced[f'"hello","version":"{version}"'] = '"hello","version":"99.0.0"'

        page.evaluate(HIDE)
        page.evaluate("window.hide(false)")

        eventually(lambda: proxy.count("GET", "/") == 2)
        expect(card(page, "1.1")).to_be_visible()
        expect(page.get_by_role("status").first).to_have_text("Heating talks to us")
        assert proxy.count("GET", "/") == 2
        visitor.leave()


def test_a_clock_that_jumps_changes_no_age(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress, script=CLOCK_THAT_JUMPS)
    expect(card(page, "1.1")).to_be_visible()

    page.evaluate("window.jump_ms = 86400 * 365 * 1000")
    room = card(page, "1.6") if page.locator('[data-zone="zone.1.6"]').count() else card(page, "1.5")
    room.get_by_role("button", name="Warmer").click()
    expect(room.locator("[data-fate=done]")).to_be_visible()
    page.evaluate("window.jump_ms = -86400 * 365 * 1000")
    page.goto(f"{house.url}#connection")

    expect(page.locator(".registers tbody tr").first).to_be_visible()
    ages = page.locator(".registers tbody tr td:nth-child(5)").all_inner_texts()
    assert ages
    assert all("sec. ago" in age or "just now" in age for age in ages), set(ages)
    expect(page.locator(".stale")).to_have_count(0)


def test_a_silent_bus_is_told_with_its_age(tmp_path: Path, visitor: Visitor) -> None:
    """Values of before the restart are shown, marked as old, and cannot be taken for new ones."""
    times = {
        "NEASMART_MODBUS_REGISTERS_STALE_AFTER_SECONDS": "2",
        "NEASMART_DATABASE_FLUSH_INTERVAL_SECONDS": "1",
    }
    with simulated_house(tmp_path, house="small", environment=times) as house:
        eventually(lambda: house.gateway.get("/health")["database"]["transactions"])
        house.gateway.stop()
    with gateway_process(tmp_path, **times) as gateway, ingress(gateway.ingress_port) as proxy:
        page = visitor.open(proxy)
        room = card(page, "1.1")
        expect(room.locator(".sub.stale")).to_contain_text("ago")
        expect(page.locator("[data-finding=nobody_dials]")).to_be_visible()

        talk_once(gateway)
        # The converter stays connected, and nothing more arrives.
        expect(page.locator("[data-finding^=silent]")).to_contain_text("gone silent")
        expect(page.get_by_role("status").first).to_have_text("Needs attention")
        assert findings(page) == []
        visitor.leave()


CONVERTERS: list[object] = []


def talk_once(gateway: GatewayProcess) -> None:
    """Play a converter that delivers one value and then nothing."""
    from pymodbus.client import ModbusTcpClient  # noqa: PLC0415

    client = ModbusTcpClient("127.0.0.1", port=gateway.bus_port, timeout=3, retries=0)
    assert client.connect()
    CONVERTERS.append(client)
    client.write_registers(102, [0x0C1A], device_id=0, no_response_expected=True)
    eventually(lambda: gateway.get("/api/v1/zones/1/1")["temperature"] == 21.0)


def test_settings_that_cannot_be_used_are_told_on_the_page(tmp_path: Path, visitor: Visitor) -> None:
    options = tmp_path / "options.json"
    options.write_text('{"modbus": {"slave_id": [240, 240]}}')
    with (
        gateway_process(tmp_path, NEASMART_OPTIONS_FILE=str(options)) as gateway,
        ingress(gateway.ingress_port) as proxy,
    ):
        page = visitor.open(proxy)

        expect(page.locator("[data-finding=settings_error]").first).to_contain_text("A setting cannot be used")
        page.locator("summary").first.click()
        expect(page.locator(".raw").first).to_contain_text("slave_id")
        visitor.leave()


def test_a_storage_that_fails_is_told(tmp_path: Path, visitor: Visitor) -> None:
    (tmp_path / "neasmart.db").mkdir()
    with simulated_house(tmp_path, house="small") as house:
        page = visitor.open(house.ingress)

        expect(page.locator("[data-finding=store_fallback]")).to_contain_text("heating is not affected")
        expect(target(card(page, "1.1"))).to_be_visible()
        visitor.leave()


def test_a_broker_that_is_not_there_is_told(tmp_path: Path, visitor: Visitor) -> None:
    broker = {
        "NEASMART_MQTT_ENABLED": "true",
        "NEASMART_MQTT_HOST": "127.0.0.1",
        "NEASMART_MQTT_PORT": str(free_port()),
    }
    with simulated_house(tmp_path, house="small", environment=broker) as house:
        page = visitor.open(house.ingress)

        expect(page.locator("[data-finding=mqtt_off]")).to_contain_text("MQTT")
        expect(target(card(page, "1.1"))).to_be_visible()
        visitor.leave()
