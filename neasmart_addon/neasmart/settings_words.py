"""Takes the words that older gateways and their descriptions use for our settings, before these are judged.

Each word is either answered by ours or accepted without effect, with a sentence that says why; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_RENAMED = {
    ("api", "rate_limit_per_minute"): "rate_limit",
    ("logging", "file_path"): "file",
}
_ENABLE_FILE = "enable_file"
_LEVELS = {"critical": "error", "warn": "warning", "fatal": "error"}
_ONE_PROCESS = "one process serves everything, so there is nothing to choose"
WITHOUT_EFFECT = {
    "NEASMART_WORKERS": _ONE_PROCESS,
    "NEASMART_ENVIRONMENT": "the gateway is always ready for production",
    "ENVIRONMENT": "the gateway is always ready for production",
}
"""Environment variables of the published description that have no counterpart here, and why."""
_WITHOUT_EFFECT = {("api", "workers"): _ONE_PROCESS, ("server", "workers"): _ONE_PROCESS}
ENVIRONMENT = {
    "NEASMART_API_RATE_LIMIT_PER_MINUTE": "NEASMART_API_RATE_LIMIT",
    "NEASMART_LOGGING_LEVEL": "NEASMART_LOG_LEVEL",
    "NEASMART_LOGGING_FORMAT": "LOG_FORMAT",
    "NEASMART_LOGGING_FILE_PATH": "NEASMART_LOG_FILE",
    "NEASMART_LOG_FILE_PATH": "NEASMART_LOG_FILE",
}
"""Our name of an environment variable by the older one."""


def modernised(content: Mapping[str, Any], name: str) -> tuple[dict[str, Any], list[str]]:
    """Return the content of a settings file with our words, and a sentence for each that was changed or passed over."""
    document = {section: dict(values) if isinstance(values, Mapping) else values for section, values in content.items()}
    notes: list[str] = []
    for (section, key), why in _WITHOUT_EFFECT.items():
        values = document.get(section)
        if isinstance(values, dict) and values.pop(key, None) is not None:
            notes.append(f"{name}: {section}.{key} has no effect: {why}")
    _switch_log_file(document)
    for (section, old), new in _RENAMED.items():
        values = document.get(section)
        if isinstance(values, dict) and old in values:
            value = values.pop(old)
            values.setdefault(new, value)
            notes.append(f"{name}: {section}.{old} is taken as {section}.{new}")
    logging = document.get("logging")
    if isinstance(logging, dict) and isinstance(logging.get("level"), str):
        logging["level"] = level(logging["level"])
    if isinstance(logging, dict) and isinstance(logging.get("format"), str):
        logging["format"] = logging["format"].lower()
    server = document.get("server")
    if isinstance(server, dict) and isinstance(server.get("type"), str):
        server["type"] = server["type"].lower()
    return document, notes


def level(text: str) -> str:
    """Return our name of a log level."""
    lowered = text.strip().lower()
    return _LEVELS.get(lowered, lowered)


def _switch_log_file(document: dict[str, Any]) -> None:
    """Join the switch of the log file and its path, which here are one setting: a file is written if it is named."""
    logging = document.get("logging")
    if not isinstance(logging, dict) or not isinstance(logging.get(_ENABLE_FILE), bool):
        return
    if not logging.pop(_ENABLE_FILE):
        logging.pop("file_path", None)
        logging["file"] = ""
