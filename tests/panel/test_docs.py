"""The description of the API as people read it and try it in the browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.panel import House, Visitor

pytestmark = pytest.mark.xdist_group("browser")


def test_swagger_ui_works_behind_ingress_without_the_internet(house: House, visitor: Visitor) -> None:
    page = visitor.open(house.ingress, "api/docs")

    page.locator("#operations-rooms-get_zones .opblock-summary").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()

    expect(page.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")
    expect(page.locator(".request-url pre")).to_contain_text(f"{house.url.rstrip('/')}/api/v1/zones")
