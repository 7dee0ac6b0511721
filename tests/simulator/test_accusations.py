from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from neasmart.facts.codecs import encode_dpt9
from neasmart.facts.points import TABLE
from neasmart.simulator.bus.airtime import walk_s
from neasmart.simulator.bus.freeze import Freezer
from neasmart.simulator.bus.noise import NoisePlan
from neasmart.simulator.bus.silence import Silence
from neasmart.simulator.bus.transport import Line, Transport
from neasmart.simulator.bus.walk import Blocks, BlockShape, Read, Walk
from neasmart.simulator.bus.wire import MbapWire, read_response
from neasmart.simulator.home.base import BaseStation, Behaviour
from neasmart.simulator.home.house import SMALL, House
from neasmart.simulator.home.people import People
from neasmart.simulator.judge.accuse import Fault, RunReport, percentile
from neasmart.simulator.judge.oracle import Explanation, Limit
from neasmart.simulator.options import NO_COMMANDS, SimulatorOptions
from neasmart.simulator.run import Simulator
from neasmart.simulator.session import Actors, Session
from tests.support.bus import until
from tests.support.ports import free_port
from tests.support.slave import Replies, Request, Slave, slave

SETPOINT = TABLE.at("zone", "setpoint", 1, 1).address
OPTIONS = SimulatorOptions(house="small", cycle_s=0, polls=12, timeout_s=5.0)
SHORT = replace(OPTIONS, polls=3, timeout_s=0.2)


async def accused(
    manners: Callable[[Slave, Request], Replies] | None, options: SimulatorOptions = OPTIONS, *, rtu: bool = False
) -> RunReport:
    transport = Transport.RTU_TCP if rtu else Transport.TCP
    async with slave(manners, rtu=rtu) as served:
        target = f"127.0.0.1:{served.port}"
        return await Simulator(replace(options, transport=transport, target=target)).run()


def on_polls(change: Callable[[Slave, Request], Replies]) -> Callable[[Slave, Request], Replies]:
    return lambda served, request: change(served, request) if request.is_poll else []


async def test_an_answer_that_the_base_did_not_stay_to_hear_is_nobodys_fault() -> None:
    async with slave(on_polls(lambda _, __: [])) as served:
        simulator = Simulator(replace(OPTIONS, target=f"127.0.0.1:{served.port}"))
        running = asyncio.create_task(simulator.run())
        await until(lambda: simulator.report.polls == 1, "a poll")
        simulator.stop()
        report = await running

    assert (report.polls, report.answered, report.other_faults) == (0, 0, {})


async def test_a_poll_that_is_not_sent_any_more_is_none() -> None:
    """A converter has hung up while nothing was under way."""
    simulator = Simulator(SHORT)
    line = Line()
    line.connection_lost(None)
    actors = Actors(
        base=simulator.base,
        people=People(simulator.base, SHORT.habits),
        oracle=simulator.oracle,
        freezer=Freezer(SHORT.freeze),
        silences=simulator.silences,
        report=simulator.report,
    )

    with pytest.raises(ConnectionResetError):
        await Session(line, MbapWire(), actors, SHORT)._ask([Read(unit_id=240, address=100, count=2)])

    assert simulator.report.polls == 0


async def test_a_base_falls_silent_as_planned_and_goes_on() -> None:
    plan = (Silence(at_s=0.2, for_s=0.7), Silence(at_s=0.0, for_s=0.3))
    began = asyncio.get_running_loop().time()

    report = await accused(None, replace(SHORT, silences=plan, cycle_s=0.5))

    assert asyncio.get_running_loop().time() - began > 1.0
    assert (report.silences, report.polls, report.answered, report.other_faults) == (2, 3, 3, {})


