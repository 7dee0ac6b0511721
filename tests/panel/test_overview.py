"""The overview shows every room of the house as the base reports it, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.panel.conftest import JAPANESE, WITH_HTML
from tests.support.ingress import ingress
from tests.support.panel import UNKNOWN, House, Visitor, card, serious_findings, simulated_house
from tests.support.processes import gateway_process

pytestmark = pytest.mark.xdist_group("browser")


def test_every_room_that_reports_has_a_card_with_its_values(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress)

    expect(page.locator(".zone")).to_have_count(house.rooms)
    for zone in house.gateway.get("/api/v1/zones")["zones"]:
        shown = card(page, f"{zone['base_id']}.{zone['zone_id']}")
        expect(shown.locator(".big")).to_have_text(f"{zone['temperature']:.1f}")
        expect(shown.get_by_role("spinbutton")).to_have_attribute("aria-valuenow", f"{zone['setpoint']:g}")
        humidity = zone["relative_humidity"]
        expect(shown.locator(".humidity")).to_have_count(0 if humidity is None else 1)
    expect(page.get_by_role("status")).to_have_text("Connected")
    expect(page.locator(".banner")).to_have_count(0)


def test_the_system_and_its_equipment_are_shown(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress)

    outside = house.gateway.get("/api/v1/outsidetemperature")
    expect(page.locator(".outside .figure")).to_contain_text(f"{outside['outside_temperature']:.1f}")
    expect(page.get_by_role("combobox", name="Mode", exact=True)).to_have_value("1")
    expect(page.locator(".equipment tbody tr")).to_have_count(6)


def test_unused_rooms_and_devices_are_hidden_until_asked_for(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress)

    page.get_by_role("button", name="Show unused").click()

    expect(page.locator(".zone")).to_have_count(60)
    expect(page.locator(".equipment tbody tr")).to_have_count(17)
    page.get_by_role("button", name="Hide unused").click()
    expect(page.locator(".zone")).to_have_count(house.rooms)


def test_names_are_text_whatever_they_contain(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress)

    expect(card(page, "1.2").get_by_role("heading")).to_have_text(JAPANESE)
    expect(card(page, "1.3").get_by_role("heading")).to_have_text(WITH_HTML)
    expect(page.locator("img")).to_have_count(0)
    assert page.title() == "Nea Smart"


def test_a_room_without_a_name_tells_how_to_name_it(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress)

    expect(card(page, "1.4").get_by_role("heading")).to_have_text("Zone 1.4")
    card(page, "1.4").get_by_role("link").click()

    expect(page.get_by_role("dialog")).to_contain_text("base 1, zone 4")


def test_the_zone_dialog_closes_by_escape_and_by_going_back(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress)
    card(page, "1.1").get_by_role("link").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()

    card(page, "1.1").get_by_role("link").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(".zone")).to_have_count(house.rooms)


def test_sixty_zones_fit_on_the_page(tmp_path: Path, visitor: Visitor) -> None:
    with simulated_house(tmp_path, house="full") as full:
        page = visitor.open(full.ingress, width=360)

        expect(page.locator(".zone")).to_have_count(60)
        expect(card(page, "5.12").locator(".big")).not_to_have_text(UNKNOWN)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        visitor.leave()


def test_with_nothing_received_the_page_is_a_guide(tmp_path: Path, visitor: Visitor) -> None:
    with gateway_process(tmp_path) as gateway, ingress(gateway.ingress_port) as proxy:
        page = visitor.open(proxy, scheme="dark")

        expect(page.get_by_role("heading", name="connect your heating")).to_be_visible()
        expect(page.locator(".steps .current")).to_contain_text("Waiting for the converter to call")
        expect(page.locator(".wiring")).to_contain_text("SYSBUS")
        assert serious_findings(page) == []
        visitor.leave()
