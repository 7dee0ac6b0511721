"""Takes secrets and private names out of what leaves the house, such as the diagnostics file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from neasmart.settings.model import SECRETS, Settings

HIDDEN = "(hidden)"

_URL_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_LEAST_LENGTH = 3
"""Shorter values are hidden by their name alone; in other texts they would hit parts of words."""


def settings_document(settings: Settings, *, names: bool = False) -> dict[str, Any]:
    """Return the settings without secrets; the names of zones only if asked for."""
    document: dict[str, Any] = msgspec.to_builtins(settings)
    if not names:
        for zone in document["zones"]:
            zone["name"] = HIDDEN if zone["name"] else ""
    return {key: _hidden(value) for key, value in document.items()}


class Scrubber:
    """Replaces the values of secret settings wherever they stand in other texts."""

    def __init__(self, settings: Settings, *, names: bool = False) -> None:
        """Learn the secret values of these settings, and the names of zones unless they may be shown."""
        document = msgspec.to_builtins(settings)
        values = set(_secrets(document))
        if not names:
            values |= {zone["name"] for zone in document["zones"]}
        found = sorted((value for value in values if len(value) >= _LEAST_LENGTH), key=len, reverse=True)
        self._pattern = re.compile("|".join(rf"(?<!\w){re.escape(value)}(?!\w)" for value in found)) if found else None

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        text = _URL_CREDENTIALS.sub(HIDDEN, text)
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)

    def document(self, value: Any) -> Any:
        """Return a document of plain types with all its texts scrubbed."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.document(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.document(each) for each in value]
        return value


def _hidden(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _hidden(each, key) for key, each in value.items()}
    if value and not isinstance(value, bool) and name in SECRETS:
        return HIDDEN
    if isinstance(value, list):
        return [_hidden(each, name) for each in value]
    return _URL_CREDENTIALS.sub(HIDDEN, value) if isinstance(value, str) else value


def _secrets(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _secrets(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from _secrets(each, name)
    elif isinstance(value, str):
        if name in SECRETS:
            yield value
        yield from _parts(_URL_CREDENTIALS.findall(value))


def _parts(credentials: Iterable[str]) -> Iterator[str]:
    for each in credentials:
        yield from each.split(":", 1)
