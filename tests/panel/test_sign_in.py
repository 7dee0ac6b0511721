"""The page as a Docker host without a screen is set up: from another computer, by the key, on a phone."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.panel import WITHIN_MS, card, findings
from tests.support.ports import free_port
from tests.support.processes import PACKAGE_ROOT, GatewayProcess, eventually, running

pytestmark = pytest.mark.xdist_group("browser")

KEY = "a-key-that-nobody-guesses-0123456789"
DOCKER = {
    "NEASMART_API_HOST": "0.0.0.0",
    "NEASMART_API_ENABLE_AUTH": "true",
    "NEASMART_API_KEY": KEY,
    "NEASMART_MQTT_ENABLED": "false",
}


class Remote(GatewayProcess):
    """A gateway whose page is opened on another computer."""

    @property
    def address(self) -> str:
        """Where another computer finds the page: an address of this machine that is not loopback."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
            return f"http://{probe.getsockname()[0]}:{self.api_port}/"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Remote]:
    # The kind of link and where it listens are left open, so that the guide may decide.
    process = Remote(tmp_path, **DOCKER)
    del process.environment["NEASMART_SERVER_PORT"]
    process.environment["NEASMART_CONFIG_FILE"] = str(tmp_path / "config.json")
    (tmp_path / "config.json").write_text("{}")
    with running(process) as started:
        yield started


@contextmanager
def converter() -> Iterator[int]:
    """A converter on a base with its house that waits for somebody to dial."""
    port = free_port()
    line = [sys.executable, "-m", "neasmart", "simulate", "--rtu-listen", f"127.0.0.1:{port}", "--cycle", "0.5"]
    with subprocess.Popen(line, cwd=PACKAGE_ROOT, stderr=subprocess.DEVNULL) as base:
        try:
            yield port
        finally:
            base.terminate()


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="de-DE", has_touch=True)
    context.set_default_timeout(WITHIN_MS)
    yield context.new_page()
    context.close()


def sign_in(page: Page, key: str = KEY) -> None:
    page.get_by_label("Schlüssel").fill(key)
    page.get_by_role("button", name="Anmelden").click()


def test_a_phone_signs_in_sets_up_the_link_commands_a_room_and_signs_out(gateway: Remote, phone: Page) -> None:
    phone.goto(gateway.address)
    expect(phone.get_by_label("Schlüssel")).to_be_focused()
    assert findings(phone) == []
    sign_in(phone, "not-the-key")
    expect(phone.get_by_role("alert")).to_contain_text("gilt nicht")
    sign_in(phone)
    # The first page of a house without rooms is the guide.
    expect(phone.locator(".guide")).to_be_visible()

    with converter() as port:
        phone.locator("input[name=address]").fill(f"127.0.0.1:{port}")
        phone.get_by_role("button", name="Anrufen").click()
        phone.get_by_role("button", name="Übernehmen").click()
        phone.get_by_role("link", name="Fertig, Räume zeigen").click()
        expect(card(phone, "1.1")).to_be_visible()

        phone.get_by_role("button", name="Wärmer, Raum 1.1").tap()
        expect(phone.locator("[data-said]")).to_contain_text("Raum 1.1, Solltemperatur: 22,0 °C. Bestätigt.")

        phone.reload()
        expect(card(phone, "1.1")).to_be_visible()
        phone.goto(f"{gateway.address}#connection")
        expect(phone.locator(".commands tbody tr").first).to_contain_text("diese Seite")
        phone.get_by_role("button", name="Abmelden").click()

    expect(phone.get_by_label("Schlüssel")).to_be_visible()
    phone.go_back()
    expect(phone.get_by_label("Schlüssel")).to_be_visible()
    assert phone.context.cookies() == []
    assert KEY not in gateway.log
    assert "sign-in?" not in gateway.log


def test_under_home_assistant_the_port_has_no_page_whatever_is_switched_on(tmp_path: Path) -> None:
    with running(Remote(tmp_path, **DOCKER, SUPERVISOR_TOKEN="a token of the Supervisor")) as gateway:
        for path in ("/", "/sign-in", "/session", "/static/x/main.js", "/api/v1/setup"):
            status, answer = gateway.call("GET", path)
            assert (status, answer["code"]) == (401, "unauthorized"), path


def test_a_changed_key_leads_an_open_page_back_to_the_form(gateway: Remote, phone: Page) -> None:
    phone.goto(gateway.address)
    sign_in(phone)
    expect(phone.locator(".guide")).to_be_visible()
    (cookie,) = phone.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")

    gateway.stop()
    gateway.start()
    expect(phone.locator(".guide")).to_be_visible()
    phone.reload()
    expect(phone.locator(".guide")).to_be_visible()  # a restart ends no session
    gateway.stop()
    gateway.environment["NEASMART_API_KEY"] = "another-key-of-the-owner-0123456789"
    gateway.start()

    expect(phone.get_by_role("alert")).to_contain_text("Sitzung ist abgelaufen")
    eventually(lambda: phone.context.cookies() == [])
