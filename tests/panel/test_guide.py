"""The guide from an empty house to named rooms, in a browser, with serial lines and converters that are real.

One gateway serves all tests that need no Supervisor; each begins with nothing plugged in and nothing heard.
"""

from __future__ import annotations

import fcntl
import json
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from neasmart.store.files import folder_lock
from tests.panel.test_look import GEOMETRY
from tests.panel.test_texts import TOLD
from tests.support.bus import mbap
from tests.support.desk import BEFORE, HOUSE, QUICK, ROOMS, Desk, converter_that_dials, under_home_assistant
from tests.support.ingress import ingress
from tests.support.panel import Visitor, card, findings
from tests.support.plugs import ADAPTER, OTHER_ADAPTER, PAUSE_S, ZIGBEE, ZWAVE, plugs
from tests.support.ports import free_port
from tests.support.processes import GatewayProcess, eventually, running
from tests.support.uart import line, received

pytestmark = pytest.mark.xdist_group("browser")

TAPS = """addEventListener("pointerdown", () => {
  sessionStorage.setItem("taps", String(Number(sessionStorage.getItem("taps") ?? 0) + 1));
}, true);"""


def pieces(content: bytes, size: int = 40) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


LINES: dict[str, Sequence[bytes]] = {
    "noise.swapped": pieces(received(line(HOUSE, swapped=True))),
    "noise.speed_or_parity": pieces(received(line(HOUSE), speed=0.5)),
    "silent": (),
}


@pytest.fixture(scope="module")
def shared_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("guide")
    (folder / "config.json").write_text(json.dumps(BEFORE), encoding="utf-8")
    with (
        plugs(folder) as sockets,
        running(GatewayProcess(folder, **QUICK, **sockets.environment())) as gateway,
        ingress(gateway.ingress_port) as proxy,
    ):
        yield Desk(gateway=gateway, sockets=sockets, proxy=proxy)


@pytest.fixture
def desk(shared_desk: Desk) -> Desk:
    shared_desk.clear()
    return shared_desk


def device(page: Page, name: str) -> Locator:
    return page.locator(".device", has_text=name)


def button(place: Page | Locator, name: str) -> Locator:
    return place.get_by_role("button", name=name, exact=True)


def taps(page: Page) -> int:
    return int(page.evaluate("Number(sessionStorage.getItem('taps') ?? 0)"))


def name_all(page: Page, rooms: int = ROOMS) -> None:
    """Name each room by one tap and the keyboard, and put it on a floor."""
    page.get_by_label("Name of the room in base 1, zone 1").click()
    for number in range(1, rooms + 1):
        page.keyboard.type(f"Room {number}")
        page.keyboard.press("Tab")
        page.keyboard.type("Upstairs" if number > 4 else "Downstairs")
        page.keyboard.press("Tab")
    expect(page.locator(".step.done", has_text="Your rooms")).to_be_visible()


def test_a_dongle_from_the_opened_page_to_named_rooms(desk: Desk, visitor: Visitor) -> None:
    page = visitor.open(desk.proxy, script=TAPS)
    expect(page.get_by_role("heading", name="connect your heating")).to_be_visible()
    expect(page.locator(".device.none")).to_be_visible()

    desk.sockets.plug("ttyUSB1", ZIGBEE)
    stick = desk.sockets.plug("ttyUSB0")
    stick.say(HOUSE)
    expect(device(page, ADAPTER.product)).to_contain_text("plugged in just now")
    expect(device(page, "Zigbee")).to_contain_text("Known as a Zigbee stick, left alone")
    expect(device(page, "Zigbee").get_by_role("button")).to_have_count(0)
    assert desk.gateway.get("/api/v1/bus")["counters"]["bytes_received"] == 0

    button(device(page, ADAPTER.product), "Listen").click()
    expect(page.locator(".found li")).to_have_count(ROOMS)
    assert taps(page) == 1
    for meter in page.locator(".meters dd").all():
        expect(meter).not_to_have_text("0")
    assert stick.heard == b""
    assert desk.stored == BEFORE

    button(page.locator(".step", has_text="Your rooms"), "Keep it").click()
    expect(device(page, ADAPTER.product)).to_contain_text("in use")
    eventually(lambda: stick.heard)
    assert desk.stored == BEFORE | {"server": BEFORE["server"] | {"serial_port": str(stick.path)}}
    name_all(page)
    page.reload()
    expect(page.locator(".step.done")).to_have_count(4)
    page.get_by_role("link", name="Done, show the rooms").click()
    expect(card(page, "1.8")).to_contain_text("Room 8")
    expect(page.locator(".floor h2")).to_have_count(2)
    assert taps(page) == 4
    page.reload()
    expect(card(page, "1.8")).to_be_visible()
    assert desk.gateway.get("/api/v1/health")["settings"]["restart_needed"] == []
    visitor.leave()


