"""Prints what the code knows of registers and settings as Markdown, so that no table is kept by hand."""

from __future__ import annotations

import argparse
import sys
from functools import reduce

import msgspec
from msgspec import inspect

from neasmart.facts.points import TABLE
from neasmart.facts.rows import Group, Point
from neasmart.settings.loading import environment_names
from neasmart.settings.meanings import MEANINGS
from neasmart.settings.model import Settings


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Add nothing: all is printed."""


def run(_namespace: argparse.Namespace) -> int:
    """Print them."""
    sys.stdout.write(markdown())
    return 0


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
    """Return one row for each setting: key in the file, environment variable, what is allowed, default, meaning."""
    defaults = msgspec.to_builtins(Settings())
    rows = []
    for variable, path in environment_names().items():
        value = defaults
        for step in path:
            value = value[step]
        key = ".".join(path)
        rows.append(_row(f"`{key}`", f"`{variable}`", _allowed(_kind(path)), _default(value), MEANINGS.get(key, "")))
    return _table(("key", "environment", "allowed", "default", "meaning"), rows)


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


def _kind(path: tuple[str, ...]) -> inspect.Type:
    """Return the type of a setting without None."""
    whole = inspect.type_info(Settings)
    found = reduce(_field, path, whole)
    if isinstance(found, inspect.UnionType):
        return next(each for each in found.types if not isinstance(each, inspect.NoneType))
    return found


def _field(section: inspect.Type, name: str) -> inspect.Type:
    if not isinstance(section, inspect.StructType):
        raise TypeError(f"{name} is looked for in what is no section")
    return next(field.type for field in section.fields if field.encode_name == name)


def _allowed(kind: inspect.Type) -> str:
    match kind:
        case inspect.EnumType():
            choices = [each.value for each in kind.cls]
        case inspect.LiteralType():
            choices = list(kind.values)
        case inspect.BoolType():
            choices = ["true", "false"]
        case inspect.IntType() | inspect.FloatType():
            return f"{kind.ge:.10g} to {kind.le:.10g}"
        case inspect.ListType():
            return f"list of {_allowed(kind.item_type)}"
        case inspect.StructType():
            return "objects"
        case _:
            return "text"
    return ", ".join(f"`{each}`" for each in choices)


def _default(value: object) -> str:
    return "-" if value in ("", [], None) else f"`{msgspec.json.encode(value).decode()}`"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _table(head: tuple[str, ...], rows: list[str]) -> str:
    return _row(*head) + f"|{'---|' * len(head)}\n" + "".join(rows)
