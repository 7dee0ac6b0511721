"""The settings: their names, types, limits and defaults.

`loading` reads them from files and environment, `checks` judges what their types cannot say.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Literal, get_type_hints

import msgspec

from neasmart.facts.network import LAST_PORT, IpNetwork, ip_network

PortNumber = Annotated[int, msgspec.Meta(ge=1, le=LAST_PORT)]
UnitId = Annotated[int, msgspec.Meta(ge=1, le=247)]
Walked = Annotated[float, msgspec.Meta(ge=0, le=100)]
NoDataWord = Annotated[int, msgspec.Meta(ge=0, le=65535)]
TopicPrefix = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*\Z", max_length=64)]

_SECRET_NAME = re.compile(r"pass(word|wd|phrase)?|secret|token|user(name)?|credential|auth|(^|_)keys?($|_)")

DEFAULT_UNIT_IDS = (240, 241)
WITHOUT_EFFECT = {
    "sync_on_startup": "every poll without a command makes the base write its own value anyway",
    "sync_interval": "every poll without a command makes the base write its own value anyway",
    "command_grace_seconds": "the last hand wins; command_grace_walks is the patience with what a command brings about",
}
"""Names of section `modbus` that are accepted because older files have them, and why they do nothing."""
SOCKET, RFC2217 = "socket://", "rfc2217://"
"""How the address of a converter that we dial begins."""
DIALLED = f"{SOCKET}HOST:PORT or {RFC2217}HOST:PORT"


class ServerType(StrEnum):
    """How the bytes of the bus reach us; `auto` finds it out, the others insist."""

    AUTO = "auto"
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


class Language(StrEnum):
    """In which language the entities in Home Assistant are named."""

    EN = "en"
    DE = "de"
    IT = "it"
    FR = "fr"


class IdleReply(StrEnum):
    """What a poll without a live command is answered with."""

    NO_DATA = "no_data"
    LAST_REPORT = "last_report"


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all sections: immutable, and strict about names."""


class ServerSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The connection to the bus.

    A device or a converter to dial that is set is the link, whatever `type` says of listening; with neither, converters
    dial us. `url` names a converter to dial. It exists beside `serial_port` because the app's form offers that one as a
    list of devices; `checks` moves it there, so that everybody else reads one place.
    """

    type: ServerType = ServerType.AUTO
    address: str = "0.0.0.0"  # noqa: S104 - adapters dial us from anywhere in the home network
    port: PortNumber = 502
    allowed_peers: list[str] = []
    serial_port: str = ""
    url: str = ""
    baudrate: Annotated[int, msgspec.Meta(ge=1200, le=921600)] = 38400
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    reply_delay_ms: Annotated[float, msgspec.Meta(ge=0, le=15)] | None = None

    @property
    def listens(self) -> bool:
        """Whether converters dial us, so that nothing is opened or dialled from here."""
        return not self.serial_port and self.type is not ServerType.SERIAL

    @property
    def dials(self) -> bool:
        """Whether the link is a converter that we dial."""
        return "://" in self.serial_port

    @property
    def networks(self) -> list[IpNetwork]:
        """The networks from which a peer may connect; empty means any."""
        return [ip_network(text) for text in self.allowed_peers]


class ModbusSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The slave role: unit ids, ages, patience, and what is served while there is no command.

    What ends in `_walks` counts walks of the base. `sync_on_startup`, `sync_interval` and `command_grace_seconds` are
    of earlier versions, and have no effect any more; see `WITHOUT_EFFECT`.
    """

    slave_id: list[UnitId] = msgspec.field(default_factory=lambda: list(DEFAULT_UNIT_IDS))
    idle_reply: IdleReply = IdleReply.NO_DATA
    sync_on_startup: bool = True
    sync_interval: Annotated[int, msgspec.Meta(ge=0, le=10080)] = 0
    circuit_breaker_failure_threshold: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 5
    circuit_breaker_recovery_timeout: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 60.0
    registers_late_after_seconds: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 10.0
    registers_stale_after_seconds: Annotated[float, msgspec.Meta(ge=1, le=86400)] = 180.0
    walk_shortest_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=600)] = 4.0
    walk_longest_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=600)] = 40.0
    walk_assumed_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=600)] = 30.0
    command_delivery_timeout_seconds: Annotated[float, msgspec.Meta(ge=1, le=600)] = 30.0
    command_delivery_timeout_walks: Walked = 2.0
    command_sync_timeout_seconds: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 120.0
    command_sync_timeout_walks: Walked = 7.0
    command_hold_walks: Walked = 2.0
    command_probe_walks: Walked = 1.0
    command_grace_walks: Walked = 2.0
    command_wait_walks: Walked = 3.0
    command_grace_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] | None = None
    no_data_mode: NoDataWord = 10
    no_data_mode_told: NoDataWord = 0
    no_data_state: NoDataWord = 10
    no_data_state_told: NoDataWord = 0
    no_data_zone_state: NoDataWord = 0
    no_data_setpoint: NoDataWord = 0


class ApiSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The two listeners: the API for other programs and the ingress page.

    Everything but the addresses and ports concerns the API alone. Rates count per client address and minute, 0 is no
    limit; `rate_limit_writes` counts what changes something, `rate_limit` everything.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: PortNumber = 5001
    ingress_host: str = "127.0.0.1"
    ingress_port: PortNumber = 8099
    enable_auth: bool = False
    key: Annotated[str, msgspec.Meta(max_length=256)] = ""
    jwt_secret: Annotated[str, msgspec.Meta(max_length=256)] = ""
    cors_origins: list[str] = []
    allowed_hosts: list[str] = []
    trusted_proxies: list[str] = []
    rate_limit: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 600
    rate_limit_writes: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 60


class DatabaseSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file that keeps values for display and the history of commands."""

    path: str = "data/neasmart.db"
    enable_fallback: bool = True
    flush_interval_seconds: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 30.0
    history_enabled: bool = True
    history_max_mb: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 64


class LoggingSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged, how and where."""

    level: LogLevel = LogLevel.INFO
    format: LogFormat = LogFormat.TEXT
    file: str = ""
    syslog: str = ""
    debug_mode: bool = False


class MqttSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The MQTT broker and the names under which Home Assistant finds us; without a host the Supervisor is asked.

    `house` names the device of the base. `condensation_margin` is how many kelvin above the dew point the coldest flow
    still counts as a risk, `cold_limit` the temperature in degC below which a room is reported as cold.
    """

    enabled: bool = True
    host: str = ""
    port: PortNumber = 1883
    username: str = ""
    password: str = ""
    tls: bool = False
    ca_file: str = ""
    prefix: TopicPrefix = "neasmart"
    discovery_prefix: TopicPrefix = "homeassistant"
    node_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,32}\Z")] = "neasmart"
    language: Language = Language.EN
    house: Annotated[str, msgspec.Meta(max_length=60)] = ""
    condensation_margin: Annotated[float, msgspec.Meta(ge=0, le=10)] = 2.0
    cold_limit: Annotated[float, msgspec.Meta(ge=-10, le=25)] = 8.0


class ZoneSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The owner's first name and floor of one zone, as long as the page gives no others; the bus carries neither."""

    base: Annotated[int, msgspec.Meta(ge=1, le=5)]
    zone: Annotated[int, msgspec.Meta(ge=1, le=12)]
    name: Annotated[str, msgspec.Meta(max_length=60)] = ""
    floor: Annotated[str, msgspec.Meta(max_length=60)] = ""


class Settings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings, by section."""

    server: ServerSettings = ServerSettings()
    modbus: ModbusSettings = ModbusSettings()
    api: ApiSettings = ApiSettings()
    database: DatabaseSettings = DatabaseSettings()
    logging: LoggingSettings = LoggingSettings()
    mqtt: MqttSettings = MqttSettings()
    zones: list[ZoneSettings] = []


SECTIONS: dict[str, type[Section]] = {
    name: kind
    for name, kind in get_type_hints(Settings).items()
    if isinstance(kind, type) and issubclass(kind, Section)
}
"""The sections by their names; `zones` is none."""
SECRETS = frozenset(
    key
    for section in msgspec.to_builtins(Settings()).values()
    if isinstance(section, dict)
    for key, value in section.items()
    if _SECRET_NAME.search(key) and not isinstance(value, bool)
)
"""Keys whose values are never shown: by their name, so that one that is added later is hidden, too."""


def different(one: Settings, other: Settings) -> list[str]:
    """Return the names of the settings that differ, such as ``server.port``, never their values."""
    names = []
    for section in Settings.__struct_fields__:
        ours, theirs = getattr(one, section), getattr(other, section)
        if isinstance(ours, msgspec.Struct):
            keys = ours.__struct_fields__
            names += [f"{section}.{key}" for key in keys if getattr(ours, key) != getattr(theirs, key)]
        elif ours != theirs:
            names.append(section)
    return names
