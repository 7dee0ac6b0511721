"""What the settings of an older gateway are called here, and which of them may be taken."""

from __future__ import annotations

import errno
import ipaddress
import json
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from neasmart.facts.errors import SettingsError
from neasmart.settings import first_rooms, loading, older_words
from neasmart.settings.model import RFC2217, SECRETS, SOCKET, ServerType

_ADDRESSES = ("gateway_address", "listen_address")
_PORTS = ("gateway_port", "listen_port")
_TYPES = ("server_type", "server.type", "server.server_type", "neasmart_server_type", "neasmart_gateway_server_type")
_LISTS = ("structures", "zones", "neasmart_zones")
_MANY, _ONE = ("slave_ids", "modbus.slave_ids"), ("slave_id", "modbus.slave_id")
_LAST = frozenset({"features.debug_mode"})
_SAMPLE = "it is the sample of a published description, so everybody knows it; the page makes one (Connection)"
_FLAT = {
    "server_type": ("server", "type"),
    "slave_id": ("modbus", "slave_id"),
    "slave_ids": ("modbus", "slave_id"),
    "registers_stale_after_seconds": ("modbus", "registers_stale_after_seconds"),
    "command_sync_timeout_seconds": ("modbus", "command_sync_timeout_seconds"),
}
_DOOR, _LOCK = ("api", "host"), ("api", "enable_auth")
_ALIASES = {"slave_ids": "slave_id"}
_DEPTH = 4
_ELSEWHERE = {
    ("database", "path"): "the storage here has a form of its own; import that file by its path",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """Our settings by section and key, each with the older name, and the older names that are dropped, with reasons.

    `rooms` are names of rooms in our shape, not judged.
    """

    taken: dict[tuple[str, str], tuple[object, str]]
    dropped: dict[str, str]
    rooms: tuple[dict[str, Any], ...] = ()


def translated(old: Mapping[str, object]) -> Translation:
    """Return what an older gateway's settings are called here; values are checked by `accepted`.

    The names may be those of its form, those of the environment, or stand in sections.
    """
    found_rooms, others = _rooms(old)
    values = dict(_flattened(others))
    lowered = {name.lower(): value for name, value in values.items()}
    kind = next((str(lowered[name]).strip().lower() for name in _TYPES if name in lowered), ServerType.TCP)
    serial = kind == ServerType.SERIAL
    taken: dict[tuple[str, str], tuple[object, str]] = {}
    dropped: dict[str, str] = {}
    off = {
        older_words.SWITCHED[name.lower()]: name
        for name, value in values.items()
        if name.lower() in older_words.SWITCHED and older_words.is_off(value)
    }
    listens = kind == ServerType.TCP and any(name in lowered for name in _TYPES)
    # Where one unit id and several are named, the several are meant; what stands among features counts last.
    for name, value in sorted(values.items(), key=lambda each: (each[0] in _LAST, each[0].lower() not in _MANY)):
        target = _target(name.lower(), value, serial=serial)
        if target is None:
            dropped[name] = _reason(name.lower(), serial=serial)
        elif target in off:
            dropped[name] = f"{off[target]} is off"
        elif target == ("server", "serial_port") and listens:
            dropped[name] = older_words.NOT_SERIAL
        elif _foreign(target, value):
            dropped[name] = f"{str(value)[:60]} is no address of this computer, and one listens on one's own only"
        elif target[1] in SECRETS and str(value) in older_words.SAMPLES:
            dropped[name] = _SAMPLE
        elif target in _ELSEWHERE:
            dropped[name] = _ELSEWHERE[target]
        elif target in taken:
            first, first_name = taken[target]
            same = "says the same" if first == _plain(value, target) else "is taken instead"
            dropped[name] = f"{first_name} {same}"
        else:
            taken[target] = (_plain(value, target), name)
    return Translation(taken=taken, dropped=dropped, rooms=found_rooms)


def accepted(present: dict[str, Any], wanted: Translation, name: str) -> tuple[dict[str, Any], Translation]:
    """Return our document with all that may be taken, and the translation with what may not among the dropped.

    Where authentication is wanted and cannot be taken, the API is switched off. Raises SettingsError if the document is
    wrong already.
    """
    loading.checked(present, name)
    document = present
    taken, dropped = {}, dict(wanted.dropped)
    waiting = dict(wanted.taken)
    progress = True
    # Some settings are allowed only together with others, such as authentication with a key.
    while waiting and progress:
        progress = False
        for (section, key), (value, old_name) in list(waiting.items()):
            if (section, key) == _DOOR and _LOCK in waiting:
                dropped[old_name] = f"{waiting[_LOCK][1]} cannot be taken, and the API must not be open to all"
                continue
            changed = {**document, section: {**document.get(section, {}), key: value}}
            try:
                loading.checked(changed, old_name)
            except SettingsError as error:
                dropped[old_name] = str(error).removeprefix(f"{old_name}: ")
            else:
                document, progress = changed, True
                dropped.pop(old_name, None)
                taken[section, key] = waiting.pop((section, key))
    if _LOCK in waiting and not document.get("api", {}).get("enable_auth"):
        # An environment that opens the API to the network would open it without the key that was wanted.
        document = {**document, "api": {**document.get("api", {}), "enabled": False}}
        taken["api", "enabled"] = (False, waiting[_LOCK][1])
    document, rooms_taken = _with_rooms(document, wanted.rooms, dropped)
    return document, Translation(taken=taken, dropped=dropped, rooms=rooms_taken)


def _rooms(old: Mapping[str, object]) -> tuple[tuple[dict[str, Any], ...], dict[str, object]]:
    """Return the rooms of a document in our shape, and what else it holds."""
    found: list[dict[str, Any]] = []
    others = dict(old)
    for name in [name for name in old if str(name).lower() in _LISTS]:
        value = old[name]
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                continue
        read = first_rooms.rooms(value)
        if isinstance(read, list) and all(isinstance(each, dict) for each in read):
            found += read
            del others[name]
    return tuple(found), others


def _with_rooms(
    document: dict[str, Any], rooms: tuple[dict[str, Any], ...], dropped: dict[str, str]
) -> tuple[dict[str, Any], tuple[dict[str, Any], ...]]:
    """Return the document with the rooms that it does not name yet, and these; note the others among the dropped."""
    known = loading.checked(document, "").zones
    named = {(zone.base, zone.zone) for zone in known}
    taken = []
    for position, room in enumerate(rooms):
        label = f"zones[{position}]"
        try:
            (zone,) = loading.checked({"zones": [room]}, label).zones
        except SettingsError as error:
            dropped[label] = str(error).removeprefix(f"{label}: ").replace("zones[0]", f"zone {label}")
            continue
        if (zone.base, zone.zone) in named:
            dropped[label] = f"zone {zone.base}.{zone.zone} has a name already"
            continue
        named.add((zone.base, zone.zone))
        taken.append({key: value for key, value in room.items() if value != ""})
    if not taken:
        return document, ()
    present = first_rooms.rooms(document.get("zones", []))
    return {**document, "zones": [*present, *taken]}, tuple(taken)


def _foreign(target: tuple[str, str], value: object) -> bool:
    """Return whether this is an address to listen on that this computer does not have."""
    if target not in (("server", "address"), _DOOR) or not isinstance(value, str):
        return False
    try:
        address = ipaddress.ip_address(value.strip())
        with socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:  # noqa: PLR2004 - the version of IP
            probe.bind((str(address), 0))
    except ValueError:
        return False
    except OSError as error:
        return error.errno == errno.EADDRNOTAVAIL
    return False


def _reason(name: str, *, serial: bool) -> str:
    if serial and name in _PORTS:
        return "a serial line has no port"
    variables = {key.lower(): why for key, why in older_words.ENVIRONMENT_WITHOUT_EFFECT.items()}
    if name in older_words.SWITCHED:
        return f"it is no setting of its own here; {'.'.join(older_words.SWITCHED[name])} is off where it is empty"
    section = name.partition(".")[0]
    why = older_words.WITHOUT_EFFECT.get(name) or older_words.WITHOUT_EFFECT.get(section) or variables.get(name)
    return f"it has no effect here: {why}" if why else "there is no such setting here"


def _flattened(old: Mapping[str, object], prefix: str = "", depth: int = 1) -> Iterator[tuple[str, object]]:
    """Yield all values, those in sections under names such as ``server.port``."""
    for key, value in old.items():
        if older_words.is_comment(key):
            continue
        if isinstance(value, Mapping) and value and depth < _DEPTH:
            yield from _flattened(value, f"{prefix}{key}.", depth + 1)
        else:
            yield f"{prefix}{key}", value


def _target(name: str, value: object, *, serial: bool) -> tuple[str, str] | None:
    """Return section and key of ours for a name of an older gateway in small letters, None if there is none."""
    if name in _ADDRESSES:
        return "server", "serial_port" if serial else "address"
    if name in _PORTS:
        return None if serial else ("server", "port")
    known = {(path[0], path[1]) for path in loading.environment_names().values() if len(path) > 1}
    by_variable = {variable.lower(): path for variable, path in loading.environment_names().items()}
    renamed = {variable.lower(): ours.lower() for variable, ours in older_words.ENVIRONMENT.items()}
    found = _FLAT.get(name) or by_variable.get(renamed.get(name, name))
    if name in older_words.RENAMED:
        section, _, key = older_words.RENAMED[name].partition(".")
        return section, key
    if found is None and "." in name:
        section, _, rest = name.partition(".")
        key = rest.replace(".", "_")
        short = {"logging": "log"}.get(section, section)
        keys = (key, key.removeprefix(f"{section}_"), key.removeprefix(f"{short}_"), _ALIASES.get(key, key))
        found = next(((section, each) for each in keys if (section, each) in known), None)
    if found == ("server", "address") and serial and str(value).startswith(("/", SOCKET, RFC2217)):
        return "server", "serial_port"
    return (found[0], found[1]) if found is not None and len(found) > 1 else None


def _plain(value: object, target: tuple[str, str]) -> object:
    """Return numbers as numbers and choices in small letters, as our file has them."""
    if target == ("logging", "level") and isinstance(value, str):
        return older_words.level(value)
    if not isinstance(value, str):
        return value
    text = value.strip()
    if target == ("modbus", "slave_id") and re.fullmatch(r"[0-9]{1,5}", text):
        return int(text)
    try:
        return loading.from_text(".".join(target), target, text)
    except SettingsError:
        return text
