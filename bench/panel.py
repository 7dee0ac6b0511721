"""Measures the page against its budgets: weight, requests, the time to the first card, and what an open page costs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, sync_playwright

from bench.figures import Figure
from tests.support.panel import House, bytes_of_a_visit, launch, simulated_house

ROUNDS = 10
KILO = 1024
CALM_S = 20
BUSY_LIMIT_PERCENT = 3
MESSAGE_LIMIT_KB = 5
WEIGHT_LIMIT_KB = 90
LIMITS_KB = {"rooms": 40, "history": 30, "connection": 30, "sheet": 30}
FIRST_CARD_MS = {"demo": 300, "full": 500}
LANGUAGE = "fr"  # its texts are the longest
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
    """Weigh what is served to somebody who looks at every tab, in one language."""
    visit = bytes_of_a_visit(browser, _address(house), language=LANGUAGE)
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


def watched(browser: Browser) -> Iterator[Figure]:
    """Leave the page open while each of sixty rooms changes each second."""
    messages: list[int] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        simulated_house(Path(folder), "--cycle", "1", "--speed", "600", house="full") as house,
    ):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("websocket", lambda socket: socket.on("framereceived", lambda sent: messages.append(len(sent))))
        page.goto(_address(house))
        page.locator(".room").nth(house.rooms - 1).wait_for()
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        busy: list[float] = []
        sizes: list[float] = []
        for _ in range(3):
            before, first = _task_s(session), len(messages)
            page.wait_for_timeout(1000 * CALM_S)
            busy.append(100 * (_task_s(session) - before) / CALM_S)
            sizes.append(max(messages[first:]) / KILO)
        page.close()
    rooms = f"page, {house.rooms} rooms changing each second:"
    yield Figure(what=f"{rooms} busy", unit="%", samples=tuple(busy), limit=BUSY_LIMIT_PERCENT)
    yield Figure(what=f"{rooms} largest message", unit="kB", samples=tuple(sizes), limit=MESSAGE_LIMIT_KB)


def _task_s(session: CDPSession) -> float:
    """Return the seconds that the tab's main thread has worked."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))


def _address(house: House) -> str:
    return f"http://127.0.0.1:{house.gateway.ingress_port}/"


if __name__ == "__main__":
    for figure in measure(ROUNDS):
        print(figure.line())
