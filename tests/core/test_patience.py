"""Patience with the base, at the moment itself and just before: commands, undo, readings, what polls read."""

from __future__ import annotations

from typing import Any

import pytest

from neasmart.core.bus_face import Poll
from neasmart.core.commands.carrier import Carrier
from neasmart.core.commands.command import Command, CommandState, CommandTimes
from neasmart.core.commands.life import CARRIERS, Life, Phase
from neasmart.core.gateway import DOCTOR, LINK, MQTT, ROOMS, SETTINGS, STORE, Times
from neasmart.core.state.hub import Hub
from neasmart.core.state.idle_polls import IdlePollStatistics
from neasmart.core.state.image import LastReports, NoData, RegisterImage
from neasmart.core.state.plant import StaleTimes
from neasmart.core.state.rooms import Room, RoomsStatus
from neasmart.core.state.walks import Walks, WalkTimes
from neasmart.diagnosis.doctor import Diagnosis
from neasmart.facts.codecs import Season
from neasmart.facts.errors import UndoError
from neasmart.facts.points import TABLE
from neasmart.facts.registers import Ref
from neasmart.facts.status import Closable, LinkStatus, MqttStatus, SettingsFault, SettingsStatus, StoreStatus
from tests.support.by_hand import (
    AUTO,
    COOLING,
    HEATING,
    HOUSE,
    MODE,
    REDUCED,
    SETPOINT,
    STANDBY,
    STATE,
    WALK_S,
    ByHand,
)

OTHER_STATE, OTHER_SETPOINT = TABLE.ref("zone.1.2.state"), TABLE.ref("zone.1.2.setpoint")
TEMPERATURE = TABLE.ref("zone.1.1.temperature")
QUEUED, DELIVERED, CONFIRMED = CommandState.QUEUED, CommandState.DELIVERED, CommandState.CONFIRMED
OVERRIDDEN, SUPERSEDED, EXPIRED = CommandState.OVERRIDDEN, CommandState.SUPERSEDED, CommandState.EXPIRED


def lived(command: Command, **fields: Any) -> Life:
    fields = {"once": False, **fields}
    return Life(command=command, season=None, baseline=None, waits_for=set(), free_at=0.0, **fields)


def test_patience_with_a_command_without_settings() -> None:
    times = CommandTimes()

    assert (times.delivery_s, times.delivery_walks, times.sync_s, times.sync_walks) == (30.0, 2.0, 120.0, 7.0)
    assert (times.hold_walks, times.probe_walks, times.grace_walks, times.wait_walks) == (2.0, 1.0, 2.0, 3.0)


def test_a_new_life_waits_and_nothing_was_told_of_it(hand: ByHand) -> None:
    life = lived(hand.set((SETPOINT, 22.0)))

    assert (life.phase, life.served_at, life.until, life.told) == (Phase.WAITING, 0.0, 0.0, 0)
    assert (life.carriers, life.rooms) == ([], {})
    assert [phase for phase in Phase if phase.served] == [Phase.OFFERED, Phase.OFFERED_AGAIN]


@pytest.mark.parametrize(("told", "once", "helps"), [(1, False, True), (0, False, False), (1, True, False)])
def test_a_second_offer_helps_only_where_the_base_told_its_old_value_and_it_undoes_nothing(
    hand: ByHand, told: int, *, once: bool, helps: bool
) -> None:
    life = lived(hand.set((SETPOINT, 22.0)), told=told, once=once)

    assert life.offered_again_may_help is helps


def test_the_last_four_connections_of_a_command_are_remembered_each_once(hand: ByHand) -> None:
    life = lived(hand.set((SETPOINT, 22.0)))
    carriers = [Carrier() for _ in range(5)]
    life.sent_by(None)
    for carrier in (*carriers, carriers[4]):
        life.sent_by(carrier)

    assert CARRIERS == 4
    assert life.carriers == carriers[1:]