@pytest.mark.parametrize("rtu", [False, True], ids=["tcp", "rtu"])
async def test_a_good_slave_is_not_accused(rtu: bool) -> None:
    report = await accused(None, replace(OPTIONS, polls=60), rtu=rtu)

    assert (report.polls, report.answered) == (60, 60)
    assert report.other_faults == {}
    assert report.adopted() == []
    assert {unit_id: unit.answered for unit_id, unit in report.units.items()} == {240: 30, 241: 30}


@pytest.mark.parametrize("rtu", [False, True], ids=["tcp", "rtu"])
async def test_a_reply_to_a_broadcast(rtu: bool) -> None:
    def manners(served: Slave, request: Request) -> Replies:
        if request.unit_id == 0:
            return [(0.0, served.frame(request.pdu[:5], request))]
        return served.good(request)

    report = await accused(manners, rtu=rtu)

    assert report.faults[Fault.REPLY_TO_BROADCAST] > 0
    assert set(report.other_faults) == {Fault.REPLY_TO_BROADCAST}


async def test_a_reply_in_the_name_of_a_foreign_unit() -> None:
    def manners(served: Slave, request: Request) -> Replies:
        if request.unit_id == 16 and request.pdu[0] == 3:
            return [(0.0, served.frame(read_response([1]), request))]
        return served.good(request)

    report = await accused(manners, replace(OPTIONS, noise=NoisePlan(foreign=1.0)))

    assert report.faults[Fault.REPLY_TO_FOREIGN_UNIT] > 0
    assert set(report.other_faults) == {Fault.REPLY_TO_FOREIGN_UNIT}


async def test_an_answer_to_an_unknown_function() -> None:
    def manners(served: Slave, request: Request) -> Replies:
        if request.unit_id == 240 and request.pdu[0] not in (3, 6, 16):
            return [(0.0, served.frame(bytes([request.pdu[0] | 0x80, 1]), request))]
        return served.good(request)

    report = await accused(manners, replace(OPTIONS, polls=40, noise=NoisePlan(unknown_function=1.0)))

    assert set(report.other_faults) == {Fault.UNSOLICITED}


async def test_a_late_reply() -> None:
    report = await accused(on_polls(lambda served, request: [(0.1, raw) for _, raw in served.good(request)]))

    assert report.answered == 12
    assert report.late > 0
    assert report.late + report.stalls == 12
    assert report.other_faults == {}


async def test_a_reply_that_the_simulator_itself_was_too_busy_to_read_is_no_late_reply() -> None:
    async with slave() as served:
        simulator = Simulator(replace(OPTIONS, target=f"127.0.0.1:{served.port}", polls=None))
        running = asyncio.create_task(simulator.run())
        await until(lambda: simulator.report.answered > 3, "some answers")
        for _ in range(5):
            await asyncio.sleep(0.02)
            _block(0.06)
        simulator.stop()
        report = await running

    assert report.late == 0


async def test_a_wrong_transaction_id() -> None:
    def manners(served: Slave, request: Request) -> Replies:
        words = read_response([served.word(request.address + n) for n in range(request.count)])
        return [(0.0, served.frame(words, request, transaction=request.transaction + 1000))]

    report = await accused(on_polls(manners), SHORT)

    assert report.faults[Fault.WRONG_TRANSACTION] == 3
    assert report.answered == 0


@pytest.mark.parametrize("rtu", [False, True], ids=["tcp", "rtu"])
async def test_a_wrong_unit_in_a_reply(rtu: bool) -> None:
    def manners(served: Slave, request: Request) -> Replies:
        words = read_response([served.word(request.address + n) for n in range(request.count)])
        return [(0.0, served.frame(words, request, unit_id=481 - request.unit_id))]

    report = await accused(on_polls(manners), SHORT, rtu=rtu)

    assert report.faults[Fault.WRONG_UNIT] == 3


@pytest.mark.parametrize("rtu", [False, True], ids=["tcp", "rtu"])
async def test_a_reply_with_another_number_of_words(rtu: bool) -> None:
    report = await accused(
        on_polls(lambda served, request: [(0.0, served.frame(read_response([1, 2, 3]), request))]), rtu=rtu
    )

    assert report.other_faults == {Fault.MALFORMED: 12}


