"""Plays pages that listen to every change: ``python -m bench.listen ADDRESS COUNT``; says a line once all are there."""

from __future__ import annotations

import asyncio
import sys

import aiohttp


async def main(address: str, count: int) -> None:
    async with aiohttp.ClientSession() as session:
        sockets = [await session.ws_connect(address, max_msg_size=0) for _ in range(count)]
        print("ready", flush=True)
        await asyncio.gather(*(_drain(each) for each in sockets))


async def _drain(socket: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in socket:
        pass


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
