"""Knows the words that older gateways and their descriptions have for our settings.

Each word is answered by one of ours, or accepted without effect with a sentence that says why; nothing is guessed.
Start and import read the same tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neasmart.settings.first_rooms import rooms

_ONE_PROCESS = "one process serves everything, so there is nothing to choose"
_BY_ITSELF = "the storage looks after that by itself"
_ALWAYS = "it is always there"
_LOG_FILES = "the log file is full at 2 MB and three older ones are kept"
_PRODUCTION = "the gateway is always ready for production"

RENAMED = {
    "api.api_key": "api.key",
    "api.rate_limit_per_minute": "api.rate_limit",
    "debug_mode": "logging.debug_mode",
    "features.debug_mode": "logging.debug_mode",
    "logging.file_path": "logging.file",
    "modbus.slave_ids": "modbus.slave_id",
    "server.serial_baudrate": "server.baudrate",
    "server.serial_parity": "server.parity",
    "server.serial_stopbits": "server.stopbits",
}
"""Our name by the older one, as in files."""

WITHOUT_EFFECT = {
    "advanced": "there are no such switches here",
    "api.max_request_size": "a body may have 64 kB",
    "api.request_timeout": "a request has its fixed times here",
    "api.temperature_unit": "temperatures are always in degC",
    "api.workers": _ONE_PROCESS,
    "database.health_check_interval": _BY_ITSELF,
    "database.retry_base_delay": _BY_ITSELF,
    "database.retry_max_attempts": _BY_ITSELF,
    "database.retry_max_delay": _BY_ITSELF,
    "database.table_name": "the storage here has a form of its own",
    "enable_health_endpoint": _ALWAYS,
    "enable_metrics": _ALWAYS,
    "enable_swagger": _ALWAYS,
    "features": "everything is always on here",
    "logging.backup_count": _LOG_FILES,
    "logging.enable_console": "the log is always written to the console",
    "logging.max_file_size": _LOG_FILES,
    "logging.max_file_size_mb": _LOG_FILES,
    "modbus.circuit_breaker_half_open_calls": "one trial decides",
    "modbus.sync_batch_size": "every poll without a command makes the base write its own value anyway",
    "server.serial_bytesize": "the SYSBUS has 8 bits",
    "server.workers": _ONE_PROCESS,
}
"""Why a setting of the published description has no counterpart here, by its name as in files."""

_ENABLE_CORS, _ENABLE_FILE = "enable_cors", "enable_file"
_LEVELS = {"critical": "error", "fatal": "error", "warn": "warning"}

ENVIRONMENT_WITHOUT_EFFECT = {
    "ENVIRONMENT": _PRODUCTION,
    "NEASMART_API_TEMPERATURE_UNIT": WITHOUT_EFFECT["api.temperature_unit"],
    "NEASMART_DATABASE_TABLE_NAME": WITHOUT_EFFECT["database.table_name"],
    "NEASMART_ENVIRONMENT": _PRODUCTION,
    "NEASMART_GATEWAY_SERVER_SERIAL_BYTESIZE": WITHOUT_EFFECT["server.serial_bytesize"],
    "NEASMART_GRACEFUL_TIMEOUT": "the gateway stops within three seconds",
    "NEASMART_LOG_ENABLE_CONSOLE": WITHOUT_EFFECT["logging.enable_console"],
    "NEASMART_WORKERS": _ONE_PROCESS,
    "NEASMART_WORKER_CLASS": _ONE_PROCESS,
    "NEASMART_WORKER_TIMEOUT": _ONE_PROCESS,
}
"""Environment variables of the published description that have no counterpart here, and why."""

ENVIRONMENT = {
    "NEASMART_API_API_KEY": "NEASMART_API_KEY",
    "NEASMART_API_RATE_LIMIT_PER_MINUTE": "NEASMART_API_RATE_LIMIT",
    "NEASMART_GATEWAY_SERVER_ADDRESS": "NEASMART_SERVER_ADDRESS",
    "NEASMART_GATEWAY_SERVER_PORT": "NEASMART_SERVER_PORT",
    "NEASMART_GATEWAY_SERVER_SERIAL_BAUDRATE": "NEASMART_SERVER_BAUDRATE",
    "NEASMART_GATEWAY_SERVER_SERIAL_PARITY": "NEASMART_SERVER_PARITY",
    "NEASMART_GATEWAY_SERVER_SERIAL_PORT": "NEASMART_SERVER_SERIAL_PORT",
    "NEASMART_GATEWAY_SERVER_SERIAL_STOPBITS": "NEASMART_SERVER_STOPBITS",
    "NEASMART_GATEWAY_SERVER_TYPE": "NEASMART_SERVER_TYPE",
    "NEASMART_LOGGING_FILE_PATH": "NEASMART_LOG_FILE",
    "NEASMART_LOGGING_FORMAT": "LOG_FORMAT",
    "NEASMART_LOGGING_LEVEL": "NEASMART_LOG_LEVEL",
    "NEASMART_LOG_FILE_PATH": "NEASMART_LOG_FILE",
    "NEASMART_LOG_FORMAT": "LOG_FORMAT",
    "NEASMART_MODBUS_SLAVE_IDS": "NEASMART_MODBUS_SLAVE_ID",
    "NEASMART_SERVER_SERIAL_BAUDRATE": "NEASMART_SERVER_BAUDRATE",
    "NEASMART_SERVER_SERIAL_PARITY": "NEASMART_SERVER_PARITY",
    "NEASMART_SERVER_SERIAL_STOPBITS": "NEASMART_SERVER_STOPBITS",
}
"""Our name of an environment variable by the older one."""

_SWITCHES = {
    "NEASMART_API_ENABLE_CORS": "NEASMART_API_CORS_ORIGINS",
    "NEASMART_LOG_ENABLE_FILE": "NEASMART_LOG_FILE",
}
"""Switches that have no setting here: off, they take the effect from the setting beside them."""
SWITCHED = {
    "api.enable_cors": ("api", "cors_origins"),
    "logging.enable_file": ("logging", "file"),
    "neasmart_api_enable_cors": ("api", "cors_origins"),
    "neasmart_log_enable_file": ("logging", "file"),
}
"""The same by their names in files and, in small letters, in the environment."""
_SERIAL = ("serial_baudrate", "serial_bytesize", "serial_parity", "serial_stopbits")
NOT_SERIAL = "its server.type is tcp, and there the device did not count"
OLDER_FORM = frozenset(
    {
        *("config_modules", "overrides"),
        *("gateway_address", "gateway_port", "listen_address", "listen_port", "server_address", "server_port"),
        *("server_type", "slave_id", "slave_ids", "startup_global_mode", "startup_global_state"),
    }
)
"""What no file of ours has outside of its sections, but forms and first files of older gateways do."""
_ON, _OFF = ("true", "yes", "on", "1"), ("false", "no", "off", "0")

SAMPLES = frozenset(
    {
        "changeme",
        "secret",
        "your-api-key",
        "your-api-key-here",
        "your-jwt-secret",
        "your-jwt-secret-here",
        "your-secret-api-key-here",
        "your-secret-key",
        "your-secure-api-key-here",
    }
)
"""Secrets that stand in published descriptions, so everybody knows them."""


def modernised(content: Mapping[str, Any], name: str) -> tuple[dict[str, Any], list[str]]:
    """Return the content of a settings file with our words, and a sentence for each that was changed or passed over."""
    document = {
        section: {key: value for key, value in values.items() if not is_comment(key)}
        if isinstance(values, Mapping)
        else values
        for section, values in content.items()
        if not is_comment(section)
    }
    notes: list[str] = []
    if "structures" in document:
        document["zones"] = document.pop("structures")
        notes.append(f"{name}: structures is taken as zones")
    if "zones" in document:
        document["zones"] = rooms(content.get("structures", content.get("zones")))
    server = document.get("server")
    # The description has a device in every example; of ours, the device would be the link.
    if isinstance(server, dict) and str(server.get("type")).lower() == "tcp" and any(key in server for key in _SERIAL):
        unused = server.pop("serial_port", None)
        if unused:
            notes.append(f"{name}: server.serial_port has no effect: {NOT_SERIAL}")
    _apply_switches(document)
    for old, new in RENAMED.items():
        value = _popped(document, old)
        if value is not None:
            section, _, key = new.partition(".")
            values = document.setdefault(section, {})
            if isinstance(values, dict) and (old == "modbus.slave_ids" or key not in values):
                values[key] = value
            notes.append(f"{name}: {old} is taken as {new}")
    for old, why in WITHOUT_EFFECT.items():
        if _popped(document, old) is not None:
            notes.append(f"{name}: {old} has no effect: {why}")
    _lower(document, "server", "type")
    _lower(document, "logging", "level")
    _lower(document, "logging", "format")
    return document, notes


def modern_variables(environment: Mapping[str, str]) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Return text and original name of environment variables by our names, and a sentence for what has no effect."""
    found: dict[str, tuple[str, str]] = {}
    notes: list[str] = []
    off: dict[str, str] = {}
    for name, text in environment.items():
        if name in ENVIRONMENT_WITHOUT_EFFECT:
            notes.append(f"{name} has no effect: {ENVIRONMENT_WITHOUT_EFFECT[name]}")
        elif name in _SWITCHES:
            if is_off(text):
                off[_SWITCHES[name]] = name
                if text.strip().lower() not in _OFF:
                    notes.append(f"{name} counts as off. Allowed: true or false")
        else:
            ours = ENVIRONMENT.get(name, name)
            # The name that is ours wins, wherever it stands; of the unit ids the list does.
            if ours not in found or name == ours or name.endswith("_SLAVE_IDS"):
                found[ours] = (text, name)
    # What is empty is off, whatever the files say.
    return {**found, **{ours: ("", name) for ours, name in off.items()}}, notes


