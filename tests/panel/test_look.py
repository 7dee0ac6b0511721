"""The page fits phones and themes, and everybody can use it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.ingress import ingress
from tests.support.panel import House, Visitor, card, serious_findings

pytestmark = pytest.mark.xdist_group("browser")

VIEWS = {"overview": ".zone", "bus": ".registers tbody tr", "zone/1/1": "dialog[open]"}
THEME = "--primary-background-color: #102030; --card-background-color: #203040; --primary-text-color: #f0f0f0;"
SMALL_TARGETS = """() => [...document.querySelectorAll("button, select, nav a, input[type=search]")]
  .filter((element) => element.offsetParent !== null)
  .map((element) => [element.outerHTML.slice(0, 80), element.getBoundingClientRect()])
  .filter(([, box]) => box.height < 44 || box.width < 44)
  .map(([markup]) => markup)"""


def opened(visitor: Visitor, house: House, view: str, **how: object) -> Page:
    page = visitor.open(house.ingress, f"#{view}", **how)  # type: ignore[arg-type] # passed on as given
    expect(page.locator(VIEWS[view]).first).to_be_visible()
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_the_accessibility_scan_finds_nothing_serious(house: House, visitor: Visitor, view: str, scheme: str) -> None:
    page = opened(visitor, house, view, scheme=scheme)

    assert serious_findings(page) == []


@pytest.mark.parametrize("language", ["en", "de", "it", "fr"])
@pytest.mark.parametrize("view", VIEWS)
def test_nothing_scrolls_sideways_on_a_phone(house: House, visitor: Visitor, view: str, language: str) -> None:
    page = opened(visitor, house, view, width=360, height=740, language=language)

    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.evaluate("document.documentElement.lang") == language
    assert page.evaluate(SMALL_TARGETS) == []
    dialog = page.locator("dialog[open]")
    if dialog.count():
        assert dialog.evaluate("element => element.scrollWidth <= element.clientWidth")


def test_the_scheme_of_the_browser_is_followed(house: House, visitor: Visitor) -> None:
    def background(scheme: str) -> str:
        page = opened(visitor, house, "overview", scheme=scheme)
        return str(page.locator(".zone").first.evaluate("element => getComputedStyle(element).backgroundColor"))

    assert background("light") == "rgb(255, 255, 255)"
    assert background("dark") == "rgb(28, 28, 28)"


def test_theme_and_language_of_home_assistant_are_taken_over(house: House, visitor: Visitor) -> None:
    with ingress(house.gateway.ingress_port) as proxy:
        proxy.frame_variables, proxy.frame_language = THEME, "de"
        page = visitor.open(proxy, "/home", scheme="light")
        frame = page.frame_locator("iframe")
        room = frame.locator(".zone").first

        expect(room).to_have_css("background-color", "rgb(32, 48, 64)")
        expect(room).to_have_css("color", "rgb(240, 240, 240)")
        expect(frame.get_by_role("status")).to_have_text("Verbunden")
        expect(frame.locator("html")).to_have_attribute("data-theme", "dark")

        page.evaluate("document.documentElement.style.setProperty('--card-background-color', '#ffffff')")
        expect(room).to_have_css("background-color", "rgb(255, 255, 255)")
        visitor.leave()


def test_who_wants_less_motion_gets_none(house: House, visitor: Visitor) -> None:
    page = opened(visitor, house, "overview")
    page.emulate_media(reduced_motion="reduce")

    assert page.locator(".zone").first.evaluate("element => getComputedStyle(element).transitionDuration") == "0s"


def test_only_the_connection_line_speaks_by_itself(house: House, visitor: Visitor) -> None:
    page = opened(visitor, house, "overview")

    expect(page.locator("[aria-live], [role=alert], [role=status]")).to_have_count(1)


def test_a_room_opens_by_keyboard_and_returns_the_focus(house: House, visitor: Visitor) -> None:
    page = opened(visitor, house, "overview")
    link = card(page, "1.1").get_by_role("link")
    link.focus()

    page.keyboard.press("Enter")
    expect(page.get_by_role("slider")).to_be_focused()
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(link).to_be_focused()
