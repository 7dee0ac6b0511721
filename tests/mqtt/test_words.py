"""The words of the entities: complete in every language, one meaning each, and no raw key where people look."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest

from neasmart.core.commands.command import Command, CommandState, Reason, Why
from neasmart.diagnosis.doctor import Diagnosis
from neasmart.diagnosis.verdicts import BY_CODE, DoctorState
from neasmart.facts import languages
from neasmart.facts.clock import Clock
from neasmart.facts.codecs import GlobalMode
from neasmart.facts.points import TABLE
from neasmart.facts.rows import SETPOINT_BY_MODE
from neasmart.mqtt.messages.discovery import RESULTS, Style
from neasmart.mqtt.messages.inventory import Inventory
from neasmart.mqtt.messages.states import command_payload, wiring_payload
from neasmart.mqtt.messages.words import Words, key_of
from neasmart.settings.model import Language
from tests.mqtt.discovery_snapshot import TOPICS
from tests.mqtt.test_discovery import full_house
from tests.support.device_discovery import devices

LANGUAGES = list(Language)
WARNED = Command(
    id="1",
    ref=TABLE.ref("zone.1.1.setpoint"),
    value=35,
    word=0,
    origin="mqtt",
    state=CommandState.QUEUED,
    queued_at=1.0,
    warning="the base will limit it",
)
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
        assert Counter(re.findall(r"\{\w+}", word)) == Counter(re.findall(r"\{\w+}", english[key])), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_can_be_shown_has_a_word(language: Language) -> None:
    known = words_of(language)
    wanted = {f"result.{each}" for each in RESULTS}
    wanted |= {f"find.{each.value}" for each in DoctorState}
    wanted |= {f"reason.{each.value}" for each in Why}
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


REASONS = {
    Why.KEPT: Reason(why=Why.KEPT, text="x", value=21.5),
    Why.OVERRIDDEN: Reason(why=Why.OVERRIDDEN, text="x", value=4),
    Why.LIMITED: Reason(why=Why.LIMITED, text="x", value=31.0),
}


@pytest.mark.parametrize("why", Why)
@pytest.mark.parametrize("language", LANGUAGES)
def test_why_a_command_ended_is_said_in_the_owners_language(language: Language, why: Why) -> None:
    reason = REASONS.get(why) or Reason(why=why, text="x")
    words, point = words_of(language), "zone.1.1.state" if why is Why.OVERRIDDEN else "zone.1.1.setpoint"
    warning = WARNED.warning if why is Why.KEPT else None
    ended = replace(WARNED, ref=TABLE.ref(point), state=CommandState.OVERRIDDEN, reason=reason, warning=warning)

    told = json.loads(command_payload(ended, Clock(), Words(language), SETPOINT_BY_MODE[GlobalMode.HEATING]))

    number = {Why.KEPT: "21.5 °C", Why.LIMITED: "31.0 °C"}.get(why, "")
    value = words["state.time_program"] if why is Why.OVERRIDDEN else in_letters(number, language)
    assert told["reason"] == words[f"reason.{why}"].format(value=value)
    if why is Why.KEPT:
        limits = {"low": in_letters("5.0 °C", language), "high": in_letters("31.0 °C", language)}
        assert told["warning"] == words["command.limited"].format(**limits)


def in_letters(number: str, language: Language) -> str:
    return number if language is Language.EN else number.replace(".", ",")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_doctor_is_told_in_the_owners_language(language: Language) -> None:
    words = words_of(language)
    for code, verdict in BY_CODE.items():
        found = Diagnosis(
            state=verdict.state,
            hint=verdict.hint,
            code=code,
            level=verdict.level,
            sentence="x",
            advice="x",
            evidence=(),
            parameters={"ids": "240, 241", "others": "16", "detail": "y {z}"},
            receiving=False,
        )

        told = json.loads(wiring_payload(found, Words(language)))

        assert told["sentence"] == words[f"find.{code}"]
        assert told["advice"] == words[f"help.{code}"].replace("{ids}", "240, 241").replace("{others}", "16")


def test_a_verdict_without_words_is_told_in_the_doctors_own() -> None:
    (verdict, *_) = BY_CODE.values()
    found = Diagnosis(
        state=verdict.state,
        hint=None,
        code="news",
        level=verdict.level,
        sentence="Something new.",
        advice="Look.",
        evidence=(),
        parameters={},
        receiving=False,
    )

    told = json.loads(wiring_payload(found, Words(Language.DE)))

    assert (told["sentence"], told["advice"]) == ("Something new.", "Look.")


def test_a_state_that_is_newer_than_the_words_is_shown_in_plain_letters() -> None:
    assert Words(Language.DE)("wiring", "baud_rate_wrong") == "Baud rate wrong"
