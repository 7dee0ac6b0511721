"""The bus view tells what the wire carries, and every register can be found and taken along."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from neasmart.web.assets import FOLDER as STATIC
from tests.panel.conftest import WITH_HTML
from tests.support.panel import House, Visitor, card

pytestmark = pytest.mark.xdist_group("browser")

LINK_UP = {"connected": True, "code": "connected", "detail": ""}
SILENT = {"lastWrite_s": None, "lastPoll_s": None}
FRESH = {"lastWrite_s": 2.0, "lastPoll_s": 2.0}
DIAGNOSE = """async ([status, ages]) => {
  const { diagnoseBus } = await import(new URL("sources/diagnosis.js", document.baseURI));
  return diagnoseBus(status, ages);
}"""


@pytest.fixture(scope="module")
def bus_page(house: House, browser: Browser) -> Iterator[Page]:
    """One page for tests that only compute in it."""
    guest = Visitor(browser)
    page = opened(guest, house)
    # The packed page exports nothing, so the functions come from the sources that it is made of.
    page.route("**/sources/*.js", lambda route: route.fulfill(path=STATIC / Path(route.request.url).name))
    yield page
    guest.leave()


def opened(visitor: Visitor, house: House, **how: Any) -> Page:
    page = visitor.open(house.ingress, "#bus", **how)
    expect(page.locator(".registers tbody tr").first).to_be_visible()
    return page


def saved(page: Page, name: str, folder: Path) -> str:
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path.read_bytes().decode()


def downloaded(page: Page, name: str, folder: Path) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("link", name=name).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path.read_bytes()


def test_counters_and_polls_are_told_in_words(house: House, visitor: Visitor) -> None:
    page = opened(visitor, house)

    expect(page.locator("[data-finding=well]")).to_contain_text("All is well")
    for unit_id in (240, 241):
        expect(page.locator(".facts")).to_contain_text([f"Unit id {unit_id} last asked", ""])
    expect(page.get_by_text("Frames per second")).to_be_visible()


def test_registers_are_found_by_any_of_their_words(house: House, visitor: Visitor) -> None:
    page = opened(visitor, house)
    lines = page.locator(".registers tbody tr")
    received = lines.count()

    page.get_by_role("searchbox").fill("zone.2.1 setpoint")
    expect(lines).to_have_count(1)
    expect(lines.first).to_contain_text("1301")
    page.get_by_role("searchbox").fill("")
    page.get_by_label("Also those never received").check()
    expect(lines).to_have_count(273)
    assert received < 273


def test_registers_can_be_saved(house: House, visitor: Visitor, tmp_path: Path) -> None:
    page = opened(visitor, house)
    page.get_by_role("searchbox").fill("zone.1.3")

    lines = list(csv.DictReader(io.StringIO(saved(page, "CSV", tmp_path))))
    document = json.loads(saved(page, "JSON", tmp_path))

    assert [line["id"] for line in lines] == [line["id"] for line in document["registers"]]
    assert {line["name"] for line in lines} == {WITH_HTML}
    assert document["version"] == house.gateway.get("/api/v1/schema")["version"]


def test_commands_are_logged_with_their_fate(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress)
    card(page, "1.3").get_by_role("button", name="Warmer").click()
    expect(card(page, "1.3").locator("[data-fate=done]")).to_be_visible()

    page.get_by_role("link", name="Bus").click()

    first = page.get_by_role("region", name="Commands").locator("tbody tr").first
    expect(first).to_contain_text(WITH_HTML)
    expect(first).to_contain_text("Confirmed")
    expect(first).to_contain_text("panel")


def test_everything_can_be_read_again(house: House, visitor: Visitor) -> None:
    page = opened(visitor, house)

    page.get_by_role("button", name="Read everything again").click()

    expect(page.locator("[aria-labelledby=traffic] .actions")).to_contain_text(
        re.compile("asked for all its values|still to come|have been read again")
    )
    expect(page.locator("[aria-labelledby=traffic] .actions")).to_contain_text("have been read again", timeout=20_000)


def test_the_bus_is_recorded_and_both_files_are_downloaded(house: House, visitor: Visitor, tmp_path: Path) -> None:
    page = opened(visitor, house)

    page.get_by_role("button", name="Record the bus").click()
    expect(page.get_by_text("it ends by itself after ten minutes")).to_be_visible()
    page.get_by_role("button", name="Stop recording").click()
    recording = downloaded(page, "Download recording", tmp_path)
    diagnostics = json.loads(downloaded(page, "Download diagnostics", tmp_path))

    assert recording[:4] == b"\x0a\x0d\x0d\x0a"
    assert diagnostics["kind"] == "neasmart-diagnostics"
    assert diagnostics["doctor"]["state"] == "healthy"


@pytest.mark.parametrize(
    ("state", "hint", "code"),
    [
        ("noise", "swapped", "swapped"),
        ("noise", "speed_or_parity", "wrong_speed"),
        ("noise", "no_common_ground", "damaged"),
        ("noise", "rtu_on_tcp", "rtu_on_tcp"),
        ("noise", None, "noise"),
        ("not_for_us", None, "foreign"),
        ("no_writes", None, "no_writes"),
        ("no_polls", None, "never_asked"),
        ("too_late", None, "too_late"),
        ("rival", None, "rival"),
        ("healthy", None, "well"),
    ],
)
def test_the_wiring_doctor_is_believed_and_worded(bus_page: Page, state: str, hint: str | None, code: str) -> None:
    doctor = {"state": state, "hint": hint, "sentence": "What it is.", "advice": "Do this.", "evidence": ["5 bytes"]}
    status = {"link": LINK_UP, "doctor": doctor, "bus": {"counters": {"polls": 9}, "stale_after_s": 180}}

    finding = bus_page.evaluate(DIAGNOSE, [status, FRESH])

    assert finding["code"] == code
    assert ("Do this." in (finding.get("detail") or "")) is (code != "well")
    texts = json.loads((STATIC / "i18n" / "en.json").read_text(encoding="utf-8"))
    assert {f"find.{code}", f"help.{code}"} <= texts.keys()


@pytest.mark.parametrize(
    ("link", "counters", "ages", "code"),
    [
        ({"connected": False, "code": "no_device"}, {}, SILENT, "no_device"),
        ({"connected": False, "code": "of_the_future"}, {}, SILENT, "disconnected"),
        (LINK_UP, {}, SILENT, "silence"),
        (LINK_UP, {"bytes_received": 500}, SILENT, "noise"),
        (LINK_UP, {"bytes_received": 500, "rtu_on_tcp": 3}, SILENT, "rtu_on_tcp"),
        (LINK_UP, {"bytes_received": 500, "frames": 9, "foreign_frames": 9}, SILENT, "foreign"),
        (LINK_UP, {"bytes_received": 500, "frames": 9, "polls": 9}, SILENT, "polls_only"),
        (LINK_UP, {"frames": 9, "polls": 0}, {"lastWrite_s": 2.0, "lastPoll_s": None}, "never_asked"),
        (LINK_UP, {"frames": 9, "polls": 9}, {"lastWrite_s": 45.0, "lastPoll_s": 45.0}, "silent"),
        (LINK_UP, {"frames": 9, "polls": 9}, {"lastWrite_s": 400.0, "lastPoll_s": 400.0}, "silent"),
        (LINK_UP, {"frames": 9, "polls": 9}, FRESH, "well"),
    ],
)
def test_the_diagnosis_names_what_is_wrong(
    bus_page: Page,
    link: dict[str, Any],
    counters: dict[str, int],
    ages: dict[str, float | None],
    code: str,
) -> None:
    finding = bus_page.evaluate(DIAGNOSE, [{"link": link, "bus": {"counters": counters, "stale_after_s": 180}}, ages])

    assert finding["code"] == code
    texts = json.loads((STATIC / "i18n" / "en.json").read_text(encoding="utf-8"))
    assert {f"find.{code}", f"help.{code}"} <= texts.keys()
