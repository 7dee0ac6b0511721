"""The page looks as it did: pictures with the tests' own font and a clock that stands, within a tolerance.

Where a picture ought to change, `NEASMART_PICTURES=write` keeps those that differ; look at each before it is committed.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Page, expect

from tests.panel.test_look import NARROWED, PLACES, STAGES
from tests.panel.test_rooms import FAHRENHEIT
from tests.support.staged import ROOMS, Stage, Theatre, stand, why

pytestmark = pytest.mark.xdist_group("pictures")

PICTURES = Path(__file__).parent / "pictures"
COLOURS = 128
PHONE, DESK = (390, 844), (1280, 860)
# A pixel counts as another one from here on, of 255; and so many in ten thousand may be.
LEAST_DIFFERENCE = 44
TOLERATED = 15
STILL_WITHIN_S = 30.0
CHART_FITS = """() => [...document.querySelectorAll("history-chart")]
  .every((chart) => Math.abs((chart.querySelector(".u-wrap")?.clientWidth ?? 0) - chart.clientWidth) < 2)"""
DAY_HAS_COME = "document.querySelector('.room .line').getAttribute('d').length > 200"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is on the stage, what is done first, and the looks that are kept: size and scheme."""

    name: str
    stage: Callable[[], Stage]
    place: str = ""
    act: Callable[[Page, Stage], None] | None = None
    looks: Sequence[tuple[str, tuple[int, int], str]] = (
        ("phone", PHONE, "light"),
        ("phone-dark", PHONE, "dark"),
        ("desk", DESK, "light"),
        ("desk-dark", DESK, "dark"),
    )
    whole: bool = False
    how: tuple[tuple[str, Any], ...] = ()


PHONE_AND_DESK = (("phone-dark", PHONE, "dark"), ("desk", DESK, "light"))
PHONE_ONLY = (("phone", PHONE, "light"),)
SMALLEST = (("smallest", (320, 700), "light"),)


def gone(page: Page, stage: Stage) -> None:
    stage.die()
    expect(page.locator(".state-line .what")).to_have_text("Gateway not reachable")
    expect(page.locator("[data-finding=gateway_down]")).to_be_visible()


def pending(page: Page, stage: Stage) -> None:
    given = stage.command("zone.1.1.setpoint", 22.0)
    refused = stage.command("zone.1.2.setpoint", 22.0)
    stage.tell(
        commands=[given, refused],
        readings=[{"id": "zone.1.1.setpoint", "value": 21.5, "raw": 1, "pending": given}],
    )
    stage.tell(commands=[{**refused, "state": "rejected", **why("kept", 20.0)}])
    expect(page.locator(".disc.busy")).to_have_count(1)
    expect(page.locator("[data-fate=failed]")).to_have_count(1)


def bands(page: Page, stage: Stage) -> None:  # noqa: ARG001 - every act is given both
    page.locator(".chooser summary", has_text="Hall").click()
    page.locator(".chooser details[open]").get_by_label("state").check()
    expect(page.locator(".bands .words li")).to_have_count(3)


def guide(page: Page, stage: Stage) -> None:  # noqa: ARG001
    page.get_by_role("button", name="Show the guide").click()
    expect(page.locator(".found li")).to_have_count(2)


def tapped(selector: str, shows: str) -> Callable[[Page, Stage], None]:
    def act(page: Page, stage: Stage) -> None:  # noqa: ARG001
        page.locator(selector).first.click()
        expect(page.locator(shows).first).to_be_visible()

    return act


