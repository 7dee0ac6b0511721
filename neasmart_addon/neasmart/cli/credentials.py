"""Makes what opens the API to a program: a fresh key, or a token that ends by itself."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
import warnings

from neasmart.facts.errors import SettingsError
from neasmart.facts.process import arguments
from neasmart.settings import loading as settings_loading

KEY_BYTES = 32
LONGEST_DAYS = 3650
_DAY_S = 86_400
_DEFAULT_DAYS = 365


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `token`."""
    parser.add_argument("--jwt", action="store_true", help="sign a token with api.jwt_secret instead of making a key")
    parser.add_argument(
        "--days",
        type=arguments.whole(1, LONGEST_DAYS),
        metavar="N",
        help=f"how long the token of --jwt is valid, 1 to {LONGEST_DAYS} (default: {_DEFAULT_DAYS})",
    )


def run(namespace: argparse.Namespace) -> int:
    """Print a key or a token alone on a line, so that it can be piped; raise SettingsError without a secret."""
    if namespace.days is not None and not namespace.jwt:
        raise arguments.UsageError("--days needs --jwt: a key is valid until it is changed")
    days = namespace.days or _DEFAULT_DAYS
    made = signed(settings_loading.load().api.jwt_secret, days=days, now=time.time()) if namespace.jwt else key()
    sys.stdout.write(f"{made}\n")
    return 0


def key() -> str:
    """Return a key that nobody guesses."""
    return secrets.token_urlsafe(KEY_BYTES)


def signed(secret: str, *, days: int, now: float) -> str:
    """Return a token for the Unix time `now` that is valid for some days; raise SettingsError without a secret."""
    if not secret:
        raise SettingsError(
            "api.jwt_secret is empty, so no token can be signed. Set it, for example to what `python -m neasmart "
            "token` prints, and start the gateway again"
        )
    import jwt  # noqa: PLC0415 - a key needs none of it

    with warnings.catch_warnings(action="ignore", category=jwt.InsecureKeyLengthWarning):
        # The gateway's log tells of a short secret; the line here is meant for a pipe.
        return jwt.encode({"iat": int(now), "exp": int(now) + days * _DAY_S}, secret, algorithm="HS256")