def test_a_connection_is_followed_by_itself_and_by_the_next_one_of_its_host() -> None:
    one, other, stranger = Carrier("a"), Carrier("a"), Carrier("b")
    assert (one.open, one.polls, Carrier().host) == (True, False, "")
    assert (one.follows(one), other.follows(one)) == (True, False)

    one.ended()

    assert (one.follows(one), other.follows(one), stranger.follows(one)) == (True, True, False)


@pytest.mark.parametrize(("after_s", "state"), [(119.9, DELIVERED), (120.0, EXPIRED)])
def test_a_command_that_was_read_has_two_minutes_from_then_on(
    hand: ByHand, after_s: float, state: CommandState
) -> None:
    hand.wait(5.0)
    command = hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT)

    hand.wait(after_s)

    assert hand.state(command) is state


def test_a_slow_base_has_seven_walks_to_confirm() -> None:
    hand = ByHand(walk_s=40.0)
    command = hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT)

    hand.wait(279.9)
    assert hand.state(command) is DELIVERED
    hand.wait(0.1)

    assert (hand.state(command), hand.reason(command)) == (
        EXPIRED,
        "the base read it but did not confirm it within 280 s",
    )


@pytest.mark.parametrize(("age_s", "state"), [(2 * WALK_S, OVERRIDDEN), (2 * WALK_S + 0.1, QUEUED)])
def test_a_report_is_the_baseline_for_two_walks(hand: ByHand, age_s: float, state: CommandState) -> None:
    hand.now += age_s
    command = hand.set((SETPOINT, 22.0))

    hand.tell(SETPOINT, 18.0)

    assert hand.state(command) is state


def test_the_baseline_is_told_when_the_command_is_queued_and_not_served(hand: ByHand) -> None:
    """A report without a value is no baseline."""
    hand.tell_word(SETPOINT, 0)
    command = hand.set((SETPOINT, 22.0))

    hand.tell(SETPOINT, 18.0)

    assert hand.state(command) is QUEUED


def test_off_that_is_repeated_ends_no_setpoint_that_came_before_anything_was_known() -> None:
    hand = ByHand()
    setpoint = hand.set((SETPOINT, 22.0))

    hand.tell(STATE, STANDBY)
    hand.tell(STATE, STANDBY)

    assert hand.state(setpoint) is QUEUED


@pytest.mark.parametrize("switch", [(STATE, 1), (HOUSE, 1)])
def test_off_ends_no_setpoint_while_a_command_switches_the_room_on(hand: ByHand, switch: tuple[Ref, float]) -> None:
    setpoint = hand.gateway.submit([switch, (SETPOINT, 22.0)], origin="test")[1]

    hand.tell(STATE, 2)
    hand.tell(STATE, STANDBY)

    assert hand.reason(setpoint) != "the room was switched off"


def test_rooms_told_before_the_house_was_read_do_not_confirm_it(hand: ByHand) -> None:
    house = hand.set((HOUSE, 2))

    hand.tell(STATE, 2)

    assert hand.state(house) is QUEUED


def test_one_room_in_another_state_keeps_the_house_from_being_confirmed(hand: ByHand) -> None:
    hand.tell(OTHER_STATE, 1)
    house = hand.set((HOUSE, 2))
    hand.read(HOUSE)

    hand.tell(STATE, 2)
    hand.tell(OTHER_STATE, 5)
    hand.wait(WALK_S + 1)
    hand.tell(STATE, 2)
    assert hand.state(house) is DELIVERED
    hand.tell(OTHER_STATE, 2)

    assert hand.state(house) is CONFIRMED


@pytest.mark.parametrize(("after_s", "state"), [(WALK_S - 0.1, DELIVERED), (WALK_S, CONFIRMED)])
def test_after_a_walk_the_rooms_that_were_told_decide_about_the_house(
    hand: ByHand, after_s: float, state: CommandState
) -> None:
    hand.tell(OTHER_STATE, 1)
    house = hand.set((HOUSE, 2))
    hand.read(HOUSE)
    hand.now += after_s

    hand.tell(STATE, 2)

    assert hand.state(house) is state


