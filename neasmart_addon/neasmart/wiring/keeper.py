"""Keeps every part running by the settings that are in use, and changes it when they change.

A part whose settings cannot be used does not run. What changes ends the edge concerned and begins it anew; the process,
the page and all other edges go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from neasmart.core.gateway import LINK, MQTT, Gateway
from neasmart.core.state.plant import ZoneIndex
from neasmart.facts.status import BusCounters, Closable, LinkStatus, MqttStatus
from neasmart.logs import output as logs
from neasmart.mqtt import MqttBridge, Surroundings
from neasmart.settings.model import ServerSettings, ServerType, Settings, different
from neasmart.supervisor import Supervisor
from neasmart.sysbus import Framing, LineFacts, Link, Recorder, Tap
from neasmart.sysbus.capture.recorder import FOLDER
from neasmart.web import WebServer
from neasmart.wiring import tuning
from neasmart.wiring.archive import Archive
from neasmart.wiring.edges import Edges

MEMORY = "mqtt.json"
_TICK_S = 1.0
_LINK_KEYS = frozenset(
    {
        "modbus.slave_id",
        "modbus.circuit_breaker_failure_threshold",
        "modbus.circuit_breaker_recovery_timeout",
    }
)
"""Settings beside those of the section `server` that a link takes when it begins."""


def line_facts(settings: Settings) -> LineFacts:
    """Return how the bytes of the link are to be read where a connection does not tell."""
    translated = settings.server.listens and settings.server.type is ServerType.TCP
    framing = Framing.MBAP if translated else Framing.RTU
    return LineFacts(framing=framing, unit_ids=tuple(settings.modbus.slave_id))


def line_of(settings: Settings) -> str | None:
    """Return speed and format of a serial line of our own, None where a converter has it."""
    server = settings.server
    own_line = not server.listens and not server.dials
    return f"{server.baudrate} 8{server.parity}{server.stopbits}" if own_line else None


def _counted(counters: BusCounters) -> dict[str, Any]:
    by_unit = {str(unit): count for unit, count in counters.polls_by_unit.items()}
    totals = {"bytes_received": counters.bytes_received, "frames": counters.frames, "polls": counters.polls}
    return {**totals, "polls_by_unit": by_unit}


class _RoomsInHomeAssistant:
    """Which rooms shall not be in Home Assistant, as the owner has said there or on the page."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def absent(self) -> Collection[ZoneIndex]:
        """Return the rooms that shall not be there."""
        return self._gateway.rooms.absent

    def deleted(self, zone: ZoneIndex) -> None:
        """Note that a room's device was deleted there."""
        room = self._gateway.rooms.of(zone)
        self._gateway.put_rooms([replace(room, in_home_assistant=False)])


