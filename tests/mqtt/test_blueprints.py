"""The blueprints: taken by a real Home Assistant Core, and seen to do what they promise."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiomqtt
import pytest
import yaml

from neasmart.core.gateway import Gateway
from neasmart.settings.model import Language, MqttSettings
from tests.mqtt.conftest import bridged
from tests.support.gateways import base_polls, base_reports
from tests.support.home_assistant import Core, installed_core, translate_device_discovery
from tests.support.mosquitto import Mosquitto

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "neasmart_addon" / "blueprints" / "automation"
DOCS = ROOT / "neasmart_addon" / "DOCS.md"
FILES = sorted(FOLDER.glob("*.yaml"))
PREFIX = "gateway_discovery"
ROOM, HOUSE = "climate.neasmart_zone_1_1", "climate.neasmart_house"

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("home_assistant_core")]


@asynccontextmanager
async def home(
    mosquitto: Mosquitto, folder: Path, gateway: Gateway, automations: Mapping[str, dict[str, Any]], **found: Any
) -> AsyncIterator[Core]:
    """Run a Core with automations of blueprints, then a gateway in German; helpers, which `found` sets, are the world.

    `automations` holds the inputs by blueprint; a second one of the same blueprint is called ``boost_2``. `more` are
    automations without a blueprint.
    """
    ready = asyncio.Event()
    translating = asyncio.create_task(translate_device_discovery(mosquitto.port, PREFIX, ready))
    await ready.wait()
    helpers = {
        "input_boolean": {name: {"initial": found.get(name, False)} for name in ("window", "holiday", "told")},
        "input_datetime": {
            "until": {"has_date": True, "has_time": True, "initial": found.get("until", "2099-01-01 00:00:00")}
        },
        "input_number": {"outside": {"min": -20, "max": 50, "initial": found.get("outside", 18)}},
        "input_text": {"memory": {"initial": found.get("memory", "")}},
        "template": [
            {
                "binary_sensor": [
                    {
                        "name": "window",
                        "device_class": "window",
                        "state": "{{ is_state('input_boolean.window', 'on') }}",
                    },
                    {"name": "closed", "device_class": "window", "state": "{{ false }}"},
                ],
                "sensor": [
                    {
                        "name": "outside",
                        "unit_of_measurement": "°C",
                        "state": "{{ states('input_number.outside') }}",
                        "attributes": {"preset_mode": "boost"},
                    }
                ],
            }
        ],
        "automation": [
            {"alias": name, "use_blueprint": {"path": f"neasmart/{name.partition('_')[0]}.yaml", "input": inputs}}
            for name, inputs in automations.items()
        ]
        + found.get("more", []),
    }
    core = Core(folder, mosquitto.port, more=helpers)
    shutil.copytree(FOLDER, core.folder / "blueprints" / "automation" / "neasmart")
    await core.start(installed_core())
    settings = MqttSettings(
        host="127.0.0.1", port=mosquitto.port, discovery_prefix=PREFIX, language=Language.DE, house="Haus"
    )
    try:
        async with bridged(gateway, settings):
            await core.until(lambda states: states[ROOM]["state"] in ("heat", "auto"))
            await core.until(lambda states: states[HOUSE]["state"] == "heat")
            states = await core.ask("states")
            assert {each["state"] for name, each in states.items() if name.startswith("automation.")} == {"on"}, (
                core.log
            )
            yield core
        assert not [line for line in core.log.splitlines() if "automation" in line or "blueprint" in line]
    finally:
        await core.stop()
        translating.cancel()
        await asyncio.gather(translating, return_exceptions=True)


@asynccontextmanager
async def goes_on(gateway: Gateway) -> AsyncIterator[asyncio.Task[None]]:
    """Let the base write now and then, however long a Core takes to start; whoever cancels the task silences it."""

    async def writes() -> None:
        while True:
            base_reports(gateway, "zone.1.1.humidity", 45)
            await asyncio.sleep(0.5)

    task = asyncio.create_task(writes())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


ROOM_2 = "climate.neasmart_zone_1_2"


async def switch(core: Core, helper: str, *, on: bool) -> None:
    await core.call("input_boolean", "turn_on" if on else "turn_off", entity_id=f"input_boolean.{helper}")


def no_time() -> dict[str, int]:
    return {"seconds": 0}


async def test_an_open_window_switches_a_room_off_and_back_to_what_it_was(
    mosquitto: Mosquitto, tmp_path: Path, gateway: Gateway
) -> None:
    base_reports(gateway, "zone.1.1.state", 4)
    inputs = {"windows": ["binary_sensor.window"], "room": ROOM, "opened": no_time(), "closed": no_time()}
    remembered = inputs | {"room": ROOM_2, "memory": "input_text.memory"}
    async with home(mosquitto, tmp_path, gateway, {"window": inputs, "window_2": remembered}) as core:
        await switch(core, "window", on=True)
        await core.until(lambda states: states[ROOM]["state"] == states[ROOM_2]["state"] == "off")
        assert (await core.ask("states"))["input_text.memory"]["state"] == "heat/eco"

        await switch(core, "window", on=False)
        await core.until(lambda states: states[ROOM]["state"] == "auto")
        await core.until(lambda states: (states[ROOM_2]["state"], states[ROOM_2]["preset_mode"]) == ("heat", "eco"))


async def test_a_boost_ends_by_itself(mosquitto: Mosquitto, tmp_path: Path, gateway: Gateway) -> None:
    base_reports(gateway, "zone.1.1.state", 4)
    inputs = {"rooms": [ROOM], "duration": {"seconds": 1}}
    async with home(mosquitto, tmp_path, gateway, {"boost": inputs}) as core:
        await core.until(lambda states: states[ROOM]["state"] == "auto")
        await core.call("climate", "set_preset_mode", entity_id=ROOM, preset_mode="boost")
        await core.until(lambda states: states[ROOM]["preset_mode"] == "boost")

        await core.until(lambda states: (states[ROOM]["state"], states[ROOM]["preset_mode"]) == ("auto", "none"))


async def test_a_holiday_ends_at_its_date(mosquitto: Mosquitto, tmp_path: Path, gateway: Gateway) -> None:
    inputs = {
        "toggle": "input_boolean.holiday",
        "until": "input_datetime.until",
        "house": HOUSE,
        "back": "comfort",
    }
    async with home(mosquitto, tmp_path, gateway, {"holiday": inputs}) as core:
        # The date of before has passed, so a holiday would never end.
        now = (await core.ask("now"))["now"]
        await core.call("input_datetime", "set_datetime", entity_id="input_datetime.until", timestamp=now - 60)
        seen = await core.until(lambda states: states["automation.holiday"]["last_triggered"])
        await switch(core, "holiday", on=True)
        await core.until(
            lambda states: (
                states["automation.holiday"]["last_triggered"] != seen and states["automation.holiday"]["current"] == 0
            )
        )
        assert (await core.ask("states"))[HOUSE]["preset_mode"] == "comfort"

        await core.call("input_datetime", "set_datetime", entity_id="input_datetime.until", timestamp=now + 600)
        await core.until(lambda states: states[HOUSE]["preset_mode"] == "away")
        assert (await core.ask("states"))[ROOM]["preset_mode"] == "away"

        soon = (await core.ask("now"))["now"] + 2
        await core.call("input_datetime", "set_datetime", entity_id="input_datetime.until", timestamp=soon)
        await core.until(lambda states: states["input_boolean.holiday"]["state"] == "off")
        await core.until(lambda states: states[HOUSE]["preset_mode"] == "comfort")


async def test_a_problem_and_silence_are_told(mosquitto: Mosquitto, tmp_path: Path, gateway: Gateway) -> None:
    tell = [
        {"service": "input_boolean.toggle", "target": {"entity_id": "input_boolean.told"}},
        {"event": "told", "event_data": {"message": "{{ message }}"}},
    ]
    inputs = {
        "problems": ["binary_sensor.neasmart_global_error"],
        "bus": "binary_sensor.neasmart_bus_link",
        "silence": {"seconds": 0},
        "tell": tell,
    }
    async with goes_on(gateway) as bus, home(mosquitto, tmp_path, gateway, {"notify": inputs}) as core:
        base_reports(gateway, "global.error", 1)
        await core.until(lambda states: states["input_boolean.told"]["state"] == "on")

        bus.cancel()
        gateway.plant.last_write_at = gateway.clock.monotonic() - 60
        await core.until(lambda states: states["input_boolean.told"]["state"] == "off")


@pytest.mark.parametrize("taken", [True, False])
async def test_a_season_waits_for_the_base(
    mosquitto: Mosquitto, tmp_path: Path, gateway: Gateway, *, taken: bool
) -> None:
    told = [{"service": "input_boolean.turn_on", "target": {"entity_id": "input_boolean.told"}}]
    room = [{"service": "climate.set_temperature", "target": {"entity_id": ROOM}, "data": {"temperature": 26}}]
    inputs = {
        "mode": "select.neasmart_global_mode",
        "last_command": "sensor.neasmart_global_last_command",
        "outside": "sensor.outside",
        "duration": {"seconds": 0},
        "cooling": room,
        "failed": told,
    }
    async with home(mosquitto, tmp_path, gateway, {"season": inputs}) as core:
        await core.call("input_number", "set_value", entity_id="input_number.outside", value=30)
        await core.until(lambda states: states["select.neasmart_global_mode"]["state"] == "Kühlen")
        assert not gateway.commands.live(gateway.table.ref("zone.1.1.setpoint"))

        if taken:
            base_polls(gateway, "global.mode")
            base_reports(gateway, "global.mode", 3)
            await core.until(lambda states: states[ROOM]["temperature"] == 26)
        else:
            gateway.tick(gateway.clock.monotonic() + 90)
            await core.until(lambda states: states["input_boolean.told"]["state"] == "on")


async def test_what_was_under_way_when_home_assistant_was_restarted_goes_on(
    mosquitto: Mosquitto, tmp_path: Path, gateway: Gateway
) -> None:
    """The gateway comes after Core, as after a power cut, so at the start there is nobody to take a command."""
    base_reports(gateway, "zone.1.1.state", 5)
    base_reports(gateway, "zone.1.2.state", 3)
    told = [{"event": "told"}, {"service": "input_boolean.turn_on", "target": {"entity_id": "input_boolean.told"}}]
    automations: dict[str, dict[str, Any]] = {
        "boost": {"rooms": [ROOM], "duration": {"seconds": 1}, "back": "auto"},
        # What is there before the automation gets its time as well.
        "boost_2": {"rooms": ["sensor.outside"], "duration": {"hours": 1}},
        "window": {
            "windows": ["binary_sensor.closed"],
            "room": ROOM_2,
            "closed": no_time(),
            "memory": "input_text.memory",
        },
        "season": {
            "mode": "select.neasmart_global_mode",
            "last_command": "sensor.neasmart_global_last_command",
            "outside": "sensor.outside",
            "duration": {"seconds": 1},
        },
        "notify": {"problems": ["binary_sensor.window"], "bus": "binary_sensor.closed", "tell": told},
    }
    async with home(mosquitto, tmp_path, gateway, automations, memory="heat/comfort", outside=30, window=True) as core:
        await core.until(lambda states: states["input_boolean.told"]["state"] == "on")
        states = await core.ask("states")
        assert (states["automation.boost_2"]["current"], states["automation.notify"]["current"]) == (1, 1)
        await core.until(
            lambda _: (
                {(each.ref.id, each.value) for each in gateway.commands.recent}
                == {("global.mode", 3), ("zone.1.1.state", 4), ("zone.1.2.state", 1)}
            )
        )
        await core.until(lambda states: states["input_text.memory"]["state"] == "")


async def test_a_holiday_whose_date_has_passed_ends_once_somebody_can_take_it(
    mosquitto: Mosquitto, tmp_path: Path, gateway: Gateway
) -> None:
    base_reports(gateway, "global.state", 6)
    inputs = {"toggle": "input_boolean.holiday", "until": "input_datetime.until", "house": HOUSE, "back": "eco"}
    async with home(
        mosquitto, tmp_path, gateway, {"holiday": inputs}, holiday=True, until="2026-01-01 00:00:00"
    ) as core:
        await core.until(lambda states: states["input_boolean.holiday"]["state"] == "off")
        await core.until(lambda states: states[HOUSE]["preset_mode"] == "eco")


def documented(heading: str) -> dict[str, Any]:
    """Return the automation that DOCS shows below a sentence, in the words of an older Core."""
    text = DOCS.read_text(encoding="utf-8").partition(heading)[2].partition("```yaml")[2].partition("```")[0]
    text = re.sub(r"^(trigger|condition|action)s:", r"\1:", text.replace("zone_1_3", "zone_1_1"), flags=re.MULTILINE)
    text = text.replace("- trigger:", "- platform:").replace("- action:", "- service:")
    automation = yaml.safe_load(text)
    assert isinstance(automation, dict)
    return automation


async def test_the_documented_examples_act_on_what_happens_and_not_on_what_is_there_again(
    mosquitto: Mosquitto, tmp_path: Path, gateway: Gateway
) -> None:
    probe = {
        "alias": "probe",
        "trigger": {"platform": "state", "entity_id": ROOM, "to": "unavailable"},
        "action": {"service": "input_boolean.turn_on", "target": {"entity_id": "input_boolean.told"}},
    }
    season = documented("Set another temperature when the house has begun to cool") | {"alias": "season"}
    why = documented("Know why a command was not taken") | {"alias": "why"}
    async with home(mosquitto, tmp_path, gateway, {}, more=[probe, season, why]) as core:
        base_reports(gateway, "global.state", 3)
        await core.until(lambda states: states[HOUSE]["state"] == "off")
        # The house is left off, too, which is another command, and the last one may end right after it.
        await core.call("climate", "set_hvac_mode", entity_id=HOUSE, hvac_mode="cool")
        await core.until(lambda states: states["select.neasmart_global_mode"]["state"] == "Kühlen")
        for point in ("global.mode", "global.state"):
            base_polls(gateway, point)
        base_reports(gateway, "global.state", 1)
        await core.until(lambda states: states["sensor.neasmart_global_last_command"]["result"] == "confirmed")
        base_reports(gateway, "global.mode", 3)
        await core.until(lambda states: states[ROOM]["temperature"] == 25)
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
            await client.publish("neasmart/neasmart/zone/1/1/setpoint/set", "99")
            await core.until(lambda states: states["automation.why"]["last_triggered"])
            before = await core.ask("states")
            await switch(core, "told", on=False)
            # The gateway says at once that this is not so, and everything is there again.
            await client.publish("neasmart/neasmart/status", "offline", qos=1)
        await core.until(lambda states: states["input_boolean.told"]["state"] == "on")
        await core.until(lambda states: "unavailable" not in {each["state"] for each in states.values()})

        after = await core.ask("states")
        for name in ("automation.season", "automation.why"):
            assert after[name]["last_triggered"] == before[name]["last_triggered"]
        assert len(gateway.commands.recent) == 3


def test_every_blueprint_has_its_import_link_in_the_docs() -> None:
    docs = DOCS.read_text(encoding="utf-8")
    links = re.findall(r"https://my\.home-assistant\.io/redirect/blueprint_import/\?\S+?(?=[)\s])", docs)

    found = {parse_qs(urlsplit(link).query)["blueprint_url"][0] for link in links}

    assert found == {
        re.search(r"source_url: (\S+)", path.read_text(encoding="utf-8"))[1]  # type: ignore[index] # else it fails
        for path in FILES
    }
    assert {url.rpartition("/")[2] for url in found} == {path.name for path in FILES}
