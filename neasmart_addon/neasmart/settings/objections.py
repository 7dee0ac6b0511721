"""What a setting may not be although it has the right type, because of what it means by itself or beside others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from neasmart.facts.network import LAST_PORT, ip_address, ip_network
from neasmart.facts.points import TABLE
from neasmart.facts.rows import Part
from neasmart.settings.model import (
    DIALLED,
    RFC2217,
    SOCKET,
    ApiSettings,
    DatabaseSettings,
    LoggingSettings,
    ModbusSettings,
    MqttSettings,
    ServerSettings,
)
from neasmart.settings.older_words import SAMPLES

_KEY = re.compile(r"[!-~]*")
_ORIGIN = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")
_HOST = re.compile(r"\*|(\*\.)?[A-Za-z0-9._-]+")
_SYSLOG = re.compile(r"(udp|tcp)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?|unix:///\S+")
_DIALLED = re.compile(rf"({SOCKET}|{RFC2217})[^/\s@]+:(?P<port>\d{{1,5}})(/.*)?")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63}){0,9}")
_BROKER = re.compile(r"[^\s/@]*")
_NO_DATA_PARTS = {
    "no_data_mode": Part.SEASON,
    "no_data_mode_told": Part.SEASON,
    "no_data_state": Part.HOUSE,
    "no_data_state_told": Part.HOUSE,
    "no_data_zone_state": Part.ROOM,
    "no_data_setpoint": Part.TARGET,
}


@dataclass(frozen=True, slots=True)
class Objection:
    """A value that has the right type and yet cannot be used."""

    key: str
    value: object
    allowed: str
    depends_on: frozenset[str] = frozenset()


def may_be_opened(serial_port: str) -> bool:
    """Return whether this can be a device or a converter to dial; converters know no login, so a URL has none."""
    return "://" not in serial_port or _dialled(serial_port)


def _dialled(url: str) -> bool:
    match = _DIALLED.fullmatch(url)
    return match is not None and 1 <= int(match["port"]) <= LAST_PORT


def _of_networks(key: str, texts: list[str]) -> Iterator[Objection]:
    for text in texts:
        try:
            ip_network(text)
        except ValueError:
            yield Objection(key, text, "Allowed: addresses or networks such as 192.168.1.7 or 192.168.1.0/24")


def _of_own_address(key: str, host: str) -> Iterator[Objection]:
    if ip_address(host) is None and not _NAME.fullmatch(host):
        # To listen on a name that is empty is to listen everywhere.
        allowed = "Allowed: an address or a name of this computer, such as 127.0.0.1, or 0.0.0.0 for all of them"
        yield Objection(key, host, allowed)


def _of_server(server: ServerSettings) -> Iterator[Objection]:
    if server.address:
        yield from _of_own_address("address", server.address)
    yield from _of_networks("allowed_peers", server.allowed_peers)
    if not may_be_opened(server.serial_port):
        allowed = f"Allowed: a device path, {DIALLED}"
        yield Objection("serial_port", server.serial_port, allowed)
    if server.url and not _dialled(server.url):
        yield Objection("url", server.url, f"Allowed: {DIALLED}")
    elif server.url and server.serial_port:
        allowed = f"Remove it or server.serial_port = {server.serial_port!r}: there is one link"
        yield Objection("url", server.url, allowed)


def _of_modbus(modbus: ModbusSettings) -> Iterator[Objection]:
    ids = modbus.slave_id
    if not ids or len(set(ids)) != len(ids):
        yield Objection("slave_id", ids, "Expected at least one unit id, each once, such as 240, 241")
    for key, part in _NO_DATA_PARTS.items():
        word = getattr(modbus, key)
        if TABLE.of_part(part)[0].decode(word).value is not None:
            yield Objection(key, word, "It must be no legal value, because the base would take it as a command")


def _of_api(api: ApiSettings) -> Iterator[Objection]:
    if api.enable_auth and not (api.key or api.jwt_secret):
        allowed = "Set api.key or api.jwt_secret, too; the page makes a key under Connection"
        yield Objection("enable_auth", value=True, allowed=allowed, depends_on=frozenset({"key", "jwt_secret"}))
    for name in ("key", "jwt_secret") if api.enable_auth else ():
        if getattr(api, name) in SAMPLES:
            allowed = "It stands in a published description, so everybody knows it; the page makes one under Connection"
            yield Objection(name, getattr(api, name), allowed)
    if not _KEY.fullmatch(api.key):
        allowed = "Allowed: letters, digits and signs of ASCII without blanks, because it stands in a header"
        yield Objection("key", api.key, allowed)
    yield from _of_own_address("host", api.host)
    yield from _of_own_address("ingress_host", api.ingress_host)
    for origin in api.cors_origins:
        if origin == "*" and not api.enable_auth:
            allowed = (
                "Any page of the internet could change the heating through a browser at home. Programs and our own page"
                " need no entry, so remove it; name the origins of pages that do, or set api.enable_auth and api.key"
            )
            yield Objection("cors_origins", origin, allowed, depends_on=frozenset({"enable_auth"}))
        elif origin != "*" and not _ORIGIN.fullmatch(origin):
            allowed = "Allowed: origins such as http://192.168.1.7:3000 or https://panel.example, without a path"
            yield Objection("cors_origins", origin, allowed)
    yield from _of_networks("trusted_proxies", api.trusted_proxies)
    for host in api.allowed_hosts:
        if not _HOST.fullmatch(host):
            allowed = "Allowed: names without port such as gateway.example or *.example, or * for any"
            yield Objection("allowed_hosts", host, allowed)


def _of_database(database: DatabaseSettings) -> Iterator[Objection]:
    if not database.path.strip():
        yield Objection("path", database.path, "Allowed: a file, such as data/neasmart.db")


def _of_logging(logging: LoggingSettings) -> Iterator[Objection]:
    if not logging.syslog:
        return
    match = _SYSLOG.fullmatch(logging.syslog)
    if match is None or not 1 <= int(match["port"] or 1) <= LAST_PORT:
        yield Objection("syslog", logging.syslog, "Allowed: udp://HOST:PORT, tcp://HOST:PORT or unix:///dev/log")


def _of_mqtt(mqtt: MqttSettings) -> Iterator[Objection]:
    if not _BROKER.fullmatch(mqtt.host.strip()):
        allowed = "Allowed: a name or an address; port, user name, password and TLS are settings of their own"
        yield Objection("host", mqtt.host, allowed)


OBJECTIONS: dict[str, Callable[[Any], Iterator[Objection]]] = {
    "server": _of_server,
    "modbus": _of_modbus,
    "api": _of_api,
    "database": _of_database,
    "logging": _of_logging,
    "mqtt": _of_mqtt,
}