class Keeper:
    """All that runs by the settings; made once the edges have a group to run in."""

    def __init__(
        self,
        settings: Settings,
        gateway: Gateway,
        archive: Archive,
        recorder: Recorder,
        supervisor: Supervisor | None = None,
    ) -> None:
        """Take the core and what outlives a change."""
        self._supervisor = supervisor
        self._settings = settings
        self._closed: frozenset[Closable] = frozenset()
        self._gateway = gateway
        self._archive = archive
        self._recorder = recorder
        self._tap = Tap(gateway, line_facts(settings), recorder)
        self._listening: ServerSettings | None = None
        self._counted_before = _counted(gateway.bus.counters)
        self._edges: Edges | None = None
        self._web: WebServer | None = None

    def last_frames(self) -> list[dict[str, Any]]:
        """Return the frames that were last seen on the wire."""
        return self._tap.last_frames()

    async def begin(self, edges: Edges, web: WebServer, closed: frozenset[Closable]) -> None:
        """Start everything that may run."""
        self._edges, self._web, self._closed = edges, web, closed
        await self._begin_store()
        edges.begin("clock", self._tick)
        self._begin_bus()
        edges.begin("web", web.run)
        self._begin_mqtt()

    async def use(self, settings: Settings, closed: frozenset[Closable]) -> None:
        """Make what has changed true."""
        edges, web = self._edges, self._web
        if edges is None or web is None:
            raise RuntimeError("nothing has begun")
        names = set(different(self._settings, settings))
        turned = closed ^ self._closed
        self.use_live(self._settings, settings)
        self._settings, self._closed = settings, closed
        web.use(settings)
        if Closable.STORE in turned or any(name.startswith("database.") for name in names):
            await edges.end("rooms")
            await edges.end("store")
            await self._archive.close()
            await self._begin_store()
        other_link = names & _LINK_KEYS or any(name.startswith("server.") for name in names)
        if Closable.BUS in turned | closed or other_link:
            self._listening = None
            await edges.end("bus")
            self._begin_bus()
        if Closable.MQTT in turned or any(name.startswith("mqtt.") for name in names):
            await edges.end("mqtt")
            self._begin_mqtt()

    @property
    def settings(self) -> Settings:
        """The settings in use."""
        return self._settings

    @property
    def listening(self) -> ServerSettings | None:
        """The link that is only listened to, None while the one of the settings is served."""
        return self._listening

    @property
    def busy_device(self) -> str | None:
        """The device that could not be opened because another program uses it, None if there was none."""
        server = self._settings.server if self._listening is None else self._listening
        return server.serial_port if self._gateway.link.code in ("device_busy", "device_shared") else None

    @property
    def counted_before(self) -> dict[str, Any]:
        """What had been counted when the present link began: bytes, frames, polls, and these by unit id."""
        return self._counted_before

    async def listen(self, server: ServerSettings | None) -> None:
        """Listen to another link without sending, or serve that of the settings again."""
        if server is None and self._listening is None:
            return
        self._listening = server
        await self._running.end("bus")
        self._begin_bus()

    def use_live(self, before: Settings, settings: Settings) -> None:
        """Use what can change in place."""
        gateway, names = self._gateway, set(different(before, settings))
        if names & {"logging.level", "logging.debug_mode"}:
            logs.set_level(settings.logging)
        if "zones" in names:
            gateway.take_over_rooms(tuning.first_rooms(settings))
        gateway.use_times(tuning.times(settings.modbus))
        gateway.derived.use(tuning.margins(settings.mqtt))

    async def _begin_store(self) -> None:
        if Closable.STORE in self._closed:
            self._archive.keep_closed()
            return
        store, book = await self._archive.open(self._settings)
        self._recorder.keep_in(Path(self._settings.database.path).parent / FOLDER)
        self._running.begin("store", store.run)
        self._running.begin("rooms", book.run)

    def _begin_bus(self) -> None:
        settings, gateway = self._settings, self._gateway
        if self._listening is not None:
            settings = msgspec.structs.replace(settings, server=self._listening)
        elif Closable.BUS in self._closed:
            detail = f"The bus is left alone, because its settings cannot be used: {gateway.settings_problem}"
            gateway.hub.publish(LINK, LinkStatus(code="settings_error", detail=detail))
            return
        facts = line_facts(settings)
        self._counted_before = _counted(gateway.bus.counters)
        gateway.watch_bus(facts.unit_ids, line=line_of(settings))
        self._recorder.use(facts)
        self._tap = Tap(gateway, facts, self._recorder)
        self._running.begin(
            "bus",
            Link(
                settings.server, settings.modbus, gateway, on_bytes=self._tap, listen_only=self._listening is not None
            ).run,
        )

    def _begin_mqtt(self) -> None:
        if Closable.MQTT in self._closed:
            self._gateway.hub.publish(MQTT, MqttStatus(detail="MQTT stays off: its settings cannot be used."))
            return
        folder = Path(self._settings.database.path).parent
        surroundings = Surroundings(
            supervisor=self._supervisor,
            memory=folder / MEMORY if self._archive.writes else None,
            book=_RoomsInHomeAssistant(self._gateway),
        )
        bridge = MqttBridge(self._settings.mqtt, self._gateway, surroundings=surroundings)
        self._running.begin("mqtt", bridge.run)

    async def _tick(self) -> None:
        while True:
            for _ in self._gateway.ticking(self._gateway.clock.monotonic()):
                await asyncio.sleep(0)
            await asyncio.sleep(_TICK_S)

    @property
    def _running(self) -> Edges:
        if self._edges is None:
            raise RuntimeError("nothing has begun")
        return self._edges
