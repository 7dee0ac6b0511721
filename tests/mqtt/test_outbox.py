"""The outbox: the last payload of each topic, paced once everything has been said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.mqtt.outbox import PACE_S, Outbox


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
    outbox.paced = True
    outbox.put("a", "1")
    drained(outbox, 0.0)
    outbox.forget()

    assert not outbox.paced
    assert outbox.put("a", "1")


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=200))
def test_no_second_holds_more_than_ten_messages(pauses: list[float]) -> None:
    outbox = Outbox()
    outbox.paced = True
    for number in range(300):
        outbox.put(str(number), "x")
    now, sent = 100.0, []
    for pause in pauses:
        now += pause
        sent += [now] * len(drained(outbox, now))

    assert all(eleventh - first > 1.0 for first, eleventh in zip(sent, sent[10:], strict=False))


def test_the_wait_is_until_the_next_message_may_go() -> None:
    outbox = Outbox()
    assert outbox.wait_s(0.0) is None
    outbox.paced = True
    outbox.put("a", "1")
    outbox.put("b", "1")
    outbox.next(10.0)

    assert outbox.wait_s(10.0) == pytest.approx(PACE_S)
    assert outbox.next(10.0 + PACE_S / 2) is None
    assert outbox.next(10.0 + 2 * PACE_S) is not None
