"""Measures the page against its budgets: weight, requests to first paint, and the time to the first room's card."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from bench.figures import Figure
from tests.support.panel import House, launch, simulated_house

STATIC = Path(__file__).parents[1] / "neasmart_addon" / "neasmart" / "web" / "static"
ROUNDS = 10
KILO = 1024
WEIGHT_LIMIT_KB = 60
COLUMNS = (
    ("blocking", "requests before the first paint", "", 3),
    ("requests", "requests in all", "", None),
    ("paint_ms", "first paint", "ms", None),
    ("firstCard_ms", "first card", "ms", 300),
)
# Runs in the page: notes when the first card is in the document, and what had to be loaded before the first paint.
NOTE_FIRST_CARD = """
  new MutationObserver((_, observer) => {
    if (!document.querySelector(".zone")) return;
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


def weight() -> dict[str, int]:
    """Return the gzipped bytes of the page's parts, one language counted, the longest."""
    scripts = [path for path in STATIC.rglob("*.js") if "vendor" not in path.parts]
    sources = "".join(path.read_text(encoding="utf-8") for path in scripts)
    vendored = (STATIC / "vendor").rglob("*.*s")
    used = [path for path in vendored if path.relative_to(STATIC).as_posix() in sources]
    texts = max(_packed([path]) for path in (STATIC / "i18n").glob("*.json"))
    return {
        "html and css": _packed([STATIC / "index.html", STATIC / "panel.css"]),
        "own scripts": _packed(scripts),
        **{path.name: _packed([path]) for path in used},
        "texts": texts,
    }


def opened(browser: Browser, house: House) -> dict[str, Any]:
    """Return the times of one visit with an empty cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(NOTE_FIRST_CARD)
    page.goto(f"http://127.0.0.1:{house.gateway.ingress_port}/")
    page.locator(".zone").first.wait_for()
    times: dict[str, Any] = page.evaluate(TIMES)
    context.close()
    return times


def measure(rounds: int) -> Iterator[Figure]:
    """Weigh the page, then open it with an empty cache, in a small and in a full house."""
    parts = weight()
    yield from (
        Figure(what=f"page: weight of {name}", unit="kB", samples=(size / KILO,)) for name, size in parts.items()
    )
    total = sum(parts.values()) / KILO
    yield Figure(what="page: weight of everything, gzipped", unit="kB", samples=(total,), limit=WEIGHT_LIMIT_KB)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for name in ("demo", "full"):
            with tempfile.TemporaryDirectory() as folder, simulated_house(Path(folder), house=name) as house:
                # The first visit also starts the browser's own processes.
                visits = [opened(browser, house) for _ in range(rounds + 1)][1:]
            rooms = f"page, {house.rooms} rooms:"
            for key, what, unit, limit in COLUMNS:
                samples = tuple(float(visit[key]) for visit in visits)
                yield Figure(what=f"{rooms} {what}", unit=unit, samples=samples, limit=limit)
        browser.close()


def _packed(paths: Sequence[Path]) -> int:
    return sum(len(gzip.compress(path.read_bytes(), mtime=0)) for path in paths)


if __name__ == "__main__":
    for figure in measure(ROUNDS):
        print(figure.line())
