"""Plays a capture of the bus again: prints every frame in words, or acts as the base that was recorded."""

from __future__ import annotations

import argparse
import asyncio
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from neasmart.core.gateway import Gateway
from neasmart.facts.clock import Clock
from neasmart.facts.codecs import FunctionCode
from neasmart.facts.process import arguments
from neasmart.settings.model import ModbusSettings, Settings
from neasmart.simulator.bus.transport import Opener, Transport
from neasmart.sysbus import Framing
from neasmart.sysbus.capture.capture import CaptureReader, Chunk, FrameReaders
from neasmart.sysbus.capture.pcapng import CaptureError
from neasmart.sysbus.capture.seen import Seen
from neasmart.sysbus.framing.crc import with_crc
from neasmart.sysbus.line.connection import Direction
from neasmart.sysbus.slave.slaves import MbapSlave, RtuSlave
from neasmart.sysbus.slave.station import Station
from neasmart.wiring import app

REPLY_PATIENCE_S = 0.25

_FUNCTIONS = frozenset(FunctionCode)
_ARROWS = {Direction.RECEIVED: "<", Direction.SENT: ">"}
Say = Callable[[str], object]


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a replay has shown."""

    frames: int = 0
    replies_recorded: int = 0
    replies_now: int = 0
    sent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Bytes to be sent to a gateway at a time of the recording, and whether they ask for a reply."""

    at: float
    content: bytes
    asks: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a recording of this gateway")
    parser.add_argument("--serve", action="store_true", help="act as the recorded base; needs one of the lines below")
    line = parser.add_mutually_exclusive_group()
    line.add_argument("--tcp", metavar="HOST:PORT", type=arguments.host_port, help="dial a gateway with Modbus TCP")
    line.add_argument("--rtu-tcp", metavar="HOST:PORT", type=arguments.host_port, help="dial a gateway, RTU over TCP")
    line.add_argument("--serial", metavar="PATH", help="serial device or pty, RTU frames")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument(
        "--speed", type=arguments.number(0.001, 1e6), default=1.0, metavar="N", help="times the recorded speed"
    )
    pace.add_argument("--fast", action="store_true", help="without any pause; each poll waits for its reply")


def run(namespace: argparse.Namespace, say: Say = sys.stdout.write) -> int:
    """Replay the file; return 0, or 1 if it cannot be read or the gateway cannot be reached."""
    chosen = _chosen(namespace)
    try:
        with namespace.file.open("rb") as file:
            if chosen is not None:
                return asyncio.run(_serve(file, *chosen, None if namespace.fast else namespace.speed, say))
            shown(CaptureReader(file), say)
    except (OSError, CaptureError) as error:
        if chosen is None and isinstance(error, BrokenPipeError):
            # Who reads our output has seen enough; the recording is well.
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        sys.stderr.write(f"neasmart: {namespace.file}: {reason}\n")
        return 1
    return 0


def shown(capture: CaptureReader, say: Say) -> Outcome:
    """Feed the capture through the real framer and station; print every frame and a summary."""
    now = 0.0
    settings = Settings(modbus=ModbusSettings(slave_id=list(capture.facts.unit_ids)))
    gateway = app.build_gateway(settings, Clock(monotonic=lambda: now, wall=lambda: now))
    station = Station(gateway)
    slaves: dict[Framing, RtuSlave | MbapSlave] = {Framing.RTU: RtuSlave(station), Framing.MBAP: MbapSlave(station)}
    readers = FrameReaders(capture.facts)
    outcome = Outcome()
    for chunk in capture:
        now = chunk.at
        slave = slaves[chunk.framing or capture.facts.framing]
        for seen in readers.feed(chunk):
            outcome.frames += 1
            say(line_of(seen))
        if chunk.direction is Direction.SENT:
            outcome.replies_recorded += 1
            slave.sent(chunk.content, now)
        else:
            gateway.bus.counters.bytes_received += len(chunk.content)
            outcome.replies_now += slave.receive(chunk.content, now, late=False).replies
    say(_summary(gateway, outcome, now))
    return outcome


