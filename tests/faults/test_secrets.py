"""Secrets are planted in every setting, everything goes wrong, and then every byte that left is searched for them."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from neasmart.facts.errors import SettingsError
from neasmart.mqtt.link.broker import Broker
from neasmart.settings import loading as settings_loading
from neasmart.settings.model import Settings
from neasmart.settings.redaction import settings_document
from tests.support.bus import BROADCAST_TEMPERATURE, mbap
from tests.support.mosquitto import Mosquitto, watching
from tests.support.processes import PACKAGE_ROOT, GatewayProcess, eventually, running

KEY = "PlantedApiKey5b1f9d2e7c"
JWT_SECRET = "PlantedJwtSecret0a93c1be64d27f58"
MQTT_PASSWORD = "PlantedMqttPassword8e1c"
MQTT_USER = "PlantedMqttUser31d7"
SUPERVISOR = "PlantedSupervisorToken77aa"
IN_URL = "PlantedInUrl4c9b"
TOKEN = jwt.encode({"exp": 4_000_000_000}, JWT_SECRET, algorithm="HS256")
EXPIRED = jwt.encode({"exp": 1}, JWT_SECRET, algorithm="HS256")
PLANTED = (KEY, JWT_SECRET, MQTT_PASSWORD, MQTT_USER, SUPERVISOR, IN_URL, TOKEN, EXPIRED)
REFUSED: dict[str, Any] = {
    "a key with blanks": {"api": {"key": f"{KEY} {KEY}"}},
    "a key that is too long": {"api": {"key": KEY * 20}},
    "a secret of another type": {"api": {"jwt_secret": [JWT_SECRET]}},
    "a password of another type": {"mqtt": {"password": {"is": MQTT_PASSWORD}}},
    "a user name of another type": {"mqtt": {"username": [MQTT_USER]}},
    "a key for a section": {"api": KEY},
    "a URL for a section": {"mqtt": f"mqtt://{MQTT_USER}:{MQTT_PASSWORD}@broker"},
    "a list for a section": {"mqtt": [MQTT_PASSWORD]},
    "a URL for a host": {"mqtt": {"host": f"mqtt://{MQTT_USER}:{IN_URL}@broker"}},
    "a login in a host": {"mqtt": {"host": f"{MQTT_USER}:{IN_URL}@broker"}},
    "a login in the link's URL": {"server": {"type": "serial", "url": f"socket://u:{IN_URL}@10.0.0.9:502"}},
    "a login in the link's device": {"server": {"serial_port": f"rfc2217://u:{IN_URL}@10.0.0.9:502"}},
    "a strange URL": {"server": {"serial_port": f"tcp://u:{IN_URL}@10.0.0.9:502"}},
    "an at sign in a password": {"server": {"url": f"socket://u:{IN_URL}@{IN_URL}@10.0.0.9:502"}},
    "an origin with a login": {"api": {"cors_origins": [f"https://u:{IN_URL}@panel.example"]}},
    "a name with a login": {"api": {"allowed_hosts": [f"u:{IN_URL}@panel.example"]}},
    "a network with a login": {"server": {"allowed_peers": [f"u:{IN_URL}@10.0.0.9"]}},
    "a misspelt key": {"api": {"kye": KEY}},
    "a secret beside the sections": {"password": MQTT_PASSWORD},
}
CRASH = """
import sys
if "run" in sys.argv or "-m" in sys.orig_argv:
    import os
    from neasmart.web.answers import bus_documents
    def fails(*_, **__):
        raise RuntimeError("a defect of a handler")
    bus_documents.doctor = fails
    if "PLANT_CRASH" in os.environ:
        from neasmart.store import Store
        Store.open = fails
