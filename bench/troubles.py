"""The faults of a soak that come from outside, each from time to time, and what each of them must not bring about."""

from __future__ import annotations

import contextlib
import http.server
import itertools
import json
import pickle
import random
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tests.support.bus import mbap, rtu
from tests.support.hostile_http import REFUSALS, attack, drip
from tests.support.mosquitto import Mosquitto
from tests.support.processes import GatewayProcess, eventually

STRANGER = "127.0.0.9"
"""The address of those who mean harm, so that the limits that they run into are theirs."""
PATIENCE_S = 60.0
SLIPS = (
    '{"mqtt": {"topic_prefix": 7}}',
    '{"modbus": {"slave_id": [300]}}',
    '{"logging": {"level": "loud"}}',
    '{"server": {"baud',
    '{"nonsense": 1}',
)
_IN_ORDER = "The settings are in order now"
_FOLDER_TAKEN = "Another gateway uses the folder"
T = TypeVar("T")


class Trouble:
    """One kind of fault that happens about every `every_s` seconds, the first time after a fifth of that."""

    def __init__(self, name: str, every_s: float, happens: Callable[[], None]) -> None:
        self.name = name
        self.count = 0
        self.wrong: list[str] = []
        self._every_s = every_s
        self._happens = happens
        self._chance = random.Random(name)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(2 * PATIENCE_S)

    def _run(self) -> None:
        wait_s = self._every_s / 5
        while not self._over.wait(wait_s):
            try:
                self._happens()
                self.count += 1
            except (OSError, AssertionError, ValueError, KeyError, subprocess.SubprocessError) as error:
                self.wrong.append(f"{type(error).__name__}: {error}"[:2000])
                print(f"{self.name}: {self.wrong[-1]}", file=sys.stderr, flush=True)
            wait_s = self._every_s * self._chance.uniform(0.7, 1.3)


def broker_dies(broker: Mosquitto) -> None:
    broker.kill()
    time.sleep(5)
    broker.start()


def hostile_bodies(gateway: GatewayProcess) -> None:
    """Send compressed and huge bodies for ten seconds, a dozen a second."""
    answers: set[bytes] = set()
    until = time.monotonic() + 10
    attackers = [
        threading.Thread(
            target=attack, args=(gateway.api_port, until, seed, answers), kwargs={"pause_s": 0.3, "source": STRANGER}
        )
        for seed in range(4)
    ]
    for each in attackers:
        each.start()
    for each in attackers:
        each.join()
    assert answers <= REFUSALS, answers


def slow_drip(gateway: GatewayProcess) -> None:
    """Let ten peers send a byte a second, once the API is open: a slip of the settings may have closed it."""
    asked(gateway, "/health")
    drip(gateway.api_port, 10, patience_s=PATIENCE_S, source=STRANGER)


def hostile_import(gateway: GatewayProcess) -> None:
    """Import files that mean harm beside the gateway that runs, as its owner would."""
    folder = gateway.folder / "imports"
    folder.mkdir(exist_ok=True)
    before = {each.name for each in gateway.folder.iterdir()}
    for path in _hostile_files(folder):
        ended = subprocess.run(
            [sys.executable, "-m", "neasmart", "import", str(path), "--apply"],
            cwd=gateway.folder,
            env=gateway.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert "Traceback" not in ended.stderr, ended.stderr
        assert not (gateway.folder / "executed").exists(), path
    left = {each.name for each in gateway.folder.iterdir()} - before
    assert not {each for each in left if "before-import" in each}, left


class _Evil:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        import os  # noqa: PLC0415 - what the file would do

        return os.mkdir, ("executed",)


def _hostile_files(folder: Path) -> list[Path]:
    rows, view, half = (folder / name for name in ("rows.db", "view.db", "half.db"))
    for path in (rows, view):
        path.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(rows)) as connection, connection:
        connection.execute("CREATE TABLE holding_registers (key TEXT PRIMARY KEY, value BLOB)")
        hostile = {"100": pickle.dumps(_Evil()), "-1": 5, "x" * 9: 5, "3": 70_000, "102": b"\x80" * 5_000_000}
        connection.executemany("INSERT INTO holding_registers VALUES (?, ?)", hostile.items())
    with contextlib.closing(sqlite3.connect(view)) as connection, connection:
        connection.execute(
            "CREATE VIEW holding_registers AS WITH RECURSIVE n(key, value) AS "
            "(SELECT 1, 1 UNION ALL SELECT key + 1, 1 FROM n) SELECT * FROM n"
        )
    half.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    return [rows, view, half]


def options_slip(gateway: GatewayProcess, slips: itertools.cycle[str]) -> None:
    """Write a wrong settings file, wait until the page tells of it, and correct it.

    What cannot be read closes the API that is open to all, for perhaps it was meant to need a key.
    """
    file = gateway.folder / "config.json"
    repaired = gateway.log.count(_IN_ORDER)
    file.write_text(next(slips))
    try:
        eventually(lambda: _on_page(gateway, "/api/v1/health")["settings"]["faults"], within_s=PATIENCE_S)
    finally:
        file.write_text("{}")
    eventually(lambda: gateway.log.count(_IN_ORDER) > repaired, within_s=PATIENCE_S)


