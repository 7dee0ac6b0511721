"""Says what a value must be in words that people know who write no programs."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin

_PLAIN = (
    (re.compile(r"Invalid enum value .*"), ""),
    (re.compile(r"matching regex .*\{1,32\}.*"), "of 1 to 32 letters, digits, - and _"),
    (re.compile(r"matching regex .*"), "of letters, digits, - and _, with / between them"),
    (re.compile(r"of length <= (\d+)"), r"of at most \1 characters"),
    (re.compile(r"Object missing required field (`\w+`)"), r"\1 is missing"),
    (re.compile(r"Object contains unknown field (`.+`)"), r"There is no \1 in it"),
    (re.compile(r"`null`"), "nothing"),
    (re.compile(r"`int`"), "a whole number"),
    (re.compile(r"`float( \| null)?`"), "a number"),
    (re.compile(r"`str`"), "text"),
    (re.compile(r"`bool`"), "true or false"),
    (re.compile(r"`array`"), "a list"),
    (re.compile(r"`object`"), "an object"),
    (re.compile(r"`"), ""),
)
"""By what msgspec says."""


def in_plain_words(text: str) -> str:
    """Return what msgspec says of a value that it refuses."""
    for words, plain in _PLAIN:
        text = words.sub(plain, text)
    return text


def allowed(text: str, kind: Any) -> str:
    """Return a refusal in plain words with what a setting of this type may be, if there is a choice."""
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        choices = [str(each) for each in kind]
    elif get_origin(kind) is Literal:
        choices = [str(each) for each in get_args(kind)]
    else:
        return text
    return ". ".join(filter(None, (text, f"Allowed: {', '.join(choices)}")))
