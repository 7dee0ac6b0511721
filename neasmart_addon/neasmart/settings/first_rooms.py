"""Reads the names of rooms in every shape in which gateways for this base have kept them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_BASES = ("base", "base_id")
_ZONES = ("zone", "zone_id", "id")
_NAMES = ("name", "label")
_FLOORS = ("floor", "base_label", "base_name")
_INSIDE = "zones"


def rooms(value: Any) -> Any:
    """Return a list of `{"base", "zone", "name", "floor"}`, or the value as it is if it has none of the known shapes.

    Known are our own list; a flat list with other keys; a list of floors that hold lists of rooms; and floors and
    rooms by their numbers. Numbers and names are not judged here.
    """
    try:
        return list(_of_list(value) if isinstance(value, list) else _of_numbers(value))
    except (StopIteration, RuntimeError, KeyError, TypeError, ValueError, AttributeError):
        return value


def _of_list(entries: list[Any]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        if isinstance(entry, Mapping) and _INSIDE in entry:
            base, floor = _first(entry, _BASES), _floor(entry)
            inside = entry[_INSIDE]
            if isinstance(inside, Mapping):
                for zone, named in inside.items():
                    yield _room(base, _number(zone), _name(named), floor)
            else:
                for each in inside:
                    yield _room(base, _first(each, _ZONES), _name(each), floor)
        elif isinstance(entry, Mapping) and any(key in entry for key in ("base_id", "zone_id", "label")):
            yield _room(_first(entry, _BASES), _first(entry, _ZONES), _name(entry), _floor(entry))
        else:
            yield entry


def _of_numbers(floors: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for base, entry in floors.items():
        inside = entry.get(_INSIDE, entry)
        for zone, named in inside.items():
            if zone != "label":
                yield _room(_number(base), _number(zone), _name(named), str(entry.get("label", "")))


def _room(base: Any, zone: Any, name: Any, floor: str) -> dict[str, Any]:
    room = {"base": base, "zone": zone, "name": name}
    return room | ({"floor": floor} if floor else {})


def _first(entry: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next(entry[key] for key in keys if key in entry)


def _name(named: Any) -> Any:
    if not isinstance(named, Mapping):
        return named
    return next((named[key] for key in _NAMES if key in named), "")


def _floor(entry: Mapping[str, Any]) -> str:
    return str(next((entry[key] for key in _FLOORS if key in entry), ""))


def _number(text: Any) -> int:
    return int(text)
