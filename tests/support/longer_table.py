"""The table with two more rows: a room's floor temperature, and how much warmth a room still misses."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from neasmart.facts.codecs import TemperatureCodec, Value
from neasmart.facts.points import TABLE
from neasmart.facts.registers import RegisterTable
from neasmart.facts.rows import Derived, Inputs, Kind, Part, Point

FLOOR = Point(
    key="floor_temperature",
    label="Floor temperature",
    offset=3,
    codec=TemperatureCodec(),
    unit="°C",
    optional=True,
    device_class="temperature",
)


def _missing(inputs: Inputs) -> Value:
    target, air = inputs.one(Part.TARGET), inputs.one(Part.AIR)
    return None if target is None or air is None else target - air


MISSING = Derived(
    key="missing",
    label="Missing warmth",
    kind=Kind.TEMPERATURE,
    sources=(Part.TARGET, Part.AIR),
    work=_missing,
    unit="°C",
    device_class="temperature",
)


def lengthened(monkeypatch: pytest.MonkeyPatch) -> RegisterTable:
    """Return the table with both rows, which takes its place wherever that is used."""
    short, groups = TABLE, TABLE.groups.values()
    longer = RegisterTable(
        tuple(
            replace(group, points=(*group.points, FLOOR), derived=(*group.derived, MISSING)) if group.rooms else group
            for group in groups
        )
    )
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in {"neasmart", "tests"} and getattr(module, "TABLE", None) is short:
            monkeypatch.setattr(module, "TABLE", longer)
    return longer
