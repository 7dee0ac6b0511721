from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from neasmart.facts.clock import iso
from neasmart.facts.codecs import encode_dpt9
from neasmart.facts.points import TABLE
from neasmart.simulator.judge.oracle import Explanation, Oracle
from neasmart.simulator.judge.rest_orders import RestOrders
from tests.support.ports import free_port

SETPOINT = TABLE.at("zone", "setpoint", 1, 1).address
WANTED = encode_dpt9(23.0)


@contextlib.asynccontextmanager
async def api(commands: list[dict[str, Any]]) -> AsyncIterator[str]:
    """Answer every request with these commands."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps({"commands": commands}).encode()
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


def a_command(*, queued_s_ago: float, ended_s_ago: float | None = None) -> dict[str, Any]:
    now = time.time()
    return {
        "id": "ab-1",
        "point": "zone.1.1.setpoint",
        "value": 23.0,
        "queued_at": iso(now - queued_s_ago),
        "ended_at": None if ended_s_ago is None else iso(now - ended_s_ago),
    }


async def test_what_people_commanded_explains_what_is_served_until_the_gateway_calls_it_ended() -> None:
    oracle = Oracle()
    now = asyncio.get_running_loop().time()
    commands = [a_command(queued_s_ago=10.0)]
    async with api(commands) as url:
        orders = RestOrders(url, oracle)
        assert oracle.served(SETPOINT, WANTED, now) is Explanation.UNEXPLAINED
        assert await orders.refresh()
        assert oracle.served(SETPOINT, WANTED, now) is Explanation.COMMAND
        now = asyncio.get_running_loop().time()
        commands[0] = a_command(queued_s_ago=10.0, ended_s_ago=2.0)
        assert await orders.refresh()

    assert oracle.served(SETPOINT, WANTED, now) is Explanation.ENDED
    assert oracle.served(SETPOINT, WANTED, now - 3.0) is Explanation.COMMAND


async def test_a_command_is_told_to_the_oracle_once_and_with_the_time_of_the_gateway() -> None:
    oracle = Oracle()
    now = asyncio.get_running_loop().time()
    async with api([a_command(queued_s_ago=10.0)]) as url:
        orders = RestOrders(url, oracle)
        oracle.told(SETPOINT, encode_dpt9(21.0), now - 12.0)
        oracle.told(SETPOINT, encode_dpt9(18.0), now - 5.0)
        await orders.refresh()
        await orders.refresh()

    assert oracle.served(SETPOINT, WANTED, now) is Explanation.TURNED


async def test_a_gateway_that_does_not_answer_says_nothing() -> None:
    assert not await RestOrders(f"http://127.0.0.1:{free_port()}", Oracle()).refresh()
