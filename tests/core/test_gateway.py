"""Plant, hub and gateway: readings with age and quality, zones that exist, snapshot and conflated changes."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from neasmart.core.commands.command import Command, CommandState
from neasmart.core.gateway import DOCTOR, LINK, MQTT, ROOMS, STORE, Gateway
from neasmart.core.state.plant import Reading, Source
from neasmart.facts.clock import Clock
from neasmart.facts.codecs import Quality, encode_dpt9
from neasmart.facts.errors import InvalidValueError, NoLinkError, ReadOnlyPointError, StoodStillError
from neasmart.facts.points import TABLE
from neasmart.facts.status import LinkStatus, MqttStatus, StoreStatus
from neasmart.settings.model import Settings, ZoneSettings
from neasmart.wiring.app import build_gateway

SETPOINT = TABLE.ref("zone.1.3.setpoint")
TEMPERATURE = TABLE.ref("zone.1.3.temperature")


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.clock = Clock(monotonic=lambda: self.now, wall=lambda: 1_700_000_000.0 + self.now)


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def gateway(hands: Hands) -> Gateway:
    gateway = build_gateway(Settings(zones=[ZoneSettings(base=1, zone=3, name=" Study ")]))
    gateway.clock = hands.clock
    gateway.hub.publish(LINK, LinkStatus(connected=True, code="connected"))
    return gateway


def write(gateway: Gateway, ref_id: str, word: int) -> None:
    address = TABLE.ref(ref_id).address
    gateway.bus.write(address, [word], function_code=16, unit_id=0, now=gateway.clock.monotonic())


def test_a_zone_exists_once_its_temperature_has_been_received(gateway: Gateway) -> None:
    write(gateway, "zone.1.3.setpoint", encode_dpt9(21.0))
    assert gateway.plant.zones == []

    write(gateway, "zone.1.3.temperature", encode_dpt9(20.4))

    assert gateway.plant.zones == [(1, 3)]
    assert gateway.plant.zone_name(1, 3) == "Study"
    assert gateway.plant.zone_name(1, 4) is None


def test_zones_may_have_gaps(gateway: Gateway) -> None:
    for ref_id in ("zone.5.12.temperature", "zone.1.1.temperature", "zone.2.7.temperature"):
        write(gateway, ref_id, encode_dpt9(20.0))

    assert gateway.plant.zones == [(1, 1), (2, 7), (5, 12)]


def test_a_block_over_known_and_unknown_registers_is_taken_whole(gateway: Gateway) -> None:
    words = [1, encode_dpt9(21.5), encode_dpt9(20.4), 7, 7, 7, 7, 7, 7, 7, 45]

    gateway.bus.write(300, words, function_code=16, unit_id=0, now=1000.0)

    assert [gateway.plant.value(f"zone.1.3.{key}") for key in ("state", "setpoint", "temperature", "humidity")] == [
        1,
        21.5,
        20.4,
        45,
    ]
    assert gateway.bus.counters.unknown_registers == 7
    assert gateway.bus.poll(300, 11, 240, 1000.0).words == [0] * 11


def test_a_reading_becomes_stale_by_time_alone_and_says_so_once(gateway: Gateway, hands: Hands) -> None:
    write(gateway, TEMPERATURE.id, encode_dpt9(20.4))
    reading = gateway.plant.reading(TEMPERATURE)
    assert (reading.stale, reading.age_s(hands.now)) == (False, 0.0)

    hands.now += 180.1
    with gateway.hub.subscribed() as (_, subscription):
        gateway.tick(hands.now)
        gateway.tick(hands.now)
        first = asyncio.run(subscription.batch())

    assert list(first) == [f"reading/{TEMPERATURE.id}"]
    assert gateway.plant.reading(TEMPERATURE).stale
    assert gateway.plant.value(TEMPERATURE.id) == 20.4


def test_readings_that_are_all_too_old_become_stale_at_the_next_tick(gateway: Gateway, hands: Hands) -> None:
    told = ("zone.1.3.state", "zone.1.3.setpoint", "zone.1.3.temperature", "global.outside_temperature")
    for ref_id in told:
        write(gateway, ref_id, 1)
    hands.now += 180.0
    gateway.tick(hands.now)
    assert not any(gateway.plant.reading(TABLE.ref(ref_id)).stale for ref_id in told)

    with gateway.hub.subscribed() as (_, changes):
        hands.now += 0.1
        gateway.tick(hands.now)
        published = changes.take()

    assert {key for key in published if key.startswith("reading/")} == {f"reading/{ref_id}" for ref_id in told}
    assert all(gateway.plant.reading(TABLE.ref(ref_id)).stale for ref_id in told)
    assert {reading.ref.id for reading in gateway.plant.readings if reading.at is not None} == set(told)


def test_stored_words_are_shown_stale_and_never_served(gateway: Gateway, hands: Hands) -> None:
    gateway.restore([(SETPOINT.address, encode_dpt9(7.0), hands.now - 60), (TEMPERATURE.address, 0x0C1A, 900.0)])

    reading = gateway.plant.reading(SETPOINT)
    assert (reading.value, reading.stale, reading.source) == (7.0, True, Source.STORED)
    assert gateway.plant.zones == [(1, 3)]
    assert gateway.bus.poll(SETPOINT.address, 1, 240, hands.now).words == [0]


def test_a_stored_word_never_replaces_what_the_bus_has_said(gateway: Gateway, hands: Hands) -> None:
    write(gateway, SETPOINT.id, encode_dpt9(21.0))

    gateway.restore([(SETPOINT.address, encode_dpt9(7.0), hands.now)])

    assert gateway.plant.value(SETPOINT.id) == 21.0


def test_in_standby_the_last_known_setpoint_is_held(gateway: Gateway) -> None:
    write(gateway, SETPOINT.id, encode_dpt9(21.0))
    write(gateway, SETPOINT.id, 0x8116)

    reading = gateway.plant.reading(SETPOINT)

    assert (reading.value, reading.quality, reading.held) == (None, Quality.NOT_APPLICABLE, 21.0)


def test_rooms_that_differ_are_reported_as_mixed(gateway: Gateway) -> None:
    write(gateway, "global.state", 0)
    assert gateway.plant.mixed

    write(gateway, "global.state", 2)
    assert not gateway.plant.mixed


def test_a_command_is_refused_while_nothing_is_connected(gateway: Gateway) -> None:
    gateway.hub.publish(LINK, LinkStatus(connected=False, code="no_device", detail="The dongle is missing."))

    with pytest.raises(NoLinkError, match="The dongle is missing"):
        gateway.submit([(SETPOINT, 21.0)], origin="test")
    (command,) = gateway.submit([(SETPOINT, 21.0)], origin="test", queue=True)

    assert command.state is CommandState.QUEUED


def test_what_may_have_waited_while_the_gateway_stood_still_is_refused(gateway: Gateway, hands: Hands) -> None:
    gateway.tick(hands.now)
    (kept,) = gateway.submit([(SETPOINT, 22.5)], origin="test")
    hands.now += 95

    # What lay in a socket is read before the tick, or soon after it.
    for _ in range(2):
        with pytest.raises(StoodStillError, match="Send it again"):
            gateway.submit([(SETPOINT, 7.0)], origin="test", queue=True)
        with pytest.raises(StoodStillError):
            gateway.undo(kept.id, origin="test")
        gateway.tick(hands.now)

    hands.now += 2
    gateway.tick(hands.now)
    (taken,) = gateway.submit([(SETPOINT, 21.0)], origin="test")
    assert taken.state is CommandState.QUEUED


def test_a_busy_second_is_no_standstill(gateway: Gateway, hands: Hands) -> None:
    gateway.tick(hands.now)
    hands.now += 10
    gateway.submit([(SETPOINT, 22.5)], origin="test")
    gateway.tick(hands.now)
    gateway.submit([(SETPOINT, 21.0)], origin="test")

    assert [command.value for command in gateway.commands.pending] == [21.0]


def test_of_several_commands_all_or_none_are_taken(gateway: Gateway) -> None:
    with pytest.raises(InvalidValueError):
        gateway.submit([(SETPOINT, 21.0), (TABLE.ref("zone.1.3.state"), 9)], origin="test")
    with pytest.raises(ReadOnlyPointError):
        gateway.submit([(SETPOINT, 21.0), (TEMPERATURE, 21.0)], origin="test")

    assert gateway.commands.pending == []


def test_a_setpoint_beyond_the_mode_is_taken_with_a_warning(gateway: Gateway) -> None:
    write(gateway, "global.mode", 2)

    (warned,) = gateway.submit([(SETPOINT, 38.0)], origin="test")
    (plain,) = gateway.submit([(SETPOINT, 30.0)], origin="test")

    assert warned.warning == "the base will limit 38 to its range of 5 to 31 degC"
    assert plain.warning is None


def test_the_commanded_value_is_shown_until_the_command_ends(gateway: Gateway, hands: Hands) -> None:
    write(gateway, SETPOINT.id, encode_dpt9(19.0))
    gateway.submit([(SETPOINT, 21.0)], origin="test")
    assert gateway.shown(SETPOINT) == 21.0

    gateway.tick(hands.now + 61)

    assert gateway.shown(SETPOINT) == 19.0


async def test_a_subscriber_gets_a_snapshot_and_then_only_changes(gateway: Gateway) -> None:
    write(gateway, SETPOINT.id, encode_dpt9(19.0))

    with gateway.hub.subscribed() as (snapshot, subscription):
        reading = snapshot[f"reading/{SETPOINT.id}"]
        assert isinstance(reading, Reading)
        assert reading.value == 19.0
        write(gateway, SETPOINT.id, encode_dpt9(20.0))
        batch = await subscription.batch()

    assert list(batch) == [f"reading/{SETPOINT.id}"]


def test_a_report_that_only_repeats_the_last_one_wakes_those_alone_who_asked_for_repeats(gateway: Gateway) -> None:
    for _ in range(2):
        write(gateway, "zone.1.3.temperature", encode_dpt9(20.4))
    key = f"reading/{TEMPERATURE.id}"
    with gateway.hub.subscribed() as (_, all_of_it), gateway.hub.subscribed(repeats=False) as (_, changes):
        write(gateway, "zone.1.3.temperature", encode_dpt9(20.4))
        assert (set(all_of_it.take()), set(changes.take())) == ({key}, set())
        assert gateway.hub.state(key, Reading) is gateway.plant.reading(TEMPERATURE)

        write(gateway, "zone.1.3.temperature", encode_dpt9(20.5))
        assert (set(all_of_it.take()), set(changes.take())) == ({key}, {key})

        for _ in range(2):
            write(gateway, "zone.1.3.temperature", encode_dpt9(20.5))
        assert (changes.take(), changes.repeated()) == ({}, {key: gateway.plant.reading(TEMPERATURE)})
        assert not changes.repeated()

        # What has changed meanwhile is told once, as it is now.
        write(gateway, "zone.1.3.temperature", encode_dpt9(20.5))
        for _ in range(2):
            write(gateway, "zone.1.3.temperature", encode_dpt9(20.6))
        assert (changes.take(), changes.repeated()) == ({key: gateway.plant.reading(TEMPERATURE)}, {})


def test_what_a_room_tells_again_is_no_repeat_where_it_was_unknown_once_or_stale(
    hands: Hands, gateway: Gateway
) -> None:
    word = encode_dpt9(20.4)
    gateway.restore([(TEMPERATURE.address, word, hands.now)])
    with gateway.hub.subscribed(repeats=False) as (_, changes):
        write(gateway, "zone.1.3.temperature", word)
        assert changes.take(), "what was stored is no report"
        hands.now += 181
        gateway.tick(hands.now)
        assert f"reading/{TEMPERATURE.id}" in changes.take(), "that it is stale is news"
        write(gateway, "zone.1.3.temperature", word)
        assert changes.take(), "it is not stale any more"
        write(gateway, "zone.1.3.setpoint", word)
        write(gateway, "zone.1.3.setpoint", word)
        assert changes.take(), "a room counts when it was told twice"
        write(gateway, "zone.1.3.setpoint", word)
        assert not changes.take()


def test_all_frames_of_many_seconds_are_counted(hands: Hands, gateway: Gateway) -> None:
    for _ in range(5):
        for number in range(1000):
            gateway.bus.traffic.heard((hands.now + number / 1000, 16, bytes.fromhex("03 00 64 00 02")))
        hands.now += 1
        gateway.tick(hands.now)

    (block,) = gateway.bus.traffic.document(hands.now)["blocks"]
    assert block["count"] == 5000


async def test_a_slow_subscriber_gets_one_conflated_batch(gateway: Gateway) -> None:
    with gateway.hub.subscribed() as (_, subscription):
        for step in range(10_000):
            write(gateway, SETPOINT.id, encode_dpt9(5 + step % 60 / 2))
        batch = await subscription.batch()

    assert len(batch) == 1
    reading = batch[f"reading/{SETPOINT.id}"]
    assert isinstance(reading, Reading)
    assert reading.value == 5 + 9_999 % 60 / 2


async def test_every_step_of_a_command_is_published(gateway: Gateway, hands: Hands) -> None:
    seen: list[CommandState] = []

    with gateway.hub.subscribed() as (_, subscription):
        for step in (
            lambda: gateway.submit([(SETPOINT, 21.0)], origin="test"),
            lambda: gateway.bus.left(gateway.bus.poll(SETPOINT.address, 1, 240, hands.now), hands.now),
            lambda: write(gateway, SETPOINT.id, encode_dpt9(21.0)),
        ):
            step()
            command = (await subscription.batch())[f"command/{SETPOINT.id}"]
            assert isinstance(command, Command)
            seen.append(command.state)

    assert seen == [CommandState.QUEUED, CommandState.DELIVERED, CommandState.CONFIRMED]


def test_without_a_link_nothing_of_the_base_waits(gateway: Gateway) -> None:
    assert not gateway.bus.bus_waits()

    gateway.bus.ask_of_bus(lambda: True)

    assert gateway.bus.bus_waits()


def test_a_subscription_leaves_nothing_behind(gateway: Gateway) -> None:
    with gateway.hub.subscribed():
        assert len(gateway.hub._subscriptions) == 1

    assert not gateway.hub._subscriptions


def test_the_bus_is_stale_until_and_after_the_base_has_written(gateway: Gateway, hands: Hands) -> None:
    assert gateway.bus_stale(hands.now)
    write(gateway, SETPOINT.id, encode_dpt9(19.0))
    assert not gateway.bus_stale(hands.now)

    assert gateway.last_write_age_s(hands.now + 7) == 7.0
    assert gateway.bus_stale(hands.now + 181)


def test_the_age_of_the_last_write_begins_at_zero_and_ends_in_staleness(gateway: Gateway, hands: Hands) -> None:
    write(gateway, TEMPERATURE.id, encode_dpt9(20.0))
    assert gateway.last_write_age_s(hands.now) == 0.0
    assert gateway.last_write_age_s(hands.now - 5.0) == 0.0

    assert gateway.last_write_age_s(hands.now + 180.0) == 180.0
    assert not gateway.bus_stale(hands.now + 180.0)
    assert gateway.bus_stale(hands.now + 180.1)


def test_a_new_gateway_has_something_to_tell_of_each_part_and_of_each_reading() -> None:
    with build_gateway(Settings()).hub.subscribed() as (snapshot, _):
        parts = {key for key in snapshot if key.startswith("status/")}
        readings = [item for key, item in snapshot.items() if key.startswith("reading/")]

    assert {LINK, STORE, MQTT, DOCTOR, ROOMS} <= parts
    assert len(readings) == len(TABLE)


def test_the_last_status_of_each_part_is_told(gateway: Gateway) -> None:
    link, store, mqtt = LinkStatus(code="no_device"), StoreStatus(errors=3), MqttStatus(connected=True)
    for key, status in ((LINK, link), (STORE, store), (MQTT, mqtt)):
        gateway.hub.publish(key, status)

    assert (gateway.link, gateway.store, gateway.mqtt) == (link, store, mqtt)


def test_a_busy_second_is_counted_in_pieces_that_do_not_hold_up_the_bus(
    gateway: Gateway, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(500):
        gateway.bus.traffic.heard((hands.now + number / 1000, 16, bytes.fromhex("03 00 64 00 02")))
    counted: list[float] = []
    monkeypatch.setattr(gateway.bus.traffic, "_count", lambda at, *_: counted.append(at))

    pieces = [len(counted) for _ in gateway.ticking(hands.now)]

    assert max(after - before for before, after in pairwise(pieces)) <= 50
    assert len(counted) == 500


async def test_a_subscriber_may_take_a_little_at_a_time_and_misses_nothing(gateway: Gateway) -> None:
    with gateway.hub.subscribed() as (_, subscription):
        for zone in range(1, 13):
            write(gateway, f"zone.1.{zone}.temperature", encode_dpt9(20.0))

        first = subscription.take(5)
        write(gateway, "zone.1.12.temperature", encode_dpt9(22.0))
        rest = await subscription.batch()

        assert len(first) == 5
        assert [*first, *rest] == [f"reading/zone.1.{zone}.temperature" for zone in range(1, 13)]
        last = rest["reading/zone.1.12.temperature"]
        assert isinstance(last, Reading)
        assert last.value == 22.0
        assert subscription.take(5) == {}


async def test_who_wants_one_key_is_not_woken_for_others(gateway: Gateway) -> None:
    with gateway.hub.subscribed(only=ROOMS) as (_, subscription):
        write(gateway, TEMPERATURE.id, encode_dpt9(20.0))
        assert subscription.take() == {}

        gateway.hub.publish(ROOMS, "told")

        assert await subscription.batch() == {ROOMS: "told"}
