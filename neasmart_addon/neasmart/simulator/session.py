"""One connection between the simulated base and a gateway: sends what the walk asks for and judges every answer."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from neasmart.simulator.accuse import Fault, Report, spaced
from neasmart.simulator.base import BaseStation, Judgement, Reaction
from neasmart.simulator.noise import NOISE_TRANSACTIONS, Noise, NoiseKind
from neasmart.simulator.options import SimulatorOptions
from neasmart.simulator.transport import Line
from neasmart.simulator.walk import Poll, Walk, Write
from neasmart.simulator.wire import Frame, MbapWire, Rubbish, Wire, read_request, words_read, write_request

log = logging.getLogger(__name__)

SPLIT_PAUSE_S = 0.0005
ALONE_PAUSE_S = 0.03
"""Silence around a frame with a wrong protocol id, so that it is a segment of its own."""
BACK_AFTER_SILENT_POLLS = 3
"""After so many unanswered polls an answer means that the gateway has been started anew."""
SETTLED_KEPT = 64
"""How many transactions are remembered after their answer or time-out, to know a second answer from a wrong one."""
LOGGED = 24
"""How many bytes of evidence a log line shows; the report has them all."""
LISTEN_SLICE_S = 0.004
_EXCEPTION = 0x80


class EnoughPollsError(Exception):
    """The number of polls that was asked for has been reached."""


@dataclass(slots=True, kw_only=True)
class Acquaintance:
    """Since when the base has known this gateway process: it survives connections that were only dropped."""

    since_s: float = 0.0
    first_walk: int = 0
    silent_polls: int = 0


class Session:
    """Talks over one line until it breaks, the polls are used up or it is cancelled."""

    def __init__(self, line: Line, wire: Wire, base: BaseStation, report: Report, options: SimulatorOptions) -> None:
        """Begin an acquaintance with whoever is at the other end."""
        self._line = line
        self._wire = wire
        self._base = base
        self._report = report
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self.noise = Noise(options.noise, wire, options.unit_ids, seed=options.seed + report.connections)
        self.walk = Walk(base.addresses, options.unit_ids, options.blocks, seed=options.seed)
        self._mbap = isinstance(wire, MbapWire)
        self._room = 1
        self._frames: list[bytes] = []
        self._transaction = 0
        self._stalled_s = 0.0
        self._settled: deque[int] = deque(maxlen=SETTLED_KEPT)
        self._last_protocol_id = self._started
        self._known = Acquaintance(since_s=self._started, first_walk=base.walk + 1)
        self._stepped_at = self._started
        self._epoch = self._started - report.duration_s

    async def run(self) -> None:
        """Walk for ever; raise EnoughPollsError or OSError."""
        while True:
            self._base.begin_walk()
            steps = self.walk.steps()
            begun = self._loop.time()
            waiting: list[Poll] = []
            for number, step in enumerate(steps, 1):
                self._pass_time()
                await self._disturb()
                if isinstance(step, Write):
                    await self._broadcast(step)
                else:
                    waiting.append(step)
                    following = steps[number] if number < len(steps) else None
                    if len(waiting) >= self._options.polls_per_segment or not isinstance(following, Poll):
                        await self._report_urgent()
                        await self._ask(waiting)
                        waiting = []
                await self._pause(begun + self._options.cycle_s * number / len(steps))
            self._report.walks += 1
            if not self._options.cycle_s:
                await asyncio.sleep(0)

    async def _broadcast(self, write: Write) -> None:
        words = [self._base.word(address) for address in write.addresses]
        pdu = write_request(write.address, words, write.function_code)
        await self._queue(self._wire.frame(pdu, 0, self._next_transaction()))
        self._base.reported(write.addresses)
        self._report.writes += 1

    async def _report_urgent(self) -> None:
        for write in self.walk.writes(self._base.urgent()):
            await self._broadcast(write)

    async def _disturb(self) -> None:
        for kind, frames in self.noise.before_step():
            for frame in frames:
                await self._queue(frame)
            self._report.noise[kind] += 1
        if longest := self.noise.burst():
            self._report.noise["burst"] += 1
            self._room = longest
            while len(self._frames) < longest - 1:
                for write in self.walk.some_writes()[: longest - 1 - len(self._frames)]:
                    await self._broadcast(write)
        due = self._last_protocol_id + self.noise.plan.protocol_id_interval_s
        if self._loop.time() >= due and self.noise.wants_protocol_id():
            await self._flush()
            await asyncio.sleep(ALONE_PAUSE_S)
            self._line.write(b"".join(self.noise.frames(NoiseKind.PROTOCOL_ID)))
            self._report.noise[NoiseKind.PROTOCOL_ID] += 1
            await asyncio.sleep(ALONE_PAUSE_S)
            self._last_protocol_id = self._loop.time()

    async def _queue(self, frame: bytes) -> None:
        self._frames.append(frame)
        if len(self._frames) >= self._room:
            await self._flush()

    async def _flush(self) -> bytes:
        segment = b"".join(self._frames)
        if len(self._frames) > 1:
            self._report.noise["several_frames_in_a_segment"] += 1
            self._report.longest_segment = max(self._report.longest_segment, len(self._frames))
        self._frames.clear()
        self._room = self.noise.segment_length()
        pieces = list(self.noise.pieces(segment)) if segment else []
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(SPLIT_PAUSE_S)
            self._line.write(piece)
        if len(pieces) > 1:
            self._report.noise["split"] += 1
        return segment

    async def _ask(self, polls: Sequence[Poll]) -> None:
        """Send polls, at most one on a serial line, and wait for their answers."""
        left = None if self._options.polls is None else self._options.polls - self._report.polls
        polls = polls if left is None else polls[:left]
        if self._options.gap_ms:
            await self._flush()
            await asyncio.sleep(self._options.gap_ms / 1000)
        self._hear_nothing()
        outstanding: dict[int, Poll] = {}
        for poll in polls:
            transaction = self._next_transaction() if self._mbap else 0
            outstanding[transaction] = poll
            self._frames.append(self._wire.frame(read_request(poll), poll.unit_id, transaction))
            self._report.polled(poll.unit_id)
        segment = await self._flush()
        sent_at = self._loop.time()
        deadline = sent_at + self._options.timeout_s
        self._stalled_s = 0.0
        while outstanding and (left_s := deadline + self._stalled_s - self._loop.time()) > 0:
            # Listening in slices shows how long this process itself was kept from running.
            slice_s = min(left_s, LISTEN_SLICE_S)
            listening_since = self._loop.time()
            try:
                heard = await self._line.more(slice_s)
            except asyncio.CancelledError:
                # Nobody has refused an answer that the base did not stay to hear.
                for poll in outstanding.values():
                    self._report.withdrawn(poll.unit_id)
                raise
            self._stalled_s += max(0.0, self._loop.time() - listening_since - slice_s)
            if heard:
                self._hear(outstanding, segment, sent_at)
        self._hear(outstanding, segment, sent_at, final=True)
        for transaction, poll in outstanding.items():
            self._settled.append(transaction)
            self._known.silent_polls += 1
            self._accuse(Fault.UNANSWERED, f"{poll} was not answered within {self._options.timeout_s:g} s", segment)
        if self._options.polls is not None and self._report.polls >= self._options.polls:
            raise EnoughPollsError

    def _hear_nothing(self) -> None:
        """Whatever has come while nothing was asked is a fault."""
        self._hear({}, b"", self._loop.time(), final=True)

    def _hear(self, outstanding: dict[int, Poll], sent: bytes, sent_at: float, *, final: bool = False) -> None:
        for item in self._wire.parse(self._line.received, final=final):
            if isinstance(item, Rubbish):
                fault = Fault.MALFORMED if sent else Fault.UNSOLICITED
                self._accuse(fault, item.why, sent, item.raw)
            else:
                self._judge(item, outstanding, sent, sent_at)

    def _judge(self, reply: Frame, outstanding: dict[int, Poll], sent: bytes, sent_at: float) -> None:
        poll = outstanding.get(reply.transaction)
        fault = self._misdirected(reply, poll)
        if fault is not None:
            self._accuse(*fault, sent, reply.raw)
            return
        if poll is None:
            return
        del outstanding[reply.transaction]
        self._settled.append(reply.transaction)
        if reply.pdu[0] & _EXCEPTION:
            self._accuse(Fault.REFUSED, f"{poll} was answered with an exception", sent, reply.raw)
            return
        words = words_read(reply.pdu, poll.count)
        if words is None:
            self._accuse(Fault.MALFORMED, f"no answer to {poll}", sent, reply.raw)
            return
        latency_ms = (self._line.received_at - sent_at) * 1000
        self._report.heard(poll.unit_id, latency_ms)
        if latency_ms - self._stalled_s * 1000 > self._options.late_ms:
            self._accuse(Fault.LATE, f"{poll} was answered after {latency_ms:.1f} ms", sent, reply.raw)
        elif latency_ms > self._options.late_ms:
            self._report.stalls += 1
        self._notice_restart()
        for address, word in zip(poll.addresses, words, strict=True):
            judgement = self._base.read(address, word)
            if judgement is not None:
                self._consider(judgement, poll, sent, reply.raw)

    def _misdirected(self, reply: Frame, poll: Poll | None) -> tuple[Fault, str] | None:
        if reply.unit_id == 0:
            return Fault.REPLY_TO_BROADCAST, "a reply to a broadcast"
        if reply.unit_id not in self._options.unit_ids:
            return Fault.REPLY_TO_FOREIGN_UNIT, f"a reply in the name of unit {reply.unit_id}"
        if poll is not None:
            if reply.unit_id == poll.unit_id:
                return None
            return Fault.WRONG_UNIT, f"unit {reply.unit_id} answered {poll}"
        if self._mbap and reply.transaction not in NOISE_TRANSACTIONS and reply.transaction not in self._settled:
            return Fault.WRONG_TRANSACTION, f"transaction {reply.transaction} was not asked for"
        return Fault.UNSOLICITED, "a reply that nobody waits for"

    def _notice_restart(self) -> None:
        if self._known.silent_polls >= BACK_AFTER_SILENT_POLLS:
            self._known = Acquaintance(since_s=self._loop.time(), first_walk=self._base.walk + 1)
        self._known.silent_polls = 0

    def _consider(self, judgement: Judgement, poll: Poll, sent: bytes, received: bytes) -> None:
        if judgement.differs:
            age_s = self._loop.time() - self._known.since_s
            first = self._base.walk <= self._known.first_walk
            if first or (judgement.once_own and age_s < self._options.stale_window_s and self._report.connections > 1):
                reason = "in the first walk" if first else f"{age_s:.0f} s"
                text = f"{judgement.ref.id} = {judgement.value} was served {reason} after the gateway came back"
                self._accuse(Fault.STALE_COMMAND, text, sent, received)
        if judgement.reaction in (Reaction.ADOPTED, Reaction.IGNORED, Reaction.INVALID) and judgement.differs:
            self._report.note(
                str(judgement.reaction),
                at_s=self._now_s,
                point=judgement.ref.id,
                served=judgement.value,
                taken=judgement.taken,
                unit_id=poll.unit_id,
            )
            log.info("%s %s = %s by unit %d", judgement.reaction, judgement.ref.id, judgement.value, poll.unit_id)

    def _accuse(self, fault: Fault, text: str, sent: bytes = b"", received: bytes = b"") -> None:
        self._report.accuse(fault, text, at_s=self._now_s, sent=sent, received=received)
        if len(self._report.examples[fault]) == self._report.faults[fault]:
            log.warning("%s: %s; sent %s, received %s", fault, text, spaced(sent[-LOGGED:]), spaced(received[:LOGGED]))

    @property
    def _now_s(self) -> float:
        return self._loop.time() - self._epoch

    async def _pause(self, until: float) -> None:
        if (left_s := until - self._loop.time()) > 0 and self._options.cycle_s:
            await self._flush()
            await asyncio.sleep(left_s)

    def _pass_time(self) -> None:
        now = self._loop.time()
        if now - self._stepped_at >= 0.1:  # noqa: PLR2004 - often enough for a chart, seldom enough to cost nothing
            self._base.step((now - self._stepped_at) * self._options.speed)
            self._stepped_at = now

    def _next_transaction(self) -> int:
        self._transaction = self._transaction % (NOISE_TRANSACTIONS.start - 1) + 1
        return self._transaction
