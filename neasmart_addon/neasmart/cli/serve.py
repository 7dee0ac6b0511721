"""Runs the gateway: what takes memory or time is loaded here, once nothing can be lost by a signal any more."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Iterator

from neasmart.facts.process import late_tls

STOPS = (signal.SIGTERM, signal.SIGINT)
THREADS_YIELD_S = 0.0005
"""A thread that computes lets the loop go on after so long, and once more after each system call of the loop; Python's
own 5 ms let a poll wait for 15 ms while a history was read or a library loaded."""
_PLAIN_FROZENLIST = "FROZENLIST_NO_EXTENSIONS"


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Add nothing: everything is a setting."""


def run(_namespace: argparse.Namespace) -> int:
    """Run until a signal; return 0."""
    # Loading what follows takes some tenths of a second; until the loop listens there is nothing to close or to reload.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in STOPS:
        signal.signal(number, lambda *_: os._exit(0))
    with sparingly():
        import asyncio  # noqa: PLC0415

        from neasmart.facts.process import terminal  # noqa: PLC0415
        from neasmart.logs import output as logs  # noqa: PLC0415
        from neasmart.settings import loading as settings_loading  # noqa: PLC0415
        from neasmart.web.http.request_id import REQUEST_ID  # noqa: PLC0415
        from neasmart.wiring import app  # noqa: PLC0415

    async def end_with_the_terminal() -> None:
        await terminal.closed()
        signal.raise_signal(signal.SIGTERM)

    async def served() -> None:
        watching = asyncio.create_task(end_with_the_terminal())
        await app.run(found, log_lines=lambda: last.lines)
        watching.cancel()
        # The end of the loop would make another signal deadly again, while Python still tidies up.
        for number in (*STOPS, signal.SIGHUP):
            asyncio.get_running_loop().remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    # What the gateway writes is nobody else's: the database tells when somebody is at home.
    os.umask(0o027)
    sys.setswitchinterval(THREADS_YIELD_S)
    found = settings_loading.load_judged()
    last = logs.set_up(found.settings.logging, request_id=REQUEST_ID.get)
    asyncio.run(served())
    return 0


@contextlib.contextmanager
def sparingly() -> Iterator[None]:
    """Keep what is loaded meanwhile from loading what nothing here needs.

    OpenSSL, of which `late_tls` tells. And frozenlist, of which aiohttp reads a list or two, brings the library of C++,
    1.2 MB, unless it is told to be Python.
    """
    before = os.environ.get(_PLAIN_FROZENLIST)
    os.environ[_PLAIN_FROZENLIST] = "1"
    try:
        with late_tls.absent():
            # The library of the metrics wants to find a client of HTTPS there.
            with late_tls.late():
                importlib.import_module("urllib.request")
            yield
    finally:
        if before is None:
            del os.environ[_PLAIN_FROZENLIST]
        else:
            os.environ[_PLAIN_FROZENLIST] = before
