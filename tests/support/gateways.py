"""A gateway that is filled the way the base fills it, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neasmart.core.commands.command import CommandTimes
from neasmart.core.commands.commands import Commands
from neasmart.core.gateway import LINK, Gateway
from neasmart.core.state.image import RegisterImage
from neasmart.core.state.plant import Plant, StaleTimes
from neasmart.core.state.walks import Walks
from neasmart.facts.clock import Clock
from neasmart.facts.points import TABLE
from neasmart.facts.status import LinkStatus

BROADCAST = 0
WRITE_MULTIPLE = 16
STANDBY_SETPOINT = 0x8116
NO_SENSOR = 0x7FFF
WALL_START_S = 1_780_000_000.0


@dataclass
class FakeClock:
    """Monotonic and wall time that stand still until the test moves them."""

    now: float = 1000.0
    wall_offset_s: float = field(default=WALL_START_S)

    def advance(self, seconds: float) -> None:
        self.now += seconds

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.now, wall=lambda: self.now + self.wall_offset_s)


def make_gateway(
    clock: FakeClock, *, connected: bool = True, names: Mapping[tuple[int, int], str] | None = None
) -> Gateway:
    """Return a gateway that has received nothing; its link is connected unless told otherwise."""
    image = RegisterImage(TABLE)
    gateway = Gateway(
        image=image,
        plant=Plant(TABLE, names=names, stale=StaleTimes()),
        commands=Commands(TABLE, image, Walks(TABLE), CommandTimes()),
        unit_ids=(240, 241),
        clock=clock.clock,
    )
    set_link(gateway, connected=connected)
    return gateway


def set_link(gateway: Gateway, *, connected: bool) -> None:
    """Publish what the link would."""
    status = (
        LinkStatus(connected=True, code="connected", detail="The link is open.")
        if connected
        else LinkStatus(code="no_device", detail="The device /dev/ttyUSB0 is not there.")
    )
    gateway.hub.publish(LINK, status)


def base_writes(gateway: Gateway, ref_id: str, *words: int) -> None:
    """Broadcast words from the register of a point on, as the base does."""
    gateway.bus.counters.last_frame_at = gateway.clock.monotonic()
    gateway.bus.write(
        gateway.table.ref(ref_id).address,
        words,
        function_code=WRITE_MULTIPLE,
        unit_id=BROADCAST,
        now=gateway.clock.monotonic(),
    )


def base_reports(gateway: Gateway, ref_id: str, value: float) -> None:
    """Broadcast a value of a point."""
    base_writes(gateway, ref_id, gateway.table.ref(ref_id).point.codec.encode(value))


def base_polls(gateway: Gateway, ref_id: str, *, unit_id: int = 240) -> int:
    """Read the register of a point, as the base does; return the word it gets."""
    now = gateway.clock.monotonic()
    gateway.bus.counters.last_frame_at = gateway.bus.counters.last_poll_at[unit_id] = now
    poll = gateway.bus.poll(gateway.table.ref(ref_id).address, 1, unit_id, now)
    gateway.bus.left(poll, now)
    return poll.words[0]


def fill_house(gateway: Gateway) -> None:
    """Report three zones (1.1 all values, 1.2 without humidity, 2.3 in standby) and the globals."""
    for ref_id, value in {
        "global.mode": 2,
        "global.state": 1,
        "global.error": 0,
        "global.warning": 1,
        "global.hint": 0,
        "global.outside_temperature": 15.2,
        "global.filtered_outside_temperature": 15.0,
        "mixed_circuit.1.valve_opening": 50,
        "mixed_circuit.1.pump": 1,
        "mixed_circuit.1.flow_temperature": 35.0,
        "mixed_circuit.1.return_temperature": 30.0,
        "dehumidifier.1.running": 1,
        "dehumidifier.2.running": 0,
        "pump.1.running": 1,
        "zone.1.1.state": 1,
        "zone.1.1.setpoint": 21.5,
        "zone.1.1.temperature": 22.0,
        "zone.1.1.humidity": 45,
        "zone.1.2.state": 2,
        "zone.1.2.setpoint": 19.0,
        "zone.1.2.temperature": 19.5,
        "zone.2.3.state": 1,
        "zone.2.3.setpoint": 20.0,
        "zone.2.3.temperature": 18.0,
        "zone.2.3.humidity": 50,
    }.items():
        base_reports(gateway, ref_id, value)
    # The first report of a room could be a bad frame; Home Assistant gets to know it by the second.
    for ref_id, value in {"zone.1.1": 22.0, "zone.1.2": 19.5, "zone.2.3": 18.0}.items():
        base_reports(gateway, f"{ref_id}.temperature", value)
    base_reports(gateway, "zone.2.3.state", 3)
    base_writes(gateway, "zone.2.3.setpoint", STANDBY_SETPOINT)
