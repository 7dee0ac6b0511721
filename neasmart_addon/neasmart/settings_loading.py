"""Where the settings are read from.

Sources, a later one wins: built-in defaults, `config.json`, the app's `options.json`, environment variables. All are
validated together, once; what does not fit stops the start with one message that names key, value and what is allowed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from neasmart.config import Section, Settings
from neasmart.errors import SettingsError
from neasmart.settings_checks import suggestion, validated, without_login

CONFIG_FILE = "NEASMART_CONFIG_FILE"
OPTIONS_FILE = "NEASMART_OPTIONS_FILE"
DEFAULT_CONFIG_FILE = Path("config.json")
DEFAULT_OPTIONS_FILE = Path("/data/options.json")
_FILES = {CONFIG_FILE: DEFAULT_CONFIG_FILE, OPTIONS_FILE: DEFAULT_OPTIONS_FILE}
_ENVIRONMENT_EXCEPTIONS = {
    ("api", "ingress_port"): "NEASMART_INGRESS_PORT",
    ("api", "ingress_host"): "NEASMART_INGRESS_HOST",
    ("logging", "level"): "NEASMART_LOG_LEVEL",
    ("logging", "file"): "NEASMART_LOG_FILE",
    ("logging", "syslog"): "NEASMART_LOG_SYSLOG",
    ("logging", "format"): "LOG_FORMAT",
    ("logging", "debug_mode"): "NEASMART_DEBUG_MODE",
}
_OTHER_NAMES = frozenset({CONFIG_FILE, OPTIONS_FILE})


def environment_names() -> dict[str, tuple[str, ...]]:
    """Return the path of a setting, such as ("server", "port"), by the name of its environment variable."""
    names: dict[str, tuple[str, ...]] = {}
    for section, kind in get_type_hints(Settings).items():
        if isinstance(kind, type) and issubclass(kind, Section):
            for key in kind.__struct_fields__:
                default = f"NEASMART_{section}_{key}".upper()
                names[_ENVIRONMENT_EXCEPTIONS.get((section, key), default)] = (section, key)
        else:
            names[f"NEASMART_{section}".upper()] = (section,)
    return names


def load(environment: Mapping[str, str] | None = None, *, with_options: bool = True) -> Settings:
    """Read and validate all sources; raise SettingsError with one clear message."""
    environment = os.environ if environment is None else environment
    merged: dict[str, Any] = {}
    origins: dict[tuple[str, ...], str] = {}
    for variable, default in _FILES.items():
        named = environment.get(variable)
        path = Path(named) if named else default
        if (named or path.is_file()) and (with_options or variable != OPTIONS_FILE):
            _merge(merged, read_file(path), str(path), origins)
    _merge(merged, _from_environment(environment, origins), None, origins)
    return validated(merged, origins)


def files(environment: Mapping[str, str] | None = None) -> list[Path]:
    """Return the files that `load` reads if they exist."""
    environment = os.environ if environment is None else environment
    return [Path(environment.get(variable) or default) for variable, default in _FILES.items()]


def load_tolerant(environment: Mapping[str, str] | None = None) -> tuple[Settings, str | None]:
    """Return the settings, or those without the app's options and what is wrong with the options.

    The app's owner sees its page, not its log; so broken options must not keep the page from opening. Raises
    SettingsError if the other sources are wrong.
    """
    try:
        return load(environment), None
    except SettingsError as error:
        try:
            return load(environment, with_options=False), str(error)
        except SettingsError:
            raise error from None


def checked(content: Mapping[str, Any], name: str) -> Settings:
    """Validate a document that is to become a settings file; `name` says in a refusal where it comes from."""
    merged: dict[str, Any] = {}
    origins: dict[tuple[str, ...], str] = {}
    _merge(merged, content, name, origins)
    return validated(merged, origins)


def read_file(path: Path) -> dict[str, Any]:
    """Return a settings file as it is, not validated; raise SettingsError if it holds no JSON object."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: is not valid JSON ({error}). Correct it or remove it") from error
    if not isinstance(content, dict):
        raise SettingsError(
            f"{path}: must hold one JSON object with the sections {', '.join(Settings.__struct_fields__)}"
        )
    return content


def _merge(target: dict[str, Any], source: Mapping[str, Any], name: str | None, origins: dict[Any, str]) -> None:
    for section, content in source.items():
        if isinstance(content, dict) and isinstance(target.get(section), dict):
            target[section].update(content)
        elif section in target and isinstance(content, dict) and section in Settings.__struct_fields__:
            # An earlier source is wrong here; a later one must not hide that.
            continue
        else:
            target[section] = dict(content) if isinstance(content, dict) else content
        if name is not None:
            origins[(section,)] = name
            if isinstance(content, dict):
                origins.update(((section, key), name) for key in content)


def _from_environment(environment: Mapping[str, str], origins: dict[tuple[str, ...], str]) -> dict[str, Any]:
    names = environment_names()
    found: dict[str, Any] = {}
    for name, text in environment.items():
        path = names.get(name)
        if path is None:
            if name.startswith("NEASMART_") and name not in _OTHER_NAMES:
                raise SettingsError(f"{name}: unknown environment variable. {suggestion(name, names)}")
            continue
        origins[path] = name
        if len(path) == 1:
            found[path[0]] = _json(name, text)
        else:
            found.setdefault(path[0], {})[path[1]] = from_text(name, path, text)
    return found


def from_text(name: str, path: tuple[str, ...], text: str) -> Any:
    """Return the value that a text gives a setting, or what is nearest to it, for `checked` to refuse in words.

    Raises SettingsError for broken JSON; `name` says where the text comes from.
    """
    kind = get_type_hints(get_type_hints(Settings)[path[0]], include_extras=True)[path[1]]
    if str(kind).startswith("list") and not text.strip().startswith("["):
        parts: list[Any] = [part.strip() for part in text.split(",") if part.strip()]
    elif str(kind).startswith("list"):
        parts = _json(name, text)
    else:
        lowered = text.strip().lower()
        if kind is bool:
            text = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(lowered, lowered)
        elif isinstance(kind, type) and issubclass(kind, StrEnum):
            text = lowered
        try:
            return msgspec.convert(text, kind, strict=False)
        except msgspec.ValidationError:
            return _number_or_text(text)
    try:
        return msgspec.convert(parts, kind, strict=False)
    except msgspec.ValidationError:
        return [_number_or_text(part) if isinstance(part, str) else part for part in parts]


def _number_or_text(text: str) -> int | float | str:
    """Return a number where the text is one, so that the refusal speaks of its range and not of its type."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{name}: {without_login(text)[:60]!r} is not valid JSON ({error})") from error
