"""The circuit breaker: closed, open for a while, one trial, and closed again."""

from __future__ import annotations

import pytest

from neasmart.facts.breaker import BreakerState, CircuitBreaker


@pytest.fixture
def breaker() -> CircuitBreaker:
    return CircuitBreaker(failure_threshold=3, recovery_s=60.0)


def opened(breaker: CircuitBreaker, at: float = 100.0) -> CircuitBreaker:
    for _ in range(3):
        breaker.failed(at)
    return breaker


def test_it_opens_with_the_failure_that_reaches_the_threshold(breaker: CircuitBreaker) -> None:
    breaker.failed(1.0)
    breaker.failed(2.0)
    assert (breaker.state(2.0), breaker.wait_s(2.0), breaker.failures) == (BreakerState.CLOSED, 0.0, 2)

    breaker.failed(3.0)

    assert (breaker.state(3.0), breaker.wait_s(3.0), breaker.failures) == (BreakerState.OPEN, 60.0, 3)


def test_a_trial_is_allowed_once_the_time_is_over(breaker: CircuitBreaker) -> None:
    opened(breaker)

    assert (breaker.state(159.9), breaker.wait_s(159.0)) == (BreakerState.OPEN, 1.0)
    assert (breaker.state(160.0), breaker.wait_s(160.0)) == (BreakerState.HALF_OPEN, 0.0)
    assert (breaker.state(500.0), breaker.wait_s(500.0)) == (BreakerState.HALF_OPEN, 0.0)


def test_a_success_closes_it_and_the_next_failures_count_from_zero(breaker: CircuitBreaker) -> None:
    opened(breaker)

    breaker.succeeded()

    assert (breaker.state(101.0), breaker.wait_s(101.0), breaker.failures) == (BreakerState.CLOSED, 0.0, 0)
    breaker.failed(102.0)
    breaker.failed(103.0)
    assert breaker.state(103.0) is BreakerState.CLOSED


def test_a_success_between_failures_breaks_the_row(breaker: CircuitBreaker) -> None:
    breaker.failed(1.0)
    breaker.failed(2.0)
    breaker.succeeded()
    breaker.failed(3.0)

    assert breaker.state(3.0) is BreakerState.CLOSED


def test_a_failed_trial_opens_it_for_the_whole_time_again(breaker: CircuitBreaker) -> None:
    opened(breaker)

    breaker.failed(170.0)

    assert (breaker.state(229.9), breaker.state(230.0)) == (BreakerState.OPEN, BreakerState.HALF_OPEN)


def test_a_trial_may_be_allowed_at_once(breaker: CircuitBreaker) -> None:
    opened(breaker)

    breaker.allow_trial(110.0)

    assert (breaker.state(110.0), breaker.wait_s(110.0)) == (BreakerState.HALF_OPEN, 0.0)


def test_allowing_a_trial_does_not_open_what_is_closed(breaker: CircuitBreaker) -> None:
    breaker.allow_trial(110.0)

    assert breaker.state(110.0) is BreakerState.CLOSED
