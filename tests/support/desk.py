"""A computer with sockets for serial devices and a gateway, with and without Home Assistant around it."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.fake_supervisor import TOKEN, FakeSupervisor, fake_supervisor
from tests.support.ingress import Ingress, ingress
from tests.support.plugs import PAUSE_S, Plugs, plugs
from tests.support.processes import GatewayProcess, eventually, running
from tests.support.steady_base import TcpLine
from tests.support.uart import walk

HOUSE = walk()
ROOMS = 8
"""So many zones has the house of `walk`."""
BEFORE: dict[str, Any] = {
    "modbus": {"command_hold_walks": 3.0},
    "logging": {"level": "info"},
    "server": {"allowed_peers": ["127.0.0.0/8"]},
}
"""What somebody has set already, and what the guide must leave alone."""
OFTEN = {
    "NEASMART_API_RATE_LIMIT": "0",
    "NEASMART_API_RATE_LIMIT_WRITES": "0",
    "NEASMART_MODBUS_REGISTERS_LATE_AFTER_SECONDS": "1",
    "NEASMART_DATABASE_FLUSH_INTERVAL_SECONDS": "1",
}
QUICK = {**OFTEN, "NEASMART_MQTT_ENABLED": "false"}


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A computer with sockets, its gateway, and Home Assistant before the page."""

    gateway: GatewayProcess
    sockets: Plugs
    proxy: Ingress

    @property
    def stored(self) -> dict[str, Any]:
        """The settings as they are kept."""
        return dict(json.loads((self.gateway.folder / "config.json").read_text(encoding="utf-8")))

    def clear(self) -> None:
        """Unplug everything, wait for a converter, and forget what was heard."""
        self.sockets.pull_all()
        (self.gateway.folder / "config.json").write_text(json.dumps(BEFORE), encoding="utf-8")
        self.on_page("POST", "setup/apply", {"listen": True})
        eventually(lambda: self.gateway.get("/api/v1/bus")["link"]["code"] == "waiting_for_peer")
        for room in self.gateway.get("/api/v1/zones")["zones"]:
            self.gateway.call("DELETE", f"/api/v1/zones/{room['base_id']}/{room['zone_id']}")
        nameless = [{"base_id": 1, "zone_id": zone, "name": "", "floor": ""} for zone in range(1, ROOMS + 1)]
        self.on_page("PUT", "rooms", {"rooms": nameless})
        self.proxy.opened_as = None

    def on_page(self, method: str, path: str, body: object = None) -> Any:
        """Ask the page's listener."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.gateway.ingress_port}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def open_page(self) -> None:
        """Open the page, as a browser does first."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.gateway.ingress_port}/", timeout=30) as answer:
            assert answer.status == 200


@contextmanager
def under_home_assistant(folder: Path, **environment: str) -> Iterator[tuple[FakeSupervisor, Desk]]:
    """A gateway that a Supervisor has started, which starts it anew when it is asked to."""
    with (
        fake_supervisor() as supervisor,
        plugs(folder) as sockets,
        started_by(supervisor, folder, sockets, **environment) as desk,
    ):
        yield supervisor, desk


@contextmanager
def started_by(supervisor: FakeSupervisor, folder: Path, sockets: Plugs, **environment: str) -> Iterator[Desk]:
    """Have a Supervisor start a gateway on the data in a folder."""
    options = folder / "options.json"
    options.write_text(json.dumps(supervisor.options), encoding="utf-8")
    gateway = GatewayProcess(
        folder,
        **sockets.environment(supervisor.url),
        SUPERVISOR_TOKEN=TOKEN,
        NEASMART_OPTIONS_FILE=str(options),
        **(environment or QUICK),
    )
    supervisor.network = {f"{gateway.bus_port}/tcp": None, "5001/tcp": None}

    def start_anew() -> None:
        gateway.stop()
        options.write_text(json.dumps(supervisor.options), encoding="utf-8")
        gateway.start()

    supervisor.on_restart = start_anew
    with running(gateway), ingress(gateway.ingress_port) as proxy:
        yield Desk(gateway=gateway, sockets=sockets, proxy=proxy)


@contextmanager
def converter_that_dials(port: int) -> Iterator[dict[int, int]]:
    """Play a converter that translates to Modbus TCP: it calls, and passes the base's words on.

    What is given are the setpoints by zone, as words; a test turns a thermostat by them.
    """
    stop = threading.Event()
    setpoints = dict.fromkeys(range(1, ROOMS + 1), 0x0C65)

    def run() -> None:
        called = TcpLine(port)
        while not stop.wait(0):
            for zone, setpoint in setpoints.items():
                called.tell(f"00 10 {zone * 100:04x} 00 03 06 0001 {setpoint:04x} 0C1A")
                called.ask(f"f0 03 {zone * 100:04x} 00 02")
                stop.wait(PAUSE_S)
        called.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield setpoints
    finally:
        stop.set()
        thread.join(30)
