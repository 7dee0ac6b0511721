"""What the tests of the bus share: a gateway without edges, a clock moved by hand, frames, waiting for a condition."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from pymodbus.framer import FramerRTU

from neasmart.core.commands.command import CommandTimes
from neasmart.core.commands.commands import Commands
from neasmart.core.gateway import Gateway
from neasmart.core.state.image import RegisterImage
from neasmart.core.state.plant import Plant
from neasmart.core.state.walks import Walks
from neasmart.facts.clock import Clock
from neasmart.facts.points import TABLE

POLL_240 = bytes.fromhex("F0 03 00 64 00 02 90 F5")
NO_DATA_240 = bytes.fromhex("F0 03 04 00 00 00 00 1A FC")
STATE_AND_SETPOINT_240 = bytes.fromhex("F0 03 04 00 01 0C 33 0E 29")
POLL_241 = bytes.fromhex("F1 03 00 01 00 02 81 3B")
NO_DATA_241 = bytes.fromhex("F1 03 04 00 0A 00 0A AA 39")
BROADCAST_TEMPERATURE = bytes.fromhex("00 10 00 66 00 01 02 0C 1A 26 CD")
BROADCAST_STATE_AND_SETPOINT = bytes.fromhex("00 10 00 64 00 02 04 00 01 0C 33 E4 5D")
BROADCAST_HUMIDITY = bytes.fromhex("00 10 00 6E 00 01 02 00 2D 63 53")
BROADCAST_HUMIDITY_FC6 = bytes.fromhex("00 06 00 6E 00 2D 29 DB")
WRITE_240 = bytes.fromhex("F0 10 00 65 00 01 02 0C 65 63 1A")
WRITE_240_REPLY = bytes.fromhex("F0 10 00 65 00 01 04 F7")
BROADCAST_OUTSIDE = bytes.fromhex("00 10 00 07 00 02 04 05 F0 05 DC B4 83")
BROADCAST_MIXED = bytes.fromhex("00 10 00 0A 00 04 08 00 32 00 01 0E D6 0D DC A7 78")
FOREIGN_POLL = bytes.fromhex("10 03 00 64 00 02 86 95")
SAMPLES = (
    POLL_240,
    POLL_241,
    BROADCAST_TEMPERATURE,
    BROADCAST_STATE_AND_SETPOINT,
    BROADCAST_HUMIDITY,
    BROADCAST_HUMIDITY_FC6,
    WRITE_240,
    BROADCAST_OUTSIDE,
    BROADCAST_MIXED,
    FOREIGN_POLL,
)


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.clock = Clock(monotonic=lambda: self.now)


RFC2217_SERVED = b"\xff\xfd\x00\xff\xfb\x00\xff\xfd\x2c" + b"".join(
    b"\xff\xfa\x2c" + bytes((100 + command,)) + value + b"\xff\xf0"
    for command, value in ((1, b"\0\0\x96\0"), (2, b"\x08"), (3, b"\x01"), (4, b"\x01"), (5, b"\x01"))
)
"""All that serialx waits for of a server: binary, the option, and the settings of a line with 38400 8N1."""


def new_gateway(clock: Clock | None = None, unit_ids: Sequence[int] = (240, 241)) -> Gateway:
    """Return a gateway with the default settings and no edges."""
    image = RegisterImage(TABLE)
    return Gateway(
        image=image,
        plant=Plant(TABLE),
        commands=Commands(TABLE, image, Walks(TABLE), CommandTimes()),
        unit_ids=unit_ids,
        clock=clock,
    )


def rtu(hexadecimal: str) -> bytes:
    """Return a frame with the checksum as pymodbus computes it, so that our own is not its own judge."""
    content = bytes.fromhex(hexadecimal)
    return content + FramerRTU.compute_CRC(content).to_bytes(2, "big")


def mbap(hexadecimal: str, transaction_id: int = 1) -> bytes:
    """Return a Modbus TCP request from unit id and PDU."""
    content = bytes.fromhex(hexadecimal)
    return transaction_id.to_bytes(2, "big") + b"\0\0" + len(content).to_bytes(2, "big") + content


async def until(condition: Callable[[], object], what: str, within_s: float = 30.0) -> None:
    """Wait until a condition holds; fail with `what` if it does not in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within_s:g} s in vain: {what}")
        await asyncio.sleep(0.01)
