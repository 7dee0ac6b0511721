"""The simulated base as a process against the real link, station and core, over every transport."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from neasmart.core.commands.command import Command, CommandState
from neasmart.core.gateway import Gateway
from neasmart.facts.codecs import encode_dpt9
from neasmart.facts.points import TABLE
from neasmart.settings.model import ModbusSettings, ServerSettings, ServerType
from neasmart.simulator import Simulator, SimulatorOptions
from neasmart.simulator.home.base import Behaviour, Precedence, Tells
from neasmart.simulator.judge.accuse import Fault
from neasmart.simulator.judge.oracle import Explanation
from neasmart.simulator.options import NO_COMMANDS
from neasmart.sysbus.line.link import Link
from neasmart.sysbus.transport.lag import LATE_S
from tests.support.bus import new_gateway, until
from tests.support.ports import free_port
from tests.support.processes import gateway_process
from tests.support.stopwatch import Stopwatch

PACKAGE_ROOT = Path(__file__).parents[2] / "neasmart_addon"
POLLS = 1500
NOBODY_COMMANDS = ("--commands", "none", "--turns", "0.01", "--house-turns", "0.002", "--follow-delay", "1")
"""So every word but no-data is an accusation, while people turn their thermostats."""
SETPOINT = TABLE.at("zone", "setpoint", 1, 1)


@contextlib.asynccontextmanager
async def linked(settings: ServerSettings, gateway: Gateway | None = None) -> AsyncIterator[Gateway]:
    """Run the gateway's bus side in this process."""
    served = gateway or new_gateway()
    running = asyncio.create_task(Link(settings, ModbusSettings(), served).run())
    try:
        await until(lambda: served.link.code not in ("starting", ""), "the link is up")
        yield served
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@contextlib.contextmanager
def pty_pair(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Join two ptys with socat, the gateway's and the base's."""
    ours, base = folder / "gateway", folder / "base"
    with subprocess.Popen(["socat", f"pty,raw,echo=0,link={ours}", f"pty,raw,echo=0,link={base}"]) as pair:
        try:
            yield ours, base
        finally:
            pair.terminate()


async def simulator(folder: Path, *arguments: str) -> tuple[asyncio.subprocess.Process, Path]:
    report = folder / "report.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "neasmart", "simulate", "--report", str(report), *NOBODY_COMMANDS, *arguments),
        cwd=PACKAGE_ROOT,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return process, report


async def finished(
    process: asyncio.subprocess.Process, report: Path, *, within_s: float = 120.0, code: int = 0
) -> dict[str, Any]:
    try:
        async with asyncio.timeout(within_s):
            assert await process.wait() == code
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    content: dict[str, Any] = json.loads(await asyncio.to_thread(report.read_text))
    return content


@pytest.fixture
def watch() -> Stopwatch:
    """For how long the gateway, which is in this thread, could not run because others had the processor."""
    return Stopwatch()


def assert_blameless(report: dict[str, Any], gateway: Gateway, watch: Stopwatch, *, polls: int = POLLS) -> None:
    # A stalled computer makes answers late, or has the gateway hold a few back; all else would be its own doing.
    print(f"late: {report['late']} of {report['polls']}, {report['latency_ms']}")  # noqa: T201 - a figure to read
    assert (report["polls"], gateway.bus.counters.polls) == (polls, polls)
    counters = gateway.bus.counters
    withheld = counters.replies_late + counters.requests_stale
    # The base waits for each answer, so a stop that others cause costs one.
    assert withheld <= polls / 100 + watch.held_up_s / LATE_S, "the gateway itself was blocked"
    # In a longer stop the base asks twice, and the first of both is overtaken.
    withheld += counters.replies_moved_on
    assert polls - report["answered"] <= withheld
    assert set(report["accusations"]) <= {"late", *["unanswered"] * bool(withheld)}, report["accusations"]
    assert report["adopted"] == []
    assert report["words"]["by_verdict"] == {"nothing": report["words"]["checked"]}
    assert report["words"]["turns"] > 0


async def test_all_noise_over_modbus_tcp(tmp_path: Path, watch: Stopwatch) -> None:
    port = free_port()
    async with linked(ServerSettings(type=ServerType.TCP, address="127.0.0.1", port=port)) as gateway:
        process, path = await simulator(
            tmp_path,
            "--tcp",
            f"127.0.0.1:{port}",
            "--noise",
            "--cycle",
            "0",
            "--polls",
            str(POLLS),
            "--blocks",
            "varied",
        )
        report = await finished(process, path)

    assert_blameless(report, gateway, watch)
    assert gateway.plant.zones == [(1, z) for z in (1, 2, 3, 4, 5)] + [(2, 1), (2, 2), (2, 3), (2, 5), (5, 1), (5, 12)]
    assert report["frames_in_longest_segment"] == 20
    assert {"foreign", "vendor", "unknown_function", "truncated", "split", "burst"} <= set(report["noise"])


async def test_several_polls_in_one_segment_over_modbus_tcp(tmp_path: Path, watch: Stopwatch) -> None:
    port = free_port()
    async with linked(ServerSettings(type=ServerType.TCP, address="127.0.0.1", port=port)) as gateway:
        process, path = await simulator(
            tmp_path,
            *("--tcp", f"127.0.0.1:{port}", "--noise", "--cycle", "0", "--polls", "500"),
            *("--blocks", "single", "--polls-per-segment", "4"),
        )
        report = await finished(process, path)

    assert_blameless(report, gateway, watch, polls=500)


@pytest.mark.parametrize(("function_code", "polls"), [("16", POLLS), ("6", 300)])
async def test_all_noise_over_rtu_over_tcp(tmp_path: Path, watch: Stopwatch, function_code: str, polls: int) -> None:
    port = free_port()
    async with linked(ServerSettings(type=ServerType.RTU_TCP, address="127.0.0.1", port=port)) as gateway:
        process, path = await simulator(
            tmp_path,
            *("--rtu-tcp", f"127.0.0.1:{port}", "--noise", "--cycle", "0", "--polls", str(polls)),
            *("--blocks", "varied", "--write-fc", function_code, "--order", "shuffled"),
        )
        report = await finished(process, path)

    assert_blameless(report, gateway, watch, polls=polls)
    assert len(gateway.plant.zones) == 11


async def test_all_noise_over_a_pty(tmp_path: Path, watch: Stopwatch) -> None:
    with pty_pair(tmp_path) as (ours, base):
        await until(lambda: ours.exists() and base.exists(), "socat's ptys")
        async with linked(ServerSettings(type=ServerType.SERIAL, serial_port=str(ours))) as gateway:
            await until(lambda: gateway.link.connected, "the serial port is open")
            process, path = await simulator(
                tmp_path,
                *("--serial", str(base), "--noise", "--cycle", "0", "--polls", str(POLLS), "--blocks", "varied"),
            )
            report = await finished(process, path)

    assert_blameless(report, gateway, watch)
    assert len(gateway.plant.zones) == 11


async def test_all_noise_while_the_gateway_dials(tmp_path: Path, watch: Stopwatch) -> None:
    port = free_port()
    process, path = await simulator(
        tmp_path, "--rtu-listen", f"127.0.0.1:{port}", "--noise", "--cycle", "0", "--polls", "300"
    )
    async with linked(ServerSettings(type=ServerType.SERIAL, serial_port=f"socket://127.0.0.1:{port}")) as gateway:
        report = await finished(process, path)

    assert_blameless(report, gateway, watch, polls=300)


@contextlib.asynccontextmanager
async def playing(port: int, **changes: Any) -> AsyncIterator[Simulator]:
    """Play the base in this process."""
    options = SimulatorOptions(target=f"127.0.0.1:{port}", cycle_s=0.3, commands=NO_COMMANDS, **changes)
    base = Simulator(options)
    running = asyncio.create_task(base.run())
    try:
        yield base
    finally:
        base.stop()
        await running


def assert_held_back(base: Simulator, gateway: Gateway) -> None:
    """Nothing is wrong but for answers that the gateway has held back because this computer stood still."""
    held_back = gateway.bus.counters.requests_stale
    assert set(base.report.other_faults) <= {"unanswered"}, base.report.other_faults
    assert base.report.other_faults.get(Fault.UNANSWERED, 0) <= held_back


async def test_a_command_goes_to_the_house_and_comes_back_confirmed() -> None:
    port = free_port()
    async with (
        linked(ServerSettings(type=ServerType.TCP, address="127.0.0.1", port=port)) as gateway,
        playing(port) as base,
    ):
        await until(lambda: base.report.walks > 2, "some walks")
        command = _commanded(gateway, base, 23.5)
        await until(lambda: _state(gateway, command.id) is CommandState.CONFIRMED, "the command is confirmed")

    assert base.house.setpoint_c(base.house.rooms[1, 1]) == 23.5
    assert [(event["point"], event["served"]) for event in base.report.adopted()] == [("zone.1.1.setpoint", 23.5)]
    assert_held_back(base, gateway)


async def test_a_local_change_reaches_the_gateway_and_is_never_undone() -> None:
    port = free_port()
    async with (
        linked(ServerSettings(type=ServerType.TCP, address="127.0.0.1", port=port)) as gateway,
        playing(port) as base,
    ):
        await until(lambda: base.report.walks > 2, "some walks")
        base.base.local_setpoint(1, 1, 19.5)
        await until(lambda: gateway.plant.value("zone.1.1.setpoint") == 19.5, "the local change")
        walks = base.report.walks
        await until(lambda: base.report.walks > walks + 2, "more walks")

    assert base.report.adopted() == []
    assert base.base.word(SETPOINT.address) == encode_dpt9(19.5)


async def test_a_gateway_started_anew_brings_nothing_old_back() -> None:
    port = free_port()
    settings = ServerSettings(type=ServerType.TCP, address="127.0.0.1", port=port)
    async with playing(port) as base:
        async with linked(settings) as gateway:
            await until(lambda: base.report.walks > 2, "some walks")
            command = _commanded(gateway, base, 23.5)
            await until(lambda: _state(gateway, command.id) is CommandState.CONFIRMED, "the command is confirmed")
        base.base.local_setpoint(1, 1, 18.0)
        walks, polls = base.report.walks, base.report.polls
        async with linked(settings) as gateway:
            await until(lambda: base.report.walks > walks + 3 and base.report.polls > polls + 100, "more walks")
            reported = gateway.plant.value("zone.1.1.setpoint")

    assert reported == 18.0
    assert len(base.report.adopted()) == 1
    assert set(base.report.other_faults) <= {"unanswered"}
    assert base.report.connections == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_at_once_with_0_and_a_report(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    async with linked(ServerSettings(type=ServerType.TCP, address="127.0.0.1", port=port)) as gateway:
        process, path = await simulator(tmp_path, "--tcp", f"127.0.0.1:{port}", "--cycle", "20")
        await until(lambda: gateway.bus.counters.polls > 1, "polls")
        process.send_signal(number)
        report = await finished(process, path, within_s=15.0)

    assert report["polls"] >= 1


async def test_it_waits_for_a_gateway_that_is_not_there_and_stops_in_time(tmp_path: Path) -> None:
    process, path = await simulator(tmp_path, "--tcp", f"127.0.0.1:{free_port()}", "--duration", "0.5")

    report = await finished(process, path, within_s=60.0, code=1)

    assert (report["connections"], report["polls"]) == (0, 0)


@pytest.mark.parametrize("tells", Tells)
@pytest.mark.parametrize("precedence", Precedence)
async def test_whoever_turns_the_thermostat_after_a_command_is_the_last_hand(
    precedence: Precedence, tells: Tells
) -> None:
    port = free_port()
    behaviour = Behaviour(precedence=precedence, tells=tells, ignore_probability=1.0)
    async with (
        linked(ServerSettings(type=ServerType.TCP, address="127.0.0.1", port=port)) as gateway,
        playing(port, behaviour=behaviour) as base,
    ):
        await until(lambda: base.report.walks > 2, "some walks")
        command = _commanded(gateway, base, 23.5)
        await until(lambda: _state(gateway, command.id) is CommandState.DELIVERED, "the command is read")
        base.base.local_setpoint(1, 1, 18.0)
        await until(lambda: _state(gateway, command.id) is CommandState.OVERRIDDEN, "the command is overridden")
        walks = base.report.walks
        await until(lambda: base.report.walks > walks + 2, "more walks")

    assert base.base.word(SETPOINT.address) == encode_dpt9(18.0)
    assert base.report.words.verdicts[Explanation.COMMAND] > 0
    assert_held_back(base, gateway)


async def test_a_gateway_that_stands_still_answers_nothing_late_and_serves_nothing_old(tmp_path: Path) -> None:
    with pty_pair(tmp_path) as (ours, line):
        await until(lambda: ours.exists() and line.exists(), "socat's ptys")
        serial = {"NEASMART_SERVER_TYPE": "serial", "NEASMART_SERVER_SERIAL_PORT": str(ours)}
        with gateway_process(tmp_path, **serial) as gateway:
            assert gateway.process is not None
            process, path = await simulator(
                tmp_path,
                *("--serial", str(line), "--cycle", "0", "--polls", "200", "--timeout", "0.3", "--buffer", "512"),
                *("--lossy", "0.05", "--gap-ms", "10", "--freeze", str(gateway.process.pid)),
                *("--freeze-every", "1", "--freeze-for", "1.5"),
            )
            report = await finished(process, path)
            counters = (await asyncio.to_thread(gateway.get, "/api/v1/bus"))["counters"]

    assert report["freezes"] >= 2
    # A busy computer blocks the gateway's loop as well, and then it keeps silent on purpose.
    assert report["polls"] - report["answered"] <= counters["replies_late"] + counters["replies_moved_on"]
    assert set(report["accusations"]) <= {"late", "unanswered"}, report["accusations"]
    assert report["words"]["by_verdict"] == {"nothing": report["words"]["checked"]}


def _commanded(gateway: Gateway, base: Simulator, value: float) -> Command:
    (command,) = gateway.submit([(SETPOINT, value)], origin="test")
    base.oracle.ordered(SETPOINT.address, command.word, asyncio.get_running_loop().time())
    return command


def _state(gateway: Gateway, command_id: str) -> CommandState | None:
    command = gateway.commands.get(command_id)
    return None if command is None else command.state