async def test_a_reply_with_a_wrong_checksum() -> None:
    def manners(served: Slave, request: Request) -> Replies:
        raw = served.good(request)[0][1]
        return [(0.0, raw[:-1] + bytes([raw[-1] ^ 1]))]

    report = await accused(on_polls(manners), SHORT, rtu=True)

    assert report.other_faults == {Fault.MALFORMED: 3, Fault.UNANSWERED: 3}


async def test_a_reply_with_a_wrong_protocol_id() -> None:
    def manners(served: Slave, request: Request) -> Replies:
        raw = served.good(request)[0][1]
        return [(0.0, raw[:2] + b"\x00\x07" + raw[4:])]

    report = await accused(on_polls(manners), SHORT)

    assert report.other_faults == {Fault.MALFORMED: 3, Fault.UNANSWERED: 3}


async def test_an_exception_to_a_poll() -> None:
    report = await accused(on_polls(lambda served, request: [(0.0, served.frame(b"\x83\x02", request))]))

    assert report.other_faults == {Fault.REFUSED: 12}
    assert report.answered == 0


async def test_silence() -> None:
    report = await accused(lambda _served, _request: [], SHORT)

    assert report.other_faults == {Fault.UNANSWERED: 3}


@pytest.mark.parametrize("rtu", [False, True], ids=["tcp", "rtu"])
async def test_an_answer_given_twice(rtu: bool) -> None:
    report = await accused(on_polls(lambda served, request: 2 * served.good(request)), rtu=rtu)

    assert set(report.other_faults) == {Fault.UNSOLICITED}


async def test_bytes_that_nobody_asked_for() -> None:
    def manners(served: Slave, request: Request) -> Replies:
        return [(0.0, b"\xff\xfe")] if request.unit_id == 0 else served.good(request)

    report = await accused(manners, SHORT, rtu=True)

    assert report.other_faults
    assert set(report.other_faults) <= {Fault.UNSOLICITED, Fault.MALFORMED, Fault.UNANSWERED}


async def test_a_command_in_the_first_walk_after_connecting_is_stale() -> None:
    def manners(served: Slave, request: Request) -> Replies:
        served.commands[SETPOINT] = encode_dpt9(7.0)
        return served.good(request)

    report = await accused(manners)

    assert Fault.STALE_COMMAND in report.other_faults
    assert report.adopted()[0] | {"at_s": 0} == {
        "kind": "adopted",
        "at_s": 0,
        "point": "zone.1.1.setpoint",
        "served": 7.0,
        "taken": 7.0,
        "unit_id": 240,
    }


async def test_a_command_later_on_is_adopted_without_an_accusation() -> None:
    commanded = False

    def manners(served: Slave, request: Request) -> Replies:
        if commanded and request.is_poll:
            served.commands[SETPOINT] = encode_dpt9(24.0)
        return served.good(request)

    async with slave(manners) as served:
        simulator = Simulator(replace(OPTIONS, polls=None, target=f"127.0.0.1:{served.port}"))
        running = asyncio.create_task(simulator.run())
        await until(lambda: simulator.report.walks > 2, "some walks")
        commanded = True
        await until(simulator.report.adopted, "the command is adopted")
        simulator.stop()
        report = await running

    assert report.other_faults == {}
    assert simulator.house.setpoint_c(simulator.house.rooms[1, 1]) == 24.0
    assert served.words[SETPOINT] == encode_dpt9(24.0)


async def test_a_word_that_nobody_commanded_is_an_accusation_even_if_the_base_has_it_already() -> None:
    def manners(served: Slave, request: Request) -> Replies:
        if SETPOINT in served.words and request.is_poll:
            served.commands[SETPOINT] = served.words[SETPOINT]
        return served.good(request)

    report = await accused(manners, replace(OPTIONS, commands=NO_COMMANDS))

    assert set(report.other_faults) == {Fault.UNEXPLAINED_WORD}
    assert report.words.verdicts[Explanation.UNEXPLAINED] == report.faults[Fault.UNEXPLAINED_WORD]


