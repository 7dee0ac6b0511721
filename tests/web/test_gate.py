"""What stands before the API: keys and tokens, rates, foreign pages, connections that cost too much."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import math
import socket
import time
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import aiohttp
import jwt
import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict, CIMultiDictProxy

from neasmart.core.gateway import Gateway
from neasmart.settings.model import ApiSettings
from neasmart.web.guard import auth, connections, rates
from neasmart.web.guard.auth import Attempts
from neasmart.web.guard.connections import HttpConnection
from neasmart.web.guard.origins import at_home
from neasmart.web.guard.proxies import Proxies
from neasmart.web.guard.rates import Rates
from neasmart.web.guard.tokens import TOKENS_LIMIT
from neasmart.web.http.clients import name
from neasmart.web.http.problems import Problem
from neasmart.web.server import Role
from tests.support.gateways import FakeClock
from tests.support.ports import free_port
from tests.web.conftest import Served, Start, eventually

KEY = "12345678901234567890"
SECRET = "a secret of more than sixty-four characters, as long as HS512 wants a key"
LIVE = "/api/v1/live"
OPEN = {"/health", "/api/docs", "/api/openapi.json", "/api/docs/start.js"}
LOCKED = {"enable_auth": True, "key": KEY, "jwt_secret": SECRET}


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode({"exp": time.time() + 86_400, **claims}, secret, algorithm=algorithm)


def unsigned(header: object, claims: object, signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def use(served: Served, **changed: Any) -> None:
    """Change settings of the API while it serves."""
    settings = served.server._settings
    served.server.use(msgspec.structs.replace(settings, api=msgspec.structs.replace(settings.api, **changed)))


GOOD = [{"X-API-Key": KEY}, bearer(token())]
BAD = [
    {},
    {"X-API-Key": ""},
    {"X-API-Key": KEY[:-1]},
    {"X-API-Key": KEY + "0"},
    {"X-API-Key": SECRET},
    {"Authorization": f"Basic {KEY}"},
    {"Authorization": "Bearer"},
    bearer(KEY),
    bearer(token(exp=time.time() - 5)),
    bearer(jwt.encode({"sub": "no end"}, SECRET)),
    bearer(token("another secret of more than thirty-two characters")),
    bearer(token(SECRET, "HS384")),
    bearer(token(SECRET, "HS512")),
    bearer(unsigned({"alg": "NONE"}, {"exp": 9e9})),
    bearer(unsigned({"alg": "RS256"}, {"exp": 9e9}, b"x" * 256)),
    bearer(unsigned({"alg": "HS256", "jwk": {"kty": "oct", "k": ""}}, {"exp": 9e9}, b"x" * 32)),
    bearer(token(exp="never")),
    bearer(token(nbf=time.time() + 5_000)),
    {"Authorization": "Basic " + base64.b64encode(f"user:{KEY}".encode()).decode()},
    bearer(token()[:-4] + "AAAA"),
    bearer(unsigned({"alg": "none", "typ": "JWT"}, {"exp": 9e9})),
    bearer(unsigned({"alg": "HS256"}, {"exp": 9e9}, b"x" * 32)),
    bearer(unsigned({"alg": ["HS256"]}, {"exp": 9e9})),
    bearer("[" * 2000 + ".a.b"),
    bearer("é.ü.ß"),
    bearer("a" * 6000),
]


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "DELAY_S", 0.0)


@pytest.fixture
async def locked(start: Start, gateway: Gateway, clock: FakeClock) -> Served:
    return await start(gateway, clock, **LOCKED)


def paths(served: Served) -> list[tuple[str, str]]:
    """Return every route of the API with numbers in place."""
    found = []
    for route in served.server.routes(Role.API):
        path = route.path
        for axis in ("base_id", "zone_id", "group_id", "dehumidifier_id", "pump_id"):
            path = path.replace(f"{{{axis}}}", "1")
        for part, value in (
            ("{point_id}", "zone.1.1.setpoint"),
            ("{command_id}", "c"),
            ("docs/{name}", "docs/start.js"),
        ):
            path = path.replace(part, value)
        found.append((route.method, path))
    return found


@pytest.mark.parametrize("headers", BAD, ids=range(len(BAD)))
async def test_every_route_but_the_open_ones_refuses_what_is_not_the_right_key(
    locked: Served, headers: dict[str, str]
) -> None:
    for method, path in [*paths(locked), ("GET", "/metrics"), ("GET", "/nothing"), ("GET", "/health/../mode")]:
        async with locked.api.request(method, path, headers=headers, json={"setpoint": 23, "mode": 1}) as answer:
            if path in OPEN:
                assert answer.status == 200
            else:
                assert answer.status == 401, path
                assert (await answer.json())["code"] == "unauthorized"
                assert "WWW-Authenticate" in answer.headers
    assert not list(locked.gateway.commands)


@pytest.mark.parametrize(
    "target",
    [
        "/api/docs/../v1/mode",
        "/api/docs/%2e%2e/v1/mode",
        "/api/docs%2f..%2fv1/mode",
        "/api/docs/start.js/../../v1/mode",
        "//api/docs",
        "/api//docs",
        "/api/docs/",
        "/api/docs/other.js",
        "/api%2fdocs",
        "/API/docs",
        "/health/../mode",
        "/mode?/health",
        "/mode#/api/docs",
        "http://127.0.0.1/mode",
        "/health;/../mode",
        "/mode\\..\\health",
    ],
)
async def test_no_way_to_write_a_path_avoids_the_key(locked: Served, target: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", locked.api_port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())

    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()

    assert answer.startswith((b"HTTP/1.1 401 ", b"HTTP/1.1 400 ")), answer[:100]


async def test_what_needs_no_key_can_only_be_read(locked: Served) -> None:
    for path in OPEN:
        for method in ("POST", "PUT", "DELETE"):
            async with locked.api.request(method, path, json={"mode": 1}) as answer:
                assert answer.status == 401, (method, path)
        async with locked.api.head(path) as answer:
            assert answer.status == 200


async def test_the_open_description_tells_nothing_of_the_house(locked: Served) -> None:
    async with locked.api.get("/api/openapi.json") as answer:
        text = await answer.text()

    assert "Living room" not in text
    assert KEY not in text


@pytest.mark.parametrize("headers", GOOD, ids=["key", "token"])
async def test_the_right_key_opens_every_route(locked: Served, headers: dict[str, str]) -> None:
    for method, path in paths(locked):
        async with locked.api.request(method, path, headers=headers) as answer:
            assert answer.status not in {401, 403, 429, 500}, path


async def test_a_token_that_was_valid_ends_in_time(locked: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    ends_at = int(time.time()) + 60
    headers = bearer(token(exp=ends_at))
    assert [(await locked.get("/mode", headers=headers))[0] for _ in range(2)] == [200, 200]

    monkeypatch.setattr("neasmart.web.guard.auth.time.time", lambda: float(ends_at))
    assert (await locked.get("/mode", headers=headers))[0] == 401


async def test_a_valid_token_opens_nothing_under_another_secret(locked: Served) -> None:
    headers = bearer(token())
    assert (await locked.get("/mode", headers=headers))[0] == 200

    use(locked, key="", jwt_secret="another" * 8)

    assert (await locked.get("/mode", headers=headers))[0] == 401


async def test_a_changed_token_is_not_taken_for_the_one_that_was_valid(locked: Served) -> None:
    good = token()
    assert (await locked.get("/mode", headers=bearer(good)))[0] == 200

    for bad in (good[:-1], good + "A", good.upper(), good[:-5] + "AAAAA", f"{good}.{good}"):
        assert (await locked.get("/mode", headers=bearer(bad)))[0] == 401


async def test_only_a_few_tokens_are_remembered() -> None:
    keeper = auth.Authentication(ApiSettings(enable_auth=True, jwt_secret=SECRET))
    for number in range(3 * TOKENS_LIMIT):
        assert keeper.good_until(CIMultiDictProxy(CIMultiDict(bearer(token(sub=str(number))))))

    assert len(keeper._tokens._known) == TOKENS_LIMIT


async def test_the_ingress_page_asks_for_no_key(locked: Served) -> None:
    async with locked.ingress.get("/api/v1/zones/1/1") as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    "protocols",
    [
        ["neasmart", f"bearer.{token()}"],
        ["neasmart", "key." + base64.urlsafe_b64encode(KEY.encode()).decode().rstrip("=")],
    ],
)
async def test_a_browser_s_websocket_carries_its_key_as_a_subprotocol(locked: Served, protocols: list[str]) -> None:
    async with locked.api.ws_connect(LIVE, protocols=protocols) as page:
        assert page.protocol == "neasmart"
        assert (await page.receive_json())["type"] == "hello"


@pytest.mark.parametrize(
    "protocols",
    [
        [],
        ["neasmart"],
        [f"bearer.{token()}"],
        ["neasmart", "key."],
        ["neasmart", f"key.{KEY}"],
        ["neasmart", "key.\u0441"],
        ["neasmart", "bearer."],
        ["neasmart", f"bearer.{token(exp=time.time() - 5)}"],
        ["neasmart", "bearer." + unsigned({"alg": "none"}, {"exp": 9e9})],
        ["neasmart", "bearer." + token(SECRET, "HS512")],
        ["neasmart", "bearer." + token("another secret of more than thirty-two characters")],
    ],
    ids=range(11),
)
async def test_a_websocket_with_a_wrong_subprotocol_is_refused(locked: Served, protocols: list[str]) -> None:
    # Written by hand: a client of good manners does not send all of these.
    request = (
        f"GET {LIVE} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        + (f"Sec-WebSocket-Protocol: {', '.join(protocols)}\r\n" if protocols else "")
        + "\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", locked.api_port)
    writer.write(request.encode())

    async with asyncio.timeout(30):
        status = await reader.readline()
    writer.close()

    assert status.startswith((b"HTTP/1.1 401 ", b"HTTP/1.1 400 "))


@pytest.mark.parametrize("name", ["X-API-Key", "Authorization", "X-Request-ID", "Origin", "Host", "Cookie"])
@pytest.mark.parametrize(
    "value",
    [
        b"a\rX-API-Key: ",
        b"a\r\n \tb",
        b"a\x00b",
        b"\xff\xfe",
        b"a\r\n\r\nGET /mode HTTP/1.1\r\n",
        b"\x1b[31m",
        b"a, b\nX: y",
    ],
    ids=range(7),
)
async def test_what_is_injected_into_a_header_opens_and_forges_nothing(
    locked: Served, caplog: pytest.LogCaptureFixture, name: str, value: bytes
) -> None:
    caplog.set_level(logging.INFO)
    reader, writer = await asyncio.open_connection("127.0.0.1", locked.api_port)
    writer.write(b"POST /mode HTTP/1.1\r\n")
    if name != "Host":
        writer.write(b"Host: 127.0.0.1\r\n")
    writer.write(name.encode() + b": " + value + b"\r\nContent-Length: 10\r\nConnection: close\r\n\r\n" + b'{"mode":1}')

    async with asyncio.timeout(30):
        answers = await reader.read()
    writer.close()

    head = answers.partition(b"\r\n\r\n")[0]
    assert head.split()[1] in {b"400", b"401", b"403"}, answers[:200]
    assert b"\x1b" not in answers
    assert not [line for line in head.split(b"\r\n")[1:] if line.lower().startswith((b"x-api-key", b"x:"))]
    assert not list(locked.gateway.commands)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not any("\n" in record.getMessage() or "\x1b" in record.getMessage() for record in caplog.records)


async def test_a_key_in_the_address_opens_nothing(locked: Served) -> None:
    assert (await locked.get(f"/api/v1/mode?token={KEY}&key={KEY}"))[0] == 401


async def test_subprotocols_never_reach_the_log(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await served.api.ws_connect(LIVE, protocols=["key.secret"])

    assert refused.value.status == 400
    assert "secret" not in caplog.text


async def test_two_thousand_guesses_open_nothing_and_hold_nobody_up(
    locked: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    async def guess(first: int) -> None:
        for number in range(first, 2_000, 20):
            async with locked.api.get("/api/v1/mode", headers={"X-API-Key": f"guess-{number}"}) as answer:
                assert answer.status in {401, 429}

    guessing = [asyncio.create_task(guess(first)) for first in range(20)]
    async with locked.api.get("/api/v1/mode", headers=GOOD[0]) as answer:
        assert answer.status == 200
    await asyncio.gather(*guessing)

    assert sum("failed to authenticate" in record.getMessage() for record in caplog.records) == 1
    assert "guess-" not in caplog.text
    assert KEY not in caplog.text


async def test_only_a_few_answers_are_delayed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "DELAY_S", 60.0)
    attempts = Attempts()
    for _ in range(auth.FREE_FAILURES):
        with pytest.raises(Problem):
            await attempts.failed("a")
    waiting = [asyncio.create_task(attempts.failed("a")) for _ in range(auth.DELAYED_OF_ONE_LIMIT)]
    await asyncio.sleep(0)

    with pytest.raises(Problem) as refused:
        await attempts.failed("a")

    assert refused.value.status == 429
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_more_requests_than_the_rate_are_refused_with_retry_after(
    start: Start, gateway: Gateway, clock: FakeClock
) -> None:
    served = await start(gateway, clock, rate_limit=5, rate_limit_writes=2, trusted_proxies=["127.0.0.1"])
    stranger = {"X-Forwarded-For": "192.168.1.20"}

    writes = [await served.status("POST", "/api/v1/mode", json={"mode": 1}, headers=stranger) for _ in range(3)]
    reads = [await served.status("GET", "/api/v1/mode", headers=stranger) for _ in range(2)]
    async with served.api.get("/mode", headers=stranger) as answer:
        document = await answer.json()

    assert writes == [202, 202, 429]
    assert reads == [200, 200]
    assert answer.status == 429
    assert document["code"] == "rate_limited"
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    async with served.ingress.get("/mode") as answer:
        assert answer.status == 200
    assert await served.status("GET", "/health", headers=stranger) == 200
    assert await served.status("GET", "/mode", headers={"X-Forwarded-For": "192.168.1.21"}) == 200


async def test_programs_on_this_computer_are_not_limited_but_their_wrong_keys_are(
    start: Start, gateway: Gateway, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await start(gateway, clock, rate_limit=2, rate_limit_writes=1, **LOCKED)

    right = [await served.status("POST", "/mode", json={"mode": 1}, headers=GOOD[0]) for _ in range(10)]
    for _ in range(auth.FREE_FAILURES):
        assert await served.status("GET", "/mode", headers={"X-API-Key": "wrong"}) == 401
    told = asyncio.Event()
    monkeypatch.setattr(auth, "asyncio", SimpleNamespace(sleep=lambda _: told.wait()))
    guesses = [
        asyncio.create_task(served.status("GET", "/mode", headers={"X-API-Key": "wrong"}))
        for _ in range(auth.DELAYED_OF_ONE_LIMIT + 1)
    ]
    (refused,), delayed = await asyncio.wait(guesses, return_when=asyncio.FIRST_COMPLETED)
    told.set()

    assert right == [202] * 10
    assert refused.result() == 429
    assert await asyncio.gather(*delayed) == [401] * auth.DELAYED_OF_ONE_LIMIT


def test_a_minute_begins_with_the_first_request_and_ends_whatever_is_sent() -> None:
    now = 1000.0
    limited = Rates(per_minute=2, writes_per_minute=0, monotonic=lambda: now)
    limited.check("a", writes=False)
    now += 30
    limited.check("a", writes=False)

    with pytest.raises(Problem) as refused:
        limited.check("a", writes=False)
    assert refused.value.headers == {"Retry-After": "30"}
    now += 30
    limited.check("a", writes=False)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "counted"),
    [
        ([], "192.168.1.20", "127.0.0.1"),
        (["10.0.0.0/8"], "192.168.1.20", "127.0.0.1"),
        (["127.0.0.1"], "192.168.1.20", "192.168.1.20"),
        (["127.0.0.0/8"], "1.1.1.1, 192.168.1.20", "192.168.1.20"),
        (["127.0.0.1", "192.168.1.2"], "192.168.1.20, 192.168.1.2", "192.168.1.20"),
        (["127.0.0.1"], "1.1.1.1, nonsense", "127.0.0.1"),
        (["127.0.0.1"], "", "127.0.0.1"),
        (["127.0.0.1"], "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ],
)
async def test_only_a_listed_proxy_says_who_asks(proxies: list[str], forwarded: str, counted: str) -> None:
    request = make_mocked_request("GET", "/", headers={"X-Forwarded-For": forwarded}, transport=_from("127.0.0.1"))

    assert Proxies(proxies).client(request) == counted


@pytest.mark.parametrize("peer", ["fd00::2", "fe80::2%eth0", "::ffff:10.0.0.2"])
async def test_a_proxy_is_known_by_its_own_address_whatever_it_is_counted_as(peer: str) -> None:
    told = {"X-Forwarded-For": "192.168.1.20", "X-Forwarded-Host": "heat.example", "X-Forwarded-Proto": "https"}
    request = make_mocked_request("GET", "/", headers={"Host": "x", **told}, transport=_from(peer))

    ours, others = Proxies(["fd00::2", "fe80::/10", "10.0.0.2"]), Proxies(["fd00::3", "10.0.0.3"])

    assert (ours.client(request), ours.host(request), ours.scheme(request)) == ("192.168.1.20", "heat.example", "https")
    assert (others.client(request), others.host(request), others.scheme(request)) == (name(peer), "x", "http")


def _from(address: str) -> Mock:
    transport = Mock()
    transport.get_extra_info.side_effect = lambda name, default=None: (address, 1) if name == "peername" else default
    return transport


@pytest.mark.parametrize("upgrade", [False, True], ids=["write", "websocket"])
async def test_a_page_behind_a_proxy_is_of_the_same_site_by_the_name_that_the_proxy_tells(
    start: Start, gateway: Gateway, clock: FakeClock, *, upgrade: bool
) -> None:
    trusting = await start(gateway, clock, trusted_proxies=["127.0.0.1"], allowed_hosts=["house.example"])
    told = {"Origin": "https://house.example", "X-Forwarded-Host": "house.example"}

    async def asked(headers: dict[str, str]) -> int:
        if not upgrade:
            return await trusting.status("POST", "/api/v1/mode", json={"mode": 1}, headers=headers)
        try:
            async with trusting.api.ws_connect(LIVE, headers=headers):
                return 101
        except aiohttp.WSServerHandshakeError as error:
            return error.status

    assert await asked(told) == (101 if upgrade else 202)
    assert await asked(told | {"Origin": "https://evil.example"}) == 403
    assert await asked(told | {"X-Forwarded-Host": "evil.example", "Origin": "https://evil.example"}) == 403


async def test_what_anybody_says_about_a_name_counts_for_nothing(served: Served) -> None:
    headers = {"Origin": "https://house.lan", "X-Forwarded-Host": "house.lan", "X-Forwarded-For": "10.0.0.1"}

    assert await served.status("POST", "/api/v1/mode", json={"mode": 1}, headers=headers) == 403


def test_addresses_without_number_share_one_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "CLIENTS_LIMIT", 3)
    limited = Rates(per_minute=2, writes_per_minute=0)

    for client in "abcde":
        limited.check(client, writes=False)

    with pytest.raises(Problem):
        limited.check("f", writes=False)
    limited.check("a", writes=False)


async def test_other_settings_count_from_the_next_request_on(locked: Served) -> None:
    use(locked, key="another-key", jwt_secret="")

    assert (await locked.get("/api/v1/mode", headers=GOOD[0]))[0] == 401
    assert (await locked.get("/api/v1/mode", headers={"X-API-Key": "another-key"}))[0] == 200


async def test_the_api_closes_moves_and_opens_while_the_page_goes_on(locked: Served) -> None:
    async with locked.api.ws_connect(LIVE, headers=GOOD[0]) as page, locked.ingress.ws_connect(LIVE) as owner:
        use(locked, enabled=False)
        await eventually(lambda: not locked.server.status.api)
        while not (message := await page.receive(timeout=30)).type.name.startswith("CLOS"):
            pass
        assert message.data == aiohttp.WSCloseCode.GOING_AWAY
        with pytest.raises(aiohttp.ClientConnectorError):
            await locked.api.get("/health")
        assert locked.server.status.detail == "The page is open; the API is closed."
        elsewhere = free_port()

        use(locked, enabled=True, port=elsewhere)

        await eventually(lambda: locked.server.status.api)
        async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{elsewhere}/zones") as answer:
            assert answer.status == 401
        assert (await owner.receive(timeout=30)).type is aiohttp.WSMsgType.TEXT
        assert not owner.closed


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"},
    ],
)
async def test_pages_of_other_sites_neither_write_nor_listen(served: Served, headers: dict[str, str]) -> None:
    for client in (served.api, served.ingress):
        async with client.post("/zones/1/1", json={"setpoint": 23}, headers=headers) as answer:
            assert answer.status == 403
            assert "Access-Control-Allow-Origin" not in answer.headers
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(LIVE, headers=headers)
        assert refused.value.status == 403
    assert not list(served.gateway.commands)


async def test_a_page_of_the_same_site_writes(served: Served) -> None:
    origin = {"Origin": f"http://127.0.0.1:{served.api_port}"}

    assert (await served.post("/mode", {"mode": 1}, headers=origin))[0] == 202


async def test_an_allowed_origin_reads_and_writes(start: Start, gateway: Gateway, clock: FakeClock) -> None:
    page = "http://panel.example:3000"
    served = await start(gateway, clock, cors_origins=[page], **LOCKED)
    asks = {"Origin": page, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-api-key"}

    async with served.api.options("/api/v1/mode", headers=asks) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == page
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST, PUT, DELETE"
    async with served.api.options("/api/v1/mode", headers={**asks, "Origin": "http://evil.example"}) as answer:
        assert answer.status == 403
    async with served.api.post("/mode", json={"mode": 1}, headers={"Origin": page, "X-API-Key": KEY}) as answer:
        assert answer.status == 202
        assert answer.headers["Access-Control-Allow-Origin"] == page
        assert "Origin" in answer.headers.getall("Vary")
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:5001", "127.0.0.1.evil.example", "a b", "fritz.box.evil.example"]
)
async def test_a_foreign_name_that_leads_here_reads_nothing(served: Served, host: str) -> None:
    for client in (served.api, served.ingress):
        async with client.get("/api/v1/zones", headers={"Host": host}) as answer:
            assert answer.status == 403
            assert (await answer.json())["code"] == "unknown_host"


@pytest.mark.parametrize(
    "host",
    ["192.168.1.7:5001", "[fe80::1]:5001", "homeassistant.local", "gateway", "nea.lan:80", "localhost", "x.FRITZ.box."],
)
def test_addresses_and_names_of_the_home_network_are_known(host: str) -> None:
    assert at_home(host)


async def test_a_name_of_one_s_own_can_be_allowed(start: Start, gateway: Gateway, clock: FakeClock) -> None:
    served = await start(gateway, clock, allowed_hosts=["*.example"])

    assert (await served.get("/mode", headers={"Host": "gateway.example:5001"}))[0] == 200
    assert (await served.get("/mode", headers={"Host": "example.evil"}))[0] == 403


def test_a_host_with_many_addresses_is_one_client() -> None:
    assert name("2001:db8::1") == name("2001:db8::ffff:1") != name("2001:db8:0:1::1")
    assert name("::ffff:192.168.1.7") == name("192.168.1.7")


async def test_a_request_that_trickles_in_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    doors, refused = served.server.doors[Role.API], served.server.counters.refused
    usual_s = connections.HEAD_TIMEOUT_S
    monkeypatch.setattr(connections, "HEAD_TIMEOUT_S", 0.2)
    slow = [await asyncio.open_connection("127.0.0.1", served.api_port) for _ in range(20)]

    async def trickle(writer: asyncio.StreamWriter) -> None:
        for byte in b"GET /mode HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"a" * 2000:
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0.01)

    trickling = [asyncio.create_task(trickle(writer)) for _, writer in slow]
    await eventually(lambda: doors.open + refused.get("slow", 0) == len(slow))
    monkeypatch.setattr(connections, "HEAD_TIMEOUT_S", usual_s)
    assert (await served.get("/mode"))[0] == 200
    await eventually(lambda: refused.get("slow") == len(slow))
    for (reader, writer), task in zip(slow, trickling, strict=True):
        task.cancel()
        writer.close()
        with contextlib.suppress(ConnectionError):
            assert not await reader.read()
    await asyncio.gather(*trickling, return_exceptions=True)


@pytest.mark.parametrize(
    "path", ["/api/v1/zones?include_inactive=true", "/api/openapi.json"], ids=["of one write", "of many"]
)
async def test_who_does_not_read_an_answer_loses_its_place(
    served: Served, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    connection_made = HttpConnection.connection_made

    def with_little_room(connection: HttpConnection, transport: asyncio.Transport) -> None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        connection_made(connection, transport)

    monkeypatch.setattr(HttpConnection, "connection_made", with_little_room)
    doors = served.server.doors[Role.API]
    monkeypatch.setattr(connections, "ANSWER_TIMEOUT_S", 0.2)
    monkeypatch.setattr(connections, "SLOWEST_BYTES_S", math.inf)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(("127.0.0.1", served.api_port))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        await eventually(lambda: bool(served.server.counters.requests))
        await eventually(lambda: not doors.open)

        cut = b"".join(iter(lambda: client.recv(65536), b""))
    async with served.api.get(path, headers={"Accept-Encoding": "identity"}) as whole:
        assert 0 < len(cut) < len(await whole.read())


async def test_one_address_cannot_take_all_connections(served: Served) -> None:
    doors = served.server.doors[Role.API]
    doors._client_limit = 3
    taken = [await asyncio.open_connection("127.0.0.1", served.api_port) for _ in range(3)]
    await eventually(lambda: doors.open == 3)

    reader, writer = await asyncio.open_connection("127.0.0.1", served.api_port)
    with contextlib.suppress(ConnectionError):
        assert not await reader.read()
    assert served.server.counters.refused["connections"] == 1
    for _, each in [*taken, (reader, writer)]:
        each.close()
    await eventually(lambda: doors.open == 0)
    assert (await served.get("/mode"))[0] == 200


async def test_answers_are_counted_by_route_and_status(served: Served) -> None:
    for path in ("/zones/1/1", "/zones/1/2", "/zones/1/99", "/nothing/1", "/nothing/2"):
        await served.get(path)

    counted = served.server.counters.requests
    assert counted["GET", "/zones/{base_id}/{zone_id}", 200] == 2
    assert counted["GET", "/zones/{base_id}/{zone_id}", 400] == 1
    assert counted["GET", "none", 404] == 2
