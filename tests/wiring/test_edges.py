"""Edges run side by side: each ends and begins anew by itself, and one that fails starts again."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable

import pytest

from neasmart.wiring import edges
from neasmart.wiring.edges import Edges

NAME: contextvars.ContextVar[str] = contextvars.ContextVar("NAME", default="nobody")


class Seen:
    """What an edge did."""

    def __init__(self) -> None:
        self.began = 0
        self.ended = 0
        self.names: list[str] = []
        self.fails = 0

    def edge(self) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            self.began += 1
            self.names.append(NAME.get())
            if self.fails:
                self.fails -= 1
                raise RuntimeError("a defect")
            try:
                await asyncio.Event().wait()
            finally:
                self.ended += 1

        return run


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for sends no event
            await asyncio.sleep(0)


async def test_one_edge_begins_anew_while_the_other_goes_on() -> None:
    one, other = Seen(), Seen()
    async with asyncio.TaskGroup() as group:
        running = Edges(group)
        running.begin("one", one.edge())
        running.begin("other", other.edge())
        await until(lambda: one.began == 1 and other.began == 1)

        await running.end("one")
        assert one.ended == 1
        running.begin("one", one.edge())
        await until(lambda: one.began == 2)

        await running.end("nobody")
        running.end_all()
    assert (one.ended, other.began, other.ended) == (2, 1, 1)


@pytest.mark.unguarded("blocking", reason="the traceback in the log shows its source")
async def test_an_edge_that_fails_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edges, "_RETRY_S", 0.0)
    seen = Seen()
    seen.fails = 2
    async with asyncio.TaskGroup() as group:
        running = Edges(group)
        running.begin("one", seen.edge())
        await until(lambda: seen.began == 3)
        running.end_all()


async def test_an_edge_does_not_carry_the_name_of_the_request_that_began_it() -> None:
    NAME.set("a request")
    seen = Seen()
    async with asyncio.TaskGroup() as group:
        running = Edges(group)
        running.begin("one", seen.edge())
        await until(lambda: seen.began == 1)
        running.end_all()
    assert seen.names == ["nobody"]
