"""The page behind a login on the API's port: who gets in, who does not, and what a browser keeps."""

from __future__ import annotations

import asyncio
import logging
import time
from http.cookies import SimpleCookie
from typing import Any, cast

import aiohttp
import jwt
import pytest

from neasmart.core.gateway import Gateway
from neasmart.settings.model import ApiSettings
from neasmart.web import Sights
from neasmart.web.assets import FOLDER
from neasmart.web.guard import auth
from neasmart.web.guard.sessions import SESSION_S, Sessions
from neasmart.web.sign_in import _language
from tests.support.gateways import FakeClock
from tests.web.conftest import Served, Start
from tests.web.test_gate import use
from tests.web.test_setup import FakeGuide

KEY = "a key of the owner, <long> & 'odd' enough"
SECRET = "a secret of more than thirty-two characters for tokens"
NOTHING = cast("Any", None)
BEHIND: dict[str, Any] = {
    "sights": Sights(recorder=NOTHING, last_frames=list, log_lines=list, guide=FakeGuide(), page_on_api=True),
    "page": FOLDER,
    "enable_auth": True,
    "key": KEY,
    "jwt_secret": SECRET,
}
LIVE = "/api/v1/live"


@pytest.fixture
async def door(start: Start, gateway: Gateway, clock: FakeClock) -> Served:
    return await start(gateway, clock, **BEHIND)


def own(served: Served) -> dict[str, str]:
    """What a browser says of a request of our own page."""
    return {"Origin": f"http://127.0.0.1:{served.api_port}"}


async def asked(
    served: Served, method: str, path: str, cookie: str | None = None, **kwargs: Any
) -> tuple[int, str, aiohttp.ClientResponse]:
    """Ask as a browser that keeps no cookies by itself, and follows nowhere."""
    headers = dict(kwargs.pop("headers", {}))
    if cookie is not None:
        headers["Cookie"] = f"neasmart_{served.api_port}={cookie}"
    url = f"http://127.0.0.1:{served.api_port}{path}"
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.request(method, url, headers=headers, allow_redirects=False, **kwargs) as response,
    ):
        return response.status, await response.text(), response


async def entered(served: Served, key: str = KEY, **headers: str) -> tuple[int, str, aiohttp.ClientResponse]:
    return await asked(served, "POST", "/sign-in", data={"key": key}, headers={**own(served), **headers})


def kept(response: aiohttp.ClientResponse) -> Any:
    """Return the one cookie that an answer sets, with its attributes."""
    (text,) = response.headers.getall("Set-Cookie")
    ((_, morsel),) = SimpleCookie(text).items()
    return morsel


async def session(served: Served, key: str = KEY) -> str:
    status, _, response = await entered(served, key)
    assert status == 303
    return str(kept(response).value)


def signed(**changed: Any) -> str:
    """Return what settings would sign."""
    claims = {"exp": int(time.time()) + 1000, **changed.pop("claims", {})}
    sessions = Sessions(ApiSettings(**{"key": KEY, "jwt_secret": SECRET, **changed}))
    return sessions._tokens.signed(**claims)


async def test_who_is_not_signed_in_gets_a_form_without_a_script(door: Served) -> None:
    status, text, response = await asked(door, "GET", "/")

    assert status == 401
    assert '<form method="post" action="sign-in">' in text
    assert "<script" not in text
    assert "$" not in text
    assert response.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert "Set-Cookie" not in response.headers


async def test_the_key_opens_the_page_and_all_it_asks_for(door: Served) -> None:
    status, _, response = await entered(door)
    cookie = kept(response)

    assert (status, response.headers["Location"]) == (303, "./")
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"], cookie["path"]) == (True, "Strict", "", "")
    status, text, page = await asked(door, "GET", "/", cookie.value)
    assert status == 200
    assert "data-login" in text
    assert page.headers["Cache-Control"] == "no-store"
    for path in ("/api/v1/snapshot", "/api/v1/schema", "/api/v1/setup", "/api/v1/rooms"):
        assert (await asked(door, "GET", path, cookie.value))[0] == 200, path
    answer = await asked(
        door, "PUT", "/api/v1/points/zone.1.1.setpoint", cookie.value, json={"value": 22}, headers=own(door)
    )
    assert answer[0] == 202
    (command,) = door.gateway.commands.pending
    assert command.origin == "panel"


async def test_the_cookie_is_neither_the_key_nor_made_of_it_in_the_open(door: Served) -> None:
    cookie = await session(door)

    assert set(jwt.decode(cookie, options={"verify_signature": False})) == {"exp"}
    assert KEY not in cookie
    for headers in ({"X-API-Key": cookie}, {"Authorization": f"Bearer {cookie}"}):
        assert (await asked(door, "GET", "/mode", headers=headers))[0] == 401


