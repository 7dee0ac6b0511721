"""What the texts for owners may not say, in any language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADDON = ROOT / "neasmart_addon"
TEXTS = [
    ROOT / "README.md",
    ROOT / "install.sh",
    ADDON / "DOCS.md",
    *sorted((ADDON / "translations").glob("*.yaml")),
    *sorted((ADDON / "neasmart/web/static/i18n").glob("*.json")),
    *sorted((ADDON / "neasmart").rglob("*.py")),
]
MENU_OF_THE_INSTALLER = re.compile(r"\binstaller\b|installateur|installatore|fachhandwerker|fachmann", re.IGNORECASE)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_no_text_sends_anybody_to_a_menu_of_the_base(path: Path) -> None:
    """The maker's manual of its KNX gateway names no step at the base station."""
    assert not MENU_OF_THE_INSTALLER.findall(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", [path for path in TEXTS if path.stem == "de"], ids=lambda path: path.name)
def test_a_converter_has_one_name_in_the_form_and_on_the_page(path: Path) -> None:
    assert not re.findall(r"umsetzer|wandler", path.read_text(encoding="utf-8"), re.IGNORECASE)
