"""Live settings: what can be applied is applied, the rest is named, and a wrong file changes nothing."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from neasmart import config, settings_loading
from neasmart.app import build_gateway
from neasmart.config import ApiSettings, Settings
from neasmart.gateway import SETTINGS, Gateway
from neasmart.plant import Reading
from neasmart.reload import Reloader, different
from neasmart.status import SettingsStatus
from neasmart.web.health import DEGRADED, health
from tests.support.processes import eventually, gateway_process


class House:
    """A gateway whose settings stand in one file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "config.json"
        self.write({})
        self.environment = {
            settings_loading.CONFIG_FILE: str(self.file),
            settings_loading.OPTIONS_FILE: str(folder / "options.json"),
        }
        (folder / "options.json").write_text("{}", encoding="utf-8")
        self.settings = self.load()
        self.gateway: Gateway = build_gateway(self.settings)
        self.applied: list[ApiSettings] = []
        self.reloader = Reloader(
            self.settings,
            self.gateway,
            self,
            load=self.load,
            files=settings_loading.files(self.environment),
            look_s=0.05,
        )

    def apply(self, api: ApiSettings) -> None:
        self.applied.append(api)

    def load(self) -> Settings:
        return settings_loading.load(self.environment)

    def write(self, content: object) -> None:
        self.file.write_text(json.dumps(content), encoding="utf-8")

    async def change(self, content: object) -> SettingsStatus:
        self.write(content)
        await self.reloader.reload()
        return self.status

    @property
    def status(self) -> SettingsStatus:
        return self.gateway.hub.state(SETTINGS, SettingsStatus) or SettingsStatus()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    loggers = [logging.getLogger(), logging.getLogger("neasmart")]
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


async def test_names_of_zones_are_told_to_all_who_show_them(house: House) -> None:
    with house.gateway.hub.subscribed() as (_, subscription):
        await house.change({"zones": [{"base": 1, "zone": 3, "name": "Study"}]})
        told = [item for item in subscription.take().values() if isinstance(item, Reading)]

    assert house.gateway.plant.zone_name(1, 3) == "Study"
    assert {reading.ref.index for reading in told} == {(1, 3)}


async def test_times_and_level_count_at_once(house: House) -> None:
    modbus = {"registers_stale_after_seconds": 60, "registers_late_after_seconds": 5, "command_grace_walks": 7}

    status = await house.change({"modbus": modbus, "logging": {"level": "error"}})

    gateway = house.gateway
    assert (gateway.plant.stale_times.stale_s, gateway.plant.stale_times.warn_s, gateway.image.late_s) == (60, 5, 5)
    assert gateway.commands.times.grace_walks == 7
    assert logging.getLogger("neasmart").level == logging.ERROR
    assert status.restart_needed == ()


async def test_keys_are_applied_and_ports_wait_for_the_restart(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="neasmart")

    status = await house.change({"api": {"key": "a-very-secret-key", "enable_auth": True, "port": 5009}})

    assert [(api.key, api.enable_auth, api.port) for api in house.applied] == [("a-very-secret-key", True, 5001)]
    assert status.restart_needed == ("api.port",)
    assert "api.port" in caplog.text
    assert "a-very-secret-key" not in caplog.text


async def test_what_is_changed_back_needs_no_restart(house: House) -> None:
    assert (await house.change({"server": {"port": 503}})).restart_needed == ("server.port",)

    assert (await house.change({})).restart_needed == ()


async def test_a_wrong_file_keeps_everything_and_says_why(house: House, caplog: pytest.LogCaptureFixture) -> None:
    names = [{"base": 1, "zone": 3, "name": "Study"}]
    await house.change({"zones": names})

    status = await house.change({"zones": [], "api": {"port": 0}})

    assert house.gateway.plant.zone_name(1, 3) == "Study"
    assert status.problem is None
    assert status.refused is not None
    assert "api.port" in status.refused
    assert "api.port" in caplog.text
    answer = health(house.gateway, house.gateway.clock.monotonic())
    assert answer["status"] == DEGRADED
    assert answer["settings"]["refused"] == status.refused
    assert any("api.port" in reason for reason in answer["reasons"])
    assert (await house.change({"zones": names})).refused is None


async def test_after_a_start_with_wrong_settings_nothing_is_applied_by_halves(house: House) -> None:
    house.gateway.hub.publish(SETTINGS, SettingsStatus(problem="server.port = 0"))

    status = await house.change({"zones": [{"base": 1, "zone": 3, "name": "Study"}], "server": {"port": 503}})

    assert house.gateway.plant.zone_name(1, 3) is None
    assert (status.problem, status.restart_needed) == ("server.port = 0", ("server.port",))


async def test_a_changed_file_is_noticed(house: House) -> None:
    running = asyncio.create_task(house.reloader.run())
    try:
        with house.gateway.hub.subscribed() as (_, subscription):
            house.write({"server": {"port": 50_000}})
            async with asyncio.timeout(10):
                while SETTINGS not in await subscription.batch():
                    pass
    finally:
        running.cancel()

    assert house.status.restart_needed == ("server.port",)


def test_no_setting_is_forgotten_when_two_are_compared() -> None:
    other = Settings(zones=[config.ZoneSettings(base=1, zone=1, name="x")], mqtt=config.MqttSettings(password="x"))

    assert different(Settings(), other) == ["mqtt.password", "zones"]
    assert different(other, other) == []


def test_a_running_gateway_takes_a_name_on_sighup(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text("{}", encoding="utf-8")
    with gateway_process(tmp_path, NEASMART_CONFIG_FILE=str(file)) as gateway:
        file.write_text('{"server": {"parity": "E"}}', encoding="utf-8")
        assert gateway.process is not None
        os.kill(gateway.process.pid, signal.SIGHUP)

        eventually(lambda: gateway.get("/api/v1/health")["settings"]["restart_needed"] == ["server.parity"])

        assert "server.parity" in gateway.log
        assert gateway.stop() == 0
