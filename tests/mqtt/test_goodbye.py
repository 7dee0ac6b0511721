"""What is left on a broker, by us or by others: nothing that is not true, and nothing of what is gone."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from neasmart.core.gateway import LINK, Gateway
from neasmart.mqtt.bridge import SessionTimes
from neasmart.mqtt.link import former, rival
from neasmart.mqtt.link.broker import Broker
from neasmart.mqtt.link.broker_connection import BrokerConnection, connected
from neasmart.mqtt.messages.discovery import Style
from neasmart.mqtt.messages.inventory import MemoryBook
from neasmart.mqtt.messages.outbox import Outbox
from neasmart.mqtt.messages.topics import Topics
from neasmart.mqtt.messages.words import Words
from neasmart.mqtt.publisher import Publisher
from neasmart.settings.model import Language, MqttSettings
from tests.mqtt.conftest import QUICK, bridged
from tests.mqtt.test_broker_session import ROOT, settings_for
from tests.support.gateways import FakeClock, base_polls, base_reports, fill_house, make_gateway, set_link
from tests.support.mosquitto import Mosquitto, Watcher, eventually, watching

CONFIG = "homeassistant/device/neasmart_zone_1_1/config"


def ours(watcher: Watcher, root: str) -> dict[str, str]:
    """Return what a newcomer would find below a name."""
    return {topic: payload for topic, payload in watcher.retained.items() if root in topic and payload}


async def test_after_a_stop_nothing_claims_that_we_live(mosquitto: Mosquitto, gateway: Gateway) -> None:
    async with watching(mosquitto.port) as watcher:
        async with bridged(gateway, settings_for(mosquitto)):
            await watcher.sees(f"{ROOT}/bus", "online")
            await watcher.sees(f"{ROOT}/status", "online")

        await watcher.sees(f"{ROOT}/status", "offline")
        await watcher.sees(f"{ROOT}/bus", "offline")
        assert watcher.json(f"{ROOT}/link")["heard"] is False


async def test_a_room_that_is_deleted_in_home_assistant_stays_away(mosquitto: Mosquitto, gateway: Gateway) -> None:
    book = MemoryBook()
    async with watching(mosquitto.port) as watcher:
        async with bridged(gateway, settings_for(mosquitto), book=book):
            await watcher.sees(f"{ROOT}/status", "online")

            # This is what Home Assistant does when its user deletes a device.
            await watcher.send(CONFIG, "", retain=True)
            await eventually(book.absent)
            base_reports(gateway, "zone.1.1.temperature", 25.0)
            await watcher.send("homeassistant/status", "online")
            await watcher.until(lambda w: w.payloads(f"{ROOT}/status").count("online") >= 2)

            assert watcher.retained[CONFIG] == ""
            assert watcher.retained[f"{ROOT}/zone/1/1/temperature"] == "25"
            assert book.absent() == {(1, 1)}
        watcher.seen.clear()

        async with bridged(gateway, settings_for(mosquitto), book=book):
            await watcher.until(lambda w: w.payloads(f"{ROOT}/status")[-1:] == ["online"])
            assert not watcher.payloads(CONFIG)
            assert watcher.json("homeassistant/device/neasmart_zone_1_2/config")


async def test_a_room_that_comes_back_into_the_book_is_announced(mosquitto: Mosquitto, gateway: Gateway) -> None:
    absent = {(1, 1)}

    class Book(MemoryBook):
        def absent(self) -> set[tuple[int, int]]:
            return absent

    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto), book=Book()):
        await watcher.sees(f"{ROOT}/status", "online")
        assert CONFIG not in watcher.retained

        absent.clear()
        await watcher.until(lambda w: w.json(CONFIG))

        absent.add((1, 1))
        await watcher.sees(CONFIG, "")

        # The base may not tell anything new of the room for hours.
        absent.clear()
        await watcher.until(lambda w: w.retained[CONFIG] != "")
        shown = ours(watcher, f"{ROOT}/zone/1/1/")
        assert {shown[f"{ROOT}/zone/1/1/{part}"] for part in ("available", "temperature")} == {"online", "22"}


async def test_a_room_that_the_owner_forgets_disappears_and_comes_back_when_it_is_told_twice(
    mosquitto: Mosquitto, gateway: Gateway
) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")

        gateway.forget_zone(1, 1, gateway.clock.monotonic())

        await watcher.sees(CONFIG, "")
        await watcher.until(lambda w: not ours(w, f"{ROOT}/zone/1/1/"))

        for _ in range(2):
            base_reports(gateway, "zone.1.1.temperature", 21.0)
        await watcher.until(lambda w: w.retained[CONFIG] != "")
        await watcher.sees(f"{ROOT}/zone/1/1/available", "online")


async def test_a_room_that_was_deleted_and_is_forgotten_then_leaves_nothing(
    mosquitto: Mosquitto, gateway: Gateway
) -> None:
    book = MemoryBook()
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto), book=book):
        await watcher.sees(f"{ROOT}/status", "online")
        await watcher.send(CONFIG, "", retain=True)
        await eventually(book.absent)

        gateway.forget_zone(1, 1, gateway.clock.monotonic())

        await watcher.until(lambda w: not ours(w, f"{ROOT}/zone/1/1/"))


async def test_what_somebody_else_writes_on_our_topics_is_said_and_put_right(
    mosquitto: Mosquitto, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")
        topics = [f"{ROOT}/zone/1/1/temperature", f"{ROOT}/zone/1/1/climate", f"{ROOT}/bus", CONFIG]
        true = {topic: watcher.retained[topic] for topic in topics}

        for topic in topics:
            for payload in ("99", "x" * 70_000):
                await watcher.send(topic, payload, retain=True)
                await watcher.until(lambda w, t=topic, p=payload: p in w.payloads(t))  # type: ignore[misc] # bound now
                await watcher.sees(topic, true[topic])

    said = [record.message for record in caplog.records if "Another program" in record.message]
    assert len(said) == 1
    assert topics[0] in said[0]


async def test_a_quarrel_over_a_topic_is_held_once_a_second(mosquitto: Mosquitto, gateway: Gateway) -> None:
    topic = f"{ROOT}/zone/1/1/temperature"
    times = SessionTimes(publish=QUICK.publish, restore_s=60)
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto), times=times):
        await watcher.sees(f"{ROOT}/status", "online")
        for _ in range(20):
            await watcher.send(topic, "99", retain=True)
        await watcher.send(f"{ROOT}/zone/1/1/setpoint/set", "22")
        await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/last_command"))

        assert watcher.payloads(topic).count("22") == 2


async def test_our_own_messages_are_never_taken_for_somebody_elses(
    mosquitto: Mosquitto, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")
        for number in range(200):
            base_reports(gateway, "zone.1.1.temperature", 15 + number % 100 / 10)
            base_reports(gateway, "global.outside_temperature", 5 + number % 2)
            await asyncio.sleep(0.002)
        base_reports(gateway, "zone.1.1.temperature", 30.0)
        await watcher.sees(f"{ROOT}/zone/1/1/temperature", "30")
        await watcher.send(f"{ROOT}/global/mode/set", "nonsense")
        await watcher.until(lambda w: w.json(f"{ROOT}/global/last_command"))

    assert "Another program" not in caplog.text


async def test_a_result_of_before_a_crash_is_corrected(mosquitto: Mosquitto, gateway: Gateway) -> None:
    left = {"result": "delivered", "point": "zone.1.1.setpoint", "value": "23", "reason": None, "at": "2026"}
    ended = {"result": "confirmed", "point": "zone.1.2.setpoint", "value": "20"}
    async with watching(mosquitto.port) as watcher:
        await watcher.send(f"{ROOT}/zone/1/1/last_command", json.dumps(left), retain=True)
        await watcher.send(f"{ROOT}/zone/1/2/last_command", json.dumps(ended), retain=True)
        for nonsense in ("[]", "{", '{"result": []}', '{"result": "queued"}', '{"result": "queued", "point": 7}'):
            await watcher.send(f"{ROOT}/zone/2/3/last_command", nonsense, retain=True)
        async with bridged(gateway, settings_for(mosquitto)):
            await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/last_command")["result"] == "expired")
            await watcher.sees(f"{ROOT}/status", "online")

        assert "restarted" in watcher.json(f"{ROOT}/zone/1/1/last_command")["reason"]
        assert watcher.json(f"{ROOT}/zone/1/2/last_command") == ended


async def test_a_command_that_still_lives_is_not_called_expired_after_a_lost_connection(
    mosquitto: Mosquitto, gateway: Gateway
) -> None:
    async with watching(mosquitto.port) as watcher:
        async with bridged(gateway, settings_for(mosquitto)):
            await watcher.sees(f"{ROOT}/status", "online")
            await watcher.send(f"{ROOT}/zone/1/1/setpoint/set", "22")
            await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/last_command")["result"] == "queued")
        async with bridged(gateway, settings_for(mosquitto)):
            await watcher.sees(f"{ROOT}/status", "online")

        results = [json.loads(each)["result"] for each in watcher.payloads(f"{ROOT}/zone/1/1/last_command")]
        assert set(results) == {"queued"}


async def test_what_became_of_a_command_while_the_broker_was_away_is_told_and_not_called_expired(
    mosquitto: Mosquitto, gateway: Gateway
) -> None:
    commanded = {"zone.1.1.setpoint": 23.0, "zone.1.2.setpoint": 18.0}
    async with watching(mosquitto.port) as watcher:
        async with bridged(gateway, settings_for(mosquitto)):
            await watcher.sees(f"{ROOT}/status", "online")
            await watcher.send(f"{ROOT}/zone/1/1/setpoint/set", "23")
            await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/last_command")["result"] == "queued")
        gateway.submit([(gateway.table.ref("zone.1.2.setpoint"), 18.0)], origin="panel")
        for ref_id, value in commanded.items():
            base_polls(gateway, ref_id)
            base_reports(gateway, ref_id, value)
        async with bridged(gateway, settings_for(mosquitto)):
            await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/2/last_command")["result"] == "confirmed")
            await watcher.until(lambda w: w.json(f"{ROOT}/zone/1/1/last_command")["result"] == "confirmed")
            await watcher.until(lambda w: w.payloads(f"{ROOT}/status")[-1:] == ["online"])

        assert not [each for each in watcher.payloads(f"{ROOT}/zone/1/1/last_command") if "expired" in each]


async def test_a_refusal_stays_the_last_word_when_home_assistant_starts(mosquitto: Mosquitto, gateway: Gateway) -> None:
    topic = f"{ROOT}/zone/1/1/last_command"
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")
        await watcher.send(f"{ROOT}/zone/1/1/setpoint/set", "23")
        await watcher.until(lambda w: w.json(topic)["result"] == "queued")
        base_polls(gateway, "zone.1.1.setpoint")
        base_reports(gateway, "zone.1.1.setpoint", 23.0)
        await watcher.until(lambda w: w.json(topic)["result"] == "confirmed")
        await watcher.send(f"{ROOT}/zone/1/1/setpoint/set", "99")
        await watcher.until(lambda w: w.json(topic)["result"] == "refused")

        await watcher.send("homeassistant/status", "online")
        await watcher.until(lambda w: w.payloads(f"{ROOT}/status").count("online") >= 2)

        assert watcher.json(topic)["result"] == "refused"


async def test_a_changed_node_id_leaves_nothing_behind(
    mosquitto: Mosquitto, gateway: Gateway, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    memory = tmp_path / "mqtt.json"
    caplog.set_level(logging.INFO)
    async with watching(mosquitto.port) as watcher:
        async with bridged(gateway, settings_for(mosquitto), memory=memory):
            await watcher.sees(f"{ROOT}/status", "online")
            await eventually(memory.exists)
        assert ours(watcher, "neasmart_zone_1_1")
        await watcher.send("homeassistant/device/other_base/config", "{}", retain=True)

        async with bridged(gateway, settings_for(mosquitto, node_id="cabin"), memory=memory):
            await watcher.sees("neasmart/cabin/status", "online")
            assert not ours(watcher, "neasmart/neasmart/")
            assert not ours(watcher, "device/neasmart_")
            assert ours(watcher, "other_base")
            await eventually(lambda: "cabin" in memory.read_text())
        assert "have been removed" in caplog.text

        # The name is its own now, and is not taken for a former one at the next start.
        async with bridged(gateway, settings_for(mosquitto, node_id="cabin"), memory=memory):
            await watcher.sees("neasmart/cabin/status", "online")
            assert ours(watcher, "device/cabin_zone_1_1")


async def test_a_former_name_that_another_gateway_uses_now_is_left_alone(
    mosquitto: Mosquitto, gateway: Gateway, tmp_path: Path
) -> None:
    memory = tmp_path / "mqtt.json"
    memory.write_text('{"prefix": "neasmart", "node": "neasmart", "discovery_prefix": "homeassistant"}')
    async with watching(mosquitto.port) as watcher:
        await watcher.send(f"{ROOT}/status", "online", retain=True)
        await watcher.send(CONFIG, "{}", retain=True)
        async with bridged(gateway, settings_for(mosquitto, node_id="cabin"), memory=memory):
            await watcher.sees("neasmart/cabin/status", "online")

        assert watcher.retained[CONFIG] == "{}"
        assert watcher.retained[f"{ROOT}/status"] == "online"


@pytest.fixture(params=[0.08, 0.2])
def _standing_still(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all that is kept come while we wait for it, and do not run."""
    subscribe = BrokerConnection.subscribe

    async def then_stand_still(connection: BrokerConnection, filters: Iterable[str]) -> None:
        await subscribe(connection, filters)
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, time.sleep, request.param)

    monkeypatch.setattr(BrokerConnection, "subscribe", then_stand_still)
    monkeypatch.setattr(former, "QUIET_S", 0.05)
    monkeypatch.setattr(rival, "_ANSWER_S", 0.05)


