"""Every way in which a broker, or what pretends to be one, can fail: the bridge says so once, waits and comes back."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from neasmart.core.gateway import Gateway
from neasmart.mqtt.link.broker import Broker, BrokerError, tls_context
from neasmart.mqtt.link.broker_connection import connected
from neasmart.settings.model import MqttSettings
from neasmart.supervisor import Supervisor
from tests.mqtt.conftest import bridged
from tests.support.gateways import base_polls, base_reports
from tests.support.mosquitto import Mosquitto, eventually, watching
from tests.support.ports import free_port
from tests.support.processes import GatewayProcess, running
from tests.support.stopwatch import Stopwatch

STATUS = "neasmart/neasmart/status"
TOKEN = "a-token"
Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def login_mosquitto(mosquitto: Mosquitto) -> Mosquitto:
    mosquitto.kill()
    mosquitto.allow_only("gateway", "correct horse")
    mosquitto.start()
    return mosquitto


@asynccontextmanager
async def peer_on(serve: Peer) -> AsyncIterator[int]:
    """Listen with a peer that is no broker, or only half of one."""
    port = free_port()
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield port
    finally:
        server.close()


class BrokerTeller:
    """What the Supervisor answers when it is asked for the broker."""

    def __init__(self, port: int) -> None:
        self.status = 200
        self.body: object = None
        self.asked = 0
        self.set_broker(port, "gateway", "correct horse")

    def set_broker(self, port: int, username: str, password: str) -> None:
        self.status = 200
        self.body = {
            "result": "ok",
            "data": {
                "addon": "core_mosquitto",
                "host": "127.0.0.1",
                "port": port,
                "ssl": False,
                "protocol": "3.1.1",
                "username": username,
                "password": password,
            },
        }

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        return web.json_response(self.body, status=self.status)


@asynccontextmanager
async def supervised(supervisor: BrokerTeller, port: int | None = None) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/services/mqtt", supervisor.answer)
    async with TestServer(app, port=port) as server:
        yield str(server.make_url("/")).rstrip("/")


async def test_mqtt_is_off_without_a_host_and_without_a_supervisor(gateway: Gateway) -> None:
    async with bridged(gateway, MqttSettings()):
        await eventually(lambda: gateway.mqtt.since is not None)
        assert not gateway.mqtt.enabled
        assert gateway.mqtt.detail == "MQTT is not configured."


async def test_mqtt_is_off_when_it_is_switched_off(gateway: Gateway, mosquitto: Mosquitto) -> None:
    async with bridged(gateway, MqttSettings(enabled=False, host="127.0.0.1", port=mosquitto.port)):
        await eventually(lambda: gateway.mqtt.since is not None)
        assert gateway.mqtt.detail == "MQTT is switched off."


async def test_the_right_password_opens_and_a_wrong_one_is_named_without_being_shown(
    gateway: Gateway, login_mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    port = login_mosquitto.port
    with caplog.at_level(logging.DEBUG):
        wrong = MqttSettings(host="127.0.0.1", port=port, username="gateway", password="wrong-pa55word")
        async with bridged(gateway, wrong):
            await eventually(lambda: "user name or the password" in gateway.mqtt.detail)
            # Several attempts later there is still one line in the log.
            await eventually(lambda: login_mosquitto.log_path.read_text().count("not authorised") >= 4)
        assert sum("user name or the password" in line for line in caplog.messages) == 1
        right = MqttSettings(host="127.0.0.1", port=port, username="gateway", password="correct horse")
        async with bridged(gateway, right), watching(port, username="gateway", password="correct horse") as watcher:
            await watcher.sees(STATUS, "online")
    assert "wrong-pa55word" not in caplog.text
    assert "correct horse" not in caplog.text
    assert "correct horse" not in repr(gateway.mqtt)


async def test_a_supervisor_without_a_broker_is_asked_again_until_there_is_one(
    gateway: Gateway, login_mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = BrokerTeller(login_mosquitto.port)
    supervisor.status, supervisor.body = 400, {"result": "error", "message": "Service not enabled"}
    async with (
        supervised(supervisor) as url,
        bridged(gateway, MqttSettings(), supervisor=Supervisor(TOKEN, url=url)),
    ):
        await eventually(lambda: "Install the Mosquitto broker" in gateway.mqtt.detail)
        assert gateway.mqtt.no_broker
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]

        supervisor.set_broker(login_mosquitto.port, "gateway", "correct horse")

        await eventually(lambda: gateway.mqtt.connected)
        assert not gateway.mqtt.no_broker
        assert supervisor.asked >= 2


@pytest.mark.usefixtures("_impatient")
async def test_a_password_that_the_supervisor_changes_is_used_at_the_next_connect(
    gateway: Gateway, login_mosquitto: Mosquitto
) -> None:
    supervisor = BrokerTeller(login_mosquitto.port)
    async with (
        supervised(supervisor) as url,
        bridged(gateway, MqttSettings(), supervisor=Supervisor(TOKEN, url=url)),
    ):
        await eventually(lambda: gateway.mqtt.connected)
        login_mosquitto.kill()
        login_mosquitto.allow_only("gateway", "another one")
        login_mosquitto.start()
        await eventually(lambda: "user name or the password" in gateway.mqtt.detail)

        supervisor.set_broker(login_mosquitto.port, "gateway", "another one")

        await eventually(lambda: gateway.mqtt.connected)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"data": None},
        {"data": {"host": "", "port": 1}},
        {"data": {"host": "h", "port": 0}},
        {"data": "x"},
    ],
)
async def test_a_supervisor_that_talks_nonsense_is_survived(gateway: Gateway, body: object) -> None:
    supervisor = BrokerTeller(1)
    supervisor.body = body
    async with (
        supervised(supervisor) as url,
        bridged(gateway, MqttSettings(), supervisor=Supervisor(TOKEN, url=url)),
    ):
        await eventually(lambda: "Supervisor" in gateway.mqtt.detail)
        await eventually(lambda: supervisor.asked >= 2)


async def test_a_supervisor_that_is_down_is_asked_again(gateway: Gateway, mosquitto: Mosquitto) -> None:
    port = free_port()
    supervisor = BrokerTeller(mosquitto.port)
    async with bridged(
        gateway,
        MqttSettings(),
        supervisor=Supervisor(TOKEN, url=f"http://127.0.0.1:{port}"),
    ):
        await eventually(lambda: "cannot be reached" in gateway.mqtt.detail)

        async with supervised(supervisor, port):
            await eventually(lambda: gateway.mqtt.connected)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    "greeting",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x02\x00\x09", b"\xff" * 4000, b"\x20\xff\xff\xff\xff\x7f", b""],
    ids=["http", "unknown_code", "noise", "bad_length", "hangs_up"],
)
async def test_a_peer_that_is_no_broker_is_tried_again_and_named(gateway: Gateway, greeting: bytes) -> None:
    calls = 0

    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await reader.read(100)
        writer.write(greeting)
        writer.close()

    async with peer_on(lie) as port, bridged(gateway, MqttSettings(host="127.0.0.1", port=port)) as task:
        await eventually(lambda: calls >= 2 and gateway.mqtt.since is not None)
        assert not gateway.mqtt.connected
        assert f"127.0.0.1:{port}" in gateway.mqtt.detail
        assert not task.done()


@pytest.mark.usefixtures("_hurried")
async def test_a_peer_that_never_answers_costs_nothing_but_mqtt_and_does_not_delay_a_stop(gateway: Gateway) -> None:
    silent = asyncio.Event()

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        silent.set()
        await reader.read()
        writer.close()

    async with peer_on(stall) as port, bridged(gateway, MqttSettings(host="127.0.0.1", port=port)) as task:
        await silent.wait()
        setpoint = gateway.table.ref("zone.1.1.setpoint")
        (command,) = gateway.submit([(setpoint, 20.0)], origin="api")
        assert base_polls(gateway, setpoint.id) == command.word

        watch = Stopwatch()
        task.cancel()
        await asyncio.wait([task])
        assert watch.seconds < 1.0


@pytest.mark.usefixtures("_hurried")
async def test_a_broker_that_stops_reading_does_not_delay_a_stop(gateway: Gateway, mosquitto: Mosquitto) -> None:
    flowing = asyncio.Event()
    flowing.set()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", mosquitto.port)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(4096):
                await flowing.wait()
                sink.write(data)
            sink.close()

        await asyncio.gather(pump(reader, broker_writer), pump(broker_reader, writer))

    async with (
        peer_on(proxy) as port,
        bridged(gateway, MqttSettings(host="127.0.0.1", port=port)) as task,
        watching(mosquitto.port) as watcher,
    ):
        await watcher.sees(STATUS, "online")
        flowing.clear()
        for number in range(200):
            base_reports(gateway, "zone.1.1.temperature", 15 + number % 100 / 10)
            await asyncio.sleep(0.002)

        watch = Stopwatch()
        task.cancel()
        await asyncio.wait([task])
        assert watch.seconds < 1.5

        flowing.set()
        await watcher.sees(STATUS, "offline")


@pytest.mark.usefixtures("_impatient")
async def test_a_frozen_broker_is_left_and_used_again_when_it_thaws(gateway: Gateway, tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    try:
        async with bridged(gateway, MqttSettings(host="127.0.0.1", port=broker.port)):
            await eventually(lambda: gateway.mqtt.connected)
            async with watching(broker.port, STATUS) as watcher:
                await watcher.sees(STATUS, "online")
            broker.signal(signal.SIGSTOP)
            # A new room must be announced, and the end of an announcement must be acknowledged.
            for _ in range(2):
                base_reports(gateway, "zone.4.4.temperature", 20.0)
            await eventually(lambda: not gateway.mqtt.connected)
            assert "127.0.0.1" in gateway.mqtt.detail

            broker.signal(signal.SIGCONT)

            await eventually(lambda: gateway.mqtt.connected)
            async with watching(broker.port) as watcher:
                await watcher.until(lambda w: w.json("homeassistant/device/neasmart_zone_4_4/config"))
    finally:
        broker.kill()


@pytest.mark.usefixtures("_impatient")
async def test_a_broker_that_cannot_hold_our_messages_is_tried_again(gateway: Gateway, tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path, extra="max_packet_size 200\n")
    broker.start()
    try:
        async with (
            bridged(gateway, MqttSettings(host="127.0.0.1", port=broker.port)) as task,
        ):
            await eventually(lambda: gateway.mqtt.since is not None and not gateway.mqtt.connected)
            assert f"127.0.0.1:{broker.port}" in gateway.mqtt.detail
            assert not task.done()
    finally:
        broker.kill()


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """Make a CA of our own and a certificate for the loopback address."""
    folder = tmp_path / "tls"
    folder.mkdir()

    def run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "other"):
        run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.pem")  # fmt: skip
    run("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=broker", "-keyout", "broker.key", "-out", "broker.csr")
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1")
    run("x509", "-req", "-in", "broker.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", "2", "-extfile", "san", "-out", "broker.pem")  # fmt: skip
    for path in folder.iterdir():
        path.chmod(0o644)
    return folder


async def test_a_socket_whose_number_is_anothers_by_now_is_not_watched(mosquitto: Mosquitto) -> None:
    loop = asyncio.get_running_loop()
    theirs, peer = socket.socketpair()
    with theirs, peer, suppress(BrokerError):
        place = Broker(host="127.0.0.1", port=mosquitto.port)
        async with connected(place, client_id="quick", will=("neasmart/quick/status", "offline")) as connection:
            library = connection._client._client
            mine = library.socket()
            assert isinstance(mine, socket.socket)
            number = mine.fileno()
            assert library.on_socket_register_write is not None
            library.on_socket_register_write(library, None, mine)
            library._sock_close()
            os.dup2(theirs.fileno(), number)
            await asyncio.sleep(0)
            watched = loop.remove_writer(number)
            os.close(number)
            assert not watched


def metrics_of(process: GatewayProcess) -> str:
    with urlopen(f"http://127.0.0.1:{process.api_port}/metrics", timeout=30) as answer:
        return str(answer.read())


async def test_tls_is_used_when_the_ca_is_right_and_refused_when_it_is_wrong(
    gateway: Gateway, tmp_path: Path, certificates: Path
) -> None:
    (tmp_path / "broker").mkdir()
    broker = Mosquitto(
        tmp_path / "broker",
        extra=f"certfile {certificates}/broker.pem\nkeyfile {certificates}/broker.key\ncafile {certificates}/ca.pem\n",
    )
    broker.start()
    try:
        place = {"host": "127.0.0.1", "port": broker.port}
        wrong = MqttSettings(**place, tls=True, ca_file=str(certificates / "other.pem"))  # type: ignore[arg-type] # a mix
        async with bridged(gateway, wrong):
            await eventually(lambda: "certificate that cannot be trusted" in gateway.mqtt.detail)
        missing = MqttSettings(**place, tls=True, ca_file=str(certificates / "none.pem"))  # type: ignore[arg-type] # a mix
        async with bridged(gateway, missing):
            await eventually(lambda: "CA file" in gateway.mqtt.detail)
        plain = MqttSettings(**place)  # type: ignore[arg-type] # a mix
        async with bridged(gateway, plain):
            await eventually(lambda: "CA file" not in gateway.mqtt.detail and not gateway.mqtt.connected)
        right = MqttSettings(**place, tls=True, ca_file=str(certificates / "ca.pem"))  # type: ignore[arg-type] # a mix
        async with bridged(gateway, right):
            await eventually(lambda: gateway.mqtt.connected)
            ca_file = str(certificates / "ca.pem")
            context = await tls_context(Broker(host="127.0.0.1", port=broker.port, tls=True, ca_file=ca_file))
            async with watching(broker.port, tls_context=context) as watcher:
                await watcher.sees(STATUS, "online")
        settings = {
            "HOST": "127.0.0.1",
            "PORT": str(broker.port),
            "TLS": "true",
            "CA_FILE": ca_file,
            "NODE_ID": "cabin",
        }
        process = GatewayProcess(tmp_path, **{f"NEASMART_MQTT_{name}": value for name, value in settings.items()})
        with running(process):
            async with watching(broker.port, tls_context=context) as watcher:
                await watcher.sees("neasmart/cabin/status", "online", within_s=60)
            assert "neasmart_" in await asyncio.to_thread(metrics_of, process)
    finally:
        broker.kill()


@pytest.mark.usefixtures("_hurried")
async def test_tls_to_a_peer_that_never_shakes_hands_does_not_delay_a_stop(gateway: Gateway) -> None:
    called = asyncio.Event()

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        await reader.read()
        writer.close()

    async with peer_on(stall) as port, bridged(gateway, MqttSettings(host="127.0.0.1", port=port, tls=True)) as task:
        await called.wait()
        watch = Stopwatch()
        task.cancel()
        await asyncio.wait([task])
        assert watch.seconds < 1.0


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 300, "x..y", "::1"])
async def test_a_host_that_cannot_be_reached_is_named(gateway: Gateway, host: str) -> None:
    async with bridged(gateway, MqttSettings(host=host, port=free_port())) as task:
        await eventually(lambda: host in gateway.mqtt.detail)
        assert not task.done()
