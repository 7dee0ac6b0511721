"""Computes from the bytes how long a walk of the base occupies the bus.

Modbus RTU sends ten bits for each byte (8N1) and keeps a silence of 3.5 characters around every frame; a slave answers
after one such silence, as the design of the bus asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from neasmart.facts.codecs import WRITE_MULTIPLE, WRITE_SINGLE
from neasmart.facts.points import TABLE
from neasmart.simulator.bus.walk import Read, Step, Write

BITS_PER_BYTE = 10
SILENCE_BYTES = 3.5
_POLL_BYTES = 8
_REPLY_HEAD_BYTES = 5
_WRITE_ONE_BYTES = 8
_WRITE_MANY_HEAD_BYTES = 9


def frames_s(sizes: Iterable[int], *, baudrate: int) -> float:
    """Return the seconds that frames of these sizes in bytes take, each with the silence before it."""
    return sum(SILENCE_BYTES + size for size in sizes) * BITS_PER_BYTE / baudrate


def walk_s(steps: Iterable[Step], *, baudrate: int, asked_by_every_poll: bool) -> float:
    """Return the seconds that a round takes if nobody pauses.

    With `asked_by_every_poll` each poll finds no-data words, and the base writes the registers it asked for, one block
    for each poll; without it every register holds what the base has reported, which makes it write nothing.
    """
    sizes: list[int] = []
    for step in steps:
        match step:
            case Write():
                sizes.append(_write_bytes(step))
            case Read():
                sizes += (_POLL_BYTES, _REPLY_HEAD_BYTES + 2 * step.count)
                if asked_by_every_poll:
                    sizes += map(_write_bytes, _asked(step))
    return frames_s(sizes, baudrate=baudrate)


def _asked(poll: Read) -> Sequence[Write]:
    """Return the writes that follow from a poll that was answered with no-data."""
    asked = [address for address in poll.addresses if address in TABLE.by_address]
    asked = [address for address in asked if TABLE.by_address[address].point.writable]
    return [Write(address=asked[0], count=len(asked), function_code=WRITE_MULTIPLE)] if asked else []


def _write_bytes(write: Write) -> int:
    return _WRITE_ONE_BYTES if write.function_code == WRITE_SINGLE else _WRITE_MANY_HEAD_BYTES + 2 * write.count