@pytest.mark.usefixtures("_standing_still")
async def test_a_gateway_that_stands_still_does_not_take_that_for_a_broker_that_has_said_all(
    mosquitto: Mosquitto,
) -> None:
    topics = Topics(prefix="neasmart", node="neasmart", discovery_prefix="homeassistant")
    async with watching(mosquitto.port) as watcher:
        await watcher.send(topics.bus, "online", retain=True)
        async with connected(Broker(host="127.0.0.1", port=mosquitto.port), client_id="cabin") as connection:
            assert await former.remove(connection, topics, [(1, 1)]) == 1


@pytest.mark.usefixtures("_standing_still")
async def test_a_gateway_that_stands_still_does_not_overlook_another_with_its_name(mosquitto: Mosquitto) -> None:
    topics = Topics(prefix="neasmart", node="neasmart", discovery_prefix="homeassistant")
    claim = rival.Claim(topics)
    claim.wrote()
    async with watching(mosquitto.port) as watcher:
        await watcher.send(topics.gateway, "another", retain=True)
        async with connected(Broker(host="127.0.0.1", port=mosquitto.port), client_id="cabin") as connection:
            with pytest.raises(rival.RivalError):
                await claim.check(connection)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[]", b'{"node": 5}', b"x" * 10_000])
async def test_a_memory_that_cannot_be_read_costs_nothing(
    mosquitto: Mosquitto, gateway: Gateway, tmp_path: Path, content: bytes
) -> None:
    memory = tmp_path / "mqtt.json"
    memory.write_bytes(content)
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto), memory=memory):
        await watcher.sees(f"{ROOT}/status", "online")
        await eventually(lambda: b'"node":"neasmart"' in memory.read_bytes())


