"""Applies changed settings while the gateway runs, and names those that wait for the next start.

A file that is wrong changes nothing: what is in use stays in use, and log, health and status say what is wrong.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import msgspec

from neasmart import logs, tuning
from neasmart.config import WITHOUT_EFFECT, ApiSettings, Settings
from neasmart.errors import SettingsError
from neasmart.gateway import SETTINGS, Gateway
from neasmart.status import SettingsStatus

LOOK_S = 5.0
COMMAND_KEYS = (
    "command_delivery_timeout_seconds",
    "command_delivery_timeout_walks",
    "command_sync_timeout_seconds",
    "command_sync_timeout_walks",
    "command_hold_walks",
    "command_probe_walks",
    "command_grace_walks",
    "command_wait_walks",
)
WALK_KEYS = ("walk_shortest_seconds", "walk_longest_seconds", "walk_assumed_seconds")
STALE_KEYS = ("registers_late_after_seconds", "registers_stale_after_seconds")
API_KEYS = (
    "enable_auth",
    "key",
    "jwt_secret",
    "cors_origins",
    "allowed_hosts",
    "trusted_proxies",
    "rate_limit",
    "rate_limit_writes",
)
LIVE = frozenset(
    {"zones", "logging.level", "logging.debug_mode"}
    | {f"modbus.{key}" for key in (*COMMAND_KEYS, *WALK_KEYS, *STALE_KEYS, *WITHOUT_EFFECT)}
    | {f"api.{key}" for key in API_KEYS}
)
"""The settings that count at once; all others need a restart."""

_LOG = logging.getLogger(__name__)
_Stamp = tuple[int, int, int] | None


class Api(Protocol):
    """What takes other keys, rates and origins."""

    def apply(self, api: ApiSettings) -> None:
        """Use them from the next request on."""


class Reloader:
    """Follows the settings files; `wake` makes it look at once."""

    def __init__(
        self,
        settings: Settings,
        gateway: Gateway,
        api: Api,
        *,
        load: Callable[[], Settings],
        files: Sequence[Path],
        look_s: float = LOOK_S,
    ) -> None:
        """Take the settings of the start, and how and from which files to load them again."""
        self._started = settings
        self._used = settings
        self._gateway = gateway
        self._api = api
        self._load = load
        self._files = tuple(files)
        self._look_s = look_s
        self._stamps = self._stamped()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Load the settings now, whether a file has changed or not."""
        self._woken.set()

    async def run(self) -> None:
        """Follow the files for ever."""
        while True:
            try:
                async with asyncio.timeout(self._look_s):
                    await self._woken.wait()
            except TimeoutError:
                pass
            stamps = await asyncio.to_thread(self._stamped)
            if stamps == self._stamps and not self._woken.is_set():
                continue
            self._woken.clear()
            self._stamps = stamps
            await self.reload()

    async def reload(self) -> None:
        """Load the settings and apply what can be applied, or keep the present ones and say why."""
        before = self._gateway.hub.state(SETTINGS, SettingsStatus) or SettingsStatus()
        try:
            settings = await asyncio.to_thread(self._load)
        except SettingsError as error:
            if before.refused != str(error):
                _LOG.warning("The changed settings are refused, and those in use stay: %s", error)
            self._gateway.hub.publish(SETTINGS, replace(before, refused=str(error)))
            return
        waiting = tuple(name for name in different(self._started, settings) if name not in LIVE)
        if before.problem is not None:
            # Bus and MQTT do not run, so a part of the settings would be in use and a part not.
            _LOG.info("The settings can be used now, from the next start on")
            self._gateway.hub.publish(SETTINGS, replace(before, refused=None, restart_needed=waiting))
            return
        applied = [name for name in different(self._used, settings) if name in LIVE]
        self._apply(settings, frozenset(applied))
        self._used = settings
        if applied:
            _LOG.info("In use from now on: %s", ", ".join(applied))
        if waiting and waiting != before.restart_needed:
            _LOG.warning("In use from the next start on: %s", ", ".join(waiting))
        self._gateway.hub.publish(SETTINGS, replace(before, refused=None, restart_needed=waiting))

    def _apply(self, settings: Settings, names: frozenset[str]) -> None:
        gateway, modbus = self._gateway, settings.modbus
        if any(name.startswith("logging.") for name in names):
            logs.set_level(settings.logging)
        if "zones" in names:
            gateway.rename(settings.zone_names)
        if any(f"modbus.{key}" in names for key in STALE_KEYS):
            gateway.plant.stale_times = tuning.stale_times(modbus)
            gateway.image.late_s = modbus.registers_late_after_seconds
        if any(f"modbus.{key}" in names for key in COMMAND_KEYS):
            gateway.commands.times = tuning.command_times(modbus)
        if any(f"modbus.{key}" in names for key in WALK_KEYS):
            gateway.walks.times = tuning.walk_times(modbus)
        if any(name.startswith("api.") for name in names):
            self._api.apply(
                msgspec.structs.replace(self._started.api, **{key: getattr(settings.api, key) for key in API_KEYS})
            )

    def _stamped(self) -> tuple[_Stamp, ...]:
        return tuple(_stamp(path) for path in self._files)


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


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
