"""Takes the pictures of README and DOCS anew from the demo. Usage: python -m tests.panel.screenshots"""

from __future__ import annotations

import io
import json
import math
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from neasmart.simulator.home.house import HOUSES
from tests.support.desk import QUICK
from tests.support.ingress import ingress
from tests.support.panel import card, launch
from tests.support.plugs import ZIGBEE, plugs
from tests.support.ports import free_port
from tests.support.processes import PACKAGE_ROOT, eventually, gateway_process
from tests.support.staged import FONT, FONT_STYLE
from tests.support.uart import walk

IMAGES = Path(__file__).parents[2] / "neasmart_addon" / "images"
COLOURS = 256
WITH_FONT = """text => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  document.adoptedStyleSheets.push(sheet);
  return document.fonts.load("400 14px Test"); }"""
WEIGHT_LIMIT = 150_000
GUIDED = {"Living room": "Ground floor", "Kitchen": "Ground floor", "Bathroom": "First floor", "Bedroom": "First floor"}
FLOORS = {1: "Ground floor", 2: "First floor", 5: "Cellar"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture: its size in CSS pixels, its scale, its address, and what is there when it is ready."""

    name: str
    width: int
    height: int
    scheme: str = "light"
    hash: str = ""
    shows: str = ".room .trend span"
    scale: float = 1.5


PICTURES = (
    Picture(name="overview-light", width=1280, height=900, scale=1.25),
    Picture(name="overview-dark", width=1280, height=900, scheme="dark", scale=1.25),
    Picture(name="phone", width=380, height=800, scale=2),
    Picture(name="detail", width=760, height=900, hash="#room/1/1", shows=".day svg"),
    Picture(name="history", width=1120, height=760, hash="#history", shows="history-chart canvas"),
    Picture(name="connection", width=1120, height=900, hash="#connection", shows=".registers tbody tr"),
)


def main() -> int:
    """Write all pictures; return 0."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, demo(Path(folder)) as url, sync_playwright() as playwright:
        browser = launch(playwright)
        _live_a_little(browser, url)
        for picture in PICTURES:
            _keep(picture.name, _taken(browser, url, picture))
        browser.close()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        for name, image in _guide(browser, Path(folder)):
            _keep(name, image)
        browser.close()
    return 0


def _keep(name: str, image: bytes) -> None:
    path = IMAGES / f"{name}.png"
    path.write_bytes(_packed(image))
    sys.stdout.write(f"{path.name}: {path.stat().st_size / 1000:.0f} kB\n")


def _guide(browser: Browser, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Lead a house of four rooms through the guide, from the drawn wires to the dongle that is listened to."""
    with (
        plugs(folder) as sockets,
        gateway_process(folder, **QUICK, NEASMART_SERVER_PORT="502", **sockets.environment()) as gateway,
        ingress(gateway.ingress_port) as proxy,
    ):
        proxy.opened_as = "homeassistant.local:8123"
        page = _page(browser, Picture(name="guide", width=1120, height=1190, scale=1.25), proxy.url)
        yield "wires", page.locator(".step").first.screenshot()
        sockets.plug("ttyUSB1", ZIGBEE)
        expect(page.locator(".device")).to_have_count(2)
        stick = sockets.plug("ttyUSB0")
        # The same walk again and again, because a room whose setpoint moves would light up.
        last = len(GUIDED) * 100 + 99
        stick.say([frame for frame in walk(1) if int.from_bytes(frame[2:4], "big") <= last])
        page.get_by_role("button", name="Listen").click()
        for number, (name, floor) in enumerate(GUIDED.items(), 1):
            page.get_by_label(f"Name of the room in base 1, zone {number}").fill(name)
            page.get_by_label(f"Floor of the room in base 1, zone {number}").fill(floor)
        page.mouse.move(0, 0)
        page.evaluate("document.activeElement?.blur()")
        expect(page.locator(".toast")).to_have_count(0, timeout=20_000)
        page.evaluate("scrollTo(0, 0)")
        yield "guide", page.screenshot()


@contextmanager
def demo(folder: Path) -> Iterator[str]:
    """Run the demo as people see it, with its day of history, until all rooms are there; give the page's address."""
    ports = {name: free_port() for name in ("NEASMART_API_PORT", "NEASMART_INGRESS_PORT", "NEASMART_SERVER_PORT")}
    environment = {
        **os.environ,
        "PYTHONPATH": str(PACKAGE_ROOT),
        **{name: str(port) for name, port in ports.items()},
    }
    command = [sys.executable, "-m", "neasmart", "demo"]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        url = f"http://127.0.0.1:{ports['NEASMART_INGRESS_PORT']}/"
        try:
            eventually(lambda: len(_zones(url)) == len(HOUSES["demo"].rooms), within_s=60)
            yield url
        finally:
            running.terminate()


def _zones(url: str) -> list[Any]:
    try:
        with urllib.request.urlopen(f"{url}api/v1/zones", timeout=5) as answer:
            return list(json.load(answer)["zones"])
    except OSError:
        return []


def _live_a_little(browser: Browser, url: str) -> None:
    """Name the floors and give some commands, so that the pictures show a house in use."""
    page = browser.new_page()
    page.goto(url)
    expect(page.locator(".room")).to_have_count(len(HOUSES["demo"].rooms))
    rooms = [
        {"base_id": room.base_id, "zone_id": room.zone_id, "floor": FLOORS[room.base_id]}
        for room in HOUSES["demo"].rooms
    ]
    page.evaluate(
        """rooms => fetch("api/v1/rooms", { method: "PUT", headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ rooms }) })""",
        rooms,
    )
    page.reload()
    page.locator(".house [data-option=heating]").click()
    expect(page.locator(".house .season [data-fate=done]")).to_be_visible(timeout=90_000)
    page.locator(".house [data-option=normal]").click()
    expect(page.locator(".house .all [data-fate=done]")).to_be_visible(timeout=90_000)
    for zone in ("1.1", "2.3"):
        for _ in range(3):
            card(page, zone).get_by_role("button", name="Warmer").click()
    for zone, state in (("5.1", "standby"), ("1.4", "time_program"), ("2.1", "party")):
        card(page, zone).locator(".disc").click()
        page.locator(f"[data-layer=menu] [data-option={state}]").click()
        expect(page.locator("[data-layer=menu][open]")).to_have_count(0)
    expect(page.locator(".toast")).to_be_visible()
    expect(page.locator(".disc.busy")).to_have_count(0, timeout=120_000)
    page.close()


def _page(browser: Browser, picture: Picture, url: str) -> Page:
    """Open the page in the tests' own font."""
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        device_scale_factor=picture.scale,
        color_scheme="dark" if picture.scheme == "dark" else "light",
        locale="en-GB",
    )
    page = context.new_page()
    page.route("**/test-font.woff2", lambda route: route.fulfill(path=FONT, content_type="font/woff2"))
    page.goto(f"{url}{picture.hash}")
    page.evaluate(WITH_FONT, FONT_STYLE)
    return page


def _taken(browser: Browser, url: str, picture: Picture) -> bytes:
    page = _page(browser, picture, url)
    expect(page.locator(picture.shows).first).to_be_visible()
    if picture.name.startswith("overview"):
        # One change on its way shows what the ring is for, and the toast its undo.
        card(page, "1.3").get_by_role("button", name="Warmer").click()
        expect(card(page, "1.3").locator(".disc.busy")).to_be_visible()
        expect(page.locator(".toast")).to_be_visible()
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement?.blur()")
    page.wait_for_timeout(400)
    image = page.screenshot()
    page.context.close()
    return image


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
