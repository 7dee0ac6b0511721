"""Fetches the diagnostics file of a running gateway."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from neasmart.cli import remote
from neasmart.facts.clock import iso
from neasmart.facts.errors import SettingsError
from neasmart.facts.network import API
from neasmart.facts.process import about, arguments
from neasmart.settings import loading as settings_loading
from neasmart.settings.redaction import settings_document


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where, what, and the file."""
    remote.add_arguments(parser)
    parser.add_argument("--names", action="store_true", help="with the names of the rooms")
    parser.add_argument(
        "file", type=arguments.new_file, nargs="?", metavar="FILE", help="where to save (default: print)"
    )


def run(namespace: argparse.Namespace) -> int:
    """Fetch the diagnostics file of a running gateway; without one, write what can be told without it, and return 1."""
    code = 0
    try:
        path = f"{API}/diagnostics" + ("?names=true" if namespace.names else "")
        document = remote.told(remote.remote(namespace).ask("GET", path))
    except remote.RemoteError as error:
        sys.stderr.write(f"neasmart: {error}; this is what can be told without it\n")
        document = _offline(error, names=namespace.names)
        code = 1
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if namespace.file is None:
        sys.stdout.write(text)
        return code
    try:
        namespace.file.write_text(text, encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"neasmart: {error}\n")
        return 1
    return code


def _offline(error: remote.RemoteError, *, names: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "kind": "neasmart-diagnostics",
        "format": 1,
        "written_at": iso(time.time()),
        "problem": str(error),
        **about.facts(),
    }
    try:
        document["settings"] = settings_document(settings_loading.load(), names=names)
    except SettingsError:
        # Its message may quote the very value that must not leave the house.
        document["settings"] = "They cannot be used; start the gateway to see why"
    return document
