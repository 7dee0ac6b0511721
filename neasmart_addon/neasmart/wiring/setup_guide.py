"""Leads an owner from a device to rooms: what is plugged in, what comes from it, and storing what was chosen.

No port is opened that the owner has not chosen, and while one is only listened to, nothing is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from neasmart.facts.errors import NeasmartError
from neasmart.settings.model import DIALLED, Language, MqttSettings, ServerSettings, ServerType, Settings
from neasmart.settings.objections import may_be_opened
from neasmart.supervisor import SupervisorError
from neasmart.sysbus.transport.devices import SerialDevice, devices
from neasmart.wiring.settings_store import SettingsStore

LISTEN_S = 600.0
"""A trial ends by itself, so that a page that was left open does not keep the bus from being served."""
LINK_KEYS = ("type", "serial_port", "url")
_PORTS_EVERY_S = 5.0
_DEVICES = ("/dev/",)


class SetupError(NeasmartError):
    """What was chosen cannot be used."""

    code = "cannot_set_up"


class GoneError(SetupError):
    """The chosen device is not there any more."""

    code = "device_gone"


class NotAnAddressError(SetupError):
    """The chosen address cannot be dialled."""

    code = "not_an_address"


class Links(Protocol):
    """Who runs the link."""

    @property
    def settings(self) -> Settings:
        """The settings in use."""

    @property
    def listening(self) -> ServerSettings | None:
        """The link that is only listened to, None while the one of the settings is served."""

    @property
    def busy_device(self) -> str | None:
        """The device that could not be opened because another program uses it, None if there was none."""

    @property
    def counted_before(self) -> dict[str, Any]:
        """What had been counted when the present link began."""

    async def listen(self, server: ServerSettings | None) -> None:
        """Listen to another link without sending, or serve that of the settings again."""


Choice = Mapping[str, Any]
"""One of `device`, `url`, `listen`, `language`, `open_port` and `restart`, with its value."""


class SetupGuide:
    """The state of the guide, which is nearly all somebody else's."""

    def __init__(
        self,
        links: Links,
        store: SettingsStore,
        follow: Callable[[], Awaitable[None]],
        *,
        list_devices: Callable[[], list[SerialDevice]] = devices,
    ) -> None:
        """Take who runs the link, where settings are stored, and what makes them count."""
        self._links = links
        self._store = store
        self._follow = follow
        self._list = list_devices
        self._seen: dict[str, float | None] | None = None
        self._ports: dict[str, int | None] | None = None
        self._ports_at = float("-inf")
        self._restart_needed = False
        self._end: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()

    async def document(self) -> dict[str, Any]:
        """Return what the page shows."""
        settings = self._links.settings
        server = settings.server
        found = await asyncio.to_thread(self._list)
        await self._ask_for_ports()
        ports = self._ports
        open_as = None if ports is None else ports.get(self._port_name)
        return {
            "link": _told(server),
            "listening": None if self._links.listening is None else _told(self._links.listening),
            "counted_before": self._links.counted_before,
            "devices": self._devices(found, server),
            "converter": {
                "host": None,
                "port": open_as or server.port,
                "port_open": None if ports is None else open_as is not None,
                "can_open_port": self._store.can_open_ports,
            },
            "decided_by": self._store.decider("server", dict.fromkeys(LINK_KEYS)),
            "restart_needed": self._restart_needed,
        }

    async def listen(self, choice: Choice) -> dict[str, Any]:
        """Open what was chosen and send nothing; raise SetupError."""
        ((what, value),) = choice.items()
        async with self._changing:
            if what not in ("device", "url", "listen"):
                raise SetupError("Only a device, an address to dial or the port can be listened to.")
            server = await self._server(what, value)
            await self._links.listen(server)
            self._schedule_end()
        return await self.document()

    async def apply(self, choice: Choice) -> dict[str, Any]:
        """Store what was chosen and use it; raise SetupError, or what the place of the settings says."""
        ((what, value),) = choice.items()
        async with self._changing:
            if what == "restart":
                await self._store.restart()
            elif what == "language":
                await self._name_in(value)
            elif what == "open_port":
                await self._store.open_port(self._port_name, self._links.settings.server.port)
                self._restart_needed, self._ports_at = True, float("-inf")
            else:
                server = await self._server(what, value)
                dialled = server.dials
                # The kind follows from what is set, so an older word for it must not stand in the way.
                await self._store.change(
                    "server",
                    {
                        "type": None,
                        "serial_port": None if dialled else server.serial_port or None,
                        "url": server.serial_port if dialled else None,
                    },
                )
                await self._follow()
                await self._links.listen(None)
                self._forget_end()
        return await self.document()

    async def _name_in(self, language: str) -> None:
        """Have entities named in the language of the page; one that somebody has chosen stays."""
        if language not in set(Language):
            raise SetupError(f"{language[:80]} is no language of the entities. Allowed: {', '.join(Language)}")
        if language != self._links.settings.mqtt.language == MqttSettings().language:
            await self._store.change("mqtt", {"language": language})
            await self._follow()

    async def _server(self, what: str, chosen: str) -> ServerSettings:
        server = self._links.settings.server
        if what == "listen":
            return msgspec.structs.replace(server, type=ServerType.AUTO, serial_port="", url="")
        if what == "url" and ("://" not in chosen or not may_be_opened(chosen)):
            raise NotAnAddressError(f"{chosen[:80]} is no address to dial. Allowed: {DIALLED}")
        if what == "device":
            if not chosen.startswith(_DEVICES) or ".." in Path(chosen).parts:
                raise SetupError(f"{chosen[:80]} is no serial device.")
            if not await asyncio.to_thread(Path(chosen).exists):
                raise GoneError(f"{chosen[:80]} is not there any more. Plug it in again, or choose another one.")
        return msgspec.structs.replace(server, type=ServerType.AUTO, serial_port=chosen, url="")

    def _devices(self, found: list[SerialDevice], server: ServerSettings) -> list[dict[str, Any]]:
        """Return the devices, newest first; one that is chosen and not there any more among them."""
        now = time.monotonic()
        at_start = self._seen is None
        seen = self._seen or {}
        self._seen = {each.path: seen.get(each.path, None if at_start else now) for each in found}
        chosen = None if server.dials else server.serial_port or None
        known = {os.path.realpath(each.path) for each in found}
        if chosen is not None and os.path.realpath(chosen) not in known:
            found = [*found, SerialDevice(path=chosen, name=Path(chosen).name)]
        told = [self._device(each, chosen, now) for each in found]
        return sorted(told, key=lambda each: (each["appeared_s"] is None, each["appeared_s"] or 0.0, each["path"]))

    def _device(self, device: SerialDevice, chosen: str | None, now: float) -> dict[str, Any]:
        appeared = (self._seen or {}).get(device.path)
        problem = None
        if not Path(device.path).exists():
            problem = "gone"
        elif not os.access(device.path, os.R_OK | os.W_OK):
            problem = "no_permission"
        elif device.busy or _same(device.path, self._links.busy_device):
            problem = "busy"
        return {
            "path": device.path,
            "name": device.name,
            "maker": device.maker,
            "known_as": device.known_as,
            "chosen": _same(device.path, chosen),
            "appeared_s": None if appeared is None else round(now - appeared, 1),
            "problem": problem,
        }

    async def _ask_for_ports(self) -> None:
        if not self._store.can_open_ports or time.monotonic() - self._ports_at < _PORTS_EVERY_S:
            return
        self._ports_at = time.monotonic()
        try:
            self._ports = await self._store.ports()
        except SupervisorError:
            self._ports = None

    @property
    def _port_name(self) -> str:
        return f"{self._links.settings.server.port}/tcp"

    def _schedule_end(self) -> None:
        self._forget_end()
        self._end = asyncio.get_running_loop().call_later(LISTEN_S, self._give_up)

    def _forget_end(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None

    def _give_up(self) -> None:
        task = asyncio.get_running_loop().create_task(self._serve_again())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _serve_again(self) -> None:
        async with self._changing:
            with contextlib.suppress(NeasmartError):
                await self._links.listen(None)


def _same(path: str, other: str | None) -> bool:
    return other is not None and os.path.realpath(path) == os.path.realpath(other)


def _told(server: ServerSettings) -> dict[str, Any]:
    if server.dials:
        return {"kind": "dial", "device": None, "url": server.serial_port}
    if server.serial_port:
        return {"kind": "serial", "device": server.serial_port, "url": None}
    return {"kind": "listen", "device": None, "url": None}
