"""A new row of the table is on the page: in its room, among the registers and in the history, and nowhere else."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.gateways import base_reports
from tests.support.longer_table import lengthened
from tests.support.staged import Stage, Theatre

pytestmark = pytest.mark.xdist_group("stage")


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Return a house with one room that tells the new register."""
    lengthened(monkeypatch)
    stage = Stage()
    base_reports(stage.gateway, "zone.1.1.floor_temperature", 24.5)
    return stage


def test_the_sheet_of_a_room_tells_what_was_received_and_what_follows(theatre: Theatre, stage: Stage) -> None:
    page = theatre.open(stage, "#room/1/1")

    expect(page.locator(".air")).to_contain_text("Floor temperature 24.5 °C")
    expect(page.locator(".air")).to_contain_text("Missing warmth 0.8 °C")
    page.goto(page.url.replace("1/1", "1/2"))
    expect(page.get_by_role("dialog")).to_contain_text("Kitchen")
    expect(page.locator(".air")).to_contain_text("Missing warmth")
    expect(page.locator(".air")).not_to_contain_text("Floor temperature")


def test_the_history_offers_both_rows(theatre: Theatre, stage: Stage) -> None:
    page = theatre.open(stage, "#history")
    page.get_by_role("searchbox").fill("living room")

    labels = page.locator(".chooser details label.check")

    expect(labels.filter(has_text="Floor temperature")).to_have_count(1)
    labels.filter(has_text="Missing warmth").get_by_role("checkbox").check()
    expect(page.get_by_role("button", name="Living room: Missing warmth 0.8 °C")).to_be_visible()


def test_the_register_is_in_the_table_of_registers(theatre: Theatre, stage: Stage) -> None:
    page = theatre.open(stage, "#connection")
    page.get_by_text("Registers", exact=True).click()
    page.get_by_role("searchbox").fill("floor_temperature")

    expect(page.locator("tbody tr").filter(has_text="zone.1.1.floor_temperature")).to_contain_text("24.5")
