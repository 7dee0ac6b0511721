"""A gateway with its simulated house, the page behind ingress, and a browser that notices every complaint."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # it has no marker
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Playwright, Request
from playwright.sync_api import Error as PlaywrightError

from neasmart.simulator.home.house import HOUSES
from neasmart.web.assets import FOLDER, Assets
from tests.support.ingress import Ingress, ingress
from tests.support.processes import PACKAGE_ROOT, GatewayProcess, eventually, gateway_process

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WITHIN_MS = 40_000
"""For what waits for a browser, and for other processes, on a machine that is busy."""
# What each tab shows when all of it is there.
TABS = {"rooms": ".room", "history": "history-chart canvas", "connection": ".registers tbody tr"}
# What comes after the first view without a tap.
COMES_BY_ITSELF = ("/sheet", "/later/")
UNKNOWN = "\N{EN DASH}"
_NETWORK_COMPLAINTS = ("Failed to load resource", "WebSocket connection to")


def launch(playwright: Playwright, *more: str) -> Browser:
    """Start Debian's Chromium, with more arguments where they are given."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGUMENTS, *more])


def zone_settings(house: str, names: Mapping[tuple[int, int], str] | None = None) -> str:
    """Return the setting that names the rooms of a simulated house."""
    rooms = {(room.base_id, room.zone_id): room.name for room in HOUSES[house].rooms} | dict(names or {})
    return json.dumps([{"base": base, "zone": zone, "name": name} for (base, zone), name in rooms.items() if name])


@contextmanager
def simulated_base(bus_port: int, *arguments: str, house: str = "demo") -> Iterator[subprocess.Popen[bytes]]:
    """Run a simulated base that dials the gateway."""
    line = [sys.executable, "-m", "neasmart", "simulate", "--tcp", f"127.0.0.1:{bus_port}", "--house", house]
    with subprocess.Popen(
        [*line, *(arguments or ("--cycle", "0.5"))], cwd=PACKAGE_ROOT, stderr=subprocess.DEVNULL
    ) as base:
        try:
            yield base
        finally:
            base.terminate()


@dataclass(kw_only=True)
class House:
    """A gateway process, its base, the page behind ingress, and how many rooms will report."""

    gateway: GatewayProcess
    base: subprocess.Popen[bytes]
    ingress: Ingress
    rooms: int

    @property
    def url(self) -> str:
        return self.ingress.url


