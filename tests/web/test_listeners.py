"""Two listeners on one object graph: who may talk to which, what each serves, and how they start and stop."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import re
import socket
from pathlib import Path

import aiohttp
import pytest

from neasmart.core.gateway import Gateway
from neasmart.settings.model import ApiSettings, Settings
from neasmart.web import WebServer
from neasmart.web.assets import PACKED, Assets
from neasmart.web.guard.peers import trusted
from neasmart.web.http.web_status import WEB, WebStatus
from tests.support.gateways import FakeClock, base_polls
from tests.support.ports import free_port
from tests.support.stopwatch import Stopwatch
from tests.web.conftest import Served, Start, eventually


@pytest.mark.parametrize(
    "host", ["172.30.32.2", "127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "::ffff:172.30.32.2"]
)
def test_the_supervisor_and_loopback_are_trusted(host: str) -> None:
    assert trusted(host)


@pytest.mark.parametrize(
    "host",
    [
        "172.30.32.1",
        "172.30.32.20",
        "192.168.1.7",
        "10.0.0.1",
        "::2",
        "fe80::1%eth0",
        "::ffff:192.168.1.7",
        "",
        "localhost",
        "0.0.0.0",
    ],
)
def test_nobody_else_is_trusted(host: str) -> None:
    assert not trusted(host)


def address_of_this_machine() -> str:
    """Return an address that is not loopback: the one by which packets would leave."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        address: str = probe.getsockname()[0]
        return address


@pytest.mark.parametrize("path", ["/", "/health", "/api/v1/zones/1/1", "/api/v1/live", "/nothing"])
async def test_ingress_refuses_another_peer_whatever_its_headers_say(
    start: Start, gateway: Gateway, clock: FakeClock, path: str
) -> None:
    served = await start(gateway, clock, host=address_of_this_machine())
    headers = {
        "X-Forwarded-For": "172.30.32.2",
        "X-Real-IP": "127.0.0.1",
        "Forwarded": "for=127.0.0.1",
        "X-Ingress-Path": "/api/hassio_ingress/x",
        "X-Remote-User-Id": "1",
    }

    async with served.ingress.get(path, headers=headers) as response:
        document = await response.json()
    async with served.ingress.post("/api/v1/mode", json={"mode": 1}, headers=headers) as command:
        assert command.status == 403
    async with served.api.get("/api/v1/zones/1/1") as other:
        assert other.status == 200

    assert (response.status, document["code"]) == (403, "forbidden_peer")
    assert gateway.commands.recent == []


async def test_ingress_serves_the_api_and_takes_commands(served: Served) -> None:
    async with served.ingress.get("/api/v1/zones/1/1") as response:
        assert (await response.json())["temperature"] == 22.0
    async with served.ingress.post("/api/v1/zones/1/1", json={"setpoint": 22}) as response:
        assert response.status == 200

    (command,) = served.gateway.commands.pending
    assert command.origin == "panel"


def page_folder(folder: Path) -> Path:
    (folder / "views").mkdir(parents=True)
    (folder / "index.html").write_text(
        '<!doctype html><meta charset="utf-8"><link href="static/app.css">'
        '<script type="module" src="./static/VERSION/views/page.js"></script><a href="api/v1/zones">z</a>'
    )
    (folder / "app.css").write_text("body { color: red }" * 100)
    (folder / "views" / "page.js").write_text("export const page = 'ü';")
    (folder / "icon.svg").write_text("<svg/>")
    (folder / "notes.py").write_text("no page needs this")
    return folder


@pytest.fixture
async def page(start: Start, gateway: Gateway, clock: FakeClock, tmp_path: Path) -> Served:
    return await start(gateway, clock, page=page_folder(tmp_path / "static"))


