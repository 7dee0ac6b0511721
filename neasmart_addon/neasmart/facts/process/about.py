"""What runs here: versions and platform, for those who help from far away."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any

from neasmart import __version__

LIBRARIES = ("aiohttp", "aiomqtt", "aiosqlite", "msgspec", "pymodbus", "serialx")


def facts() -> dict[str, dict[str, Any]]:
    """Return `versions` and `platform` by these names; reads files, so it is not for the loop."""
    return {"versions": versions(), "platform": platform_facts()}


def versions() -> dict[str, str | None]:
    """Return the versions of the gateway, of Python and of the libraries; None for one that is not installed."""
    return {"neasmart": __version__, "python": platform.python_version()} | {name: _version(name) for name in LIBRARIES}


def platform_facts() -> dict[str, Any]:
    """Return what the computer is, without its name."""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip() or None,
        "processors": os.cpu_count(),
        "byte_order": sys.byteorder,
        "app": "SUPERVISOR_TOKEN" in os.environ,
    }


def _version(name: str) -> str | None:
    from importlib import metadata  # noqa: PLC0415 - a megabyte that nothing else needs

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
