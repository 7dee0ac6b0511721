"""What comes while somebody is at it: nothing takes the room, the word or the key out of his hand."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.panel.test_rooms import COALESCED_MS, sent
from tests.support.gateways import base_reports
from tests.support.panel import card
from tests.support.staged import ROOMS, SETUP, Stage, Theatre, many_rooms

pytestmark = pytest.mark.xdist_group("stage")

STEPS_AND_LEAVES = """(button, way) => {
  const asked = [];
  const real = window.fetch;
  window.fetch = (...given) => { asked.push([given[1].method, given[1].keepalive]); return real(...given); };
  button.click();
  if (way === "hidden") {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
    document.dispatchEvent(new Event("visibilitychange"));
  } else dispatchEvent(new Event("pagehide"));
  window.fetch = real;
  return asked;
}"""


def reconnected(page: Page, stage: Stage) -> None:
    """Lose the socket and come back by a new one."""
    lost = stage.socket
    assert lost is not None
    lost.close()
    for _ in range(100):
        page.clock.run_for(500)
        if stage.socket is not lost:
            return
    pytest.fail("The page does not come back.")


@pytest.mark.parametrize("how", ["late", "failed"])
def test_an_answer_that_comes_after_the_socket_is_back_changes_nothing(theatre: Theatre, how: str) -> None:
    stage = Stage()
    page = theatre.open(stage)
    held: list[Route] = []
    stage.answers["GET snapshot"] = held.append
    before = stage.snapshot()
    reconnected(page, stage)
    stage.tell(readings=[{"id": "zone.1.1.temperature", "value": 22.2, "raw": 1}])
    page.clock.run_for(2000)
    expect(card(page, "1.1").locator(".big")).to_have_text("22.2")

    with page.expect_response("**/api/v1/snapshot"):
        if how == "late":
            held[0].fulfill(json=before)
        else:
            held[0].fulfill(status=502, body="Bad Gateway")
    page.clock.run_for(6000)

    expect(card(page, "1.1").locator(".big")).to_have_text("22.2")
    expect(page.locator(".state-line .what")).to_have_text("Heating talks to us")
    theatre.complaints.clear()


def test_a_change_that_a_restarted_gateway_knows_nothing_of_ends_and_says_so(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage)
    stage.tell(commands=[stage.command("zone.1.1.setpoint", 22.0)])
    expect(page.locator(".disc.busy")).to_have_count(1)

    reconnected(page, stage)
    page.clock.run_for(1000)

    expect(page.locator(".disc.busy")).to_have_count(0)
    expect(card(page, "1.1").locator("[data-fate=failed]")).to_contain_text("The gateway was restarted")
    expect(page.locator("[data-said]")).to_contain_text("Living room")


def test_a_change_that_is_younger_than_a_slow_snapshot_is_not_missed_in_it(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage)
    expect(page.locator(".room")).to_have_count(11)
    stage.is_gone = True
    held: list[Route] = []
    stage.answers["GET snapshot"] = held.append
    assert stage.socket is not None
    stage.socket.close()
    with page.expect_request("**/api/v1/snapshot"):
        page.clock.run_for(500)

    card(page, "1.1").locator(".disc").click()
    page.get_by_role("dialog").get_by_role("button", name="Reduced").click()
    expect(page.locator(".toast")).to_be_visible()
    with page.expect_response("**/api/v1/snapshot"):
        held[0].fulfill(json=stage.snapshot())
    page.clock.run_for(200)

    expect(card(page, "1.1").locator("[data-fate=busy]")).to_be_visible()


def test_the_way_back_closes_a_menu_that_is_open(theatre: Theatre) -> None:
    page = theatre.open(Stage(), "#history")
    page.get_by_role("link", name="Rooms").click()
    card(page, "1.1").locator(".disc").click()
    expect(page.get_by_role("dialog")).to_be_visible()

    page.go_back()

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".history")).to_be_visible()


def test_of_a_change_that_ended_long_ago_nothing_is_said(theatre: Theatre) -> None:
    """A snapshot has the last twenty; who slept through more knows nothing of how an older one ended."""
    stage = Stage()
    page = theatre.open(stage)
    stage.tell(commands=[stage.command("zone.1.1.setpoint", 22.0)])
    expect(page.locator(".disc.busy")).to_have_count(1)
    newer = stage.command("zone.1.2.setpoint", 22.0, "confirmed", queued_at="2026-01-15T20:40:00+00:00")
    known = stage.snapshot
    stage.snapshot = lambda: {**known(), "commands": [newer]}  # type: ignore[method-assign] # a gateway that knows one

    reconnected(page, stage)
    page.clock.run_for(1000)

    expect(page.locator(".disc.busy")).to_have_count(0)
    expect(page.locator("[data-fate=failed]")).to_have_count(0)


@pytest.mark.parametrize("way", ["hidden", "closed"])
def test_a_step_is_sent_at_once_where_the_page_is_left(theatre: Theatre, way: str) -> None:
    """A phone that sleeps would send it when it wakes, after somebody has turned the thermostat."""
    stage = Stage()
    page = theatre.open(stage)

    with page.expect_response("**/api/v1/points/*"):
        asked = card(page, "1.1").get_by_role("button", name="Warmer").evaluate(STEPS_AND_LEAVES, way)
    page.clock.run_for(3000)

    assert asked == [["PUT", True]]
    assert sent(stage) == [("zone.1.1.setpoint", 22.0)]


def test_a_name_that_is_being_typed_stays_with_its_room_when_others_come(theatre: Theatre) -> None:
    stage = Stage(rooms=ROOMS[1:3])
    stage.answers["GET rooms"] = lambda route: route.fulfill(json={"rooms": []})
    page = theatre.open(stage, "#connection")
    page.get_by_role("button", name="Show the guide").click()
    expect(page.locator(".found li")).to_have_count(2)

    page.get_by_label("Name of the room in base 1, zone 2").fill("Larder")
    base_reports(stage.gateway, "zone.1.1.temperature", 20.0)
    stage.tell(readings=[each for each in stage.snapshot()["readings"] if each["id"].startswith("zone.1.1.")])
    page.clock.run_for(1500)
    expect(page.locator(".found li")).to_have_count(3)
    expect(page.get_by_label("Name of the room in base 1, zone 2")).to_be_focused()
    with page.expect_request("**/api/v1/rooms") as saving:
        page.keyboard.press("Tab")

    assert saving.value.post_data_json == {"rooms": [{"base_id": 1, "zone_id": 2, "name": "Larder"}]}
    theatre.complaints.clear()


def test_the_key_beside_a_change_takes_that_one_back_when_others_come(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage, "#room/1/1")
    stage.tell(commands=[stage.command("zone.1.1.setpoint", 22.0, "confirmed")])
    page.locator(".log .plain").focus()

    later = stage.command("zone.1.1.state", 2, "delivered", queued_at="2026-01-15T20:31:00+00:00", origin="mqtt")
    stage.tell(commands=[later])
    expect(page.locator(".log li")).to_have_count(2)
    page.keyboard.press("Enter")

    expect(page.locator("dialog .toast")).to_have_text("Taken back")
    assert [path for method, path, _ in stage.asked if method == "POST"] == ["commands/c1/undo"]


def test_the_key_of_an_adapter_stays_his_when_another_is_plugged_in(theatre: Theatre) -> None:
    stage = Stage(rooms=())
    page = theatre.open(stage)
    page.clock.run_for(2500)
    page.get_by_role("button", name="Listen", exact=True).first.focus()

    fresh = {**SETUP["devices"][1], "path": "/dev/serial/by-id/usb-0403_Another", "name": "Another"}
    stage.setup = {**SETUP, "devices": [fresh, *SETUP["devices"]]}
    page.clock.run_for(2500)
    expect(page.locator(".device")).to_have_count(5)
    with page.expect_request("**/api/v1/setup/listen") as listening:
        page.keyboard.press("Enter")

    assert listening.value.post_data_json == {"device": SETUP["devices"][1]["path"]}


def in_order(page: Page, order: str) -> None:
    """Put the rooms into another order and wait until they stand in it."""
    first = page.locator(".room").first
    before = first.get_attribute("data-zone")
    page.locator(".order select").select_option(order)
    expect(first).not_to_have_attribute("data-zone", str(before))


def test_a_room_stays_under_the_finger_that_sets_it(theatre: Theatre) -> None:
    stage = Stage(rooms=many_rooms())
    page = theatre.open(stage)
    in_order(page, "furthest")
    room = page.locator(".room").first
    zone = room.get_attribute("data-zone")
    for _ in range(3):
        room.get_by_role("button", name="Warmer").click()

    expect(room).to_have_attribute("data-zone", str(zone))
    page.clock.run_for(COALESCED_MS)
    expect(page.locator(".toast")).to_be_visible()
    assert [point for point, _ in sent(stage)] == [f"{zone}.setpoint"]


def test_a_room_that_changes_its_place_keeps_the_focus(theatre: Theatre) -> None:
    stage = Stage(rooms=many_rooms())
    page = theatre.open(stage)
    in_order(page, "coldest")
    zone = page.locator(".room").nth(3).get_attribute("data-zone")
    target = page.locator(f"[data-zone='{zone}'] .target")
    target.focus()

    stage.tell(readings=[{"id": f"{zone}.temperature", "value": 35.0, "raw": 1}])
    page.clock.run_for(1500)

    expect(page.locator(".room").last).to_have_attribute("data-zone", str(zone))
    expect(target).to_be_focused()


def test_a_room_that_has_moved_to_another_floor_has_the_focus_again(theatre: Theatre) -> None:
    stage = Stage()
    moved = [
        {**each, "floor": "Cellar"} if each["name"] == "Children's room" else each for each in stage.room_records()
    ]
    stage.answers["PUT rooms"] = lambda route: route.fulfill(json={"rooms": moved, "stored": True})
    page = theatre.open(stage)
    card(page, "2.3").get_by_role("link").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Floor", exact=True).fill("Cellar")
    page.keyboard.press("Enter")
    expect(page.locator("dialog .toast")).to_have_text("Saved")

    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(card(page, "2.3").get_by_role("link")).to_be_focused()


def test_what_was_done_in_a_sheet_is_said_in_it(theatre: Theatre) -> None:
    """What lies outside of an open dialog is inert, and inert is silent."""
    stage = Stage()
    page = theatre.open(stage, "#room/1/1")

    page.get_by_role("dialog").get_by_role("button", name="Reduced").click()

    expect(page.locator("[data-said]")).to_contain_text("Reduced")
    expect(page.locator("dialog[open] [data-said][aria-live=polite]")).to_have_count(1)


def test_what_is_done_twice_is_said_twice(theatre: Theatre) -> None:
    stage = Stage()
    stage.answers["PUT rooms"] = lambda route: route.fulfill(json={"rooms": stage.room_records(), "stored": True})
    page = theatre.open(stage, "#room/1/3")
    spoken = page.locator("[data-said]")
    spoken.evaluate("""said => { window.spoken = 0;
      new MutationObserver(() => window.spoken++)
        .observe(said, { characterData: true, childList: true, subtree: true }); }""")

    for times in (1, 2):
        with page.expect_response("**/api/v1/rooms"):
            page.get_by_role("button", name="Move up").click()
        expect(spoken).to_have_text("Saved")
        page.wait_for_function("times => window.spoken === times", arg=times)


def test_what_failed_is_told_in_the_owners_language_and_for_its_room_alone(theatre: Theatre) -> None:
    stage = Stage()
    for question in ("PUT rooms", "POST sync"):
        stage.answers[question] = answered_by_home_assistant
    page = theatre.open(stage, "#room/1/1", language="de")
    page.get_by_role("button", name="Speichern").click()
    expect(page.get_by_role("alert")).to_contain_text("Das Gateway hat nicht geantwortet.")
    expect(page.get_by_role("alert")).not_to_contain_text("Bad Gateway")

    page.evaluate("location.hash = '#room/1/2'")
    expect(page.get_by_role("dialog").get_by_role("heading", name="Kitchen")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.evaluate("location.hash = '#connection'")
    page.get_by_role("button", name="Alles neu einlesen").click()
    expect(page.get_by_role("status").filter(has_text="Das hat nicht geklappt")).to_contain_text("nicht geantwortet")
    theatre.complaints.clear()


def answered_by_home_assistant(route: Route) -> Any:
    route.fulfill(status=502, body="Bad Gateway")
