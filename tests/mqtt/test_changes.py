"""Changes at the base: told when somebody has made them, not when they follow from something else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from neasmart.core.commands.command import Command
from neasmart.core.gateway import Gateway
from neasmart.core.state.plant import Reading
from neasmart.mqtt.changes import Change, ChangesByHand
from tests.support.gateways import FakeClock, base_polls, base_reports, fill_house, make_gateway


class Ear:
    """Hears what the hub tells, and what the changes make of it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.gateway: Gateway = make_gateway(self.clock)
        self.changes = ChangesByHand()
        fill_house(self.gateway)
        with self.gateway.hub.subscribed() as (snapshot, _):
            for item in snapshot.values():
                if isinstance(item, Reading):
                    assert self.changes.report(item, self.clock.now) is None

    def hears(self, *reports: tuple[str, float]) -> list[tuple[str, float, float]]:
        """Report values as the base does; return what was told of them."""
        with self.gateway.hub.subscribed() as (_, subscription):
            for ref_id, value in reports:
                base_reports(self.gateway, ref_id, value)
            return [(each.ref.id, each.old, each.new) for each in self._told(subscription.take())]

    def commands(self, ref_id: str, value: float) -> None:
        """Command a value, and let the base read it."""
        with self.gateway.hub.subscribed() as (_, subscription):
            self.gateway.submit([(self.gateway.table.ref(ref_id), value)], origin="mqtt")
            base_polls(self.gateway, ref_id)
            list(self._told(subscription.take()))

    def _told(self, batch: dict[str, object]) -> Iterator[Change]:
        now = self.clock.now
        for item in batch.values():
            if isinstance(item, Command):
                self.changes.command(item, now)
        for item in batch.values():
            if isinstance(item, Reading) and (change := self.changes.report(item, now)) is not None:
                yield change


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

    ear.clock.advance(200)
    assert ear.hears(("zone.1.1.setpoint", 20.0)) == [("zone.1.1.setpoint", 16.0, 20.0)]


def test_values_from_before_a_restart_are_no_news() -> None:
    clock = FakeClock()
    gateway = make_gateway(clock)
    word = gateway.table.ref("zone.1.1.setpoint").point.codec.encode(20.0)
    gateway.restore([(gateway.table.ref("zone.1.1.setpoint").address, word, 10.0)])
    changes = ChangesByHand()
    ref = gateway.table.ref("zone.1.1.setpoint")
    assert changes.report(gateway.plant.reading(ref), clock.now) is None

    base_reports(gateway, ref.id, 22.0)

    assert changes.report(gateway.plant.reading(ref), clock.now) is None
