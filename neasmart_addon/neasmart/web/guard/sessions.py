"""Keeps a browser signed in by a cookie that is neither the key nor any state of ours.

The cookie is signed with what is derived from the key and the secret of tokens, so whoever changes one of them ends all
sessions at once, and a restart ends none. It is told from a token of a program by that secret.
"""

from __future__ import annotations

import hmac
import time
from enum import IntEnum
from typing import TYPE_CHECKING

from neasmart.settings.model import ApiSettings
from neasmart.web.guard.tokens import Tokens

if TYPE_CHECKING:
    from aiohttp import web

SESSION_S = 30 * 86_400
COOKIE_S = 400 * 86_400
"""The cookie outlives the session, as long as browsers allow, so that its end can be told from no session at all."""
_COOKIES = 4
"""So many of one name are looked at."""
_PURPOSE = b"neasmart session 1"
_LAST = "last"


class Standing(IntEnum):
    """What a browser's cookies are worth; the best of them counts."""

    NONE = 0
    FORGED = 1
    ENDED = 2
    SIGNED_IN = 3


class Sessions:
    """The sessions that these settings have opened."""

    def __init__(self, api: ApiSettings) -> None:
        """Take what opens the API: a key, a secret of tokens, or both."""
        # Cookies know no ports: two gateways on one computer must not sign each other out.
        self._cookie = f"neasmart_{api.port}"
        opened_by = f"{api.key}\0{api.jwt_secret}".encode(errors="surrogateescape")
        self._tokens = Tokens(hmac.digest(_PURPOSE, opened_by, "sha256").hex())

    def standing(self, request: web.BaseRequest) -> tuple[Standing, float]:
        """Return what a request's cookie is worth, and the Unix time of its end."""
        standing, ends_at, _ = self._best(request)
        return standing, ends_at

    def begin(self, response: web.StreamResponse, *, last: float, secure: bool) -> float:
        """Give the browser a new session, which nothing prolongs beyond `last`; return its end."""
        ends_at = int(min(time.time() + SESSION_S, last))
        claims = {"exp": ends_at} if last == float("inf") else {"exp": ends_at, _LAST: int(last)}
        self._set(response, self._tokens.signed(**claims), COOKIE_S, secure=secure)
        return ends_at

    def renew(self, request: web.BaseRequest, response: web.StreamResponse, *, secure: bool) -> float:
        """Prolong the session of a request that is signed in; return its end."""
        claims = self._tokens.claims(self._best(request)[2]) or {}
        return self.begin(response, last=float(claims.get(_LAST, "inf")), secure=secure)

    def end(self, response: web.StreamResponse, *, secure: bool) -> None:
        """Have the browser forget its session."""
        self._set(response, "", 0, secure=secure)

    def _best(self, request: web.BaseRequest) -> tuple[Standing, float, str]:
        """Return the cookie that is worth most: one of another folder, port or page must not hide a good one."""
        named = f"{self._cookie}="
        pairs = [pair.strip() for pair in request.headers.get("Cookie", "").split(";")]
        texts = [pair.removeprefix(named) for pair in pairs if pair.startswith(named)]
        return max(map(self._judged, texts[:_COOKIES]), default=(Standing.NONE, 0.0, ""))

    def _judged(self, text: str) -> tuple[Standing, float, str]:
        ends_at = self._tokens.ends_at(text)
        if ends_at is None:
            return Standing.FORGED, 0.0, text
        return (Standing.SIGNED_IN if time.time() < ends_at else Standing.ENDED), ends_at, text

    def _set(self, response: web.StreamResponse, text: str, seconds: int, *, secure: bool) -> None:
        # Without a path the browser takes the folder of the address that it has asked, whatever a proxy makes of that.
        response.set_cookie(
            self._cookie,
            text,
            path="",
            max_age=seconds,
            httponly=True,
            secure=secure or None,
            samesite="Strict",
        )
