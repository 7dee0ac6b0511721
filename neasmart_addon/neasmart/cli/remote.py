"""The commands that talk to a running gateway over its REST API: record the bus, fetch the diagnostics file."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import signal
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from neasmart.facts import about, arguments
from neasmart.facts.clock import iso
from neasmart.facts.errors import NeasmartError, SettingsError
from neasmart.facts.network import API, joined
from neasmart.settings import loading as settings_loading
from neasmart.settings import model as config
from neasmart.settings.redaction import settings_document

TIMEOUT_S = 15.0
LOOK_S = 0.3
LEAST_S, MOST_S = 1.0, 600.0
"""How long a recording may last; the gateway checks it again."""

_CAPTURES = f"{API}/captures"


class RemoteError(NeasmartError):
    """The gateway cannot be reached, or it refuses."""

    code = "remote"


class Remote:
    """A gateway somewhere."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        """Take an address such as ``http://127.0.0.1:5001``."""
        parts = urlsplit(url)
        if parts.hostname is None:
            raise RemoteError("there is no host in the address")
        self._https = parts.scheme == "https"
        self._host, self._port, self._prefix = parts.hostname, parts.port, parts.path.rstrip("/")
        self._headers = {"X-API-Key": api_key} if api_key else {}
        # Without the login that a URL can hold: it stands in messages, and those in the diagnostics file.
        self.url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{self._prefix}"

    def ask(self, method: str, path: str, body: object = None) -> bytes:
        """Return the body of the answer; raise RemoteError unless it is a success."""
        kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=TIMEOUT_S)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, self._prefix + path, body=content, headers=self._headers)
            answer = connection.getresponse()
            received = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise RemoteError(f"No gateway answers at {self.url} ({error})") from error
        finally:
            connection.close()
        if answer.status >= http.client.BAD_REQUEST:
            raise RemoteError(_complaint(received) or f"{self.url} answers {answer.status}")
        return received


def add_record_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `record`."""
    _add_common(parser)
    parser.add_argument(
        "--seconds",
        type=arguments.number(LEAST_S, MOST_S),
        default=60.0,
        metavar="S",
        help=f"how long, {LEAST_S:g} to {MOST_S:g} (default: 60)",
    )
    parser.add_argument("file", type=arguments.new_file, metavar="FILE", help="where to save, for example bus.pcapng")


def add_diagnostics_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `diagnostics`."""
    _add_common(parser)
    parser.add_argument("--names", action="store_true", help="with the names of the rooms")
    parser.add_argument(
        "file", type=arguments.new_file, nargs="?", metavar="FILE", help="where to save (default: print)"
    )


def record(namespace: argparse.Namespace) -> int:
    """Let the gateway record, fetch the file and save it; Ctrl-C ends the recording earlier."""
    try:
        content = asyncio.run(_recorded(_remote(namespace), namespace.seconds))
        namespace.file.write_bytes(content)
    except (RemoteError, OSError) as error:
        sys.stderr.write(f"neasmart: {error}\n")
        return 1
    sys.stderr.write(f"{namespace.file}: {len(content)} bytes\n")
    return 0


def diagnostics(namespace: argparse.Namespace) -> int:
    """Fetch the diagnostics file of a running gateway; without one, write what can be told without it, and return 1."""
    code = 0
    try:
        path = f"{API}/diagnostics" + ("?names=true" if namespace.names else "")
        document = _json(_remote(namespace).ask("GET", path))
    except RemoteError as error:
        sys.stderr.write(f"neasmart: {error}; this is what can be told without it\n")
        document = _offline(error, names=namespace.names)
        code = 1
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if namespace.file is None:
        sys.stdout.write(text)
        return code
    try:
        namespace.file.write_text(text, encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"neasmart: {error}\n")
        return 1
    return code


async def _recorded(remote: Remote, seconds: float) -> bytes:
    """Return the recording when it is over or a signal has ended it.

    A shell without job control starts what stands in the background with SIGINT ignored, and Python then leaves it so;
    a handler of the loop works there, too.
    """
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    begun = _json(await asyncio.to_thread(remote.ask, "POST", _CAPTURES, {"seconds": seconds}))
    sys.stderr.write(f"Recording for {seconds:g} s; Ctrl-C ends it earlier\n")
    sys.stderr.flush()
    while _json(await asyncio.to_thread(remote.ask, "GET", _CAPTURES))["recorder"]["recording"]:
        if interrupted.is_set():
            await asyncio.to_thread(remote.ask, "POST", f"{_CAPTURES}/stop")
            break
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(interrupted.wait(), LOOK_S)
    return await asyncio.to_thread(remote.ask, "GET", f"{_CAPTURES}/{begun['recorder']['name']}")


def _offline(error: RemoteError, *, names: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "kind": "neasmart-diagnostics",
        "format": 1,
        "written_at": iso(time.time()),
        "problem": str(error),
        **about.facts(),
    }
    try:
        document["settings"] = settings_document(settings_loading.load(), names=names)
    except SettingsError:
        # Its message may quote the very value that must not leave the house.
        document["settings"] = "They cannot be used; start the gateway to see why"
    return document


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url", type=arguments.http_url, help="of the gateway's API (default: as configured, http://127.0.0.1:5001)"
    )
    parser.add_argument("--api-key", default=os.environ.get("NEASMART_API_KEY"), help="if the API asks for one")


def _remote(namespace: argparse.Namespace) -> Remote:
    return Remote(namespace.url or _configured_url(), namespace.api_key)


def _configured_url() -> str:
    try:
        api = settings_loading.load().api
    except SettingsError:
        api = config.ApiSettings()
    host = "127.0.0.1" if api.host in ("", "0.0.0.0", "::") else api.host  # noqa: S104 - compared, not opened
    return f"http://{joined(host, api.port)}"


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise RemoteError("What answers is no gateway: it sends no JSON") from error


def _complaint(content: bytes) -> str | None:
    try:
        return str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        return None
