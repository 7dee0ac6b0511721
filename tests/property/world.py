"""A base, its people and its wire around the gateway's core, in one thread and with a clock of their own.

The base and the oracle are those of the simulator, which share nothing with the gateway. Everything that the base
writes and polls goes through the slave as bytes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from neasmart.core.commands.carrier import Carrier
from neasmart.core.commands.command import Command
from neasmart.core.gateway import LINK, STANDSTILL_S
from neasmart.facts.clock import Clock
from neasmart.facts.codecs import WRITE_MULTIPLE
from neasmart.facts.errors import NeasmartError
from neasmart.facts.points import TABLE
from neasmart.facts.registers import Ref
from neasmart.facts.status import LinkStatus
from neasmart.settings.model import Settings
from neasmart.simulator.bus.damage import BadWire
from neasmart.simulator.bus.walk import LONGEST_BLOCK, Blocks, BlockShape, Read, Walk, Write
from neasmart.simulator.bus.wire import ReceivedFrame, RtuWire, read_request, words_read, write_request
from neasmart.simulator.home.base import BaseStation, Behaviour
from neasmart.simulator.home.house import SMALL, House
from neasmart.simulator.judge.oracle import Explanation, Limit, Oracle, Order
from neasmart.sysbus.slave.slaves import RtuSlave
from neasmart.sysbus.slave.station import Station
from neasmart.wiring.app import build_gateway

UNIT_IDS = (240, 241)
ROOMS = tuple((room.base_id, room.zone_id) for room in SMALL.rooms)
START_S = 1000.0
CONVERTER = "192.0.2.7"
SETTINGS = Settings()


@dataclass(kw_only=True)
class Nature:
    """What this base is like, and which unit ids it polls."""

    behaviour: Behaviour
    unit_ids: tuple[int, ...] = UNIT_IDS
    cycle_s: float = 10.0
    seed: int = 0


@dataclass(kw_only=True)
class Weather:
    """The trouble of a walk, as probabilities 0..1 at each step."""

    loss: float = 0.0
    withheld: float = 0.0
    turns: float = 0.0


class World:
    """Everything; `oracle.figures` is the account, `accusations` are what must not be."""

    def __init__(self, nature: Nature) -> None:
        """Build a house with two rooms, a base that has run for a while, and a gateway that starts."""
        self.now = START_S
        self.wall_offset_s = 1_780_000_000.0
        self.nature = nature
        self.chance = random.Random(nature.seed)
        self.oracle = Oracle()
        self.base = BaseStation(House(SMALL, seed=1), nature.behaviour, seed=nature.seed)
        self.base.on_turn = lambda address, word: self.oracle.turned(address, word, self.now)
        self.base.on_adopted = self._adopted
        self.accusations: list[str] = []
        self.adopted: list[tuple[int, int]] = []
        self.orders: dict[str, Order] = {}
        self._wire = RtuWire()
        self._bad_wire = BadWire(1.0, UNIT_IDS, whole_frames=False, seed=nature.seed)
        self.carrier = Carrier(CONVERTER)
        self._frozen: list[tuple[bytes, tuple[tuple[int, int], ...]]] | None = None
        self._ticked_at = self.now
        self._begin()

    def restart(self) -> None:
        """Start the gateway anew, with everything it did not have in memory forgotten."""
        self.oracle.restarted(self.now)
        self._begin()

    def reconnect(self) -> None:
        """Let the converter dial anew."""
        self.carrier.open = False
        self.carrier = Carrier(CONVERTER)
        self.slave = RtuSlave(Station(self.gateway))

    def order(self, points: Sequence[tuple[Ref, float]], *, queue: bool = False) -> list[Command]:
        """Command something; return the commands that the gateway took, none if it refused."""
        try:
            commands = self.gateway.submit(points, origin="property", queue=queue)
        except NeasmartError:
            return []
        # The order of what was commanded together is the gateway's own, and shows in the numbers of their ids.
        for command in sorted(commands, key=lambda each: int(each.id.rpartition("-")[2])):
            self._ordered(command)
        return commands

    def undo(self, command_id: str) -> None:
        """Take a command back; what comes in its place are commands of people as well."""
        order = self.orders[command_id]
        try:
            undone = self.gateway.undo(command_id, origin="property")
        except NeasmartError:
            return
        order.stop(Explanation.ENDED, self.now)
        for command in undone.commands:
            self._ordered(command)

    def pass_by(self, seconds: float) -> None:
        """Let time pass, with a tick in every second of it."""
        until_s = self.now + seconds
        while self._ticked_at + 1.0 <= until_s:
            self._ticked_at += 1.0
            self.now = max(self.now, self._ticked_at)
            if self._frozen is None:
                self.gateway.tick(self.now)
        self.now = until_s

    def walk(self, blocks: Blocks, weather: Weather) -> None:
        """Walk over all registers once."""
        self.base.begin_walk()
        plan = Walk(self.base.addresses, self.nature.unit_ids, blocks, seed=self.chance.randrange(1 << 30))
        steps = plan.steps()
        for step in steps:
            self.pass_by(self.nature.cycle_s / len(steps))
            self._perhaps_turn(weather)
            if isinstance(step, Write):
                self.write(step, weather)
            else:
                self.tell_urgent(plan, weather)
                self.poll(step, withheld=self.chance.random() < weather.withheld, weather=weather)
                self._perhaps_turn(weather)
        self.base.step(self.nature.cycle_s)

    def tell_urgent(self, plan: Walk, weather: Weather) -> None:
        """Let the base write what it has been asked for and what has changed."""
        for write in plan.writes(self.base.urgent()):
            self.write(write, weather)

    def write(self, write: Write, weather: Weather) -> None:
        """Let the base write a block, and the wire do its worst to it."""
        words = [self.base.word(address) for address in write.addresses]
        frame = self._wire.frame(write_request(write.address, words, write.function_code), 0)
        told = tuple(zip(write.addresses, words, strict=True))
        if self.chance.random() < weather.loss:
            frame, told = self._hit(frame), ()
        self.base.reported(write.addresses)
        if self._frozen is None:
            self._arrive(frame, told)
        else:
            self._frozen.append((frame, told))

    def poll(self, poll: Read, *, withheld: bool, weather: Weather | None = None) -> None:
        """Let the base poll and react to what it reads; a withheld reply never leaves."""
        self.base.polls()
        frame = self._wire.frame(read_request(poll), poll.unit_id)
        if self._frozen is not None:
            self._frozen.append((frame, ()))
            return
        received = self.slave.receive(frame, self.now, late=withheld, carrier=self.carrier)
        if withheld:
            return
        (reply,) = self._wire.parse(bytearray(received.reply))
        assert isinstance(reply, ReceivedFrame)
        for each in received.polls:
            self.gateway.bus.left(each, self.now, self.carrier)
        self.slave.sent(received.reply, self.now)
        if weather is not None:
            self._perhaps_turn(weather)
        words = words_read(reply.pdu, poll.count)
        assert words is not None, f"{poll} was answered with {reply.pdu.hex(' ')}"
        for address, word in zip(poll.addresses, words, strict=True):
            verdict = self.oracle.served(address, word, self.now)
            if verdict not in (Explanation.NOTHING, Explanation.COMMAND):
                self.accusations.append(f"at {self.now:.1f} register {address} = 0x{word:04X} to {poll}: {verdict}")
            self.base.read(address, word)

    @contextmanager
    def frozen(self, *, asleep: bool) -> Iterator[None]:
        """Let the gateway's process stand still; then it reads all that has waited, and answers nothing of it.

        Nothing has waited for a computer that was asleep, so the next poll may come before the next tick.
        """
        self._frozen, since = [], self.now
        yield
        waited, self._frozen = self._frozen, None
        if self.now - since > STANDSTILL_S:
            self.oracle.stood_still(self.now)
        if asleep:
            return
        self.gateway.tick(self.now)
        for frame, told in waited:
            self._arrive(frame, told)

    def correct_clock(self, seconds: float) -> None:
        """Set the wall clock ahead; if by much, it may be that of a virtual machine that was paused."""
        self.wall_offset_s += seconds
        if seconds > STANDSTILL_S:
            self.oracle.stood_still(self.now)

    def _begin(self) -> None:
        clock = Clock(monotonic=lambda: self.now, wall=lambda: self.now + self.wall_offset_s)
        self.gateway = build_gateway(SETTINGS, clock)
        self.gateway.tick(self.now)
        self.gateway.hub.publish(LINK, LinkStatus(connected=True, code="connected", detail="The link is open."))
        self.carrier = Carrier(CONVERTER)
        self.slave = RtuSlave(Station(self.gateway))

    def _arrive(self, frame: bytes, told: tuple[tuple[int, int], ...]) -> None:
        if frame:
            self.slave.receive(frame, self.now, late=True, carrier=self.carrier)
        for address, word in told:
            self.oracle.told(address, word, self.now)

    def _hit(self, frame: bytes) -> bytes:
        arrived, _ = self._bad_wire.carried(frame)
        return arrived

    def _ordered(self, command: Command) -> None:
        self.orders[command.id] = self.oracle.ordered(command.ref.address, command.word, self.now)

    def _adopted(self, address: int, word: int) -> None:
        self.adopted.append((address, word))
        # Half a poll later than the turn that may have come in between.
        if self.oracle.adopted(address, word, self.now + 1e-6) is Limit.NONE:
            self.accusations.append(f"at {self.now:.1f} register {address} = 0x{word:04X} undid a turn")

    def _perhaps_turn(self, weather: Weather) -> None:
        if self.chance.random() < weather.turns:
            self.turn(self.chance.choice(ROOMS), self.chance.choice((17.0, 18.5, 19.0, 21.0, 22.0, 23.5)))

    def turn(self, room: tuple[int, int], value_c: float) -> None:
        """Turn the wheel of a thermostat."""
        self.base.local_setpoint(*room, value_c)


def blocks_of(chance: random.Random) -> Blocks:
    """Return any shape of requests."""
    return Blocks(
        shape=chance.choice(list(BlockShape)), length=chance.randint(1, LONGEST_BLOCK), function_code=WRITE_MULTIPLE
    )


def setpoint(room: tuple[int, int]) -> Ref:
    """Return the register of a room's setpoint."""
    return TABLE.at("zone", "setpoint", *room)


def state(room: tuple[int, int]) -> Ref:
    """Return the register of a room's state."""
    return TABLE.at("zone", "state", *room)
