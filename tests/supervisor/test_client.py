"""What the Supervisor says is taken or told in one sentence, whatever it does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from neasmart.supervisor import Supervisor, SupervisorError
from tests.support.ports import free_port

pytestmark = [
    pytest.mark.unguarded(
        "tasks",
        reason="the handlers of the test's own server that hangs end with the loop",
    )
]

TOKEN = "a-token-of-the-supervisor"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[Supervisor]]]:
    """Return a function that serves every request by one answer and returns a client to it."""
    async with AsyncExitStack() as stack:

        async def served(answer: Answer, *, within_s: float = 30.0) -> Supervisor:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", answer)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            port = free_port()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            return Supervisor(TOKEN, url=f"http://127.0.0.1:{port}", timeout_s=within_s)

        yield served


Serve = Callable[..., Awaitable[Supervisor]]


async def test_the_saved_options_are_asked_for_with_the_apps_own_token(serve: Serve) -> None:
    seen: list[tuple[str, str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.path, request.headers["Authorization"]))
        return web.json_response({"result": "ok", "data": {"api": {"enable_auth": True}}})

    supervisor = await serve(answer)

    assert await supervisor.options() == {"api": {"enable_auth": True}}
    assert seen == [("GET", "/addons/self/options/config", f"Bearer {TOKEN}")]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, '{"result":"error","message":"Invalid configuration data for the add-on"}', "Invalid configuration data"),
        (403, "403: Forbidden", "HTTP 403"),
        (502, "", "HTTP 502"),
        (200, "[]", "cannot be read"),
        (200, "[" * 100_000, "cannot be read"),
        (302, "", "HTTP 302"),
    ],
)
async def test_a_refusal_is_told_in_one_sentence(serve: Serve, status: int, body: str, said: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, headers={"Location": "http://192.0.2.1/"})

    supervisor = await serve(answer)

    with pytest.raises(SupervisorError, match=said) as refused:
        await supervisor.options()
    assert TOKEN not in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_an_answer_that_comes_in_pieces_is_read_to_its_end(serve: Serve) -> None:
    told = {"slug": "neasmart", "long_description": "x" * 40_000}

    async def answer(request: web.Request) -> web.StreamResponse:
        text = json.dumps({"result": "ok", "data": told}).encode()
        response = web.StreamResponse(headers={"Content-Length": str(len(text))})
        await response.prepare(request)
        for begin in range(0, len(text), 15_000):
            await response.write(text[begin : begin + 15_000])
            # Whoever reads only the first piece has it by then.
            await asyncio.sleep(0.05)
        return response

    supervisor = await serve(answer)

    assert await supervisor.info() == told


async def test_an_answer_without_end_is_not_waited_for(serve: Serve) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65_536)

    supervisor = await serve(answer)

    with pytest.raises(SupervisorError, match="too long"):
        await supervisor.info()


async def test_a_supervisor_that_hangs_is_left_alone(serve: Serve) -> None:
    async def answer(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError("an event that nobody sets")

    supervisor = await serve(answer, within_s=0.5)

    with pytest.raises(SupervisorError, match=r"did not answer within 0\.5 s"):
        await supervisor.options()


async def test_a_supervisor_that_is_away_is_told() -> None:
    with pytest.raises(SupervisorError, match="cannot be reached"):
        await Supervisor(TOKEN, url=f"http://127.0.0.1:{free_port()}").options()


def test_outside_home_assistant_there_is_none() -> None:
    assert Supervisor.known_to({}) is None
    assert Supervisor.known_to({"SUPERVISOR_TOKEN": TOKEN}) is not None
