"""Finds the zone, circuit, dehumidifier or pump that a path names, within the ranges of the register table."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

from aiohttp import web

from neasmart.facts.registers import RegisterTable
from neasmart.facts.rows import Axis
from neasmart.web.http.bodies import invalid_parameter
from neasmart.web.http.problems import Problem


def index(request: web.Request, table: RegisterTable, group: str) -> tuple[int, ...]:
    """Return the numbers in the path, one for each axis of the group; raise Problem out of range.

    Paths name the axes in the order of the group.
    """
    named = request.match_info
    found = _indices(table, group).get(tuple(named.values()))
    return found or tuple([number(axis, named[axis.name]) for axis in table.groups[group].axes])


def room(request: web.Request, table: RegisterTable) -> tuple[int, int]:
    """Return the base and zone number in the path; raise Problem out of range."""
    base_id, zone_id = index(request, table, table.rooms.key)
    return base_id, zone_id


def number(axis: Axis, text: str) -> int:
    """Return one number of an axis; raise Problem out of range."""
    found = _numbers(axis).get(text)
    if found is None:
        raise invalid(axis, text)
    return found


def invalid(axis: Axis, text: str) -> Problem:
    """Return the problem of a number that the axis does not have."""
    shown = text[:20] if text.lstrip("-").isdecimal() and text.isascii() else repr(text[:20])
    return invalid_parameter(axis.name, shown, f"between {axis.low} and {axis.high}", label=axis.label)


@lru_cache(maxsize=16)
def _indices(table: RegisterTable, group: str) -> dict[tuple[str, ...], tuple[int, ...]]:
    return {tuple(map(str, each)): each for each in product(*(axis.indices for axis in table.groups[group].axes))}


@lru_cache(maxsize=16)
def _numbers(axis: Axis) -> dict[str, int]:
    return {str(each): each for each in axis.indices}
