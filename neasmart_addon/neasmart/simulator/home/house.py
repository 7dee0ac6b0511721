"""A house with its heating, in equations simple enough to read and slow enough to look real on a chart.

Every room loses heat to the outside with a time constant of its own and gains it from the floor, the sun and the
people. Time is house time in seconds; the same seed and the same steps always give the same house. Temperatures are
degC, rates K/h.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from neasmart.facts.codecs import GlobalMode, OperatingState

LONGEST_STEP_S = 120.0
COOLING_ABOVE_C = 18.0
"""In automatic mode the house cools while the filtered outside temperature is above this."""
DAMP_ABOVE_PERCENT = 60.0
DRY_BELOW_PERCENT = 55.0
_FROST_GUARD_C = 5.0
_NEVER_COOL_C = 45.0
_DAY_BEGINS_H = 6
_NIGHT_BEGINS_H = 22


class Preset(StrEnum):
    """Which of a room's remembered setpoints is in force."""

    NORMAL = "normal"
    REDUCED = "reduced"
    HOLIDAY = "holiday"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomPlan:
    """How one room is built: its heat-loss time constant in hours, the power of its floor and of its sun in K/h."""

    base_id: int
    zone_id: int
    name: str
    has_humidity: bool = True
    loss_h: float = 45.0
    floor_k_per_h: float = 1.2
    sun_k_per_h: float = 0.12
    moisture_percent: float = 4.0
    setpoint_c: float = 21.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HousePlan:
    """What a house consists of, and its climate: the mean outside temperature and half of the daily swing."""

    rooms: tuple[RoomPlan, ...]
    mixed_circuits: int = 0
    dehumidifiers: int = 0
    pumps: int = 0
    mean_outside_c: float = 5.0
    outside_swing_c: float = 4.5
    start_hour: float = 6.0


@dataclass(slots=True, kw_only=True)
class SimulatedRoom:
    """One room as it is now; `valve` is the opening 0..1 of its floor circuit."""

    plan: RoomPlan
    temperature_c: float
    humidity_percent: float
    phase: float
    state: OperatingState = OperatingState.NORMAL
    valve: float = 0.0
    setpoints: dict[tuple[bool, Preset], float] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class MixedCircuit:
    """One mixed circuit as it is now; `opening` is 0..1."""

    opening: float = 0.0
    pump: bool = False
    flow_c: float = 22.0
    return_c: float = 22.0


