"""Runs the gateway and a simulated base with its house as two processes, to look at without hardware."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from neasmart.facts.errors import SettingsError
from neasmart.facts.network import API
from neasmart.facts.process import terminal
from neasmart.settings import loading as settings_loading
from neasmart.settings.model import Settings
from neasmart.simulator.home import past
from neasmart.simulator.home.base import BaseStation
from neasmart.simulator.home.house import DEMO
from neasmart.store.past import remember

FOLDER = Path("data/demo")
DATABASE = FOLDER / "neasmart.db"
SEED = 1
WALK_S = 6.0
TURNS = 0.0002
"""Somebody turns a thermostat once in some minutes."""
HOUSE_SPEED = 30.0
_HEALTHY_WITHIN_S = 20.0
_STOP_WITHIN_S = 2.5
_SETTINGS = {
    "server": {"type": "tcp", "address": "127.0.0.1", "port": 1502},
    "api": {"host": "127.0.0.1", "port": 5001, "ingress_host": "127.0.0.1", "ingress_port": 8099},
    "database": {"path": str(DATABASE)},
    "zones": [{"base": room.base_id, "zone": room.zone_id, "name": room.name} for room in DEMO.rooms],
}


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Add nothing: a demo needs no choice."""


def run(_namespace: argparse.Namespace) -> int:
    """Run the demo; see `shown`."""
    return asyncio.run(shown())


async def shown() -> int:
    """Run until Ctrl-C, SIGTERM or the end of the terminal; return 0, or 1 if a process ended by itself."""
    environment = {settings_loading.CONFIG_FILE: _written_settings(), **os.environ}
    settings = settings_loading.load(environment)
    _refuse_taken(
        {
            "NEASMART_API_PORT": settings.api.port,
            "NEASMART_INGRESS_PORT": settings.api.ingress_port,
            "NEASMART_SERVER_PORT": settings.server.port,
        }
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    hour = past.hour_now()
    if settings.database.path == str(DATABASE):
        await asyncio.to_thread(_remember_a_day, hour)
    gateway = await _start(environment, "run")
    house = await _start(environment, *_simulation(settings, hour))
    ended = {
        asyncio.create_task(process.wait(), name=name)
        for name, process in (("gateway", gateway), ("simulated base", house))
    }
    stopping = asyncio.create_task(stop.wait())
    watching = asyncio.create_task(_stop_with_the_terminal(stop))
    serving = asyncio.create_task(_serving(settings.api.port))
    serving.add_done_callback(lambda _: _say_where(settings))
    first, _ = await asyncio.wait({*ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not stop.is_set():
        _say_what_ended(first)
    for task in (stopping, watching, serving):
        task.cancel()
    for process in (gateway, house):
        if process.returncode is None:
            process.terminate()
    _, late = await asyncio.wait(ended, timeout=_STOP_WITHIN_S)
    if late:
        for process in (gateway, house):
            if process.returncode is None:
                process.kill()
    return 0 if stop.is_set() else 1


def _written_settings() -> str:
    file = FOLDER / "config.json"
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(_SETTINGS, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be written ({error.strerror}): begin the demo in a folder of yours"
        ) from error
    return str(file)


def _simulation(settings: Settings, hour: float) -> tuple[str, ...]:
    """Return the arguments of a base that goes on from its past and is told by the page what people command."""
    return (
        *("simulate", "--tcp", f"127.0.0.1:{settings.server.port}", "--house", "demo", "--seed", str(SEED)),
        *("--cycle", f"{WALK_S:g}", "--speed", f"{HOUSE_SPEED:g}", "--lived-in", f"{hour:g}"),
        *("--tells", "after", "--follow-delay", "1", "--turns", f"{TURNS:g}"),
        *("--commands", f"http://127.0.0.1:{settings.api.ingress_port}"),
    )


def _remember_a_day(hour: float) -> None:
    """Let the demo's own database, made anew, hold the past of the house that its base goes on from."""
    for name in (DATABASE, *(DATABASE.with_name(DATABASE.name + end) for end in ("-wal", "-shm"))):
        name.unlink(missing_ok=True)
    house = past.unlived(DEMO, seed=SEED, hour=hour)
    past.settle(house)
    base = BaseStation(house)
    addresses = base.addresses
    minutes = ({address: base.word(address) for address in addresses} for _ in past.live_a_day(base))
    remember(DATABASE, minutes, until_s=time.time())


async def _start(environment: Mapping[str, str], *arguments: str) -> asyncio.subprocess.Process:
    # A session of its own keeps the terminal's Ctrl-C here, so that both processes stop in order.
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "neasmart.cli.tethered", str(os.getpid()), *arguments),
        env=environment,
        start_new_session=True,
    )


async def _stop_with_the_terminal(stop: asyncio.Event) -> None:
    await terminal.closed()
    stop.set()


async def _serving(port: int) -> None:
    async with asyncio.timeout(_HEALTHY_WITHIN_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return


def _say_where(settings: Settings) -> None:
    api, page = settings.api.port, settings.api.ingress_port
    _tell(
        sys.stdout,
        f"\n  Page:  http://127.0.0.1:{page}/\n"
        f"  API:   http://127.0.0.1:{api}{API}/zones  and  http://127.0.0.1:{api}/health\n"
        f"  Bus:   Modbus TCP on 127.0.0.1:{settings.server.port}, served to a simulated base\n"
        "  Stop:  Ctrl-C\n\n",
    )


def _say_what_ended(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in sorted(tasks, key=asyncio.Task.get_name):
        _tell(
            sys.stderr, f"The demo ends because its {task.get_name()} has ended by itself, with code {task.result()}\n"
        )


def _tell(stream: TextIO, text: str) -> None:
    # A terminal that was closed takes nothing any more.
    with contextlib.suppress(OSError):
        stream.write(text)
        stream.flush()


def _refuse_taken(ports: Mapping[str, int]) -> None:
    taken = [f"{port} ({name}: {reason})" for name, port in ports.items() if (reason := _refusal(port)) is not None]
    if taken:
        raise SettingsError(
            f"these ports cannot be used: {', '.join(taken)}. Stop the program that uses them, or choose others by the "
            "names in brackets"
        )


def _refusal(port: int) -> str | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.strerror
    return None
