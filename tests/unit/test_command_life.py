"""The two banks and the life of a command, seen from both sides: what the base reads and what people are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.codecs import encode_dpt9
from neasmart.command import Command, CommandState, CommandTimes
from neasmart.commands import Commands
from neasmart.image import RegisterImage
from neasmart.registers import TABLE

SETPOINT = TABLE.ref("zone.1.1.setpoint")
STATE = TABLE.ref("zone.1.1.state")
MODE = TABLE.ref("global.mode")
FRESH_S = 180.0


class Bench:
    """An image with its commands, driven by hand."""

    def __init__(self) -> None:
        self.image = RegisterImage(TABLE, fresh_s=FRESH_S)
        self.commands = Commands(self.image, CommandTimes())

    def write(self, address: int, word: int, now: float = 0.0) -> list[Command]:
        self.image.record(address, word, at=now, function_code=16, unit_id=0)
        return self.commands.on_write(address, word, now)

    def poll(self, address: int, now: float = 0.0, unit_id: int = 240) -> int:
        word = self.image.served(address, now)
        self.commands.on_poll(range(address, address + 1), unit_id, now)
        return word

    def submit(self, value: float, now: float = 0.0) -> Command:
        return self.commands.submit(SETPOINT, value, origin="test", now=now)[-1]

    def state_of(self, command: Command) -> CommandState:
        found = self.commands.get(command.id)
        assert found is not None
        return found.state


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_before_anything_is_known_the_base_reads_the_no_data_words(bench: Bench) -> None:
    assert bench.poll(MODE.address) == 10
    assert bench.poll(TABLE.ref("global.state").address) == 10
    assert bench.poll(STATE.address) == 0
    assert bench.poll(SETPOINT.address) == 0


def test_a_reported_word_is_served_back_unchanged(bench: Bench) -> None:
    bench.write(SETPOINT.address, 0x8116)

    assert bench.poll(SETPOINT.address) == 0x8116


def test_a_report_that_has_become_old_is_not_served(bench: Bench) -> None:
    bench.write(SETPOINT.address, 0x0C33, now=0.0)

    assert bench.poll(SETPOINT.address, now=FRESH_S) == 0x0C33
    assert bench.poll(SETPOINT.address, now=FRESH_S + 0.1) == 0


def test_an_unknown_register_is_kept_and_served_raw(bench: Bench) -> None:
    bench.write(103, 0xBEEF)

    assert bench.poll(103, now=1e6) == 0xBEEF
    assert bench.poll(104) == 0
    assert [(address, report.word) for address, report in bench.image.unknown()] == [(103, 0xBEEF)]
    assert bench.image.unknown_writes == 1


def test_unknown_registers_beyond_the_bus_are_counted_and_not_kept(bench: Bench) -> None:
    for address in range(7000, 7200):
        bench.write(address, 1)

    assert bench.image.unknown_writes == 200
    assert list(bench.image.unknown()) == []


def test_a_command_goes_from_queued_over_delivered_to_confirmed(bench: Bench) -> None:
    command = bench.submit(22.5)

    assert bench.state_of(command) is CommandState.QUEUED
    assert bench.poll(SETPOINT.address, now=1.0) == encode_dpt9(22.5)
    assert bench.state_of(command) is CommandState.DELIVERED
    (ended,) = bench.write(SETPOINT.address, encode_dpt9(22.5), now=2.0)
    assert ended.state is CommandState.CONFIRMED
    assert (ended.queued_at, ended.delivered_at, ended.ended_at) == (0.0, 1.0, 2.0)
    assert bench.commands.live(SETPOINT) is None


def test_it_is_remembered_which_unit_ids_read_a_command(bench: Bench) -> None:
    command = bench.submit(22.5)

    for unit_id in (240, 241, 240):
        bench.poll(SETPOINT.address, unit_id=unit_id)

    found = bench.commands.get(command.id)
    assert found is not None
    assert found.read_by == (240, 241)


@pytest.mark.parametrize(("written", "confirmed"), [(22.4, True), (22.6, True), (22.3, False), (22.7, False)])
def test_a_setpoint_is_confirmed_within_a_tenth_of_a_degree(
    bench: Bench,
    written: float,
    confirmed: bool,
) -> None:
    bench.submit(22.5)
    bench.poll(SETPOINT.address)

    ended = bench.write(SETPOINT.address, encode_dpt9(written), now=1.0)

    assert bool(ended) is confirmed


def test_an_equal_value_written_before_the_base_has_read_does_not_confirm(bench: Bench) -> None:
    command = bench.submit(22.5)

    bench.write(SETPOINT.address, encode_dpt9(22.5))

    assert bench.state_of(command) is CommandState.QUEUED


def test_a_write_never_clobbers_a_pending_command(bench: Bench) -> None:
    bench.submit(22.5)

    bench.write(SETPOINT.address, encode_dpt9(19.0))

    assert bench.poll(SETPOINT.address) == encode_dpt9(22.5)
    report = bench.image.report(SETPOINT.address)
    assert report is not None
    assert report.word == encode_dpt9(19.0)


def test_the_last_of_several_quick_changes_wins(bench: Bench) -> None:
    first, second, third = bench.submit(20.0), bench.submit(20.5), bench.submit(21.0)

    assert bench.state_of(first) is CommandState.SUPERSEDED
    assert bench.state_of(second) is CommandState.SUPERSEDED
    assert bench.state_of(third) is CommandState.QUEUED
    assert bench.poll(SETPOINT.address) == encode_dpt9(21.0)


def test_another_value_within_the_grace_time_is_no_refusal(bench: Bench) -> None:
    command = bench.submit(22.5)
    bench.poll(SETPOINT.address, now=1.0)

    bench.write(SETPOINT.address, encode_dpt9(19.0), now=60.9)

    assert bench.state_of(command) is CommandState.DELIVERED


def test_another_value_after_the_grace_time_is_a_refusal_with_the_value_kept(bench: Bench) -> None:
    bench.submit(38.0)
    bench.poll(SETPOINT.address, now=1.0)

    (ended,) = bench.write(SETPOINT.address, encode_dpt9(35.0), now=61.0)

    assert ended.state is CommandState.REJECTED
    assert ended.reason == "the base keeps 35"
    assert bench.poll(SETPOINT.address, now=61.0) == encode_dpt9(35.0)


def test_an_unread_command_expires_and_is_never_served_later(bench: Bench) -> None:
    command = bench.submit(22.5)

    assert bench.commands.tick(29.9) == []
    (ended,) = bench.commands.tick(30.0)

    assert ended.id == command.id
    assert ended.state is CommandState.EXPIRED
    assert bench.poll(SETPOINT.address, now=30.1) == 0


def test_an_unconfirmed_command_expires_and_is_never_served_later(bench: Bench) -> None:
    bench.write(SETPOINT.address, encode_dpt9(19.0), now=100.0)
    command = bench.submit(22.5, now=100.0)
    bench.poll(SETPOINT.address, now=110.0)

    assert bench.commands.tick(229.9) == []
    (ended,) = bench.commands.tick(230.0)

    assert ended.id == command.id
    assert ended.state is CommandState.EXPIRED
    assert bench.poll(SETPOINT.address, now=230.0) == encode_dpt9(19.0)


def test_a_refusal_in_standby_says_why(bench: Bench) -> None:
    bench.submit(22.5)
    bench.poll(SETPOINT.address)

    (ended,) = bench.write(SETPOINT.address, 0x8116, now=61.0)

    assert ended.state is CommandState.REJECTED
    assert ended.reason == "the base reports not applicable instead"


def test_a_doubted_report_is_not_served_until_the_base_has_written_anew(bench: Bench) -> None:
    bench.write(SETPOINT.address, encode_dpt9(21.0))
    bench.write(STATE.address, 1)

    assert bench.image.doubt_all() == 2
    assert bench.poll(SETPOINT.address) == 0
    bench.write(SETPOINT.address, encode_dpt9(21.0))
    assert bench.poll(SETPOINT.address) == encode_dpt9(21.0)
    assert bench.image.doubted == 1


def test_a_live_command_is_served_whatever_is_doubted(bench: Bench) -> None:
    bench.write(SETPOINT.address, encode_dpt9(21.0))
    bench.submit(22.5)

    bench.image.doubt_all()

    assert bench.poll(SETPOINT.address) == encode_dpt9(22.5)


def test_the_history_is_bounded() -> None:
    bench = Bench()

    for _ in range(500):
        bench.submit(21.0)

    assert len(bench.commands.recent) == 201


events = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.integers(10, 80)),
        st.tuples(st.just("write"), st.integers(10, 80)),
        st.tuples(st.just("poll"), st.sampled_from([240, 241])),
        st.tuples(st.just("wait"), st.integers(1, 150)),
    ),
    max_size=40,
)


@given(events)
def test_what_is_served_is_always_live_or_fresh_or_no_data(steps: list[tuple[str, int]]) -> None:
    bench, now = Bench(), 0.0
    written: tuple[int, float] | None = None
    for what, number in steps:
        if what == "submit":
            bench.submit(number / 2, now)
        elif what == "write":
            written = (encode_dpt9(number / 2), now)
            bench.write(SETPOINT.address, written[0], now)
        elif what == "poll":
            live = bench.commands.live(SETPOINT)
            fresh = written[0] if written is not None and now - written[1] <= FRESH_S else 0
            assert bench.poll(SETPOINT.address, now, number) == (fresh if live is None else live.word)
        else:
            now += number
            bench.commands.tick(now)
            live = bench.commands.live(SETPOINT)
            assert live is None or now - live.queued_at < 150


def test_every_outcome_is_counted_by_its_origin(bench: Bench) -> None:
    for _ in range(300):
        bench.submit(21.0)
    bench.poll(SETPOINT.address)
    bench.write(SETPOINT.address, encode_dpt9(21.0))
    bench.submit(22.0)
    bench.poll(SETPOINT.address)
    bench.write(SETPOINT.address, encode_dpt9(19.0), now=70.0)
    bench.submit(23.0, now=80.0)
    bench.commands.tick(200.0)

    assert bench.commands.outcomes == {
        (CommandState.CONFIRMED, "test"): 1,
        (CommandState.SUPERSEDED, "test"): 299,
        (CommandState.REJECTED, "test"): 1,
        (CommandState.EXPIRED, "test"): 1,
    }


def test_an_origin_is_counted_from_zero_on(bench: Bench) -> None:
    bench.submit(21.0)

    assert set(bench.commands.outcomes.values()) == {0}
