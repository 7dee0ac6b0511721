"""Reads what went over the line, in both directions, as frames with their registers, for people and for recorders.

It has framers of its own, so that looking never disturbs the slave that answers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from neasmart.facts.codecs import READ, WRITE_MULTIPLE, WRITE_SINGLE
from neasmart.facts.points import TABLE
from neasmart.sysbus.framing.crc import crc16
from neasmart.sysbus.framing.kinds import Framing
from neasmart.sysbus.framing.mbap import MbapFramer
from neasmart.sysbus.framing.rtu import FrameKind, RtuFramer
from neasmart.sysbus.line.connection import Direction

_EXCEPTION = 0x80
_MBAP_HEAD = 7
_HEAD = 5
_MULTIPLE_HEAD = 6
_REMEMBERED_POLLS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterWord:
    """One register of a frame; `word` is None in a poll."""

    address: int
    word: int | None = None

    @property
    def text(self) -> str:
        """The register with its id and value, as far as the table knows it."""
        ref = TABLE.by_address.get(self.address)
        name = ref.id if ref is not None else f"register {self.address}"
        if self.word is None:
            return name
        if ref is None:
            return f"{name} = 0x{self.word:04X}"
        value, quality = ref.decode(self.word)
        if value is None:
            return f"{name} = {quality.value.replace('_', ' ')} (0x{self.word:04X})"
        if ref.point.options is not None:
            return f"{name} = {ref.point.options[int(value)]}"
        if isinstance(value, bool):
            return f"{name} = {'on' if value else 'off'}"
        return f"{name} = {value:g}{' ' + ref.point.unit if ref.point.unit else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One valid frame: `pdu` from the function code on, `at` monotonic seconds of its last byte.

    `reply` tells a reply from a request; `transaction_id` is None on a line with RTU frames.
    """

    at: float
    direction: Direction
    unit_id: int
    pdu: bytes
    reply: bool
    transaction_id: int | None = None
    registers: tuple[RegisterWord, ...] = ()

    @property
    def what(self) -> str:
        """What the frame does, for people."""
        function = self.pdu[0]
        if function & _EXCEPTION:
            return f"refusal {self.pdu[1] if len(self.pdu) > 1 else '?'} of function {function & ~_EXCEPTION}"
        if not self.regular:
            return f"function {function}"
        verb = "read" if function == READ else "write"
        return f"{verb} reply" if self.reply else verb

    @property
    def regular(self) -> bool:
        """Whether it is whole as the Modbus specification has it, of one of the functions of this bus."""
        return _is_regular(self.pdu, reply=self.reply)

    def document(self) -> dict[str, Any]:
        """Return the frame with plain types, its time left as it is."""
        return {
            "at": self.at,
            "direction": self.direction.value,
            "unit_id": self.unit_id,
            "what": self.what,
            "pdu": self.pdu.hex(" "),
            "registers": [register.text for register in self.registers],
        }


class FrameReader:
    """Cuts both directions of one line into frames and joins replies with what was asked; never raises."""

    def __init__(self, framing: Framing, unit_ids: Iterable[int]) -> None:
        """Begin with nothing received."""
        self._framing = framing
        self._rtu = RtuFramer(unit_ids)
        self._mbap = MbapFramer()
        self._asked: dict[tuple[int, int | None], bytes] = {}

    def feed(self, direction: Direction, chunk: bytes, at: float) -> list[Seen]:
        """Take a piece of the wire; return the frames that it completes."""
        if direction is Direction.SENT:
            parts = _sent_rtu(chunk) if self._framing is Framing.RTU else _sent_mbap(chunk)
            return [self._seen((at, direction), unit_id, pdu, number, reply=True) for unit_id, pdu, number in parts]
        if self._framing is Framing.RTU:
            return [
                self._seen((at, direction), frame.unit_id, frame.pdu, None, reply=frame.kind is FrameKind.RESPONSE)
                for frame in self._rtu.feed(chunk, at)
            ]
        return [
            self._seen((at, direction), adu.unit_id, adu.pdu, adu.transaction_id, reply=False)
            for adu in self._mbap.feed(chunk, at)
        ]

    def _seen(
        self, when: tuple[float, Direction], unit_id: int, pdu: bytes, number: int | None, *, reply: bool
    ) -> Seen:
        at, direction = when
        asked = None
        if not reply and pdu and pdu[0] == READ:
            if len(self._asked) >= _REMEMBERED_POLLS:
                self._asked.clear()
            self._asked[unit_id, number] = pdu
        elif reply:
            asked = self._asked.pop((unit_id, number), None)
        return Seen(
            at=at,
            direction=direction,
            unit_id=unit_id,
            pdu=pdu,
            reply=reply,
            transaction_id=number,
            registers=_registers(pdu, asked) if _is_regular(pdu, reply=reply) else (),
        )


def _sent_rtu(chunk: bytes) -> list[tuple[int, bytes, None]]:
    whole = len(chunk) >= _HEAD and crc16(chunk) == 0
    return [(chunk[0], chunk[1:-2], None)] if whole else []


def _sent_mbap(chunk: bytes) -> list[tuple[int, bytes, int]]:
    found = []
    at = 0
    while at + _MBAP_HEAD < len(chunk):
        number, protocol, length = struct.unpack(">HHH", chunk[at : at + 6])
        end = at + 6 + length
        if protocol or length <= 1 or end > len(chunk):
            break
        found.append((chunk[at + 6], chunk[at + _MBAP_HEAD : end], number))
        at = end
    return found


def _is_regular(pdu: bytes, *, reply: bool) -> bool:
    function = pdu[0] if pdu else 0
    if reply and function in (READ | _EXCEPTION, WRITE_SINGLE | _EXCEPTION, WRITE_MULTIPLE | _EXCEPTION):
        return len(pdu) == 2  # noqa: PLR2004 - function and exception code
    if function == WRITE_SINGLE or (function == READ and not reply) or (function == WRITE_MULTIPLE and reply):
        return len(pdu) == _HEAD
    if function == READ:
        return len(pdu) >= 4 and pdu[1] == len(pdu) - 2 and pdu[1] % 2 == 0  # noqa: PLR2004 - one register
    if function == WRITE_MULTIPLE:
        count = struct.unpack(">H", pdu[3:5])[0] if len(pdu) > _MULTIPLE_HEAD else 0
        return count > 0 and pdu[5] == 2 * count and len(pdu) == _MULTIPLE_HEAD + 2 * count
    return False


def _registers(pdu: bytes, asked: bytes | None) -> tuple[RegisterWord, ...]:
    function = pdu[0]
    if function & _EXCEPTION:
        return ()
    if asked is not None and function == READ:
        first = struct.unpack(">H", asked[1:3])[0]
        return _words(first, pdu[2:])
    if function == READ and len(pdu) != _HEAD:
        return ()
    address, second = struct.unpack(">HH", pdu[1:_HEAD])
    if function == WRITE_SINGLE:
        return (RegisterWord(address=address, word=second),)
    if function == WRITE_MULTIPLE and len(pdu) > _MULTIPLE_HEAD:
        return _words(address, pdu[_MULTIPLE_HEAD:])
    return tuple(RegisterWord(address=address + number) for number in range(min(second, 125)))


def _words(first: int, content: bytes) -> tuple[RegisterWord, ...]:
    words = struct.unpack(f">{len(content) // 2}H", content[: len(content) // 2 * 2])
    return tuple(RegisterWord(address=first + number, word=word) for number, word in enumerate(words))