class House:
    """Rooms, mixed circuits, dehumidifiers, pumps and the weather."""

    def __init__(self, plan: HousePlan, *, seed: int = 0) -> None:
        """Furnish the house; rooms start near their setpoints."""
        chance = random.Random(seed)  # noqa: S311 - weather, not secrets
        self.plan = plan
        self.mode = GlobalMode.AUTO
        self.error = False
        self.warning = False
        self.hint = False
        self.elapsed_s = 0.0
        self._weather = [chance.uniform(0, math.tau) for _ in range(3)]
        self.filtered_outside_c = plan.mean_outside_c
        self.rooms = {(each.base_id, each.zone_id): _furnished(each, chance) for each in plan.rooms}
        self.mixed_circuits = [MixedCircuit() for _ in range(plan.mixed_circuits)]
        self.dehumidifiers = [False] * plan.dehumidifiers
        self.pumps = [False] * plan.pumps

    def step(self, dt_s: float) -> None:
        """Let `dt_s` seconds of house time pass."""
        while dt_s > 0:
            step_s = min(dt_s, LONGEST_STEP_S)
            self._step(step_s)
            dt_s -= step_s

    def set_setpoint(self, room: SimulatedRoom, value_c: float) -> None:
        """Change the setpoint that is in force in a room; a room in standby has none."""
        preset = self._preset(room)
        if preset is not None:
            room.setpoints[self.cooling, preset] = value_c

    @property
    def hour(self) -> float:
        """The time of day, 0..24."""
        return (self.plan.start_hour + self.elapsed_s / 3600) % 24

    @property
    def outside_c(self) -> float:
        """The outside temperature: coldest before sunrise, warmest in the afternoon, with slow weather over it."""
        hours = self.plan.start_hour + self.elapsed_s / 3600
        day = math.cos(math.tau * (hours - 15) / 24)
        slow = math.sin(math.tau * hours / 61 + self._weather[0]) + math.sin(math.tau * hours / 173 + self._weather[1])
        gust = math.sin(math.tau * hours / 1.7 + self._weather[2])
        return self.plan.mean_outside_c + self.plan.outside_swing_c * day + 1.1 * slow + 0.15 * gust

    @property
    def cooling(self) -> bool:
        """Whether the floors cool instead of heat."""
        if self.mode is GlobalMode.AUTO:
            return self.filtered_outside_c > COOLING_ABOVE_C
        return self.mode in (GlobalMode.COOLING, GlobalMode.MANUAL_COOLING)

    @property
    def state(self) -> OperatingState | None:
        """The state that all rooms share, None while they differ."""
        states = {room.state for room in self.rooms.values()}
        return states.pop() if len(states) == 1 else None

    def setpoint_c(self, room: SimulatedRoom) -> float | None:
        """Return the setpoint in force, None in standby."""
        preset = self._preset(room)
        return None if preset is None else room.setpoints[self.cooling, preset]

    def _preset(self, room: SimulatedRoom) -> Preset | None:
        match room.state:
            case OperatingState.STANDBY:
                return None
            case OperatingState.REDUCED:
                return Preset.REDUCED
            case OperatingState.HOLIDAY:
                return Preset.HOLIDAY
            case OperatingState.TIME_PROGRAM:
                return Preset.NORMAL if _DAY_BEGINS_H <= self.hour < _NIGHT_BEGINS_H else Preset.REDUCED
            case _:
                return Preset.NORMAL

    def _step(self, dt_s: float) -> None:
        self.elapsed_s += dt_s
        self.filtered_outside_c = _lagged(self.filtered_outside_c, self.outside_c, dt_s, 12 * 3600)
        for room in self.rooms.values():
            self._step_air(room, dt_s)
            self._step_humidity(room, dt_s)
        rooms = list(self.rooms.values())
        for number, circuit in enumerate(self.mixed_circuits):
            self._step_circuit(circuit, _demand(rooms[number :: len(self.mixed_circuits)]), dt_s)
        for number in range(len(self.pumps)):
            demand = _demand(rooms[number :: len(self.pumps)])
            self.pumps[number] = demand > (0.03 if self.pumps[number] else 0.08)
        for number in range(len(self.dehumidifiers)):
            dampest = max((room.humidity_percent for room in rooms[number :: len(self.dehumidifiers)]), default=0.0)
            self.dehumidifiers[number] = dampest > (
                DRY_BELOW_PERCENT if self.dehumidifiers[number] else DAMP_ABOVE_PERCENT
            )

    def _step_air(self, room: SimulatedRoom, dt_s: float) -> None:
        hours = self.elapsed_s / 3600
        sun = room.plan.sun_k_per_h * max(0.0, math.sin(math.pi * (self.hour - 7) / 12))
        people = 0.04 * math.sin(math.tau * hours / 5.3 + room.phase)
        drift = sun + people - (room.temperature_c - self.outside_c) / room.plan.loss_h
        target = self.setpoint_c(room)
        if self.cooling:
            power = -0.6 * room.plan.floor_k_per_h
            error = room.temperature_c - (_NEVER_COOL_C if target is None else target)
            wanted = drift + error / 1.5
        else:
            power = room.plan.floor_k_per_h
            error = (_FROST_GUARD_C if target is None else target) - room.temperature_c
            wanted = -drift + error / 1.5
        # The screed answers slowly, so the valve is lagged and the room swings a little around its setpoint.
        room.valve = _lagged(room.valve, _clamped(wanted / abs(power), 0.0, 1.0), dt_s, 1500)
        room.temperature_c += (drift + room.valve * power) * dt_s / 3600

    def _step_humidity(self, room: SimulatedRoom, dt_s: float) -> None:
        habits = sum(math.exp(-(((self.hour - at) / 1.1) ** 2)) for at in (7.0, 20.0))
        target = 42 + 0.35 * self.outside_c + room.plan.moisture_percent * habits + 2 * math.sin(room.phase)
        if any(self.dehumidifiers):
            target -= 8
        room.humidity_percent = _lagged(room.humidity_percent, _clamped(target, 20, 95), dt_s, 2400)

    def _step_circuit(self, circuit: MixedCircuit, demand: float, dt_s: float) -> None:
        circuit.opening = _lagged(circuit.opening, demand, dt_s, 240)
        circuit.pump = demand > (0.02 if circuit.pump else 0.05)
        if not circuit.pump:
            flow, back = 22.0, 22.0
        elif self.cooling:
            flow, back = 17.0, 17.0 + 3 * demand
        else:
            flow = _clamped(20 + 0.8 * (20 - self.filtered_outside_c), 24, 45)
            back = flow - 2 - 5 * demand
        circuit.flow_c = _lagged(circuit.flow_c, flow, dt_s, 420)
        circuit.return_c = _lagged(circuit.return_c, back, dt_s, 900)