def test_devices_come_and_go_while_one_looks(desk: Desk, visitor: Visitor) -> None:
    desk.sockets.plug("ttyUSB0")
    page = visitor.open(desk.proxy)
    expect(device(page, ADAPTER.product)).to_be_visible()

    desk.sockets.plug("ttyUSB1", OTHER_ADAPTER)
    desk.sockets.plug("ttyUSB2", ZWAVE)
    expect(page.locator(".device").first).to_contain_text("plugged in")
    expect(device(page, ZWAVE.product)).to_contain_text("Known as a Z-Wave stick")
    desk.sockets.pull("ttyUSB2")
    expect(device(page, ZWAVE.product)).to_have_count(0)

    button(device(page, OTHER_ADAPTER.product), "Listen").click()
    expect(page.locator("[data-finding^=silent]")).to_be_visible()
    desk.sockets.pull("ttyUSB1")
    expect(page.locator("[data-finding^=no_device]")).to_contain_text("Plug it in")
    desk.sockets.plug("ttyUSB1", OTHER_ADAPTER).say(HOUSE)
    expect(page.locator(".found li")).to_have_count(ROOMS)
    visitor.leave()


@pytest.mark.parametrize(("code", "language"), list(zip(LINES, ("de", "it", "fr"), strict=True)))
def test_what_is_wrong_with_the_line_is_said_in_the_owners_language(
    desk: Desk, visitor: Visitor, code: str, language: str
) -> None:
    desk.sockets.plug("ttyUSB0").say(LINES[code] or [b""])
    words = TOLD[language]
    page = visitor.open(desk.proxy, language=language, width=390, height=844, touch=True)

    button(device(page, ADAPTER.product), words["guide.listen"]).tap()

    said = page.locator(".step", has=page.locator(".meters")).locator(f"[data-finding='{code}']")
    expect(said.get_by_role("heading")).to_have_text(words[f"find.{code}"])
    expect(said).to_contain_text(words[f"help.{code}"])
    expect(page.get_by_role("img", name=words["find.noise.swapped"])).to_have_count(int(code == "noise.swapped"))
    assert page.evaluate(GEOMETRY) == []
    assert findings(page) == []
    visitor.leave()


def test_wires_that_are_exchanged_while_one_looks_bring_the_rooms(desk: Desk, visitor: Visitor) -> None:
    stick = desk.sockets.plug("ttyUSB0")
    stick.say(LINES["noise.swapped"])
    page = visitor.open(desk.proxy)
    button(device(page, ADAPTER.product), "Listen").click()
    expect(page.locator("[data-finding='noise.swapped']")).to_contain_text("Exchange the two wires")

    stick.say(HOUSE)

    expect(page.locator(".found li")).to_have_count(ROOMS)
    expect(page.locator("[data-finding='noise.swapped']")).to_have_count(0)
    visitor.leave()


