"""Names each request, so that an answer, its log lines and a report by a user can be put side by side."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar

HEADER = "X-Request-ID"
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered; every request runs in a context of its own."""

_USABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def chosen(offered: str | None) -> str:
    """Return the client's id if it can do no harm in logs and headers, else a new one."""
    if offered is not None and _USABLE.fullmatch(offered):
        return offered
    return secrets.token_hex(8)
