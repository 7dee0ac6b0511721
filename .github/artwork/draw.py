#!/usr/bin/env python3
"""Draws icon and logo of the app: a house whose floor is one heating loop, from warm flow to cool return.

The mark stands on its own dark tile and the name in a middle blue, so that both read on light and on dark pages.
Needs the Debian package librsvg2-bin and its DejaVu fonts. Usage: python3 .github/artwork/draw.py
"""

from __future__ import annotations

import subprocess
from pathlib import Path

APP = Path(__file__).resolve().parents[2] / "neasmart_addon"
TILE = ("#24506e", "#122a3d")
ROOF = "M 23 63 L 59 32.5 a 8 8 0 0 1 10 0 L 105 63"
# The pipe comes up at the left, meanders under the roof and goes down at the right.
LOOP = (
    "M 34 105 V 73 a 6 6 0 0 1 12 0 V 90 a 6 6 0 0 0 12 0 V 65"
    " a 6 6 0 0 1 12 0 V 90 a 6 6 0 0 0 12 0 V 73 a 6 6 0 0 1 12 0 V 105"
)
HEAT = {0.0: "#ff6a3d", 0.36: "#ffb03a", 0.62: "#8fd0b4", 1.0: "#37a9ee"}
NAME, KIND = "#2f86bb", "#7c93a1"


def mark() -> str:
    """Return the tile with the house, 128 by 128 units."""
    stops = "".join(f'<stop offset="{at}" stop-color="{colour}"/>' for at, colour in HEAT.items())
    return f"""
  <defs>
    <linearGradient id="tile" x1="0" y1="0" x2="0" y2="1">
      <stop offset="0" stop-color="{TILE[0]}"/><stop offset="1" stop-color="{TILE[1]}"/>
    </linearGradient>
    <linearGradient id="heat" gradientUnits="userSpaceOnUse" x1="34" y1="0" x2="94" y2="0">{stops}</linearGradient>
  </defs>
  <rect x="2" y="2" width="124" height="124" rx="27" fill="url(#tile)"/>
  <g fill="none" stroke-linecap="round" stroke-linejoin="round">
    <path d="{ROOF}" stroke="#f4f8fa" stroke-width="8"/>
    <path d="{LOOP}" stroke="url(#heat)" stroke-width="7"/>
  </g>"""


def icon() -> str:
    """Return the square icon."""
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="128" height="128" viewBox="0 0 128 128">{mark()}</svg>'


def logo() -> str:
    """Return the mark with the name beside it."""
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="250" height="100" viewBox="0 0 320 128">{mark()}
  <g font-family="DejaVu Sans">
    <text x="142" y="67" font-size="29" font-weight="bold" fill="{NAME}">Nea Smart</text>
    <text x="143" y="98" font-size="20" letter-spacing="5.5" fill="{KIND}">GATEWAY</text>
  </g>
</svg>"""


def render(drawing: str, to: Path) -> None:
    """Write a drawing as PNG in its own size."""
    command = ["rsvg-convert", "--output", to]
    subprocess.run(command, input=drawing.encode(), check=True)  # noqa: S603 - a fixed program and our own drawing


if __name__ == "__main__":
    render(icon(), APP / "icon.png")
    render(logo(), APP / "logo.png")
