"""The settings: their names, types, limits and defaults, and where they are read from.

Sources, a later one wins: built-in defaults, `config.json`, the app's `options.json`, environment variables. All are
validated together, once; what does not fit stops the start with one message that names key, value and what is allowed.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec

from neasmart.errors import SettingsError
from neasmart.registers import TABLE

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
UnitId = Annotated[int, msgspec.Meta(ge=1, le=247)]
Word = Annotated[int, msgspec.Meta(ge=0, le=65535)]
TopicPrefix = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*\Z", max_length=64)]

CONFIG_FILE = "NEASMART_CONFIG_FILE"
OPTIONS_FILE = "NEASMART_OPTIONS_FILE"
DEFAULT_CONFIG_FILE = Path("config.json")
DEFAULT_OPTIONS_FILE = Path("/data/options.json")
_FILES = {CONFIG_FILE: DEFAULT_CONFIG_FILE, OPTIONS_FILE: DEFAULT_OPTIONS_FILE}
DEFAULT_UNIT_IDS = (240, 241)
_FIELDS = "__struct_fields__"
_SECRETS = frozenset({"username", "password", "key", "jwt_secret"})
_KEY = re.compile(r"[!-~]*")
_ORIGIN = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")
_SHORT_NUMBER = re.compile(r"[0-9]{1,5}")
_HOST = re.compile(r"\*|(\*\.)?[A-Za-z0-9._-]+")
_DIALLED = re.compile(r"(socket|rfc2217)://[^/\s@]+:\d{1,5}(/.*)?")
_BROKER = re.compile(r"[^\s/@]*")
_LOGIN = re.compile(r"^(.*?://)?.*@", re.DOTALL)


class ServerType(StrEnum):
    """How the bytes of the bus reach us."""

    TCP = "tcp"
    RTU_TCP = "rtu_tcp"
    SERIAL = "serial"


class LogFormat(StrEnum):
    """How a log line looks."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """From which severity on log lines are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all sections: immutable, and strict about names."""


class ServerSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The connection to the bus.

    `url` names a converter to dial. It exists beside `serial_port` because the app's form offers that one as a list of
    devices; `load` moves it there, so that everybody else reads one place.
    """

    type: ServerType = ServerType.TCP
    address: str = "0.0.0.0"  # noqa: S104 - adapters dial us from anywhere in the home network
    port: Port = 502
    allowed_peers: list[str] = []
    serial_port: str = ""
    url: str = ""
    baudrate: Annotated[int, msgspec.Meta(ge=1200, le=921600)] = 38400
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    reply_delay_ms: Annotated[float, msgspec.Meta(ge=0, le=15)] | None = None

    @property
    def networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """The networks from which a peer may connect; empty means any."""
        return [ipaddress.ip_network(text.strip(), strict=False) for text in self.allowed_peers]


class ModbusSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The slave role: unit ids, ages, patience, and what is served while nothing is known."""

    slave_id: list[UnitId] = msgspec.field(default_factory=lambda: list(DEFAULT_UNIT_IDS))
    sync_on_startup: bool = True
    sync_interval: Annotated[int, msgspec.Meta(ge=0, le=10080)] = 0
    circuit_breaker_failure_threshold: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 5
    circuit_breaker_recovery_timeout: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 60.0
    registers_late_after_seconds: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 10.0
    registers_stale_after_seconds: Annotated[float, msgspec.Meta(ge=1, le=86400)] = 180.0
    command_delivery_timeout_seconds: Annotated[float, msgspec.Meta(ge=1, le=600)] = 30.0
    command_sync_timeout_seconds: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 120.0
    command_grace_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 60.0
    no_data_mode: Word = 10
    no_data_state: Word = 10
    no_data_zone_state: Word = 0
    no_data_setpoint: Word = 0

    @property
    def no_data(self) -> dict[int, int]:
        """The word by address that makes the base write its own value when it reads it."""
        by_point = {
            ("global", "mode"): self.no_data_mode,
            ("global", "state"): self.no_data_state,
            ("zone", "state"): self.no_data_zone_state,
            ("zone", "setpoint"): self.no_data_setpoint,
        }
        return {ref.address: by_point[ref.group.key, ref.point.key] for ref in TABLE.writable}


class ApiSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The two listeners: the API for other programs and the ingress page.

    Everything but the addresses and ports concerns the API alone. Rates count per client address and minute, 0 is no
    limit; `rate_limit_writes` counts what changes something, `rate_limit` everything.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Port = 5001
    ingress_host: str = "127.0.0.1"
    ingress_port: Port = 8099
    enable_auth: bool = False
    key: Annotated[str, msgspec.Meta(max_length=256)] = ""
    jwt_secret: Annotated[str, msgspec.Meta(max_length=256)] = ""
    cors_origins: list[str] = []
    allowed_hosts: list[str] = []
    rate_limit: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 600
    rate_limit_writes: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 60


class DatabaseSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file that keeps values for display and the history of commands."""

    path: str = "data/neasmart.db"
    enable_fallback: bool = True
    flush_interval_seconds: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 30.0
    history_enabled: bool = True
    history_max_mb: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 64


class LoggingSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged, how and where."""

    level: LogLevel = LogLevel.INFO
    format: LogFormat = LogFormat.TEXT
    file: str = ""
    debug_mode: bool = False


class MqttSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The MQTT broker and the names under which Home Assistant finds us; without a host the Supervisor is asked."""

    enabled: bool = True
    host: str = ""
    port: Port = 1883
    username: str = ""
    password: str = ""
    tls: bool = False
    ca_file: str = ""
    prefix: TopicPrefix = "neasmart"
    discovery_prefix: TopicPrefix = "homeassistant"
    node_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,32}\Z")] = "neasmart"


class ZoneSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The owner's name of one zone; the bus does not carry names."""

    base: Annotated[int, msgspec.Meta(ge=1, le=5)]
    zone: Annotated[int, msgspec.Meta(ge=1, le=12)]
    name: Annotated[str, msgspec.Meta(max_length=60)] = ""


class Settings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings, by section."""

    server: ServerSettings = ServerSettings()
    modbus: ModbusSettings = ModbusSettings()
    api: ApiSettings = ApiSettings()
    database: DatabaseSettings = DatabaseSettings()
    logging: LoggingSettings = LoggingSettings()
    mqtt: MqttSettings = MqttSettings()
    zones: list[ZoneSettings] = []

    @property
    def zone_names(self) -> dict[tuple[int, int], str]:
        """Names by base and zone, without the empty ones."""
        return {(zone.base, zone.zone): zone.name.strip() for zone in self.zones if zone.name.strip()}


_ENVIRONMENT_EXCEPTIONS = {
    ("api", "ingress_port"): "NEASMART_INGRESS_PORT",
    ("api", "ingress_host"): "NEASMART_INGRESS_HOST",
    ("logging", "level"): "NEASMART_LOG_LEVEL",
    ("logging", "file"): "NEASMART_LOG_FILE",
    ("logging", "format"): "LOG_FORMAT",
    ("logging", "debug_mode"): "NEASMART_DEBUG_MODE",
}
_OTHER_NAMES = frozenset({CONFIG_FILE, OPTIONS_FILE})


_NO_DATA_POINTS = {
    "no_data_mode": "global.mode",
    "no_data_state": "global.state",
    "no_data_zone_state": "zone.1.1.state",
    "no_data_setpoint": "zone.1.1.setpoint",
}


def environment_names() -> dict[str, tuple[str, ...]]:
    """Return the path of a setting, such as ("server", "port"), by the name of its environment variable."""
    names: dict[str, tuple[str, ...]] = {}
    for section, kind in get_type_hints(Settings).items():
        if isinstance(kind, type) and issubclass(kind, _Section):
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
    return _validated(merged, origins)


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
    return _validated(merged, origins)


def may_be_opened(serial_port: str) -> bool:
    """Return whether this can be a device or a converter to dial; converters know no login, so a URL has none."""
    return "://" not in serial_port or _DIALLED.fullmatch(serial_port) is not None


def read_file(path: Path) -> dict[str, Any]:
    """Return a settings file as it is, not validated; raise SettingsError if it holds no JSON object."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: is not valid JSON ({error}). Correct it or remove it") from error
    if not isinstance(content, dict):
        raise SettingsError(f"{path}: must hold one JSON object with the sections {_listed(Settings)}")
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
                raise SettingsError(f"{name}: unknown environment variable. {_suggestion(name, names)}")
            continue
        origins[path] = name
        if len(path) == 1:
            found[path[0]] = _json(name, text)
        else:
            found.setdefault(path[0], {})[path[1]] = _converted(name, path, text)
    return found


def _converted(name: str, path: tuple[str, ...], text: str) -> Any:
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
        raise SettingsError(f"{name}: {_shown(text)[:60]!r} is not valid JSON ({error})") from error


def _validated(merged: dict[str, Any], origins: Mapping[tuple[str, ...], str]) -> Settings:
    for path, kind in _sections():
        content = merged.get(path[0]) if path else merged
        if isinstance(content, dict):
            for key in content:
                if key not in kind.__struct_fields__:
                    where = origins.get((*path, key), "settings")
                    raise SettingsError(
                        f"{where}: unknown key {'.'.join((*path, str(key)))}. "
                        f"{_suggestion(str(key), kind.__struct_fields__)}"
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
        for name in _SECRETS & section.keys() if isinstance(section, dict) else ():
            if isinstance(section[name], int) and not isinstance(section[name], bool):
                section[name] = str(section[name])


def _sections() -> Iterator[tuple[tuple[str, ...], type[_Section]]]:
    yield (), Settings
    for section, kind in get_type_hints(Settings).items():
        if isinstance(kind, type) and issubclass(kind, _Section):
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
    whole = len(path) == 1 and bool(_SECRETS & set(getattr(get_type_hints(Settings).get(path[0]), _FIELDS, ())))
    secret = whole or bool(_SECRETS & set(path))
    shown = "(hidden)" if secret else _shown(json.dumps(value, default=str))[:80]
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


def _check_server(server: ServerSettings, origins: Mapping[tuple[str, ...], str]) -> None:
    for text in server.allowed_peers:
        try:
            ipaddress.ip_network(text.strip(), strict=False)
        except ValueError as error:
            allowed = "Allowed: addresses or networks such as 192.168.1.7 or 192.168.1.0/24"
            raise _refusal(("server", "allowed_peers"), text, allowed, origins) from error
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
    for host in api.allowed_hosts:
        if not _HOST.fullmatch(host):
            allowed = "Allowed: names without port such as gateway.example or *.example, or * for any"
            raise _refusal(("api", "allowed_hosts"), host, allowed, origins)


def _refusal(
    path: tuple[str, str], value: object, allowed: str, origins: Mapping[tuple[str, ...], str]
) -> SettingsError:
    where = origins.get(path, "settings")
    return SettingsError(f"{where}: {'.'.join(path)} = {_shown(repr(value))} is not allowed. {allowed}")


def _shown(text: str) -> str:
    """Return a text without the user name and password that a URL can hold."""
    return _LOGIN.sub(r"\1(hidden)@", text)


def _suggestion(name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"{hint}Allowed: {', '.join(sorted(known))}"


def _listed(kind: type[_Section]) -> str:
    return ", ".join(kind.__struct_fields__)
