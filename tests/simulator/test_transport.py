from __future__ import annotations

import asyncio
import time

from neasmart.simulator.bus.transport import Line


async def test_bytes_that_come_as_the_patience_ends_are_heard() -> None:
    """On a machine that stood still, both happen in one round of the loop."""
    line = Line()
    waiting = asyncio.create_task(line.more(0.01))
    await asyncio.sleep(0)
    time.sleep(0.03)  # noqa: ASYNC251 - the machine stands still
    asyncio.get_running_loop().call_soon(line.data_received, b"\xf0")

    assert await waiting

    assert not await line.more(0.0)
    line.data_received(b"\x03")
    assert await line.more(0.0)
