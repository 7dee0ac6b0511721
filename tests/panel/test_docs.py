"""The description of the API as people read it and try it in the browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.panel import WITHIN_MS, House, Visitor, Watch
from tests.support.processes import gateway_process

pytestmark = pytest.mark.xdist_group("browser")
KEY = "a key of a test that is long".replace(" ", "-")


def offer_health(page: Page) -> None:
    """Show the fields of a request that needs a key."""
    operation = page.locator("#operations-system-get_health").first
    operation.locator(".opblock-summary").first.click()
    operation.get_by_role("button", name="Try it out").click()


def try_health(page: Page, status: str) -> None:
    """Send the request and wait for the status of the answer."""
    operation = page.locator("#operations-system-get_health").first
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table tbody .response-col_status").first).to_contain_text(status)


def test_swagger_ui_works_behind_ingress_without_the_internet(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress, "api/docs")

    page.locator("#operations-rooms-get_zones .opblock-summary").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()

    expect(page.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")
    expect(page.locator(".request-url pre")).to_contain_text(f"{house.url.rstrip('/')}/api/v1/zones")


def test_a_browser_opens_swagger_ui_of_a_locked_api_and_enters_the_key_there(browser: Browser, tmp_path: Path) -> None:
    watch = Watch(network_trouble_expected=True)
    settings = {"NEASMART_API_ENABLE_AUTH": "true", "NEASMART_API_KEY": KEY}
    with gateway_process(tmp_path, **settings) as gateway, browser.new_context() as context:
        context.set_default_timeout(WITHIN_MS)
        page = context.new_page()
        watch.attach(page)
        address = f"http://127.0.0.1:{gateway.api_port}/api/docs"
        page.goto(address)
        offer_health(page)
        try_health(page, "401")

        page.get_by_role("button", name="Authorize").first.click()
        page.get_by_label("Value:").first.fill(KEY)
        page.get_by_role("button", name="Apply credentials").first.click()
        page.get_by_role("button", name="Close").first.click()
        try_health(page, "200")

        page.goto("about:blank")
        page.goto(address)
        offer_health(page)
        try_health(page, "401")
        assert context.cookies() == []
    watch.check(f"http://127.0.0.1:{gateway.api_port}")
