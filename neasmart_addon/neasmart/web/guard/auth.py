"""Decides whether a request carries the key or a token of the owner, and slows down those who guess.

Keys are compared in constant time, as digests, so that neither time nor length tells anything. A right key is never
made to wait: only wrong answers are delayed, a bounded number of them at a time, and nobody else waits for them.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import time
from collections import OrderedDict
from http import HTTPStatus

from multidict import CIMultiDictProxy

from neasmart.settings.model import ApiSettings
from neasmart.web.guard.tokens import Tokens, digested
from neasmart.web.http.problems import Problem

KEY_HEADER = "X-API-Key"
SUBPROTOCOL = "neasmart"
"""What a WebSocket of a browser offers beside its credentials, and what it is answered."""
PROTOCOL_HEADER = "Sec-WebSocket-Protocol"

FOREVER = float("inf")
FREE_FAILURES = 5
DELAY_S = 1.0
DELAYED_LIMIT = 32
DELAYED_OF_ONE_LIMIT = 4
CLIENTS_LIMIT = 1024
FORGET_AFTER_S = 900.0

_LOG = logging.getLogger(__name__)
_KEY_LENGTH = 4096
_SHORT = 16
_WHERE = f"Send {KEY_HEADER}: KEY, or Authorization: Bearer TOKEN"
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="neasmart"'}


class Authentication:
    """What the settings accept; without `enable_auth` everybody is let through."""

    def __init__(self, api: ApiSettings) -> None:
        """Take key and secret; an empty one opens nothing."""
        self.required = api.enable_auth
        self._key = digested(api.key) if api.key else None
        self._tokens = Tokens(api.jwt_secret)
        if self.required and (0 < len(api.key) < _SHORT or 0 < len(api.jwt_secret) < _SHORT):
            _LOG.warning("api.key or api.jwt_secret is short and may be guessed; the page makes a key under Connection")

    def offered(self, headers: CIMultiDictProxy[str]) -> bool:
        """Return whether there is anything to judge."""
        return KEY_HEADER in headers or "Authorization" in headers or "." in headers.get(PROTOCOL_HEADER, "")

    def good_until(self, headers: CIMultiDictProxy[str]) -> float:
        """Return the Unix time until which key or token of the headers open the API, 0 if they do not."""
        key = headers.get(KEY_HEADER)
        if key is not None and self._is_key(key):
            return FOREVER
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and (until := self._token_until(token.strip())):
            return until
        offered = headers.get(PROTOCOL_HEADER)
        names = [] if offered is None else [each.strip() for each in offered.split(",")[:4]]
        return max(map(self._protocol_until, names)) if SUBPROTOCOL in names else 0.0

    def text_until(self, text: str) -> float:
        """Return the same of a text that somebody has typed in, which may be the key or a token."""
        return FOREVER if self._is_key(text) else self._token_until(text)

    def _protocol_until(self, offered: str) -> float:
        """Judge what a browser sends with a WebSocket, where a page cannot set other headers."""
        kind, _, text = offered.partition(".")
        if kind == "bearer":
            return self._token_until(text)
        if kind != "key" or len(text) > _KEY_LENGTH:
            return 0.0
        try:
            key = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode()
        except ValueError:
            return 0.0
        return FOREVER if self._is_key(key) else 0.0

    def _is_key(self, key: str) -> bool:
        return self._key is not None and hmac.compare_digest(digested(key), self._key)

    def _token_until(self, token: str) -> float:
        ends_at = self._tokens.ends_at(token)
        return 0.0 if ends_at is None or ends_at <= time.time() else ends_at


class Attempts:
    """Failed attempts by client, a bounded number of clients, and the answers that are being delayed."""

    def __init__(self) -> None:
        """Start without failures."""
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._delayed: dict[str, int] = {}

    async def failed(self, client: str) -> None:
        """Count a failure and raise the Problem to answer, after a while if there were many."""
        now = time.monotonic()
        count, last = self._failures.pop(client, (0, now))
        count = 1 if now - last > FORGET_AFTER_S else count + 1
        self._failures[client] = (count, now)
        if len(self._failures) > CLIENTS_LIMIT:
            self._failures.popitem(last=False)
        if count == FREE_FAILURES + 1:
            _LOG.warning("%s has failed to authenticate %d times; its failures are answered slowly", client, count)
        if count > FREE_FAILURES:
            await self._delay(client)
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "unauthorized",
            "The key or token is not valid, or the token has expired",
            details=_WHERE,
            headers=_CHALLENGE,
        )

    async def _delay(self, client: str) -> None:
        mine = self._delayed.get(client, 0)
        if mine >= DELAYED_OF_ONE_LIMIT or sum(self._delayed.values()) >= DELAYED_LIMIT:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many_failures",
                "Too many failed attempts at once",
                headers={"Retry-After": "1"},
            )
        self._delayed[client] = mine + 1
        try:
            await asyncio.sleep(DELAY_S)
        finally:
            left = self._delayed[client] - 1
            if left:
                self._delayed[client] = left
            else:
                del self._delayed[client]


def missing() -> Problem:
    """Return the answer to a request without key and token."""
    return Problem(
        HTTPStatus.UNAUTHORIZED, "unauthorized", "A key or a token is needed", details=_WHERE, headers=_CHALLENGE
    )


def ended() -> Problem:
    """Return the answer to a browser whose session is over."""
    return Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", "The session has ended", headers=_CHALLENGE)