@pytest.mark.parametrize("text", ["", "wrong", KEY + "x", "\x00", "x" * 5000, jwt.encode({"exp": 1}, SECRET)])
async def test_a_wrong_key_is_told_and_opens_nothing(door: Served, text: str) -> None:
    status, body, response = await entered(door, text)

    assert (status, "not valid" in body) == (401, True)
    assert "Set-Cookie" not in response.headers
    assert KEY[:12] not in body


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 401),
        (b"key", 400),
        (b"\xff\xfe=\x00", 400),
        (b"&".join([b"a=1"] * 100), 400),
        (b"key=" + b"x" * 70_000, 413),
        (b"name=x", 401),
        (b"key=%FF%00%F0", 401),
        (b"key=" + b"%F0%9F%8C%9E" * 1000, 401),
    ],
)
async def test_any_body_gets_an_answer_and_none_opens(door: Served, body: bytes, status: int) -> None:
    headers = {**own(door), "Content-Type": "application/x-www-form-urlencoded"}

    found, _, response = await asked(door, "POST", "/sign-in", data=body, headers=headers)

    assert found == status
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("cookie", ["=", ";;;", "\x80=\xff", "neasmart_{port}", "neasmart_{port}==;=", "a" * 7000])
async def test_any_cookie_gets_an_answer(door: Served, cookie: str) -> None:
    header = {"Cookie": cookie.replace("{port}", str(door.api_port))}
    for path in ("/", "/api/v1/snapshot"):
        assert (await asked(door, "GET", path, headers=header))[0] == 401


