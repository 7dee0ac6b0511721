"""A gateway whose base, clock and owner are moved by hand, for the rules of the command life."""

from __future__ import annotations

from collections.abc import Callable

from neasmart.core.commands.carrier import Carrier
from neasmart.core.commands.command import Command, CommandState
from neasmart.core.gateway import LINK, TakenBack
from neasmart.facts.clock import Clock
from neasmart.facts.points import TABLE
from neasmart.facts.registers import Ref
from neasmart.facts.status import LinkStatus
from neasmart.settings.model import ModbusSettings, Settings
from neasmart.wiring.app import build_gateway

WALK_S = 10.0
MODE = TABLE.ref("global.mode")
HOUSE = TABLE.ref("global.state")
STATE = TABLE.ref("zone.1.1.state")
SETPOINT = TABLE.ref("zone.1.1.setpoint")
OFF = 0x8116
NORMAL, REDUCED, STANDBY = 1, 2, 3
HEATING, COOLING, AUTO = 2, 3, 1


class ByHand:
    """Everything happens when a test says so; a walk of the base is `WALK_S` long."""

    def __init__(self, modbus: ModbusSettings | None = None, *, walk_s: float = WALK_S) -> None:
        settings = modbus or ModbusSettings(
            walk_assumed_seconds=walk_s, walk_longest_seconds=walk_s, walk_shortest_seconds=walk_s
        )
        self.now = 1000.0
        self.unix_s = 1_750_000_000.0
        """What the wall clock says at the beginning of the other one."""
        clock = Clock(monotonic=lambda: self.now, wall=lambda: self.unix_s + self.now)
        self.gateway = build_gateway(Settings(modbus=settings), clock)
        self.gateway.hub.publish(LINK, LinkStatus(connected=True, code="connected"))

    def tell(self, ref: Ref, value: float, carrier: Carrier | None = None) -> None:
        """Let the base write a value."""
        self.tell_word(ref, ref.point.codec.encode(value), carrier)

    def tell_word(self, ref: Ref, word: int, carrier: Carrier | None = None) -> None:
        """Let the base write a word, also one that is no value."""
        self.gateway.bus.write(ref.address, [word], function_code=16, unit_id=0, now=self.now, carrier=carrier)

    def read(self, ref: Ref, unit_id: int = 240, carrier: Carrier | None = None, *, left: bool = True) -> int:
        """Let the base read a register; a reply that has not `left` was withheld."""
        poll = self.gateway.bus.poll(ref.address, 1, unit_id, self.now, carrier)
        if left:
            self.gateway.bus.left(poll, self.now, carrier)
        return poll.words[0]

    def reads(self, ref: Ref, value: float) -> bool:
        """Return whether the base reads the word of a value."""
        return self.read(ref) == ref.point.codec.encode(value)

    def set(self, *wanted: tuple[Ref, float], queue: bool = False) -> Command:
        """Give commands in one request; return the first."""
        return self.gateway.submit(wanted, origin="test", queue=queue)[0]

    def undo(self, command: Command) -> TakenBack:
        """Take a command back."""
        return self.gateway.undo(command.id, origin="test")

    def wait(self, seconds: float, each_second: Callable[[], object] | None = None) -> None:
        """Let time pass, with a tick every second as in the gateway."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(until, self.now + 1.0)
            self.gateway.tick(self.now)
            if each_second is not None:
                each_second()

    def state(self, command: Command) -> CommandState:
        """Return where a command is."""
        return self.found(command).state

    def reason(self, command: Command) -> str | None:
        """Return why a command ended, in the words for programs."""
        reason = self.found(command).reason
        return None if reason is None else reason.text

    def found(self, command: Command) -> Command:
        """Return a command as it stands now."""
        found = self.gateway.commands.get(command.id)
        assert found is not None
        return found
