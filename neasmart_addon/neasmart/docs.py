"""Prints what the code knows of registers and settings as Markdown, so that no table is kept by hand."""

from __future__ import annotations

from typing import get_type_hints

import msgspec

from neasmart.config import Settings
from neasmart.points import TABLE
from neasmart.registers import Group, Point
from neasmart.settings_loading import environment_names


def markdown() -> str:
    """Return the register table and the table of settings."""
    return f"## Registers\n\n{registers()}\n## Settings\n\n{settings()}"


def registers() -> str:
    """Return one row for each point of the register table."""
    rows = [
        _row(_address(group, point), _id(group, point), point.label, _values(point), "R/W" if point.writable else "R")
        for group in TABLE.groups.values()
        for point in group.points
    ]
    return _table(("address", "id", "meaning", "values", "direction"), rows)


def settings() -> str:
    """Return one row for each setting: its key in the file, its environment variable and its default."""
    defaults = msgspec.to_builtins(Settings())
    rows = []
    for variable, path in environment_names().items():
        value = defaults
        for step in path:
            value = value[step]
        rows.append(_row(f"`{'.'.join(path)}`", f"`{variable}`", _kind(path), _default(value)))
    return _table(("key", "environment", "type", "default"), rows)


def _address(group: Group, point: Point) -> str:
    terms = [f"({axis.name} - {axis.low}) * {axis.stride}" for axis in group.axes]
    return " + ".join([str(group.address(*(axis.low for axis in group.axes)) + point.offset), *terms])


def _id(group: Group, point: Point) -> str:
    return f"`{'.'.join((group.key, *(f'{{{axis.name}}}' for axis in group.axes), point.key))}`"


def _values(point: Point) -> str:
    if point.options is not None:
        return ", ".join(f"{number} {name.replace('_', ' ')}" for number, name in point.options.items())
    if point.limits is not None:
        return f"{point.limits.low:g} to {point.limits.high:g} {point.unit}, step {point.limits.step:g}"
    return point.unit or "0 or 1"


def _kind(path: tuple[str, ...]) -> str:
    kind = get_type_hints(Settings)[path[0]]
    if len(path) > 1:
        kind = get_type_hints(kind)[path[1]]
    return str(getattr(kind, "__name__", kind)).replace("neasmart.config.", "").replace("typing.", "")


def _default(value: object) -> str:
    return "-" if value in ("", [], None) else f"`{msgspec.json.encode(value).decode()}`"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _table(head: tuple[str, ...], rows: list[str]) -> str:
    return _row(*head) + f"|{'---|' * len(head)}\n" + "".join(rows)