@pytest.mark.parametrize(("value", "before", "limit"), [(38.0, HEATING, 31.0), (10.0, COOLING, 15.0)])
def test_a_value_at_the_limit_is_not_limited(hand: ByHand, value: float, before: int, limit: float) -> None:
    hand.tell(MODE, before)
    command = hand.set((SETPOINT, limit))
    hand.read(SETPOINT)
    hand.tell(SETPOINT, limit)
    beyond = hand.set((SETPOINT, value))

    assert (hand.state(command), command.warning) == (CONFIRMED, None)
    assert beyond.warning is not None


def test_the_limit_counts_from_the_mode_that_the_base_has_and_only_for_what_lies_beyond(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 30.0))
    hand.read(SETPOINT)

    hand.tell(SETPOINT, 31.0)

    assert hand.reason(command) == "the base now says 31.0 (thermostat, app or its program)"


def test_mode_and_season_are_those_commanded_before_those_told(hand: ByHand) -> None:
    commands = hand.gateway.commands
    assert (commands.mode, commands.season) == (HEATING, Season.HEATING)

    hand.set((MODE, COOLING))
    assert (commands.mode, commands.season) == (COOLING, Season.COOLING)
    hand.tell(MODE, AUTO)

    assert (commands.mode, commands.season) == (AUTO, None)
    assert ByHand().gateway.commands.mode is None


def test_commands_are_listed_by_age(hand: ByHand) -> None:
    first = hand.set((MODE, COOLING))
    hand.now += 1.0
    ended = hand.set((OTHER_SETPOINT, 22.0))
    hand.now += 1.0
    last = hand.set((OTHER_SETPOINT, 23.0))
    commands = hand.gateway.commands

    assert [each.id for each in commands.pending] == [first.id, last.id]
    assert [each.id for each in commands.recent] == [last.id, ended.id, first.id]
    assert commands.get("unknown") is None
    assert commands.live(SETPOINT) is None
    assert first.id.endswith("-1")


def test_the_newest_command_of_a_room_is_the_one_that_was_given_last(hand: ByHand) -> None:
    commands = hand.gateway.commands
    assert commands.newest((SETPOINT, STATE)) is None
    hand.set((SETPOINT, 22.0))
    hand.now += 1.0
    last = hand.set((STATE, REDUCED))
    hand.now += 1.0
    hand.set((OTHER_SETPOINT, 23.0))

    assert commands.newest((SETPOINT, STATE)) is last
    assert commands.newest((STATE, SETPOINT)) is last


def test_a_command_that_was_read_is_superseded_when_it_is_taken_back(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT)

    (ended,) = hand.gateway.commands.withdraw(command.id, hand.now + 1.0)

    assert (ended.state, ended.ended_at) == (SUPERSEDED, hand.now + 1.0)
    assert hand.reason(command) == "it was undone"
    assert hand.gateway.commands.withdraw(command.id, hand.now) == []


def test_delivered_is_when_it_was_read_first(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT, 240)
    delivered_at = hand.now
    hand.now += 3.0
    hand.read(SETPOINT, 241)

    found = hand.found(command)

    assert (found.delivered_at, found.read_by, found.ended_at, found.reason) == (delivered_at, (240, 241), None, None)


@pytest.mark.parametrize(("after_s", "late"), [(600.0, False), (600.1, True)])
def test_a_command_can_be_undone_for_ten_minutes(hand: ByHand, after_s: float, *, late: bool) -> None:
    command = hand.set((SETPOINT, 22.0))
    hand.read(SETPOINT)
    hand.tell(SETPOINT, 22.0)
    hand.now += after_s

    if late:
        with pytest.raises(UndoError, match="possible for 10 minutes"):
            hand.undo(command)
    else:
        assert [each.value for each in hand.undo(command).commands] == [21.0]


