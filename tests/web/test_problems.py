"""Whatever is sent, the answer is a clear one in the one error shape, never a 500, and no register changes."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import time
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neasmart.core.gateway import Gateway
from neasmart.web.guard import auth, connections
from neasmart.web.http import bodies
from tests.support.gateways import FakeClock
from tests.web.conftest import Served, Start, eventually

KEYS = {"error", "status", "details", "code", "request_id"}
TARGETS = [("POST", "/api/v1/zones/1/1"), ("PUT", "/api/v1/points/zone.1.1.setpoint"), ("POST", "/zones/1/1")]
HOSTILE_BODIES = [
    b"",
    b"   ",
    b"null",
    b"[]",
    b"21.5",
    b'"text"',
    b"{",
    b"{}{}",
    b"{'setpoint': 21}",
    b'{"setpoint": 21, "setpoint": 22}',
    b'{"value": 21, "value": 22}',
    b'{"setpoint": NaN}',
    b'{"setpoint": Infinity}',
    b'{"setpoint": 1e999}',
    b'{"setpoint": -1e999}',
    b'{"value": 1e999}',
    b'{"setpoint": 1' + b"0" * 400 + b"}",
    b'{"setpoint": 1' + b"0" * 5000 + b"}",
    b'{"state": 1' + b"0" * 400 + b"}",
    b'{"setpoint": [[[21]]]}',
    b'{"setpoint": {"value": 21}}',
    b"[" * 60_000,
    b'{"a":' * 12_000,
    b'{"setpoint": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    b"\xff\xfe\x00",
    b'{"setpoint": "\xff"}',
    b'{"setpoint": "\\ud800"}',
    b'{"\\ud800": 1}',
    b"\xef\xbb\xbf{}",
    b'{"setpoint": 21}\x00',
    '{"setpoint": 21}'.encode("utf-16"),
    b"setpoint=21",
]


async def answered(served: Served, method: str, path: str, **kwargs: Any) -> tuple[int, dict[str, Any]]:
    async with served.api.request(method, path, **kwargs) as response:
        assert response.content_type == "application/json"
        document = await response.json()
        assert response.headers["X-Request-ID"] == document["request_id"]
        assert document.keys() - {"err"} == KEYS
        assert document["status"] == response.status
        return response.status, document


@pytest.mark.parametrize(("method", "path"), TARGETS)
async def test_a_hostile_body_is_a_400_and_changes_nothing(served: Served, method: str, path: str) -> None:
    for body in HOSTILE_BODIES:
        status, document = await answered(served, method, path, data=body)

        assert status == 400, body[:60]
        assert document["error"]
    assert served.gateway.commands.recent == []


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/xml", "", "x"])
async def test_any_content_type_with_a_json_body_is_taken(served: Served, content_type: str) -> None:
    async with served.api.post(
        "/api/v1/zones/1/1", data=b'{"setpoint": 21}', headers={"Content-Type": content_type}
    ) as response:
        assert response.status == 200


@pytest.mark.parametrize(("method", "path"), TARGETS)
@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_over_64_kilobytes_is_413(served: Served, method: str, path: str, *, chunked: bool) -> None:
    body = b'{"setpoint": 21}' + b" " * (1024 * 64)

    async def pieces() -> Any:
        for start in range(0, len(body), 16384):
            yield body[start : start + 16384]

    status, document = await answered(served, method, path, data=pieces() if chunked else io.BytesIO(body))

    assert (status, document["code"]) == (413, "body_too_large")


async def test_a_body_of_exactly_64_kilobytes_is_read(served: Served) -> None:
    body = b'{"setpoint": 21}'.ljust(64 * 1024)

    async with served.api.post("/api/v1/zones/1/1", data=io.BytesIO(body)) as response:
        assert response.status == 200


@pytest.mark.parametrize("listener", ["api", "ingress"])
@pytest.mark.parametrize("path", ["/zones/1/1", "/api/v1/zones/1/1", "/health", "/nowhere", "/api/docs"])
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity, GZIP"])
async def test_a_compressed_body_is_refused_before_it_is_inflated(
    served: Served, listener: str, path: str, coding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inflated: list[object] = []
    monkeypatch.setattr("aiohttp.http_parser.DeflateBuffer.__init__", lambda *_, **__: inflated.append(1))
    client = getattr(served, listener)

    async with client.post(path, data=b"any bytes", headers={"Content-Encoding": coding}) as response:
        document = await response.json()

    assert (response.status, document["code"]) == (415, "compressed_body")
    assert response.headers["Connection"] == "close"
    assert inflated == []


@pytest.mark.parametrize(
    "body",
    [b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
)
async def test_a_connection_that_is_told_to_be_closed_is_closed(served: Served, body: bytes) -> None:
    head = b"POST /zones/1/1 HTTP/1.1\r\nHost: x\r\n"

    answers = await raw(served.api_port, head + body + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")

    assert answers.startswith(b"HTTP/1.1 415")
    assert answers.count(b"HTTP/1.1") == answers.count(b"Connection: close") == 1


async def test_a_body_that_is_called_uncompressed_is_read(served: Served) -> None:
    async with served.api.post(
        "/api/v1/zones/1/1", data=b'{"setpoint": 21}', headers={"Content-Encoding": "identity"}
    ) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    "body",
    [
        b'{"setpoint": ' + b"9" * 65_000 + b"}",
        b'{"setpoint": 2' + b"0" * 60_000 + b".0}",
        b"{" + b",".join(b'"%d":1' % number for number in range(7000)) + b"}",
        b'{"setpoint":' * 5000,
    ],
    ids=["long whole number", "long number", "many keys", "deep"],
)
async def test_a_body_that_is_dear_to_read_is_refused_soon(served: Served, body: bytes) -> None:
    began = time.thread_time()

    status, _ = await answered(served, "POST", "/api/v1/zones/1/1", data=body)

    assert status == 400
    assert time.thread_time() - began < 0.5


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/api/v1", 404, "not_found"),
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/v2/zones", 404, "not_found"),
        ("GET", "/static/x/index.html", 404, "not_found"),
        ("PUT", "/api/v1/zones/1/1", 405, "method_not_allowed"),
        ("POST", "/api/v1/zones", 405, "method_not_allowed"),
        ("PUT", "/zones/1/1", 405, "method_not_allowed"),
        ("PATCH", "/mode", 405, "method_not_allowed"),
        ("OPTIONS", "/health", 405, "method_not_allowed"),
        ("GET", "/api/v1/live", 400, "websocket_required"),
    ],
)
async def test_unknown_paths_and_methods_have_the_one_shape(
    served: Served, method: str, path: str, status: int, code: str
) -> None:
    answer, document = await answered(served, method, path)

    assert (answer, document["code"]) == (status, code)


async def test_a_wrong_method_names_the_right_ones(served: Served) -> None:
    async with served.api.delete("/api/v1/points/global.mode") as response:
        assert set(response.headers["Allow"].split(",")) == {"GET", "HEAD", "PUT"}


async def raw(port: int, request: bytes) -> bytes:
    """Send bytes and return all that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    "target",
    [
        "/../../etc/passwd",
        "/static/../server.py",
        "/static/x/..%2f..%2fserver.py",
        "/zones/1/1/../../../health",
        "/zones/%00/1",
        "/zones/1/1%00",
        "/zones/%ff/%fe",
        "/zones/%31%2F1",
        "/zones/1%2e/1",
        "/api/v1/points/%00",
        "/api/v1/points/..%2f..%2fetc",
        "/api/v1/commands/%ff",
        "/api/v1/zones?base_id=%00",
        "/api/v1/zones?%ff=%ff",
        "/api/v1/points?prefix",
        "//zones/1/1",
        "/zones//1",
        "/" + "a" * 8000,
        "/%",
        "/%zz",
    ],
)
async def test_tricks_in_the_path_are_a_client_s_error(served: Served, target: str) -> None:
    for port in (served.api_port, served.ingress_port):
        answer = await raw(port, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())

        head, _, body = answer.partition(b"\r\n\r\n")
        if target == "/api/v1/points?prefix":
            assert head.startswith(b"HTTP/1.1 200")
            continue
        assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404")), head
        assert json.loads(body).keys() >= KEYS


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50 + b"\r\n\r\n",
        b"BREW /health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"\x00\x01\x00\x00\x00\x06\xf0\x03\x00\x64\x00\x02\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"POST /zones/1/1 HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /zones/1/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /zones/1/1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_not_http_is_answered_in_the_one_shape_without_noise_in_the_log(
    served: Served, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await raw(served.api_port, request_bytes)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] == b"400"
    assert b"aiohttp" not in head
    assert json.loads(body).keys() >= KEYS
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    ("request_bytes", "why"),
    [
        (b"GET /?key=planted HTTP/1.1\r\n\r\n", "Missing 'Host' header in request."),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: planted\r\n\r\n", "Duplicate 'Host' header found."),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\nX: planted\r\n\r\n",
            "Transfer-Encoding can't be present with Content-Length",
        ),
        (b"GET / HTTP/1.1\r\nHost: x\r\nplanted'\x00: y\r\n\r\n", "Invalid header token"),
        (b'GET /\x01"planted HTTP/1.1\r\nHost: x\r\n\r\n', "Invalid char in url path"),
        (b"GET /?" + b"planted" * 2000 + b" HTTP/1.1\r\n\r\n", "Got more than 8190 bytes when reading"),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"planted" * 2000 + b"\r\n\r\n",
            "Got more than 8190 bytes when reading",
        ),
        (b"planted' header\r\n\r\n", "Invalid method encountered"),
        (b"Planted' header found\r\n\r\n", "Invalid method encountered"),
        (b"GET / Planted' header\r\n\r\n", "Bad status line: Expected HTTP/, RTSP/ or ICE/"),
        (b"GET http://x:planted/ HTTP/1.1\r\nHost: x\r\n\r\n", None),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\n" + b"planted" * 2000 + b": y\r\n\r\n",
            "Got more than 8190 bytes when reading",
        ),
    ],
)
async def test_why_it_is_not_http_is_told_whole_and_without_what_was_sent(
    served: Served, request_bytes: bytes, why: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "neasmart")

    _, _, body = (await raw(served.api_port, request_bytes)).partition(b"\r\n\r\n")

    assert json.loads(body)["details"] == why
    assert "planted" not in caplog.text.lower()
    assert b"planted" not in body.lower()