"""


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_a_refusal_of_settings_shows_no_secret(content: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(content), encoding="utf-8")

    with pytest.raises(SettingsError) as refused:
        settings_loading.load({settings_loading.CONFIG_FILE: str(tmp_path / "config.json")})

    assert found_in({"message": str(refused.value).encode()}) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("NEASMART_API_KEY", f"{KEY} {KEY}"),
        ("NEASMART_API_JWT_SECRET", JWT_SECRET * 20),
        ("NEASMART_MQTT_PASSWROD", MQTT_PASSWORD),
        ("NEASMART_MQTT_PORT", MQTT_PASSWORD),
        ("NEASMART_MQTT", json.dumps({"password": MQTT_PASSWORD})),
        ("NEASMART_SERVER_URL", f"socket://u:{IN_URL}@h:1"),
        ("NEASMART_ZONES", f"mqtt://u:{IN_URL}@h"),
    ],
)
def test_a_refusal_of_the_environment_shows_no_secret(name: str, text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings_loading.load({name: text})

    assert name in str(refused.value)
    if name != "NEASMART_MQTT_PORT":  # a password in the place of a number cannot be known as one
        assert found_in({"message": str(refused.value).encode()}) == []


def test_every_secret_setting_is_planted_here() -> None:
    """A setting that is hidden in diagnostics and not planted here is not searched for."""
    filled = dict.fromkeys(("key", "jwt_secret", "username", "password"), "x" * 16)
    settings = settings_loading.checked(
        {
            "api": {key: filled[key] for key in ("key", "jwt_secret")},
            "mqtt": {key: filled[key] for key in ("username", "password")},
        },
        "test",
    )

    hidden = [
        f"{section}.{key}"
        for section, content in settings_document(settings).items()
        if isinstance(content, dict)
        for key, value in content.items()
        if value == "(hidden)"
    ]

    assert sorted(hidden) == ["api.jwt_secret", "api.key", "mqtt.password", "mqtt.username"]
    assert Settings().api.key == ""


class Planted(GatewayProcess):
    """A gateway at the highest log level with a secret in every secret setting, and a handler that fails."""

    def __init__(self, folder: Path, port: int) -> None:
        (folder / "site").mkdir()
        (folder / "site" / "sitecustomize.py").write_text(CRASH, encoding="utf-8")
        super().__init__(
            folder,
            NEASMART_CONFIG_FILE=str(folder / "config.json"),
            NEASMART_LOG_FILE=str(folder / "logs" / "gateway.log"),
            NEASMART_LOG_LEVEL="debug",
            NEASMART_DEBUG_MODE="true",
            NEASMART_MODBUS_REGISTERS_LATE_AFTER_SECONDS="60",
            SUPERVISOR_TOKEN=SUPERVISOR,
        )
        self.environment["PYTHONPATH"] = f"{folder / 'site'}:{PACKAGE_ROOT}"
        self.right: dict[str, Any] = {
            "api": {"enable_auth": True, "key": KEY, "jwt_secret": JWT_SECRET, "rate_limit": 0, "rate_limit_writes": 0},
            "mqtt": {"host": "127.0.0.1", "port": port, "username": MQTT_USER, "password": MQTT_PASSWORD},
        }
        self.write(self.right)
        self.answers: dict[str, bytes] = {}

    def write(self, content: object) -> None:
        (self.folder / "config.json").write_text(json.dumps(content), encoding="utf-8")

    def send(self, name: str, head: bytes, *, port: int | None = None) -> bytes:
        """Send bytes that no client library would, and keep all that comes back until the connection ends."""
        with socket.create_connection(("127.0.0.1", port or self.api_port), timeout=30) as connection:
            connection.sendall(head)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
        self.answers[name] = self.answers.get(name, b"") + received
        return received

    def ask(self, path: str, *headers: str, method: str = "GET", ingress: bool = False, body: str = "") -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers]
        lines += [f"Content-Length: {len(body)}"] if body else []
        name = f"{method} {path} {headers} {ingress}"
        head = ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")
        return self.send(name, head, port=self.ingress_port if ingress else None)

    def command(self, *arguments: str, **environment: str) -> int:
        """Run a command of the same installation, and keep what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "neasmart", *arguments],
            cwd=self.folder,
            env={**self.environment, "PYTHONPATH": str(PACKAGE_ROOT), **environment},
            capture_output=True,
            timeout=60,
            check=False,
        )
        self.answers[f"{arguments} {environment}"] = done.stdout + done.stderr
        return done.returncode


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Mosquitto(folder)
    broker.allow_only("somebody", "else")
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def planted(tmp_path: Path, broker: Mosquitto) -> Iterator[Planted]:
    folder = tmp_path / "gateway"
    folder.mkdir()
    with running(Planted(folder, broker.port)) as gateway:
        yield gateway


@pytest.mark.timeout(240)
def test_no_secret_leaves_whatever_goes_wrong(planted: Planted, broker: Mosquitto) -> None:
    eventually(lambda: "refuses the user name or the password" in planted.log)
    broker.kill()
    broker.allow_only(MQTT_USER, MQTT_PASSWORD)
    broker.start()
    _live_bus(planted)
    _requests(planted)
    _malformed(planted)
    _reloads(planted)
    _commands(planted)
    eventually(lambda: "Connected to 127.0.0.1" in planted.log)
    published = asyncio.run(_published(broker.port))
    assert planted.stop() == 0
    _crashes(planted)
    _without_host(planted)

    assert "a defect of a handler" in planted.log
    assert published["neasmart/neasmart/status"] == b"online"
    leaks = found_in(planted.answers | published | _files(planted.folder))
    assert leaks == []
    for name, headers in heads(planted.answers):
        assert headers.get("x-content-type-options") == "nosniff", name
        assert headers.get("referrer-policy") == "no-referrer", name
        assert "frame-ancestors" in headers.get("content-security-policy", ""), name
        assert headers.get("server") == "neasmart", name
        assert headers.get("x-request-id"), name


