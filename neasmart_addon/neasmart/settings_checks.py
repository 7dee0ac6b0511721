"""Judges settings that have been read: names, types, limits, and what they mean together.

A refusal is one sentence with source, key, value and what is allowed; values of secrets are not shown.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, get_type_hints

import msgspec

from neasmart.config import SECRETS, ApiSettings, LoggingSettings, Section, ServerSettings, Settings
from neasmart.errors import SettingsError
from neasmart.registers import TABLE

_LAST_PORT = 65535
_KEY = re.compile(r"[!-~]*")
_ORIGIN = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")
_SHORT_NUMBER = re.compile(r"[0-9]{1,5}")
_HOST = re.compile(r"\*|(\*\.)?[A-Za-z0-9._-]+")
_SYSLOG = re.compile(r"(udp|tcp)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?|unix:///\S+")
_DIALLED = re.compile(r"(socket|rfc2217)://[^/\s@]+:\d{1,5}(/.*)?")
_BROKER = re.compile(r"[^\s/@]*")
_LOGIN = re.compile(r"^(.*?://)?.*@", re.DOTALL)
_FIELDS = "__struct_fields__"
_NO_DATA_POINTS = {
    "no_data_mode": "global.mode",
    "no_data_mode_told": "global.mode",
    "no_data_state": "global.state",
    "no_data_state_told": "global.state",
    "no_data_zone_state": "zone.1.1.state",
    "no_data_setpoint": "zone.1.1.setpoint",
}


def validated(merged: dict[str, Any], origins: Mapping[tuple[str, ...], str]) -> Settings:
    """Return the settings of a merged document; raise SettingsError with the source, by path, of what is wrong."""
    for path, kind in _sections():
        content = merged.get(path[0]) if path else merged
        if isinstance(content, dict):
            for key in content:
                if key not in kind.__struct_fields__:
                    where = origins.get((*path, key), "settings")
                    raise SettingsError(
                        f"{where}: unknown key {'.'.join((*path, str(key)))}. "
                        f"{suggestion(str(key), kind.__struct_fields__)}"
                    )
    _normalise_unit_ids(merged)
    _normalise_secrets(merged)
    try:
        settings = msgspec.convert(merged, Settings)
    except msgspec.ValidationError as error:
        raise _explained(error, merged, origins) from error
    _check_meaning(settings, origins)
    if not settings.server.url:
        return settings
    server = msgspec.structs.replace(settings.server, serial_port=settings.server.url, url="")
    return msgspec.structs.replace(settings, server=server)


def may_be_opened(serial_port: str) -> bool:
    """Return whether this can be a device or a converter to dial; converters know no login, so a URL has none."""
    return "://" not in serial_port or _DIALLED.fullmatch(serial_port) is not None


def without_login(text: str) -> str:
    """Return a text without the user name and password that a URL can hold."""
    return _LOGIN.sub(r"\1(hidden)@", text)


def _normalise_unit_ids(merged: dict[str, Any]) -> None:
    section = merged.get("modbus")
    if isinstance(section, dict) and isinstance(section.get("slave_id"), int | str):
        value = section["slave_id"]
        parts = [value] if isinstance(value, int) else [part.strip() for part in value.split(",")]
        section["slave_id"] = [
            int(part) if isinstance(part, str) and _SHORT_NUMBER.fullmatch(part) else part for part in parts
        ]


def _normalise_secrets(merged: dict[str, Any]) -> None:
    """Take a key of digits only for the text that it is; files and forms make a number of it."""
    for section in merged.values():
        for name in SECRETS & section.keys() if isinstance(section, dict) else ():
            if isinstance(section[name], int) and not isinstance(section[name], bool):
                section[name] = str(section[name])


def _sections() -> Iterator[tuple[tuple[str, ...], type[Section]]]:
    yield (), Settings
    for section, kind in get_type_hints(Settings).items():
        if isinstance(kind, type) and issubclass(kind, Section):
            yield (section,), kind


def _explained(
    error: msgspec.ValidationError, merged: dict[str, Any], origins: Mapping[tuple[str, ...], str]
) -> SettingsError:
    """Turn ``Expected `int` <= 5 - at `$.server.port` `` into a sentence with key, value and source."""
    text, _, at = str(error).partition(" - at `$")
    steps = re.findall(r"\.([a-z_]+)|\[(\d+|\.\.\.)\]", at)
    path: list[str] = []
    value: Any = merged
    for name, position in steps:
        path.append(name or f"[{position}]")
        if name and isinstance(value, dict):
            value = value.get(name)
        elif position.isdecimal() and isinstance(value, list):
            value = value[int(position)]
    named = tuple(step for step in path if not step.startswith("["))
    where = origins.get(named[:2]) or origins.get(named[:1]) or "settings"
    # What stands in the place of a whole section can be anything, such as the broker's URL with its password.
    whole = len(path) == 1 and bool(SECRETS & set(getattr(get_type_hints(Settings).get(path[0]), _FIELDS, ())))
    secret = whole or bool(SECRETS & set(path))
    shown = "(hidden)" if secret else without_login(json.dumps(value, default=str))[:80]
    allowed = text.replace("`", "")
    return SettingsError(f"{where}: {'.'.join(path)} = {shown} is not allowed. {allowed}{_choices(named)}")


def _choices(path: tuple[str, ...]) -> str:
    if len(path) != 2:  # noqa: PLR2004 - section and key
        return ""
    section = get_type_hints(Settings).get(path[0])
    kind = get_type_hints(section).get(path[1]) if isinstance(section, type) else None
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return f". Allowed: {', '.join(kind)}"
    return ""


def _check_meaning(settings: Settings, origins: Mapping[tuple[str, ...], str]) -> None:
    _check_server(settings.server, origins)
    _check_api(settings.api, origins)
    _check_logging(settings.logging, origins)
    if not _BROKER.fullmatch(settings.mqtt.host.strip()):
        allowed = "Allowed: a name or an address; port, user name, password and TLS are settings of their own"
        raise _refusal(("mqtt", "host"), settings.mqtt.host, allowed, origins)
    ids = settings.modbus.slave_id
    if not ids or len(set(ids)) != len(ids):
        allowed = "Expected at least one unit id, each once, such as 240, 241"
        raise _refusal(("modbus", "slave_id"), ids, allowed, origins)
    for key, ref_id in _NO_DATA_POINTS.items():
        word = getattr(settings.modbus, key)
        if TABLE.ref(ref_id).decode(word).value is not None:
            allowed = "It must be no legal value, because the base would take it as a command"
            raise _refusal(("modbus", key), word, allowed, origins)
    zones = [(zone.base, zone.zone) for zone in settings.zones]
    for zone in zones:
        if zones.count(zone) > 1:
            raise SettingsError(f"{origins.get(('zones',), 'settings')}: zone {zone[0]}.{zone[1]} is named twice")


def _check_networks(path: tuple[str, str], texts: list[str], origins: Mapping[tuple[str, ...], str]) -> None:
    for text in texts:
        try:
            ipaddress.ip_network(text.strip(), strict=False)
        except ValueError as error:
            allowed = "Allowed: addresses or networks such as 192.168.1.7 or 192.168.1.0/24"
            raise _refusal(path, text, allowed, origins) from error


def _check_server(server: ServerSettings, origins: Mapping[tuple[str, ...], str]) -> None:
    _check_networks(("server", "allowed_peers"), server.allowed_peers, origins)
    if not may_be_opened(server.serial_port):
        allowed = "Allowed: a device path, socket://HOST:PORT or rfc2217://HOST:PORT"
        raise _refusal(("server", "serial_port"), server.serial_port, allowed, origins)
    if server.url and not _DIALLED.fullmatch(server.url):
        raise _refusal(("server", "url"), server.url, "Allowed: socket://HOST:PORT or rfc2217://HOST:PORT", origins)
    if server.url and server.serial_port:
        allowed = f"Remove it or server.serial_port = {server.serial_port!r}: there is one link"
        raise _refusal(("server", "url"), server.url, allowed, origins)


def _check_api(api: ApiSettings, origins: Mapping[tuple[str, ...], str]) -> None:
    if api.enable_auth and not (api.key or api.jwt_secret):
        allowed = "Set api.key or api.jwt_secret, too; `python -m neasmart token` makes a key"
        raise _refusal(("api", "enable_auth"), value=True, allowed=allowed, origins=origins)
    if not _KEY.fullmatch(api.key):
        allowed = "Allowed: letters, digits and signs of ASCII without blanks, because it stands in a header"
        raise _refusal(("api", "key"), "(hidden)", allowed, origins)
    for origin in api.cors_origins:
        if origin == "*" and not api.enable_auth:
            allowed = "Any page could change the heating. Name the origins, or set api.enable_auth"
            raise _refusal(("api", "cors_origins"), origin, allowed, origins)
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            allowed = "Allowed: origins such as http://192.168.1.7:3000 or https://panel.example, without a path"
            raise _refusal(("api", "cors_origins"), origin, allowed, origins)
    _check_networks(("api", "trusted_proxies"), api.trusted_proxies, origins)
    for host in api.allowed_hosts:
        if not _HOST.fullmatch(host):
            allowed = "Allowed: names without port such as gateway.example or *.example, or * for any"
            raise _refusal(("api", "allowed_hosts"), host, allowed, origins)


def _check_logging(logging: LoggingSettings, origins: Mapping[tuple[str, ...], str]) -> None:
    if not logging.syslog:
        return
    match = _SYSLOG.fullmatch(logging.syslog)
    if match is None or not 1 <= int(match["port"] or 1) <= _LAST_PORT:
        allowed = "Allowed: udp://HOST:PORT, tcp://HOST:PORT or unix:///dev/log"
        raise _refusal(("logging", "syslog"), logging.syslog, allowed, origins)


def _refusal(
    path: tuple[str, str], value: object, allowed: str, origins: Mapping[tuple[str, ...], str]
) -> SettingsError:
    where = origins.get(path, "settings")
    return SettingsError(f"{where}: {'.'.join(path)} = {without_login(repr(value))} is not allowed. {allowed}")


def suggestion(name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """Return what may stand in the place of an unknown name."""
    close = difflib.get_close_matches(name, list(known), n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"{hint}Allowed: {', '.join(sorted(known))}"