async def test_wrong_keys_are_slowed_down_with_those_of_programs(
    door: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(auth, "DELAY_S", 0.3)
    caplog.set_level(logging.DEBUG)
    for guess in range(3):
        await entered(door, f"guess {guess}")
    for guess in range(3):
        await asked(door, "GET", "/mode", headers={"X-API-Key": f"guess {guess}"})

    answers = await asyncio.gather(*(entered(door, f"later guess {each}") for each in range(6)))

    assert sorted(status for status, _, _ in answers) == [401] * 4 + [429] * 2
    assert any("Too many wrong keys" in body for _, body, _ in answers)
    assert "failed to authenticate" in caplog.text
    assert "guess" not in caplog.text


async def test_guessing_by_forged_sessions_is_slowed_down_too(door: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "DELAY_S", 0.3)
    forged = [signed(key=str(number)) for number in range(12)]
    for each in forged[:6]:
        assert (await asked(door, "GET", "/api/v1/mode", each))[0] == 401

    answers = await asyncio.gather(*(asked(door, "GET", "/", each) for each in forged[6:]))

    assert {status for status, _, _ in answers} == {401, 429}


FORGED = {
    "of another key": lambda: signed(key="another key"),
    "of another secret": lambda: signed(jwt_secret="another secret of more than thirty-two characters"),
    "a token of a program": lambda: jwt.encode({"exp": time.time() + 1000}, SECRET),
    "signed with the key itself": lambda: jwt.encode({"exp": time.time() + 1000}, KEY),
    "unsigned": lambda: jwt.encode({"exp": time.time() + 1000}, None, algorithm="none"),
    "without an end": lambda: signed(claims={"exp": None}),
    "the key": lambda: KEY.replace(" ", ""),
    "nothing": lambda: "",
    "noise": lambda: "..." * 900,
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
async def test_a_forged_session_opens_nothing_and_is_taken_away(door: Served, forged: Any) -> None:
    text = forged()

    status, body, response = await asked(door, "GET", "/", text)
    assert (status, "session has ended" in body) == (401, True)
    assert (kept(response).value, kept(response)["max-age"]) == ("", "0")
    assert (await asked(door, "GET", "/api/v1/snapshot", text))[0] == 401
    assert (await asked(door, "POST", "/api/v1/mode", text, json={"mode": 1}, headers=own(door)))[0] == 401
    assert not door.gateway.commands.recent


async def test_an_ended_session_says_so_and_is_no_guess(door: Served) -> None:
    old = signed(claims={"exp": int(time.time()) - 5})
    for _ in range(2 * auth.FREE_FAILURES):
        status, document, _ = await asked(door, "GET", "/api/v1/snapshot", old)
        assert (status, "session has ended" in document) == (401, True)

    status, body, _ = await asked(door, "GET", "/", old)
    assert (status, "session has ended" in body) == (401, True)


async def test_a_changed_key_ends_all_sessions_and_what_they_have_open(door: Served) -> None:
    cookie = await session(door)
    url = f"http://127.0.0.1:{door.api_port}{LIVE}"
    headers = {**own(door), "Cookie": f"neasmart_{door.api_port}={cookie}"}
    async with aiohttp.ClientSession() as browser, browser.ws_connect(url, headers=headers) as socket:
        assert (await socket.receive_json())["type"] == "hello"

        use(door, key="another key of the owner")

        while (await socket.receive(timeout=30)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert socket.closed

    assert (await asked(door, "GET", "/api/v1/snapshot", cookie))[0] == 401


async def test_a_socket_ends_with_its_session(door: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    end = int(time.time()) + 1000
    short = signed(claims={"exp": end})
    monkeypatch.setattr("neasmart.web.api.live.time.time", lambda: end - 0.5)
    began = time.monotonic()
    url = f"http://127.0.0.1:{door.api_port}{LIVE}"
    headers = {**own(door), "Cookie": f"neasmart_{door.api_port}={short}"}

    async with aiohttp.ClientSession() as browser, browser.ws_connect(url, headers=headers) as socket:
        assert (await socket.receive_json())["type"] == "hello"
        while (await socket.receive(timeout=30)).type is aiohttp.WSMsgType.TEXT:
            pass

    assert time.monotonic() - began >= 0.5


STRANGERS = [
    {},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:8123"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://trusted.example"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("headers", STRANGERS, ids=str)
async def test_a_session_is_for_our_own_page_alone(
    start: Start, gateway: Gateway, clock: FakeClock, headers: dict[str, str]
) -> None:
    door = await start(gateway, clock, **BEHIND, cors_origins=["http://trusted.example"])
    cookie = await session(door)

    for method, path, body in (
        ("POST", "/api/v1/mode", {"mode": 1}),
        ("PUT", "/api/v1/points/global.mode", {"value": 1}),
        ("POST", "/api/v1/setup/apply", {"listen": True}),
        ("DELETE", "/session", None),
    ):
        assert (await asked(door, method, path, cookie, json=body, headers=headers))[0] == 403, path
    assert (await asked(door, "POST", "/sign-in", data={"key": KEY}, headers=headers))[0] == 403
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    socket = {**headers, **upgrade, "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    assert (await asked(door, "GET", LIVE, cookie, headers=socket))[0] == 403
    assert gateway.commands.recent == []


@pytest.mark.parametrize("origin", ["http://trusted.example", "http://evil.example", "null"])
async def test_a_session_opens_no_door_to_other_pages(
    start: Start, gateway: Gateway, clock: FakeClock, origin: str
) -> None:
    door = await start(gateway, clock, **BEHIND, cors_origins=["http://trusted.example"])
    cookie = await session(door)

    status, _, response = await asked(door, "GET", "/api/v1/snapshot", cookie, headers={"Origin": origin})

    assert status == 403
    assert "Access-Control-Allow-Credentials" not in response.headers
    preflight = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    _, _, response = await asked(door, "OPTIONS", "/api/v1/rooms", cookie, headers=preflight)
    assert "Access-Control-Allow-Credentials" not in response.headers


async def test_a_name_of_the_internet_gets_neither_form_nor_page(door: Served) -> None:
    cookie = await session(door)
    rebound = {"Host": f"evil.example:{door.api_port}"}

    assert (await asked(door, "GET", "/", headers=rebound))[0] == 403
    for path in ("/", "/api/v1/snapshot"):
        assert (await asked(door, "GET", path, cookie, headers=rebound))[0] in (401, 403), path
    headers = {**rebound, "Origin": f"http://evil.example:{door.api_port}"}
    assert (await asked(door, "POST", "/sign-in", data={"key": KEY}, headers=headers))[0] == 403
    assert (await asked(door, "GET", "/mode", headers={**rebound, "X-API-Key": KEY}))[0] == 200


async def test_behind_a_proxy_with_tls_the_cookie_is_for_tls_alone(
    start: Start, gateway: Gateway, clock: FakeClock
) -> None:
    door = await start(gateway, clock, **BEHIND, trusted_proxies=["127.0.0.1"], allowed_hosts=["heat.example"])
    proxied = {
        "Origin": "https://heat.example",
        "X-Forwarded-Host": "heat.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/heating",
    }

    _, _, response = await entered(door, **proxied)

    cookie = kept(response)
    # Neither path nor place is named, so both follow the address that the browser has.
    assert (cookie["secure"], cookie["path"], response.headers["Location"]) == (True, "", "./")
    text = (await asked(door, "GET", "/", cookie.value, headers=proxied | {"Origin": "https://heat.example"}))[1]
    assert 'src="/' not in text
    assert 'href="/' not in text


async def test_what_a_stranger_says_of_tls_is_not_believed(door: Served) -> None:
    _, _, response = await entered(door, **{"X-Forwarded-Proto": "https"})
    assert kept(response)["secure"] == ""


async def test_a_session_is_prolonged_while_the_page_is_open(door: Served) -> None:
    soon = signed(claims={"exp": int(time.time()) + 60})

    status, _, response = await asked(door, "GET", "/session", soon)
    assert status == 200
    renewed = jwt.decode(kept(response).value, options={"verify_signature": False})
    assert renewed["exp"] == pytest.approx(time.time() + SESSION_S, abs=60)
    _, _, response = await asked(door, "GET", "/", soon)
    assert kept(response).value


async def test_a_token_opens_the_page_no_longer_than_it_lasts(door: Served) -> None:
    end = int(time.time()) + 3600
    cookie = await session(door, jwt.encode({"exp": end}, SECRET))

    _, _, response = await asked(door, "GET", "/session", cookie)

    for each in (cookie, kept(response).value):
        assert jwt.decode(each, options={"verify_signature": False})["exp"] == end
    bearer = {"Authorization": f"Bearer {jwt.encode({'exp': end}, SECRET)}"}
    status, _, response = await asked(door, "GET", "/session", headers=bearer)
    assert (status, "Set-Cookie" in response.headers) == (401, False)


async def test_a_token_that_lasts_for_ever_opens_the_page_too(door: Served) -> None:
    endless = jwt.encode({"exp": 10**400}, SECRET)
    url = f"http://127.0.0.1:{door.api_port}{LIVE}"

    cookie = await session(door, endless)

    for path in ("/", "/session"):
        assert (await asked(door, "GET", path, cookie))[0] == 200
    headers = {"Authorization": f"Bearer {endless}"}
    async with aiohttp.ClientSession(headers=headers) as program, program.ws_connect(url) as socket:
        assert (await socket.receive_json())["type"] == "hello"


@pytest.mark.parametrize("other", ["junk", "ended"])
async def test_a_cookie_of_another_folder_hides_no_good_one(door: Served, other: str) -> None:
    """Cookies know no ports, and any page of this computer may add one with another path."""
    good = await session(door)
    bad = signed(claims={"exp": int(time.time()) - 5}) if other == "ended" else other
    name = f"neasmart_{door.api_port}"

    for pairs in ((good, bad), (bad, good), ("", bad, good)):
        header = "; ".join(["theme=dark", *(f"{name}={each}" for each in pairs)])
        for path in ("/api/v1/snapshot", "/", "/session"):
            assert (await asked(door, "GET", path, headers={"Cookie": header}))[0] == 200, (pairs, path)
    crowd = "; ".join([*(f"{name}=junk{each}" for each in range(50)), f"{name}={good}"])
    assert (await asked(door, "GET", "/api/v1/snapshot", headers={"Cookie": crowd}))[0] == 401


async def test_signing_out_takes_the_cookie_away(door: Served) -> None:
    cookie = await session(door)

    status, _, response = await asked(door, "DELETE", "/session", cookie, headers=own(door))

    assert (status, kept(response).value, kept(response)["max-age"]) == (204, "", "0")
    assert (await asked(door, "GET", "/sign-in", cookie))[0] == 303


CLOSED: dict[str, dict[str, Any]] = {
    "home assistant": {"sights": Sights(recorder=NOTHING, last_frames=list, log_lines=list, guide=FakeGuide())},
    "no authentication": {"enable_auth": False},
    "no key": {"key": "", "jwt_secret": ""},
}


@pytest.mark.parametrize("closed", CLOSED)
async def test_elsewhere_the_port_has_no_page(start: Start, gateway: Gateway, clock: FakeClock, closed: str) -> None:
    door = await start(gateway, clock, **BEHIND | CLOSED[closed])

    for path in ("/", "/sign-in", "/session", "/static/x/main.js", "/api/v1/setup"):
        status, text, response = await asked(door, "GET", path)
        assert status in (401, 404), path
        assert "<form" not in text
    status, _, response = await entered(door, "")
    assert status in (401, 404)
    assert "Set-Cookie" not in response.headers
    assert (await asked(door, "GET", "/api/v1/setup", headers={"X-API-Key": KEY}))[0] in (401, 404)


async def test_the_page_goes_when_no_key_is_asked_for_any_more(door: Served) -> None:
    cookie = await session(door)

    use(door, enable_auth=False)

    for path in ("/", "/api/v1/setup"):
        assert (await asked(door, "GET", path, cookie))[0] == 404


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("ja,fr;q=0.4,it;q=0.7", "it"),
        ("en;q=0, fr", "fr"),
        ("de;q=x", "en"),
        ("," * 5000, "en"),
    ],
)
async def test_the_form_speaks_the_browsers_language(accepted: str, language: str) -> None:
    assert _language(accepted, ("de", "en", "fr", "it")) == language


async def test_the_form_has_all_its_words_in_all_languages(door: Served) -> None:
    forms = {}
    for language in ("en", "de", "it", "fr"):
        status, text, _ = await entered(door, "wrong", **{"Accept-Language": language})
        assert status == 401
        assert f'<html lang="{language}">' in text
        assert "$" not in text
        forms[language] = text
    assert len(set(forms.values())) == 4
