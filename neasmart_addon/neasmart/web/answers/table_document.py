"""Tells a page what there is: the table without its addresses."""

from __future__ import annotations

from neasmart import __version__
from neasmart.facts.registers import RegisterTable
from neasmart.facts.rows import SETPOINT_BY_MODE, Group, Limits, Point
from neasmart.web.answers.documents import Document
from neasmart.web.answers.page_answers import SchemaAnswer


def schema(table: RegisterTable) -> SchemaAnswer:
    """Return the register table without its addresses: what a page needs to draw itself."""
    return SchemaAnswer(
        version=__version__,
        groups=[_group(group) for group in table.groups.values()],
        setpoint_limits={mode.name.lower(): _limits(limits) for mode, limits in SETPOINT_BY_MODE.items()},
    )


def _group(group: Group) -> Document:
    return {
        "key": group.key,
        "label": group.label,
        "axes": [{"name": axis.name, "low": axis.low, "high": axis.high} for axis in group.axes],
        "rooms": group.rooms,
        "exists_by": group.exists_by,
        "points": [_point(point) for point in group.points],
        "derived": [
            {"key": row.key, "label": row.label, "kind": row.kind, "unit": row.unit, "device_class": row.device_class}
            for row in group.derived
        ],
    }


def _point(point: Point) -> Document:
    return {
        "key": point.key,
        "label": point.label,
        "kind": point.kind,
        "unit": point.unit,
        "writable": point.writable,
        "limits": None if point.limits is None else _limits(point.limits),
        "options": None if point.options is None else {str(number): name for number, name in point.options.items()},
        "device_class": point.device_class,
        "part": point.part,
        "vocabulary": point.vocabulary,
    }


def _limits(limits: Limits) -> Document:
    return {"low": limits.low, "high": limits.high, "step": limits.step}