def _furnished(plan: RoomPlan, chance: random.Random) -> SimulatedRoom:
    heating = {Preset.NORMAL: plan.setpoint_c, Preset.REDUCED: plan.setpoint_c - 3, Preset.HOLIDAY: 16.0}
    cooling = {Preset.NORMAL: plan.setpoint_c + 3, Preset.REDUCED: plan.setpoint_c + 5, Preset.HOLIDAY: 29.0}
    return SimulatedRoom(
        plan=plan,
        temperature_c=plan.setpoint_c + chance.uniform(-1.2, 0.4),
        humidity_percent=44 + chance.uniform(-3, 5),
        phase=chance.uniform(0, math.tau),
        setpoints={
            **{(False, preset): value for preset, value in heating.items()},
            **{(True, preset): value for preset, value in cooling.items()},
        },
    )


def _demand(rooms: Sequence[SimulatedRoom]) -> float:
    return sum(room.valve for room in rooms) / len(rooms) if rooms else 0.0


def _lagged(present: float, target: float, dt_s: float, lag_s: float) -> float:
    return target + (present - target) * math.exp(-dt_s / lag_s)


def _clamped(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


SMALL = HousePlan(
    rooms=(
        RoomPlan(base_id=1, zone_id=1, name="Living room"),
        RoomPlan(base_id=1, zone_id=2, name="Bathroom", setpoint_c=23.0, moisture_percent=20.0, has_humidity=False),
    ),
    mixed_circuits=1,
    pumps=1,
)
DEMO = HousePlan(
    rooms=(
        RoomPlan(base_id=1, zone_id=1, name="Living room", sun_k_per_h=0.3, setpoint_c=21.5),
        RoomPlan(base_id=1, zone_id=2, name="Kitchen", moisture_percent=13.0, setpoint_c=20.0),
        RoomPlan(base_id=1, zone_id=3, name="Dining room", sun_k_per_h=0.25),
        RoomPlan(base_id=1, zone_id=4, name="Hall", loss_h=30.0, has_humidity=False, setpoint_c=19.0),
        RoomPlan(base_id=1, zone_id=5, name="Bathroom", moisture_percent=24.0, floor_k_per_h=1.6, setpoint_c=23.0),
        RoomPlan(base_id=2, zone_id=1, name="Bedroom", loss_h=55.0, setpoint_c=18.5),
        RoomPlan(base_id=2, zone_id=2, name="Children's room", setpoint_c=21.0),
        RoomPlan(base_id=2, zone_id=3, name="Study", sun_k_per_h=0.35, has_humidity=False, setpoint_c=20.5),
        RoomPlan(base_id=2, zone_id=5, name="Workshop", loss_h=22.0, floor_k_per_h=1.8, setpoint_c=17.0),
        RoomPlan(base_id=5, zone_id=1, name="Guest room", loss_h=36.0, has_humidity=False, setpoint_c=20.0),
        RoomPlan(base_id=5, zone_id=12, name="Cellar", loss_h=80.0, moisture_percent=9.0, setpoint_c=16.0),
    ),
    mixed_circuits=2,
    dehumidifiers=2,
    pumps=2,
)
FULL = HousePlan(
    rooms=tuple(
        RoomPlan(
            base_id=base_id,
            zone_id=zone_id,
            name=f"Room {base_id}.{zone_id}",
            has_humidity=(base_id + zone_id) % 5 != 0,
            loss_h=30.0 + 3 * zone_id,
            sun_k_per_h=0.05 * (zone_id % 6),
            setpoint_c=19.0 + 0.5 * ((base_id * 5 + zone_id) % 8),
        )
        for base_id in range(1, 6)
        for zone_id in range(1, 13)
    ),
    mixed_circuits=3,
    dehumidifiers=9,
    pumps=5,
)
HOUSES = {"small": SMALL, "demo": DEMO, "full": FULL}
