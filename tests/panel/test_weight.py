"""The page is light: what is served to somebody who looks at every tab stays within its weight."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.support.panel import House, bytes_of_a_visit

pytestmark = pytest.mark.xdist_group("browser")

BUDGET = 60 * 1024
FILES = {
    "index.html",
    "icon.svg",
    "panel.css",
    "early.js",
    "main.js",
    "chart.js",
    "i18n/fr.json",
    "vendor/uplot/uPlot.css",
}


def test_the_page_stays_within_its_weight(house: House, browser: Browser) -> None:
    sizes = bytes_of_a_visit(browser, house.url, language="fr")

    # Sources in place of these were changed since they were packed: run `make setup`.
    assert sizes.keys() <= FILES
    assert {"index.html", "main.js", "chart.js"} <= sizes.keys()
    assert sum(sizes.values()) < BUDGET
