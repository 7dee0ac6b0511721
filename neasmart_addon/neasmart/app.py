"""Builds the one object graph from the settings and runs its edges until the process is told to stop.

Every edge runs in one task group and looks after itself: it retries, and reports by status, never by an exception.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from neasmart import __version__, settings_loading, tuning
from neasmart.clock import Clock
from neasmart.commands import Commands
from neasmart.config import WITHOUT_EFFECT, IdleReply, ModbusSettings, ServerType, Settings
from neasmart.gateway import LINK, SETTINGS, Gateway
from neasmart.image import LastReports, RegisterImage
from neasmart.mqtt import MqttBridge, Surroundings
from neasmart.plant import Plant
from neasmart.registers import TABLE
from neasmart.reload import Reloader
from neasmart.status import LinkStatus, SettingsStatus
from neasmart.store import Store
from neasmart.sysbus import Framing, LineFacts, Link, Recorder, Tap
from neasmart.sysbus.recorder import FOLDER
from neasmart.walks import Walks
from neasmart.web import Sights, WebServer

_LOG = logging.getLogger(__name__)
_TICK_S = 1.0
_EDGE_RETRY_S = 5.0


def build_gateway(settings: Settings, clock: Clock | None = None) -> Gateway:
    """Return the core for these settings, with nothing received yet."""
    modbus = settings.modbus
    image = RegisterImage(TABLE, late_s=modbus.registers_late_after_seconds, no_data=tuning.no_data(modbus))
    walks = Walks(TABLE, tuning.walk_times(modbus))
    gateway = Gateway(
        image=image,
        plant=Plant(TABLE, names=settings.zone_names, stale=tuning.stale_times(modbus)),
        commands=Commands(TABLE, image, walks, tuning.command_times(modbus)),
        unit_ids=modbus.slave_id,
        clock=clock,
        last_reports=LastReports(image) if modbus.idle_reply is IdleReply.LAST_REPORT else None,
    )
    server = settings.server
    own_line = not server.listens and "://" not in server.serial_port
    gateway.watch.line = f"{server.baudrate} 8{server.parity}{server.stopbits}" if own_line else None
    return gateway


def line_facts(settings: Settings) -> LineFacts:
    """Return how the bytes of the link are to be read where a connection does not tell."""
    translated = settings.server.listens and settings.server.type is ServerType.TCP
    framing = Framing.MBAP if translated else Framing.RTU
    return LineFacts(framing=framing, unit_ids=tuple(settings.modbus.slave_id))


async def run(
    settings: Settings, *, problem: str | None = None, log_lines: Callable[[], Sequence[str]] = tuple
) -> None:
    """Run the gateway until SIGTERM or SIGINT; return normally, so that the process ends with 0.

    With a `problem` in the options the page and the API are served, to show it, and bus and MQTT are left alone:
    unit ids, link and names would be guesses.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _LOG.info("Nea Smart gateway %s starts", __version__)
    _tell_what_has_no_effect(settings)
    gateway = build_gateway(settings)
    store = Store(settings.database, settings.modbus, gateway)
    await store.open()
    facts = line_facts(settings)
    data = Path(settings.database.path).parent
    recorder = Recorder(data / FOLDER, facts, gateway)
    tap = Tap(gateway, facts, recorder)
    history = store if settings.database.history_enabled else None
    sights = Sights(recorder=recorder, last_frames=tap.last_frames, log_lines=log_lines)
    web = WebServer(settings, gateway, store, history=history, sights=sights)
    reloader = Reloader(settings, gateway, web, load=settings_loading.load, files=settings_loading.files())
    loop.add_signal_handler(signal.SIGHUP, reloader.wake)
    edges: dict[str, Callable[[], Awaitable[None]]] = {
        "clock": lambda: _tick(gateway),
        "bus": Link(settings.server, settings.modbus, gateway, on_bytes=tap).run,
        "store": store.run,
        "web": web.run,
        "mqtt": MqttBridge(settings.mqtt, gateway, surroundings=Surroundings(memory=data / "mqtt.json")).run,
        "settings": reloader.run,
    }
    if problem is not None:
        _LOG.error(
            "The options cannot be used: %s. Correct them and start again; until then only the page works", problem
        )
        gateway.hub.publish(SETTINGS, SettingsStatus(problem=problem))
        gateway.hub.publish(LINK, LinkStatus(code="settings_error", detail=f"The options cannot be used: {problem}"))
        del edges["bus"], edges["mqtt"]
    # What has been made by now lives as long as the process; looking through it again would stop the bus for 20 ms.
    gc.freeze()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_kept_running(name, edge), name=name) for name, edge in edges.items()]
        await stop.wait()
        _LOG.info("Nea Smart gateway stops")
        for task in tasks:
            task.cancel()
    await recorder.stop()
    await store.close()


async def _tick(gateway: Gateway) -> None:
    while True:
        gateway.tick(gateway.clock.monotonic())
        await asyncio.sleep(_TICK_S)


def _tell_what_has_no_effect(settings: Settings) -> None:
    if settings.modbus.idle_reply is IdleReply.LAST_REPORT:
        _LOG.warning(
            "modbus.idle_reply is last_report: a message that was lost makes the base take its old value again"
        )
    for key, reason in WITHOUT_EFFECT.items():
        if getattr(settings.modbus, key) != getattr(ModbusSettings(), key):
            _LOG.info("modbus.%s has no effect: %s", key, reason)


async def _kept_running(name: str, edge: Callable[[], Awaitable[None]]) -> None:
    """Start an edge again if it ends by a defect, so that it costs only its own feature."""
    while True:
        try:
            await edge()
        except Exception:  # noqa: BLE001 - the outermost loop of every edge
            _LOG.exception("%s failed and starts again in %g s", name, _EDGE_RETRY_S)
        else:
            _LOG.error("%s ended by itself and starts again in %g s", name, _EDGE_RETRY_S)
        await asyncio.sleep(_EDGE_RETRY_S)
