"""Judges settings that have been read: names, types and limits.

A slip costs only its own part: what is wrong is left out and named, and where something was meant that a default would
betray - a key, an address, a unit id - the part stays closed. Every fault is one sentence with source, key, value and
what is allowed; values of secrets are not shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from neasmart.facts.errors import SettingsError
from neasmart.facts.status import Closable, SettingsFault
from neasmart.settings.model import SECRETS, SECTIONS, Section, Settings, ZoneSettings
from neasmart.settings.objections import OBJECTIONS
from neasmart.settings.plain_words import allowed, in_plain_words

_SHORT_NUMBER = re.compile(r"[0-9]{1,5}")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""What no file name, no answer and no message can carry: bytes that are not UTF-8, read by Python, are among it."""
_LOGIN = re.compile(r"^(.*?://)?.*@", re.DOTALL)

PARTS = {
    "server": Closable.BUS,
    "modbus": Closable.BUS,
    "api": Closable.API,
    "mqtt": Closable.MQTT,
    "database": Closable.STORE,
}
"""Which part a section is for, and closes by a fault; of the storage only where the values go must not be guessed."""
EVERYTHING = frozenset(Closable)
_SHOWN = 80
_NEAR = 0.75
"""How alike two names must be to suggest one for the other; less leads astray more often than it helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What may be used, what is wrong, and what the reader wants to tell about where it has read."""

    settings: Settings
    faults: tuple[SettingsFault, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def closed(self) -> frozenset[Closable]:
        """The parts that stay closed."""
        return frozenset(part for fault in self.faults for part in fault.closes)


@dataclass(slots=True, kw_only=True)
class Sources:
    """All sources, merged key by key; a later one wins, but never hides that an earlier one is no section at all."""

    merged: dict[str, Any] = field(default_factory=dict)
    origins: dict[tuple[str, ...], str] = field(default_factory=dict)
    faults: list[SettingsFault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, document: Mapping[str, Any], name: str) -> None:
        """Take a document; `name` says in a fault where it comes from."""
        for section, content in document.items():
            if section not in Settings.__struct_fields__:
                known = suggestion(str(section), Settings.__struct_fields__)
                self.blame_whole(f"{name}: unknown key {str(section)[:_SHOWN]}. {known}")
            elif section in SECTIONS and not isinstance(content, Mapping):
                # What stands in the place of a section can be anything, such as the broker's URL with its password.
                secret = bool(SECRETS & set(SECTIONS[section].__struct_fields__))
                shown = "(hidden)" if secret else _shown(content)
                self.blame((section,), f"{name}: {section} = {shown} is not allowed. Expected an object")
            elif section in SECTIONS:
                for key, value in content.items():
                    self.set((section, str(key)), value, name)
            else:
                self.set((section,), content, name)

    def set(self, path: tuple[str, ...], value: Any, name: str) -> None:
        """Set one value."""
        self.origins[path] = name
        if len(path) == 1:
            self.merged[path[0]] = value
        else:
            self.merged.setdefault(path[0], {})[path[1]] = value

    def blame(self, path: tuple[str, ...], text: str, key: str | None = None) -> None:
        """Note a fault of one setting or section."""
        key = key or ".".join(path)
        self.faults.append(SettingsFault(key=_told(key), text=_told(text), closes=_closed_by(path)))

    def blame_whole(self, text: str) -> None:
        """Note a fault that may hide any setting, so that everything stays closed."""
        self.faults.append(SettingsFault(key="", text=_told(text), closes=EVERYTHING))


def judged(sources: Sources) -> Judged:
    """Return the settings with what is wrong left out; whatever is closed is switched off in them, too."""
    sections: dict[str, Any] = {}
    for section, kind in SECTIONS.items():
        sections[section] = _section(section, kind, sources)
    sections["zones"] = list(_zones(sources))
    settings = Settings(**sections)
    found = Judged(settings=settings, faults=tuple(sources.faults), notes=tuple(map(_told, sources.notes)))
    if settings.server.url:
        server = msgspec.structs.replace(settings.server, serial_port=settings.server.url, url="")
        settings = msgspec.structs.replace(settings, server=server)
    if Closable.API in found.closed:
        settings = msgspec.structs.replace(settings, api=msgspec.structs.replace(settings.api, enabled=False))
    if Closable.MQTT in found.closed:
        settings = msgspec.structs.replace(settings, mqtt=msgspec.structs.replace(settings.mqtt, enabled=False))
    return Judged(settings=settings, faults=found.faults, notes=found.notes)


def strict(found: Judged) -> Settings:
    """Return settings without any fault; raise SettingsError that names all of them."""
    if found.faults:
        raise SettingsError(joined(found.faults))
    return found.settings


def joined(faults: tuple[SettingsFault, ...]) -> str:
    """Return all faults in one line."""
    return "; ".join(fault.text for fault in faults)


def without_login(text: str) -> str:
    """Return a text without the user name and password that a URL can hold."""
    return _LOGIN.sub(r"\1(hidden)@", text)


def suggestion(name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """Return what may stand in the place of an unknown name."""
    from difflib import get_close_matches  # noqa: PLC0415 - most settings are without a fault

    close = get_close_matches(name, list(known), n=1, cutoff=_NEAR)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"{hint}Allowed: {', '.join(sorted(known))}"


class _RefusedError(Exception):
    """A value does not fit; `at` says where inside of it, ``[2].base`` for instance, `value` what stands there."""

    def __init__(self, value: object, allowed: str, at: str = "") -> None:
        super().__init__(allowed)
        self.value = value
        self.at = at


def _section(section: str, kind: type[Section], sources: Sources) -> Section:
    """Return a section without what is wrong with it, which is noted."""
    kinds = get_type_hints(kind, include_extras=True)
    good: dict[str, Any] = {}
    for key, value in sources.merged.get(section, {}).items():
        where = sources.origins[section, key]
        if key not in kinds:
            known = suggestion(key, kind.__struct_fields__)
            sources.blame((section, key), f"{where}: unknown key {section}.{key[:_SHOWN]}. {known}")
            continue
        try:
            good[key] = _converted(kinds[key], _normalised(section, key, value))
        except _RefusedError as refused:
            shown = "(hidden)" if key in SECRETS else _shown(refused.value)
            name = f"{section}.{key}{refused.at}"
            text = f"{where}: {name} = {shown} is not allowed. {allowed(str(refused), kinds[key])}"
            sources.blame((section, key), text, name)
    built = kind(**good)
    for objection in OBJECTIONS[section](built):
        if objection.depends_on & sources.merged.get(section, {}).keys() - good.keys():
            # What it asks for stands there, and is refused by itself.
            continue
        where = sources.origins.get((section, objection.key), "settings")
        name = f"{section}.{objection.key}"
        shown = "(hidden)" if objection.key in SECRETS else without_login(repr(objection.value))[:_SHOWN]
        sources.blame((section, objection.key), f"{where}: {name} = {shown} is not allowed. {objection.allowed}", name)
        good.pop(objection.key, None)
    return kind(**good)


def _zones(sources: Sources) -> Iterator[ZoneSettings]:
    """Yield the zones that are named well, each once."""
    entries = sources.merged.get("zones", [])
    where = sources.origins.get(("zones",), "settings")
    if not isinstance(entries, list):
        sources.blame(("zones",), f"{where}: zones = {_shown(entries)} is not allowed. Expected a list")
        return
    known: set[tuple[int, int]] = set()
    for position, entry in enumerate(entries):
        name = f"zones[{position}]"
        try:
            zone = _converted(ZoneSettings, entry)
        except _RefusedError as refused:
            name += refused.at
            shown = _shown(refused.value)
            sources.blame(("zones",), f"{where}: {name} = {shown} is not allowed. {refused}", name)
            continue
        if (zone.base, zone.zone) in known:
            text = f"{where}: {name}: zone {zone.base}.{zone.zone} is named twice; its first name counts"
            sources.blame(("zones",), text, name)
            continue
        known.add((zone.base, zone.zone))
        yield zone


def _converted(kind: Any, value: Any) -> Any:
    if get_origin(kind) is list and isinstance(value, list):
        return [_element(get_args(kind)[0], position, each) for position, each in enumerate(value)]
    for text in (*value, *value.values()) if isinstance(value, dict) else (value,):
        if isinstance(text, str) and _NO_TEXT.search(text):
            raise _RefusedError(text, "No text may have a zero byte, or the half of a sign")
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        text, _, at = str(error).partition(" - at `$")
        at = at.rstrip("`")
        inner = value.get(at.removeprefix(".")) if isinstance(value, dict) and at.startswith(".") else value
        raise _RefusedError(inner, in_plain_words(text), at) from error


def _element(kind: Any, position: int, value: Any) -> Any:
    try:
        return _converted(kind, value)
    except _RefusedError as refused:
        raise _RefusedError(refused.value, str(refused), f"[{position}]{refused.at}") from refused


def _normalised(section: str, key: str, value: Any) -> Any:
    if (section, key) == ("modbus", "slave_id") and isinstance(value, int | str) and not isinstance(value, bool):
        parts = [value] if isinstance(value, int) else re.split(r"\s*(?:,|\band\b)\s*", value.strip())
        return [int(part) if isinstance(part, str) and _SHORT_NUMBER.fullmatch(part) else part for part in parts]
    if (section, key) == ("server", "serial_port") and isinstance(value, str):
        # Nobody can see a blank at the end of what was pasted into the form.
        return value.strip()
    if key in SECRETS and isinstance(value, int) and not isinstance(value, bool):
        # A key of digits only is the text that it is; files and forms make a number of it.
        return str(value)
    return value


def _shown(value: object) -> str:
    return without_login(json.dumps(value, default=str))[:_SHOWN]


def _told(text: str) -> str:
    """Return a text that can be answered and shown, also if it quotes what is none."""
    return text.encode(errors="backslashreplace").decode()


def _closed_by(path: tuple[str, ...]) -> frozenset[Closable]:
    part = PARTS.get(path[0])
    harmless = part is Closable.STORE and path[1:] not in ((), ("path",))
    return frozenset() if part is None or harmless else frozenset({part})
