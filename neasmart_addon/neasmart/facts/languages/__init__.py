"""The words of points and of their values in the owners' languages, for everybody who shows them.

The files beside this one are the languages that there are; all have the same keys. ``group.zone`` names a place, with
its numbers, ``point.zone.setpoint`` what is told there, small as within a sentence; ``mode``, ``state`` and ``result``
are the vocabularies of values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent


def known() -> list[str]:
    """Return the languages that there are; blocks."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read(language: str) -> Mapping[str, str]:
    """Return the words of a language by their key; blocks."""
    content: dict[str, str] = json.loads((FOLDER / f"{language}.json").read_bytes())
    return content
