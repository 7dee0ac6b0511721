"""What one connection does with the bytes it receives: find requests, carry them out, decide what to send back.

RTU shares one line with everybody, so a reply is sent only while the base still waits for it. Some dongles echo what
we send; that is learned from replies to FC 3, which a base never sends, and only then echoes of FC 6 are stripped,
because they look exactly like the request. (Replies to FC 16 and refusals can never be taken for a request.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from neasmart.core.bus_face import Poll
from neasmart.core.commands.carrier import Carrier
from neasmart.facts.codecs import READ, WRITE_MULTIPLE, WRITE_SINGLE
from neasmart.sysbus.framing.crc import with_crc
from neasmart.sysbus.framing.kinds import Framing
from neasmart.sysbus.framing.mbap import MbapFramer
from neasmart.sysbus.framing.rtu import Frame, FrameKind, RtuFramer
from neasmart.sysbus.framing.strangers import Strangers
from neasmart.sysbus.slave.station import Reply, Station

ECHO_WITHIN_S = 1.0
"""An echo that comes later than this after our reply is none."""
LOOP_WITHIN_S = 0.03
"""A base does not repeat a write so soon; answering what may be an echo would begin a loop of echoes."""
UNLEARN_AFTER = 3
"""So many replies without an echo, and the line does not echo any more."""
WAITS_S = 1.0
"""A Modbus TCP master has given up a request that it sent so long ago."""

Guard = Callable[[int, bytes, float], bool]
"""Whether a request (unit id, PDU, monotonic time) is carried out, or left to another connection of the same bus."""

_SILENCE = Reply(None)
_SUPPORTED = frozenset({READ, WRITE_SINGLE, WRITE_MULTIPLE})


class Received(msgspec.Struct, frozen=True):
    """What came of one read: how many valid frames it completed, and the bytes to send back.

    `replies` counts the replies in these bytes, `polls` are those that they answer.
    """

    frames: int
    reply: bytes = b""
    replies: int = 0
    polls: tuple[Poll, ...] = ()


class RtuSlave:
    """The slave on one line with RTU framing."""

    framing = Framing.RTU
    overtaken_by_frames = True
    """A reply that waits must not be sent any more once another frame has arrived."""
    patience_s = 0.0
    """A base does not wait for a reply that the gateway was too slow to give."""

    def __init__(self, station: Station, *, strangers: bool = False) -> None:
        """Begin with an empty buffer and without knowing of echoes; look for Modbus of other kinds if asked."""
        self._station = station
        self._counters = station.gateway.bus.counters
        self._latencies = station.gateway.bus.reply_latencies
        self._framer = RtuFramer(station.unit_ids, self._counters)
        self._sent: deque[tuple[bytes, float]] = deque(maxlen=4)
        self._unechoed = 0
        self._asked = (0, 0)
        self._strangers = Strangers(Framing.RTU, station.unit_ids, self._counters) if strangers else None
        self._guard: Guard | None = None
        self.echoes = False

    def guard_by(self, guard: Guard | None) -> None:
        """Ask `guard` before a request is carried out."""
        self._guard = guard

    def receive(self, chunk: bytes, now: float, *, late: bool, carrier: Carrier | None = None) -> Received:
        """Carry out what the bytes ask for; a reply that would be late is not given."""
        frames = self._framer.feed(chunk, now, waited=late)
        if self._strangers is not None:
            self._strangers.judge(chunk, now, valid=bool(frames))
        answer = _SILENCE
        for frame in frames:
            if frame.after_damage:
                self._station.gateway.bus.damaged(now)
            if answer.pdu is not None:
                self._counters.replies_moved_on += 1
            answer = self._carry_out(frame, now, carrier)
        if answer.pdu is None:
            return Received(len(frames))
        if late:
            self._counters.replies_late += 1
            return Received(len(frames))
        reply = with_crc(bytes((frames[-1].unit_id,)) + answer.pdu)
        return Received(len(frames), reply, 1, () if answer.poll is None else (answer.poll,))

    def sent(self, reply: bytes, now: float, *, asked_at: float | None = None) -> None:
        """Remember what was sent, to know its echo, and count how long a poll has waited for it."""
        if asked_at is not None and reply[1] == READ:
            self._latencies.observe(reply[0], now - asked_at)
        self._sent.append((reply, now))
        self._unechoed += 1
        if self._unechoed > UNLEARN_AFTER:
            self.echoes = False

    @property
    def hopeless(self) -> bool:
        """Never: noise is part of a serial line."""
        return False

    @property
    def strange_frames(self) -> int:
        """How many frames of another kind of Modbus came since the last valid one."""
        return 0 if self._strangers is None else self._strangers.frames

    def _carry_out(self, frame: Frame, now: float, carrier: Carrier | None) -> Reply:
        if frame.kind is FrameKind.RESPONSE:
            self._station.step_over(frame.unit_id, now)
            if frame.unit_id in self._station.unit_ids:
                self._judge_response(frame, now)
            return _SILENCE
        if self.echoes and self._is_echo(frame.raw, now):
            self._station.step_over(frame.unit_id, now)
            self._counters.echoes += 1
            return _SILENCE
        if self._guard is not None and not self._guard(frame.unit_id, frame.pdu, now):
            return _SILENCE
        self._asked = (frame.unit_id, frame.pdu[0])
        answer = self._station.answer(frame.unit_id, frame.pdu, now, carrier)
        # No reply of ours looks like a poll, and a poll shall not wait for the search.
        if frame.kind is FrameKind.WRITE_REQUEST and self._may_be_echo(frame.raw, now):
            return _SILENCE
        return answer

    def _may_be_echo(self, raw: bytes, now: float) -> bool:
        return any(sent == raw and now - at <= LOOP_WITHIN_S for sent, at in self._sent)

    def _judge_response(self, frame: Frame, now: float) -> None:
        """Tell our own echo from another device that answers for our unit id; a cut request can look like a reply."""
        if self._is_echo(frame.raw, now):
            self._counters.echoes += 1
            self.echoes = self.echoes or frame.pdu[0] == READ
        elif self._asked == (frame.unit_id, frame.pdu[0] & 0x7F):
            self._counters.rival_replies += 1

    def _is_echo(self, raw: bytes, now: float) -> bool:
        for each in self._sent:
            if each[0] == raw and now - each[1] <= ECHO_WITHIN_S:
                self._sent.remove(each)
                self._unechoed = 0
                return True
        return False


class MbapSlave:
    """The slave on one connection with Modbus TCP framing; every request is answered, in order."""

    framing = Framing.MBAP
    overtaken_by_frames = False
    """Requests on a TCP connection do not collide, so each keeps its reply."""
    patience_s = WAITS_S

    def __init__(self, station: Station) -> None:
        """Begin with an empty buffer."""
        self._station = station
        self._counters = station.gateway.bus.counters
        self._latencies = station.gateway.bus.reply_latencies
        self._framer = MbapFramer(self._counters)
        self._strangers = Strangers(Framing.MBAP, station.unit_ids, self._counters)
        self._guard: Guard | None = None

    def guard_by(self, guard: Guard | None) -> None:
        """Ask `guard` before a request is carried out."""
        self._guard = guard

    def receive(self, chunk: bytes, now: float, *, late: bool, carrier: Carrier | None = None) -> Received:
        """Carry out what the bytes ask for; what has waited for so long that its master has given up gets no reply."""
        frames = 0
        replies: list[bytes] = []
        polls: list[Poll] = []
        framer = self._framer
        good, lost = framer.good, framer.lost
        adus = framer.feed(chunk, now)
        self._strangers.judge(chunk, now, valid=framer.good != good)
        if framer.lost != lost:
            self._station.gateway.bus.damaged(now)
        for adu in adus:
            frames += adu.pdu[0] in _SUPPORTED
            if self._guard is not None and not self._guard(adu.unit_id, adu.pdu, now):
                continue
            answer = self._station.answer(adu.unit_id, adu.pdu, now, carrier)
            if answer.pdu is None:
                continue
            if late:
                self._counters.requests_stale += 1
                continue
            replies.append(adu.reply(answer.pdu))
            if answer.poll is not None:
                polls.append(answer.poll)
        return Received(frames, b"".join(replies), len(replies), tuple(polls))

    def sent(self, reply: bytes, now: float, *, asked_at: float | None = None) -> None:
        """Count how long polls have waited; a TCP connection has no echo to remember."""
        at = 0
        while asked_at is not None and at < len(reply):
            if reply[at + 7] == READ:
                self._latencies.observe(reply[at + 6], now - asked_at)
            at += 6 + int.from_bytes(reply[at + 4 : at + 6])

    @property
    def hopeless(self) -> bool:
        """Whether the peer does not speak Modbus TCP."""
        return self._framer.hopeless()

    @property
    def strange_frames(self) -> int:
        """How many frames of another kind of Modbus came since the last valid one."""
        return self._strangers.frames
