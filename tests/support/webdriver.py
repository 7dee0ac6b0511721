"""Drives Debian's Firefox ESR and WebKitGTK, which Playwright does not: one small client over their two wires.

Firefox speaks Marionette (a length, a colon, JSON) by itself; WebKitGTK has a driver that speaks WebDriver over HTTP.
Both know the same commands.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.support.ports import free_port

FIREFOX = "firefox-esr"
WEBKIT_DRIVER = "WebKitWebDriver"
START_S = 60.0
WITHIN_S = 40.0
_PREFERENCES = {
    "marionette.port": 0,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "services.settings.server": "http://127.0.0.1:9/",
    "intl.accept_languages": "en",
    "remote.prefs.recommended": True,
}
Send = Callable[[str, str, dict[str, Any]], Any]


class Driven:
    """One browser with one page."""

    def __init__(self, name: str, send: Send) -> None:
        self.name = name
        self._send = send

    def go(self, url: str) -> None:
        self._send("Navigate", "POST url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a function in the page; return what it returns."""
        answer = self._send("ExecuteScript", "POST execute/sync", {"script": script, "args": list(arguments)})
        return answer["value"] if isinstance(answer, dict) and answer.keys() == {"value"} else answer

    def size(self, width: int, height: int) -> None:
        """Give the page this many pixels, whatever the window has around it."""
        for _ in range(2):
            around = self.run("return [outerWidth - innerWidth, outerHeight - innerHeight]")
            rect = {"width": width + around[0], "height": height + around[1]}
            self._send("SetWindowRect", "POST window/rect", rect)

    def press(self, selector: str) -> None:
        """Tap what is found first, as a mouse does."""
        x, y = self.centre(selector)
        self.pointer([(x, y)])

    def pointer(self, places: list[tuple[float, float]]) -> None:
        """Press the button at the first place, move over the others and let go."""
        moves = [
            {"type": "pointerMove", "duration": 40, "x": round(x), "y": round(y), "origin": "viewport"}
            for x, y in places
        ]
        actions = [moves[0], {"type": "pointerDown", "button": 0}, *moves[1:], {"type": "pointerUp", "button": 0}]
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions}
        self._send("PerformActions", "POST actions", {"actions": [mouse]})

    def centre(self, selector: str) -> tuple[float, float]:
        """Return where something is, once it is and is in sight."""
        script = """const found = document.querySelector(arguments[0]);
            if (!found) return null;
            found.scrollIntoView({ block: "center" });
            const box = found.getBoundingClientRect();
            return [box.left + box.width / 2, box.top + box.height / 2]"""
        x, y = self.until(script, selector)
        return x, y

    def until(self, script: str, *arguments: Any, within_s: float = WITHIN_S) -> Any:
        """Return what a script returns as soon as it is true."""
        end = time.monotonic() + within_s
        while True:
            found = self.run(script, *arguments)
            if found or time.monotonic() > end:
                assert found, f"{self.name}: not within {within_s:g} s: {script} {arguments}"
                return found
            time.sleep(0.1)

    def shows(self, selector: str, text: str = "") -> None:
        """Wait until something is in sight, with a text in it."""
        self.until(
            """return [...document.querySelectorAll(arguments[0])].some((each) =>
              each.getBoundingClientRect().width > 0 && each.textContent.includes(arguments[1]))""",
            selector,
            text,
        )


@contextmanager
def firefox(folder: Path) -> Iterator[Driven]:
    """Run Firefox ESR without a window."""
    port = free_port()
    lines = (_PREFERENCES | {"marionette.port": port}).items()
    (folder / "user.js").write_text(
        "\n".join(f"user_pref({json.dumps(key)}, {json.dumps(value)});" for key, value in lines)
    )
    environment = {**os.environ, "HOME": str(folder), "MOZ_HEADLESS": "1"}
    command = [FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", str(folder)]
    with _running(command, environment), _connected(port) as wire:
        _marionette_answer(wire)
        serial = iter(range(1, 1_000_000))

        def send(name: str, _: str, parameters: dict[str, Any]) -> Any:
            body = json.dumps([0, next(serial), f"WebDriver:{name}", parameters]).encode()
            wire.sendall(f"{len(body)}:".encode() + body)
            _, _, error, result = _marionette_answer(wire)
            assert error is None, error
            return result

        send("NewSession", "", {"capabilities": {"alwaysMatch": {"acceptInsecureCerts": False}}})
        yield Driven("Firefox", send)
        with suppress(OSError):
            body = json.dumps([0, 0, "Marionette:Quit", {"flags": ["eForceQuit"]}]).encode()
            wire.sendall(f"{len(body)}:".encode() + body)


@contextmanager
def webkit(folder: Path) -> Iterator[Driven]:
    """Run WebKitGTK's MiniBrowser on a screen that nobody sees."""
    port = free_port()
    display = f":{port}"
    browser = next(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
    environment = {
        **os.environ,
        "HOME": str(folder),
        "XDG_CACHE_HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "DISPLAY": display,
        "LANG": "en_US.UTF-8",
        "LANGUAGE": "en_US",
        "LC_ALL": "en_US.UTF-8",
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
        "GDK_BACKEND": "x11",
        "NO_AT_BRIDGE": "1",
    }
    options = {
        "browserName": "MiniBrowser",
        "webkitgtk:browserOptions": {"binary": str(browser), "args": ["--automation"]},
    }
    screen = ["Xvfb", display, "-screen", "0", "1400x1000x24", "-nolisten", "tcp", "-noreset"]
    with _running(screen, environment), _running([WEBKIT_DRIVER, f"--port={port}"], environment):
        with _connected(port):
            pass

        def ask(method: str, path: str, body: dict[str, Any] | None) -> Any:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S)
            connection.request(method, path, None if body is None else json.dumps(body))
            value = json.loads(connection.getresponse().read())["value"]
            connection.close()
            assert not (isinstance(value, dict) and "error" in value), value
            return value

        session = ask("POST", "/session", {"capabilities": {"alwaysMatch": options}})["sessionId"]

        def send(_: str, line: str, parameters: dict[str, Any]) -> Any:
            method, path = line.split()
            return ask(method, f"/session/{session}/{path}", parameters)

        yield Driven("WebKitGTK", send)
        ask("DELETE", f"/session/{session}", None)


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def _connected(port: int) -> Iterator[socket.socket]:
    end = time.monotonic() + START_S
    while True:
        try:
            wire = socket.create_connection(("127.0.0.1", port), timeout=START_S)
            break
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
    with wire:
        yield wire


def _marionette_answer(wire: socket.socket) -> Any:
    head = b""
    while not head.endswith(b":"):
        head += _received(wire, 1)
    return json.loads(_received(wire, int(head[:-1])))


def _received(wire: socket.socket, count: int) -> bytes:
    parts = b""
    while len(parts) < count:
        part = wire.recv(count - len(parts))
        assert part, "the browser has hung up"
        parts += part
    return parts
