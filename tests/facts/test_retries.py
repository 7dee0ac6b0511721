"""When what has failed is tried again: the circuit breaker, and waits that grow."""

from __future__ import annotations

import pytest

from neasmart.facts.retries import Backoff, BreakerState, CircuitBreaker


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


def test_waits_double_up_to_the_longest_and_begin_anew_once_it_has_worked() -> None:
    backoff = Backoff(0.5, 3.0)

    assert [backoff.wait_s() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    backoff.worked()
    assert backoff.wait_s() == 0.5
    backoff.hopeless()
    assert backoff.wait_s() == 3.0


def test_chance_spreads_the_waits_and_does_not_add_up() -> None:
    backoff = Backoff(1.0, 4.0, spread=(0.5, 1.5))

    waits = []
    for _ in range(200):
        waits.append([backoff.wait_s() for _ in range(3)])
        backoff.worked()

    for number, usual in enumerate((1.0, 2.0, 4.0)):
        found = [each[number] for each in waits]
        assert 0.5 * usual <= min(found) < 0.7 * usual
        assert 1.3 * usual < max(found) <= 1.5 * usual
