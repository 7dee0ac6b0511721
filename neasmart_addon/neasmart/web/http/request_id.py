"""Names each request, so that an answer, its log lines and a report by a user can be put side by side."""

from __future__ import annotations

import re
from contextvars import ContextVar
from random import getrandbits

from multidict import istr

HEADER = istr("X-Request-ID")
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered; every request runs in a context of its own."""

_USABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def chosen(offered: str | None) -> str:
    """Return the client's id if it can do no harm in logs and headers, else a new one."""
    if offered is not None and _USABLE.fullmatch(offered):
        return offered
    # A name, no secret: it only has to differ from the others.
    return f"{getrandbits(64):016x}"
