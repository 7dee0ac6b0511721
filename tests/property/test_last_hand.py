"""No word reaches the base that nobody commanded, and the last hand wins: whatever happens, in whatever order."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from neasmart.core.commands.command import Command
from neasmart.core.commands.commands import Commands
from neasmart.core.state.image import RegisterImage
from neasmart.settings.model import IdleReply, ModbusSettings, Settings
from tests.property import world
from tests.property.machine import LastHand, LastHandOnEdges

BOUNDED = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("machine", [LastHand, LastHandOnEdges])
def test_the_last_hand_wins(machine: type[LastHand]) -> None:
    run_state_machine_as_test(machine, settings=BOUNDED)

    assert machine.totals.words > 5_000
    assert machine.totals.accused == 0


def _lives(machine: type[LastHand]) -> None:
    run_state_machine_as_test(machine, settings=settings(BOUNDED, phases=(Phase.generate,)))


def test_a_gateway_that_served_reports_back_would_be_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    modbus = ModbusSettings(idle_reply=IdleReply.LAST_REPORT)
    monkeypatch.setattr(world, "SETTINGS", Settings(modbus=modbus))

    with pytest.raises(AssertionError, match=r"register \d+ = 0x\w+ to .*: unexplained"):
        _lives(LastHand)


@pytest.mark.parametrize("machine", [LastHand, LastHandOnEdges])
def test_a_gateway_that_pressed_a_command_on_would_be_found_out(
    monkeypatch: pytest.MonkeyPatch, machine: type[LastHand]
) -> None:
    def nothing_ends_it(*_: object) -> list[Command]:
        return []

    monkeypatch.setattr(Commands, "on_write", nothing_ends_it)

    with pytest.raises(AssertionError, match=r"register \d+ = 0x\w+ to .*: (turned|ended)|DELIVERED"):
        _lives(machine)


def test_a_gateway_that_goes_on_after_a_standstill_would_be_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Commands, "stood_still", lambda *_: [])

    with pytest.raises(AssertionError, match=r"register \d+ = 0x\w+ to .*: ended"):
        _lives(LastHand)


def test_a_gateway_that_served_nothing_would_be_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RegisterImage, "desire", lambda *_: None)

    with pytest.raises(AssertionError, match="was not taken over"):
        _lives(LastHand)
