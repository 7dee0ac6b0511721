"""A page before a stage: the real page and the gateway's real documents, but a clock and a house that are told.

Every request is answered from here, so a picture is the same on every machine and needs no process.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from playwright.sync_api import Browser, BrowserContext, Page, Route, WebSocketRoute

from neasmart import __version__
from neasmart.core.gateway import Gateway
from neasmart.facts.codecs import Value
from neasmart.facts.points import TABLE
from neasmart.facts.status import LinkStatus
from neasmart.web.answers import page_documents, table_document
from neasmart.web.api.history import MAX_POINTS, limits, replayed
from neasmart.web.assets import FOLDER, Assets
from neasmart.web.sign_in import Form
from tests.support.gateways import FakeClock, base_reports, base_writes, make_gateway
from tests.support.panel import WITHIN_MS

ORIGIN = "http://page.test"
WITH_STYLE = """text => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  document.adoptedStyleSheets.push(sheet);
}"""
NOW = datetime(2026, 1, 15, 20, 30, tzinfo=UTC)
STANDS_AFTER = timedelta(seconds=40)
"""Later than any machine needs to open a page and to do what a test does before the clock is told alone."""
FONT = Path(__file__).parents[1] / "panel" / "fonts" / "roboto-latin-wght-normal.woff2"
STANDBY_SETPOINT = 0x8116
_TYPES = {".css": "text/css", ".js": "text/javascript", ".json": "application/json", ".svg": "image/svg+xml"}
FONT_STYLE = """
@font-face { font-family: "Test"; src: url("/test-font.woff2"); font-weight: 100 900; }
html:root, html:root body { font-family: "Test", sans-serif; }
html:root code, html:root .raw { font-family: "Test", monospace; }
* { animation: none !important; transition: none !important; caret-color: transparent !important; }
"""
_RESULT = Mapping[str, Any]
DAY_S = 86_400
SAMPLE_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedRoom:
    """One room: what it is called and what it reports; `drift` is its change in the last hour."""

    base: int
    zone: int
    name: str
    temperature: float
    setpoint: float | None = 21.0
    state: int = 1
    humidity: int | None = None
    floor: str = ""
    drift: float = 0.0


ROOMS = (
    StagedRoom(
        base=1,
        zone=1,
        name="Living room",
        temperature=20.7,
        setpoint=21.5,
        humidity=45,
        drift=0.4,
        floor="Ground floor",
    ),
    StagedRoom(base=1, zone=2, name="Kitchen", temperature=21.2, setpoint=20.0, humidity=48, floor="Ground floor"),
    StagedRoom(
        base=1,
        zone=3,
        name="Dining room",
        temperature=19.8,
        setpoint=21.0,
        humidity=47,
        drift=0.3,
        floor="Ground floor",
    ),
    StagedRoom(base=1, zone=4, name="Hall", temperature=18.9, setpoint=19.0, state=4, floor="Ground floor"),
    StagedRoom(
        base=2, zone=1, name="Bathroom", temperature=22.9, setpoint=23.0, state=5, humidity=71, floor="First floor"
    ),
    StagedRoom(
        base=2,
        zone=2,
        name="Bedroom",
        temperature=17.6,
        setpoint=18.5,
        state=2,
        humidity=42,
        drift=-0.3,
        floor="First floor",
    ),
    StagedRoom(
        base=2,
        zone=3,
        name="Children's room",
        temperature=20.6,
        setpoint=21.0,
        humidity=48,
        drift=0.2,
        floor="First floor",
    ),
    StagedRoom(base=2, zone=4, name="Study", temperature=19.2, setpoint=None, state=3, drift=-0.4, floor="First floor"),
    StagedRoom(base=5, zone=1, name="Workshop", temperature=16.1, setpoint=17.0, humidity=45, floor="Cellar"),
    StagedRoom(base=5, zone=2, name="Guest room", temperature=19.1, setpoint=20.0, floor="Cellar"),
    StagedRoom(base=5, zone=12, name="Wine", temperature=13.5, setpoint=14.0, humidity=66, floor="Cellar"),
)


def many_rooms() -> tuple[StagedRoom, ...]:
    """Return sixty rooms on five floors."""
    dice = random.Random(60)
    return tuple(
        StagedRoom(
            base=base,
            zone=zone,
            name=f"Room {base}{zone:02d}",
            temperature=round(dice.uniform(17, 24), 1),
            setpoint=dice.choice((19.0, 20.5, 21.0, 22.0)),
            state=dice.choice((1, 1, 1, 2, 4)),
            humidity=dice.choice((None, 40, 52)),
            floor=f"Floor {base}",
            drift=round(dice.uniform(-0.5, 0.5), 1),
        )
        for base in range(1, 6)
        for zone in range(1, 13)
    )


SETUP: _RESULT = {
    "link": {"kind": "serial", "device": "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI", "url": None},
    "devices": [
        {
            "path": "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI",
            "name": "FT232R USB UART",
            "maker": "FTDI",
            "known_as": None,
            "chosen": True,
            "appeared_s": None,
            "problem": None,
        },
        {
            "path": "/dev/serial/by-id/usb-1a86_USB_Serial",
            "name": "USB Serial",
            "maker": "QinHeng",
            "known_as": None,
            "chosen": False,
            "appeared_s": 3.0,
            "problem": None,
        },
        {
            "path": "/dev/serial/by-id/usb-ITEAD_SONOFF_Zigbee",
            "name": "Sonoff Zigbee 3.0 USB Dongle Plus",
            "maker": "ITEAD",
            "known_as": "zigbee",
            "chosen": False,
            "appeared_s": None,
            "problem": None,
        },
    ],
    "converter": {"host": "homeassistant.local", "port": 502, "port_open": False, "can_open_port": True},
    "decided_by": "supervisor",
    "restart_needed": False,
}


@dataclass(kw_only=True)
class Stage:
    """What the page is told; tests change it before or while the page is open."""

    rooms: Sequence[StagedRoom] = ROOMS
    keeps_rooms: bool = True
    doctor: _RESULT = field(default_factory=lambda: doctor("healthy", "ok", receiving=True))
    status: dict[str, Any] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    setup: _RESULT | None = field(default_factory=lambda: SETUP)
    answers: dict[str, Callable[[Route], None]] = field(default_factory=dict)
    """By method and path below `api/v1`, such as "PUT points/global.state"."""
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    history_fails: str | None = None
    known_s: float = 3 * DAY_S
    """For how long anything is known."""
    is_gone: bool = False
    socket: WebSocketRoute | None = None

    def __post_init__(self) -> None:
        self.clock = FakeClock(wall_offset_s=NOW.timestamp() - 1000.0)
        self.gateway = self._filled()
        self.serial = 0

    def snapshot(self) -> dict[str, Any]:
        document: dict[str, Any] = msgspec.to_builtins(page_documents.snapshot(self.gateway, self.clock.now, 3.4))
        document["status"] |= {"doctor": self.doctor, **self.status}
        for zone in document["zones"]:
            room = self.room(zone["base_id"], zone["zone_id"])
            zone["name"] = room.name if room else None
        return document

    def schema(self) -> dict[str, Any]:
        return {**msgspec.to_builtins(table_document.schema(TABLE)), "history": limits()}

    def room(self, base: int, zone: int) -> StagedRoom | None:
        return next((each for each in self.rooms if (each.base, each.zone) == (base, zone)), None)

    def tell(self, **changes: Any) -> None:
        """Send changes to the open page."""
        assert self.socket is not None
        self.socket.send(json.dumps({"type": "changes", "readings": [], "commands": [], "status": {}, **changes}))

    def die(self) -> None:
        """End as a gateway does behind Home Assistant, which then answers itself."""
        assert self.socket is not None
        self.is_gone = True
        self.answers["GET snapshot"] = lambda route: route.fulfill(status=502, body="Bad Gateway")
        self.socket.close()

    def command(self, point: str, value: float, state: str = "queued", **more: Any) -> dict[str, Any]:
        """Return a command as the gateway would tell it."""
        self.serial += 1
        at = NOW.isoformat()
        return {
            "id": f"c{self.serial}",
            "point": point,
            "value": value,
            "raw": 0,
            "origin": "panel",
            "state": state,
            "queued_at": at,
            "delivered_at": None,
            "ended_at": None,
            "read_by": [],
            "reason": None,
            "reason_code": None,
            "reason_value": None,
            "warning": None,
            **more,
        }

    def room_records(self) -> list[dict[str, Any]]:
        return [
            {
                "base_id": room.base,
                "zone_id": room.zone,
                "name": room.name,
                "floor": room.floor,
                "position": at,
                "hidden": False,
            }
            for at, room in enumerate(self.rooms, 1)
        ]

    def _filled(self) -> Gateway:
        gateway = make_gateway(self.clock)
        gateway.hub.publish(
            "status/link",
            LinkStatus(connected=True, code="connected", detail="The link is open.", description="/dev/ttyUSB0"),
        )
        if not self.rooms:
            return gateway
        common = {
            "global.mode": 2,
            "global.state": 1,
            "global.error": 0,
            "global.warning": 0,
            "global.hint": 0,
            "global.outside_temperature": 2.4,
            "global.filtered_outside_temperature": 5.0,
            "mixed_circuit.1.valve_opening": 50,
            "mixed_circuit.1.pump": 1,
            "mixed_circuit.1.flow_temperature": 35.0,
            "mixed_circuit.1.return_temperature": 30.0,
            "dehumidifier.1.running": 0,
            "pump.1.running": 1,
        }
        for ref, value in {**common, **self.values}.items():
            base_reports(gateway, ref, value)
        for room in self.rooms:
            place = f"zone.{room.base}.{room.zone}"
            base_reports(gateway, f"{place}.state", room.state)
            if room.setpoint is None:
                base_writes(gateway, f"{place}.setpoint", STANDBY_SETPOINT)
            else:
                base_reports(gateway, f"{place}.setpoint", room.setpoint)
            base_reports(gateway, f"{place}.temperature", room.temperature)
            if room.humidity is not None:
                base_reports(gateway, f"{place}.humidity", room.humidity)
        return gateway

    def history(self, query: Mapping[str, list[str]]) -> dict[str, Any]:
        """Return a course that bends smoothly to what is reported now."""
        now_s = NOW.timestamp()
        to_s = _time(query, "to", now_s)
        from_s = _time(query, "from", to_s - DAY_S)
        series = [
            {"id": point, "unit": None, "points": self._course(point, max(from_s, now_s - self.known_s), to_s)}
            for point in query["points"][0].split(",")
        ]
        return {"from": _iso(from_s), "to": _iso(to_s), "series": series}

    def _course(self, point: str, from_s: float, to_s: float) -> Sequence[tuple[float, Value]]:
        derived = TABLE.derived.get(point)
        if derived is not None:
            sources = {each.address: self._course(each.id, from_s, to_s) for each in chain(*derived.sources.values())}
            return replayed(derived, sources, self.gateway.derived.replayed, MAX_POINTS)
        reading = self.gateway.plant.reading(TABLE.ref(point))
        if reading.value is None:
            return []
        end, now_s = float(reading.value), NOW.timestamp()
        times = [from_s + step * SAMPLE_S for step in range(int((to_s - from_s) // SAMPLE_S) + 1)]
        if point.endswith(("state", "mode")):
            night = 2.0
            return [(from_s, end), (now_s - 14 * 3600, night), (now_s - 8 * 3600, None), (now_s - 7 * 3600, end)]
        if point.endswith("setpoint"):
            return [(from_s, end), (now_s - 14 * 3600, end - 2), (now_s - 8 * 3600, end)]
        room = self.room(*reading.ref.index) if reading.ref.group.key == "zone" else None
        drift = room.drift if room else 0.2
        phase = sum(map(ord, point)) % 7
        return [
            (
                at,
                round(
                    end
                    - drift * min(1.0, (now_s - at) / 3600)
                    + 0.9 * math.sin((at - now_s) / 14_000 + phase)
                    - 0.9 * math.sin(phase),
                    2,
                ),
            )
            for at in times
        ]


def why(code: str, value: float | None = None) -> dict[str, Any]:
    """Return what tells why a command ended."""
    return {"reason": code, "reason_code": code, "reason_value": value}


def doctor(code: str, level: str, *, receiving: bool, **more: Any) -> dict[str, Any]:
    """Return a verdict as the doctor publishes it."""
    return {
        "state": code.partition(".")[0],
        "hint": code.partition(".")[2] or None,
        "code": code,
        "level": level,
        "receiving": receiving,
        "sentence": "What the doctor says.",
        "advice": "What to do.",
        "evidence": ["5 bytes"],
        "parameters": {"ids": "240, 241", "others": "16"},
        "since": "2026-01-15T20:00:00Z",
        **more,
    }


def stand(page: Page) -> None:
    """Stop the clock of a page, which runs by itself; until `resume` only `run_for` moves it, and nothing is drawn."""
    page.clock.pause_at(NOW + STANDS_AFTER)


@cache
def page_files() -> Assets:
    """Return the page's files; read in a thread of their own, because Playwright's loop runs in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(Assets.load, FOLDER).result()