def test_a_value_that_is_stale_or_was_stored_is_not_brought_back(hand: ByHand) -> None:
    hand.gateway.restore([(OTHER_SETPOINT.address, 0x0C33, hand.now)])
    hand.wait(180.1)
    for ref in (SETPOINT, OTHER_SETPOINT):
        command = hand.set((ref, 22.0))
        hand.read(ref)

        with pytest.raises(UndoError, match="what was there before is not known"):
            hand.undo(command)


def test_times_of_the_settings_reach_every_part(hand: ByHand) -> None:
    gateway = hand.gateway
    times = Times(
        commands=CommandTimes(sync_s=1.0), walks=WalkTimes(assumed_s=9.0), stale=StaleTimes(warn_s=3.0, stale_s=4.0)
    )

    gateway.use_times(times)

    assert (gateway.commands.times, gateway.bus.walks.times) == (times.commands, times.walks)
    assert (gateway.plant.stale_times, gateway.image.late_s) == (times.stale, 3.0)


def test_at_the_start_everybody_is_told_that_nothing_is_known() -> None:
    gateway = ByHand().gateway

    assert gateway.hub.state(STORE, StoreStatus) == StoreStatus()
    assert gateway.hub.state(MQTT, MqttStatus) == MqttStatus()
    assert gateway.hub.state(ROOMS, RoomsStatus) == RoomsStatus()
    assert gateway.hub.state(DOCTOR, Diagnosis) == gateway.watch.diagnosis
    assert len(gateway.hub.entries("reading/")) == len(list(gateway.hub.items("reading/"))) == len(TABLE)
    assert gateway.started_at == 1000.0
    assert (gateway.last_write_age_s(0.0), gateway.settings_problem) == (None, None)


def test_other_unit_ids_are_answered_and_judged_from_the_next_link_on(hand: ByHand) -> None:
    hand.gateway.watch_bus([17, 18], line="9600 8N1")

    assert hand.gateway.bus.unit_ids == hand.gateway.watch.unit_ids == (17, 18)
    assert hand.gateway.watch.line == "9600 8N1"


def test_only_faults_that_close_the_bus_are_its_problem(hand: ByHand) -> None:
    faults = (
        SettingsFault(key="a", text="one", closes=frozenset({Closable.BUS})),
        SettingsFault(key="b", text="two", closes=frozenset({Closable.MQTT})),
        SettingsFault(key="c", text="three", closes=frozenset({Closable.BUS, Closable.API})),
    )
    hand.gateway.hub.publish(SETTINGS, SettingsStatus(faults=faults, closed=(Closable.MQTT,)))
    assert hand.gateway.settings_problem is None

    hand.gateway.hub.publish(SETTINGS, SettingsStatus(faults=faults, closed=(Closable.MQTT, Closable.BUS)))

    assert hand.gateway.settings_problem == "one; three"


def test_a_sync_counts_what_was_not_told_since(hand: ByHand) -> None:
    assert hand.gateway.sync_progress == (0, 3)

    hand.gateway.sync(hand.now)
    assert (hand.gateway.sync_progress, hand.read(MODE)) == ((3, 3), 10)
    hand.now += 1.0
    hand.tell(MODE, HEATING)
    hand.tell(HOUSE, 1)

    assert (hand.gateway.sync_progress, hand.read(MODE)) == ((2, 4), 10)
    hand.now += 18.9
    hand.tell(MODE, HEATING)
    assert hand.read(MODE) == 10
    hand.now += 0.1
    assert hand.read(MODE) == 0


