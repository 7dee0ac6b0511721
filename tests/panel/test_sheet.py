"""A room's sheet: only its handle drags, its day has numbers, and leaving it never leaves the page."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.panel.test_rooms import COALESCED_MS, sent
from tests.support.panel import card
from tests.support.staged import Stage, Theatre, why

pytestmark = pytest.mark.xdist_group("stage")

HANDLE = ".dial .handle"


def centre(page: Page, selector: str) -> tuple[float, float]:
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def swipe(page: Page, x: float, y: float, by: float) -> None:
    """Move a finger up over the page, as one does to scroll."""
    finger = page.context.new_cdp_session(page)
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 9):
        finger.send(
            "Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y + by * step / 8}]}
        )
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


@pytest.mark.parametrize("path", ["#room/1/1", "#zone/1/1"])
def test_a_sheet_opened_by_its_address_closes_to_the_rooms(theatre: Theatre, path: str) -> None:
    page = theatre.open(Stage(), path)
    sheet = page.get_by_role("dialog")
    expect(sheet).to_be_visible()
    before = page.evaluate("history.length")

    sheet.get_by_role("button", name="Close").click()

    expect(sheet).to_be_hidden()
    expect(page.locator(".room")).to_have_count(11)
    assert page.url.endswith("#rooms")
    assert page.evaluate("history.length") == before


@pytest.mark.parametrize("way", ["Escape", "button", "backdrop", "back"])
def test_a_sheet_opened_by_a_tap_closes_every_way_and_gives_the_focus_back(theatre: Theatre, way: str) -> None:
    page = theatre.open(Stage())
    link = card(page, "1.1").get_by_role("link")
    link.focus()
    page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog")
    expect(sheet).to_be_visible()
    expect(page.get_by_role("slider")).to_be_focused()

    match way:
        case "Escape":
            page.keyboard.press("Escape")
        case "button":
            sheet.get_by_role("button", name="Close").click()
        case "backdrop":
            page.mouse.click(5, 450)
        case _:
            page.go_back()

    expect(sheet).to_be_hidden()
    expect(link).to_be_focused()
    expect(page.locator(".room")).to_have_count(11)


def test_a_thumb_that_scrolls_over_the_dial_changes_nothing(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage, "#room/1/1", width=390, height=740, touch=True)
    expect(page.locator(".day svg")).to_be_visible()
    dial = page.locator(".dial").bounding_box()
    assert dial is not None
    x, y = dial["x"] + 14, dial["y"] + dial["height"] / 2

    swipe(page, x, y, -150)
    page.clock.run_for(5000)

    assert sent(stage) == []
    expect(page.get_by_role("slider")).to_have_attribute("aria-valuenow", "21.5")
    assert page.locator("[data-layer=sheet]").evaluate("sheet => sheet.scrollTop") > 0


def test_a_swipe_over_cards_scrolls_and_opens_nothing(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage, width=390, height=740, touch=True)
    expect(page.locator(".room")).to_have_count(11)
    x, y = centre(page, "[data-zone='zone.1.2'] .stepper button:last-child")

    swipe(page, x, y, -200)
    page.clock.run_for(3000)

    assert page.evaluate("scrollY") > 0
    assert sent(stage) == []
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_handle_drags_and_sends_once_when_it_is_let_go(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage, "#room/1/1")
    slider = page.get_by_role("slider")
    box = page.locator(".dial > svg").bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    radius = box["width"] * 116 / 280

    page.mouse.move(*centre(page, HANDLE))
    page.mouse.down()
    page.mouse.move(middle[0] + radius * 0.3, middle[1] - radius * 0.9)
    page.mouse.move(middle[0], middle[1] - radius)
    page.mouse.up()

    # The top of the dial is the middle of its range.
    low, high = (float(slider.get_attribute(f"aria-value{end}") or 0) for end in ("min", "max"))
    expect(slider).to_have_attribute("aria-valuenow", f"{(low + high) / 2:g}")
    page.clock.run_for(COALESCED_MS)
    expect(page.locator(".toast")).to_be_visible()
    assert sent(stage) == [("zone.1.1.setpoint", (low + high) / 2)]


def test_a_change_in_the_sheet_is_undone_in_the_sheet(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage, "#room/1/1", width=390, height=740)

    page.get_by_role("dialog").get_by_role("button", name="Reduced").click()
    page.get_by_role("dialog").get_by_role("button", name="Undo").click()

    expect(page.get_by_role("dialog").locator(".toast")).to_have_text("Taken back")
    assert ("POST", "commands/c1/undo", {}) in stage.asked


def test_a_press_beside_the_handle_changes_nothing(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage, "#room/1/1")
    box = page.locator(".dial > svg").bounding_box()
    assert box is not None

    page.mouse.click(box["x"] + box["width"] / 2 - box["width"] * 116 / 280, box["y"] + box["height"] / 2)
    page.clock.run_for(5000)

    assert sent(stage) == []


def test_the_day_is_told_in_numbers(theatre: Theatre) -> None:
    page = theatre.open(Stage(), "#room/2/1")

    numbers = page.locator(".day .numbers")
    expect(numbers).to_contain_text("22.9")
    expect(numbers).to_contain_text("Lowest")
    expect(page.locator(".day svg .goal")).to_have_count(1)
    expect(page.locator(".air")).to_have_attribute("data-air", "damp")
    expect(page.locator(".air")).to_contain_text("17.4")  # the dew point of 22.9 degC at 71 %


def test_a_day_that_cannot_be_loaded_is_told(theatre: Theatre) -> None:
    page = theatre.open(Stage(history_fails="The storage fails"), "#room/1/1")

    expect(page.locator(".day")).to_contain_text("could not be loaded: The storage fails. The page tries again.")
    theatre.complaints.clear()


def test_the_last_changes_tell_who_gave_them_and_why_they_ended(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage, "#room/1/1")
    stage.tell(
        commands=[
            stage.command(
                *("zone.1.1.setpoint", 20.0, "overridden"),
                origin="mqtt",
                queued_at="2026-01-15T20:10:00Z",
                **why("overridden_by", 19.0),
            ),
            stage.command("zone.1.1.state", 2, "withdrawn", origin="rest", queued_at="2026-01-15T20:20:00Z"),
            stage.command("zone.1.1.setpoint", 22.0, "confirmed", origin="panel", queued_at="2026-01-15T20:25:00Z"),
        ]
    )

    lines = page.locator(".log li")
    expect(lines).to_have_count(3)
    expect(lines.nth(0)).to_contain_text("this page")
    expect(lines.nth(1)).to_contain_text("Taken back")
    expect(lines.nth(1)).to_contain_text("another program")
    expect(lines.nth(2)).to_contain_text("Changed at the base")
    expect(lines.nth(2)).to_contain_text("MQTT")
    expect(lines.nth(2)).to_contain_text("thermostat")
    lines.nth(0).get_by_role("button", name="Undo").click()
    expect(page.locator(".toast")).to_have_text("Taken back")
    assert [path for method, path, _ in stage.asked if method == "POST"] == ["commands/c3/undo"]


def saved(stage: Stage) -> list[dict[str, Any]]:
    return [room for method, path, body in stage.asked if (method, path) == ("PUT", "rooms") for room in body["rooms"]]


def test_a_room_is_named_by_three_taps(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage)
    card(page, "1.1").get_by_role("link").click()
    page.get_by_label("Name", exact=True).fill("Parlour")
    page.get_by_role("button", name="Save").click()

    expect(page.locator(".toast")).to_have_text("Saved")
    assert saved(stage) == [{"base_id": 1, "zone_id": 1, "name": "Parlour", "floor": "Ground floor"}]


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "not stored"), ("de", "nicht gespeichert"), ("it", "non salvato"), ("fr", "pas enregistré")],
)
def test_a_name_that_is_not_stored_is_told_for_as_long_as_it_is_not(
    theatre: Theatre, language: str, words: str
) -> None:
    stage = Stage()
    why = "The names of the rooms are not stored: The disk under /data is full. Free some space on it."
    answer = {"rooms": stage.room_records(), "stored": False, "detail": why}
    stage.answers["PUT rooms"] = lambda route: route.fulfill(json=answer)
    page = theatre.open(stage, "#room/1/1", language=language)

    page.locator("dialog form button.filled, form button.filled").first.click()
    stage.tell(status={"rooms": {"rooms": [], "detail": why}})
    page.clock.run_for(100)

    expect(page.locator(".toast")).to_contain_text(words)
    page.keyboard.press("Escape")
    banner = page.locator("[data-finding=rooms_not_stored]")
    expect(banner).to_be_visible()
    banner.locator("summary").click()
    expect(banner.locator(".raw")).to_contain_text("disk under /data is full")
    stage.tell(status={"rooms": {"rooms": [], "detail": None}})
    page.clock.run_for(100)
    expect(banner).to_have_count(0)


def test_a_room_moves_within_its_floor(theatre: Theatre) -> None:
    stage = Stage()
    page = theatre.open(stage, "#room/1/3")

    page.get_by_role("button", name="Move up").click()

    expect(page.locator(".toast")).to_have_text("Saved")
    assert [(room["base_id"], room["zone_id"]) for room in saved(stage)][:4] == [(1, 1), (1, 3), (1, 2), (1, 4)]
    assert [room["position"] for room in saved(stage)] == list(range(1, 12))


def test_a_name_that_is_refused_says_why(theatre: Theatre) -> None:
    stage = Stage()
    refusal = {"error": "The name is taken by zone 1.2", "code": "invalid_rooms", "status": 400}
    stage.answers["PUT rooms"] = lambda route: route.fulfill(status=400, json=refusal)
    page = theatre.open(stage, "#room/1/1")

    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("alert")).to_contain_text("The name is taken by zone 1.2")
    theatre.complaints.clear()


def test_a_room_is_hidden_and_shown_again(theatre: Theatre) -> None:
    stage = Stage()
    hidden: list[bool] = []

    def keep(route: Route) -> None:
        hidden.append(saved(stage)[-1]["hidden"])
        records = [{**each, "hidden": hidden[-1]} if each["name"] == "Wine" else each for each in stage.room_records()]
        route.fulfill(json={"rooms": records, "stored": True})

    stage.answers["PUT rooms"] = keep
    page = theatre.open(stage, "#room/5/12")

    page.get_by_role("button", name="Hide here").click()
    expect(page.locator(".room")).to_have_count(10)
    page.get_by_role("button", name="Show again").click()
    expect(page.locator(".room")).to_have_count(11)

    assert hidden == [True, False]


def test_a_room_is_forgotten_only_after_a_question(theatre: Theatre) -> None:
    stage = Stage()
    stage.answers["DELETE zones/5/12"] = lambda route: route.fulfill(json={})
    page = theatre.open(stage, "#room/5/12")

    page.get_by_role("button", name="Forget …").click()
    expect(page.locator("[data-layer=question]")).to_contain_text("Forget Wine?")
    assert not [path for method, path, _ in stage.asked if method == "DELETE"]
    page.locator("[data-layer=question] .filled").click()

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".room")).to_have_count(10)


def test_a_gateway_that_keeps_no_rooms_shows_none_of_their_fields(theatre: Theatre) -> None:
    page = theatre.open(Stage(keeps_rooms=False), "#room/1/1")

    expect(page.get_by_role("dialog")).to_contain_text("Base 1, zone 1")
    expect(page.get_by_label("Name", exact=True)).to_have_count(0)
    theatre.complaints.clear()


def test_an_address_of_no_room_says_so(theatre: Theatre) -> None:
    page = theatre.open(Stage(), "#room/9/99")

    expect(page.get_by_role("dialog")).to_contain_text("No such room")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
