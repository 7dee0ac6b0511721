"""What concerns sixty rooms is said a few rooms at a time, because the base waits for a reply meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pytest

from neasmart.core.gateway import Gateway
from neasmart.core.state.hub import Subscription
from neasmart.core.state.plant import ZoneIndex
from neasmart.core.state.rooms import Room
from neasmart.mqtt.messages.discovery import Style
from neasmart.mqtt.messages.inventory import Inventory, MemoryBook, take_inventory
from neasmart.mqtt.messages.outbox import Outbox
from neasmart.mqtt.messages.words import Words
from neasmart.mqtt.publisher import Publisher
from neasmart.settings.model import Language
from tests.mqtt.discovery_snapshot import TOPICS
from tests.support.gateways import FakeClock, base_polls, base_reports, fill_house, make_gateway

AT_ONCE = 10
"""Rooms; a poll waits for no more."""


@dataclass
class House:
    gateway: Gateway
    clock: FakeClock
    subscription: Subscription
    publisher: Publisher
    outbox: Outbox

    def takes(self) -> dict[str, str]:
        """Let the publisher take what has happened; return the climate states that it says at once."""
        self.publisher.take(self.subscription.take(), self.clock.now)
        return self.said()

    def ticks(self) -> dict[str, str]:
        """Let time pass; return the climate states that it says."""
        self.clock.advance(1)
        self.publisher.tick(self.clock.now)
        return self.said()

    def said(self) -> dict[str, str]:
        said = {}
        while (message := self.outbox.next(self.clock.now)) is not None:
            if message.topic.endswith("/climate") and "/zone/" in message.topic:
                said[message.topic] = message.payload
        return said

    def rest(self) -> dict[str, str]:
        """Return what is said until nothing waits, and hold that it is little at a time."""
        found: dict[str, str] = {}
        while self.publisher.unsaid:
            assert self.publisher.wait_s(self.clock.now) == 0.0
            piece = self.ticks()
            assert len(piece) <= AT_ONCE
            found |= piece
        return found


@pytest.fixture
def house() -> Iterator[House]:
    """Return sixty rooms that have all been announced."""
    clock = FakeClock()
    gateway = make_gateway(clock)
    fill_house(gateway)
    for zone in gateway.plant.all_zones:
        for key, value in {"state": 1, "setpoint": 21.0, "temperature": 20.0}.items():
            for _ in range(2):
                base_reports(gateway, f"zone.{zone[0]}.{zone[1]}.{key}", value)
    outbox = Outbox()
    style = Style(topics=TOPICS, words=Words(Language.EN))
    publisher = Publisher(gateway, style, outbox, MemoryBook())
    with gateway.hub.subscribed(repeats=False) as (_, subscription):
        house = House(gateway, clock, subscription, publisher, outbox)
        publisher.begin(clock.now)
        while not publisher.online:
            assert len(house.ticks()) <= AT_ONCE
        house.rest()
        yield house


def test_another_season_is_said_of_all_rooms_but_not_at_once(house: House) -> None:
    base_reports(house.gateway, "global.mode", 3)

    first = house.takes()
    rest = house.rest()

    assert len(first) <= AT_ONCE
    assert len(first | rest) == 60
    assert all('"cool"' in payload for payload in (first | rest).values())


def test_a_command_for_the_house_is_echoed_in_all_rooms_but_not_at_once(house: House) -> None:
    house.gateway.submit([(house.gateway.table.ref("global.state"), 6)], origin="mqtt")

    first = house.takes()
    rest = house.rest()

    assert len(first) <= AT_ONCE
    assert len(first | rest) == 60
    assert all('"away"' in payload for payload in (first | rest).values())


def test_a_room_that_tells_of_itself_before_its_echo_shows_what_it_told(house: House) -> None:
    house.gateway.submit([(house.gateway.table.ref("global.state"), 6)], origin="mqtt")
    house.takes()
    base_polls(house.gateway, "global.state")
    base_reports(house.gateway, "global.state", 6)
    house.takes()
    base_reports(house.gateway, "zone.5.12.state", 3)

    told = house.takes() | house.rest()

    assert [payload for payload in told.values() if '"off"' in payload]
    assert '"off"' in told[TOPICS.zone((5, 12), "climate")]


def test_a_season_that_comes_back_while_it_is_announced_is_announced(house: House) -> None:
    topic = TOPICS.discovery(TOPICS.zone_device((5, 12)))
    described: list[str] = []

    def tells(mode: int, *, until_waits: bool = False) -> None:
        base_reports(house.gateway, "global.mode", mode)
        house.publisher.take(house.subscription.take(), house.clock.now)
        for _ in range(200):
            if until_waits and house.publisher.announcer.describing:
                return
            house.clock.advance(0.5)
            house.publisher.tick(house.clock.now)
            while (message := house.outbox.next(house.clock.now)) is not None:
                described.extend([message.payload] if message.topic == topic else [])

    base_reports(house.gateway, "global.mode", 3)
    house.publisher.take(house.subscription.take(), house.clock.now)
    tells(2, until_waits=True)
    tells(3)

    assert "'cool'" in described[-1]


def test_what_another_flow_temperature_means_is_said_also_if_a_page_has_asked_before(house: House) -> None:
    base_reports(house.gateway, "global.mode", 3)
    house.takes()
    house.rest()
    base_reports(house.gateway, "mixed_circuit.1.flow_temperature", 5.0)
    house.gateway.derived.all()
    house.clock.advance(1)
    base_reports(house.gateway, "mixed_circuit.1.flow_temperature", 5.5)

    house.publisher.take(house.subscription.take(), house.clock.now)
    while house.publisher.rooms.unsaid:
        house.publisher.tick(house.clock.now)
    said = {}
    while (message := house.outbox.next(house.clock.now)) is not None:
        said[message.topic] = message.payload

    assert said.get(TOPICS.point("zone.1.1.condensation")) == "ON"


def test_a_command_for_the_house_that_ends_while_the_broker_is_away_is_shown_no_longer(house: House) -> None:
    (command,) = house.gateway.submit([(house.gateway.table.ref("global.state"), 6)], origin="mqtt")
    house.takes()
    house.rest()
    house.gateway.undo(command.id, origin="rest")
    house.subscription.take()

    house.publisher.begin(house.clock.now)
    house.rest()

    assert house.publisher.rooms.payload(house.gateway.table.ref("zone.5.12.state")) == "normal"


def test_values_that_move_are_no_reason_to_look_at_the_inventory(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Gateway] = []

    def noted(gateway: Gateway, *given: Collection[ZoneIndex]) -> Inventory:
        looks.append(gateway)
        return take_inventory(gateway, *given)

    monkeypatch.setattr("neasmart.mqtt.messages.announcer.take_inventory", noted)
    house.ticks()
    looks.clear()

    base_reports(house.gateway, "zone.5.12.temperature", 19.0)
    house.takes()
    house.ticks()
    assert not looks

    for news in (
        lambda: base_reports(house.gateway, "zone.5.12.humidity", 50),
        lambda: house.gateway.put_rooms([Room(base_id=5, zone_id=12, name="Attic")]),
        lambda: house.gateway.forget_zone(5, 12, house.clock.now),
        lambda: base_reports(house.gateway, "global.mode", 3),
    ):
        news()
        house.takes()
        house.ticks()
        assert looks, "what is in the house has changed"
        for _ in range(6):
            house.ticks()
            house.rest()
        looks.clear()


def test_another_flow_temperature_concerns_those_rooms_alone_for_which_it_decides(house: House) -> None:
    def says(flow: float) -> set[str]:
        base_reports(house.gateway, "mixed_circuit.1.flow_temperature", flow)
        first = house.takes()
        assert len(first) <= AT_ONCE
        while house.publisher.rooms.unsaid:
            house.publisher.tick(house.clock.now)
        said = set()
        while (message := house.outbox.next(house.clock.now)) is not None:
            said.add(message.topic)
        return {topic for topic in said if "/zone/" in topic}

    assert says(31.0) == set()
    base_reports(house.gateway, "global.mode", 3)
    house.takes()
    house.rest()
    # Rooms 1.1 and 2.3 have told their humidity, without which nobody knows when it condenses.
    assert says(5.0) == {TOPICS.point(f"zone.{room}.condensation") for room in ("1.1", "2.3")}
