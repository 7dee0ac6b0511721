"""The main paths in Firefox ESR and WebKitGTK; a short walk in every run, all of them in `make browsers`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.panel.test_look import GEOMETRY
from tests.panel.test_sign_in import DOCKER, KEY, Remote
from tests.support.panel import House
from tests.support.processes import running
from tests.support.webdriver import Driven, firefox, webkit

pytestmark = pytest.mark.xdist_group("browser")

ENGINES: dict[str, Callable[[Path], AbstractContextManager[Driven]]] = {"firefox": firefox, "webkit": webkit}
ROOM = '[data-zone="zone.2.3"]'
CLOSED = 'return !document.querySelector("dialog[open]")'


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    with ENGINES[request.param](tmp_path_factory.mktemp(request.param)) as driven:
        yield driven


def visited(engine: Driven, house: House, place: str, shows: str, *, width: int = 1280) -> None:
    engine.go("about:blank")
    engine.size(width, 800)
    engine.go(f"{house.url}{place}")
    engine.shows(shows)


@pytest.mark.timeout(180)
def test_a_walk_through_the_page(engine: Driven, house: House) -> None:
    visited(engine, house, "", ROOM)
    before = engine.run("return document.querySelector(arguments[0]).textContent", f"{ROOM} .target")
    engine.press(f"{ROOM} .stepper button:last-child")
    engine.shows(f"{ROOM} .sub", "Confirmed")
    engine.press(".toast button")
    engine.shows(".toast", "Taken back")
    engine.until("return document.querySelector(arguments[0]).textContent === arguments[1]", f"{ROOM} .target", before)

    engine.press(f"{ROOM} h3 a")
    engine.shows("dialog[open] .day")
    engine.press("dialog[open] header button")
    engine.until(CLOSED)
    engine.press('nav a[href="#history"]')
    engine.shows("history-chart canvas")
    engine.press('nav a[href="#connection"]')
    engine.shows(".registers tbody tr")
    engine.shows("[data-finding=healthy]")


@pytest.mark.timeout(180)
def test_a_browser_that_is_signed_in_says_enough_of_where_it_comes_from(engine: Driven, tmp_path: Path) -> None:
    """Each browser tells forms, writes and sockets of our own page in its own way, and over plain HTTP less of it."""
    with running(Remote(tmp_path, **DOCKER)) as gateway:
        engine.go(gateway.address)
        engine.shows("#key")
        sign_in = 'document.getElementById("key").value = arguments[0]; document.querySelector("form").requestSubmit()'
        engine.run(sign_in, "not-the-key")
        engine.shows("[role=alert]")
        engine.run(sign_in, KEY)
        engine.shows(".guide")
        assert engine.run("return document.cookie") == ""

        engine.run(
            """fetch("api/v1/rooms", { method: "PUT", body: JSON.stringify(arguments[0]) })
                 .then((answer) => { window.answered = answer.status; });
               new WebSocket(`ws://${location.host}/api/v1/live`).onmessage = () => { window.heard = true; };""",
            {"rooms": [{"base_id": 1, "zone_id": 1, "name": "Parlour"}]},
        )
        assert engine.until("return window.answered") == 200
        assert engine.until("return window.heard")
        engine.run('fetch("session", { method: "DELETE" }).then(() => location.replace("./"))')
        engine.shows("#key")


@pytest.mark.browsers
@pytest.mark.timeout(180)
@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize(
    ("place", "shows"),
    [
        ("#rooms", ".room"),
        ("#room/1/1", "dialog[open] .dial"),
        ("#history", "canvas"),
        ("#connection", ".registers tr"),
    ],
)
def test_everything_has_its_place(engine: Driven, house: House, place: str, shows: str, width: int) -> None:
    visited(engine, house, place, shows, width=width)

    assert engine.run(f"return ({GEOMETRY})()") == []


@pytest.mark.browsers
@pytest.mark.timeout(180)
def test_the_handle_of_the_dial_drags(engine: Driven, house: House) -> None:
    visited(engine, house, "#room/1/1", "dialog[open] .dial .handle")
    handle = engine.centre(".dial .handle")
    x, y = engine.centre(".dial > svg")

    engine.pointer([handle, (x + 40, y - 100), (x, y - 110)])

    engine.until(
        """const slider = document.querySelector("[role=slider]");
        const [low, high, now] = ["min", "max", "now"].map((each) => Number(slider.getAttribute(`aria-value${each}`)));
        return Math.abs(now - (low + high) / 2) <= 0.5"""
    )
    engine.shows("dialog[open] .fate", "Confirmed")


@pytest.mark.browsers
@pytest.mark.timeout(180)
def test_a_question_before_the_whole_house_is_off(engine: Driven, house: House) -> None:
    visited(engine, house, "", ".room")

    engine.press(".house [data-option=standby]")
    engine.shows("[data-layer=question]", "Switch the whole house off?")
    engine.press("[data-layer=question] .plain")

    engine.until(CLOSED)
    assert house.gateway.get("/api/v1/points/global.state")["pending"] is None


@pytest.mark.browsers
@pytest.mark.timeout(180)
def test_a_state_is_chosen_from_the_menu(engine: Driven, house: House) -> None:
    visited(engine, house, "", ROOM)

    for state, words in (("reduced", "Reduced"), ("normal", "Normal")):
        engine.press(f"{ROOM} .disc")
        engine.shows("[data-layer=menu]", words)
        engine.press(f"[data-layer=menu] [data-option={state}]")
        engine.shows(f"{ROOM} .sub", "Confirmed")
        engine.shows(f"{ROOM} .sub", words)