async def test_the_page_is_fresh_and_what_it_loads_is_cached_for_ever(page: Served) -> None:
    async with page.ingress.get("/") as response:
        text = await response.text()
        assert response.headers["Cache-Control"] == "no-cache"
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        policy = response.headers["Content-Security-Policy"]
    references = re.findall(r'static/([^"]+)', text)

    versions = {reference.split("/")[0] for reference in references}
    assert [reference.partition("/")[2] for reference in references] == ["app.css", "views/page.js"]
    assert len(versions) == 1
    assert policy.startswith("default-src 'self'")
    for reference, content_type in zip(references, ("text/css", "text/javascript"), strict=True):
        async with page.ingress.get(f"/static/{reference}") as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == f"{content_type}; charset=utf-8"
            assert "immutable" in response.headers["Cache-Control"]
            assert await response.text() in {"body { color: red }" * 100, "export const page = 'ü';"}


async def test_files_are_packed_for_those_who_can_unpack(page: Served) -> None:
    version = await version_of(page)

    async with page.ingress.get(f"/static/{version}/app.css", headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert int(response.headers["Content-Length"]) < 200
    async with page.ingress.get(f"/static/{version}/app.css", headers={"Accept-Encoding": "identity"}) as response:
        assert "Content-Encoding" not in response.headers
        assert int(response.headers["Content-Length"]) == 1900
    async with page.ingress.get(f"/static/{version}/icon.svg") as response:
        assert await response.text() == "<svg/>"


@pytest.mark.parametrize(
    "path", ["notes.py", "index.html", "../server.py", "views", "views/", "VIEWS/page.js", "none.js"]
)
async def test_nothing_but_the_page_s_files_is_served(page: Served, path: str) -> None:
    version = await version_of(page)

    async with page.ingress.get(f"/static/{version}/{path}") as response:
        assert response.status == 404
    async with page.ingress.get("/static/older/app.css") as response:
        assert response.status == 404


async def version_of(page: Served) -> str:
    async with page.ingress.get("/") as response:
        found = re.search(r"static/(\w+)/", await response.text())
    assert found is not None
    return found[1]


def test_the_version_changes_with_any_file() -> None:
    files = {"index.html": b"a", "app.js": b"b"}

    versions = {
        Assets(files).version,
        Assets(files | {"app.js": b"c"}).version,
        Assets(files | {"index.html": b"c"}).version,
        Assets(files | {"more.js": b""}).version,
    }

    assert len(versions) == 4
    assert Assets(dict(reversed(files.items()))).version in versions


async def test_without_a_built_page_there_is_a_plain_one(
    start: Start, gateway: Gateway, clock: FakeClock, tmp_path: Path
) -> None:
    served = await start(gateway, clock, page=tmp_path)

    async with served.ingress.get("/") as response:
        text = await response.text()

    assert response.status == 200
    assert '<meta charset="utf-8">' in text
    assert "being listened to. 3 zones are known." in text
    assert re.findall(r'href="(?!api|health)', text) == []


async def test_the_api_listener_has_no_page(served: Served) -> None:
    async with served.api.get("/") as response:
        assert response.status == 404


async def test_a_taken_port_is_tried_again_and_the_other_listener_works(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "neasmart")
    base_polls(gateway, "zone.1.1.setpoint")
    api_port, ingress_port = free_port(), free_port()
    server = WebServer(Settings(api=ApiSettings(port=api_port, ingress_port=ingress_port)), gateway, None)
    with socket.socket() as rival:
        rival.bind(("127.0.0.1", api_port))
        rival.listen()
        running = asyncio.create_task(server.run())
        await eventually(lambda: server.status.ingress and server.status.failed)
        taken = gateway.hub.state(WEB, WebStatus)
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"http://127.0.0.1:{ingress_port}/api/v1/health") as response,
        ):
            health = await response.json()

    await eventually(lambda: server.status.api)
    freed = gateway.hub.state(WEB, WebStatus)
    await stopped(running)

    assert taken is not None
    assert f"port {api_port}" in taken.detail
    assert taken.detail.endswith("Stop the other program or choose another api.port.")
    assert health["status"] == "unhealthy"
    assert health["reasons"] == [taken.detail]
    assert freed == WebStatus(api=True, ingress=True, detail="Both listeners are open.")
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


