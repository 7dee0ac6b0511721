"""Tells when the terminal is closed that a process was started in.

The signal of that, SIGHUP, is no help: where the terminal is make's, make alone gets it, and waits for us; and to a
service it says to read the settings anew.
"""

from __future__ import annotations

import asyncio
import os
import select

_LOOK_S = 0.5


async def closed() -> None:
    """Return once our terminal is closed; never where there is none, as in a service."""
    terminals = [number for number in range(3) if os.isatty(number)]
    if not terminals:
        await asyncio.get_running_loop().create_future()
    watch = select.poll()
    for number in terminals:
        # Only its end is told, not what is typed.
        watch.register(number, 0)
    while not watch.poll(0):  # noqa: ASYNC110 - asyncio cannot wait for an end without taking what is typed
        await asyncio.sleep(_LOOK_S)
