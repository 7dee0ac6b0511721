"""Lets a running gateway record the bus, and saves the file."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys

from neasmart.cli import remote
from neasmart.facts.network import API
from neasmart.facts.process import arguments
from neasmart.facts.status import LONGEST_RECORDING_S

LOOK_S = 0.3
LEAST_S = 1

_CAPTURES = f"{API}/captures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where, how long, and the file."""
    remote.add_arguments(parser)
    parser.add_argument(
        "--seconds",
        type=arguments.number(LEAST_S, LONGEST_RECORDING_S),
        default=60.0,
        metavar="S",
        help=f"how long, {LEAST_S} to {LONGEST_RECORDING_S} (default: 60)",
    )
    parser.add_argument("file", type=arguments.new_file, metavar="FILE", help="where to save, for example bus.pcapng")


def run(namespace: argparse.Namespace) -> int:
    """Let the gateway record, fetch the file and save it; Ctrl-C ends the recording earlier."""
    try:
        content = asyncio.run(_recorded(remote.remote(namespace), namespace.seconds))
        namespace.file.write_bytes(content)
    except (remote.RemoteError, OSError) as error:
        sys.stderr.write(f"neasmart: {error}\n")
        return 1
    sys.stderr.write(f"{namespace.file}: {len(content)} bytes\n")
    return 0


async def _recorded(gateway: remote.Remote, seconds: float) -> bytes:
    """Return the recording when it is over or a signal has ended it.

    A shell without job control starts what stands in the background with SIGINT ignored, and Python then leaves it so;
    a handler of the loop works there, too.
    """
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    begun = remote.told(await asyncio.to_thread(gateway.ask, "POST", _CAPTURES, {"seconds": seconds}))
    sys.stderr.write(f"Recording for {seconds:g} s; Ctrl-C ends it earlier\n")
    sys.stderr.flush()
    while remote.told(await asyncio.to_thread(gateway.ask, "GET", _CAPTURES))["recorder"]["recording"]:
        if interrupted.is_set():
            await asyncio.to_thread(gateway.ask, "POST", f"{_CAPTURES}/stop")
            break
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(interrupted.wait(), LOOK_S)
    return await asyncio.to_thread(gateway.ask, "GET", f"{_CAPTURES}/{begun['recorder']['name']}")
