from __future__ import annotations

import re
import tomllib
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest
import yaml

import neasmart
from neasmart.settings.loading import checked
from neasmart.settings.model import Language, Settings
from tests.addon.settings_table import with_table
from tests.support.supervisor import APP, Element, elements, manifest

LANGUAGES = sorted(path.stem for path in (APP / "translations").glob("*.yaml"))
FORM = manifest()
FIELDS = elements(FORM["schema"])
DOCS = (APP / "DOCS.md").read_text(encoding="utf-8")
UNIT_IDS = ("modbus", "slave_id")
"""One choice in the form, because a list of numbers cannot be edited there."""
TEXT_KINDS = {"str", "password", "match", "device"}


def _kind_of(path: tuple[str, ...]) -> Any:
    """Return the type that the settings give to an option, without list and None."""
    kind: Any = Settings
    for step in path:
        kind = _inner(get_type_hints(kind, include_extras=True)[step])
    return kind


def _inner(kind: Any) -> Any:
    if get_origin(kind) is list:
        return _inner(get_args(kind)[0])
    without_none = [each for each in get_args(kind) if each is not type(None)]
    return without_none[0] if type(None) in get_args(kind) else kind


def _unit_ids(choice: str) -> list[int]:
    """Return what the gateway reads in a choice of the form."""
    return checked({"modbus": {"slave_id": choice}}, "the form").modbus.slave_id


def _limits(kind: Any) -> tuple[float | None, float | None]:
    for meta in getattr(kind, "__metadata__", ()):
        if isinstance(meta, msgspec.Meta):
            return meta.ge, meta.le
    return None, None


def _plain(kind: Any) -> Any:
    return get_args(kind)[0] if hasattr(kind, "__metadata__") else kind


def _names(path: tuple[str, ...]) -> str:
    return ".".join(path)


def _translation(language: str) -> dict[str, Any]:
    content = yaml.safe_load((APP / "translations" / f"{language}.yaml").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize("path", FIELDS, ids=_names)
def test_every_option_is_a_setting_of_the_same_kind_and_limits(path: tuple[str, ...]) -> None:
    field: Element = FIELDS[path]
    if path == UNIT_IDS:
        assert field.choices is not None
        assert [_unit_ids(choice) for choice in field.choices] == [[240, 241], [240], [241]]
        return
    kind = _kind_of(path)
    plain = _plain(kind)

    if isinstance(plain, type) and issubclass(plain, StrEnum):
        assert field.choices == list(plain)
    elif get_origin(plain) is Literal and all(isinstance(each, str) for each in get_args(plain)):
        assert field.choices == list(get_args(plain))
    elif plain in (int, float):
        assert (field.number, field.kind == "port") in (("int", False), ("float", False), (None, True))
        assert plain is float or field.number != "float"
        assert ((1, 65535) if field.kind == "port" else (field.low, field.high)) == _limits(kind)
    elif plain is bool:
        assert field.kind == "bool"
    else:
        assert plain is str
        assert field.kind in TEXT_KINDS


def test_a_default_in_the_form_is_the_default_of_the_setting() -> None:
    built_in = msgspec.to_builtins(Settings())

    for section, values in FORM["options"].items():
        if isinstance(values, dict):
            for key, value in values.items():
                ours = _unit_ids(value) if (section, key) == UNIT_IDS else value
                assert ours == built_in[section][key], f"{section}.{key}"
        else:
            assert values == built_in[section]


def test_every_required_option_has_a_default_and_every_optional_one_has_none() -> None:
    for path, field in FIELDS.items():
        listed = isinstance(FORM["schema"][path[0]][path[1]], list)
        assert (path[1] in FORM["options"][path[0]]) == (listed or not field.optional), _names(path)


def test_every_place_with_words_has_the_same_languages() -> None:
    page = {path.stem for path in (APP / "neasmart" / "web" / "static" / "i18n").glob("*.json")}
    entities = {path.stem for path in (APP / "neasmart" / "mqtt" / "words").glob("*.json")}

    assert set(LANGUAGES) == page == entities == {each.value for each in Language}
    assert set(LANGUAGES) >= {"en", "de", "it", "fr"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_option_and_port_has_name_and_description_in_every_language(language: str) -> None:
    translation = _translation(language)
    translated = {
        (section, *inner)
        for section, texts in translation["configuration"].items()
        for inner in [(), *((key,) for key in texts.get("fields", {}))]
    }

    assert translated == {path[:1] for path in FIELDS} | {path for path in FIELDS if len(path) > 1}
    assert translation["network"].keys() == FORM["ports"].keys() == FORM["ports_description"].keys()
    for section in translation["configuration"].values():
        for texts in (section, *section.get("fields", {}).values()):
            assert texts["name"].strip()
            assert texts["description"].strip()


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_no_description_is_left_in_english(language: str) -> None:
    def descriptions(name: str) -> dict[str, str]:
        sections = _translation(name)["configuration"]
        return {
            f"{section}.{key}": field["description"]
            for section, texts in sections.items()
            for key, field in texts["fields"].items()
        }

    english = descriptions("en")

    assert not [key for key, text in descriptions(language).items() if text == english[key]]


def test_every_option_has_a_heading_of_its_own_in_the_docs() -> None:
    headings = re.findall(r"^### Option: `([a-z_.]+)`$", DOCS, re.MULTILINE)

    assert len(headings) == len(set(headings))
    assert set(headings) == {_names(path) for path in FIELDS}


def test_the_table_of_all_settings_is_that_of_the_code() -> None:
    assert with_table(DOCS) == DOCS, "run: .venv/bin/python tests/addon/settings_table.py"


def test_every_link_inside_the_docs_leads_to_a_heading() -> None:
    anchors = {
        re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", DOCS, re.MULTILINE)
    }

    assert set(re.findall(r"\]\(#([^)]+)\)", DOCS)) <= anchors


def test_version_changelog_and_package_agree() -> None:
    newest = re.search(r"^## (\S+)", (APP / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    package = tomllib.loads((APP / "pyproject.toml").read_text(encoding="utf-8"))

    assert newest is not None
    assert FORM["version"] == newest[1] == neasmart.__version__
    assert package["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "neasmart.__version__"}
