"""The promise that matters most: what was stored or commanded before a restart never reaches the base after it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymodbus.client import ModbusTcpClient

from neasmart.facts.codecs import encode_dpt9
from neasmart.facts.points import TABLE
from tests.support.processes import GatewayProcess, eventually, gateway_process

STATE, SETPOINT, TEMPERATURE = (TABLE.ref(f"zone.1.1.{key}") for key in ("state", "setpoint", "temperature"))


class Base:
    """The master's side, by pymodbus."""

    def __init__(self, port: int) -> None:
        self.client = ModbusTcpClient("127.0.0.1", port=port, timeout=10, retries=3)
        assert self.client.connect()

    def broadcast(self, address: int, words: list[int]) -> None:
        self.client.write_registers(address, words, device_id=0, no_response_expected=True)

    def poll(self, address: int, count: int, unit_id: int = 240) -> list[int]:
        answer = self.client.read_holding_registers(address, count=count, device_id=unit_id)
        assert not answer.isError(), answer
        return list(answer.registers)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    with gateway_process(tmp_path, NEASMART_DATABASE_FLUSH_INTERVAL_SECONDS="1") as process:
        yield process


def test_nothing_from_before_a_kill_is_served_to_a_base_that_has_moved_on(gateway: GatewayProcess) -> None:
    base = Base(gateway.bus_port)
    base.broadcast(STATE.address, [1, encode_dpt9(7.0), encode_dpt9(18.0)])
    eventually(lambda: gateway.get("/api/v1/health")["database"]["transactions"])
    status, answer = gateway.call("POST", "/api/v1/zones/1/1", {"setpoint": 8.5})
    assert (status, answer["updated"]["setpoint_encoded"]) == (200, encode_dpt9(8.5))
    assert base.poll(SETPOINT.address, 1) == [encode_dpt9(8.5)]
    base.client.close()
    gateway.stop(signal.SIGKILL)

    gateway.start()
    base = Base(gateway.bus_port)

    shown = gateway.found("/api/v1/zones/1/1")
    assert (shown["temperature"], shown["stale"], shown["pending"]) == (18.0, True, None)
    for unit_id in (240, 241):
        assert base.poll(TABLE.ref("global.mode").address, 2, unit_id) == [10, 10]
        assert base.poll(STATE.address, 2, unit_id) == [0, 0]
    base.broadcast(STATE.address, [1, encode_dpt9(21.5)])
    assert base.poll(STATE.address, 2) == [0, 0]
    base.client.close()


def test_an_unread_command_expires_and_the_base_never_sees_it(tmp_path: Path) -> None:
    patience = {f"NEASMART_MODBUS_COMMAND_DELIVERY_TIMEOUT_{unit}": "1" for unit in ("SECONDS", "WALKS")}
    with gateway_process(tmp_path, NEASMART_MODBUS_WALK_ASSUMED_SECONDS="1", **patience) as gateway:
        status, answer = gateway.call("PUT", f"/api/v1/points/{SETPOINT.id}?queue=true", {"value": 22.5})
        assert (status, answer["state"]) == (202, "queued")
        path = f"/api/v1/commands/{answer['id']}"

        eventually(lambda: gateway.get(path)["state"] == "expired")

        base = Base(gateway.bus_port)
        assert base.poll(SETPOINT.address, 1) == [0]
        base.client.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_takes_less_than_three_seconds_and_ends_with_0(gateway: GatewayProcess, number: int) -> None:
    base = Base(gateway.bus_port)
    base.broadcast(STATE.address, [1, encode_dpt9(21.0), encode_dpt9(20.0)])
    began = time.monotonic()

    code = gateway.stop(number)

    assert code == 0
    assert time.monotonic() - began < 3.0
    assert "Traceback" not in gateway.log
    base.client.close()


def test_what_was_known_at_a_stop_is_shown_as_stale_after_it(gateway: GatewayProcess) -> None:
    base = Base(gateway.bus_port)
    base.broadcast(STATE.address, [1, encode_dpt9(21.0), encode_dpt9(20.0)])
    assert base.poll(STATE.address, 1) == [0]
    base.client.close()
    gateway.stop()

    gateway.start()

    zone = gateway.found("/api/v1/zones/1/1")
    assert (zone["state"], zone["setpoint"], zone["temperature"], zone["stale"]) == (1, 21.0, 20.0, True)


def test_settings_that_do_not_fit_are_named_in_one_line_of_the_log(tmp_path: Path) -> None:
    with gateway_process(tmp_path, NEASMART_SERVER_TYPE="udp") as gateway:
        (line,) = [line for line in gateway.log.splitlines() if "NEASMART_SERVER_TYPE" in line]

    assert '"udp" is not allowed' in line
    assert "Closed until it is corrected: bus" in line


def test_broken_options_are_shown_and_leave_the_bus_alone(tmp_path: Path) -> None:
    options = tmp_path / "options.json"
    options.write_text('{"modbus": {"slave_id": 999}}', encoding="utf-8")

    with gateway_process(tmp_path, NEASMART_OPTIONS_FILE=str(options)) as gateway:
        health = gateway.get("/api/v1/health")

        assert health["status"] != "healthy"
        assert "options.json" in health["modbus"]["detail"]
        assert "modbus.slave_id" in health["modbus"]["detail"]
        client = ModbusTcpClient("127.0.0.1", port=gateway.bus_port, timeout=1, retries=0)
        assert not client.connect()


def test_what_the_owner_says_of_rooms_outlives_a_restart_and_a_lost_database(gateway: GatewayProcess) -> None:
    rooms = {"rooms": [{"base_id": 1, "zone_id": 1, "name": "Salon", "floor": "Ground", "position": 1, "hidden": True}]}
    status, document = gateway.call("PUT", "/api/v1/rooms", rooms)
    assert (status, document["stored"]) == (200, True)
    gateway.stop()
    for path in gateway.folder.glob("neasmart.db*"):
        path.unlink()

    gateway.start()

    assert gateway.get("/api/v1/rooms") == document
    assert gateway.get("/api/v1/zones/1/1")["name"] == "Salon"
