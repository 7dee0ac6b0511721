"""The words that Home Assistant shows as they are: names of entities, options of selects, results and their reasons.

Those of points and values are in `facts.languages`, as on the page; those of MQTT alone have files of their own. Words
are for people alone: ids, topics and what other programs read stay the same in every language, so changing
it changes no id and no history.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from neasmart.facts import languages
from neasmart.facts.registers import DerivedRef, Ref
from neasmart.facts.rows import Point
from neasmart.settings.model import Language


class Words:
    """The words of one language."""

    def __init__(self, language: Language) -> None:
        """Take the file of the language."""
        self._words = _WORDS[language]
        self._decimal = "." if language is Language.EN else ","

    def __call__(self, kind: str, key: str, *place: int) -> str:
        """Return the word for a key of a kind, such as ``result`` ``expired``, with the numbers of a place in it.

        A key that the file does not know, which only a newer part of the gateway can bring, is shown in plain letters.
        """
        word = self._words.get(f"{kind}.{key}")
        return key.replace("_", " ").capitalize() if word is None else word.format(*place)

    def name(self, ref: Ref | DerivedRef) -> str:
        """Return the name of a point's entity; equipment has no device of its own, so its place stands before it."""
        group = ref.group
        what = self._words.get(f"point.{group.key}.{ref.point.key}", ref.point.label)
        if group.rooms or not ref.index:
            return what[:1].upper() + what[1:]
        place = self("group", group.key, *ref.index)
        return place if len(group.points) == 1 else f"{place} {what}"

    def sentence(self, key: str, **parts: str) -> str | None:
        """Return a sentence with its parts in it, such as the reason ``reason.kept``; None for an unknown key."""
        sentence = self._words.get(key)
        return None if sentence is None else sentence.format(**parts)

    def value(self, point: Point, value: float) -> str:
        """Return what a point can be commanded to, as people read it in a sentence."""
        if point.options is not None:
            return self(point.vocabulary, point.options[int(value)])
        return f"{value:.1f} °C".replace(".", self._decimal)

    def all(self, kind: str, keys: Iterable[str]) -> dict[str, str]:
        """Return the words of several keys of one kind, in their order."""
        return {key: self(kind, key) for key in keys}


def template(words: Mapping[str, str], *, of: str = "value") -> str:
    """Return the template by which Home Assistant turns a raw key into its word, and anything else into unknown."""
    table = ", ".join(f"{_quoted(key)}: {_quoted(word)}" for key, word in words.items())
    return f"{{{{ {{{table}}}.get({of}, 'None') }}}}"


def key_of(kind: str, word: str) -> str | None:
    """Return the key that a word of any language stands for, the key itself included; None if there is none."""
    return _keys(kind).get(word.casefold())


@cache
def _keys(kind: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for language in Language:
        for name, word in _WORDS[language].items():
            group, _, key = name.partition(".")
            if group == kind:
                found.setdefault(word.casefold(), key)
                found.setdefault(key, key)
    return found


_FOLDER = Path(__file__).parents[1] / "words"


def _read(language: Language) -> Mapping[str, str]:
    own: dict[str, str] = json.loads((_FOLDER / f"{language.value}.json").read_bytes())
    return {**languages.read(language), **own}


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_WORDS = {language: _read(language) for language in Language}
"""Read with the module, because the disk may be slow and the loop must not wait for it."""