def test_a_port_that_another_program_has_is_said_and_opened_once_it_is_free(desk: Desk, visitor: Visitor) -> None:
    stick = desk.sockets.plug("ttyUSB0")
    command = ["flock", "--exclusive", str(stick.path), "cat"]
    with subprocess.Popen(command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write(b"has it\n")
        assert other.stdout.readline() == b"has it\n"
        page = visitor.open(desk.proxy)
        button(device(page, ADAPTER.product), "Listen").click()

        expect(page.locator("[data-finding=device_busy]")).to_contain_text("Stop the other program")
        other.stdin.close()
        other.wait(30)
    stick.say(HOUSE)
    expect(page.locator(".found li")).to_have_count(ROOMS)
    visitor.leave()


def test_a_device_that_vanishes_before_the_tap_is_said_and_nothing_is_lost(desk: Desk, visitor: Visitor) -> None:
    desk.sockets.plug("ttyUSB0")
    page = visitor.open(desk.proxy, language="de", network_trouble_expected=True)
    listen = button(device(page, ADAPTER.product), "Mithören")
    expect(listen).to_be_visible()
    page.route("**/api/v1/setup", lambda route: route.abort())

    desk.sockets.pull("ttyUSB0")
    listen.click()

    expect(page.get_by_role("alert")).to_contain_text("Stecken Sie ihn wieder ein")
    assert desk.stored == BEFORE
    visitor.leave()


def test_every_way_back_and_forth_and_a_reload_finds_its_place(desk: Desk, visitor: Visitor) -> None:
    first, second = desk.sockets.plug("ttyUSB0"), desk.sockets.plug("ttyUSB1", OTHER_ADAPTER)
    page = visitor.open(desk.proxy)
    a, b = device(page, ADAPTER.product), device(page, OTHER_ADAPTER.product)

    def link() -> Any:
        return desk.on_page("GET", "setup")["link"]

    button(a, "Listen").click()
    expect(button(a, "Keep it")).to_be_visible()
    page.reload()
    expect(button(a, "Keep it")).to_be_visible()
    expect(button(b, "Listen")).to_be_visible()
    button(b, "Listen").click()
    expect(button(b, "Keep it")).to_be_visible()
    expect(button(a, "Listen")).to_be_visible()
    assert link()["kind"] == "listen"
    button(page, "Let it call").click()
    expect(button(b, "Listen")).to_be_visible()
    expect(button(page, "Let it call")).to_have_count(0)

    button(a, "Listen").click()
    button(a, "Keep it").click()
    expect(a).to_contain_text("in use")
    button(b, "Listen").click()
    expect(button(b, "Keep it")).to_be_visible()
    expect(a).not_to_contain_text("in use")
    button(a, "Back to it").click()
    expect(a).to_contain_text("in use")
    assert link()["device"] == str(first.path)
    first.say(HOUSE)
    expect(page.locator(".found li")).to_have_count(ROOMS)
    eventually(lambda: first.heard)

    page.get_by_role("link", name="Connection").click()
    button(b, "Listen").click()
    expect(page.locator("[data-finding=silent]")).to_contain_text("Check the three wires")
    for meter in page.locator(".meters dd").all():
        expect(meter).to_have_text(re.compile("^[0\N{EN DASH}]$"))
    button(b, "Keep it").click()
    expect(b).to_contain_text("in use")
    assert link()["device"] == str(second.path)
    button(page, "Let it call").click()
    expect(button(page, "Let it call")).to_have_count(0)
    assert desk.stored == BEFORE
    visitor.leave()


def test_a_converter_that_calls_needs_no_tap_before_its_rooms_are_there(desk: Desk, visitor: Visitor) -> None:
    desk.proxy.opened_as = "homeassistant.local:8123"
    page = visitor.open(desk.proxy, script=TAPS)
    expect(device(page, "A network converter")).to_contain_text(
        f"enter homeassistant.local, port {desk.gateway.bus_port} in it"
    )
    expect(page.locator("[data-finding=nobody_dials]")).to_contain_text("Choose the USB adapter if you have one.")

    with converter_that_dials(desk.gateway.bus_port) as setpoints:
        expect(page.locator(".found li")).to_have_count(ROOMS)
        assert taps(page) == 0
        expect(page.locator(".found .turned")).to_have_count(0)
        setpoints[3] = 0x0C33
        expect(page.locator(".found .turned")).to_contain_text("Base 1, zone 3")
        name_all(page)
        page.get_by_role("link", name="Done, show the rooms").click()
        expect(card(page, "1.1")).to_contain_text("Room 1")
    assert taps(page) == 2
    assert desk.stored == BEFORE
    visitor.leave()


@contextmanager
def converter_that_waits(say: Callable[[], Sequence[bytes]]) -> Iterator[int]:
    """Play a converter that is called, and says the same for ever; give its port."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)

        def run() -> None:
            while not stop.is_set():
                try:
                    caller, _ = server.accept()
                except TimeoutError:
                    continue
                with caller:
                    try:
                        while not stop.is_set():
                            for each in say():
                                caller.sendall(each)
                                stop.wait(PAUSE_S)
                    except OSError:
                        continue

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            thread.join(30)


def test_a_converter_that_is_called_is_tried_at_once(desk: Desk, visitor: Visitor) -> None:
    words: list[Sequence[bytes]] = [[mbap("f0 03 0064 00 02", number) for number in range(1, 20)]]
    page = visitor.open(desk.proxy, script=TAPS, network_trouble_expected=True)
    address = page.get_by_label("Address and port of the converter")

    for slip in ("192.168.1.30", "converter:0", "a b:80"):
        address.fill(slip)
        button(page, "Call it").click()
        expect(page.get_by_role("alert")).to_contain_text("such as 192.168.1.30:8899")
    page.evaluate("sessionStorage.removeItem('taps')")
    address.fill(f"127.0.0.1:{free_port()}")
    address.press("Enter")
    expect(page.locator("[data-finding=cannot_dial]")).to_contain_text("Check its power")
    expect(page.get_by_role("alert")).to_have_count(0)

    with converter_that_waits(lambda: words[0]) as port:
        address.fill(f"127.0.0.1:{port}")
        button(page, "Call it").click()
        expect(page.locator("[data-finding='noise.mbap_dialled']")).to_contain_text("transparent")
        assert desk.stored == BEFORE
        words[0] = HOUSE
        expect(page.locator(".found li")).to_have_count(ROOMS)
        assert taps(page) == 1

        page.reload()
        expect(address).to_have_value(f"127.0.0.1:{port}")
        button(device(page, "A network converter"), "Keep it").click()
        expect(device(page, "A network converter")).to_contain_text("in use")
        assert desk.stored["server"] == BEFORE["server"] | {"url": f"socket://127.0.0.1:{port}"}
        button(page, "Let it call").click()
        expect(page.locator(".toast")).to_contain_text("from now on")
        eventually(lambda: desk.stored == BEFORE)
    visitor.leave()


def focus(page: Page, place: Locator) -> None:
    """Go there by the keyboard alone."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if place.evaluate("node => node === document.activeElement"):
            return
    raise AssertionError(f"the keyboard does not reach {place}")


def test_the_keyboard_alone_leads_through_the_guide(desk: Desk, visitor: Visitor) -> None:
    stick = desk.sockets.plug("ttyUSB0")
    stick.say(HOUSE)
    page = visitor.open(desk.proxy, script=TAPS, width=320, height=700)
    listen = button(device(page, ADAPTER.product), "Listen")
    expect(listen).to_be_visible()

    focus(page, listen)
    page.keyboard.press("Enter")
    expect(page.locator(".found li")).to_have_count(ROOMS)
    assert page.evaluate(GEOMETRY) == []
    keep = button(device(page, ADAPTER.product), "Keep it")
    expect(keep).to_be_focused()
    page.keyboard.press("Space")
    expect(device(page, ADAPTER.product)).to_contain_text("in use")
    focus(page, page.get_by_label("Name of the room in base 1, zone 1"))
    page.keyboard.type("Bath")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_have_text("Saved")
    focus(page, page.get_by_role("link", name="Done, show the rooms"))
    page.keyboard.press("Enter")
    expect(card(page, "1.1")).to_contain_text("Bath")
    assert taps(page) == 0
    visitor.leave()


def test_under_home_assistant_the_port_is_opened_and_what_it_refuses_is_said(tmp_path: Path, visitor: Visitor) -> None:
    with under_home_assistant(tmp_path) as (supervisor, desk):
        port = desk.gateway.bus_port
        stick = desk.sockets.plug("ttyUSB0")
        page = visitor.open(desk.proxy, script=TAPS, network_trouble_expected=True)
        expect(device(page, "A network converter")).to_contain_text(f"Port {port} of this app is closed.")

        before = supervisor.options
        button(device(page, ADAPTER.product), "Listen").click()
        supervisor.refuses = "App is not ready"
        button(device(page, ADAPTER.product), "Keep it").click()
        expect(page.get_by_role("alert")).to_contain_text("the previous settings stay in use")
        expect(page.get_by_role("alert")).to_contain_text("App is not ready")
        supervisor.refuses = None
        assert supervisor.options == before
        button(device(page, ADAPTER.product), "Keep it").click()
        expect(device(page, ADAPTER.product)).to_contain_text("in use")
        expect(page.get_by_role("alert")).to_have_count(0)
        assert supervisor.options["server"]["serial_port"] == str(stick.path)
        button(page, "Let it call").click()
        eventually(lambda: supervisor.options == before)

        page.evaluate("sessionStorage.removeItem('taps')")
        button(page, "Open the port").click()
        expect(page.get_by_text("This takes effect after a restart of the app.")).to_be_visible()
        assert supervisor.network == {f"{port}/tcp": port, "5001/tcp": None}
        button(page, "Restart the app").click()
        expect(page.locator(".toast")).to_contain_text("restarts")
        eventually(lambda: supervisor.restarts == 1)
        with converter_that_dials(port):
            expect(page.locator(".found li")).to_have_count(ROOMS)
        assert taps(page) == 2
        expect(page.get_by_role("alert")).to_have_count(0)
        expect(page.get_by_text("of this app is closed")).to_have_count(0)
        visitor.leave()


def test_after_a_power_cut_the_page_says_what_it_knows_and_what_it_waits_for(tmp_path: Path, visitor: Visitor) -> None:
    (tmp_path / "config.json").write_text(json.dumps(BEFORE), encoding="utf-8")
    with (
        plugs(tmp_path) as sockets,
        running(GatewayProcess(tmp_path, **QUICK, **sockets.environment())) as gateway,
        ingress(gateway.ingress_port) as proxy,
    ):
        desk = Desk(gateway=gateway, sockets=sockets, proxy=proxy)
        with converter_that_dials(gateway.bus_port):
            eventually(lambda: gateway.get("/api/v1/zones")["count"] == ROOMS)
            desk.on_page("PUT", "rooms", {"rooms": [{"base_id": 1, "zone_id": 1, "name": "Bath"}]})
            stored = gateway.get("/api/v1/health")["database"]["transactions"]
            eventually(lambda: gateway.get("/api/v1/health")["database"]["transactions"] > stored)
        gateway.stop(signal.SIGKILL)
        gateway.start()

        for language, words in TOLD.items():
            page = visitor.open(proxy, language=language)
            expect(card(page, "1.1")).to_contain_text("Bath")
            said = page.locator("[data-finding=from_before]").get_by_role("heading")
            before, after = words["find.from_before_no_link"].split("{time}")
            expect(said).to_contain_text(before)
            expect(said).to_contain_text(after.replace("{why}", words["find.nobody_dials"]))
        assert page.evaluate(GEOMETRY) == []
        with converter_that_dials(gateway.bus_port):
            expect(page.locator("[data-finding=from_before]")).to_have_count(0)
        visitor.leave()


def test_a_storage_that_opens_late_leaves_no_guide_over_rooms_that_are_known(tmp_path: Path, visitor: Visitor) -> None:
    with running(GatewayProcess(tmp_path)) as gateway, ingress(gateway.ingress_port) as proxy:
        with converter_that_dials(gateway.bus_port):
            eventually(lambda: gateway.get("/api/v1/zones")["count"] == ROOMS)
        gateway.stop()
        with (tmp_path / folder_lock.NAME).open("rb") as another:
            fcntl.flock(another, fcntl.LOCK_EX)
            gateway.start()
            page = visitor.open(proxy)
            guide = page.get_by_role("heading", name=TOLD["en"]["guide.title"])
            expect(guide).to_be_visible()

        expect(card(page, "1.1")).to_be_visible(timeout=20_000)
        expect(guide).to_have_count(0)
        visitor.leave()
