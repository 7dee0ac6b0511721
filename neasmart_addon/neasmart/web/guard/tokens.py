"""Signs texts that end by themselves and knows them again: the tokens of programs, and the sessions of browsers."""

from __future__ import annotations

import hashlib
import hmac
import time
import warnings
from collections import OrderedDict
from typing import Any

TOKENS_LIMIT = 8
"""So many valid tokens are known again without decoding them, which costs half a request."""
_LENGTH = 4096
_FOR_EVER = 2**40
"""A Unix time that nobody lives to see, and with which one can reckon."""


class Tokens:
    """What one secret has signed (HS256); an empty secret has signed nothing."""

    def __init__(self, secret: str) -> None:
        """Take the secret; the library is loaded now, because in the midst of requests that would hold up the bus."""
        self._secret = secret
        self._known: OrderedDict[bytes, int] = OrderedDict()
        if secret:
            import jwt  # noqa: PLC0415 - most houses use no tokens

            self._jwt = jwt

    def ends_at(self, token: str) -> int | None:
        """Return the Unix time at which a token ends or has ended, None for what was signed by nobody or by others."""
        if not self._secret or not token or len(token) > _LENGTH:
            return None
        digest = digested(token)
        for known, ends_at in self._known.items():
            if hmac.compare_digest(digest, known):
                return ends_at
        claims = self.claims(token)
        if claims is None:
            return None
        ends_at = min(int(claims["exp"]), _FOR_EVER)
        if ends_at > time.time():
            self._known[digest] = ends_at
            if len(self._known) > TOKENS_LIMIT:
                self._known.popitem(last=False)
        return ends_at

    def claims(self, token: str) -> dict[str, Any] | None:
        """Return what a token says if it is signed, has an end `exp` and has begun; ended ones are told, too."""
        options: Any = {"require": ["exp"], "verify_aud": False, "verify_exp": False}
        try:
            with warnings.catch_warnings(action="ignore", category=self._jwt.InsecureKeyLengthWarning):
                # The owner is told of a short secret at the start, and not with each request.
                claims: dict[str, Any] = self._jwt.decode(token, self._secret, algorithms=["HS256"], options=options)
            int(claims["exp"])
        except (self._jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            return None
        return claims

    def signed(self, **claims: object) -> str:
        """Return a token that says this."""
        return self._jwt.encode(claims, self._secret, algorithm="HS256")


def digested(text: str) -> bytes:
    """Return what is compared instead of a secret, so that neither time nor length tells anything."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()