@pytest.mark.parametrize(
    "body", [b'Content-Length: 15\r\n\r\n{"setpoint":', b'Transfer-Encoding: chunked\r\n\r\nf\r\n{"setpoint":21}\r\n']
)
async def test_who_leaves_in_the_middle_of_a_body_commands_nothing_and_fills_no_log(
    served: Served, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "neasmart.web")
    _, writer = await asyncio.open_connection("127.0.0.1", served.api_port)
    writer.write(b"POST /api/v1/zones/1/1 HTTP/1.1\r\nHost: x\r\n" + body)
    await writer.drain()

    writer.close()

    await eventually(lambda: bool(caplog.records))
    (record,) = caplog.records
    assert (record.levelno, record.exc_info) == (logging.DEBUG, None)
    assert served.gateway.commands.recent == []


async def test_a_body_that_does_not_arrive_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_TIMEOUT_S", 0.1)
    monkeypatch.setattr(connections, "_LINGERING_S", 0.1)

    answer = await raw(
        served.api_port, b'POST /zones/1/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n{"setpoint":'
    )

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408")
    assert json.loads(body)["code"] == "request_timeout"
    assert served.gateway.commands.recent == []


@pytest.mark.parametrize("expected", [b"miracles", b"\xff\xfe", b"100-continue, miracles"])
@pytest.mark.parametrize("path", [b"/health", b"/nothing"])
async def test_an_unmet_expectation_has_the_one_shape(served: Served, path: bytes, expected: bytes) -> None:
    request = b"GET %s HTTP/1.1\r\nHost: x\r\nExpect: %s\r\nConnection: close\r\n\r\n" % (path, expected)

    head, _, body = (await raw(served.api_port, request)).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 417")
    assert json.loads(body)["code"] == "expectation_failed"