SCENES = (
    Scene(name="rooms", stage=Stage),
    Scene(name="sheet", stage=Stage, place="#room/2/1"),
    Scene(name="history", stage=Stage, place="#history"),
    Scene(name="connection", stage=lambda: Stage(rooms=ROOMS[:2]), place="#connection", whole=True),
    Scene(name="bands", stage=Stage, place="#history", act=bands, looks=PHONE_AND_DESK),
    Scene(
        name="guide",
        stage=lambda: Stage(rooms=ROOMS[:2]),
        place="#connection",
        act=guide,
        looks=PHONE_AND_DESK,
        whole=True,
    ),
    Scene(name="first-run", stage=STAGES["first_run"], place="", looks=PHONE_AND_DESK, whole=True),
    Scene(name="one", stage=STAGES["one"], looks=PHONE_AND_DESK),
    Scene(name="sixty", stage=STAGES["sixty"], looks=PHONE_AND_DESK),
    Scene(name="compact", stage=STAGES["sixty"], act=tapped(".tools .round", ".room-list"), looks=PHONE_AND_DESK),
    Scene(name="base-error", stage=STAGES["base_error"], looks=PHONE_AND_DESK),
    Scene(name="silent", stage=STAGES["silent"], looks=PHONE_AND_DESK),
    Scene(name="no-link", stage=STAGES["no_link"], looks=PHONE_AND_DESK),
    Scene(name="gone", stage=Stage, act=gone, looks=PHONE_AND_DESK),
    Scene(name="mqtt-away", stage=STAGES["mqtt_away"], looks=PHONE_ONLY),
    Scene(name="pending", stage=Stage, act=pending, looks=PHONE_AND_DESK),
    Scene(name="menu", stage=Stage, act=tapped(".disc", "[data-layer=menu]"), looks=PHONE_AND_DESK),
    Scene(
        name="question",
        stage=Stage,
        act=tapped(".house [data-option=standby]", "[data-layer=question]"),
        looks=PHONE_ONLY,
    ),
    Scene(name="fahrenheit", stage=Stage, looks=PHONE_ONLY, how=(("script", FAHRENHEIT),)),
    *(
        Scene(name=f"rooms-{each}", stage=Stage, looks=SMALLEST, how=(("language", each),))
        for each in ("de", "it", "fr")
    ),
    Scene(name="sign-in", stage=Stage, place="sign-in?wrong", looks=PHONE_AND_DESK),
    Scene(name="sign-in-de", stage=Stage, place="sign-in?wrong", looks=SMALLEST, how=(("language", "de"),)),
    Scene(name="forced-colours", stage=Stage, looks=PHONE_ONLY, how=(("forced_colors", "active"),)),
)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_the_page_looks_as_it_did(theatre: Theatre, scene: Scene, tmp_path: Path) -> None:
    page = staged(theatre, scene)
    differences = {}
    for look, (width, height), scheme in scene.looks:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        if scene.whole:
            # As high as its content, so that what is fixed to the window is where it belongs.
            page.set_viewport_size({"width": width, "height": page.evaluate("document.body.scrollHeight")})
        taken = picture(page)
        kept = PICTURES / f"{scene.name}-{look}.png"
        difference = differs(taken, kept)
        if difference is not None and os.environ.get("NEASMART_PICTURES") == "write":
            keep(taken, kept)
        elif difference is not None:
            taken.save(tmp_path / kept.name)
            differences[tmp_path / kept.name] = difference
    theatre.complaints.clear()  # some scenes are of failures, which the browser names
    assert not differences


def test_a_narrowed_address_column_is_seen(theatre: Theatre) -> None:
    scene = next(each for each in SCENES if each.name == "connection")
    page = staged(theatre, scene, style=NARROWED)
    look, (width, height), _ = scene.looks[2]
    page.set_viewport_size({"width": width, "height": height})

    page.set_viewport_size({"width": width, "height": page.evaluate("document.body.scrollHeight")})
    assert differs(picture(page), PICTURES / f"{scene.name}-{look}.png") is not None


def test_every_kept_picture_is_one_of_a_scene() -> None:
    names = {f"{scene.name}-{look}.png" for scene in SCENES for look, _, _ in scene.looks}
    assert {path.name for path in PICTURES.iterdir()} == names
    assert len(names) >= 40


def staged(theatre: Theatre, scene: Scene, **how: Any) -> Page:
    stage = scene.stage()
    page = theatre.open(stage, scene.place, width=1280, height=860, **dict(scene.how), **how)
    expect(page.locator(PLACES.get(scene.place, ".day svg")).first).to_be_visible()
    if scene.act is not None:
        scene.act(page, stage)
    if page.locator(".room").count():
        page.wait_for_function(DAY_HAS_COME)
    # A chart takes the font that is there when it is drawn; another scheme draws it anew.
    page.emulate_media(color_scheme="dark")
    # From here on the clock stands, so that every age is the same.
    stand(page)
    page.clock.run_for(200)
    return page


def picture(page: Page) -> Image.Image:
    """Return what is seen once two pictures in a row are the same, because charts follow the size a moment later."""
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement?.blur()")
    before = b""
    deadline = time.monotonic() + STILL_WITHIN_S
    while not ((taken := page.screenshot(animations="disabled")) == before and page.evaluate(CHART_FITS)):
        assert time.monotonic() < deadline, "the page does not come to rest"
        before = taken
        page.wait_for_timeout(60)
    with Image.open(io.BytesIO(before)) as image:
        return image.convert("RGB")


def differs(taken: Image.Image, kept: Path) -> str | None:
    """Return how a picture differs from the one that is kept, None where nobody would see it."""
    if not kept.exists():
        return "there is no picture yet"
    with Image.open(kept) as image:
        before = image.convert("RGB")
    if before.size != taken.size:
        return f"{taken.size} instead of {before.size}"
    half = (taken.width // 2, taken.height // 2)
    worst = ImageChops.difference(*(each.resize(half, Image.Resampling.BOX) for each in (before, taken)))
    channels = [channel.point(lambda value: 255 if value > LEAST_DIFFERENCE else 0) for channel in worst.split()]
    other = ImageChops.lighter(ImageChops.lighter(channels[0], channels[1]), channels[2])
    count = other.histogram()[255]
    share = count * 10_000 / (half[0] * half[1])
    return f"{count} pixels ({share:.0f} of 10 000), within {other.getbbox()}" if share > TOLERATED else None


def keep(taken: Image.Image, path: Path) -> None:
    """Keep a picture in colours enough: the difference is far below the tolerance, the file a third as large."""
    path.parent.mkdir(exist_ok=True)
    taken.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE).save(path, optimize=True)
