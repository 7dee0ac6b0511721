"""The outbox: the last payload of each topic, steady in the long run and quick for people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.mqtt.messages.outbox import RATE, Outbox, Pace


def drained(outbox: Outbox, now: float) -> list[tuple[str, str]]:
    found = []
    while (message := outbox.next(now)) is not None:
        found.append((message.topic, message.payload))
    return found


def test_only_the_last_payload_of_a_topic_is_said() -> None:
    outbox = Outbox()
    for number in range(1000):
        outbox.put("a", str(number))

    assert drained(outbox, 0.0) == [("a", "999")]


def test_what_was_said_is_not_said_again_unless_asked_to() -> None:
    outbox = Outbox()
    outbox.put("a", "1")
    drained(outbox, 0.0)

    assert not outbox.put("a", "1")
    assert outbox.put("a", "1", repeat=True)
    assert drained(outbox, 0.0) == [("a", "1")]


def test_a_value_that_returns_before_it_was_said_needs_no_message() -> None:
    outbox = Outbox()
    outbox.put("a", "1")
    drained(outbox, 0.0)
    outbox.put("a", "2")
    outbox.put("a", "1")

    assert drained(outbox, 0.0) == []


def test_an_echo_of_a_command_overtakes_the_rest() -> None:
    outbox = Outbox()
    outbox.put("slow", "1")
    outbox.put("echo", "1", urgent=True)

    assert drained(outbox, 0.0) == [("echo", "1"), ("slow", "1")]


def test_everything_is_said_anew_after_forgetting() -> None:
    outbox = Outbox()
    outbox.keep_pace()
    outbox.put("a", "1")
    drained(outbox, 0.0)
    outbox.forget()

    assert not outbox.paced
    assert outbox.put("a", "1")


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=200))
def test_a_stock_goes_out_at_once_and_then_ten_a_second(pauses: list[float]) -> None:
    outbox = Outbox(Pace(stock=50))
    outbox.keep_pace()
    for number in range(5000):
        outbox.put(str(number), "x")
    now, sent = 100.0, len(drained(outbox, 100.0))
    assert sent == 50
    for pause in pauses:
        now += pause
        sent += len(drained(outbox, now))

    assert sent <= 50 + RATE * (now - 100.0)
    assert sent >= 50 + RATE * (now - 100.0) - 1 - 1e-6


def test_an_echo_never_waits_for_the_stock() -> None:
    outbox = Outbox(Pace(stock=1))
    outbox.keep_pace()
    for number in range(3):
        outbox.put(f"slow {number}", "1")
    assert drained(outbox, 0.0) == [("slow 0", "1")]

    for number in range(100):
        outbox.put(f"echo {number}", "1", urgent=True)

    assert outbox.wait_s(0.0) == 0.0
    assert len(drained(outbox, 0.0)) == 100


def test_what_happened_is_told_in_order_each_time_and_not_kept() -> None:
    outbox = Outbox()
    outbox.tell("changed", "1")
    outbox.tell("changed", "1")
    outbox.tell("changed", "2")

    messages = [outbox.next(0.0) for _ in range(3)]
    assert [(each.payload, each.retained) for each in messages if each] == [("1", False), ("1", False), ("2", False)]


def test_two_results_on_one_topic_are_both_told_and_the_last_one_is_kept() -> None:
    outbox = Outbox()
    outbox.put("result", "0")
    outbox.tell("result", "1", retained=True)
    outbox.tell("result", "2", retained=True)

    messages = [each for _ in range(3) if (each := outbox.next(0.0)) is not None]
    assert [(each.payload, each.retained) for each in messages] == [("1", True), ("2", True)]
    assert not outbox.put("result", "2")


def test_the_wait_is_until_the_next_message_may_go() -> None:
    outbox = Outbox(Pace(stock=1))
    assert outbox.wait_s(0.0) is None
    outbox.keep_pace()
    outbox.put("a", "1")
    outbox.put("b", "1")
    outbox.next(10.0)

    assert outbox.wait_s(10.0) == pytest.approx(1 / RATE)
    assert outbox.next(10.0 + 0.5 / RATE) is None
    assert outbox.next(10.0 + 2 / RATE) is not None


def test_own_messages_come_back_in_order_and_foreign_ones_are_told_apart() -> None:
    outbox = Outbox()
    for payload in ("1", "2", "3"):
        outbox.put("a", payload)
        drained(outbox, 0.0)

    assert outbox.heard("a", "1")
    # One may be lost on its way; what comes after it is still ours.
    assert outbox.heard("a", "3")
    assert not outbox.heard("a", "2")
    assert not outbox.heard("a", "foreign")
    # A broker may send the last one twice.
    assert outbox.heard("a", "3")


def test_what_was_overwritten_is_said_again_unless_something_newer_waits() -> None:
    outbox = Outbox()
    outbox.put("a", "1")
    drained(outbox, 0.0)

    outbox.restore("a")
    assert drained(outbox, 0.0) == [("a", "1")]

    outbox.put("a", "2")
    outbox.restore("a")
    assert drained(outbox, 0.0) == [("a", "2")]


def test_an_announcement_waits_for_echoes_alone_and_keeps_its_order() -> None:
    outbox = Outbox(Pace(stock=1))
    outbox.keep_pace()
    outbox.put("climate", "before")
    outbox.put("slow", "1")
    outbox.put("config", "1", unpaced=True)
    outbox.put("climate", "after", unpaced=True, repeat=True)
    outbox.put("echo", "1", urgent=True)

    assert drained(outbox, 0.0) == [("echo", "1"), ("config", "1"), ("climate", "after"), ("slow", "1")]


def test_the_last_of_a_series_of_announcements_is_acknowledged() -> None:
    outbox = Outbox()
    outbox.put("value", "1")
    outbox.put("echo", "1", urgent=True)
    for topic in ("first", "second", "third"):
        outbox.put(topic, "1", unpaced=True)
    messages = [outbox.next(0.0) for _ in range(5)]
    assert [message.topic for message in messages if message is not None and message.acknowledged] == ["third"]
