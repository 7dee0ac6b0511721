"""Measures the page against its budgets: weight, requests, the time to the first card, and what an open page costs."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any

from playwright.sync_api import Browser, CDPSession, sync_playwright

from bench.figures import Figure
from neasmart.facts.codecs import encode_dpt9
from neasmart.facts.points import TABLE
from neasmart.simulator.home.house import HOUSES
from neasmart.store.past import remember
from tests.support.panel import House, bytes_of_a_visit, launch, simulated_house, texts_by_weight
from tests.support.steady_base import TcpLine

ROUNDS = 10
KILO = 1024
SETTLED_S = 3
CALM_S = 20
BUSY_LIMIT_PERCENT = 3
MESSAGE_LIMIT_KB = 5
LOOK_S = 30
DAY_MIN = 1440
# The lines of the day are asked for anew after five minutes; with a day behind the house nothing else comes later.
WARM_S = 330
# For a quarter of an hour the engine goes on making machine code of what runs often, some 120 kB in all, and drops the
# bytecode of what does not; neither is the page's.
DATA_ONLY = "--js-flags=--no-opt --no-maglev --no-sparkplug --no-flush-bytecode"
GROWTH = {"JSHeapUsedSize": 100, "Nodes": 50, "JSEventListeners": 0}
WEIGHT_LIMIT_KB = 90
LIMITS_KB = {"rooms": 40, "history": 30, "connection": 30, "sheet": 30}
FIRST_CARD_MS = {"demo": 300, "full": 500}
COLUMNS = (
    ("blocking", "requests before the first paint", "", 3),
    ("requests", "requests in all", "", None),
    ("paint_ms", "first paint", "ms", None),
    ("firstCard_ms", "first card", "ms", None),
)
# Runs in the page: notes when the first card is in the document, and what had to be loaded before the first paint.
NOTE_FIRST_CARD = """
  new MutationObserver((_, observer) => {
    if (!document.querySelector(".room")) return;
    window.firstCard_ms = performance.now();
    observer.disconnect();
  }).observe(document, { childList: true, subtree: true });
"""
TIMES = """async () => {
  // The paint is reported with the frame after it.
  while (!performance.getEntriesByName("first-contentful-paint").length) await new Promise(requestAnimationFrame);
  const loaded = performance.getEntriesByType("resource");
  return {
  firstCard_ms: window.firstCard_ms,
  paint_ms: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
  blocking: 1 + loaded.filter((each) => each.renderBlockingStatus === "blocking").length,
  requests: 1 + loaded.length,
  };
}"""


def opened(browser: Browser, house: House) -> dict[str, Any]:
    """Return the times of one visit with an empty cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(NOTE_FIRST_CARD)
    page.goto(_address(house))
    page.locator(".room").first.wait_for()
    times: dict[str, Any] = page.evaluate(TIMES)
    context.close()
    return times


def weight(browser: Browser, house: House) -> Iterator[Figure]:
    """Weigh what is served to somebody who looks at every tab, in the language with the longest texts."""
    visit = bytes_of_a_visit(browser, _address(house), language=next(iter(texts_by_weight())))
    for tab, sizes in visit.items():
        weight_kb = sum(sizes.values()) / KILO
        yield Figure(what=f"page: weight of {tab}", unit="kB", samples=(weight_kb,), limit=LIMITS_KB[tab])
    total = sum(sum(sizes.values()) for sizes in visit.values()) / KILO
    yield Figure(what="page: weight of everything served", unit="kB", samples=(total,), limit=WEIGHT_LIMIT_KB)


