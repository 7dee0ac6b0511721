"""Builds the one object graph from the settings and runs its edges until the process is told to stop.

Every edge runs in one task group and looks after itself: it retries, and reports by status, never by an exception.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from neasmart import __version__
from neasmart.core.commands.commands import Commands
from neasmart.core.gateway import Gateway
from neasmart.core.state.image import LastReports, RegisterImage
from neasmart.core.state.plant import Plant
from neasmart.core.state.walks import Walks
from neasmart.facts.clock import Clock
from neasmart.facts.points import TABLE
from neasmart.settings import loading as settings_loading
from neasmart.settings.checks import Judged
from neasmart.settings.model import WITHOUT_EFFECT, IdleReply, ModbusSettings, Settings
from neasmart.supervisor import Supervisor
from neasmart.sysbus import Recorder
from neasmart.sysbus.capture.recorder import FOLDER
from neasmart.web import Sights, WebServer
from neasmart.wiring import tuning
from neasmart.wiring.archive import Archive
from neasmart.wiring.edges import Edges
from neasmart.wiring.keeper import Keeper, line_facts, line_of
from neasmart.wiring.open_ports import OpenPorts
from neasmart.wiring.reload import Reloader, Watched
from neasmart.wiring.settings_store import SettingsStore
from neasmart.wiring.setup_guide import SetupGuide

__all__ = ["build_gateway", "line_facts", "run"]

_LOG = logging.getLogger(__name__)
_SETTLED_S = 5.0
"""By then the edges have made what they keep, too."""


def build_gateway(settings: Settings, clock: Clock | None = None) -> Gateway:
    """Return the core for these settings, with nothing received yet."""
    modbus = settings.modbus
    times = tuning.times(modbus)
    image = RegisterImage(TABLE, late_s=times.stale.warn_s, no_data=tuning.no_data(modbus))
    walks = Walks(TABLE, times.walks)
    last_reports = LastReports(image, lambda: 2 * walks.walk_s)
    gateway = Gateway(
        image=image,
        plant=Plant(TABLE, stale=times.stale),
        commands=Commands(TABLE, image, walks, times.commands),
        unit_ids=modbus.slave_id,
        clock=clock,
        last_reports=last_reports if modbus.idle_reply is IdleReply.LAST_REPORT else None,
    )
    gateway.derived.use(tuning.margins(settings.mqtt))
    gateway.watch_bus(modbus.slave_id, line=line_of(settings))
    gateway.take_over_rooms(tuning.first_rooms(settings))
    return gateway


async def run(found: Judged, *, log_lines: Callable[[], Sequence[str]] = tuple) -> None:
    """Run the gateway until SIGTERM or SIGINT; return normally, so that the process ends with 0.

    What the settings close stays closed until they are corrected; the page is always served, to show what is wrong.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _LOG.info("Nea Smart gateway %s starts", __version__)
    for note in found.notes:
        _LOG.info("%s", note)
    _tell_what_has_no_effect(found.settings)
    settings = found.settings
    gateway = build_gateway(settings)
    archive = Archive(gateway)
    recorder = Recorder(Path(settings.database.path).parent / FOLDER, line_facts(settings), gateway)
    supervisor = Supervisor.known_to(os.environ)
    keeper = Keeper(settings, gateway, archive, recorder, supervisor)
    reloader = Reloader(
        found,
        gateway,
        keeper.use,
        Watched(
            load=lambda options: settings_loading.load_judged(options=options),
            files=settings_loading.files(),
            saved=supervisor,
        ),
    )
    guide = SetupGuide(keeper, SettingsStore(os.environ, supervisor), reloader.follow)
    web = WebServer(
        settings,
        gateway,
        archive,
        history=archive if settings.database.history_enabled else None,
        sights=Sights(
            recorder=recorder,
            last_frames=keeper.last_frames,
            log_lines=log_lines,
            page_opened=reloader.page_opened,
            rooms=archive,
            guide=guide,
            page_on_api=supervisor is None,
        ),
    )
    loop.add_signal_handler(signal.SIGHUP, reloader.wake)
    async with asyncio.TaskGroup() as group:
        edges = Edges(group)
        await keeper.begin(edges, web, found.closed)
        edges.begin("settings", reloader.run)
        edges.begin("ports", OpenPorts(gateway, supervisor).run)
        # What has been made by now lives as long as the process; looking through it again would stop the bus for 20 ms.
        gc.freeze()
        loop.call_later(_SETTLED_S, gc.freeze)
        await stop.wait()
        _LOG.info("Nea Smart gateway stops")
        edges.end_all()
    await recorder.stop()
    await archive.close()


def _tell_what_has_no_effect(settings: Settings) -> None:
    if settings.modbus.idle_reply is IdleReply.LAST_REPORT:
        _LOG.warning(
            "modbus.idle_reply is last_report: a message that was lost makes the base take its old value again"
        )
    for key, reason in WITHOUT_EFFECT.items():
        if getattr(settings.modbus, key) != getattr(ModbusSettings(), key):
            _LOG.info("modbus.%s has no effect: %s", key, reason)
