"""Writes JSON, for every answer and every message in the same way."""

from __future__ import annotations

import msgspec

_encode = msgspec.json.Encoder().encode


def encoded(document: object) -> bytes:
    """Return JSON; keys that are numbers become text, values that are not finite become null."""
    return _encode(document)
