"""A real Home Assistant Core takes our discovery, shows the house and commands it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from neasmart.core.gateway import Gateway
from neasmart.facts.points import TABLE
from neasmart.settings.model import MqttSettings
from tests.mqtt.conftest import bridged
from tests.support.gateways import base_polls, base_reports
from tests.support.home_assistant import ROOT as FOLDER
from tests.support.home_assistant import Core, installed_core, translate_device_discovery
from tests.support.mosquitto import Mosquitto, eventually, watching

OWN_PREFIX = "gateway_discovery"
ROOM = "climate.neasmart_zone_1_1"
HOUSE = "climate.neasmart_house"

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("home_assistant_core")]


@pytest.fixture(scope="session")
def core_python() -> Path:
    return installed_core()


@pytest.fixture
async def core(core_python: Path, mosquitto: Mosquitto, tmp_path: Path) -> AsyncIterator[Core]:
    ready = asyncio.Event()
    translating = asyncio.create_task(translate_device_discovery(mosquitto.port, OWN_PREFIX, ready))
    await ready.wait()
    core = Core(tmp_path, mosquitto.port)
    await core.start(core_python)
    yield core
    await core.stop()
    translating.cancel()
    await asyncio.gather(translating, return_exceptions=True)


def complaints(core: Core) -> list[str]:
    # The folder of the checkout may be named like one of these.
    lines = core.log.replace(str(FOLDER), "").splitlines()
    return [line for line in lines if "mqtt" in line.lower() or "neasmart" in line]


async def test_core_shows_the_house_with_names_units_and_limits(
    core: Core, mosquitto: Mosquitto, gateway: Gateway
) -> None:
    settings = MqttSettings(host="127.0.0.1", port=mosquitto.port, discovery_prefix=OWN_PREFIX)
    async with bridged(gateway, settings):
        # What is shown: names, units, limits.
        await core.until(lambda states: states[ROOM]["state"] == "heat")
        states = await core.ask("states")
        room = states[ROOM]
        assert room["friendly_name"] == "Living room"
        assert (room["current_temperature"], room["temperature"], room["current_humidity"]) == (22.0, 21.5, 45)
        assert (room["min_temp"], room["max_temp"], room["target_temp_step"]) == (5.0, 31.0, 0.5)
        assert room["hvac_modes"] == ["off", "auto", "heat"]
        assert room["hvac_action"] == "idle"
        assert room["preset_mode"] == "comfort"
        assert room["preset_modes"] == ["none", "comfort", "eco", "boost", "away"]
        assert states["climate.neasmart_zone_2_3"]["state"] == "off"
        assert states["climate.neasmart_zone_2_3"]["preset_mode"] == "none"
        assert states["sensor.neasmart_zone_1_1_temperature"]["state"] == "22"
        assert states["sensor.neasmart_zone_1_1_temperature"]["unit_of_measurement"] == "°C"
        assert states["sensor.neasmart_zone_1_1_humidity"]["state"] == "45"
        assert "sensor.neasmart_zone_1_2_humidity" not in states
        assert states["select.neasmart_zone_1_1_state"]["state"] == "Normal"
        assert states["select.neasmart_global_mode"]["state"] == "Heating"
        assert states["sensor.neasmart_global_outside_temperature"]["state"] == "15.2"
        assert states["binary_sensor.neasmart_global_warning"]["state"] == "on"
        assert states["binary_sensor.neasmart_global_error"]["device_class"] == "problem"
        assert states["binary_sensor.neasmart_mixed_circuit_1_pump"]["state"] == "on"
        assert states["sensor.neasmart_mixed_circuit_1_valve_opening"]["unit_of_measurement"] == "%"
        assert states["binary_sensor.neasmart_bus_link"]["state"] == "on"
        assert states["sensor.neasmart_zone_1_1_last_command"]["state"] == "unknown"
        devices = await core.ask("devices")
        assert devices["neasmart_zone_1_1"] == {"name": "Living room", "via": "NEA SMART 2.0"}
        entities = await core.ask("entities")
        assert entities[ROOM] == "neasmart_zone_1_1_climate"
        assert entities[HOUSE] == "neasmart_house"
        hidden = entities.keys() - states.keys()
        assert hidden == {
            *(f"sensor.neasmart_zone_{place}_setpoint" for place in ("1_1", "1_2", "2_3")),
            *(f"sensor.neasmart_{each}" for each in ("last_write_age", "polls_per_minute", "pending_commands")),
            "sensor.neasmart_global_mean_temperature",
        }
        assert states.keys() - {"zone.home"} <= entities.keys()
        house = states[HOUSE]
        assert (house["state"], house["preset_mode"], house["current_temperature"]) == ("heat", "comfort", 19.8)
        assert house["hvac_modes"] == ["off", "auto", "cool", "heat", "heat_cool"]
        assert states["sensor.neasmart_zone_1_1_dew_point"]["state"] == "9.5"
        assert states["binary_sensor.neasmart_zone_1_1_condensation"]["state"] == "off"
        assert states["binary_sensor.neasmart_zone_1_1_cold"]["state"] == "off"
        assert states["sensor.neasmart_wiring"]["state"] == "The gateway listens to the bus"
        assert states["event.neasmart_changed"]["state"] == "unknown"
        assert states["button.neasmart_read_all"]["state"] == "unknown"
        base_reports(gateway, "zone.1.1.setpoint", 20.0)
        changed = await core.until(lambda states: states["event.neasmart_changed"].get("room") and states)
        assert changed["event.neasmart_changed"]["event_type"] == "Target temperature changed"
        assert (changed["event.neasmart_changed"]["old"], changed["event.neasmart_changed"]["new"]) == ("21.5", "20")

    await core.until(lambda states: states[ROOM]["state"] == "unavailable")
    assert complaints(core) == []


async def test_what_a_user_does_in_core_reaches_the_base(core: Core, mosquitto: Mosquitto, gateway: Gateway) -> None:
    settings = MqttSettings(host="127.0.0.1", port=mosquitto.port, discovery_prefix=OWN_PREFIX)
    async with bridged(gateway, settings):
        await core.until(lambda states: states[ROOM]["state"] == "heat")

        # A setpoint from Core reaches the gateway, is shown at once, and confirmed by the base.
        assert await core.call("climate", "set_temperature", entity_id=ROOM, temperature=23.5) == {}
        await eventually(lambda: gateway.commands.live(TABLE.ref("zone.1.1.setpoint")))
        await core.until(lambda states: states[ROOM]["temperature"] == 23.5)
        base_polls(gateway, "zone.1.1.setpoint")
        base_reports(gateway, "zone.1.1.setpoint", 23.5)
        await core.until(lambda states: states["sensor.neasmart_zone_1_1_last_command"]["state"] == "Confirmed")
        last = (await core.ask("states"))["sensor.neasmart_zone_1_1_last_command"]
        assert (last["point"], last["value"], last["origin"]) == ("zone.1.1.setpoint", "23.5", "mqtt")

        # Off is standby, and a preset switches on again.
        await core.call("climate", "set_hvac_mode", entity_id=ROOM, hvac_mode="off")
        await core.until(lambda states: states[ROOM]["state"] == "off")
        # One action that switches on and sets: Core sends the mode first.
        await core.call("climate", "set_temperature", entity_id=ROOM, temperature=22, hvac_mode="heat")
        await core.until(lambda states: (states[ROOM]["state"], states[ROOM]["temperature"]) == ("heat", 22.0))
        await core.call("climate", "turn_off", entity_id=ROOM)
        await core.until(lambda states: states[ROOM]["state"] == "off")
        await core.call("climate", "turn_on", entity_id=ROOM)
        await core.until(lambda states: states[ROOM]["state"] == "heat")
        await core.call("climate", "set_preset_mode", entity_id=ROOM, preset_mode="away")
        await core.until(lambda states: (states[ROOM]["state"], states[ROOM]["preset_mode"]) == ("heat", "away"))
        await core.call("climate", "set_preset_mode", entity_id=ROOM, preset_mode="none")
        await core.until(lambda states: states[ROOM]["preset_mode"] == "comfort")

        # What cannot be is refused, said so, and not shown.
        await core.call("climate", "set_temperature", entity_id=ROOM, temperature=45)
        await core.until(lambda states: states["sensor.neasmart_zone_1_1_last_command"]["state"] == "Not taken")
        assert (await core.ask("states"))[ROOM]["temperature"] == 23.5

        # The global mode changes what a room can do.
        await core.call("select", "select_option", entity_id="select.neasmart_global_mode", option="Cooling")
        await core.until(lambda states: states["select.neasmart_global_mode"]["state"] == "Cooling")
        base_polls(gateway, "global.mode")
        base_reports(gateway, "global.mode", 3)
        await core.until(
            lambda states: (states[ROOM]["hvac_modes"], states[ROOM]["state"]) == (["off", "auto", "cool"], "cool")
        )
        assert (await core.ask("states"))[ROOM]["max_temp"] == 35.0
        assert (await core.ask("states"))[ROOM]["temperature"] == 23.5

    assert complaints(core) == []


async def test_core_forgets_a_room_that_is_removed(core: Core, mosquitto: Mosquitto, gateway: Gateway) -> None:
    settings = MqttSettings(host="127.0.0.1", port=mosquitto.port, discovery_prefix=OWN_PREFIX)
    async with bridged(gateway, settings):
        await core.until(lambda states: states[ROOM]["state"] == "heat")
        async with watching(mosquitto.port, f"{OWN_PREFIX}/#") as watcher:
            await watcher.send(f"{OWN_PREFIX}/device/neasmart_zone_1_1/config", "", retain=True)

            await core.until(lambda states: ROOM not in states)

        assert "climate.neasmart_zone_1_2" in await core.ask("states")
        assert ROOM not in await core.ask("entities")
