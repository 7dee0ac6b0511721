"""The words of points and values: the same in every language that there is, and none too many."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files

import pytest

from neasmart.core.commands.command import CommandState, Why
from neasmart.diagnosis.verdicts import BY_CODE
from neasmart.facts import languages
from neasmart.facts.errors import NoLinkError, RoomOffError, StoodStillError
from neasmart.facts.points import TABLE
from neasmart.mqtt.messages.discovery import MIXED, REFUSED
from neasmart.settings.model import Language
from neasmart.web.assets import FOLDER

LANGUAGES = languages.known()
SENTENCES = {
    **{f"reason.{each}": set() for each in Why},
    **{f"reason.{each}": {"value"} for each in (Why.OVERRIDDEN, Why.KEPT, Why.LIMITED)},
    **{f"error.{error.code}": set() for error in (NoLinkError, RoomOffError, StoodStillError)},
    "error.other": {"message"},
    "command.limited": {"low", "high"},
}
"""What became of a command, as page and MQTT say it, with what stands in it."""
GIVEN = {"ids", "others"}
"""What may stand in an advice of the doctor."""


def expected() -> set[str]:
    """Return a key for each row, each place, each value that is told in words, and each verdict on the bus."""
    groups = TABLE.groups.values()
    points = [point for group in groups for point in group.points]
    named = {f"point.{group.key}.{row.key}" for group in groups for row in group.rows}
    named |= {f"group.{group.key}" for group in groups}
    named |= {f"{point.vocabulary}.{name}" for point in points for name in (point.options or {}).values()}
    named |= {f"{point.vocabulary}.{MIXED}" for point in points if point.mixes}
    named |= {f"{kind}.{code}" for kind in ("find", "help") for code in BY_CODE}
    named |= SENTENCES.keys()
    return named | {f"result.{state.value}" for state in CommandState} | {f"result.{REFUSED}"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_a_word_for_each_row_and_value_and_no_other(language: str) -> None:
    assert languages.read(language).keys() == expected()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_has_the_places_of_its_group(language: str) -> None:
    for key, word in languages.read(language).items():
        kind, _, name = key.partition(".")
        axes = TABLE.groups[name].axes if kind == "group" else ()
        parts = SENTENCES.get(key) or map(str, range(len(axes)))
        found = Counter(re.findall(r"\{(\w+)\}", word))
        assert found == Counter(parts) or (kind == "help" and found.keys() <= GIVEN), key
        assert word.strip() == word
        assert word, key


def test_the_languages_are_the_same_everywhere() -> None:
    assert set(LANGUAGES) >= {"en", "de", "it", "fr"}
    assert {language.value for language in Language} == set(LANGUAGES)
    assert {path.name for path in (files("neasmart.mqtt") / "words").iterdir()} == {
        f"{each}.json" for each in LANGUAGES
    }
    assert {path.stem for path in (FOLDER / "i18n").iterdir()} == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_points_of_a_place_have_one_word(language: str) -> None:
    known = languages.read(language)
    for group in TABLE.groups.values():
        told = [known[f"point.{group.key}.{row.key}"].casefold() for row in group.rows]
        assert len(set(told)) == len(told), group.key
