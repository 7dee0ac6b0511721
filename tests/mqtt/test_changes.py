"""Changes at the base: told when somebody has made them, not when they follow from something else."""

from __future__ import annotations

import pytest

from neasmart.core.commands.command import Command
from neasmart.core.commands.commands import HISTORY_LENGTH
from neasmart.core.gateway import Gateway
from neasmart.core.state.plant import Reading
from neasmart.facts.codecs import Value
from neasmart.mqtt.changes import ChangesByHand
from neasmart.mqtt.visits import Visits
from tests.support.gateways import FakeClock, base_polls, base_reports, base_writes, fill_house, make_gateway

SLOW_S = 5.0
"""Between two rooms of a slow base; a walk over sixty of them takes five minutes."""

ROOMS = [(base_id, zone_id) for base_id in range(1, 6) for zone_id in range(1, 13)]


class Ear:
    """Hears what the hub tells, and what the changes make of it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.gateway: Gateway = make_gateway(self.clock)
        self.changes = ChangesByHand(Visits())
        fill_house(self.gateway)
        self.changes.start(self.gateway.plant.readings, [])

    def hears(self, *reports: tuple[str, float]) -> list[tuple[str, Value, float]]:
        """Report values as the base does; return what was told of them."""
        with self.gateway.hub.subscribed() as (_, subscription):
            for ref_id, value in reports:
                base_reports(self.gateway, ref_id, value)
            return self._told(subscription.take())

    def commands(self, ref_id: str, value: float) -> None:
        """Command a value, and let the base read it."""
        with self.gateway.hub.subscribed() as (_, subscription):
            self.gateway.submit([(self.gateway.table.ref(ref_id), value)], origin="mqtt")
            base_polls(self.gateway, ref_id)
            self._told(subscription.take())

    def walks(self, state: int, setpoint: float) -> list[tuple[str, Value, float]]:
        """Let a slow base walk over sixty rooms that all say the same."""
        told = []
        for base_id, zone_id in ROOMS:
            self.clock.advance(SLOW_S)
            zone = f"zone.{base_id}.{zone_id}"
            told += self.hears((f"{zone}.state", state), (f"{zone}.setpoint", setpoint), (f"{zone}.temperature", 21.0))
        return told

    def differs(self) -> list[tuple[str, Value, float]]:
        """Switch one room off, so that the house has no common state."""
        with self.gateway.hub.subscribed() as (_, subscription):
            base_reports(self.gateway, "zone.1.1.state", 3)
            base_writes(self.gateway, "global.state", 0)
            told = self._told(subscription.take())
        self.clock.advance(SLOW_S)
        return told

    def _told(self, batch: dict[str, object]) -> list[tuple[str, Value, float]]:
        commands = [item for item in batch.values() if isinstance(item, Command)]
        readings = [item for item in batch.values() if isinstance(item, Reading)]
        return [(each.ref.id, each.old, each.new) for each in self.changes.take(commands, readings)]


@pytest.fixture
def ear() -> Ear:
    return Ear()


def test_a_turn_at_a_thermostat_is_told_with_both_values(ear: Ear) -> None:
    assert ear.hears(("zone.1.1.setpoint", 23.0)) == [("zone.1.1.setpoint", 21.5, 23.0)]
    assert ear.hears(("zone.1.1.setpoint", 23.0)) == []
    assert ear.hears(("zone.1.2.state", 5)) == [("zone.1.2.state", 2, 5)]
    assert ear.hears(("global.mode", 3)) == [("global.mode", 2, 3)]


def test_what_is_measured_is_no_change_by_somebody(ear: Ear) -> None:
    assert ear.hears(("zone.1.1.temperature", 25.0), ("zone.1.1.humidity", 60)) == []


def test_what_we_have_commanded_is_none(ear: Ear) -> None:
    ear.commands("zone.1.1.setpoint", 23.0)

    assert ear.hears(("zone.1.1.setpoint", 23.0)) == []
    # A turn right after it is told all the same.
    assert ear.hears(("zone.1.1.setpoint", 19.0)) == [("zone.1.1.setpoint", 23.0, 19.0)]


def test_a_setpoint_that_the_base_has_limited_is_none(ear: Ear) -> None:
    ear.commands("zone.1.1.setpoint", 35.0)

    assert ear.hears(("zone.1.1.setpoint", 31.0)) == []


def test_what_follows_from_a_change_is_not_told_beside_it(ear: Ear) -> None:
    assert ear.hears(("zone.1.1.state", 2), ("zone.1.1.setpoint", 18.0)) == [("zone.1.1.state", 1, 2)]
    assert ear.hears(("global.mode", 3), ("zone.1.2.setpoint", 25.0), ("zone.1.2.state", 1)) == [("global.mode", 2, 3)]


def test_rooms_that_follow_our_command_for_the_house_are_not_told(ear: Ear) -> None:
    ear.commands("global.state", 6)

    assert ear.hears(("zone.1.1.state", 6), ("zone.1.1.setpoint", 16.0)) == []


@pytest.mark.parametrize("cause", ["global.state", "global.mode"])
@pytest.mark.parametrize("walks_later", [0, 1])
def test_however_slow_the_base_no_room_that_follows_our_command_is_told(ear: Ear, cause: str, walks_later: int) -> None:
    ear.walks(1, 21.5)
    assert ear.walks(1, 21.5) == []
    ear.commands(cause, 3)
    assert ear.hears((cause, 3)) == []

    for _ in range(walks_later):
        assert ear.walks(1, 21.5) == []
    assert ear.walks(3, 18.0) == []


def test_nor_one_that_follows_a_command_that_the_base_takes_its_time_to_adopt(ear: Ear) -> None:
    ear.walks(1, 21.5)
    ear.walks(1, 21.5)
    ear.commands("global.state", 2)
    for _ in range(4):
        assert ear.walks(1, 21.5) == []

    assert ear.walks(2, 18.0) == []
    assert ear.hears(("global.state", 2)) == []


def test_nor_one_that_follows_what_was_changed_in_the_makers_app(ear: Ear) -> None:
    ear.walks(1, 21.5)
    ear.walks(1, 21.5)
    assert ear.hears(("global.state", 2)) == [("global.state", 1, 2)]

    assert ear.walks(2, 18.0) == []


def test_rooms_that_differed_and_were_set_together_are_told_as_one_change(ear: Ear) -> None:
    ear.walks(1, 21.5)
    assert ear.differs() == [("zone.1.1.state", 1, 3)]

    assert ear.hears(("global.state", 4), *((f"zone.{base}.{zone}.state", 4) for base, zone in ROOMS)) == [
        ("global.state", None, 4)
    ]


def test_a_room_that_was_set_as_the_others_are_is_told_as_a_room(ear: Ear) -> None:
    ear.walks(1, 21.5)
    ear.differs()

    assert ear.hears(("global.state", 1), ("zone.1.1.state", 1)) == [("zone.1.1.state", 3, 1)]


def test_rooms_that_differed_and_follow_our_command_for_the_house_are_not_told(ear: Ear) -> None:
    ear.walks(1, 21.5)
    ear.differs()
    ear.commands("global.state", 4)

    assert ear.hears(("global.state", 4), *((f"zone.{base}.{zone}.state", 4) for base, zone in ROOMS)) == []


def test_rooms_that_differed_and_follow_a_command_each_are_not_told_as_a_house_either(ear: Ear) -> None:
    ear.walks(1, 21.5)
    ear.differs()
    for base, zone in ROOMS:
        ear.commands(f"zone.{base}.{zone}.state", 4)

    assert ear.hears(("global.state", 4), *((f"zone.{base}.{zone}.state", 4) for base, zone in ROOMS)) == []


def test_a_turn_in_a_room_that_has_followed_is_told_though_the_walk_goes_on(ear: Ear) -> None:
    ear.walks(1, 21.5)
    ear.commands("global.state", 2)
    ear.hears(("global.state", 2))
    ear.clock.advance(1)
    assert ear.hears(("zone.1.1.state", 2), ("zone.1.1.setpoint", 18.0)) == []

    ear.clock.advance(1)
    assert ear.hears(("zone.1.1.setpoint", 20.0)) == [("zone.1.1.setpoint", 18.0, 20.0)]
    assert ear.hears(("zone.1.1.state", 1)) == [("zone.1.1.state", 2, 1)]


def test_a_turn_after_the_base_has_been_at_a_room_twice_is_told_though_nothing_followed(ear: Ear) -> None:
    ear.walks(1, 21.5)
    ear.commands("global.mode", 4)
    ear.hears(("global.mode", 4))
    for _ in range(2):
        ear.clock.advance(4)
        assert ear.hears(("zone.1.1.setpoint", 21.5), ("zone.1.1.temperature", 22.0)) == []

    ear.clock.advance(4)
    assert ear.hears(("zone.1.1.setpoint", 23.0)) == [("zone.1.1.setpoint", 21.5, 23.0)]


def test_a_turn_back_to_what_was_commanded_is_told(ear: Ear) -> None:
    ear.commands("zone.1.1.setpoint", 23.0)
    assert ear.hears(("zone.1.1.setpoint", 23.0)) == []

    assert ear.hears(("zone.1.1.setpoint", 19.0)) == [("zone.1.1.setpoint", 23.0, 19.0)]
    assert ear.hears(("zone.1.1.setpoint", 23.0)) == [("zone.1.1.setpoint", 19.0, 23.0)]


def test_a_turn_to_what_the_base_has_not_taken_is_told_once_it_has_been_at_the_room_twice(ear: Ear) -> None:
    ear.commands("zone.1.1.setpoint", 23.0)
    ear.commands("zone.1.1.setpoint", 20.0)
    ear.hears(("zone.1.1.setpoint", 20.0))
    for _ in range(2):
        ear.clock.advance(4)
        assert ear.hears(("zone.1.1.setpoint", 20.0), ("zone.1.1.temperature", 22.0)) == []

    ear.clock.advance(4)
    assert ear.hears(("zone.1.1.setpoint", 23.0)) == [("zone.1.1.setpoint", 20.0, 23.0)]


def test_a_reading_that_is_only_shown_anew_is_no_visit(ear: Ear) -> None:
    ear.commands("global.state", 2)
    ear.hears(("global.state", 2))
    ear.clock.advance(1)
    ear.hears(("zone.1.1.temperature", 22.0))
    for name in ("Bath", "Kitchen"):
        with ear.gateway.hub.subscribed() as (_, subscription):
            ear.gateway.rename({(1, 1): name})
            ear.changes.take([], [item for item in subscription.take().values() if isinstance(item, Reading)])

    assert ear.hears(("zone.1.1.state", 2)) == []


def test_one_of_hundreds_whose_end_nobody_heard_explains_no_turn_for_ever(ear: Ear) -> None:
    ear.walks(1, 21.5)
    ear.commands("global.state", 2)
    base_reports(ear.gateway, "global.state", 2)
    for number in range(HISTORY_LENGTH + 1):
        ear.gateway.submit([(ear.gateway.table.ref("zone.1.1.setpoint"), 20.0 + number / 100)], origin="rest")
    ear.changes.start(ear.gateway.plant.readings, reversed(ear.gateway.commands.recent))
    ear.walks(2, 18.0)
    ear.walks(2, 18.0)

    assert ear.hears(("zone.5.12.state", 1)) == [("zone.5.12.state", 2, 1)]


def test_a_command_whose_end_nobody_heard_explains_no_turn_for_ever(ear: Ear) -> None:
    ear.walks(1, 21.5)
    ear.commands("global.state", 2)
    base_reports(ear.gateway, "global.state", 2)
    assert ear.gateway.commands.pending == []
    ear.changes.start(ear.gateway.plant.readings, reversed(ear.gateway.commands.recent))
    # What it has brought about may still come.
    assert ear.walks(2, 18.0) == []
    assert ear.walks(2, 18.0) == []

    assert ear.hears(("zone.5.12.state", 1)) == [("zone.5.12.state", 2, 1)]


def test_a_command_that_took_the_place_of_one_that_was_read_explains_no_turn_for_ever(ear: Ear) -> None:
    ear.walks(1, 21.5)
    ear.commands("global.state", 2)
    with ear.gateway.hub.subscribed() as (_, subscription):
        (newer,) = ear.gateway.submit([(ear.gateway.table.ref("global.state"), 6)], origin="mqtt")
        ear.changes.take([item for item in subscription.take().values() if isinstance(item, Command)], [])
        ear.gateway.commands.withdraw(newer.id, ear.clock.now)
    ear.walks(1, 21.5)
    ear.walks(1, 21.5)

    assert ear.hears(("zone.5.12.state", 2)) == [("zone.5.12.state", 1, 2)]


def test_values_from_before_a_restart_are_no_news() -> None:
    clock = FakeClock()
    gateway = make_gateway(clock)
    word = gateway.table.ref("zone.1.1.setpoint").point.codec.encode(20.0)
    gateway.restore([(gateway.table.ref("zone.1.1.setpoint").address, word, 10.0)])
    changes = ChangesByHand(Visits())
    ref = gateway.table.ref("zone.1.1.setpoint")
    assert changes.take([], [gateway.plant.reading(ref)]) == []

    base_reports(gateway, ref.id, 22.0)

    assert changes.take([], [gateway.plant.reading(ref)]) == []