async def test_two_colons_stand_for_all_addresses_of_both_families(gateway: Gateway) -> None:
    api = ApiSettings(host="::", port=free_port(), ingress_host="::", ingress_port=free_port())
    server = WebServer(Settings(api=api), gateway, None)
    running = asyncio.create_task(server.run())
    await eventually(lambda: server.status.api and server.status.ingress)
    for port in (api.port, api.ingress_port):
        for host in ("127.0.0.1", "::1"):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
    await stopped(running)


async def test_an_address_of_another_computer_is_called_so(gateway: Gateway) -> None:
    api = ApiSettings(host="192.0.2.9", port=free_port(), ingress_port=free_port())
    server = WebServer(Settings(api=api), gateway, None)
    running = asyncio.create_task(server.run())
    await eventually(lambda: server.status.failed)
    await stopped(running)

    assert "This computer has no such address: set api.host to 127.0.0.1" in server.status.detail


async def stopped(running: asyncio.Task[None]) -> float:
    """Cancel a server; return how long it took to end."""
    watch = Stopwatch()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return watch.seconds


async def test_a_stop_takes_a_second_at_most_with_pages_and_connections_open(gateway: Gateway) -> None:
    api_port, ingress_port = free_port(), free_port()
    server = WebServer(Settings(api=ApiSettings(port=api_port, ingress_port=ingress_port)), gateway, None)
    running = asyncio.create_task(server.run())
    await eventually(lambda: server.status.api and server.status.ingress)
    _, idle = await asyncio.open_connection("127.0.0.1", api_port)
    _, half = await asyncio.open_connection("127.0.0.1", api_port)
    half.write(b"POST /zones/1/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    async with aiohttp.ClientSession() as client:
        pages = [await client.ws_connect(f"http://127.0.0.1:{port}/api/v1/live") for port in (api_port, ingress_port)]
        await eventually(lambda: server.feed.clients == 2)

        took_s = await stopped(running)

        for page in pages:
            while (message := await page.receive(timeout=30)).type is aiohttp.WSMsgType.TEXT:
                pass
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)
    for writer in (idle, half):
        writer.close()
    assert took_s < 1.0
    assert server.status == WebStatus(detail="Both listeners are open.")
    assert not gateway.hub._subscriptions
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", api_port)


async def test_the_page_itself_is_packed_too(page: Served) -> None:
    async with page.ingress.get("/", headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert response.headers["Vary"] == "Accept-Encoding"
        assert (await response.text()).startswith("<!doctype html>")
    for other in ("identity", "gzip;q=0"):
        async with page.ingress.get("/", headers={"Accept-Encoding": other}) as response:
            assert "Content-Encoding" not in response.headers


def packed_folder(folder: Path) -> Path:
    """Return a folder as vendor.mjs leaves it behind."""
    page_folder(folder)
    digest = hashlib.sha256()
    for path in ("app.css", "icon.svg", "index.html", "notes.py", "views/page.js"):
        digest.update(path.encode() + b"\0" + (folder / path).read_bytes())
    packed = folder / PACKED
    packed.mkdir(parents=True)
    (packed / "index.html").write_text('<link href="static/app.css">packed')
    (packed / "app.css").write_text("body{color:red}")
    (packed / "sources.sha256").write_text(digest.hexdigest())
    return folder


async def test_the_packed_page_is_served(start: Start, gateway: Gateway, clock: FakeClock, tmp_path: Path) -> None:
    served = await start(gateway, clock, page=packed_folder(tmp_path / "static"))

    version = await version_of(served)

    async with served.ingress.get(f"/static/{version}/app.css") as response:
        assert await response.text() == "body{color:red}"
    async with served.ingress.get(f"/static/{version}/views/page.js") as response:
        assert response.status == 404


async def test_a_source_that_was_changed_is_never_hidden_by_the_packed_page(
    start: Start, gateway: Gateway, clock: FakeClock, tmp_path: Path
) -> None:
    folder = packed_folder(tmp_path / "static")
    (folder / "app.css").write_text("body { color: blue }")

    served = await start(gateway, clock, page=folder)

    version = await version_of(served)
    async with served.ingress.get(f"/static/{version}/app.css") as response:
        assert await response.text() == "body { color: blue }"