def test_a_zone_that_is_forgotten_takes_its_commands_and_reports_with_it(hand: ByHand) -> None:
    command = hand.set((SETPOINT, 22.0))
    with hand.gateway.hub.subscribed() as (_, subscription):
        concerned = hand.gateway.forget_zone(1, 1, hand.now)
        told = subscription.take()

    assert concerned == [ref.address for ref in TABLE.room(1, 1)]
    assert hand.state(command) is CommandState.WITHDRAWN
    assert hand.gateway.image.report(SETPOINT.address) is None
    assert told.keys() == {f"reading/{ref.id}" for ref in TABLE.room(1, 1)} | {f"command/{SETPOINT.id}"}


def test_only_zones_whose_name_is_another_are_told_anew(hand: ByHand) -> None:
    hand.gateway.rename({(1, 1): "Bath"})
    with hand.gateway.hub.subscribed() as (_, subscription):
        hand.gateway.rename({(1, 1): "Bath", (1, 2): "Hall"})
        told = subscription.take()

    assert told.keys() == {f"reading/{ref.id}" for ref in TABLE.room(1, 2)}


def test_rooms_are_told_once_with_why_they_are_not_stored(hand: ByHand) -> None:
    gateway = hand.gateway
    gateway.put_rooms([Room(base_id=1, zone_id=1, name="Bath")])
    gateway.tell_rooms(detail="no space")
    with gateway.hub.subscribed() as (_, subscription):
        gateway.tell_rooms(detail="no space")
        assert subscription.take() == {}
        gateway.put_rooms([Room(base_id=1, zone_id=2, name="Hall")])
        (status,) = (item for key, item in subscription.take().items() if key == ROOMS)

    assert isinstance(status, RoomsStatus)
    assert ([room.name for room in status.rooms], status.detail) == (["Bath", "Hall"], "no space")
    assert gateway.plant.zone_name(1, 2) == "Hall"


def test_a_poll_that_carries_no_command_says_so(hand: ByHand) -> None:
    bus = hand.gateway.bus
    hand.set((SETPOINT, 22.0))

    poll = bus.poll(100, 2, 240, hand.now)

    assert (poll.address, poll.unit_id, [each.address for each in poll.carried]) == (100, 240, [SETPOINT.address])
    assert bus.poll(102, 5, 240, hand.now).carried == bus.poll(99, 2, 240, hand.now).carried == ()
    assert Poll([0], 1, 240).carried == ()


def test_registers_without_a_meaning_are_counted_and_told_to_nobody(hand: ByHand) -> None:
    with hand.gateway.hub.subscribed() as (_, subscription):
        hand.gateway.bus.write(103, [1, 2], function_code=16, unit_id=0, now=hand.now)
        hand.gateway.bus.write(7000, [1], function_code=16, unit_id=0, now=hand.now)
        assert subscription.take() == {}

    assert hand.gateway.bus.counters.unknown_registers == 3
    assert [address for address, _ in hand.gateway.image.unknown()] == [103, 104]


def test_what_the_base_wrote_is_kept_with_how_it_came() -> None:
    image = RegisterImage(TABLE)
    assert image.late_s == 10.0

    assert image.record(100, 7, at=3.0, function_code=6, unit_id=240)
    assert not image.record(6999, 8, at=3.0, function_code=16, unit_id=0)

    report = image.report(100)
    assert report is not None
    assert (report.word, report.at, report.function_code, report.unit_id) == (7, 3.0, 6, 240)
    assert [address for address, _ in image.unknown()] == [6999]


def test_an_asking_word_is_served_until_the_latest_time_that_was_given() -> None:
    image = RegisterImage(TABLE, no_data={100: NoData(7, 8)})
    image.record(100, 1, at=0.0, function_code=16, unit_id=0)
    image.ask(5.0, [100])
    image.ask(3.0)

    assert [image.served(100, 1, now) for now in (4.9, 5.0, 10.0, 10.1)] == [[7], [8], [8], [7]]
    assert image.served(101, 2, 0.0) == [0, 0]


