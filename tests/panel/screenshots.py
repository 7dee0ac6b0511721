"""Takes the pictures of README and DOCS from the simulated demo house. Usage: python -m tests.panel.screenshots"""

from __future__ import annotations

import io
import math
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from neasmart.codecs import OperatingState, encode_dpt9
from neasmart.points import TABLE
from neasmart.simulator.house import HOUSES
from neasmart.simulator.house import House as SimulatedHouse
from neasmart.store.samples import Samples, packed
from tests.support.panel import House, card, launch, simulated_house
from tests.support.processes import eventually

IMAGES = Path(__file__).parents[2] / "neasmart_addon" / "images"
COLOURS = 256
DAY_SEED = 7
MINUTE_S = 60
BLOCK_MIN = 60
DAY_MIN = 24 * 60
SAMPLE_MIN = 4
# Early hours, because the house that goes on from there begins at six, warm again.
EVENING_H = 19.0
MORNING_H = 1.5
WEIGHT_LIMIT = 150_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture: its size in CSS pixels, the scale it is taken at, and the part of the page's address."""

    name: str
    width: int
    height: int
    scheme: str = "light"
    hash: str = ""
    scale: float = 1.5


PICTURES = (
    Picture(name="overview-light", width=1120, height=880),
    Picture(name="overview-dark", width=1120, height=880, scheme="dark"),
    Picture(name="phone", width=380, height=800, scale=2),
    Picture(name="detail", width=760, height=760, hash="#zone/1/1"),
    Picture(name="bus", width=1120, height=900, hash="#bus"),
)


def main() -> int:
    """Write all pictures; return 0."""
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        simulated_house(Path(folder), "--cycle", "2", "--speed", "20") as house,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright)
        _remember_a_day(house)
        _live_a_little(browser, house)
        for picture in PICTURES:
            path = IMAGES / f"{picture.name}.png"
            path.write_bytes(_packed(_taken(browser, house, picture)))
            sys.stdout.write(f"{path.name}: {path.stat().st_size / 1000:.0f} kB\n")
        browser.close()
    return 0


def _remember_a_day(house: House) -> None:
    """Let the same kind of house have been lived in since yesterday, with the night lowered, up to this minute."""
    house.gateway.stop()
    past = SimulatedHouse(HOUSES["demo"], seed=DAY_SEED)
    now_min = int(time.time() // MINUTE_S)
    # It settles for a day, so that the course begins where such a house really is.
    for _ in range(DAY_MIN):
        past.step(MINUTE_S)
    with closing(sqlite3.connect(house.gateway.folder / "neasmart.db")) as connection, connection:
        for start in range(-DAY_MIN, 0, BLOCK_MIN):
            samples: dict[int, Samples] = {}
            for minute in range(BLOCK_MIN):
                past.step(MINUTE_S)
                is_day = MORNING_H <= past.hour < EVENING_H
                for room in past.rooms.values():
                    room.state = OperatingState.NORMAL if is_day else OperatingState.REDUCED
                    address = TABLE.ref(f"zone.{room.plan.base_id}.{room.plan.zone_id}.temperature").address
                    if minute % SAMPLE_MIN == 0:
                        samples.setdefault(address, []).append((minute, encode_dpt9(round(room.temperature_c, 1))))
            connection.execute(
                "INSERT INTO history (start, length, resolution, samples) VALUES (?, ?, 1, ?)",
                (now_min + start, BLOCK_MIN, packed(samples)),
            )
    house.gateway.start()
    eventually(lambda: len(house.gateway.get("/api/v1/zones")["zones"]) == house.rooms, within_s=30)


def _live_a_little(browser: Browser, house: House) -> None:
    """Give some commands, so that the pictures show a house in use."""
    page = browser.new_page()
    page.goto(house.url)
    page.get_by_role("combobox", name="Mode", exact=True).select_option(label="Heating")
    for zone, state in (("5.1", "Standby"), ("2.2", "Reduced"), ("5.12", "Time program")):
        card(page, zone).get_by_role("combobox").select_option(label=state)
    for zone, direction in (("1.1", "Warmer"), ("1.3", "Colder")):
        card(page, zone).get_by_role("button", name=direction).click()
    for zone in ("1.1", "1.3", "2.2", "5.1", "5.12"):
        expect(card(page, zone).locator("[data-fate=done]")).to_be_visible(timeout=20_000)
    page.close()


def _taken(browser: Browser, house: House, picture: Picture) -> bytes:
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        device_scale_factor=picture.scale,
        color_scheme="dark" if picture.scheme == "dark" else "light",
        locale="en-GB",
    )
    page = context.new_page()
    page.goto(f"{house.url}{picture.hash}")
    _settle(page, picture)
    image = page.screenshot()
    context.close()
    return image


def _settle(page: Page, picture: Picture) -> None:
    if picture.hash == "#bus":
        expect(page.locator(".registers tbody tr").first).to_be_visible()
        return
    expect(card(page, "2.1")).to_be_visible()
    expect(page.locator(".zone svg.spark")).to_have_count(len(HOUSES["demo"].rooms))
    if picture.name.startswith("overview"):
        # One change on its way shows what the chips are for.
        card(page, "2.1").get_by_role("button", name="Warmer").click()
        expect(card(page, "2.1").locator("[data-fate=busy]")).to_be_visible()
    if picture.hash:
        expect(page.get_by_role("dialog")).to_be_visible()
        page.evaluate("document.activeElement.blur()")


def _packed(image: bytes) -> bytes:
    """Return the picture with its most frequent colours as the palette, so that surfaces keep theirs exactly.

    Pillow's own way to a palette rounds every colour to six bits, which turns white into a light grey.
    """
    with Image.open(io.BytesIO(image)) as taken:
        full = taken.convert("RGBX")
    pixels = memoryview(full.tobytes()).cast("I")
    palette = [colour for colour, _ in Counter(pixels).most_common(COLOURS)]
    place = {colour: _nearest(colour, palette) for colour in set(pixels)}
    small = Image.frombytes("P", full.size, bytes(place[colour] for colour in pixels))
    small.putpalette([part for colour in palette for part in _parts(colour)])
    packed = io.BytesIO()
    small.save(packed, "PNG", optimize=True)
    assert packed.tell() < WEIGHT_LIMIT, f"{packed.tell()} bytes"
    return packed.getvalue()


def _nearest(colour: int, palette: Sequence[int]) -> int:
    parts = _parts(colour)
    return min(range(len(palette)), key=lambda index: math.dist(parts, _parts(palette[index])))


def _parts(colour: int) -> tuple[int, int, int]:
    red, green, blue, _ = colour.to_bytes(4, sys.byteorder)
    return red, green, blue


if __name__ == "__main__":
    sys.exit(main())
