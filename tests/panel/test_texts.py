"""All languages say the same things, every text is used, and the page's files fit together."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from neasmart.codecs import GlobalMode, OperatingState, Quality
from neasmart.command import CommandState
from neasmart.plant import Source
from neasmart.points import TABLE

STATIC = Path(__file__).parents[2] / "neasmart_addon" / "neasmart" / "web" / "static"
LANGUAGES = ("en", "de", "it", "fr")
TEXTS = {
    language: json.loads((STATIC / "i18n" / f"{language}.json").read_text(encoding="utf-8")) for language in LANGUAGES
}
SCRIPTS = sorted(path for path in STATIC.rglob("*.js") if "vendor" not in path.parts)
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
_PLACEHOLDER = re.compile(r"\{\w+\}")
_IMPORT = re.compile(r"""(?:from\s*|import\s*)["'](\.{1,2}/[^"']+)["']""")


def modules_of(path: Path, found: set[Path] | None = None) -> set[Path]:
    """Return a module with all that it imports before it can run."""
    found = set() if found is None else found
    if path not in found:
        found.add(path)
        for name in _IMPORT.findall(path.read_text(encoding="utf-8")):
            modules_of((path.parent / name).resolve(), found)
    return found


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
    assert not asked - TEXTS["en"].keys()


def test_what_the_gateway_can_say_has_words() -> None:
    wanted = {f"command.{state}" for state in CommandState}
    wanted |= {f"quality.{quality}" for quality in Quality} | {f"source.{source}" for source in Source}
    wanted |= {f"mode.{mode.name.lower()}" for mode in GlobalMode}
    wanted |= {f"state.{state.name.lower()}" for state in OperatingState}
    wanted |= {f"point.{point.key}" for point in TABLE.groups["zone"].points}
    assert not wanted - TEXTS["en"].keys()


def test_the_page_contains_no_address_and_nothing_from_outside() -> None:
    page = "\n".join(path.read_text(encoding="utf-8") for path in (STATIC / "index.html", STATIC / "panel.css"))
    for text in (page, SOURCE):
        hosts = set(re.findall(r"https?://[^\s\"'`]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not hosts
    assert "innerHTML" not in SOURCE
    assert "unsafeHTML" not in SOURCE
    assert not re.search(r"\son\w+=|style=", page)


def test_the_page_asks_at_once_for_every_module_that_it_needs() -> None:
    index = (STATIC / "index.html").read_text(encoding="utf-8")
    preloaded = set(re.findall(r"""(?:modulepreload" href|module" src)="static/([^"]+)""", index)) - {"main.js"}
    needed = {path.relative_to(STATIC).as_posix() for path in modules_of(STATIC / "main.js")} - {"main.js"}
    assert preloaded == needed