def measure(rounds: int) -> Iterator[Figure]:
    """Weigh the page, then open it with an empty cache, in a small and in a full house."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for name in ("demo", "full"):
            with tempfile.TemporaryDirectory() as folder, simulated_house(Path(folder), house=name) as house:
                if name == "demo":
                    yield from weight(browser, house)
                # The first visit also starts the browser's own processes.
                visits = [opened(browser, house) for _ in range(rounds + 1)][1:]
            rooms = f"page, {house.rooms} rooms:"
            for key, what, unit, limit in COLUMNS:
                samples = tuple(float(visit[key]) for visit in visits)
                most = FIRST_CARD_MS[name] if key == "firstCard_ms" else limit
                yield Figure(what=f"{rooms} {what}", unit=unit, samples=samples, limit=most)
        yield from watched(browser)
        browser.close()


@contextmanager
def remembering_house(rooms: Sequence[str]) -> Iterator[Path]:
    """Give the folder of a gateway that knows the temperatures of the day before."""
    addresses = [TABLE.ref(f"{room}.temperature").address for room in rooms]
    minutes = (
        {address: encode_dpt9(18 + (minute // 15 + number) % 50 / 10) for number, address in enumerate(addresses)}
        for minute in range(DAY_MIN)
    )
    with tempfile.TemporaryDirectory() as folder:
        remember(Path(folder) / "neasmart.db", minutes, until_s=time.time())
        yield Path(folder)


@contextmanager
def restless_house() -> Iterator[House]:
    """Run a gateway behind whose base each of sixty rooms gets warmer or colder each second."""
    rooms = [f"zone.{room.base_id}.{room.zone_id}" for room in HOUSES["full"].rooms]
    with (
        remembering_house(rooms) as folder,
        simulated_house(folder, "--cycle", "1", house="full") as house,
    ):
        # From now on the other base speaks.
        house.base.terminate()
        house.base.wait()
        line, stop = TcpLine(house.gateway.bus_port), Event()

        def speak() -> None:
            second = 0
            while not stop.wait(1):
                second += 1
                for number, room in enumerate(rooms):
                    words = (1, encode_dpt9(21), encode_dpt9(18 + number % 50 / 10 + second % 10 / 10))
                    line.tell(f"00 10 {TABLE.ref(f'{room}.state').address:04x} 00 03 06 {bytes_of(words)}")
                for unit_id in (240, 241):
                    line.ask(f"{unit_id:02x} 03 {TABLE.ref(f'{rooms[0]}.state').address:04x} 00 02")

        thread = Thread(target=speak)
        thread.start()
        try:
            yield house
        finally:
            stop.set()
            thread.join()
            line.close()


def bytes_of(words: Sequence[int]) -> str:
    """Return words as they are written on the bus, in hexadecimal digits."""
    return "".join(f"{word:04x}" for word in words)


def watched(browser: Browser) -> Iterator[Figure]:
    """Leave the page open while each of sixty rooms changes each second."""
    messages: list[str] = []
    changed: list[float] = []
    with restless_house() as house:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("websocket", lambda socket: socket.on("framereceived", lambda sent: messages.append(str(sent))))
        page.goto(_address(house))
        page.locator(".room").nth(house.rooms - 1).wait_for()
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        page.wait_for_timeout(1000 * SETTLED_S)
        busy: list[float] = []
        sizes: list[float] = []
        for _ in range(3):
            # Of all threads of the tab, and of the processor: a busy machine makes it no larger.
            before, first = _metric(session, "ProcessTime"), len(messages)
            page.wait_for_timeout(1000 * CALM_S)
            busy.append(100 * (_metric(session, "ProcessTime") - before) / CALM_S)
            sizes.append(max(map(len, messages[first:])) / KILO)
            changed.append(sum(message.count('.temperature"') for message in messages[first:]) / CALM_S)
        page.close()
    what = f"page, {house.rooms} rooms changing each second:"
    yield Figure(what=f"{what} rooms told each second", unit="", samples=tuple(changed), limit=None)
    yield Figure(what=f"{what} busy", unit="%", samples=tuple(busy), limit=BUSY_LIMIT_PERCENT)
    yield Figure(what=f"{what} largest message", unit="kB", samples=tuple(sizes), limit=MESSAGE_LIMIT_KB)


def lasting(minutes: float) -> Iterator[Figure]:
    """Leave the page open for so long after its trends are known; memory after the waste was collected."""
    kept: dict[str, list[float]] = {"JSHeapUsedSize": [], "Nodes": [], "JSEventListeners": []}
    with sync_playwright() as playwright, restless_house() as house:
        page = launch(playwright, DATA_ONLY).new_page(viewport={"width": 1280, "height": 900})
        page.goto(_address(house))
        page.locator(".room").nth(house.rooms - 1).wait_for()
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        for look in range(round((WARM_S + minutes * 60) / LOOK_S)):
            page.wait_for_timeout(1000 * LOOK_S)
            session.send("HeapProfiler.collectGarbage")
            for name, samples in kept.items():
                if look * LOOK_S >= WARM_S:
                    samples.append(_metric(session, name))
        page.close()
    for name, samples in kept.items():
        half = len(samples) // 2
        scale = KILO if name == "JSHeapUsedSize" else 1
        growth = (median(samples[half:]) - median(samples[:half])) / scale
        told = f"page, {minutes:.0f} minutes of {house.rooms} rooms: {name}"
        unit = "kB" if scale == KILO else ""
        yield Figure(what=told, unit=unit, samples=tuple(each / scale for each in samples), limit=None)
        yield Figure(what=f"{told}, growth between halves", unit=unit, samples=(growth,), limit=GROWTH[name])


def _metric(session: CDPSession, name: str) -> float:
    """Return what the browser has measured of a tab, such as the seconds that its process has worked."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == name))


def _address(house: House) -> str:
    return f"http://127.0.0.1:{house.gateway.ingress_port}/"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=0.0, help="look only whether memory stays flat for so long")
    chosen = parser.parse_args()
    for figure in lasting(chosen.minutes) if chosen.minutes else measure(ROUNDS):
        print(figure.line())
