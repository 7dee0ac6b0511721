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
    """Return once our terminal is closed; what is written to it from then on goes nowhere, and is no error.

    Never where there is none, as in a service, nor where we are not in its foreground: whoever has put us into the
    background (`&`, `disown`, `setsid`) or only shows there what we write (`docker run -t`) wants us to go on.
    """
    terminals = [number for number in range(3) if _foreground(number) is not None]
    watch = select.poll()
    for number in terminals:
        # Only its end is told, not what is typed.
        watch.register(number, 0)
    in_front = False
    while terminals and not watch.poll(0):
        in_front = any(_foreground(number) == os.getpgrp() for number in terminals)
        await asyncio.sleep(_LOOK_S)
    for number in terminals:
        with open(os.devnull, "r+b") as nowhere:  # noqa: PTH123, ASYNC230 - it is no file, and opens at once
            os.dup2(nowhere.fileno(), number)
    if not in_front:
        await asyncio.get_running_loop().create_future()


def _foreground(number: int) -> int | None:
    """Return which process group has the terminal, None if it is not the one that controls us."""
    try:
        return os.tcgetpgrp(number)
    except OSError:
        return None
