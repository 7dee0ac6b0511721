"""The Grafana dashboard asks for nothing that the gateway does not tell."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

DASHBOARD: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / ".github/grafana/neasmart.json").read_text(encoding="utf-8")
)
BY_PROMETHEUS = {"job", "instance", "le"}
"""Labels that Prometheus itself adds, and the one of every histogram."""
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [target for panel in PANELS for target in panel["targets"]]


async def test_every_metric_of_the_dashboard_exists(told: dict[str, list[dict[str, str]]]) -> None:
    asked = {name for target in TARGETS for name in re.findall(r"neasmart_\w+", target["expr"])}

    assert len(asked) > 10
    assert asked <= told.keys(), sorted(asked - told.keys())


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target["expr"][:60])
async def test_every_label_of_the_dashboard_exists(target: dict[str, str], told: dict[str, Any]) -> None:
    expression = target["expr"]
    (name,) = set(re.findall(r"neasmart_\w+", expression))
    asked = set(re.findall(r"(\w+)=~?\"", expression)) | set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
    for names in re.findall(r"by \(([^)]*)\)", expression):
        asked |= {each.strip() for each in names.split(",")}

    assert asked - BY_PROMETHEUS <= told[name][0].keys()


async def test_every_choice_of_ids_and_kinds_finds_series(told: dict[str, list[dict[str, str]]]) -> None:
    for target in TARGETS:
        for name, selectors in re.findall(r"(neasmart_\w+){([^}]*)}", target["expr"]):
            wanted = [each for each in re.findall(r'(\w+)=~?"([^"]*)"', selectors) if each[0] not in BY_PROMETHEUS]
            matching = [
                labels for labels in told[name] if all(re.fullmatch(pattern, labels[key]) for key, pattern in wanted)
            ]
            assert matching, target["expr"]


def test_panels_do_not_overlap_and_have_names() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert panel["title"]
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
