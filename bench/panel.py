"""Measures the page against its budgets: weight, requests to first paint, and the time to the first room's card."""

from __future__ import annotations

import gzip
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, sync_playwright  # noqa: E402 - found through the line above

from tests.support.panel import House, launch, simulated_house  # noqa: E402

STATIC = ROOT / "neasmart_addon" / "neasmart" / "web" / "static"
ROUNDS = 15
KILO = 1024
WEIGHT_BUDGET = 60 * KILO
REQUESTS_BUDGET = 3
FIRST_CARD_BUDGET_MS = 300
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


def main() -> int:
    """Print the table; times on a machine that is busy with other work say little."""
    parts = weight()
    rows = [(f"weight of {name}", f"{size / KILO:.1f} kB", "") for name, size in parts.items()]
    total = sum(parts.values())
    rows.append(("weight of the whole page, gzipped", f"{total / KILO:.1f} kB", f"< {WEIGHT_BUDGET // KILO} kB"))
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for name in ("demo", "full"):
            with tempfile.TemporaryDirectory() as folder, simulated_house(Path(folder), house=name) as house:
                visits = [opened(browser, house) for _ in range(ROUNDS)][1:]
                cards = [visit["firstCard_ms"] for visit in visits]
                paints = [visit["paint_ms"] for visit in visits]
                blocking = max(visit["blocking"] for visit in visits)
                rooms = f"{house.rooms} rooms"
            rows += [
                (f"{rooms}: requests before the first paint", str(blocking), f"<= {REQUESTS_BUDGET}"),
                (f"{rooms}: requests in all", str(visits[-1]["requests"]), ""),
                (f"{rooms}: first paint, median", f"{statistics.median(paints):.0f} ms", ""),
                (f"{rooms}: first card, median", f"{statistics.median(cards):.0f} ms", f"< {FIRST_CARD_BUDGET_MS} ms"),
                (f"{rooms}: first card, slowest of {len(cards)}", f"{max(cards):.0f} ms", ""),
                (f"{rooms}: first card, quickest", f"{min(cards):.0f} ms", ""),
            ]
        browser.close()
    for label, figure, budget in rows:
        print(f"{label:<48}{figure:>12}  {budget}")
    print(f"load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    return 0


def _packed(paths: Sequence[Path]) -> int:
    return sum(len(gzip.compress(path.read_bytes(), mtime=0)) for path in paths)


if __name__ == "__main__":
    sys.exit(main())