def is_off(value: object) -> bool:
    """Return whether a switch that has no setting here is off, as a file or the environment has it."""
    return str(value).strip().lower() not in (*_ON, "")


def is_comment(key: object) -> bool:
    """Return whether a key of a file is there for people alone."""
    return isinstance(key, str) and key.startswith("//")


def level(text: str) -> str:
    """Return our name of a log level."""
    lowered = text.strip().lower()
    return _LEVELS.get(lowered, lowered)


def _popped(document: dict[str, Any], path: str) -> Any:
    section, _, key = path.partition(".")
    if not key:
        return document.pop(section, None)
    values = document.get(section)
    return values.pop(key, None) if isinstance(values, dict) else None


def _apply_switches(document: dict[str, Any]) -> None:
    """Join switches with what they switch, which here is one setting: what is empty is off."""
    if _popped_flag(document, "logging", _ENABLE_FILE) is False:
        document["logging"].pop("file_path", None)
        document["logging"]["file"] = ""
    if _popped_flag(document, "api", _ENABLE_CORS) is False:
        document["api"]["cors_origins"] = []


def _popped_flag(document: dict[str, Any], section: str, key: str) -> bool | None:
    values = document.get(section)
    if not isinstance(values, dict) or not isinstance(values.get(key), bool):
        return None
    flag: bool = values.pop(key)
    return flag


def _lower(document: dict[str, Any], section: str, key: str) -> None:
    values = document.get(section)
    if not isinstance(values, dict) or not isinstance(values.get(key), str):
        return
    text = values[key]
    if key == "level":
        values[key] = level(text)
    elif key == "format" and "%(" in text:
        values[key] = "text"
    else:
        values[key] = text.lower()
