"""The page is light: its first view, each tab that is opened later, and all of it together."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.support.panel import House, bytes_of_a_visit

pytestmark = pytest.mark.xdist_group("browser")

FIRST_VIEW = 40 * 1024
TAB = 30 * 1024
ALL = 90 * 1024


def test_the_page_stays_within_its_weight(house: House, browser: Browser) -> None:
    visit = bytes_of_a_visit(browser, house.url, language="fr")

    # Sources in place of these were changed since they were packed: run `make setup`.
    assert not [name for sizes in visit.values() for name in sizes if "/" in name and name.endswith(".js")]
    assert {"index.html", "main.js", "early.js", "panel.css", "i18n/fr.json"} <= visit["rooms"].keys()
    weights = {tab: sum(sizes.values()) for tab, sizes in visit.items()}
    assert weights["rooms"] < FIRST_VIEW, visit["rooms"]
    assert weights["sheet"] < TAB
    assert weights["history"] < TAB, visit["history"]
    assert weights["connection"] < TAB
    assert sum(weights.values()) < ALL
