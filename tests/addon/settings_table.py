"""Writes the table of all settings into DOCS.md, so that nobody keeps it by hand.

Usage: python tests/addon/settings_table.py (with neasmart_addon on PYTHONPATH, as in the virtual environment)
"""

from __future__ import annotations

import re
from pathlib import Path

from neasmart.cli import tables as docs

DOCS = Path(__file__).parents[2] / "neasmart_addon" / "DOCS.md"
_PLACE = re.compile(r"(<!-- settings: .*? -->\n).*?(<!-- /settings -->)", re.DOTALL)


def with_table(text: str) -> str:
    """Return the page with the table as the code has it now."""
    return _PLACE.sub(lambda place: f"{place[1]}\n{docs.settings()}\n{place[2]}", text)


if __name__ == "__main__":
    DOCS.write_text(with_table(DOCS.read_text(encoding="utf-8")), encoding="utf-8")