def test_a_word_is_served_from_when_it_is_desired_until_it_is_dropped() -> None:
    image = RegisterImage(TABLE)
    before = image.served(100, 2, 0.0)

    image.desire(100, 9)
    assert (image.commands, image.desired(100), image.desired(101), image.served(100, 2, 0.0)) == (
        True,
        True,
        False,
        [9, 0],
    )
    image.desire(101, 4)
    image.drop(100)
    assert (image.commands, image.served(100, 2, 0.0)) == (True, [0, 4])
    image.drop(101)
    image.drop(101)

    assert (image.commands, image.desired(101), image.served(100, 2, 0.0), before) == (False, False, [0, 0], [0, 0])


def test_as_many_blocks_are_remembered_as_a_base_asks_for_and_then_all_are_forgotten() -> None:
    image = RegisterImage(TABLE)
    blocks = [image.served(100 + number, 1, 0.0) for number in range(512)]
    assert image.served(100, 1, 0.0) is blocks[0]

    image.served(99, 1, 0.0)

    assert image.served(100, 1, 0.0) is not blocks[0]
    assert image.served(1, 1, 0.0) is not image.served(1, 1, 0.0)


@pytest.mark.parametrize(("now", "word"), [(5.0, 7), (5.1, 0)])
def test_for_an_expert_a_report_is_served_as_long_as_it_is_fresh(now: float, word: int) -> None:
    image = RegisterImage(TABLE)
    image.record(100, 7, at=0.0, function_code=16, unit_id=0)

    assert LastReports(image, lambda: 5.0).served(99, 3, now) == [0, word, 0]


def test_a_walk_without_settings_is_between_four_and_forty_seconds() -> None:
    assert WalkTimes() == WalkTimes(shortest_s=4.0, longest_s=40.0, assumed_s=30.0)


@pytest.mark.parametrize(("now", "walk_s"), [(89.9, 10.0), (90.0, 30.0)])
def test_a_register_counts_for_twice_the_longest_walk(now: float, walk_s: float) -> None:
    walks = Walks(TABLE)
    walks.polled((240, 100, 1, 0.0))
    walks.polled((240, 100, 1, 10.0))

    walks.tick(now)

    assert walks.walk_s == walk_s


def test_of_answers_the_mean_and_the_longest_are_told() -> None:
    polls = IdlePollStatistics(TABLE)
    for began, took in ((0.0, 1.0), (10.0, 3.0), (20.0, 2.0)):
        polls.read(SETPOINT.address, 1, (), began)
        polls.read(SETPOINT.address, 1, (), began + 0.5)
        polls.written(SETPOINT.address, began + took)
    polls.read(SETPOINT.address, 1, (SETPOINT.address,), 30.0)
    polls.written(TEMPERATURE.address, 30.0)
    polls.written(SETPOINT.address, 31.0)

    document = polls.document()

    assert document["zone.setpoint"] == {"polls": 6, "asked": 3, "answered": 3, "mean_s": 2.0, "longest_s": 3.0}
    assert document.keys() == {"global.mode", "global.state", "zone.state", "zone.setpoint"}


async def test_a_subscription_takes_each_change_once() -> None:
    hub = Hub()
    hub.publish("a/1", 1)
    with hub.subscribed() as (snapshot, subscription):
        hub.publish("b/1", 2)
        hub.publish("b/1", 3)
        assert (snapshot, subscription.take(), subscription.take()) == ({"a/1": 1}, {"b/1": 3}, {})
        hub.publish("a/1", 4)
        assert await subscription.batch() == {"a/1": 4}

    assert (hub.state("a/1", int), hub.state("a/1", str), hub.state("c", int)) == (4, None, None)
    assert (list(hub.items("b")), hub.entries("a")) == ([3], [("a/1", 4)])


def test_the_link_is_shown_as_starting_before_it_has_said_anything() -> None:
    hand = ByHand()
    hand.gateway.hub.publish(LINK, "no status")

    assert hand.gateway.link == LinkStatus()
