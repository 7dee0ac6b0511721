"""Connection: the doctor's sentence, the guide, what the wire carries, and every register to find and take along."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from neasmart.cli import credentials
from tests.panel.conftest import WITH_HTML
from tests.panel.test_texts import TOLD
from tests.support.staged import ROOMS, SETUP, Stage, StagedRoom, Theatre, doctor

pytestmark = pytest.mark.xdist_group("stage")


def opened(theatre: Theatre, stage: Stage) -> Page:
    page = theatre.open(stage, "#connection")
    expect(page.locator(".registers tbody tr").first).to_be_visible()
    return page


def saved(page: Page, name: str, folder: Path) -> str:
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path.read_bytes().decode()


def test_the_doctors_verdict_is_told_by_its_code(theatre: Theatre) -> None:
    stage = Stage()
    page = opened(theatre, stage)
    expect(page.locator("[data-finding=healthy]")).to_contain_text("All is well")

    stage.tell(status={"doctor": doctor("noise.swapped", "error", receiving=False)})
    page.clock.run_for(100)

    shown = page.locator("[data-finding='noise.swapped']")
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("Exchange the two wires")
    shown.locator("summary").click()
    expect(shown.locator(".raw")).to_contain_text("5 bytes")


def test_registers_are_found_by_any_of_their_words(theatre: Theatre) -> None:
    page = opened(theatre, Stage())
    lines = page.locator(".registers tbody tr")

    page.get_by_role("searchbox").fill("zone.2.1 setpoint")
    expect(lines).to_have_count(1)
    expect(lines.first).to_contain_text("1301")
    page.get_by_role("searchbox").fill("bathroom humidity")
    expect(lines).to_have_count(1)


def test_registers_can_be_saved(theatre: Theatre, tmp_path: Path) -> None:
    stage = Stage(rooms=[StagedRoom(base=1, zone=3, name=WITH_HTML, temperature=20.0)], keeps_rooms=True)
    page = opened(theatre, stage)
    page.get_by_role("searchbox").fill("zone.1.3")

    lines = list(csv.DictReader(io.StringIO(saved(page, "CSV", tmp_path))))
    document = json.loads(saved(page, "JSON", tmp_path))

    assert [line["id"] for line in lines] == [line["id"] for line in document["registers"]]
    assert {line["name"] for line in lines} == {WITH_HTML}
    assert document["version"] == stage.schema()["version"]


def test_a_key_for_programs_is_made_here_and_told_to_nobody(theatre: Theatre) -> None:
    stage = Stage()
    page = opened(theatre, stage)
    asked = list(stage.asked)
    key = page.get_by_label("Key", exact=True)
    made: list[str] = []

    for _ in range(3):
        page.get_by_role("button", name="Make a key").click()
        for before in made:
            expect(key).not_to_have_value(before)
        made.append(key.input_value())

    assert len(set(made)) == 3
    assert {len(each) for each in made} == {len(credentials.key())}
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", each) for each in made)
    expect(page.get_by_text("(api.key)")).to_be_visible()
    assert [each for each in stage.asked if each not in asked and each[0] != "GET"] == []
    page.reload()
    expect(page.locator(".registers tbody tr").first).to_be_visible()
    expect(page.get_by_label("Key", exact=True)).to_have_count(0)


def test_commands_are_told_with_their_life(theatre: Theatre) -> None:
    stage = Stage()
    page = opened(theatre, stage)
    stage.tell(commands=[stage.command("global.state", 5, "rejected", origin="rest", read_by=[240])])
    page.clock.run_for(100)

    line = page.locator(".commands tbody tr").first
    for word in ("Whole house", "Party", "Refused by the base", "240", "another program"):
        expect(line).to_contain_text(word)


def test_a_command_from_before_the_computer_had_the_time_is_shown_without_one(theatre: Theatre) -> None:
    stage = Stage()
    page = opened(theatre, stage)
    stage.tell(commands=[stage.command("global.state", 5, queued_at="1970-01-01T00:02:03.000Z")])
    page.clock.run_for(100)

    expect(page.locator(".commands tbody tr").first.locator("td").first).to_have_text("\N{EN DASH}")


def test_a_counter_that_was_left_aside_is_told_with_its_reason(theatre: Theatre) -> None:
    stage = Stage()
    page = opened(theatre, stage)
    expect(page.get_by_text("every byte made sense")).to_be_visible()

    bus = stage.snapshot()["status"]["bus"]
    stage.tell(status={"bus": {**bus, "counters": {**bus["counters"], "crc_errors": 7}}})
    page.clock.run_for(100)

    expect(page.locator(".ignored")).to_contain_text("a bad cable or missing ground")


def test_the_bus_is_recorded_and_the_recording_taken_along(theatre: Theatre) -> None:
    stage = Stage()
    page = opened(theatre, stage)
    stage.answers["POST captures"] = stage.answers["POST captures/stop"] = lambda route: route.fulfill(json={})

    page.get_by_role("button", name="Record the bus").click()
    stage.tell(status={"recorder": {"recording": True, "name": "bus.pcap"}})
    expect(page.get_by_role("status").filter(has_text="ends by itself")).to_be_visible()
    expect(page.get_by_role("link", name="Download recording")).to_have_count(0)
    page.get_by_role("button", name="Stop recording").click()
    stage.tell(status={"recorder": {"recording": False, "name": "bus.pcap"}})
    told = {"Content-Disposition": 'attachment; filename="bus.pcap"'}
    stage.answers["GET captures/bus.pcap"] = lambda route: route.fulfill(body=b"\xd4\xc3", headers=told)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download recording").click()

    assert download.value.suggested_filename == "bus.pcap"
    assert download.value.path().read_bytes() == b"\xd4\xc3"
    assert [path for method, path, _ in stage.asked if method == "POST"] == ["captures", "captures/stop"]


def test_what_the_wire_carries_is_told_for_each_unit_id(theatre: Theatre) -> None:
    stage = Stage()
    page = opened(theatre, stage)

    bus = stage.snapshot()["status"]["bus"]
    stage.tell(status={"bus": {**bus, "frames_per_s": 3.4, "last_poll_age_s": {"240": 120.0, "241": None}}})
    page.clock.run_for(100)

    for words in (r"Frames per second\s*3\.4", r"240.*2 min\. ago", r"241.*never"):
        expect(page.locator(".facts").first).to_contain_text(re.compile(words))


def test_with_nothing_received_the_page_is_the_guide(theatre: Theatre) -> None:
    stage = Stage(rooms=(), doctor=doctor("noise.swapped", "error", receiving=False))
    page = theatre.open(stage)

    expect(page.get_by_role("heading", name="connect your heating")).to_be_visible()
    expect(page.locator("[data-finding='noise.swapped']")).to_have_count(1)
    expect(page.locator(".wires")).to_have_count(3)
    expect(page.locator(".device.other")).to_contain_text("Known as a Zigbee stick")
    expect(page.locator(".device.other button")).to_have_count(0)


def test_an_adapter_is_listened_to_and_kept_only_when_chosen(theatre: Theatre) -> None:
    stage = Stage(rooms=())
    page = theatre.open(stage)
    device = page.locator(".device", has_text="QinHeng")
    assert not [path for method, path, _ in stage.asked if method == "POST"]

    device.get_by_role("button", name="Listen").click()
    device.get_by_role("button", name="Keep it").click()

    expect(page.locator(".toast")).to_contain_text("from now on")
    choice = {"device": SETUP["devices"][1]["path"]}
    assert [(path, body) for method, path, body in stage.asked if method == "POST"] == [
        ("setup/listen", choice),
        ("setup/apply", choice),
        ("setup/apply", {"language": "en"}),
    ]


def test_the_first_guide_tells_the_language_of_the_page_and_no_later_one_does(theatre: Theatre) -> None:
    stage = Stage(rooms=ROOMS[:1])
    page = theatre.open(stage, language="it", script="sessionStorage.setItem('neasmart-guide', 'first')")
    done = page.get_by_role("link", name=TOLD["it"]["guide.finish"])
    done.click()
    expect(done).to_have_count(0)

    page.goto(f"{page.url.partition('#')[0]}#connection")
    page.get_by_role("button", name=TOLD["it"]["guide.open_it"]).click()
    done.click()

    assert [body for method, _, body in stage.asked if method == "POST"] == [{"language": "it"}]


def test_what_the_environment_decides_is_shown_and_cannot_be_chosen(theatre: Theatre) -> None:
    page = theatre.open(Stage(rooms=ROOMS[:1], setup={**SETUP, "decided_by": "environment"}), "#connection")
    page.get_by_role("button", name="Show the guide").click()

    expect(page.locator(".step .note")).to_contain_text("set by the environment")
    expect(page.locator(".device")).to_have_count(4)
    expect(page.locator(".device button")).to_have_count(0)
    expect(page.locator(".step p", has_text="One room is here")).to_be_visible()


def test_what_the_gateway_refuses_in_the_guide_is_told(theatre: Theatre) -> None:
    stage = Stage(rooms=())
    refusal = {"error": "The device is used by zigbee2mqtt", "code": "device_busy", "status": 409}
    stage.answers["POST setup/listen"] = lambda route: route.fulfill(status=409, json=refusal)
    page = theatre.open(stage)

    page.get_by_role("button", name="Listen").click()

    expect(page.get_by_role("alert")).to_contain_text("The device is used by zigbee2mqtt")
    theatre.complaints.clear()


def test_a_room_is_found_by_turning_its_thermostat(theatre: Theatre) -> None:
    stage = Stage()
    page = opened(theatre, stage)
    page.get_by_role("button", name="Show the guide").click()
    expect(page.locator(".found li")).to_have_count(11)

    stage.tell(readings=[{"id": "zone.2.2.setpoint", "value": 22.5, "raw": 0x0C65}])
    page.clock.run_for(100)

    expect(page.locator(".found .turned")).to_contain_text("Base 2, zone 2")
    page.get_by_label("Name of the room in base 2, zone 2").fill("Attic")
    page.get_by_label("Name of the room in base 2, zone 2").press("Tab")
    expect(page.locator(".toast")).to_have_text("Saved")
    body = next(body for method, path, body in stage.asked if (method, path) == ("PUT", "rooms"))
    assert body["rooms"][0]["name"] == "Attic"
