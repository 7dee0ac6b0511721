"""The parameters of a simulated base as command-line options and as one frozen object."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from neasmart.facts.codecs import FunctionCode
from neasmart.facts.process import arguments as line_types
from neasmart.settings.model import DEFAULT_UNIT_IDS
from neasmart.simulator.bus.freeze import FreezePlan
from neasmart.simulator.bus.noise import ALL_NOISE, NoiseKind, NoisePlan
from neasmart.simulator.bus.silence import Silence
from neasmart.simulator.bus.transport import Transport
from neasmart.simulator.bus.walk import LONGEST_BLOCK, Blocks, BlockShape, WalkOrder
from neasmart.simulator.home.base import Behaviour, Precedence, Tells
from neasmart.simulator.home.house import HOUSES
from neasmart.simulator.home.people import Habits

NO_COMMANDS = "none"

_MOST = 10**9
_positive = line_types.whole(1, _MOST)
_whole = line_types.whole(0, _MOST)
_not_negative = line_types.number(0, _MOST)
_hour = line_types.number(0, 24, "an hour")
_probability = line_types.number(0, 1, "a probability")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """Everything that can be varied; times in seconds unless the name says otherwise.

    `target` is ``host:port`` or a device path; `speed` is house time per real time; `cycle_s` 0 walks without pause.
    `commands` says where the base learns what people commanded: the address of the gateway's API, `NO_COMMANDS` if
    nobody commands anything but what the oracle is told, None if it cannot be known; then words are not judged.
    `lived_in` is the hour of the day, 0 to 24, of a house that was lived in for a day before, None for a new one.
    `paced` lets every frame take the time that it takes on a real bus of `baudrate`.
    `buffer` is how many bytes a gateway's device holds while nobody reads them.
    """

    transport: Transport = Transport.TCP
    target: str = "127.0.0.1:502"
    baudrate: int = 38400
    unit_ids: tuple[int, ...] = DEFAULT_UNIT_IDS
    house: str = "demo"
    seed: int = 1
    speed: float = 1.0
    lived_in: float | None = None
    cycle_s: float = 10.0
    polls: int | None = None
    duration_s: float | None = None
    timeout_s: float = 1.0
    late_ms: float = 20.0
    gap_ms: float = 0.0
    paced: bool = False
    polls_per_segment: int = 1
    commands: str | None = None
    buffer: int | None = None
    blocks: Blocks = field(default_factory=Blocks)
    behaviour: Behaviour = field(default_factory=Behaviour)
    noise: NoisePlan = field(default_factory=NoisePlan)
    habits: Habits = field(default_factory=Habits)
    freeze: FreezePlan = field(default_factory=FreezePlan)
    silences: tuple[Silence, ...] = ()
    report: Path | None = None

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> SimulatorOptions:
        """Return the options of a command line parsed with `add_arguments`."""
        transport, target = next(
            (each, getattr(arguments, each.value.replace("-", "_")))
            for each in Transport
            if getattr(arguments, each.value.replace("-", "_")) is not None
        )
        return cls(
            transport=transport,
            target=target,
            baudrate=arguments.baudrate,
            unit_ids=tuple(arguments.unit_ids),
            house=arguments.house,
            seed=arguments.seed,
            speed=arguments.speed,
            lived_in=arguments.lived_in,
            cycle_s=arguments.cycle,
            polls=arguments.polls,
            duration_s=arguments.duration,
            timeout_s=arguments.timeout,
            late_ms=arguments.late_ms,
            gap_ms=arguments.gap_ms,
            paced=arguments.paced,
            polls_per_segment=arguments.polls_per_segment if transport is Transport.TCP else 1,
            commands=arguments.commands,
            buffer=arguments.buffer,
            blocks=Blocks(
                shape=BlockShape(arguments.blocks),
                length=arguments.block_length,
                function_code=FunctionCode(arguments.write_fc),
                order=WalkOrder(arguments.order),
            ),
            behaviour=Behaviour(
                precedence=Precedence(arguments.precedence),
                tells=Tells(arguments.tells),
                reaction_delay_walks=arguments.reaction_delay,
                follow_delay_walks=arguments.follow_delay,
                ignore_probability=arguments.ignore,
            ),
            noise=_noise(arguments),
            habits=Habits(rooms=arguments.turns, whole_house=arguments.house_turns),
            freeze=FreezePlan(
                pid=arguments.freeze,
                every_s=arguments.freeze_every,
                for_s=arguments.freeze_for,
                longest_s=arguments.freeze_up_to,
            ),
            silences=tuple(arguments.silent),
            report=arguments.report,
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add all options of the simulated base to a parser."""
    line = parser.add_argument_group("line (one of)").add_mutually_exclusive_group(required=True)
    line.add_argument("--tcp", metavar="HOST:PORT", type=line_types.host_port, help="dial a gateway with Modbus TCP")
    line.add_argument(
        "--rtu-tcp", metavar="HOST:PORT", type=line_types.host_port, help="dial a gateway, RTU frames over TCP"
    )
    line.add_argument(
        "--rtu-listen", metavar="HOST:PORT", type=line_types.host_port, help="wait for a gateway, RTU over TCP"
    )
    line.add_argument("--serial", metavar="PATH", help="serial device or pty, RTU frames")
    parser.add_argument("--baudrate", type=line_types.whole(300, 921600), default=38400, help="of the serial device")
    parser.add_argument(
        "--unit-ids", type=line_types.unit_ids, default=DEFAULT_UNIT_IDS, metavar="240,241", help="polled ids"
    )
    house = parser.add_argument_group("house")
    house.add_argument("--house", choices=sorted(HOUSES), default="demo", help="demo has 11 zones, full 60, small 2")
    house.add_argument(
        "--seed",
        type=line_types.whole(0, 2**63 - 1),
        default=1,
        help="the same seed gives the same house, walk and noise",
    )
    house.add_argument("--speed", type=_not_negative, default=1.0, help="house time per real time")
    house.add_argument("--lived-in", type=_hour, metavar="HOUR", help="the house has a day behind it; the hour now")
    run = parser.add_argument_group("run")
    run.add_argument("--polls", type=_positive, help="stop after so many polls")
    run.add_argument("--duration", type=_not_negative, metavar="S", help="stop after so many seconds")
    run.add_argument("--cycle", type=_not_negative, default=10.0, metavar="S", help="time for a walk, 0 = no pause")
    run.add_argument("--timeout", type=_not_negative, default=1.0, metavar="S", help="patience with an answer")
    run.add_argument("--late-ms", type=_not_negative, default=20.0, help="an answer after this is late")
    run.add_argument("--gap-ms", type=_not_negative, default=0.0, help="silence before every request")
    run.add_argument("--paced", action="store_true", help="let frames take the time that they take on a real bus")
    run.add_argument(
        "--commands", metavar="URL", type=_orders, help=f"API that tells what people command, or {NO_COMMANDS}"
    )
    run.add_argument("--report", type=line_types.new_file, metavar="FILE", help="write figures and accusations as JSON")
    walk = parser.add_argument_group("walk")
    walk.add_argument(
        "--blocks", choices=[str(each) for each in BlockShape], default="pair", help="registers per request"
    )
    walk.add_argument(
        "--block-length", type=line_types.whole(1, LONGEST_BLOCK), default=LONGEST_BLOCK, help="for --blocks length"
    )
    walk.add_argument("--write-fc", type=int, choices=(16, 6), default=16)
    walk.add_argument("--order", choices=[str(each) for each in WalkOrder], default="ascending")
    walk.add_argument("--polls-per-segment", type=_positive, default=1, help="Modbus TCP only")
    reaction = parser.add_argument_group("reaction to commands")
    reaction.add_argument("--precedence", choices=[str(each) for each in Precedence], default="level")
    reaction.add_argument("--reaction-delay", type=_whole, default=0, metavar="WALKS")
    reaction.add_argument(
        "--tells", choices=[str(each) for each in Tells], default="before", help="a change: the polls"
    )
    reaction.add_argument("--follow-delay", type=_whole, default=0, metavar="WALKS", help="of what follows a change")
    reaction.add_argument("--ignore", type=_probability, default=0.0, metavar="P", help="probability of ignoring one")
    people = parser.add_argument_group("people and the computer of the gateway")
    people.add_argument("--turns", type=_probability, default=0.0, metavar="P", help="of a thermostat, at each moment")
    people.add_argument("--house-turns", type=_probability, default=0.0, metavar="P", help="of the mode or all rooms")
    people.add_argument("--freeze", type=_positive, metavar="PID", help="stop this process now and then")
    people.add_argument("--freeze-every", type=_not_negative, default=10.0, metavar="S")
    people.add_argument("--freeze-for", type=_not_negative, default=2.0, metavar="S")
    people.add_argument("--freeze-up-to", type=_not_negative, default=0.0, metavar="S", help="some stops are longer")
    people.add_argument(
        "--silent", type=_silence, action="append", default=[], metavar="AT:FOR", help="send nothing; seconds"
    )
    people.add_argument("--buffer", type=_positive, metavar="BYTES", help="what the gateway's device holds, else lost")
    noise = parser.add_argument_group("noise (probabilities before each step)")
    noise.add_argument("--noise", action="store_true", help="all kinds, splits and 20 frames per segment")
    for kind in NoiseKind:
        noise.add_argument(f"--{kind.value.replace('_', '-')}", type=_probability, metavar="P")
    noise.add_argument("--lossy", type=_probability, metavar="P", help="damage to the base's own writes")
    noise.add_argument("--splits", action=argparse.BooleanOptionalAction, help="cut writes at every byte in turn")
    noise.add_argument("--frames-per-segment", type=_positive, metavar="N", help="at most so many frames in one write")


def _noise(arguments: argparse.Namespace) -> NoisePlan:
    plan = ALL_NOISE if arguments.noise else NoisePlan()
    given = {each.name: getattr(arguments, each.name, None) for each in fields(NoisePlan)}
    return replace(plan, **{name: value for name, value in given.items() if value is not None})


def _orders(text: str) -> str:
    return text if text == NO_COMMANDS else line_types.http_url(text)


def _silence(text: str) -> Silence:
    at, _, length = text.partition(":")
    return Silence(at_s=_not_negative(at), for_s=_not_negative(length))
