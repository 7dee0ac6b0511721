"""The short ways of a usual answer: nobody can tell them from aiohttp's own."""

from __future__ import annotations

import asyncio
import json
import re
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import time

import pytest
from aiohttp import web

from neasmart.core.gateway import Gateway
from neasmart.web.http import known_paths
from neasmart.web.http.bodies import reply
from neasmart.web.http.json_response import JsonResponse
from tests.support.gateways import FakeClock
from tests.web.conftest import Served, Start

DATE = re.compile(rb"Date: ([^\r]+)\r\n")
ID = "X-Request-ID: r-1\r\n"


async def exchange(port: int, request: str, answers: int = 1) -> bytes:
    """Send requests on one connection and return so many answers, as they came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode())
    found = b""
    async with asyncio.timeout(30):
        for _ in range(answers):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            assert length is not None
            found += head + (b"" if request.startswith("HEAD") else await reader.readexactly(int(length[1])))
    if "Connection: close" in request or "HTTP/1.0" in request:
        assert not await reader.read()
    writer.close()
    return found


def dateless(answer: bytes) -> bytes:
    (date,) = DATE.findall(answer)
    assert abs(parsedate_to_datetime(date.decode()).timestamp() - time()) < 60
    assert date.endswith(b" GMT")
    return DATE.sub(b"", answer)


@pytest.mark.parametrize("listener", ["api_port", "ingress_port"])
@pytest.mark.parametrize(
    "asked",
    [
        "GET /api/v1/zones/1/1",
        "GET /api/v1/zones?include_inactive=true",
        "GET /zones/1/1",
        "GET /health",
        "HEAD /zones/1/1",
        "GET /api/v1/zones/99/1",
    ],
)
async def test_both_ways_of_an_answer_give_the_same_bytes(
    served: Served, monkeypatch: pytest.MonkeyPatch, listener: str, asked: str
) -> None:
    port, request = getattr(served, listener), f"{asked} HTTP/1.1\r\nHost: x\r\n{ID}\r\n"

    whole = await exchange(port, request)
    monkeypatch.setattr(JsonResponse, "compose", lambda *_: False)
    of_aiohttp = await exchange(port, request)

    assert dateless(whole) == dateless(of_aiohttp)


async def test_a_usual_answer_takes_the_short_way(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object) -> None:
        raise AssertionError("an answer went the long way")

    monkeypatch.setattr(web.Response, "prepare", refused)

    for path in ("/api/v1/zones/1/1", "/zones/1/1"):
        answer = await exchange(served.api_port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")

        assert json.loads(answer.partition(b"\r\n\r\n")[2])["temperature"] == 22.0


@pytest.mark.parametrize(
    ("version", "more", "connection"),
    [
        ("1.1", "", None),
        ("1.1", "Connection: close\r\n", b"close"),
        ("1.0", "", None),
    ],
)
async def test_an_old_client_and_one_that_leaves_are_told_so(
    served: Served, version: str, more: str, connection: bytes | None
) -> None:
    answer = await exchange(served.api_port, f"GET /mode HTTP/{version}\r\nHost: x\r\n{more}\r\n")

    assert answer.startswith(f"HTTP/{version} 200 OK\r\n".encode())
    found = re.search(rb"Connection: ([^\r]+)", answer)
    assert (None if found is None else found[1]) == connection


async def test_requests_that_come_together_are_answered_in_their_order(served: Served) -> None:
    asked = "".join(
        f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n" for path in ("/mode", "/zones/1/1", "/state", "/zones/1/1")
    )

    answer = await exchange(served.api_port, asked, answers=4)

    documents = [json.loads(text) for text in re.findall(rb"\{[^}]*\}", answer)]
    assert [next(iter(document)) for document in documents] == ["mode", "state", "state", "state"]
    assert documents[1] == documents[3] != documents[2]


@pytest.mark.parametrize(
    "change",
    [
        lambda response: response.set_cookie("a", "b"),
        lambda response: response.headers.update({"ETag": '"1"'}),
        lambda response: response.enable_compression(web.ContentCoding.gzip),
        lambda response: response.enable_chunked_encoding(),
        lambda response: response.force_close(),
        lambda response: response.headers.update({"Content-Type": "application/json; charset=utf-8"}),
    ],
)
async def test_what_a_handler_adds_to_an_answer_is_sent(
    served: Served, monkeypatch: pytest.MonkeyPatch, change: object
) -> None:
    composed: list[bool] = []
    compose = JsonResponse.compose

    def changed(self: JsonResponse, *asked: object) -> bool:
        change(self)  # type: ignore[operator] # one of those above
        composed.append(compose(self, *asked))  # type: ignore[arg-type] # what the original is given
        return composed[-1]

    monkeypatch.setattr(JsonResponse, "compose", changed)
    async with served.api.get("/mode") as answer:
        assert await answer.json() == {"mode": 2}

    assert composed == [False]


async def test_a_path_that_is_known_is_not_looked_for_again(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [f"/api/v1/zones/{zone}" for zone in ("1/1", "1/2", "2/3")]
    first = [await served.get(path) for path in paths]

    monkeypatch.setattr(web.UrlDispatcher, "resolve", None)

    assert [await served.get(path) for path in paths] == first
    assert served.server.counters.requests["GET", "/api/v1/zones/{base_id}/{zone_id}", HTTPStatus.OK] == 6


async def test_a_known_path_is_as_strict_as_an_unknown_one(served: Served) -> None:
    path = "/api/v1/zones/1/1"
    for _ in range(2):
        assert await served.status("GET", path) == 200
        assert await served.status("GET", path, params={"x": "1"}) == 400
        assert await served.status("GET", path, headers={"Expect": "miracles"}) == 417
        assert await served.status("DELETE", "/api/v1/mode") == 405
        assert await served.status("HEAD", path) == 200
        assert (await served.post(path, {"setpoint": 20}))[0] == 200
        assert await served.status("GET", "/api/v1/zones/1/99") == 400


async def test_only_so_many_paths_are_remembered(
    start: Start, gateway: Gateway, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_paths, "PATHS_LIMIT", 2)
    served = await start(gateway, clock)

    for _ in range(2):
        zones = [(await served.get(f"/api/v1/zones/1/{zone}"))[1]["zone_id"] for zone in range(1, 6)]

        assert zones == [1, 2, 3, 4, 5]


def test_a_reply_is_json() -> None:
    answer = reply({"a": 1}, status=HTTPStatus.ACCEPTED)

    assert (answer.status, answer.content_type, answer.body) == (202, "application/json", b'{"a":1}')
