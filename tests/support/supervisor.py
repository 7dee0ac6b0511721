"""Plays the Supervisor's part in options: reads the manifest's form, merges what a user enters and refuses the rest.

The grammar of a form element is the Supervisor's: bool, str, password, port, email, url, device, int(a,b), float(a,b),
match(regex), list(a|b); a question mark at the end makes it optional.
"""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
APP = ROOT / "neasmart_addon"
PUBLISHED = "ghcr.io/neasmart/neasmart-gateway"
"""The image that a release publishes; the manifest may name it once somebody can pull it."""

_ELEMENT = re.compile(
    r"(?P<kind>bool|email|url|port|str|password"
    r"|device(?:\(subsystem=[a-z]+\))?"
    r"|(?P<number>int|float)(?:\((?P<low>-?[\d.]+)?,(?P<high>-?[\d.]+)?\))?"
    r"|match\((?P<pattern>.*)\)"
    r"|list\((?P<choices>.+)\))"
    r"(?P<optional>\?)?"
)


class RefusedError(Exception):
    """The form does not take this value; the app would not be started with it."""


class Element:
    """One field of the form."""

    def __init__(self, text: str) -> None:
        found = _ELEMENT.fullmatch(text)
        if found is None:
            raise RefusedError(f"the Supervisor does not know the type {text!r}")
        self.number: str | None = found["number"]
        self.kind: str = found["number"] or found["kind"].partition("(")[0]
        self.low = float(found["low"]) if found["low"] else None
        self.high = float(found["high"]) if found["high"] else None
        self.pattern: str | None = found["pattern"]
        self.choices: list[str] | None = found["choices"].split("|") if found["choices"] else None
        self.optional = found["optional"] is not None

    def taken(self, name: str, value: Any) -> Any:
        """Return the value as it stands in options.json."""
        if value is None:
            raise RefusedError(f"{name} is missing")
        if self.number is not None:
            return self._number(name, value)
        if self.kind == "bool":
            if not isinstance(value, bool):
                raise RefusedError(f"{name} is no bool")
            return value
        if self.kind == "port":
            return self._port(name, value)
        if self.pattern is not None and not re.match(self.pattern, str(value)):
            raise RefusedError(f"{name} does not match {self.pattern}")
        if self.choices is not None and str(value) not in self.choices:
            raise RefusedError(f"{name} is none of {self.choices}")
        return str(value)

    def _port(self, name: str, value: Any) -> int:
        try:
            number = int(value)
        except (TypeError, ValueError) as error:
            raise RefusedError(f"{name} is no port") from error
        if not 1 <= number <= 65535:
            raise RefusedError(f"{name} is no port")
        return number

    def _number(self, name: str, value: Any) -> int | float:
        try:
            number = int(value) if self.number == "int" else float(value)
        except ValueError as error:
            raise RefusedError(f"{name} is no number") from error
        if (self.low is not None and number < self.low) or (self.high is not None and number > self.high):
            raise RefusedError(f"{name} is outside {self.low} to {self.high}")
        return number


def manifest() -> dict[str, Any]:
    """Return config.yaml."""
    content = yaml.safe_load((APP / "config.yaml").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def elements(schema: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Element]:
    """Return all fields of a form by path; a list counts as what it lists."""
    if isinstance(schema, list):
        assert len(schema) == 1, f"the Supervisor reads only the first element of {path}"
        return elements(schema[0], path)
    if isinstance(schema, dict):
        return {key: field for name, inner in schema.items() for key, field in elements(inner, (*path, name)).items()}
    return {path: Element(schema)}


def options_for(entered: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what the Supervisor writes to options.json for what a user has entered over the defaults."""
    form = manifest()
    options = _merged(deepcopy(form["options"]), entered or {})
    return {name: taken(form["schema"][name], value, name) for name, value in options.items() if name in form["schema"]}


def _merged(target: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    for name, value in source.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            _merged(target[name], value)
        else:
            target[name] = value
    return target


def taken(schema: Any, value: Any, name: str) -> Any:
    if isinstance(schema, list):
        if not isinstance(value, list):
            raise RefusedError(f"{name} is no list")
        return [taken(schema[0], each, name) for each in value]
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            raise RefusedError(f"{name} is no group")
        found = {key: taken(schema[key], each, key) for key, each in value.items() if key in schema}
        for key in schema.keys() - found.keys():
            inner = schema[key][0] if isinstance(schema[key], list) else schema[key]
            if not (isinstance(inner, str) and inner.endswith("?")):
                raise RefusedError(f"{name}.{key} is missing")
        return found
    return Element(schema).taken(name, value)
