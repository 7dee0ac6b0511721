"""A link that comes and goes costs one log line a minute, and loses nothing that matters."""

from __future__ import annotations

import logging

import pytest

from neasmart.sysbus.line.journal import FREE_LINES, Journal
from tests.support.bus import Hands

LOGGER = logging.getLogger("test.journal")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


@pytest.fixture
def hands(caplog: pytest.LogCaptureFixture) -> Hands:
    caplog.set_level(logging.INFO, LOGGER.name)
    return Hands()


def test_a_few_lines_are_told_at_once(hands: Hands, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(LOGGER, hands.clock.monotonic)
    for number in range(FREE_LINES):
        journal.say(logging.INFO, f"line {number}")

    assert lines(caplog) == [f"line {number}" for number in range(FREE_LINES)]


def test_an_hour_of_coming_and_going_costs_a_line_a_minute_with_a_count(
    hands: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(LOGGER, hands.clock.monotonic)
    for second in range(3600):
        hands.now += 1.0
        for what in ("has connected", "link: connected", "has gone", "link: waits"):
            journal.say(logging.INFO, f"{second} {what}")
        journal.flush()

    told = lines(caplog)
    assert len(told) <= 60 + FREE_LINES
    assert "more changes of the link" in told[-1]


def test_the_last_line_of_a_storm_is_told_when_its_minute_has_come(
    hands: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(LOGGER, hands.clock.monotonic)
    for number in range(FREE_LINES + 30):
        journal.say(logging.WARNING, f"line {number}")
    assert lines(caplog)[-1] == f"line {FREE_LINES - 1}"

    hands.now += 60.0
    journal.flush()

    assert lines(caplog)[-1] == f"line {FREE_LINES + 29} (and 29 more changes of the link)"


def test_a_warning_is_not_lost_to_lesser_lines_that_follow(hands: Hands, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(LOGGER, hands.clock.monotonic)
    for number in range(FREE_LINES):
        journal.say(logging.INFO, f"line {number}")
    journal.say(logging.WARNING, "grave")
    journal.say(logging.INFO, "lesser")
    hands.now += 60.0
    journal.flush()

    assert lines(caplog)[-1] == "grave (and 1 more changes of the link)"


def test_after_a_quiet_time_lines_are_free_again(hands: Hands, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(LOGGER, hands.clock.monotonic)
    for number in range(FREE_LINES):
        journal.say(logging.INFO, f"line {number}")
    hands.now += 60.0 * FREE_LINES
    for number in range(FREE_LINES):
        journal.say(logging.INFO, f"again {number}")

    assert len(lines(caplog)) == 2 * FREE_LINES
