"""Promise: whatever the broker or the Supervisor does costs nothing but MQTT; health says so, and it is tried again."""

from __future__ import annotations

import random
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.support.mosquitto import Mosquitto
from tests.support.processes import GatewayProcess, eventually, gateway_process
from tests.support.steady_base import OFTEN, SteadyBase, TcpLine, bounded, steady_base

CONNACK = bytes.fromhex("20 02 00 00")


@contextmanager
def house(folder: Path, port: int) -> Iterator[tuple[GatewayProcess, SteadyBase]]:
    with (
        gateway_process(folder, NEASMART_MQTT_HOST="127.0.0.1", NEASMART_MQTT_PORT=str(port), **OFTEN) as gateway,
        steady_base(lambda: TcpLine(gateway.bus_port)) as base,
    ):
        base.goes_on()
        yield gateway, base


def mqtt(gateway: GatewayProcess) -> Any:
    return gateway.get("/health")["mqtt"]


def is_connected(gateway: GatewayProcess) -> bool:
    return bool(mqtt(gateway)["connected"])


def test_a_broker_that_is_killed_frozen_and_full_costs_nothing_but_mqtt(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    try:
        with house(tmp_path, broker.port) as (gateway, base):
            eventually(lambda: is_connected(gateway))
            with bounded(gateway, descriptors=1):
                for _ in range(2):
                    broker.kill()
                    eventually(lambda: not is_connected(gateway))
                    assert "127.0.0.1" in mqtt(gateway)["detail"]
                    base.goes_on()
                    broker.start()
                    eventually(lambda: is_connected(gateway))

                broker.signal(signal.SIGSTOP)
                base.goes_on(100)
                assert gateway.get("/health")["status"] == "healthy"
                broker.signal(signal.SIGCONT)
                eventually(lambda: is_connected(gateway))

                broker.kill()
                # It takes a connection, but nothing that is longer than a short state.
                broker.extra = "max_packet_size 200\n"
                broker.start()
                eventually(lambda: "oversize packet" in broker.log_path.read_text())
                eventually(lambda: not is_connected(gateway))
                base.goes_on(100)
                broker.kill()
                broker.extra = ""
                broker.start()
                eventually(lambda: is_connected(gateway))
            assert gateway.get("/health")["status"] == "healthy"
            assert "Traceback" not in gateway.log
    finally:
        broker.kill()


@contextmanager
def liar() -> Iterator[tuple[int, list[int]]]:
    """Run a broker that welcomes everybody and then talks nonsense; give its port and how much each has heard."""
    heard: list[int] = []
    chance = random.Random(1)

    def lie() -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            with peer, suppress(OSError):
                peer.settimeout(5)
                peer.recv(1000)
                peer.sendall(CONNACK)
                heard.append(0)
                while heard[-1] < 1_000_000:
                    peer.sendall(chance.randbytes(10_000))
                    heard[-1] += 10_000

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lie, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_a_broker_that_lies_is_left_and_tried_again(tmp_path: Path) -> None:
    with liar() as (port, heard), house(tmp_path, port) as (gateway, base):
        eventually(lambda: heard)
        with bounded(gateway, growth_mib=12, descriptors=2):
            eventually(lambda: len(heard) >= 3)
            base.goes_on(100)
        assert base.slowest_s < 0.5
        health = gateway.get("/health")
        assert health["status"] == "healthy", health["reasons"]
        assert gateway.log.count("\n") < 100
        assert "Traceback" not in gateway.log


def test_a_supervisor_that_is_down_costs_nothing_but_mqtt(tmp_path: Path) -> None:
    with gateway_process(tmp_path, SUPERVISOR_TOKEN="not-to-be-logged", **OFTEN) as gateway:
        with steady_base(lambda: TcpLine(gateway.bus_port)) as base:
            eventually(lambda: "Supervisor cannot be reached" in mqtt(gateway)["detail"])
            base.goes_on(100)
            assert gateway.get("/health")["status"] == "healthy"
        assert gateway.stop() == 0
        assert "not-to-be-logged" not in gateway.log
