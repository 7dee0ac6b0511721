"""The rules by which hypothesis lives in the world: whatever happens in whatever order, the two promises hold."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from neasmart.facts.codecs import WRITE_MULTIPLE, GlobalMode, OperatingState
from neasmart.facts.points import TABLE
from neasmart.simulator.bus.walk import Blocks, BlockShape, Read, Write
from neasmart.simulator.home.base import Behaviour, Precedence, Tells
from neasmart.simulator.judge.oracle import Figures
from tests.property.world import ROOMS, UNIT_IDS, Nature, Weather, World, blocks_of, setpoint, state

MODE, HOUSE = TABLE.at("global", "mode"), TABLE.at("global", "state")
COMMANDS = tuple(ref.address for ref in (MODE, HOUSE, *(point(room) for room in ROOMS for point in (state, setpoint))))
VALUES_C = (17.0, 18.5, 19.0, 21.0, 22.0, 23.5, 30.0, 38.0)
CALM = Weather()

rooms = st.sampled_from(ROOMS)
values = st.sampled_from(VALUES_C)
modes = st.sampled_from(list(GlobalMode))
states = st.sampled_from(list(OperatingState))
walks = st.integers(1, 4)
natures = st.fixed_dictionaries(
    {
        "tells": st.sampled_from(list(Tells)),
        "reaction_delay_walks": st.integers(0, 2),
        "follow_delay_walks": st.integers(0, 2),
        "ignore_probability": st.sampled_from((0.0, 0.0, 0.3)),
    }
)


class LastHand(RuleBasedStateMachine):
    """A base that reacts to what is served; subclasses say whether to levels or to edges."""

    precedence = Precedence.LEVEL
    totals = Figures()

    @initialize(
        nature=natures,
        unit_ids=st.sampled_from((UNIT_IDS, UNIT_IDS, (240,), (241,))),
        cycle_s=st.sampled_from((5.0, 10.0, 28.0)),
        seed=st.integers(0, 2**20),
    )
    def begin(self, nature: dict[str, Any], unit_ids: tuple[int, ...], cycle_s: float, seed: int) -> None:
        behaviour = Behaviour(precedence=self.precedence, **nature)
        self.world = World(Nature(behaviour=behaviour, unit_ids=unit_ids, cycle_s=cycle_s, seed=seed))
        self.commands: list[str] = []

    @rule(number=walks, loss=st.sampled_from((0.0, 0.1, 0.5)), withheld=st.sampled_from((0.0, 0.1)))
    def the_base_walks(self, number: int, loss: float, withheld: float) -> None:
        self._walk(number, Weather(loss=loss, withheld=withheld))

    @rule(number=walks, loss=st.sampled_from((0.0, 0.2)))
    def the_base_walks_while_thermostats_are_turned(self, number: int, loss: float) -> None:
        self._walk(number, Weather(loss=loss, turns=0.03))

    @rule(address=st.sampled_from(COMMANDS), before=st.integers(0, 3), count=st.integers(1, 20), unit=st.integers(0, 1))
    def a_poll_out_of_turn(self, address: int, before: int, count: int, unit: int) -> None:
        unit_id = self.world.nature.unit_ids[unit % len(self.world.nature.unit_ids)]
        first = max(1, address - before)
        self.world.poll(Read(unit_id=unit_id, address=first, count=count), withheld=False)

    @rule(room=rooms, value=values, queue=st.booleans())
    def a_setpoint_is_commanded(self, room: tuple[int, int], value: float, queue: bool) -> None:
        self._order((setpoint(room), value), queue=queue)

    @rule(room=rooms, value=states)
    def a_rooms_state_is_commanded(self, room: tuple[int, int], value: OperatingState) -> None:
        self._order((state(room), int(value)))

    @rule(room=rooms, value=values)
    def a_room_is_switched_on_and_set_at_once(self, room: tuple[int, int], value: float) -> None:
        self._order((state(room), int(OperatingState.NORMAL)), (setpoint(room), value))

    @rule(value=states)
    def the_house_is_commanded(self, value: OperatingState) -> None:
        self._order((HOUSE, int(value)))

    @rule(value=modes)
    def the_mode_is_commanded(self, value: GlobalMode) -> None:
        self._order((MODE, int(value)))

    @rule(back=st.integers(0, 3))
    def a_command_is_undone(self, back: int) -> None:
        if self.commands:
            self.world.undo(self.commands[max(0, len(self.commands) - 1 - back)])

    @rule(room=rooms, value=values)
    def a_thermostat_is_turned(self, room: tuple[int, int], value: float) -> None:
        self.world.turn(room, value)

    @rule(room=rooms, value=values, turned=values, read=st.integers(0, 2), told=st.booleans())
    def a_command_and_a_thermostat_race(
        self, room: tuple[int, int], value: float, turned: float, read: int, told: bool
    ) -> None:
        address = setpoint(room).address
        unit_ids = self.world.nature.unit_ids
        self._order((setpoint(room), value))
        for unit_id in (unit_ids * 2)[:read]:
            self.world.poll(Read(unit_id=unit_id, address=address, count=1), withheld=False)
        self.world.turn(room, turned)
        if told:
            self.world.write(Write(address=address, count=1, function_code=WRITE_MULTIPLE), CALM)
        for unit_id in unit_ids:
            self.world.poll(Read(unit_id=unit_id, address=address, count=1), withheld=False)

    @rule(room=rooms, value=states, turned=states)
    def the_house_and_a_thermostat_race(
        self, room: tuple[int, int], value: OperatingState, turned: OperatingState
    ) -> None:
        self._order((HOUSE, int(value)))
        for _ in range(2):
            for unit_id in self.world.nature.unit_ids:
                self.world.poll(Read(unit_id=unit_id, address=HOUSE.address, count=1), withheld=False)
            self.world.base.local_state(*room, turned)
            self.world.write(Write(address=state(room).address, count=1, function_code=WRITE_MULTIPLE), CALM)

    @rule(room=rooms, value=states)
    def a_thermostat_changes_its_state(self, room: tuple[int, int], value: OperatingState) -> None:
        self.world.base.local_state(*room, value)

    @rule(value=modes)
    def the_makers_app_changes_the_mode(self, value: GlobalMode) -> None:
        self.world.base.local_mode(value)

    @rule(value=states)
    def the_makers_app_changes_the_house(self, value: OperatingState) -> None:
        self.world.base.local_global_state(value)

    @rule(seconds=st.sampled_from((0.5, 5.0, 15.0, 90.0)))
    def the_bus_is_silent(self, seconds: float) -> None:
        self.world.pass_by(seconds)

    @rule(number=walks, asleep=st.booleans())
    def the_gateway_stands_still(self, number: int, asleep: bool) -> None:
        with self.world.frozen(asleep=asleep):
            self._walk(number, Weather(loss=0.1, turns=0.02))

    @rule(seconds=st.sampled_from((0.3, 15.0, 3600.0)))
    def the_wall_clock_is_set_ahead(self, seconds: float) -> None:
        self.world.correct_clock(seconds)

    @rule()
    def the_converter_dials_anew(self) -> None:
        self.world.reconnect()

    @rule()
    def the_gateway_starts_anew(self) -> None:
        self.world.restart()
        self.commands.clear()

    @rule(room=rooms)
    def in_quiet_a_command_arrives(self, room: tuple[int, int]) -> None:
        """A gateway that serves nothing would break no promise; so what is commanded must be done, too."""
        behaviour = self.world.nature.behaviour
        if behaviour.ignore_probability:
            return
        self.world.pass_by(300.0)
        self._walk(4, CALM)
        self.world.base.local_mode(GlobalMode.HEATING)
        self.world.base.local_state(*room, OperatingState.NORMAL)
        self._walk(14, CALM)
        own = self.world.base.word(setpoint(room).address)
        value = 22.5 if own != setpoint(room).point.codec.encode(22.5) else 20.5
        (command,) = self.world.order([(setpoint(room), value)])
        self._walk(4 + behaviour.reaction_delay_walks, CALM)
        ended = self.world.gateway.commands.get(command.id)
        assert ended is not None
        assert self.world.base.word(setpoint(room).address) == command.word, f"{ended} was not taken over"
        assert str(ended.state) == "confirmed", ended

    @invariant()
    def nothing_reaches_the_base_that_nobody_commanded_and_no_turn_is_undone(self) -> None:
        world = getattr(self, "world", None)
        assert world is None or not world.accusations, world.accusations

    def teardown(self) -> None:
        world = getattr(self, "world", None)
        if world is not None:
            figures = world.oracle.figures
            self.totals.words += figures.words
            self.totals.turns += figures.turns
            self.totals.verdicts.update(figures.verdicts)
            self.totals.undone.update(figures.undone)

    def _walk(self, number: int, weather: Weather) -> None:
        for _ in range(number):
            blocks = Blocks(shape=BlockShape.PAIR) if weather is CALM else blocks_of(self.world.chance)
            self.world.walk(blocks, weather)

    def _order(self, *points: tuple[Any, float], queue: bool = False) -> None:
        self.commands += [command.id for command in self.world.order(points, queue=queue)]


class LastHandOnEdges(LastHand):
    """A base that reacts only when what is served changes."""

    precedence = Precedence.EDGE
    totals = Figures()