async def test_two_gateways_with_one_node_id_are_named_and_do_not_push_each_other_away(
    mosquitto: Mosquitto, gateway: Gateway, neighbour: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    # The one that has to give way looks again at once here, and every minute otherwise.
    async with (
        watching(mosquitto.port, f"{ROOT}/gateway", f"{ROOT}/status") as watcher,
        bridged(gateway, settings_for(mosquitto)),
    ):
        await watcher.sees(f"{ROOT}/status", "online")
        async with bridged(neighbour, settings_for(mosquitto)):
            await eventually(lambda: "same node id 'neasmart'" in gateway.mqtt.detail)
            await eventually(lambda: neighbour.mqtt.connected and "same node id" in neighbour.mqtt.detail)
            assert not gateway.mqtt.connected
            since = neighbour.mqtt.since
            await watcher.sees(f"{ROOT}/status", "online")
            mark = len(watcher.payloads(f"{ROOT}/status"))
            # The one that stays away looks several times, and ends nothing by it.
            looks = len(watcher.payloads(f"{ROOT}/gateway"))
            await watcher.until(lambda w: len(w.payloads(f"{ROOT}/gateway")) >= looks + 6)
            assert neighbour.mqtt.since == since
            assert len(watcher.payloads(f"{ROOT}/status")) == mark

        # The other has gone, so its name is free again.
        await eventually(lambda: gateway.mqtt.connected)
        await watcher.sees(f"{ROOT}/status", "online")
    assert "mqtt.node_id" in caplog.text
    assert caplog.text.count("same node id") <= 4


def test_a_short_gap_makes_nothing_unavailable_and_a_long_one_does() -> None:
    clock, outbox = FakeClock(), Outbox()
    gateway = make_gateway(clock)
    fill_house(gateway)
    topics = Topics(prefix="neasmart", node="neasmart", discovery_prefix="homeassistant")
    publisher = Publisher(gateway, Style(topics=topics, words=Words(Language.EN)), outbox, MemoryBook())

    def said_within(seconds: int, *, connected: bool) -> dict[str, list[str]]:
        set_link(gateway, connected=connected)
        batch: dict[str, object] = {LINK: gateway.link}
        said: dict[str, list[str]] = {topics.bus: [], topics.link: []}
        for _ in range(seconds):
            if connected:
                base_polls(gateway, "global.mode")
                base_reports(gateway, "zone.1.1.temperature", 22.0)
            publisher.take(batch, clock.now)
            publisher.tick(clock.now)
            while (message := outbox.next(clock.now)) is not None:
                said.setdefault(message.topic, []).append(message.payload)
            batch = {}
            clock.advance(1.0)
        return said

    publisher.begin(clock.now)
    assert said_within(1, connected=True)[topics.bus] == ["online"]

    gap, back = said_within(14, connected=False), said_within(30, connected=True)
    assert [json.loads(each)["connected"] for each in gap[topics.link] + back[topics.link]] == [False, True]
    assert {json.loads(each)["heard"] for each in gap[topics.link] + back[topics.link]} == {True}
    assert gap[topics.bus] == back[topics.bus] == []

    lost = said_within(16, connected=False)
    assert lost[topics.bus] == ["offline"]
    assert json.loads(lost[topics.link][-1])["heard"] is False


async def test_a_change_at_the_base_is_an_event_that_is_not_kept(mosquitto: Mosquitto, gateway: Gateway) -> None:
    settings = settings_for(mosquitto, language=Language.DE)
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings):
        await watcher.sees(f"{ROOT}/status", "online")
        base_reports(gateway, "zone.1.1.setpoint", 23.0)

        await watcher.until(lambda w: f"{ROOT}/changed" in w.retained)
        assert watcher.json(f"{ROOT}/changed") == {
            "event_type": "Solltemperatur geändert",
            "point": "zone.1.1.setpoint",
            "room": "Living room",
            "old": "21.5",
            "new": "23",
        }
        types = watcher.json("homeassistant/device/neasmart_base/config")["components"]["changed"]["event_types"]
        assert "Solltemperatur geändert" in types
    async with watching(mosquitto.port) as newcomer:
        await newcomer.sees(f"{ROOT}/status", "offline")
        assert f"{ROOT}/changed" not in newcomer.retained


async def test_the_button_has_everything_told_anew(mosquitto: Mosquitto, gateway: Gateway) -> None:
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings_for(mosquitto)):
        await watcher.sees(f"{ROOT}/status", "online")
        assert gateway.sync_progress[0] == 0

        await watcher.send(f"{ROOT}/global/read_all/set", "PRESS")

        await eventually(lambda: gateway.sync_progress[0] > 0)
        assert not gateway.commands.pending


async def test_a_setting_names_the_house(mosquitto: Mosquitto, gateway: Gateway) -> None:
    settings = MqttSettings(host="127.0.0.1", port=mosquitto.port, house="Alte Mühle")
    async with watching(mosquitto.port) as watcher, bridged(gateway, settings):
        await watcher.sees(f"{ROOT}/status", "online")

        assert watcher.json("homeassistant/device/neasmart_base/config")["device"]["name"] == "Alte Mühle"
