"""A house with which most lives of a command begin."""

from __future__ import annotations

import pytest

from tests.support.by_hand import HEATING, MODE, SETPOINT, STATE, ByHand


@pytest.fixture
def hand() -> ByHand:
    """Return a house in the heating season whose first room has 21 degrees."""
    hand = ByHand()
    hand.tell(MODE, HEATING)
    hand.tell(STATE, 1)
    hand.tell(SETPOINT, 21.0)
    return hand
