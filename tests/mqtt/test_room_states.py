"""What rooms show between a command for the whole house and the base's own word about each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from neasmart.core.commands.command import Command
from neasmart.core.gateway import Gateway
from neasmart.core.state.hub import Subscription
from neasmart.core.state.plant import Reading
from neasmart.mqtt.messages.outbox import Outbox
from neasmart.mqtt.room_states import RoomStates
from neasmart.mqtt.visits import Visits
from tests.mqtt.discovery_snapshot import TOPICS
from tests.support.gateways import FakeClock, base_polls, base_reports, fill_house, make_gateway


@dataclass
class Screen:
    """Shows what the hub tells, as a dashboard would."""

    gateway: Gateway
    clock: FakeClock
    subscription: Subscription
    visits: Visits = field(default_factory=Visits)

    def __post_init__(self) -> None:
        self.rooms = RoomStates(self.gateway, TOPICS, Outbox(), self.visits)

    def shows(self, *zone: int) -> str:
        """Take what has happened; return what a room shows for its state."""
        for item in self.subscription.take().values():
            if isinstance(item, Command):
                self.rooms.command(item)
            elif isinstance(item, Reading):
                self.visits.note(item)
                self.rooms.readings([item])
        self.rooms.tick()
        return self.rooms.payload(self.gateway.table.at("zone", "state", *zone))

    def passes(self, *zone: int) -> None:
        """Let the base write a room's temperature."""
        self.clock.advance(100)
        base_reports(self.gateway, f"zone.{zone[0]}.{zone[1]}.temperature", 21.0)


@pytest.fixture
def screen() -> Iterator[Screen]:
    """Return a screen after the base has taken a holiday for the whole house, and before it comes to the rooms."""
    clock = FakeClock()
    gateway = make_gateway(clock)
    fill_house(gateway)
    with gateway.hub.subscribed() as (_, subscription):
        screen = Screen(gateway, clock, subscription)
        gateway.submit([(gateway.table.ref("global.state"), 6)], origin="mqtt")
        assert screen.shows(1, 1) == "holiday"
        base_polls(gateway, "global.state")
        base_reports(gateway, "global.state", 6)
        assert not gateway.commands.pending
        yield screen


def test_a_room_shows_what_was_commanded_for_the_house_until_a_slow_base_comes_by(screen: Screen) -> None:
    screen.clock.advance(600)
    assert screen.shows(1, 1) == "holiday"

    base_reports(screen.gateway, "zone.1.1.state", 6)
    assert screen.shows(1, 1) == "holiday"
    assert screen.rooms.awaits_reports
    base_reports(screen.gateway, "zone.1.1.state", 5)
    assert screen.shows(1, 1) == "party"


def test_a_room_that_follows_a_walk_later_shows_no_step_back(screen: Screen) -> None:
    base_reports(screen.gateway, "zone.1.1.state", 1)
    screen.passes(1, 1)
    assert screen.shows(1, 1) == "holiday"

    base_reports(screen.gateway, "zone.1.1.state", 6)
    base_reports(screen.gateway, "zone.1.2.state", 4)
    assert (screen.shows(1, 1), screen.shows(1, 2)) == ("holiday", "time_program")


def test_a_room_that_the_base_has_passed_twice_without_a_word_shows_its_own_state(screen: Screen) -> None:
    screen.passes(1, 1)
    assert screen.shows(1, 1) == "holiday"

    screen.passes(1, 1)
    assert screen.shows(1, 1) == "normal"
    assert screen.shows(1, 2) == "holiday"


def test_nobody_waits_for_a_room_that_the_base_tells_no_more(screen: Screen) -> None:
    for zone in ((1, 1), (1, 2)):
        base_reports(screen.gateway, f"zone.{zone[0]}.{zone[1]}.state", 6)
    screen.passes(1, 1)
    assert screen.shows(2, 3) == "holiday"

    screen.clock.advance(200)
    screen.gateway.tick(screen.clock.now)
    assert screen.shows(2, 3) == "standby"
    assert not screen.rooms.awaits_reports
