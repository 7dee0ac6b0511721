"""Talks to a running gateway over its REST API, for the commands that do."""

from __future__ import annotations

import argparse
import http.client
import json
import os
from typing import Any
from urllib.parse import urlsplit

from neasmart.facts.errors import NeasmartError, SettingsError
from neasmart.facts.network import joined
from neasmart.facts.process import arguments
from neasmart.settings import loading as settings_loading
from neasmart.settings.model import ApiSettings

TIMEOUT_S = 15.0


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
        if api_key and not (api_key.isascii() and api_key.isprintable()):
            raise RemoteError("The API key has signs that no key can have; see --api-key and NEASMART_API_KEY")
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
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise RemoteError(f"No gateway answers at {self.url} ({error})") from error
        finally:
            connection.close()
        if answer.status >= http.client.BAD_REQUEST:
            raise RemoteError(_complaint(received) or f"{self.url} answers {answer.status}")
        return received


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the gateway is."""
    parser.add_argument(
        "--url", type=arguments.http_url, help="of the gateway's API (default: as configured, http://127.0.0.1:5001)"
    )
    parser.add_argument("--api-key", default=os.environ.get("NEASMART_API_KEY"), help="if the API asks for one")


def remote(namespace: argparse.Namespace) -> Remote:
    """Return the gateway that the options name, else the one of the settings."""
    return Remote(namespace.url or _configured_url(), namespace.api_key)


def _configured_url() -> str:
    try:
        api = settings_loading.load().api
    except SettingsError:
        api = ApiSettings()
    host = "127.0.0.1" if api.host in ("", "0.0.0.0", "::") else api.host  # noqa: S104 - compared, not opened
    return f"http://{joined(host, api.port)}"


def told(content: bytes) -> Any:
    """Return the JSON of an answer; raise RemoteError if it holds none."""
    try:
        return json.loads(content)
    except ValueError as error:
        raise RemoteError("What answers is no gateway: it sends no JSON") from error


def _complaint(content: bytes) -> str | None:
    try:
        return str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        return None
