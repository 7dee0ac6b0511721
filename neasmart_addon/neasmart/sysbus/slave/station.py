"""The slave role: what our unit ids answer to a request, from request to reply without waiting for anything.

The unit id decides before a request is looked at: nobody answers a broadcast or another unit, and on a shared line a
refusal is a collision as well. Vendor frames share the line, so any function code but 3, 6 and 16 stays unanswered.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

from neasmart.core.bus_face import Poll
from neasmart.core.commands.carrier import Carrier
from neasmart.core.gateway import Gateway
from neasmart.facts.codecs import READ, WRITE_MULTIPLE, WRITE_SINGLE
from neasmart.facts.registers import ADDRESS_LIMIT
from neasmart.sysbus.framing.rtu import MAX_READ, MAX_WRITE

BROADCAST = 0

ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3

_TWO_WORDS = struct.Struct(">HH")
_FIXED_PDU = 5
_MULTIPLE_HEAD = 6
_REFUSED = 0x80


class Reply(msgspec.Struct, frozen=True):
    """The PDU to reply with, None for silence, and the poll that it answers, if it does."""

    pdu: bytes | None
    poll: Poll | None = None


_SILENCE = Reply(None)


class Station:
    """Answers polls from the gateway's image and hands it what the base writes."""

    def __init__(self, gateway: Gateway, *, mute: bool = False) -> None:
        """Serve the gateway's unit ids; a mute station only listens."""
        self.gateway = gateway
        self._mute = mute
        self._traffic_heard = gateway.bus.traffic.heard
        self.unit_ids = frozenset(gateway.bus.unit_ids)
        self._counters = gateway.bus.counters

    def answer(self, unit_id: int, pdu: bytes, now: float, carrier: Carrier | None = None) -> Reply:
        """Carry out one request that a connection carried; whoever sends the reply says so by `left`."""
        counters = self._counters
        self._heard(unit_id, pdu, now)
        if unit_id != BROADCAST and unit_id not in self.unit_ids:
            counters.foreign_frames += 1
            return _SILENCE
        function = pdu[0] if pdu else 0
        if function == READ and unit_id != BROADCAST and len(pdu) == _FIXED_PDU:
            answer = self._read(unit_id, pdu, now, carrier)
        elif function == WRITE_SINGLE and len(pdu) == _FIXED_PDU:
            answer = Reply(self._write_single(unit_id, pdu, now, carrier))
        elif function == WRITE_MULTIPLE and len(pdu) >= _MULTIPLE_HEAD and len(pdu) >= _MULTIPLE_HEAD + pdu[5]:
            answer = Reply(self._write_multiple(unit_id, pdu, now, carrier))
        else:
            counters.unsupported += 1
            return _SILENCE
        return _SILENCE if self._mute or unit_id == BROADCAST else answer

    def left(self, poll: Poll, now: float, carrier: Carrier | None = None) -> None:
        """Take note that the reply to a poll has left; one that was withheld or overtaken has not."""
        self.gateway.bus.left(poll, now, carrier)

    def step_over(self, unit_id: int, now: float) -> None:
        """Count a frame that asks nobody anything: the reply of another unit."""
        self._heard(unit_id, b"", now)
        if unit_id not in self.unit_ids:
            self._counters.foreign_frames += 1

    def _heard(self, unit_id: int, pdu: bytes, now: float) -> None:
        counters = self._counters
        counters.frames += 1
        counters.last_heard_at[unit_id] = now
        self._traffic_heard((now, unit_id, pdu))
        if counters.last_frame_at is not None and now - counters.last_frame_at > self.gateway.plant.stale_times.warn_s:
            # The base never pauses for so long, so something was missed.
            self.gateway.bus.interrupted(now)
        counters.last_frame_at = now

    def _read(self, unit_id: int, pdu: bytes, now: float, carrier: Carrier | None) -> Reply:
        address, count = _TWO_WORDS.unpack_from(pdu, 1)
        if not 1 <= count <= MAX_READ:
            return Reply(self._refusal(READ, ILLEGAL_VALUE))
        if address >= ADDRESS_LIMIT:
            return Reply(self._refusal(READ, ILLEGAL_ADDRESS))
        counters = self._counters
        counters.polls += 1
        counters.polls_by_unit[unit_id] = counters.polls_by_unit.get(unit_id, 0) + 1
        counters.last_poll_at[unit_id] = now
        poll = self.gateway.bus.poll(address, count, unit_id, now, carrier)
        return Reply(struct.pack(f">BB{count}H", READ, 2 * count, *poll.words), poll)

    def _write_single(self, unit_id: int, pdu: bytes, now: float, carrier: Carrier | None) -> bytes | None:
        address, word = _TWO_WORDS.unpack_from(pdu, 1)
        if address >= ADDRESS_LIMIT:
            return self._refused_write(unit_id, WRITE_SINGLE, ILLEGAL_ADDRESS)
        self._write(unit_id, WRITE_SINGLE, address, (word,), now, carrier)
        return pdu

    def _write_multiple(self, unit_id: int, pdu: bytes, now: float, carrier: Carrier | None) -> bytes | None:
        address, count = _TWO_WORDS.unpack_from(pdu, 1)
        if not 1 <= count <= MAX_WRITE or pdu[5] != 2 * count or len(pdu) != _MULTIPLE_HEAD + 2 * count:
            return self._refused_write(unit_id, WRITE_MULTIPLE, ILLEGAL_VALUE)
        if address >= ADDRESS_LIMIT:
            return self._refused_write(unit_id, WRITE_MULTIPLE, ILLEGAL_ADDRESS)
        words = struct.unpack_from(f">{count}H", pdu, _MULTIPLE_HEAD)
        self._write(unit_id, WRITE_MULTIPLE, address, words, now, carrier)
        return pdu[:_FIXED_PDU]

    def _write(
        self, unit_id: int, function: int, address: int, words: Sequence[int], now: float, carrier: Carrier | None
    ) -> None:
        if unit_id == BROADCAST:
            self._counters.broadcasts += 1
        else:
            self._counters.writes += 1
        self._counters.registers_written += len(words)
        self.gateway.bus.write(address, words, function_code=function, unit_id=unit_id, now=now, carrier=carrier)

    def _refused_write(self, unit_id: int, function: int, code: int) -> bytes | None:
        if unit_id == BROADCAST:
            self._counters.unsupported += 1
            return None
        return self._refusal(function, code)

    def _refusal(self, function: int, code: int) -> bytes:
        self._counters.exceptions += 1
        return bytes((function | _REFUSED, code))