def test_no_secret_stands_in_how_connections_and_settings_show_themselves() -> None:
    broker = Broker(host="h", port=1, username=MQTT_USER, password=MQTT_PASSWORD)

    assert found_in({"broker": repr(broker).encode()}) == []


def heads(contents: dict[str, bytes]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the headers of all answers of HTTP."""
    for name, content in contents.items():
        for head in re.findall(rb"HTTP/1\.[01] [2-5][^\r]*\r\n(.*?)\r\n\r\n", content, re.DOTALL):
            lines = [line.partition(": ") for line in head.decode("latin-1").split("\r\n")]
            yield name, {key.lower(): value for key, _, value in lines}


def found_in(contents: dict[str, bytes]) -> list[tuple[str, str, bytes]]:
    """Return where a secret stands, in plain text or encoded, with its surroundings."""
    leaks = []
    for name, content in contents.items():
        for secret in PLANTED:
            plain = secret.encode()
            encoded = base64.b64encode(plain).rstrip(b"=")[:-1]
            for wanted in (plain, encoded, plain.hex().encode(), plain[:-4]):
                at = content.find(wanted)
                if at >= 0:
                    leaks.append((name, secret, content[max(0, at - 100) : at + 60]))
                    break
    return leaks


def _files(folder: Path) -> dict[str, bytes]:
    """Return everything that the gateway has written, without the settings that were given to it."""
    given = {folder / "config.json", folder / "old.env"}
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path not in given}


def _live_bus(planted: Planted) -> None:
    with socket.create_connection(("127.0.0.1", planted.bus_port), timeout=30) as base:
        base.sendall(mbap(BROADCAST_TEMPERATURE[:-2].hex()))
        key = f"X-API-Key: {KEY}"
        eventually(lambda: b'"base_id"' in planted.ask("/api/v1/zones", key))
        planted.ask("/api/v1/captures", key, method="POST", body='{"seconds": 60}')
        base.sendall(mbap(BROADCAST_TEMPERATURE[:-2].hex()))
        planted.ask("/api/v1/zones/1/1", key, method="POST", body='{"setpoint": 21}')
        planted.ask("/api/v1/captures/stop", key, method="POST")
        assert b".pcapng" in planted.ask("/api/v1/captures", key)


def _requests(planted: Planted) -> None:
    encoded = base64.urlsafe_b64encode(KEY.encode()).decode().rstrip("=")
    credentials = [
        f"X-API-Key: {KEY}",
        f"x-api-key: {KEY[:-1]}",
        f"Authorization: Bearer {TOKEN}",
        f"Authorization: Bearer {EXPIRED}",
        f"Authorization: Basic {base64.b64encode(f'u:{KEY}'.encode()).decode()}",
        f"Authorization: Bearer {JWT_SECRET}",
        f"Cookie: key={KEY}",
        f"Sec-WebSocket-Protocol: neasmart, key.{encoded}",
    ]
    answer = planted.ask("/api/openapi.json", credentials[0], "Accept-Encoding: gzip")
    document = json.loads(gzip.decompress(answer.partition(b"\r\n\r\n")[2]))
    plain = [path for path, methods in document["paths"].items() if "get" in methods and "{" not in path]
    assert len(plain) > 15
    for path in [*plain, "/metrics", "/", "/nothing", "/api/docs"]:
        for ingress in (False, True):
            if not path.endswith("/live"):
                planted.ask(path, credentials[0], ingress=ingress)
        planted.ask(f"{path}?key={KEY}&token={TOKEN}", credentials[0])
    for credential in credentials:
        planted.ask("/api/v1/zones", credential)
        planted.ask("/api/v1/doctor", credential, method="DELETE")
    for method, body in (("POST", f'{{"{KEY[:8]}": 1}}'), ("PUT", "x"), ("POST", '{"setpoint": "x"}')):
        planted.ask("/api/v1/zones/1/1", credentials[0], method=method, body=body)
    upgrade = ("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    for protocol in (f"neasmart, key.{encoded[:-4]}AAAA", f"neasmart, bearer.{EXPIRED}"):
        planted.ask("/api/v1/live", *upgrade, f"Sec-WebSocket-Protocol: {protocol}")
    answer = planted.ask("/api/v1/doctor", credentials[0])
    assert b"internal_error" in answer


def _malformed(planted: Planted) -> None:
    start = b"GET /api/v1/zones HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    for name, head in {
        "a control character": start + b"X-API-Key: " + KEY.encode() + b"\x00\r\n\r\n",
        "a blank in a name": start + b"X-API-Key " + KEY.encode() + b": \x01\r\n\r\n",
        "a header that is too long": start + b"X-API-Key: " + KEY.encode() * 500 + b"\r\n\r\n",
        "a line that is too long": b"GET /?key=" + KEY.encode() * 500 + b" HTTP/1.1\r\n\r\n",
        "another protocol": b"GET /?key=" + KEY.encode() + b" x HTTP/9\r\n\r\n",
        "a length that is none": start + b"Content-Length: " + KEY.encode() + b"\r\n\r\n",
        "a method that is none": KEY.encode() + b" / HTTP/1.1\r\nX\x00: \r\n\r\n",
    }.items():
        for port in (planted.api_port, planted.ingress_port):
            assert b" 400 " in planted.send(f"{name} {port}", head, port=port)


def _reloads(planted: Planted) -> None:
    """Load every wrong document, with the right one between them, and then the right one with a name."""
    assert planted.process is not None
    key = f"X-API-Key: {KEY}"
    for content in REFUSED.values():
        for document in (content, planted.right):
            planted.write(document)
            planted.process.send_signal(signal.SIGHUP)
            if document is content:
                eventually(lambda: b'"faults":[{' in planted.ask("/api/v1/health", key))
            else:
                eventually(lambda: b'"faults":[]' in planted.ask("/api/v1/health", key))
    planted.write(planted.right | {"logging": {"format": "text"}, "zones": [{"base": 1, "zone": 1, "name": "Bad"}]})
    planted.process.send_signal(signal.SIGHUP)
    eventually(lambda: "In use from now on: zones" in planted.log)


def _commands(planted: Planted) -> None:
    url = f"http://127.0.0.1:{planted.api_port}"
    with_login = f"http://u:{IN_URL}@127.0.0.1:1"
    assert planted.command("diagnostics", "--url", url, "--api-key", KEY, "diagnostics.json") in (0, 1)
    assert planted.command("diagnostics", "--url", url, "--api-key", MQTT_PASSWORD) == 1
    assert planted.command("diagnostics", "--url", with_login, NEASMART_API_KEY=KEY) == 1
    assert planted.command("diagnostics", "--url", f"nothing://u:{IN_URL}@h") == 2
    assert planted.command("record", "--url", with_login, "--seconds", "1", "x.pcapng") == 1
    assert planted.command("record", "--url", url, "--api-key", KEY, "--seconds", "1", "y.pcapng") == 0
    assert planted.command("doctor", "--serial", f"socket://u:{IN_URL}@127.0.0.1:1", "--seconds", "1") != 0
    (planted.folder / "old.env").write_text(
        f"SERVER_TYPE=serial\ngateway_address=socket://u:{IN_URL}@10.0.0.9:502\nMQTT_PASSWORD={MQTT_PASSWORD}\n",
        encoding="utf-8",
    )
    assert planted.command("import", "old.env") == 0
    assert planted.command("docs") == 0


async def _published(port: int) -> dict[str, bytes]:
    async with watching(port, "#", username=MQTT_USER, password=MQTT_PASSWORD) as watcher:
        await watcher.until(lambda seen: seen.retained.get("neasmart/neasmart/status") == "online")
        return {topic: payload.encode() for topic, payload in watcher.retained.items()}


def _crashes(planted: Planted) -> None:
    """Let the whole process end by a traceback, and start with settings that cannot be used."""
    planted.environment["PLANT_CRASH"] = "1"
    planted.start(healthy=False)
    assert planted.process is not None
    assert planted.process.wait(60) == 1
    del planted.environment["PLANT_CRASH"]
    assert "Traceback" in planted.log
    for content in REFUSED.values():
        planted.write(content)
        planted.start(healthy=False)
        eventually(lambda: _page_tells_of_faults(planted))
        assert planted.stop() == 0
    planted.write(planted.right)


def _page_tells_of_faults(planted: Planted) -> bool:
    try:
        return b'"faults":[{' in planted.ask("/health", ingress=True)
    except OSError:
        return False


def _without_host(planted: Planted) -> None:
    """Ask a Supervisor that is not there, with the token that is in the environment."""
    planted.write({"api": planted.right["api"]})
    before = planted.log.count("The Supervisor cannot be reached")
    planted.start()
    eventually(lambda: planted.log.count("The Supervisor cannot be reached") > before)
    assert planted.stop() == 0
    assert os.environ.get("SUPERVISOR_TOKEN") is None
