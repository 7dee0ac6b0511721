"""What runs by the settings follows them: what can change in place does, the rest begins anew."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from neasmart.core.state.plant import Reading
from neasmart.settings.model import DatabaseSettings, LoggingSettings, LogLevel, ModbusSettings, Settings, ZoneSettings
from neasmart.sysbus import Recorder
from neasmart.wiring.app import _tell_what_has_no_effect, build_gateway
from neasmart.wiring.archive import Archive
from neasmart.wiring.keeper import Keeper, line_facts


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    loggers = [logging.getLogger(), logging.getLogger("neasmart")]
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


async def test_times_names_and_level_change_in_place(tmp_path: Path) -> None:
    settings = Settings(database=DatabaseSettings(path=str(tmp_path / "neasmart.db")))
    gateway = build_gateway(settings)
    house = Keeper(settings, gateway, Archive(gateway), Recorder(tmp_path, line_facts(settings), gateway))
    modbus = ModbusSettings(
        registers_stale_after_seconds=60, registers_late_after_seconds=5, command_grace_walks=7, walk_assumed_seconds=9
    )
    changed = msgspec.structs.replace(
        settings,
        modbus=modbus,
        logging=LoggingSettings(level=LogLevel.ERROR),
        zones=[ZoneSettings(base=1, zone=3, name="Study")],
    )

    with gateway.hub.subscribed() as (_, subscription):
        house.use_live(settings, changed)
        told = [item for item in subscription.take().values() if isinstance(item, Reading)]

    assert (gateway.plant.stale_times.stale_s, gateway.plant.stale_times.warn_s, gateway.image.late_s) == (60, 5, 5)
    assert gateway.commands.times.grace_walks == 7
    assert gateway.bus.walks.times.assumed_s == 9
    assert logging.getLogger("neasmart").level == logging.ERROR
    assert {reading.ref.index for reading in told} == {(1, 3)}


def test_a_setting_that_changes_nothing_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    _tell_what_has_no_effect(Settings(modbus=ModbusSettings(sync_on_startup=False, sync_interval=30)))

    why = "has no effect: every poll without a command makes the base write its own value anyway"
    assert caplog.messages == [f"modbus.sync_on_startup {why}", f"modbus.sync_interval {why}"]
