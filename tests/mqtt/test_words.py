"""The words of the entities: complete in every language, one meaning each, and no raw key where people look."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest

from neasmart.diagnosis.verdicts import DoctorState
from neasmart.facts import languages
from neasmart.facts.points import TABLE
from neasmart.mqtt.messages.discovery import RESULTS, Style
from neasmart.mqtt.messages.inventory import Inventory
from neasmart.mqtt.messages.words import Words, key_of
from neasmart.settings.model import Language
from tests.mqtt.discovery_snapshot import TOPICS
from tests.mqtt.test_discovery import full_house
from tests.support.device_discovery import devices

LANGUAGES = list(Language)
_SNAKE = re.compile(r"[a-z]+_[a-z_]+")


def words_of(language: Language) -> dict[str, str]:
    content = (files("neasmart.mqtt") / "words" / f"{language.value}.json").read_text(encoding="utf-8")
    return {**languages.read(language), **json.loads(content)}


def house(language: Language, inventory: Inventory | None = None) -> dict[str, dict[str, Any]]:
    return devices(inventory or full_house(name=""), Style(topics=TOPICS, words=Words(language)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_keys_and_places_for_numbers(language: Language) -> None:
    english, others = words_of(Language.EN), words_of(language)

    assert others.keys() == english.keys()
    for key, word in others.items():
        assert word.strip() == word
        assert word, key
        assert Counter(re.findall(r"\{\d}", word)) == Counter(re.findall(r"\{\d}", english[key])), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_can_be_shown_has_a_word(language: Language) -> None:
    known = words_of(language)
    wanted = {f"result.{each}" for each in RESULTS}
    wanted |= {f"find.{each.value}" for each in DoctorState}
    wanted |= {f"change.{ref.point.key}" for ref in TABLE.writable}

    assert wanted <= known.keys()


@pytest.mark.parametrize("kind", ["mode", "state", "result", "find", "change"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_means_two_things(language: Language, kind: str) -> None:
    shown = [word.casefold() for key, word in words_of(language).items() if key.startswith(f"{kind}.")]

    assert len(set(shown)) == len(shown)


@pytest.mark.parametrize("kind", ["mode", "state"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_option_that_is_shown_is_understood_when_it_is_chosen(language: Language, kind: str) -> None:
    for name, word in words_of(language).items():
        group, _, key = name.partition(".")
        if group == kind:
            assert key_of(kind, word) == key
            assert key_of(kind, word.upper()) == key
            assert key_of(kind, key) == key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_snake_case_is_shown(language: Language) -> None:
    for message in house(language).values():
        shown = [message["device"]["name"], message["device"]["model"]]
        for component in message["components"].values():
            shown += [component["name"] or "", *component.get("options", []), *component.get("event_types", [])]
        assert not [each for each in shown if _SNAKE.search(each)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_another_language_changes_no_id_and_no_topic(language: Language) -> None:
    def fixed(message: dict[str, Any]) -> list[dict[str, Any]]:
        keys = ("unique_id", "default_entity_id", "state_topic", "command_topic", "platform")
        return [{key: each.get(key) for key in keys} for each in message["components"].values()]

    for device, message in house(language).items():
        english = house(Language.EN)[device]
        assert message["device"]["identifiers"] == english["device"]["identifiers"]
        assert fixed(message) == fixed(english)


def test_a_state_that_is_newer_than_the_words_is_shown_in_plain_letters() -> None:
    assert Words(Language.DE)("wiring", "baud_rate_wrong") == "Baud rate wrong"