async def test_who_asks_before_he_sends_is_told_to_go_on(served: Served) -> None:
    head = b"POST /zones/1/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 15\r\n"

    answers = await raw(served.api_port, head + b'Expect: 100-Continue\r\n\r\n{"setpoint":21}')

    assert [line for line in answers.split(b"\r\n") if line.startswith(b"HTTP/")] == [
        b"HTTP/1.1 100 Continue",
        b"HTTP/1.1 202 Accepted",
    ]


HEADERS = (
    "Accept Accept-Encoding Accept-Language Access-Control-Request-Method Authorization Connection Content-Encoding "
    "Content-Type Cookie Origin Range Referer Sec-Fetch-Site Sec-WebSocket-Protocol TE Upgrade X-API-Key "
    "X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Request-ID"
)


async def test_bytes_in_a_header_that_are_no_text_are_no_fault_of_the_server(
    start: Start, gateway: Gateway, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "DELAY_S", 0.0)
    # With all that makes an answer tell of a header.
    loose = {"enable_auth": True, "key": "a key of the owner", "cors_origins": ["*"], "trusted_proxies": ["127.0.0.1"]}
    served = await start(gateway, clock, **loose)

    for name, method, key in product(
        HEADERS.split(), ("GET", "POST", "OPTIONS"), ("", f"X-API-Key: {loose['key']}\r\n")
    ):
        head = f"{method} /api/v1/mode HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{key}{name}: ".encode()
        answer = await raw(served.api_port, head + b"\xff\xfe\xed\xa0\x80\r\n\r\n")
        assert answer[9:10] in (b"2", b"4"), (name, method, answer)


