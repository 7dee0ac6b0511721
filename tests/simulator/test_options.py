from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from neasmart.facts.codecs import WRITE_SINGLE
from neasmart.simulator import SimulatorOptions, add_arguments
from neasmart.simulator.bus.freeze import FreezePlan
from neasmart.simulator.bus.noise import ALL_NOISE, NoiseKind, NoisePlan
from neasmart.simulator.bus.silence import Silence
from neasmart.simulator.bus.transport import Transport
from neasmart.simulator.bus.walk import Blocks, BlockShape, WalkOrder
from neasmart.simulator.home.base import Behaviour, Precedence, Tells
from neasmart.simulator.home.people import Habits


def options(*arguments: str) -> SimulatorOptions:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return SimulatorOptions.from_arguments(parser.parse_args(arguments))


@pytest.mark.parametrize(
    ("flag", "target", "transport"),
    [
        ("--tcp", "127.0.0.1:502", Transport.TCP),
        ("--rtu-tcp", "[::1]:502", Transport.RTU_TCP),
        ("--rtu-listen", "127.0.0.1:0", Transport.RTU_LISTEN),
        ("--serial", "/dev/ttyUSB0", Transport.SERIAL),
    ],
)
def test_one_line_is_chosen(flag: str, target: str, transport: Transport) -> None:
    chosen = options(flag, target)

    assert (chosen.transport, chosen.target) == (transport, target)


def test_the_defaults_of_the_command_line_are_those_of_the_options() -> None:
    assert options("--tcp", "127.0.0.1:502") == SimulatorOptions()


def test_every_parameter_of_a_faithful_base_can_be_given() -> None:
    text = (
        "--tcp h:1 --unit-ids 240 --house full --seed 9 --speed 60 --lived-in 17.5 --polls 7 --duration 3.5"
        " --cycle 0 --timeout 0.5"
        " --late-ms 15 --gap-ms 2 --paced --commands http://h:5000 --buffer 4096 --report r.json"
        " --blocks length --block-length 5 --write-fc 6"
        " --order shuffled --polls-per-segment 3 --precedence edge --reaction-delay 2 --ignore 0.25 --baudrate 9600"
        " --tells after --follow-delay 3 --turns 0.01 --house-turns 0.02 --freeze 4711 --freeze-every 5 --freeze-for 1"
        " --freeze-up-to 8 --silent 60:12 --silent 300:600"
    )

    assert options(*text.split()) == SimulatorOptions(
        target="h:1",
        baudrate=9600,
        unit_ids=(240,),
        house="full",
        seed=9,
        speed=60.0,
        lived_in=17.5,
        cycle_s=0.0,
        polls=7,
        duration_s=3.5,
        timeout_s=0.5,
        late_ms=15.0,
        gap_ms=2.0,
        paced=True,
        polls_per_segment=3,
        commands="http://h:5000",
        buffer=4096,
        blocks=Blocks(shape=BlockShape.LENGTH, length=5, function_code=WRITE_SINGLE, order=WalkOrder.SHUFFLED),
        behaviour=Behaviour(
            precedence=Precedence.EDGE,
            tells=Tells.AFTER_POLLS,
            reaction_delay_walks=2,
            follow_delay_walks=3,
            ignore_probability=0.25,
        ),
        habits=Habits(rooms=0.01, whole_house=0.02),
        freeze=FreezePlan(pid=4711, every_s=5.0, for_s=1.0, longest_s=8.0),
        silences=(Silence(at_s=60.0, for_s=12.0), Silence(at_s=300.0, for_s=600.0)),
        report=Path("r.json"),
    )


def test_noise_switches_everything_on_and_single_kinds_can_differ() -> None:
    assert options("--tcp", "h:1", "--noise").noise == ALL_NOISE
    changed = options(
        "--tcp", "h:1", "--noise", "--vendor", "0", "--no-splits", "--frames-per-segment", "3", "--lossy", "0"
    ).noise
    assert (changed.vendor, changed.splits, changed.frames_per_segment, changed.lossy) == (0.0, False, 3, 0.0)
    assert changed.foreign == ALL_NOISE.foreign


@pytest.mark.parametrize("kind", NoiseKind, ids=str)
def test_every_kind_of_noise_has_an_option_of_its_own(kind: NoiseKind) -> None:
    plan = options("--tcp", "h:1", f"--{kind.value.replace('_', '-')}", "0.5").noise

    assert plan.probability(kind) == 0.5
    assert [plan.probability(other) for other in NoiseKind if other is not kind] == [0.0] * 5
    assert (plan.splits, plan.frames_per_segment) == (NoisePlan().splits, 1)


def test_a_serial_line_carries_one_poll_at_a_time() -> None:
    assert options("--serial", "/dev/null", "--polls-per-segment", "5").polls_per_segment == 1


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "--tcp nonsense",
        "--tcp h:1 --rtu-tcp h:2",
        "--tcp h:70000",
        "--tcp h:1 --unit-ids 0",
        "--tcp h:1 --unit-ids x",
        "--tcp h:1 --polls 0",
        "--tcp h:1 --ignore 1.5",
        "--tcp h:1 --cycle -1",
        "--tcp h:1 --cycle nan",
        "--tcp h:1 --lived-in 24.5",
        "--tcp h:1 --block-length 36",
        "--tcp h:1 --silent 12",
        "--tcp h:1 --silent 12:x",
        "--tcp h:1 --write-fc 3",
        "--tcp h:1 --frames-per-segment 0",
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        options(*wrong.split())

    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err
