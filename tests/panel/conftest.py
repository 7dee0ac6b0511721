"""One browser and one simulated house for all tests of the page that do not disturb it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.support.panel import WITHIN_MS, House, Visitor, launch, simulated_house
from tests.support.staged import Theatre

JAPANESE = "子供部屋"
WITH_HTML = '<img src=x onerror="document.title=1"> & <b>Bath</b>'


HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(
                pytest.mark.unguarded(
                    "descriptors", reason="browser and ingress live longer than a test, and so do their connections"
                )
            )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for one module: as long as Playwright runs, no other test of this process can run an event loop."""
    expect.set_options(timeout=WITHIN_MS)
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    guest = Visitor(browser)
    yield guest
    guest.leave()


@pytest.fixture
def theatre(browser: Browser) -> Iterator[Theatre]:
    """Pages before stages; what the browser complains about fails the test."""
    staging = Theatre(browser)
    yield staging
    staging.close()
    assert not staging.complaints, staging.complaints


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The demo house; some rooms have odd names and one has none."""
    names = {(1, 2): JAPANESE, (1, 3): WITH_HTML, (1, 4): ""}
    with simulated_house(Path(tmp_path_factory.mktemp("house")), names=names) as running:
        yield running
