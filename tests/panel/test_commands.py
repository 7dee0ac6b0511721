"""A change is seen through to its end by a real gateway: confirmed, refused, taken back, or not taken."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.panel import House, Visitor, card, simulated_house, target
from tests.support.processes import eventually, gateway_process

pytestmark = pytest.mark.xdist_group("browser")

SETPOINT = "zone.2.1.setpoint"


def value_of(house: House, point: str) -> Any:
    return house.gateway.get(f"/api/v1/points/{point}")["value"]


def frames(house: House) -> int:
    return int(house.gateway.get("/api/v1/bus")["counters"]["frames"])


def shows(page: Page, zone: str, value: float) -> None:
    expect(target(card(page, zone))).to_have_attribute("aria-valuenow", f"{value:g}")


def test_a_setpoint_is_seen_through_to_confirmed_and_taken_back(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress)
    room = card(page, "2.1")
    expect(target(room)).to_be_visible()
    before = value_of(house, SETPOINT)

    room.get_by_role("button", name="Warmer").click()
    shows(page, "2.1", before + 0.5)
    expect(room.locator("[data-fate=busy]")).to_be_visible()
    expect(room.locator("[data-fate=done]")).to_have_text("Confirmed")
    assert value_of(house, SETPOINT) == before + 0.5
    page.get_by_role("button", name="Undo").click()

    expect(page.locator(".toast")).to_have_text("Taken back")
    eventually(lambda: value_of(house, SETPOINT) == before)
    shows(page, "2.1", before)


def test_a_room_that_is_off_takes_no_temperature(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress)
    room = card(page, "5.12")

    room.locator(".disc").click()
    page.get_by_role("dialog").get_by_role("button", name="Standby").click()

    expect(room.locator("[data-fate=done]")).to_be_visible()
    assert value_of(house, "zone.5.12.state") == 3
    expect(room.locator(".target")).to_have_text("\N{EN DASH}")
    expect(room.get_by_role("button", name="Warmer")).to_be_disabled()
    expect(page.locator(".house .all .caption")).to_contain_text("Rooms differ")
    room.locator(".disc").click()
    page.get_by_role("dialog").get_by_role("button", name="Normal").click()
    expect(room.locator(".target")).not_to_have_text("\N{EN DASH}")
    # The rooms differed for a moment, and agree again.
    expect(page.locator(".house .all .caption")).to_contain_text("Normal")


def test_what_the_base_refuses_is_told_and_taken_back(tmp_path: Path, visitor: Visitor) -> None:
    times = {"NEASMART_MODBUS_COMMAND_HOLD_WALKS": "0.5"}
    with simulated_house(tmp_path, "--cycle", "0.5", "--ignore", "1", house="small", environment=times) as stubborn:
        page = visitor.open(stubborn.ingress)
        room = card(page, "1.1")
        expect(target(room)).to_be_visible()
        before = value_of(stubborn, "zone.1.1.setpoint")

        room.get_by_role("button", name="Colder").click()

        shows(page, "1.1", before - 0.5)
        expect(room.locator("[data-fate=failed]")).to_contain_text("The base station keeps")
        shows(page, "1.1", before)
        visitor.leave()


def test_what_the_base_does_not_ask_for_expires_and_is_not_sent_later(tmp_path: Path, visitor: Visitor) -> None:
    times = {
        "NEASMART_MODBUS_COMMAND_DELIVERY_TIMEOUT_SECONDS": "2",
        "NEASMART_MODBUS_COMMAND_DELIVERY_TIMEOUT_WALKS": "0",
    }
    with simulated_house(tmp_path, house="small", environment=times) as house:
        page = visitor.open(house.ingress)
        room = card(page, "1.1")
        expect(target(room)).to_be_visible()
        before = value_of(house, "zone.1.1.setpoint")
        house.base.send_signal(signal.SIGSTOP)
        try:
            room.get_by_role("button", name="Warmer").click()

            shows(page, "1.1", before + 0.5)
            expect(room.locator("[data-fate=failed]")).to_contain_text("did not ask for it in time")
            shows(page, "1.1", before)
        finally:
            house.base.send_signal(signal.SIGCONT)
        seen = frames(house)
        eventually(lambda: frames(house) > seen + 40)  # more than a walk
        assert value_of(house, "zone.1.1.setpoint") == before
        visitor.leave()


def test_without_a_connection_the_controls_rest_and_say_why(tmp_path: Path, visitor: Visitor) -> None:
    with simulated_house(tmp_path, house="small") as left_alone:
        gateway, proxy = left_alone.gateway, left_alone.ingress
        page = visitor.open(proxy, network_trouble_expected=True)
        room = card(page, "1.1")
        expect(target(room)).to_be_visible()
        gateway.stop()
        expect(room.locator(".sub")).to_contain_text("the gateway does not answer")
        expect(room.get_by_role("button", name="Warmer")).to_be_disabled()
        with gateway_process(tmp_path) as unconnected:
            proxy.target_port = unconnected.ingress_port

            expect(page.get_by_role("status").first).to_have_text("Needs attention")
            expect(room.get_by_role("button", name="Warmer")).to_be_disabled()
            visitor.leave()


def test_a_page_that_is_cut_off_does_not_blame_the_base(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress, network_trouble_expected=True)
    expect(card(page, "1.1")).to_be_visible()

    page.context.set_offline(True)
    expect(page.locator("[data-finding=cut_off]")).to_contain_text("This page has no connection")
    expect(page.locator("main")).to_have_class("content resting")
    page.context.set_offline(False)

    expect(page.locator(".banner")).to_have_count(0, timeout=60_000)