async def test_a_gateway_that_does_not_tell_its_commands_for_a_while_is_not_accused_for_it() -> None:
    async with slave() as served:
        url = f"http://127.0.0.1:{free_port()}"
        simulator = Simulator(replace(OPTIONS, polls=None, commands=url, target=f"127.0.0.1:{served.port}"))
        running = asyncio.create_task(simulator.run())
        await until(lambda: simulator.report.walks > 1, "a walk")
        served.commands[SETPOINT] = encode_dpt9(24.0)
        await until(simulator.report.adopted, "the command is read")
        walks = simulator.report.walks
        await until(lambda: simulator.report.walks > walks + 1, "another walk")
        simulator.stop()
        report = await running
        now = asyncio.get_running_loop().time()
        simulator.oracle.ordered(SETPOINT, encode_dpt9(24.0), now)
        simulator.oracle.told(SETPOINT, encode_dpt9(24.0), now)

        assert simulator.oracle.served(SETPOINT, encode_dpt9(24.0), now) is Explanation.COMMAND

    assert not report.other_faults


async def test_a_command_of_somebody_is_no_accusation_until_its_end_has_been_told() -> None:
    async with slave() as served:
        simulator = Simulator(replace(OPTIONS, polls=None, commands=NO_COMMANDS, target=f"127.0.0.1:{served.port}"))
        running = asyncio.create_task(simulator.run())
        await until(lambda: simulator.report.walks > 1, "a walk")
        simulator.oracle.ordered(SETPOINT, encode_dpt9(24.0), asyncio.get_running_loop().time())
        served.commands[SETPOINT] = encode_dpt9(24.0)
        await until(lambda: simulator.report.faults[Fault.ENDED_COMMAND], "the accusation")
        simulator.stop()
        report = await running

    assert report.words.verdicts[Explanation.COMMAND] >= 1
    assert len(report.adopted()) == 1
    assert set(report.other_faults) == {Fault.ENDED_COMMAND}


async def test_pressing_a_command_on_after_the_thermostat_was_turned_is_an_accusation() -> None:
    async with slave() as served:
        behaviour = Behaviour(ignore_probability=1.0)
        options = replace(OPTIONS, polls=None, commands=NO_COMMANDS, behaviour=behaviour)
        simulator = Simulator(replace(options, target=f"127.0.0.1:{served.port}"))
        running = asyncio.create_task(simulator.run())
        await until(lambda: simulator.report.walks > 1, "a walk")
        simulator.oracle.ordered(SETPOINT, encode_dpt9(24.0), asyncio.get_running_loop().time())
        served.commands[SETPOINT] = encode_dpt9(24.0)
        await until(lambda: simulator.oracle.figures.verdicts[Explanation.COMMAND] > 4, "the command is read")
        simulator.base.local_setpoint(1, 1, 18.0)
        await until(lambda: simulator.report.faults[Fault.OVERTAKEN_COMMAND], "the accusation")
        simulator.stop()
        report = await running

    assert set(report.other_faults) == {Fault.OVERTAKEN_COMMAND}
    assert report.words.turns == 1


async def test_a_turn_that_an_older_command_undoes_is_an_accusation() -> None:
    async with slave() as served:
        options = replace(OPTIONS, polls=None, commands=NO_COMMANDS, target=f"127.0.0.1:{served.port}")
        simulator = Simulator(options)
        running = asyncio.create_task(simulator.run())
        await until(lambda: simulator.report.walks > 1, "a walk")
        simulator.oracle.ordered(SETPOINT, encode_dpt9(24.0), asyncio.get_running_loop().time())
        simulator.base.local_setpoint(1, 1, 18.0)
        await until(lambda: served.words.get(SETPOINT) == encode_dpt9(18.0), "the turn is told")
        served.commands[SETPOINT] = encode_dpt9(24.0)
        await until(lambda: simulator.report.faults[Fault.TURN_UNDONE], "the accusation")
        simulator.stop()
        report = await running

    assert report.words.undone == {Limit.NONE: 1}


