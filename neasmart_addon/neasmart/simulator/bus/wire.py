"""Builds and takes apart frames with pymodbus, so that the gateway is not judged by its own code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU, ReadHoldingRegistersRequest
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersResponse,
    WriteMultipleRegistersRequest,
    WriteMultipleRegistersResponse,
    WriteSingleRegisterRequest,
)

from neasmart.facts.codecs import READ, WRITE_MULTIPLE, WRITE_SINGLE
from neasmart.simulator.bus.walk import Read

_EXCEPTION = 0x80
_RTU_SHORTEST = 5
_MBAP_HEADER = 7
_MBAP_LONGEST = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedFrame:
    """One whole frame as received; `transaction` is 0 for RTU."""

    unit_id: int
    transaction: int
    pdu: bytes
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubbish:
    """Bytes that are no frame, and why."""

    raw: bytes
    why: str


class Wire(Protocol):
    """One of the two framings."""

    def frame(self, pdu: bytes, unit_id: int, transaction: int = 0) -> bytes:
        """Return the frame of a PDU."""

    def parse(self, received: bytearray, *, final: bool = False) -> list[ReceivedFrame | Rubbish]:
        """Take whole frames off the front of `received`; with `final`, what is left over is rubbish."""


class RtuWire:
    """Address, PDU, CRC."""

    def __init__(self) -> None:
        """Use pymodbus's framer for the CRC."""
        self._framer = FramerRTU(DecodePDU(is_server=False))

    def frame(self, pdu: bytes, unit_id: int, transaction: int = 0) -> bytes:
        """Return the frame of a PDU; RTU has no transaction numbers."""
        return self._framer.encode(pdu, unit_id, transaction)

    def parse(self, received: bytearray, *, final: bool = False) -> list[ReceivedFrame | Rubbish]:
        """Cut replies; their length follows from function code and byte count."""
        found: list[ReceivedFrame | Rubbish] = []
        while len(received) >= _RTU_SHORTEST:
            length = _reply_length(received)
            if length is None:
                break
            if len(received) < length:
                break
            raw = bytes(received[:length])
            if not has_valid_crc(raw):
                break
            found.append(ReceivedFrame(unit_id=raw[0], transaction=0, pdu=raw[1:-2], raw=raw))
            del received[:length]
        if final and received:
            found.append(Rubbish(raw=bytes(received), why="no Modbus RTU reply with a valid CRC"))
            received.clear()
        return found


class MbapWire:
    """Transaction, protocol 0, length, unit, PDU."""

    def __init__(self) -> None:
        """Use pymodbus's framer for the header."""
        self._framer = FramerSocket(DecodePDU(is_server=False))

    def frame(self, pdu: bytes, unit_id: int, transaction: int = 0) -> bytes:
        """Return the frame of a PDU."""
        return self._framer.encode(pdu, unit_id, transaction)

    def parse(self, received: bytearray, *, final: bool = False) -> list[ReceivedFrame | Rubbish]:
        """Cut replies by the length in their header."""
        found: list[ReceivedFrame | Rubbish] = []
        while len(received) > _MBAP_HEADER:
            protocol = int.from_bytes(received[2:4], "big")
            length = int.from_bytes(received[4:6], "big")
            if protocol or not 2 <= length <= _MBAP_LONGEST:  # noqa: PLR2004 - unit id and function code
                found.append(Rubbish(raw=bytes(received), why="no Modbus TCP header"))
                received.clear()
                break
            used, unit_id, transaction, pdu = self._framer.decode(bytes(received[: 6 + length]))
            if not used:
                break
            found.append(
                ReceivedFrame(unit_id=unit_id, transaction=transaction, pdu=pdu, raw=bytes(received[:used])),
            )
            del received[:used]
        if final and received:
            found.append(Rubbish(raw=bytes(received), why="an incomplete Modbus TCP frame"))
            received.clear()
        return found


def read_request(poll: Read) -> bytes:
    """Return the PDU of a poll."""
    return _bytes(ReadHoldingRegistersRequest(address=poll.address, count=poll.count))


def write_request(address: int, words: Sequence[int], function_code: int) -> bytes:
    """Return the PDU of a write with FC 16 or FC 6."""
    if function_code == WRITE_SINGLE:
        return _bytes(WriteSingleRegisterRequest(address=address, registers=list(words)))
    return _bytes(WriteMultipleRegistersRequest(address=address, registers=list(words)))


def read_response(words: Sequence[int]) -> bytes:
    """Return the PDU of the answer to a read."""
    return _bytes(ReadHoldingRegistersResponse(registers=list(words)))


def write_response(address: int, count: int) -> bytes:
    """Return the PDU of the answer to a write with FC 16."""
    return _bytes(WriteMultipleRegistersResponse(address=address, count=count))


def words_read(pdu: bytes, count: int) -> list[int] | None:
    """Return the words of an answer to a read of `count` registers, None if it is not one."""
    if len(pdu) != 2 + 2 * count or pdu[0] != READ or pdu[1] != 2 * count:
        return None
    response = ReadHoldingRegistersResponse()
    response.decode(pdu[1:])
    return list(response.registers)


def has_valid_crc(raw: bytes) -> bool:
    """Return whether the last two bytes are the CRC of the others."""
    return FramerRTU.compute_CRC(raw[:-2]) == int.from_bytes(raw[-2:], "big")


def _reply_length(received: bytearray) -> int | None:
    function_code = received[1]
    if function_code & _EXCEPTION:
        return 5
    if function_code == READ:
        return 5 + received[2]
    return 8 if function_code in (WRITE_SINGLE, WRITE_MULTIPLE) else None


def _bytes(pdu: ModbusPDU) -> bytes:
    return bytes([pdu.function_code]) + pdu.encode()
