"""Spares a process that speaks no TLS the 5 MB of OpenSSL, which asyncio, aiohttp, hashlib and paho load by themselves.

What asyncio and aiohttp could do with TLS is not used here: the API stands behind a proxy, and the Supervisor speaks
plain HTTP. The one who speaks TLS is MQTT, and with it `ssl` comes when something of it is asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_HASHES = ("_md5", "_sha1", "_sha2") if sys.version_info >= (3, 12) else ("_md5", "_sha1", "_sha256", "_sha512")
"""Python's own functions; a Python that is built without them, as Fedora's, has each from OpenSSL."""


class _NeverError(OSError):
    """What nobody raises before `ssl` is there."""


class _Late(ModuleType):
    """Stands in for `ssl` until something of it is needed."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("SSLWant") and "_ssl" not in sys.modules:
            # paho asks for these whenever a socket has nothing to read.
            return _NeverError
        if sys.modules.get("ssl") is self:
            del sys.modules["ssl"]
        return getattr(importlib.import_module("ssl"), name)


@contextmanager
def late() -> Iterator[None]:
    """Let what is imported meanwhile load `ssl` when it first uses it."""
    stand_in = sys.modules.setdefault("ssl", _Late("ssl"))
    try:
        yield
    finally:
        if isinstance(stand_in, _Late) and sys.modules.get("ssl") is stand_in:
            del sys.modules["ssl"]


@contextmanager
def absent() -> Iterator[None]:
    """Let what is imported meanwhile do without OpenSSL: all of it can, and most Pythons have hashes of their own."""
    spared = ("_ssl", "_hashlib") if all(map(importlib.util.find_spec, _HASHES)) else ("_ssl",)
    before = {name: sys.modules.get(name) for name in spared}
    missing: dict[str, Any] = {name: module for name, module in before.items() if module is None}
    sys.modules.update(missing)
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]
