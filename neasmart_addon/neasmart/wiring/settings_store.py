"""Writes settings to where they live: to the Supervisor under Home Assistant, else into `config.json`.

What the environment says cannot be changed from here, and says so.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from neasmart.facts.errors import NeasmartError, SettingsError
from neasmart.settings import loading as settings_loading
from neasmart.settings.named_files import may_exist
from neasmart.supervisor import Supervisor, SupervisorError

COPY_SUFFIX = ".before"
_MODE = 0o600


class Decider(StrEnum):
    """Who decides a setting."""

    SUPERVISOR = "supervisor"
    FILE = "file"
    ENVIRONMENT = "environment"


class DecidedElsewhereError(NeasmartError):
    """A setting is decided by the environment."""

    code = "decided_elsewhere"


class NotStoredError(NeasmartError):
    """The settings cannot be written."""

    code = "not_stored"


class SettingsStore:
    """One place to change settings in; the Supervisor is None outside Home Assistant."""

    def __init__(self, environment: Mapping[str, str], supervisor: Supervisor | None) -> None:
        """Change nothing yet; a `config.json` that is there now, or is named, is the one to change."""
        self._environment = environment
        self._own, _ = settings_loading.config_file(environment)
        self._supervisor = supervisor

    def decider(self, section: str, keys: Mapping[str, Any]) -> Decider:
        """Return who decides these settings."""
        if self._deciding(section, keys):
            return Decider.ENVIRONMENT
        return Decider.FILE if self._supervisor is None else Decider.SUPERVISOR

    async def change(self, section: str, values: Mapping[str, Any]) -> None:
        """Store values of a section; None removes one.

        Raises DecidedElsewhereError, SupervisorError with its refusal, SettingsError and NotStoredError.
        """
        deciding = self._deciding(section, values)
        if deciding:
            raise DecidedElsewhereError(
                f"The environment decides this, by {', '.join(deciding)}. Change it there and start again."
            )
        if self._supervisor is not None:
            await self._change_options(self._supervisor, section, values)
        else:
            await asyncio.to_thread(self._change_file, section, values)

    async def ports(self) -> dict[str, int | None]:
        """Return the ports that Home Assistant opens for the app, None for a closed one; raise SupervisorError."""
        info = await self._of_home_assistant.info()
        network = info.get("network")
        return dict(network) if isinstance(network, dict) else {}

    async def open_port(self, name: str, number: int) -> None:
        """Have a port opened from the next start on; raise SupervisorError."""
        # Posted ports replace the stored set, so all of them are sent, and the options left alone.
        await self._of_home_assistant.open_ports({**await self.ports(), name: number})

    async def restart(self) -> None:
        """Have the app started anew; raise SupervisorError."""
        await self._of_home_assistant.restart()

    @property
    def can_open_ports(self) -> bool:
        """Whether there is somebody who opens ports."""
        return self._supervisor is not None

    @property
    def _of_home_assistant(self) -> Supervisor:
        if self._supervisor is None:
            raise DecidedElsewhereError("Only Home Assistant opens ports; here the gateway has those of its computer.")
        return self._supervisor

    def _deciding(self, section: str, keys: Mapping[str, Any]) -> list[str]:
        variables, _ = settings_loading.variables(self._environment)
        wanted = {(section, key) for key in keys}
        ours = {name for name, path in settings_loading.environment_names().items() if path in wanted}
        return sorted(original for name, (_, original) in variables.items() if name in ours)

    async def _change_options(self, supervisor: Supervisor, section: str, values: Mapping[str, Any]) -> None:
        info = await supervisor.info()
        options = _changed(_options_of(info), section, values)
        await supervisor.store(options)
        saved = (await supervisor.options()).get(section, {})
        if any(saved.get(key) != value for key, value in values.items() if value is not None):
            raise SupervisorError("The options were changed elsewhere at the same moment. Look at them, and try again.")

    def _change_file(self, section: str, values: Mapping[str, Any]) -> None:
        if self._own is not None and not may_exist(self._own):
            # A new one would open what this one closes, such as an API that asks for a key.
            raise NotStoredError(f"{self._own} is not there. Put it there, or start the gateway without it.")
        path = settings_loading.config_target(self._environment)
        present = settings_loading.read_file(path) if may_exist(path) else {}
        wanted = _changed(present, section, values)
        before = {fault.text for fault in settings_loading.load_document(present, str(path)).faults}
        new = [
            fault.text for fault in settings_loading.load_document(wanted, str(path)).faults if fault.text not in before
        ]
        if new:
            raise SettingsError("; ".join(new))
        try:
            write(path, wanted, copy=path.with_name(f"{path.name}{COPY_SUFFIX}"))
        except OSError as error:
            raise NotStoredError(f"{path} cannot be written ({error.strerror}).") from error


def write(path: Path, document: Mapping[str, Any], *, copy: Path) -> None:
    """Write a settings file in one step, to where a link leads, with a copy of what was there; raise OSError."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    # A link that somebody has put there is not followed.
    beside.unlink(missing_ok=True)
    beside.touch(mode=_MODE, exist_ok=False)
    if path.exists():
        shutil.copy2(path, copy)
        shutil.copymode(path, beside)
    with beside.open("w", encoding="utf-8") as file:
        file.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _options_of(info: Mapping[str, Any]) -> dict[str, Any]:
    options = info.get("options")
    if not isinstance(options, dict):
        raise SupervisorError("The Supervisor does not tell the options that are saved.")
    return options


def _changed(document: Mapping[str, Any], section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    content = document.get(section)
    content = dict(content) if isinstance(content, Mapping) else {}
    for key, value in values.items():
        if value is None:
            content.pop(key, None)
        else:
            content[key] = value
    return {**document, section: content}
