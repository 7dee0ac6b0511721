"""What stands on a command line: one form of error, one exit code for it, and the types that several commands use."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from neasmart.facts.errors import NeasmartError
from neasmart.facts.network import LAST_PORT, host_and_port

EXIT_USAGE = 2


class UsageError(NeasmartError):
    """Options do not fit each other, or this computer."""

    code = "usage"


class Parser(argparse.ArgumentParser):
    """A parser whose errors look as all others of this program do; those of its commands look so, too."""

    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong and where to read on, and exit."""
        self.exit(EXIT_USAGE, f"neasmart: {message}; see {self.prog} --help\n")


def number(least: float, most: float, what: str = "a number") -> Callable[[str], float]:
    """Return a type for a number from `least` to `most`; `what` names it for people."""

    def parsed(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        # NaN is in no range.
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what} from {least:g} to {most:g}")
        return value

    return parsed


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return a type for a whole number from `least` to `most`."""

    def parsed(text: str) -> int:
        value = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(most)) else least - 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return value

    return parsed


port = whole(1, LAST_PORT)


def host_port(text: str) -> str:
    """Return ``HOST:PORT``; port 0 lets the kernel choose where one listens."""
    host, port_number = host_and_port(text)
    if not host or port_number is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return text


def unit_ids(text: str) -> tuple[int, ...]:
    """Return unit ids of a list such as ``240,241``."""
    parts = text.split(",")
    ids = tuple(int(part) for part in parts if part.isascii() and part.isdecimal() and len(part) <= 3)  # noqa: PLR2004
    if len(ids) != len(parts) or not all(1 <= each <= 247 for each in ids):  # noqa: PLR2004 - the range of Modbus
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of unit ids from 1 to 247, such as 240,241")
    return ids


def new_file(text: str) -> Path:
    """Return where a file can be written, known before there is anything to write."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder, not a file")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written: the folder must exist and be yours to write")
    return path


def http_url(text: str) -> str:
    """Return an address of an HTTP server."""
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        # It may hold a login, so it is not repeated.
        raise argparse.ArgumentTypeError("this is no address such as http://127.0.0.1:5001")
    return text