def line_of(seen: Seen) -> str:
    """Return one line: time, direction, unit id, what it is, and the registers with ids and values."""
    at = datetime.fromtimestamp(seen.at, tz=UTC).strftime("%H:%M:%S.%f")
    registers = ", ".join(register.text for register in seen.registers) or seen.pdu.hex(" ")
    return f"{at} {_ARROWS[seen.direction]} {seen.unit_id:3d} {seen.what:<11} {registers}\n"


def pieces(capture: CaptureReader, framing: Framing) -> Iterator[Piece]:
    """Yield what the recorded base has sent, framed for a line of this kind.

    On a line of the recorded kind every byte goes out as it came; on another only the requests that were valid.
    """
    readers = FrameReaders(capture.facts)
    number = 0
    for chunk in capture:
        if chunk.direction is Direction.SENT:
            continue
        requests = [seen for seen in readers.feed(chunk) if not seen.reply]
        if framing is (chunk.framing or capture.facts.framing):
            yield _as_it_came(chunk, requests, capture.facts.unit_ids)
            continue
        for seen in requests:
            number = number % 0xFFFF + 1
            content = bytes((seen.unit_id,)) + seen.pdu
            framed = (
                with_crc(content) if framing is Framing.RTU else struct.pack(">HHH", number, 0, len(content)) + content
            )
            yield Piece(at=seen.at, content=framed, asks=_asks(seen, capture.facts.unit_ids))


async def served(capture: CaptureReader, opener: Opener, framing: Framing, speed: float | None) -> Outcome:
    """Send the recording to a gateway at `speed` times its own, or without pauses; raises OSError."""
    outcome = Outcome()
    line = await opener.open()
    loop = asyncio.get_running_loop()
    began: float | None = None
    first_at = 0.0
    try:
        for piece in pieces(capture, framing):
            if began is None:
                began, first_at = loop.time(), piece.at
            if speed is not None:
                await asyncio.sleep(max(0.0, began + (piece.at - first_at) / speed - loop.time()))
            line.forget()
            line.write(piece.content)
            outcome.sent += 1
            if piece.asks and speed is None:
                await line.more(REPLY_PATIENCE_S)
        # The last reply may be on its way.
        await line.more(REPLY_PATIENCE_S)
    finally:
        line.close()
        await opener.close()
    return outcome


def _chosen(namespace: argparse.Namespace) -> tuple[Transport, str] | None:
    """Return where to serve, None to print; raise UsageError if one was said without the other."""
    targets = {Transport.TCP: namespace.tcp, Transport.RTU_TCP: namespace.rtu_tcp, Transport.SERIAL: namespace.serial}
    chosen = [(transport, target) for transport, target in targets.items() if target is not None]
    if namespace.serve != bool(chosen):
        raise arguments.UsageError("--serve needs --tcp, --rtu-tcp or --serial, and these need --serve")
    return chosen[0] if chosen else None


async def _serve(file: BinaryIO, transport: Transport, target: str, speed: float | None, say: Say) -> int:
    framing = Framing.MBAP if transport is Transport.TCP else Framing.RTU
    outcome = await served(CaptureReader(file), Opener(transport, target), framing, speed)
    say(f"{outcome.sent} pieces sent\n")
    return 0


def _as_it_came(chunk: Chunk, requests: list[Seen], unit_ids: tuple[int, ...]) -> Piece:
    return Piece(at=chunk.at, content=chunk.content, asks=any(_asks(seen, unit_ids) for seen in requests))


def _asks(seen: Seen, unit_ids: tuple[int, ...]) -> bool:
    return seen.unit_id in unit_ids and seen.pdu[0] in _FUNCTIONS


def _summary(gateway: Gateway, outcome: Outcome, now: float) -> str:
    counters = gateway.bus.counters
    zones = ", ".join(f"{base}.{zone}" for base, zone in gateway.plant.zones) or "none"
    cycle = gateway.bus.traffic.document(now)["cycle_s"]
    return (
        f"\n{outcome.frames} frames: {counters.polls} polls, {counters.broadcasts + counters.writes} writes,"
        f" {counters.foreign_frames} of others; {counters.noise_bytes} bytes of noise, {counters.crc_errors} damaged\n"
        f"replies: {outcome.replies_recorded} recorded, {outcome.replies_now} given now\n"
        f"zones: {zones}\n"
        f"walk: {cycle['last'] or 'not seen twice'}{' s' if cycle['last'] else ''}\n"
    )