async def test_on_a_serial_line_answers_after_a_silence_count_as_a_restart() -> None:
    silent = False

    def manners(served: Slave, request: Request) -> Replies:
        return [] if silent else served.good(request)

    async with slave(manners, rtu=True) as served:
        options = replace(OPTIONS, polls=None, transport=Transport.RTU_TCP, target=f"127.0.0.1:{served.port}")
        simulator = Simulator(replace(options, timeout_s=0.03))
        running = asyncio.create_task(simulator.run())
        await until(lambda: simulator.report.walks > 2, "some walks")
        silent, unanswered = True, simulator.report.faults[Fault.UNANSWERED]
        await until(lambda: simulator.report.faults[Fault.UNANSWERED] > unanswered + 4, "silence")
        served.commands[SETPOINT] = encode_dpt9(9.0)
        silent = False
        await until(lambda: simulator.report.faults[Fault.STALE_COMMAND], "the accusation")
        simulator.stop()
        await running


async def test_a_paced_walk_takes_at_least_the_time_of_its_frames() -> None:
    paced = await accused(None, replace(OPTIONS, polls=16, paced=True, baudrate=9600), rtu=True)
    steps = Walk(BaseStation(House(SMALL)).addresses, OPTIONS.unit_ids, OPTIONS.blocks).steps()

    assert paced.walks >= 1
    assert min(paced.walk_lengths_s) >= walk_s(steps, baudrate=9600, asked_by_every_poll=True)
    assert min(paced.walk_lengths_s) < 30.0


async def test_several_polls_in_one_segment_are_each_answered() -> None:
    blocks = Blocks(shape=BlockShape.SINGLE)
    report = await accused(None, replace(OPTIONS, polls=40, polls_per_segment=4, blocks=blocks))

    assert (report.polls, report.answered) == (40, 40)
    assert report.other_faults == {}
    assert report.longest_segment >= 4


async def test_a_local_change_is_on_the_bus_before_the_next_poll() -> None:
    async with slave() as served:
        simulator = Simulator(replace(OPTIONS, polls=None, target=f"127.0.0.1:{served.port}"))
        running = asyncio.create_task(simulator.run())
        await until(lambda: simulator.report.walks > 1, "a walk")
        simulator.base.local_setpoint(1, 2, 26.5)
        asked = len(served.requests)
        await until(lambda: len(served.requests) > asked + 4, "some requests")
        simulator.stop()
        report = await running

    written = TABLE.at("zone", "setpoint", 1, 2).address
    first_write = next(n for n, r in enumerate(served.requests) if n >= asked and _covers(r, written))
    assert sum(request.is_poll for request in served.requests[asked:first_write]) <= 1
    assert report.adopted() == []


def test_examples_are_kept_with_their_bytes_and_are_limited() -> None:
    report = RunReport()
    for number in range(30):
        report.accuse(Fault.MALFORMED, "why", at_s=number, sent=b"\x01\xf0", received=b"\xab")

    found = report.as_json()["accusations"]["malformed"]

    assert found["count"] == 30
    assert len(found["examples"]) == 5
    assert found["examples"][0] == {"at_s": 0, "text": "why", "sent": "01 F0", "received": "AB"}


def test_percentiles_are_measured_values() -> None:
    values = [float(value) for value in range(1, 101)]

    assert [percentile(values, percent) for percent in (50, 99, 100)] == [50, 99, 100]
    assert percentile([], 50) is None


def _covers(request: Request, address: int) -> bool:
    if request.unit_id != 0 or request.pdu[0] != 16:
        return False
    return request.address <= address < request.address + request.count


def _block(seconds: float) -> None:
    until_s = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < until_s:
        pass
