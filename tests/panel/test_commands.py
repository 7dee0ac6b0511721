"""A change is seen through to its end: confirmed, refused with its reason, or not taken at all."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.panel import UNKNOWN, House, Visitor, card, serious_findings, simulated_house, target
from tests.support.processes import eventually, gateway_process

pytestmark = pytest.mark.xdist_group("browser")

SETPOINT = "zone.2.1.setpoint"


def value_of(house: House, point: str) -> Any:
    return house.gateway.get(f"/api/v1/points/{point}")["value"]


def frames(house: House) -> int:
    return int(house.gateway.get("/api/v1/bus")["counters"]["frames"])


def shows(page: Page, zone: str, value: float) -> None:
    expect(target(card(page, zone))).to_have_attribute("aria-valuenow", f"{value:g}")


def test_a_setpoint_is_seen_through_to_confirmed(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress)
    room = card(page, "2.1")
    expect(target(room)).to_be_visible()
    before = value_of(house, SETPOINT)

    room.get_by_role("button", name="Warmer").click()

    shows(page, "2.1", before + 0.5)
    expect(room.locator("[data-fate=busy]")).to_be_visible()
    expect(room.locator("[data-fate=done]")).to_have_text("Confirmed")
    shows(page, "2.1", before + 0.5)
    assert value_of(house, SETPOINT) == before + 0.5
    # What is done needs no more attention.
    expect(room.locator("[data-fate]")).to_have_count(0)


def test_rapid_presses_become_one_command(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress)
    room = card(page, "2.2")
    expect(target(room)).to_be_visible()
    before = value_of(house, "zone.2.2.setpoint")
    path = "/api/v1/points/zone.2.2.setpoint"
    puts = house.ingress.count("PUT", path)

    for _ in range(4):
        room.get_by_role("button", name="Warmer").click(delay=5)

    shows(page, "2.2", before + 2)
    expect(room.locator("[data-fate=done]")).to_be_visible()
    assert house.ingress.count("PUT", path) == puts + 1
    assert value_of(house, "zone.2.2.setpoint") == before + 2


def test_a_setpoint_can_be_set_by_keyboard_alone(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress)
    room = card(page, "5.1")
    expect(target(room)).to_be_visible()
    before = value_of(house, "zone.5.1.setpoint")

    for _ in range(200):
        page.keyboard.press("Tab")
        if room.get_by_role("spinbutton").evaluate("element => element === document.activeElement"):
            break
    page.keyboard.press("PageUp")
    page.keyboard.press("ArrowDown")

    shows(page, "5.1", before + 1.5)
    expect(room.locator("[data-fate=done]")).to_be_visible()
    page.keyboard.press("End")
    shows(page, "5.1", 35)
    page.keyboard.press("Home")
    shows(page, "5.1", 5)
    eventually(lambda: value_of(house, "zone.5.1.setpoint") == 5)


def test_a_state_is_sent_as_soon_as_it_is_chosen(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress)
    room = card(page, "5.12")

    room.get_by_role("combobox").select_option(label="Standby")

    expect(room.locator("[data-fate=done]")).to_be_visible()
    assert value_of(house, "zone.5.12.state") == 3
    # In standby there is no setpoint, so there is nothing to change.
    expect(target(room)).to_have_text(UNKNOWN)
    expect(room.get_by_role("button", name="Warmer")).to_be_disabled()
    room.get_by_role("combobox").select_option(label="Normal")
    expect(target(room)).not_to_have_text(UNKNOWN)
    # The rooms differed for a moment, and agree again.
    expect(page.get_by_role("combobox", name="All rooms")).to_have_value("1")


def test_the_dial_follows_keys_and_pointer(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress, "#zone/1/1")
    dial = page.get_by_role("slider")
    before = float(dial.get_attribute("aria-valuenow") or 0)

    dial.press("ArrowUp")
    expect(dial).to_have_attribute("aria-valuenow", f"{before + 0.5:g}")

    box = dial.bounding_box()
    assert box is not None
    centre_x, centre_y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    radius = box["width"] * 116 / 280
    page.mouse.move(centre_x - radius, centre_y)
    page.mouse.down()
    page.mouse.move(centre_x - radius * 0.7, centre_y - radius * 0.7)
    page.mouse.move(centre_x, centre_y - radius)
    page.mouse.up()

    # The top of the dial is the middle of the range of 5 to 35 degrees.
    expect(dial).to_have_attribute("aria-valuenow", "20")
    expect(page.get_by_role("dialog").locator("[data-fate=done]")).to_be_visible()
    expect(page.get_by_role("dialog").locator(".log li").first).to_contain_text("20.0")
    assert value_of(house, "zone.1.1.setpoint") == 20


def test_what_the_base_refuses_is_told_and_taken_back(tmp_path: Path, visitor: Visitor) -> None:
    times = {"NEASMART_MODBUS_COMMAND_GRACE_SECONDS": "0", "NEASMART_MODBUS_COMMAND_SYNC_TIMEOUT_SECONDS": "3"}
    with simulated_house(tmp_path, "--cycle", "0.5", "--ignore", "1", house="small", environment=times) as stubborn:
        page = visitor.open(stubborn.ingress)
        room = card(page, "1.1")
        expect(target(room)).to_be_visible()
        before = value_of(stubborn, "zone.1.1.setpoint")

        room.get_by_role("button", name="Colder").click()

        shows(page, "1.1", before - 0.5)
        expect(room.locator("[data-fate=failed]")).to_be_visible()
        expect(room.locator(".reason")).to_contain_text("The base station")
        shows(page, "1.1", before)
        assert serious_findings(page) == []
        room.get_by_role("button", name="Dismiss").click()
        expect(room.locator("[data-fate]")).to_have_count(0)
        visitor.leave()


def test_what_the_base_does_not_ask_for_expires_and_is_not_sent_later(tmp_path: Path, visitor: Visitor) -> None:
    times = {"NEASMART_MODBUS_COMMAND_DELIVERY_TIMEOUT_SECONDS": "2"}
    with simulated_house(tmp_path, house="small", environment=times) as house:
        page = visitor.open(house.ingress)
        room = card(page, "1.1")
        expect(target(room)).to_be_visible()
        before = value_of(house, "zone.1.1.setpoint")
        house.base.send_signal(signal.SIGSTOP)
        try:
            room.get_by_role("button", name="Warmer").click()

            shows(page, "1.1", before + 0.5)
            expect(room.locator("[data-fate=failed]")).to_have_text("No answer")
            expect(room.locator(".reason")).to_contain_text("did not ask for it in time")
            shows(page, "1.1", before)
        finally:
            house.base.send_signal(signal.SIGCONT)
        seen = frames(house)
        eventually(lambda: frames(house) > seen + 40, within_s=30)  # more than a walk
        assert value_of(house, "zone.1.1.setpoint") == before
        visitor.leave()


def test_without_a_connection_a_change_is_not_taken_and_the_page_says_why(tmp_path: Path, visitor: Visitor) -> None:
    with simulated_house(tmp_path, house="small") as left_alone:
        gateway, proxy = left_alone.gateway, left_alone.ingress
        page = visitor.open(proxy, network_trouble_expected=True)
        room = card(page, "1.1")
        expect(target(room)).to_be_visible()
        gateway.stop()
        with gateway_process(tmp_path) as unconnected:
            proxy.target_port = unconnected.ingress_port
            expect(page.locator("[data-finding]").first).to_be_visible(timeout=20_000)
            expect(page.get_by_role("status")).to_have_text("Needs attention")
            before = target(room).get_attribute("aria-valuenow")

            room.get_by_role("button", name="Warmer").click()

            expect(room.locator("[data-fate=failed]")).to_have_text("Not taken")
            expect(room.locator(".reason")).to_contain_text("no connection to the base station")
            expect(target(room)).to_have_attribute("aria-valuenow", before or "")
            visitor.leave()
