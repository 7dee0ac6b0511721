"""Where the settings are read from.

Sources, a later one wins: built-in defaults, `config.json`, the app's `options.json`, environment variables. All are
judged together; what does not fit costs its own part only, and all of it is named at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from neasmart.facts.errors import SettingsError
from neasmart.settings.checks import Judged, Sources, judged, strict, suggestion, without_login
from neasmart.settings.first_rooms import rooms
from neasmart.settings.model import SECTIONS, Settings
from neasmart.settings.named_files import SIZE_LIMIT, may_exist, read_regular
from neasmart.settings.older_words import ENVIRONMENT, OLDER_FORM, is_comment, level, modern_variables, modernised

CONFIG_FILE = "NEASMART_CONFIG_FILE"
OPTIONS_FILE = "NEASMART_OPTIONS_FILE"
CONFIG_NAME = "config.json"
DEFAULT_CONFIG_FILE = Path(CONFIG_NAME)
DEFAULT_OPTIONS_FILE = Path("/data/options.json")
_OLDER_FOLDER = Path("/app/data")
"""Where compose files of an older gateway mount its data."""
_OLDER_MODULES = (Path("config"), Path("/app/config"))
_MODULES = ("main.json", "server.json", "zones.json", "api.json")
"""Where an older gateway has its settings in several files, and how these are called."""
_DATABASE_PATH = "NEASMART_DATABASE_PATH"
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
    for section in Settings.__struct_fields__:
        if section in SECTIONS:
            for key in SECTIONS[section].__struct_fields__:
                default = f"NEASMART_{section}_{key}".upper()
                names[_ENVIRONMENT_EXCEPTIONS.get((section, key), default)] = (section, key)
        else:
            names[f"NEASMART_{section}".upper()] = (section,)
    return names


def variables(environment: Mapping[str, str]) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Return what the environment sets, as `modern_variables` does.

    An empty variable sets nothing: it comes from a template that nobody has filled in. Only an empty switch is kept, to
    be refused by name, because one that asks for a key or for TLS would be off without a word.
    """
    names = environment_names()

    def counts(name: str, text: str) -> bool:
        path = names.get(ENVIRONMENT.get(name, name))
        return bool(text.strip()) or path is None or (len(path) > 1 and _kind(path) is bool)

    return modern_variables({name: text for name, text in environment.items() if counts(name, text)})


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read all sources; raise SettingsError that names everything that is wrong with them."""
    return strict(load_judged(environment))


def load_judged(environment: Mapping[str, str] | None = None, *, options: Mapping[str, Any] | None = None) -> Judged:
    """Read all sources and say what may be used and what is wrong; `options` stand in for the app's options file.

    The sources are `config.json`, the app's options and the environment (None: that of the process); the later one wins
    key by key. Never raises: a source that cannot be read is a fault, too.
    """
    environment = os.environ if environment is None else environment
    sources = Sources()
    path, passed_over = config_file(environment)
    if path is not None:
        _add_file(sources, path)
        sources.notes.append(f"Settings are read from {path}")
    sources.notes.extend(f"{other} is not read, because {path} is" for other in passed_over)
    path = _options_file(environment)
    if options is not None:
        _add(sources, options, str(path))
    elif environment.get(OPTIONS_FILE) or may_exist(path):
        _add_file(sources, path)
    _add_environment(sources, environment)
    for folder in _OLDER_MODULES:
        if any(may_exist(folder / name) for name in _MODULES):
            sources.notes.append(f"{folder} holds settings of an older gateway and is not read. {_take_over(folder)}")
    if may_exist(_OLDER_FOLDER):
        sources.notes.append(f"{_OLDER_FOLDER} is not read here: mount the folder of the older gateway at /data")
    return judged(sources)


def config_file(environment: Mapping[str, str]) -> tuple[Path | None, list[Path]]:
    """Return the `config.json` that is read, if there is one, and those that are passed over because of it."""
    named = environment.get(CONFIG_FILE)
    candidates = _config_candidates(environment)
    found = [path for path in candidates if may_exist(path)]
    if named:
        own = Path(named)
        return own, [path for path in found if path.absolute() != own.absolute()]
    return (found[0], found[1:]) if found else (None, [])


def config_target(environment: Mapping[str, str] | None = None) -> Path:
    """Return the `config.json` that the next start reads, or will read once it is written."""
    environment = os.environ if environment is None else environment
    found, _ = config_file(environment)
    if found is not None:
        return found
    # A working directory that nobody has chosen, as in a container, does not outlive the next update.
    return _config_candidates(environment)[-1] if environment.get(_DATABASE_PATH) else DEFAULT_CONFIG_FILE


def files(environment: Mapping[str, str] | None = None) -> list[Path]:
    """Return the files that `load` reads if they exist."""
    environment = os.environ if environment is None else environment
    named = environment.get(CONFIG_FILE)
    return [*([Path(named)] if named else _config_candidates(environment)), _options_file(environment)]


def checked(content: Mapping[str, Any], name: str) -> Settings:
    """Judge a document that is to become a settings file; `name` says in a SettingsError where it comes from."""
    return strict(load_document(content, name))


def load_document(content: Mapping[str, Any], name: str) -> Judged:
    """Judge a document that is or is to become a settings file, on its own."""
    sources = Sources()
    _add(sources, content, name)
    return judged(sources)


def read_file(path: Path) -> dict[str, Any]:
    """Return a settings file as it is, not judged; raise SettingsError if it holds no JSON object."""
    try:
        text = read_regular(path)
        if len(text) > SIZE_LIMIT:
            raise SettingsError(f"{path}: is larger than {SIZE_LIMIT} bytes, so it holds no settings")
        content = json.loads(text, object_pairs_hook=_each_once)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not saved as UTF-8 (byte {error.start}). Save it so, or remove it") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: is not valid JSON ({error}). Correct it or remove it") from error
    if not isinstance(content, dict):
        raise SettingsError(
            f"{path}: must hold one JSON object with the sections {', '.join(Settings.__struct_fields__)}"
        )
    return content


def from_text(name: str, path: tuple[str, ...], text: str) -> Any:
    """Return the value that a text gives a setting, or what is nearest to it, for `checked` to refuse in words.

    Raises SettingsError for broken JSON, and for a list of commas alone; `name` says where the text comes from.
    """
    kind = _kind(path)
    if str(kind).startswith("list") and not text.strip().startswith("["):
        parts: list[Any] = [part.strip() for part in text.split(",") if part.strip()]
        if text and not parts:
            # Commas alone are what is left of names that nobody has filled in; an empty list may let everybody in.
            raise SettingsError(f"{name}: {text[:60]!r} names nothing")
    elif str(kind).startswith("list"):
        parts = _json(name, text)
    else:
        lowered = text.strip().lower()
        if bool in (kind, *get_args(kind)):
            text = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(lowered, lowered)
        elif isinstance(kind, type) and issubclass(kind, StrEnum):
            text = level(text) if path == ("logging", "level") else lowered
        try:
            return msgspec.convert(text, kind, strict=False)
        except (msgspec.ValidationError, UnicodeEncodeError):
            return _number_or_text(text)
    try:
        return msgspec.convert(parts, kind, strict=False)
    except (msgspec.ValidationError, UnicodeEncodeError):
        return [_number_or_text(part) if isinstance(part, str) else part for part in parts]


def _config_candidates(environment: Mapping[str, str]) -> list[Path]:
    """Return where `config.json` is looked for, the first that exists is read: here, then beside the data."""
    beside = Path(environment.get(_DATABASE_PATH) or Settings().database.path).parent / CONFIG_NAME
    return [DEFAULT_CONFIG_FILE, beside] if beside.absolute() != DEFAULT_CONFIG_FILE.absolute() else [beside]


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; raise ValueError for a key that is there twice, because the wrong one may count."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found and not is_comment(key):
            raise ValueError(f"{key[:60]!r} is there twice")
        found[key] = value
    return found


def _options_file(environment: Mapping[str, str]) -> Path:
    return Path(environment.get(OPTIONS_FILE) or DEFAULT_OPTIONS_FILE)


def _add_file(sources: Sources, path: Path) -> None:
    try:
        content = read_file(path)
    except SettingsError as error:
        sources.blame_whole(str(error))
    else:
        if content.keys() & OLDER_FORM:
            sources.blame_whole(f"{path}: is of an older gateway. {_take_over(path)}, then move the file away")
        else:
            _add(sources, content, str(path))


def _take_over(path: Path) -> str:
    return f"Take over what it says by `neasmart import {path} --apply`"


def _add(sources: Sources, content: Mapping[str, Any], name: str) -> None:
    document, notes = modernised(content, name)
    sources.notes.extend(notes)
    sources.add(document, name)


def _add_environment(sources: Sources, environment: Mapping[str, str]) -> None:
    names = environment_names()
    found, notes = variables(environment)
    sources.notes.extend(notes)
    for ours, (text, name) in found.items():
        path = names.get(ours)
        if path is None:
            if name.startswith("NEASMART_") and name not in _OTHER_NAMES:
                sources.blame_whole(f"{name}: unknown environment variable. {suggestion(name, _alike(name, names))}")
            continue
        try:
            value = rooms(_json(name, text)) if len(path) == 1 else from_text(name, path, text)
        except SettingsError as error:
            sources.blame(path, str(error))
        else:
            sources.set(path, value, name)


def _kind(path: tuple[str, ...]) -> Any:
    """Return the type of a setting, with its limits."""
    return get_type_hints(SECTIONS[path[0]], include_extras=True)[path[1]]


def _alike(name: str, names: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the names of the section that a name seems to mean, or all: there are some eighty."""
    begin = "_".join(name.split("_")[:2]) + "_"
    return tuple(each for each in names if each.startswith(begin)) or tuple(names)


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