@pytest.mark.parametrize("path", ["/health", "/zones/1/1", "/api/v1/zones", "/api/v1/schema", "/api/v1/health"])
async def test_head_is_answered_like_get_without_a_body(served: Served, path: str) -> None:
    async with served.api.get(path) as response:
        length = len(await response.read())
    async with served.api.head(path) as response:
        assert response.status == 200
        assert int(response.headers["Content-Length"]) == length
        assert await response.read() == b""


@pytest.mark.parametrize("offered", ["abc-123_X.y", "a" * 64])
async def test_a_usable_request_id_is_kept(served: Served, offered: str) -> None:
    async with served.api.get("/nothing", headers={"X-Request-ID": offered}) as response:
        assert response.headers["X-Request-ID"] == offered
        assert (await response.json())["request_id"] == offered


@pytest.mark.parametrize("offered", ["", "a" * 65, "a b", "<script>", "a\tb", "ä"])
async def test_an_unusable_request_id_is_replaced(served: Served, offered: str) -> None:
    async with served.api.get("/health", headers={"X-Request-ID": offered}) as response:
        made = response.headers["X-Request-ID"]

    assert made != offered
    assert len(made) == 16


async def test_every_request_gets_an_id_of_its_own(served: Served) -> None:
    ids = set()
    for _ in range(5):
        async with served.api.get("/health") as response:
            ids.add(response.headers["X-Request-ID"])

    assert len(ids) == 5


class _BrokenStore:
    async def command_history(self, limit: int) -> None:
        raise RuntimeError(f"secret of the inside {limit}")


@pytest.mark.unguarded("blocking", reason="a traceback reads the lines that it shows")
async def test_a_defect_is_logged_and_answered_without_showing_the_inside(
    start: Start, gateway: Gateway, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    served = await start(gateway, clock, _BrokenStore())

    status, document = await answered(served, "GET", "/api/v1/commands", headers={"X-Request-ID": "r-1"})

    assert (status, document["code"]) == (500, "internal_error")
    assert "secret" not in json.dumps(document)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "r-1" in record.getMessage()
    assert record.exc_info is not None
    assert "secret" in str(record.exc_info[1])


@pytest.mark.unguarded("blocking", reason="a traceback reads the lines that it shows")
async def test_a_path_makes_no_line_of_its_own_in_the_log(
    start: Start, gateway: Gateway, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    served = await start(gateway, clock, _BrokenStore())

    assert (await answered(served, "GET", "/api/v1/commands/a%0aneasmart%1b%5b31m"))[0] == 500

    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage().isprintable()


async def test_answers_carry_the_security_headers(served: Served) -> None:
    for session, ancestors in ((served.api, "'none'"), (served.ingress, "'self'")):
        async with session.get("/health") as response:
            headers = response.headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert f"frame-ancestors {ancestors}" in headers["Content-Security-Policy"]
        assert "aiohttp" not in headers["Server"]


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["state", "setpoint", "x"]), inner),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
async def test_no_body_whatever_is_a_fault_of_the_server(served: Served, body: bytes) -> None:
    for method, path in TARGETS:
        async with served.api.request(method, path, data=body) as response:
            assert response.status in {200, 202, 400}
    for command in served.gateway.commands.pending:
        command.ref.point.checked(command.value)
