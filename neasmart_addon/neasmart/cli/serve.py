"""Runs the gateway: what takes memory or time is loaded here, once nothing can be lost by a signal any more."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
from collections.abc import Iterator

STOPS = (signal.SIGTERM, signal.SIGINT)
_WHILE_LOADING = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull, "FROZENLIST_NO_EXTENSIONS": "1"}


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Add nothing: everything is a setting."""


def run(_namespace: argparse.Namespace) -> int:
    """Run until a signal; return 0."""
    # Loading what follows takes some tenths of a second; until the loop listens there is nothing to close or to reload.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in STOPS:
        signal.signal(number, lambda *_: os._exit(0))
    import asyncio  # noqa: PLC0415

    with sparingly():
        from neasmart.logs import output as logs  # noqa: PLC0415
        from neasmart.settings import loading as settings_loading  # noqa: PLC0415
        from neasmart.web.http.request_id import REQUEST_ID  # noqa: PLC0415
        from neasmart.wiring import app  # noqa: PLC0415

    async def served() -> None:
        await app.run(found, log_lines=lambda: last.lines)
        # The end of the loop would make another signal deadly again, while Python still tidies up.
        for number in (*STOPS, signal.SIGHUP):
            asyncio.get_running_loop().remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    # What the gateway writes is nobody else's: the database tells when somebody is at home.
    os.umask(0o027)
    found = settings_loading.load_judged()
    last = logs.set_up(found.settings.logging, request_id=REQUEST_ID.get)
    asyncio.run(served())
    return 0


@contextlib.contextmanager
def sparingly() -> Iterator[None]:
    """Keep aiohttp from loading what nothing here needs.

    It reads all certificates of the system for clients of HTTPS when it is imported: 30 ms of the start and 2 MB. What
    asks for certificates later, such as MQTT over TLS, finds them where they always are. And frozenlist, of which it
    reads a list or two, brings the library of C++, 1.2 MB, unless it is told to be Python.
    """
    before = {name: os.environ.get(name) for name in _WHILE_LOADING}
    os.environ.update(_WHILE_LOADING)
    try:
        yield
    finally:
        for name, text in before.items():
            if text is None:
                del os.environ[name]
            else:
                os.environ[name] = text
