"""The set-up of .github/FLEET.md works as it is written: many houses on one broker, none of which reaches another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import aiomqtt
import pytest

from neasmart.core.commands.command import CommandState
from neasmart.core.gateway import Gateway
from neasmart.settings.loading import environment_names
from neasmart.settings.model import MqttSettings
from tests.mqtt.conftest import bridged
from tests.support.mosquitto import Mosquitto, Watcher, eventually, watching

PAGE = (Path(__file__).parents[2] / ".github/FLEET.md").read_text(encoding="utf-8")
MANAGER = {"username": "manager", "password": "m"}


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def settings_of(house: str, broker: Mosquitto) -> MqttSettings:
    written = dict(line.split("=", 1) for line in block("ini").splitlines() if "=" in line)
    return MqttSettings(
        host="127.0.0.1",
        port=broker.port,
        username=written["NEASMART_MQTT_USERNAME"].replace("house42", house),
        password=f"of {house}",
        node_id=written["NEASMART_MQTT_NODE_ID"].replace("house42", house),
        discovery_prefix=written["NEASMART_MQTT_DISCOVERY_PREFIX"].replace("house42", house),
    )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Mosquitto]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    rules = folder / "rules"
    rules.write_text(block("acl"), encoding="utf-8")
    rules.chmod(0o644)
    broker = Mosquitto(folder, extra=f"acl_file {rules}\n")
    broker.allow_only(MANAGER["username"], MANAGER["password"], house41="of house41", house42="of house42")
    broker.start()
    yield broker
    broker.kill()


async def test_houses_report_under_their_names_and_the_manager_commands_one(
    cluster: Mosquitto, gateway: Gateway, neighbour: Gateway
) -> None:
    async with (
        watching(cluster.port, "neasmart/#", **MANAGER) as manager,
        bridged(neighbour, settings_of("house41", cluster)),
        bridged(gateway, settings_of("house42", cluster)),
    ):
        for house in ("house41", "house42"):
            await manager.sees(f"neasmart/{house}/status", "online")
            assert manager.retained[f"neasmart/{house}/zone/1/1/temperature"] == "22"
            device = manager.json(f"neasmart/{house}/discovery/device/{house}_zone_1_1/config")
            assert f"neasmart/{house}/zone/1/1/setpoint/set" in str(device)

        await manager.send("neasmart/house42/zone/1/1/setpoint/set", "23.5")
        await eventually(lambda: gateway.commands.pending)

        assert [command.value for command in gateway.commands.pending] == [23.5]
        assert not neighbour.commands.pending


async def test_a_house_neither_commands_nor_sees_nor_slanders_another(cluster: Mosquitto, gateway: Gateway) -> None:
    async with (
        watching(cluster.port, "neasmart/#", **MANAGER) as manager,
        bridged(gateway, settings_of("house42", cluster)),
        watching(cluster.port, "#", username="house41", password="of house41") as other,
    ):
        await manager.sees("neasmart/house42/status", "online")
        for topic in (
            "neasmart/house42/zone/1/1/setpoint/set",
            "neasmart/house42/zone/1/1/temperature",
            "neasmart/house42/discovery/device/house42_zone_1_1/config",
            "command/house42/zone/1/1/setpoint/set",
        ):
            # The broker may hang up on whoever tries.
            with suppress(aiomqtt.MqttError):
                async with aiomqtt.Client(
                    "127.0.0.1", cluster.port, username="house41", password="of house41"
                ) as client:
                    await client.publish(topic, "23.5")
        await other.send("neasmart/house41/status", "mine")
        await manager.sees("neasmart/house41/status", "mine")

        assert not gateway.commands.pending
        assert "23.5" not in manager.retained.values()
        assert not [topic for topic in other.retained if "house42" in topic]


@pytest.fixture
def local(tmp_path: Path, cluster: Mosquitto) -> Iterator[Mosquitto]:
    """Yield the broker of a house with Home Assistant, which passes on what it hears."""
    folder = tmp_path / "local"
    folder.mkdir()
    written = block("conf")
    for before, after in (
        ("broker.example.com:8883", f"127.0.0.1:{cluster.port}"),
        ("bridge_capath /etc/ssl/certs\n", ""),
        ("a-password-of-this-house-alone", "of house42"),
    ):
        assert before in written
        written = written.replace(before, after)
    broker = Mosquitto(folder, extra=written)
    broker.start()
    yield broker
    broker.kill()


async def test_a_house_with_its_own_broker_is_seen_and_commanded_through_it(
    cluster: Mosquitto, local: Mosquitto, gateway: Gateway
) -> None:
    settings = MqttSettings(host="127.0.0.1", port=local.port)
    async with (
        watching(cluster.port, "neasmart/#", **MANAGER) as manager,
        watching(local.port) as home,
        bridged(gateway, settings),
    ):
        await manager.sees("neasmart/house42/status", "online")
        await manager.sees("neasmart/house42/zone/1/1/temperature", "22")

        await command(manager, "command/house42/zone/1/1/setpoint/set", "23.5", gateway)
        await command(manager, "command/house42/global/mode/set", "auto", gateway)
        await manager.until(lambda seen: seen.json("neasmart/house42/zone/1/1/last_command")["result"] == "queued")
        # What had gone in a circle would have come back before that answer, and before another command.
        await command(manager, "command/house42/zone/1/2/setpoint/set", "19.5", gateway)

        assert home.payloads("neasmart/neasmart/zone/1/1/setpoint/set") == ["23.5"]
        assert [each.state for each in gateway.commands.recent] == [CommandState.QUEUED] * 3


async def command(manager: Watcher, topic: str, payload: str, gateway: Gateway) -> None:
    before = len(gateway.commands.recent)
    await manager.send(topic, payload)
    await eventually(lambda: len(gateway.commands.recent) > before)


def test_every_setting_of_the_page_exists() -> None:
    written = re.findall(r"^([A-Z_]+)=", block("ini"), re.MULTILINE)

    assert len(written) == 8
    assert set(written) <= environment_names().keys()
