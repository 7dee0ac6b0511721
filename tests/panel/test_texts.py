"""All languages say the same things, every text is used, and what the gateway can say has words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from neasmart.core.state.plant import Source
from neasmart.diagnosis import verdicts
from neasmart.facts import languages
from neasmart.facts.codecs import Quality
from neasmart.web.answers.page_answers import SetupDevice
from neasmart.web.assets import FOLDER, Assets
from tests.support.supervisor import APP

LANGUAGES = sorted(path.stem for path in (FOLDER / "i18n").glob("*.json"))
TEXTS = {
    language: json.loads((FOLDER / "i18n" / f"{language}.json").read_text(encoding="utf-8")) for language in LANGUAGES
}
TOLD = {language: {**languages.read(language), **texts} for language, texts in TEXTS.items()}
"""What a page can say: its own texts, and those that it shares with others."""
SHARED = languages.read("en").keys()
SCRIPTS = sorted(path for path in FOLDER.rglob("*.js") if "vendor" not in path.parts)
SHEETS = sorted(path for path in FOLDER.rglob("*.css") if "vendor" not in path.parts)
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
DOCS = (APP / "DOCS.md").read_text(encoding="utf-8")
LONGEST_MODULE = 250
COMES_LATER = ("connection", "history", "sheet", "sign_in")
_PLACEHOLDER = re.compile(r"\{\w+\}")


def served(language: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the texts as the page gets them, first and later."""
    assets = Assets.load(FOLDER)
    return json.loads(assets.body(f"i18n/{language}.json")), json.loads(assets.body(f"later/{language}.json"))


def test_the_page_is_told_the_languages_that_are_there() -> None:
    assert set(LANGUAGES) >= {"en", "de", "it", "fr"}
    index = Assets.load(FOLDER).index
    assert index is not None
    assert f'data-languages="{" ".join(LANGUAGES)}"'.encode() in index.body


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text_with_the_same_placeholders(language: str) -> None:
    assert list(TEXTS[language]) == list(TEXTS["en"])
    for key, text in TEXTS[language].items():
        assert text.strip(), key
        assert set(_PLACEHOLDER.findall(text)) == set(_PLACEHOLDER.findall(TEXTS["en"][key])), key


def test_every_text_is_used() -> None:
    families = tuple(re.findall(r"`([a-z_.]+)\.\$\{", SOURCE))
    unused = [
        key for key in TEXTS["en"] if f'"{key}"' not in SOURCE and not key.startswith(tuple(f"{f}." for f in families))
    ]
    assert not unused


def test_every_text_that_is_asked_for_exists() -> None:
    asked = set(re.findall(r'\bt\(\s*"([^"]+)"', SOURCE))
    assert asked
    assert not asked - TEXTS["en"].keys() - SHARED


def test_what_is_shared_is_said_once() -> None:
    assert not SHARED & TEXTS["en"].keys()
    first, later = served("de")
    assert {**first, **later} == TOLD["de"]


def test_no_first_look_needs_a_word_that_comes_later() -> None:
    first, later = served("en")
    assert later
    assert not first.keys() & later.keys()
    families = {key.partition(".")[0] for key in later}
    asked = {
        (path.name, family)
        for path in SCRIPTS
        if path.relative_to(FOLDER).parts[0] not in COMES_LATER
        for family in re.findall(r"\bt\(\s*[\"`](\w+)\.", path.read_text(encoding="utf-8"))
    }
    assert {family for _, family in asked} >= {"room", "house"}
    assert not [each for each in sorted(asked) if each[1] in families]


def test_what_the_gateway_can_say_has_words() -> None:
    wanted = {f"quality.{quality}" for quality in Quality} | {f"source.{source}" for source in Source}
    wanted |= {f"{part}.{code}" for code in verdicts.BY_CODE for part in ("find", "help")}
    problem, _ = get_args(get_type_hints(SetupDevice)["problem"])
    wanted |= {f"guide.problem.{each}" for each in get_args(problem)}
    assert not wanted - TEXTS["en"].keys() - SHARED


def test_the_documents_name_what_is_wrong_as_the_page_does() -> None:
    table = DOCS.partition("| The page says | Do this |\n")[2].partition("\n\n")[0]
    named = {line.split("|")[1].strip() for line in table.splitlines()[1:]}

    assert len(named) >= 10
    said = TOLD["en"]
    assert not named - {text for key, text in said.items() if key.startswith("find.")}


def test_the_page_contains_no_address_and_nothing_from_outside() -> None:
    page = "\n".join(path.read_text(encoding="utf-8") for path in (FOLDER / "index.html", *SHEETS))
    for text in (page, SOURCE):
        hosts = set(re.findall(r"https?://[^\s\"'`]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not hosts
    assert "innerHTML" not in SOURCE
    assert "unsafeHTML" not in SOURCE
    assert not re.search(r"\son\w+=|style=", page)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_no_module_is_longer_than_a_look(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE
