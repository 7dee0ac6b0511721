"""The session with a real broker: what is published, what is obeyed, and what happens when the broker goes."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from neasmart.core.commands.command import CommandState
from neasmart.core.gateway import Gateway
from neasmart.core.state.rooms import Room
from neasmart.facts.points import TABLE
from neasmart.mqtt.bridge import SessionTimes
from neasmart.settings.model import Language, MqttSettings
from tests.mqtt.conftest import bridged
from tests.support.gateways import base_polls, base_reports, set_link
from tests.support.mosquitto import Mosquitto, Watcher, eventually, watching
from tests.support.stopwatch import Stopwatch

ROOT = "neasmart/neasmart"


def settings_for(broker: Mosquitto, **more: str) -> MqttSettings:
    return MqttSettings(host="127.0.0.1", port=broker.port, **more)  # type: ignore[arg-type] # only text fields


async def test_a_house_is_announced_with_states_and_is_online_last(mosquitto: Mosquitto, gateway: Gateway) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")

        discovered = sorted(topic for topic in watcher.retained if topic.startswith("homeassistant/device/"))
        assert discovered == [
            "homeassistant/device/neasmart_base/config",
            "homeassistant/device/neasmart_zone_1_1/config",
            "homeassistant/device/neasmart_zone_1_2/config",
            "homeassistant/device/neasmart_zone_2_3/config",
        ]
        assert watcher.json(f"{ROOT}/zone/1/1/climate") == {
            "mode": "heat",
            "preset": "comfort",
            "setpoint": 21.5,
            "action": "idle",
        }
        assert watcher.json(f"{ROOT}/zone/2/3/climate") == {
            "mode": "off",
            "preset": "none",
            "setpoint": None,
            "action": "off",
        }
        assert watcher.json(f"{ROOT}/global/climate") == {"mode": "heat", "preset": "comfort", "temperature": 19.8}
        assert watcher.retained[f"{ROOT}/zone/1/1/temperature"] == "22"
        assert watcher.retained[f"{ROOT}/zone/2/3/setpoint"] == "None"
        assert watcher.retained[f"{ROOT}/zone/1/1/available"] == "online"
        assert watcher.retained[f"{ROOT}/global/mode"] == "heating"
        assert watcher.retained[f"{ROOT}/global/warning"] == "ON"
        assert watcher.retained[f"{ROOT}/bus"] == "online"
        assert watcher.json(f"{ROOT}/link")["connected"] is True
        # What comes after it repeats a topic that was said before.
        said = [topic for _, topic, _ in watcher.seen]
        assert set(said) == set(said[: said.index(f"{ROOT}/status") + 1])
        assert gateway.mqtt.connected


async def test_a_setpoint_is_rounded_commanded_and_shown_until_the_base_answers(
    mosquitto: Mosquitto, gateway: Gateway
) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")

        await watcher.send(f"{ROOT}/zone/1/1/setpoint/set", "22.456789")
        await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/climate")["setpoint"] == 22.5)
        await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/last_command")["result"] == "queued")
        assert gateway.plant.value("zone.1.1.setpoint") == 21.5

        base_polls(gateway, "zone.1.1.setpoint")
        base_reports(gateway, "zone.1.1.setpoint", 22.5)
        await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/last_command")["result"] == "confirmed")
        assert watcher.json(f"{ROOT}/zone/1/1/last_command")["origin"] == "mqtt"
        assert watcher.json(f"{ROOT}/zone/1/1/climate")["setpoint"] == 22.5


async def test_a_command_that_expires_puts_the_true_value_back(mosquitto: Mosquitto, gateway: Gateway) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")
        await watcher.send(f"{ROOT}/zone/1/1/setpoint/set", "25")
        await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/climate")["setpoint"] == 25.0)

        gateway.tick(gateway.clock.monotonic() + 61)

        await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/climate")["setpoint"] == 21.5)
        await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/last_command")["result"] == "expired")
        assert "did not ask for it in time" in watcher.json(f"{ROOT}/zone/1/1/last_command")["reason"]


@pytest.mark.parametrize(
    ("topic", "payload", "ref_id", "value"),
    [
        ("zone/1/1/mode/set", "off", "zone.1.1.state", 3),
        ("zone/2/3/mode/set", "heat", "zone.2.3.state", 1),
        ("zone/1/1/preset/set", "time_program", "zone.1.1.state", 4),
        ("zone/1/2/preset/set", "none", "zone.1.2.state", 1),
        ("zone/1/1/state/set", "holiday", "zone.1.1.state", 6),
        ("global/mode/set", "cooling", "global.mode", 3),
        ("global/state/set", "reduced", "global.state", 2),
    ],
)
async def test_words_become_commands(
    mosquitto: Mosquitto, gateway: Gateway, topic: str, payload: str, ref_id: str, value: int
) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")

        await watcher.send(f"{ROOT}/{topic}", payload)

        command = await eventually(lambda: gateway.commands.live(TABLE.ref(ref_id)))
        assert (command.value, command.origin, command.state) == (value, "mqtt", CommandState.QUEUED)


@pytest.mark.parametrize(
    ("topic", "payload", "sentence"),
    [
        ("zone/1/1/setpoint/set", "60", "5.0 to 40.0"),
        ("zone/1/1/setpoint/set", "nan", "5.0 to 40.0"),
        ("zone/1/1/setpoint/set", "", "5.0 to 40.0"),
        ("zone/1/1/setpoint/set", "40.2", "5.0 to 40.0"),
        ("zone/1/1/mode/set", "cool", "off, auto or heat"),
        ("zone/1/1/preset/set", "sleep", "none, comfort"),
        ("global/state/set", "Mixed", "cannot be chosen"),
        ("zone/1/1/state/set", "x" * 70_000, "at most 64 bytes"),
        ("zone/1/1/state/set", "3", "normal, reduced"),
        ("zone/1/1/temperature/set", "21", "cannot be set"),
        ("global/mode/set", "x" * 65, "at most 64 bytes"),
        ("global/mode/set", b"\xff\x00", "UTF-8"),
        ("global/error/set", "ON", "cannot be set"),
    ],
)
async def test_what_is_refused_is_explained_and_the_shown_value_is_said_again(
    mosquitto: Mosquitto, gateway: Gateway, topic: str, payload: str | bytes, sentence: str
) -> None:
    place = topic.rsplit("/", 2)[0]
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")
        before = len(watcher.payloads(f"{ROOT}/{place}/state"))

        await watcher.send(f"{ROOT}/{topic}", payload)

        await watcher.until(lambda w: w.json(f"{ROOT}/{place}/last_command")["result"] == "refused")
        assert sentence in watcher.json(f"{ROOT}/{place}/last_command")["reason"]
        await watcher.until(lambda w: len(w.payloads(f"{ROOT}/{place}/state")) > before)
        assert not gateway.commands.pending


async def test_a_refusal_is_explained_in_the_owners_language(mosquitto: Mosquitto, gateway: Gateway) -> None:
    settings = settings_for(mosquitto, language=Language.DE)
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings):
        await watcher.sees(f"{ROOT}/status", "online")

        await watcher.send(f"{ROOT}/zone/2/3/setpoint/set", "22")

        await watcher.until(lambda w: w.json(f"{ROOT}/zone/2/3/last_command")["result"] == "refused")
        assert watcher.json(f"{ROOT}/zone/2/3/last_command")["reason"].startswith("Der Raum ist aus.")

        await watcher.send(f"{ROOT}/global/state/set", "Je nach Raum")

        await watcher.until(lambda w: w.json(f"{ROOT}/global/last_command")["result"] == "refused")
        assert "nur, dass die Räume verschieden sind" in watcher.json(f"{ROOT}/global/last_command")["reason"]

        await watcher.send(f"{ROOT}/zone/1/1/setpoint/set", "45")

        await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/last_command")["result"] == "refused")
        reason = watcher.json(f"{ROOT}/zone/1/1/last_command")["reason"]
        assert re.fullmatch(r"Das Gateway hat es nicht angenommen: .*5\.0 to 40\.0.*", reason)


async def test_without_a_link_a_command_is_refused_at_once(mosquitto: Mosquitto, gateway: Gateway) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")
        set_link(gateway, connected=False)
        await watcher.sees(f"{ROOT}/bus", "offline")

        await watcher.send(f"{ROOT}/zone/1/1/setpoint/set", "22")

        await watcher.until(lambda w: "no connection" in w.json(f"{ROOT}/zone/1/1/last_command")["reason"])
        assert not gateway.commands.pending


async def test_retained_commands_are_never_obeyed(mosquitto: Mosquitto, gateway: Gateway) -> None:
    async with watching(mosquitto.port) as watcher:
        await watcher.send(f"{ROOT}/zone/1/1/setpoint/set", "30", retain=True)
        async with bridged(gateway, settings_for(mosquitto)):
            await watcher.sees(f"{ROOT}/status", "online")
            await watcher.send(f"{ROOT}/zone/1/2/setpoint/set", "20")
            await eventually(lambda: gateway.commands.pending)

            assert [command.ref.id for command in gateway.commands.pending] == ["zone.1.2.setpoint"]


async def test_hostile_messages_change_nothing_and_end_nothing(mosquitto: Mosquitto, gateway: Gateway) -> None:
    names = ["zone/9/9/state", "zone/1/12/state", "zone/x/1/mode", "zone/1/1/../state", "zone/1/1/climate", "global/"]
    payloads = [b"", b"\x00" * 10, b"9" * 1_000_000, b"1e5", "٢٢".encode(), b"22\n", b"-0", b"{}", b"true"]
    async with watching(mosquitto.port, f"{ROOT}/status") as watcher, bridged(gateway, settings_for(mosquitto)) as task:
        await watcher.sees(f"{ROOT}/status", "online")
        for name in [*names, "zone/1/1/setpoint", "global/mode"]:
            for payload in payloads:
                await watcher.send(f"{ROOT}/{name}/set", payload)
        for payload in payloads:
            await watcher.send("homeassistant/status", payload)
            await watcher.send("homeassistant/device/neasmart_zone_4_4/config", payload)

        await watcher.send(f"{ROOT}/zone/1/1/setpoint/set", "23")

        await eventually(lambda: [command.value for command in gateway.commands.pending] == [23.0])
        assert not task.done()
        assert gateway.mqtt.connected


async def test_the_birth_of_home_assistant_makes_everything_be_said_again(
    mosquitto: Mosquitto, gateway: Gateway
) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")

        await watcher.send("homeassistant/status", "online")

        for topic in ("homeassistant/device/neasmart_zone_1_1/config", f"{ROOT}/zone/1/1/climate", f"{ROOT}/status"):
            await watcher.until(lambda w, topic=topic: len(w.payloads(topic)) >= 2)  # type: ignore[misc] # bound now


async def test_a_stop_says_offline_and_the_will_says_it_after_a_crash(mosquitto: Mosquitto, gateway: Gateway) -> None:
    async with watching(mosquitto.port) as watcher:
        async with bridged(gateway, settings_for(mosquitto)):
            await watcher.sees(f"{ROOT}/status", "online")
        await watcher.sees(f"{ROOT}/status", "offline")


async def test_an_offline_that_is_not_true_is_corrected(mosquitto: Mosquitto, gateway: Gateway) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")

        await watcher.send(f"{ROOT}/status", "offline", retain=True)

        await watcher.until(lambda w: w.payloads(f"{ROOT}/status")[-2:] == ["offline", "online"])


async def test_a_silent_room_and_a_silent_base_are_unavailable(mosquitto: Mosquitto, gateway: Gateway) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")

        gateway.plant.last_write_at = gateway.clock.monotonic() - 200
        await watcher.sees(f"{ROOT}/bus", "offline")
        gateway.tick(gateway.clock.monotonic() + 200)
        await watcher.sees(f"{ROOT}/zone/1/1/available", "offline")

        base_reports(gateway, "zone.1.1.temperature", 21.0)
        await watcher.sees(f"{ROOT}/zone/1/1/available", "online")
        await watcher.sees(f"{ROOT}/bus", "online")
        assert watcher.retained[f"{ROOT}/zone/1/2/available"] == "offline"


async def test_a_room_appears_when_its_temperature_was_told_twice(mosquitto: Mosquitto, gateway: Gateway) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")

        base_reports(gateway, "zone.5.12.state", 1)
        base_reports(gateway, "zone.5.12.temperature", 20.0)
        await watcher.sees(f"{ROOT}/zone/5/12/temperature", "20")
        # One report could be a bad frame; another room that comes later is announced without it.
        for _ in range(2):
            base_reports(gateway, "zone.5.11.temperature", 20.0)
        await watcher.until(lambda w: w.json("homeassistant/device/neasmart_zone_5_11/config"))
        assert "homeassistant/device/neasmart_zone_5_12/config" not in watcher.retained

        base_reports(gateway, "zone.5.12.temperature", 20.0)

        await watcher.until(lambda w: w.json("homeassistant/device/neasmart_zone_5_12/config"))
        await watcher.until(lambda w: w.json(f"{ROOT}/zone/5/12/climate")["mode"] == "heat")


async def test_a_room_that_gets_a_name_is_renamed_in_home_assistant(mosquitto: Mosquitto, gateway: Gateway) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")
        topic = "homeassistant/device/neasmart_zone_1_2/config"
        assert watcher.json(topic)["device"]["name"] == "Room 1.2"

        gateway.put_rooms([Room(base_id=1, zone_id=2, name="Bathroom", from_page=True)])

        await watcher.until(lambda w: w.json(topic)["device"]["name"] == "Bathroom")
        assert watcher.json(topic)["components"]["climate"]["unique_id"] == "neasmart_zone_1_2_climate"


async def test_a_room_that_is_gone_is_removed_once_the_base_has_talked_without_it(
    mosquitto: Mosquitto, gateway: Gateway
) -> None:
    async with watching(mosquitto.port) as watcher:
        await watcher.send("homeassistant/device/neasmart_zone_3_3/config", '{"device": {}}', retain=True)
        await watcher.send("homeassistant/device/other_zone_3_3/config", '{"device": {}}', retain=True)
        await watcher.send(f"{ROOT}/zone/3/3/climate", "{}", retain=True)
        async with bridged(gateway, settings_for(mosquitto)):
            await watcher.sees("homeassistant/device/neasmart_zone_3_3/config", "")
            await watcher.sees(f"{ROOT}/zone/3/3/climate", "")

        assert watcher.retained["homeassistant/device/other_zone_3_3/config"]
        assert watcher.retained["homeassistant/device/neasmart_zone_1_1/config"]


async def test_a_change_of_season_is_announced_with_the_state_right_behind_it(
    mosquitto: Mosquitto, gateway: Gateway
) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")
        config = "homeassistant/device/neasmart_zone_1_1/config"
        assert watcher.json(config)["components"]["climate"]["modes"] == ["off", "auto", "heat"]
        mark = len(watcher.seen)

        base_reports(gateway, "global.mode", 3)
        await watcher.until(lambda w: w.json(config)["components"]["climate"]["modes"] == ["off", "auto", "cool"])
        await watcher.sees(f"{ROOT}/zone/1/1/setpoint", "21.5")

        climate = watcher.json(config)["components"]["climate"]
        assert (climate["min_temp"], climate["max_temp"]) == (15.0, 35.0)
        await watcher.until(lambda w: f"{ROOT}/zone/1/1/climate" in after(w, config, mark))
        assert after(watcher, config, mark)[1] == f"{ROOT}/zone/1/1/climate"
        assert watcher.json(f"{ROOT}/zone/1/1/climate")["mode"] == "cool"


def after(watcher: Watcher, topic: str, mark: int) -> list[str]:
    """Return the topics of what was published after something, itself first, leaving out what came before the mark."""
    topics = [each for _, each, _ in watcher.seen[mark:]]
    return topics[topics.index(topic) :]


async def told_by_sixty_rooms(gateway: Gateway) -> None:
    for base_id, zone_id in gateway.plant.all_zones:
        for key, value in {"state": 1, "setpoint": 21.0, "temperature": 20.5, "humidity": 40}.items():
            base_reports(gateway, f"zone.{base_id}.{zone_id}.{key}", value)
        base_reports(gateway, f"zone.{base_id}.{zone_id}.temperature", 20.5)


def presets(watcher: Watcher) -> list[str]:
    return [
        watcher.json(topic)["preset"] for topic in watcher.retained if "/zone/" in topic and topic.endswith("/climate")
    ]


def seasons(watcher: Watcher) -> set[tuple[str, str]]:
    """Return the season's mode that rooms are described with, and the mode that they are in."""
    rooms = [f"{base_id}_{zone_id}" for base_id in range(1, 6) for zone_id in range(1, 13)]
    return {
        (
            watcher.json(f"homeassistant/device/neasmart_zone_{room}/config")["components"]["climate"]["modes"][2],
            watcher.json(f"{ROOT}/zone/{room.replace('_', '/')}/climate")["mode"],
        )
        for room in rooms
    }


async def test_one_tap_for_the_whole_house_reaches_sixty_rooms_within_a_second_and_a_half(
    mosquitto: Mosquitto, gateway: Gateway
) -> None:
    await told_by_sixty_rooms(gateway)
    async with watching(mosquitto.port) as watcher:
        watch = Stopwatch(mosquitto.pid)
        async with bridged(gateway, settings_for(mosquitto), times=SessionTimes()):
            await watcher.sees(f"{ROOT}/status", "online")
            assert watch.seconds < 6.0
            assert sum(topic.startswith("homeassistant/device/") for topic in watcher.retained) == 61
            assert presets(watcher) == ["comfort"] * 60

            # The base needs a walk to tell each room's new state; until then what was commanded is shown.
            watch = Stopwatch(mosquitto.pid)
            await watcher.send(f"{ROOT}/global/preset/set", "eco")
            await watcher.until(lambda w: presets(w) == ["eco"] * 60)
            assert watch.seconds < 1.5

            # Sixty rooms that are commanded one by one are as quick.
            watch = Stopwatch(mosquitto.pid)
            for base_id, zone_id in gateway.plant.all_zones:
                # As Home Assistant does, without waiting for each.
                await watcher.client.publish(f"{ROOT}/zone/{base_id}/{zone_id}/preset/set", "boost")
            await watcher.until(lambda w: presets(w) == ["boost"] * 60)
            assert watch.seconds < 1.5

            # So is another season.
            watch = Stopwatch(mosquitto.pid)
            base_reports(gateway, "global.mode", 3)
            await watcher.until(lambda w: seasons(w) == {("cool", "cool")})
            assert watch.seconds < 2.5


async def test_rooms_go_from_what_was_commanded_for_the_house_to_what_they_tell_without_a_step_back(
    mosquitto: Mosquitto, gateway: Gateway
) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")
        mark = len(watcher.payloads(f"{ROOT}/zone/1/1/climate"))
        await watcher.send(f"{ROOT}/global/state/set", "reduced")
        await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/climate")["preset"] == "eco")

        base_polls(gateway, "global.state")
        # The walk was just past the room, so its old state is told once more.
        base_reports(gateway, "zone.1.1.state", 1)
        base_reports(gateway, "global.state", 2)
        base_reports(gateway, "zone.1.1.state", 2)
        await watcher.until(lambda w: w.json(f"{ROOT}/global/last_command")["result"] == "confirmed")
        # Somebody turns the room's own knob afterwards.
        base_reports(gateway, "zone.1.1.state", 5)
        await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/climate")["preset"] == "boost")

        shown = [json.loads(each)["preset"] for each in watcher.payloads(f"{ROOT}/zone/1/1/climate")[mark:]]
        assert list(dict.fromkeys(shown)) == ["eco", "boost"]
        assert shown == sorted(shown, key=["eco", "boost"].index)


async def test_a_room_that_does_not_follow_the_house_is_shown_by_reports_that_only_repeat_the_last_ones(
    mosquitto: Mosquitto, gateway: Gateway
) -> None:
    for _ in range(2):
        base_reports(gateway, "zone.1.1.temperature", 22.0)
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")
        await watcher.send(f"{ROOT}/global/state/set", "reduced")
        await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/climate")["preset"] == "eco")
        base_polls(gateway, "global.state")
        base_reports(gateway, "global.state", 2)
        await watcher.until(lambda w: w.json(f"{ROOT}/global/last_command")["result"] == "confirmed")

        # Once it was twice at the room, the base has told all of it in between.
        base_reports(gateway, "zone.1.1.temperature", 22.0)
        base_reports(gateway, "zone.1.2.temperature", 25.0)
        await watcher.sees(f"{ROOT}/zone/1/2/temperature", "25")
        assert watcher.json(f"{ROOT}/zone/1/1/climate")["preset"] == "eco"
        base_reports(gateway, "zone.1.1.temperature", 22.0)

        await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/climate")["preset"] == "comfort")


async def test_a_mode_and_a_state_that_are_confirmed_together_are_both_told(
    mosquitto: Mosquitto, gateway: Gateway
) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")
        await watcher.send(f"{ROOT}/global/state/set", "reduced")
        await watcher.send(f"{ROOT}/global/mode/set", "cooling")
        await eventually(lambda: len(gateway.commands.pending) == 2)
        for ref_id, value in (("global.mode", 3), ("global.state", 2)):
            base_polls(gateway, ref_id)
            base_reports(gateway, ref_id, value)

        await watcher.until(lambda w: {"global.mode", "global.state"} <= confirmed(w))


def confirmed(watcher: Watcher) -> set[str]:
    told = map(json.loads, watcher.payloads(f"{ROOT}/global/last_command"))
    return {each["point"] for each in told if each["result"] == "confirmed"}


async def test_a_command_for_the_house_that_ends_without_success_shows_the_rooms_as_they_are(
    mosquitto: Mosquitto, gateway: Gateway
) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")
        await watcher.send(f"{ROOT}/global/state/set", "holiday")
        await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/climate")["preset"] == "away")

        gateway.tick(gateway.clock.monotonic() + 61)

        await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/climate")["preset"] == "comfort")
        await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/2/climate")["preset"] == "eco")


@pytest.mark.usefixtures("_impatient")
async def test_a_broker_that_is_killed_under_load_is_used_again_when_it_is_back(
    mosquitto: Mosquitto, gateway: Gateway
) -> None:
    stop = asyncio.Event()

    async def load() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            base_reports(gateway, "zone.1.1.temperature", 15 + number % 100 / 10)
            await asyncio.sleep(0.005)

    async with bridged(gateway, settings_for(mosquitto)):
        loading = asyncio.create_task(load())
        await eventually(lambda: gateway.mqtt.connected)
        for _ in range(3):
            mosquitto.kill()
            await eventually(lambda: not gateway.mqtt.connected)
            assert "127.0.0.1" in gateway.mqtt.detail
            mosquitto.start()
            async with watching(mosquitto.port) as watcher:
                await watcher.sees(f"{ROOT}/status", "online")
                assert watcher.json(f"{ROOT}/zone/1/1/climate")["mode"] == "heat"
                assert "homeassistant/device/neasmart_zone_1_1/config" in watcher.retained
        stop.set()
        await loading
        base_reports(gateway, "zone.1.1.temperature", 29.5)
        async with watching(mosquitto.port) as watcher:
            await watcher.sees(f"{ROOT}/zone/1/1/temperature", "29.5")
