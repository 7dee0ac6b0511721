"""Looks at a line before anything is configured: listens, tries the usual speeds, says what is wrong; sends no byte."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import msgspec

from neasmart.core.gateway import Gateway
from neasmart.diagnosis.doctor import Diagnosis
from neasmart.diagnosis.patterns import Hint
from neasmart.diagnosis.verdicts import DoctorState, code_of
from neasmart.facts.process import arguments
from neasmart.facts.status import LinkStatus
from neasmart.settings.model import (
    DEFAULT_UNIT_IDS,
    DIALLED,
    SOCKET,
    ModbusSettings,
    ServerSettings,
    ServerType,
    Settings,
)
from neasmart.settings.objections import may_be_opened
from neasmart.sysbus import Link, Tap
from neasmart.wiring import app

LISTEN_S = 20.0
TRY_S = 4.0
WAIT_FOR_PEER_S = 60.0
LONGEST_S = 86_400.0
USUAL = (
    (9600, "N"),
    (19200, "N"),
    (57600, "N"),
    (115200, "N"),
    (38400, "E"),
    (38400, "O"),
    (19200, "E"),
    (9600, "E"),
    (4800, "N"),
    (2400, "N"),
)

_LOOK_S = 0.1
_FINAL_CODES = frozenset(
    {
        "no_device",
        "no_permission",
        "device_busy",
        "cannot_dial",
        "converter_busy",
        "cannot_listen",
        "foreign_address",
        "not_configured",
    }
)
_OPEN_CODES = frozenset({"connected", "waiting_for_peer"})
_ENOUGH_FRAMES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Listened:
    """What was heard at one speed."""

    line: str
    byte_count: int
    frames: int
    diagnosis: Diagnosis


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenTimes:
    """Seconds to listen at 38400 8N1 and at each other speed."""

    listen_s: float = LISTEN_S
    try_s: float = TRY_S


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    line = parser.add_mutually_exclusive_group(required=True)
    line.add_argument("--serial", metavar="PATH", type=_line, help=f"device, or {DIALLED}")
    line.add_argument("--tcp-listen", metavar="PORT", type=arguments.port, help="wait for a converter, Modbus TCP")
    line.add_argument(
        "--rtu-tcp-listen", metavar="PORT", type=arguments.port, help="wait for a converter, RTU over TCP"
    )
    parser.add_argument("--address", default="0.0.0.0", help="where to listen (default: everywhere)")  # noqa: S104 - converters dial from the home network
    parser.add_argument(
        "--seconds",
        type=arguments.number(0.1, LONGEST_S),
        metavar="S",
        help="how long to listen (default: 20, for a converter 60)",
    )
    parser.add_argument(
        "--unit-ids", type=arguments.unit_ids, default=DEFAULT_UNIT_IDS, metavar="240,241", help="our unit ids"
    )


def run(namespace: argparse.Namespace, say: Callable[[str], object] = sys.stdout.write) -> int:
    """Listen and print the finding; return 0 if the line is healthy, else 1; raise UsageError for a foreign address."""
    settings = _settings(namespace)
    listening = settings.server.listens
    seconds = namespace.seconds or (WAIT_FOR_PEER_S if listening else LISTEN_S)
    times = ListenTimes(listen_s=seconds, try_s=min(seconds, TRY_S))
    with contextlib.suppress(KeyboardInterrupt):
        found = asyncio.run(examined(settings, times, say))
        say(f"\n{_text(found)}\n")
        return 0 if found.state is DoctorState.HEALTHY else 1
    return 1


async def examined(settings: Settings, times: ListenTimes, say: Callable[[str], object]) -> Diagnosis:
    """Listen at 38400 8N1 and, where only noise arrives, at the usual other speeds; return what to say."""
    first = await listened(settings, times.listen_s, say)
    say(f"  {_figures(first)}\n")
    can_change_speed = not settings.server.listens and not settings.server.serial_port.startswith(SOCKET)
    if first.diagnosis.state is not DoctorState.NOISE or first.frames or not can_change_speed:
        return first.diagnosis
    best: Listened | None = None
    for other in _others(settings):
        tried = await listened(other, times.try_s, say)
        say(f"  {_figures(tried)}\n")
        if tried.frames >= _ENOUGH_FRAMES:
            best = tried
            break
    if best is None:
        return first.diagnosis
    return replace(
        first.diagnosis,
        sentence=f"The line carries valid frames at {best.line}, not at 38400 8N1.",
        advice="This is not the speed of a SYSBUS: check that the adapter is on the right terminals. If it is, set"
        " server.baudrate and server.parity to it.",
        evidence=(
            f"{best.frames} valid frames of {best.byte_count} bytes at {best.line}",
            *first.diagnosis.evidence[:1],
        ),
        hint=Hint.SPEED.value,
        code=code_of(DoctorState.NOISE, Hint.SPEED),
    )


async def listened(settings: Settings, seconds: float, say: Callable[[str], object]) -> Listened:
    """Open the line, keep silent, and return what was heard; ends early when all is well or nothing can be opened."""
    gateway = app.build_gateway(settings)
    line = gateway.watch.line
    gateway.watch_bus(gateway.bus.unit_ids, line=line, final=True)
    tap = Tap(gateway, app.line_facts(settings))
    link = Link(settings.server, settings.modbus, gateway, on_bytes=tap, listen_only=True)
    running = asyncio.create_task(link.run())
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    described = False
    try:
        while loop.time() < until and not _decided(gateway):
            await asyncio.sleep(_LOOK_S)
            gateway.tick(gateway.clock.monotonic())
            if not described and gateway.link.code in _OPEN_CODES:
                described = True
                say(f"{gateway.link.description}: listening, nothing is sent\n")
        # What the link says while it closes is no finding.
        diagnosis = gateway.diagnosis(gateway.clock.monotonic())
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    counters = gateway.bus.counters
    return Listened(
        line=line or "the converter's speed",
        byte_count=counters.bytes_received,
        frames=counters.frames,
        diagnosis=diagnosis,
    )


def _decided(gateway: Gateway) -> bool:
    link: LinkStatus = gateway.link
    return gateway.watch.diagnosis.state is DoctorState.HEALTHY or link.code in _FINAL_CODES


def _settings(namespace: argparse.Namespace) -> Settings:
    if namespace.serial is not None:
        server = ServerSettings(type=ServerType.SERIAL, serial_port=namespace.serial)
    else:
        _refuse_foreign(namespace.address)
        rtu = namespace.rtu_tcp_listen is not None
        server = ServerSettings(
            type=ServerType.RTU_TCP if rtu else ServerType.TCP,
            address=namespace.address,
            port=namespace.rtu_tcp_listen if rtu else namespace.tcp_listen,
        )
    return Settings(server=server, modbus=ModbusSettings(slave_id=list(namespace.unit_ids)))


def _line(text: str) -> str:
    if not may_be_opened(text):
        raise argparse.ArgumentTypeError(f"allowed are a device path, {DIALLED}")
    return text


def _refuse_foreign(address: str) -> None:
    """Refuse an address at which nobody can ever dial us, instead of waiting there."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(address, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(place)
    except OSError as error:
        raise arguments.UsageError(
            f"argument --address: {address!r} is no address of this computer ({error.strerror}); without it the "
            "doctor listens on all of them"
        ) from error


def _others(settings: Settings) -> Iterator[Settings]:
    for baudrate, parity in USUAL:
        server = msgspec.structs.replace(settings.server, baudrate=baudrate, parity=parity)
        yield msgspec.structs.replace(settings, server=server)


def _figures(heard: Listened) -> str:
    return f"{heard.line}: {heard.byte_count} bytes, {heard.frames} valid frames"


def _text(found: Diagnosis) -> str:
    key = found.state.value if found.hint is None else f"{found.state.value}, {found.hint}"
    lines = [f"{found.sentence} ({key})"]
    if found.advice:
        lines.append(f"What to do: {found.advice}")
    lines += [f"  - {each}" for each in found.evidence]
    return "\n".join(lines)