@contextmanager
def simulated_house(
    folder: Path,
    *base_arguments: str,
    house: str = "demo",
    names: Mapping[tuple[int, int], str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[House]:
    """Run gateway, base and ingress until all rooms have reported."""
    rooms = len(HOUSES[house].rooms)
    with (
        gateway_process(folder, NEASMART_ZONES=zone_settings(house, names), **(environment or {})) as gateway,
        simulated_base(gateway.bus_port, *base_arguments, house=house) as base,
        ingress(gateway.ingress_port) as proxy,
    ):
        eventually(lambda: len(gateway.get("/api/v1/zones")["zones"]) == rooms, within_s=30)
        yield House(gateway=gateway, base=base, ingress=proxy, rooms=rooms)


@dataclass(kw_only=True)
class Watch:
    """What a page has complained about and where it has looked."""

    network_trouble_expected: bool = False
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    attached: bool = True

    def attach(self, page: Page) -> None:
        page.on("console", self._on_console)
        page.on("pageerror", self._on_error)
        page.on("request", self._on_request)

    def detach(self) -> None:
        """Take no notice of what comes from now on."""
        self.attached = False

    def check(self, origin: str) -> None:
        """Fail if there was a complaint, or a request that left the house."""
        complaints = [
            each
            for each in self.complaints
            if not (self.network_trouble_expected and any(part in each for part in _NETWORK_COMPLAINTS))
        ]
        assert not complaints, complaints
        outside = [url for url in self.requests if not url.startswith((origin, "blob:" + origin))]
        assert not outside, outside

    def _on_console(self, message: ConsoleMessage) -> None:
        if self.attached and message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text}")

    def _on_error(self, error: object) -> None:
        if self.attached:
            self.complaints.append(f"page error: {error}")

    def _on_request(self, request: Request) -> None:
        self.requests.append(request.url)


class Visitor:
    """Opens the page as people do, and keeps watch."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[tuple[BrowserContext, Watch, str]] = []

    def open(  # noqa: PLR0913 - each is a way in which visitors differ
        self,
        proxy: Ingress,
        path: str = "",
        *,
        width: int = 1280,
        height: int = 900,
        scheme: str = "light",
        language: str = "en",
        script: str | None = None,
        touch: bool = False,
        network_trouble_expected: bool = False,
    ) -> Page:
        """Open the page in a browser profile of its own."""
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            locale=language,
            accept_downloads=True,
            has_touch=touch,
        )
        context.set_default_timeout(WITHIN_MS)
        watch = Watch(network_trouble_expected=network_trouble_expected)
        self._contexts.append((context, watch, proxy.origin))
        page = context.new_page()
        watch.attach(page)
        if script is not None:
            page.add_init_script(script)
        page.goto(f"{proxy.origin}{path}" if path.startswith("/") else f"{proxy.url}{path}")
        return page

    def leave(self) -> None:
        """Close everything and fail on complaints.

        What the browser says once it has been told to leave is no complaint of the page: it warns of every WebSocket
        that was about to open at that moment.
        """
        contexts, self._contexts = self._contexts, []
        for context, watch, _ in contexts:
            for page in context.pages:
                with suppress(PlaywrightError):  # of a page that is on its way elsewhere
                    page.evaluate("0")  # all that was said before has arrived when this returns
            watch.detach()
            context.close()
        for _, watch, origin in contexts:
            watch.check(origin)


def findings(page: Page) -> list[tuple[str, list[Any]]]:
    """Return all that the accessibility scan finds, best practices included, with some places of each."""
    return [
        (each["id"], [node["target"] for node in each["nodes"]][:3]) for each in Axe().run(page).response["violations"]
    ]


def texts_by_weight() -> dict[str, dict[str, int]]:
    """Return by language, the heaviest first, how many bytes each file of its texts has on the wire."""
    assets = Assets.load(FOLDER)
    weights = {
        path.stem: {name: len(gzip.compress(assets.body(name))) for name in (f"i18n/{path.name}", f"later/{path.name}")}
        for path in (FOLDER / "i18n").glob("*.json")
    }
    return dict(sorted(weights.items(), key=lambda each: -sum(each[1].values())))


def bytes_of_a_visit(browser: Browser, url: str, *, language: str) -> dict[str, dict[str, int]]:
    """Look at every tab with an empty cache; return by tab the bytes of each new file as they went over the wire.

    What the API answers depends on the house and is left out. The sheet of rooms, and with it the words of all that
    opens later, comes by itself after the first view.
    """
    requests: list[Request] = []
    context = browser.new_context(locale=language)
    context.set_default_timeout(WITHIN_MS)
    page = context.new_page()
    page.on("requestfinished", lambda request: requests.append(request))  # noqa: PLW0108 - Playwright marks its handlers
    page.goto(url)
    counts = {}
    for tab, shows in TABS.items():
        if tab != "rooms":
            page.locator(f'nav a[href="#{tab}"]').click()
        page.locator(shows).first.wait_for()
        if tab == "rooms":
            deadline = time.monotonic() + WITHIN_MS / 1000
            while not all(any(part in each.url for each in requests) for part in COMES_BY_ITSELF):
                assert time.monotonic() < deadline, [each.url for each in requests]
                page.wait_for_timeout(50)
        page.wait_for_load_state("networkidle")
        counts[tab] = len(requests)
    visit: dict[str, dict[str, int]] = {tab: {} for tab in (*TABS, "sheet")}
    for number, request in enumerate(requests):
        path = request.url.removeprefix(url)
        response = request.response()
        if response is None or path.startswith("api/"):
            continue
        name = path.removeprefix("static/").partition("/")[2] or "index.html"
        opened = next(tab for tab, count in counts.items() if number < count)
        tab = "sheet" if name.startswith(("sheet", "later")) else opened
        visit[tab][name] = int(response.header_value("content-length") or 0)
    context.close()
    return visit


def card(page: Page, zone: str) -> Locator:
    """Return a room's card by its place, such as 1.1."""
    return page.locator(f'[data-zone="zone.{zone}"]')


def target(place: Page | Locator) -> Locator:
    """Return the setpoint's spin button."""
    return place.get_by_role("spinbutton")