class Theatre:
    """Opens pages before stages, all in one browser."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._assets = page_files()
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []

    def open(  # noqa: PLR0913 - each is a way in which visitors differ
        self,
        stage: Stage,
        hash_: str = "",
        *,
        width: int = 1280,
        height: int = 900,
        scheme: str = "light",
        language: str = "en",
        touch: bool = False,
        forced_colors: str = "none",
        script: str | None = None,
        style: str = "",
        time_zone: str = "UTC",
    ) -> Page:
        """Open the page, its clock set and running, when its first drawing is there."""
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            locale=language,
            has_touch=touch,
            reduced_motion="reduce",
            forced_colors="active" if forced_colors == "active" else "none",
            timezone_id=time_zone,
        )
        context.set_default_timeout(WITHIN_MS)
        self._contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda message: self.complaints.append(message.text) if message.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.clock.install(time=NOW)
        page.route("**/*", lambda route: self._answer(stage, route))
        page.route_web_socket("**/api/v1/live", lambda socket: self._converse(stage, socket))
        if script:
            page.add_init_script(script)
        page.goto(f"{ORIGIN}/{hash_}")
        page.add_style_tag(url="/test-style.css")
        if style:
            page.evaluate(
                WITH_STYLE,
                style,
            )
        page.wait_for_function("!document.getElementById('page')?.hasAttribute('aria-busy')")
        page.evaluate("document.fonts.load('400 14px Test').then(() => document.fonts.ready)")
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        self._contexts.clear()

    def _converse(self, stage: Stage, socket: WebSocketRoute) -> None:
        stage.socket = socket
        if stage.is_gone:
            socket.close()
            return
        socket.send(json.dumps({"type": "hello", "version": __version__}))
        socket.send(json.dumps(stage.snapshot()))

    def _answer(self, stage: Stage, route: Route) -> None:
        parts = urlsplit(route.request.url)
        path = parts.path.removeprefix("/")
        if path == "":
            assert self._assets.index is not None
            route.fulfill(
                body=self._assets.index.body,
                content_type="text/html; charset=utf-8",
                headers={"Content-Security-Policy": "default-src 'self'"},
            )
        elif path == "sign-in":
            form = Form(self._assets).text(route.request.headers["accept-language"], parts.query or None)
            route.fulfill(body=form, content_type="text/html; charset=utf-8")
        elif path == "test-font.woff2":
            route.fulfill(body=FONT.read_bytes(), content_type="font/woff2")
        elif path == "test-style.css":
            route.fulfill(body=FONT_STYLE, content_type="text/css")
        elif path.startswith("static/"):
            body = self._assets.body(path.split("/", 2)[2])
            route.fulfill(body=body, content_type=_TYPES[Path(path).suffix])
        else:
            self._answer_api(stage, route, path.removeprefix("api/v1/"), parts.query)

    def _answer_api(self, stage: Stage, route: Route, path: str, query: str) -> None:
        request = route.request
        sent = json.loads(request.post_data) if request.post_data else None
        stage.asked.append((request.method, path, sent))
        own = stage.answers.get(f"{request.method} {path}")
        if own is not None:
            own(route)
        elif path == "snapshot":
            route.fulfill(json=stage.snapshot())
        elif path == "schema":
            route.fulfill(json=stage.schema())
        elif path == "history" and stage.history_fails:
            route.fulfill(status=503, json={"error": stage.history_fails, "code": "store", "status": 503})
        elif path == "history":
            route.fulfill(json=stage.history(parse_qs(query)))
        elif path == "rooms" and stage.keeps_rooms:
            route.fulfill(json={"rooms": stage.room_records()})
        elif path.startswith("setup") and stage.setup is not None:
            kind = "dial" if "url" in (sent or {}) else "serial"
            tried = {"kind": kind, "device": None, "url": None, **(sent or {})} if path == "setup/listen" else None
            route.fulfill(json={**stage.setup, "listening": tried})
        elif request.method == "PUT" and path.startswith("points/"):
            value = (sent or {})["value"]
            route.fulfill(status=202, json=stage.command(path.removeprefix("points/"), value))
        elif path.endswith("/undo"):
            route.fulfill(json={"withdrawn": [path.split("/")[1]], "commands": []})
        else:
            route.fulfill(status=404, json={"error": "Unknown path", "code": "not_found", "status": 404})


def _time(query: Mapping[str, list[str]], name: str, other: float) -> float:
    return datetime.fromisoformat(query[name][0]).timestamp() if name in query else other


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, tz=UTC).isoformat()