def second_gateway(gateway: GatewayProcess) -> None:
    """Start the same gateway a second time, with the same device and the same folder."""
    other = GatewayProcess(gateway.folder)
    own = ("NEASMART_API_PORT", "NEASMART_INGRESS_PORT", "NEASMART_SERVER_PORT")
    other.environment = gateway.environment | {name: other.environment[name] for name in own}
    other.log_path = gateway.folder / "second.log"
    other.log_path.write_text("")
    other.start(healthy=False)
    try:
        eventually(lambda: _FOLDER_TAKEN in other.log, within_s=PATIENCE_S)
        time.sleep(10)
        code = other.stop()
    finally:
        if other.process is not None and other.process.poll() is None:
            other.process.kill()
            other.process.wait()
    assert code == 0, code
    assert "Traceback" not in other.log, other.log
    assert asked(gateway, "/api/v1/health")["database"]["healthy"]


def strangers(gateway: GatewayProcess, kind: Callable[[socket.socket], None]) -> None:
    """Connect to the gateway's bus port as something that is no base."""
    with socket.create_connection(("127.0.0.1", gateway.bus_port), 5, (STRANGER, 0)) as peer:
        peer.settimeout(PATIENCE_S)
        kind(peer)


def _says_a_word(peer: socket.socket) -> None:
    peer.sendall(b"+++ modem 4711 +++\r\n")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _beats(peer: socket.socket) -> None:
    for _ in range(10):
        peer.sendall(b"\x00\x00")
        time.sleep(1)


def _drips(peer: socket.socket) -> None:
    for byte in mbap("10 03 00 64 00 02"):
        peer.sendall(bytes((byte,)))
        time.sleep(0.5)


def _rubbish(peer: socket.socket) -> None:
    with contextlib.suppress(ConnectionError):
        for _ in range(4):
            peer.sendall(random.Random(1).randbytes(50_000))
            time.sleep(0.1)


def _asks(peer: socket.socket, request: bytes, answer: bytes) -> None:
    """Ask again and again until the answer comes, for the gateway may stand still."""
    deadline = time.monotonic() + PATIENCE_S
    peer.settimeout(3)
    while True:
        peer.sendall(request)
        with contextlib.suppress(TimeoutError):
            received = peer.recv(256)
            assert received == answer, received.hex(" ")
            return
        assert time.monotonic() < deadline, "no answer"


def _speaks_tcp(peer: socket.socket) -> None:
    _asks(peer, mbap("F0 03 1B 4E 00 01", 7), mbap("F0 03 02 00 00", 7))


def _speaks_rtu(peer: socket.socket) -> None:
    _asks(peer, rtu("F0 03 1B 4E 00 01"), rtu("F0 03 02 00 00"))


STRANGERS = (_says_a_word, _speaks_tcp, _beats, _speaks_rtu, _rubbish, _drips)
"""Between the fourth and the second of the next round, this converter has changed its framing."""


class Refusing(http.server.BaseHTTPRequestHandler):
    """A Supervisor that refuses everything in turn in one of five ways."""

    ways = itertools.cycle(("refused", "unauthorized", "rubbish", "silent", "hung up"))

    def do_GET(self) -> None:
        match next(self.ways):
            case "refused":
                self._say(400, b'{"result": "error", "message": "no"}')
            case "unauthorized":
                self._say(401, b"401: Unauthorized")
            case "rubbish":
                self._say(200, b"\xff{" * 1000)
            case "silent":
                time.sleep(20)

    do_POST = do_GET  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _say(self, status: int, body: bytes) -> None:
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


def refusing_supervisor(folder: Path) -> tuple[http.server.ThreadingHTTPServer, dict[str, str]]:
    """Serve it, and return the environment by which a gateway believes in it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    names = folder / "names"
    names.mkdir()
    (names / "sitecustomize.py").write_text(
        "import socket\n"
        "known = socket.getaddrinfo\n"
        "def getaddrinfo(host, port, *rest, **more):\n"
        "    if host == 'supervisor':\n"
        f"        host, port = '127.0.0.1', {server.server_address[1]}\n"
        "    return known(host, port, *rest, **more)\n"
        "socket.getaddrinfo = getaddrinfo\n"
    )
    return server, {"SUPERVISOR_TOKEN": "refused", "PYTHONPATH": str(names)}


def page_is_opened(gateway: GatewayProcess) -> None:
    """Open the page, which makes the gateway ask the Supervisor what is saved."""
    assert "<html" in _page(gateway, "/")


def _on_page(gateway: GatewayProcess, path: str) -> Any:
    return json.loads(_page(gateway, path))


def _page(gateway: GatewayProcess, path: str) -> str:
    return patiently(lambda: _read(f"http://127.0.0.1:{gateway.ingress_port}{path}"))


def _read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=5) as answer:
        text: str = answer.read().decode()
        return text


def asked(gateway: GatewayProcess, path: str, method: str = "GET", body: object = None) -> Any:
    """Return what the API says."""
    return patiently(lambda: gateway.call(method, path, body)[1])


def patiently(ask: Callable[[], T]) -> T:
    """Ask again while the gateway stands still or keeps its API closed."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
