"""One connection between the simulated base and a gateway: sends what the walk asks for and hears the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from neasmart.simulator.bus.airtime import frames_s
from neasmart.simulator.bus.damage import BadWire
from neasmart.simulator.bus.freeze import Freezer
from neasmart.simulator.bus.noise import NOISE_TRANSACTIONS, Noise, NoiseKind
from neasmart.simulator.bus.silence import Silences
from neasmart.simulator.bus.transport import Line
from neasmart.simulator.bus.walk import Read, Walk, Write
from neasmart.simulator.bus.wire import MbapWire, Rubbish, Wire, read_request, write_request
from neasmart.simulator.home.base import BaseStation
from neasmart.simulator.home.people import People
from neasmart.simulator.judge.accuse import Fault, RunReport
from neasmart.simulator.judge.oracle import Oracle
from neasmart.simulator.options import SimulatorOptions
from neasmart.simulator.replies import Replies

SPLIT_PAUSE_S = 0.0005
ALONE_PAUSE_S = 0.03
"""Silence around a frame with a wrong protocol id, so that it is a segment of its own."""
LISTEN_SLICE_S = 0.004


class EnoughPollsError(Exception):
    """The number of polls that was asked for has been reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actors:
    """All that lives longer than a connection."""

    base: BaseStation
    people: People
    oracle: Oracle
    freezer: Freezer
    silences: Silences
    report: RunReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A frame on its way; `told` are the registers and words that the gateway knows for certain when it has arrived."""

    raw: bytes
    told: tuple[tuple[int, int], ...] = ()


class Session:
    """Talks over one line until it breaks, the polls are used up or it is cancelled."""

    def __init__(self, line: Line, wire: Wire, actors: Actors, options: SimulatorOptions) -> None:
        """Begin with an empty line."""
        self._line = line
        self._wire = wire
        self._base, self._people, self._oracle = actors.base, actors.people, actors.oracle
        self._freezer, self._silences = actors.freezer, actors.silences
        self._report = actors.report
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._mbap = isinstance(wire, MbapWire)
        seed = options.seed + self._report.connections
        self.noise = Noise(options.noise, wire, options.unit_ids, seed=seed)
        self._bad_wire = BadWire(options.noise.lossy, options.unit_ids, whole_frames=self._mbap, seed=seed)
        self.walk = Walk(self._base.addresses, options.unit_ids, options.blocks, seed=options.seed)
        self._replies = Replies(self._base, self._report, options, self._oracle, mbap=self._mbap)
        self._room = 1
        self._dropping = False
        self._queued: list[Queued] = []
        self._transaction = 0
        self._opened_at = self._stepped_at = self._last_protocol_id = self._loop.time()

    async def run(self) -> None:
        """Walk for ever; raise EnoughPollsError or OSError."""
        while True:
            self._base.begin_walk()
            steps = self.walk.steps()
            begun = self._loop.time()
            waiting: list[Read] = []
            for number, step in enumerate(steps, 1):
                begun += await self._be_silent()
                self._pass_time()
                self._people.perhaps()
                await self._disturb()
                if isinstance(step, Write):
                    await self._broadcast(step)
                else:
                    waiting.append(step)
                    following = steps[number] if number < len(steps) else None
                    if len(waiting) >= self._options.polls_per_segment or not isinstance(following, Read):
                        await self._report_urgent()
                        await self._ask(waiting)
                        waiting = []
                await self._pause(begun + self._options.cycle_s * number / len(steps))
            self._report.walks += 1
            self._report.walk_lengths_s.append(self._loop.time() - begun)
            if not self._options.cycle_s:
                await asyncio.sleep(0)

    async def _be_silent(self) -> float:
        """Send nothing while that is planned; return for how long (seconds)."""
        silent_s = self._silences.due_s(self._report.duration_s + self._loop.time() - self._opened_at)
        if silent_s:
            await self._flush()
            await asyncio.sleep(silent_s)
        return silent_s

    async def _broadcast(self, write: Write) -> None:
        words = [self._base.word(address) for address in write.addresses]
        told = tuple(zip(write.addresses, words, strict=True))
        frame = self._wire.frame(write_request(write.address, words, write.function_code), 0, self._next_transaction())
        arriving, hit = self._bad_wire.carried(frame)
        if hit is not None:
            self._report.noise[str(hit)] += 1
        await self._queue(Queued(raw=arriving, told=() if hit else told))
        self._base.reported(write.addresses)
        self._report.writes += 1

    async def _report_urgent(self) -> None:
        for write in self.walk.writes(self._base.urgent()):
            await self._broadcast(write)

    async def _disturb(self) -> None:
        for kind, frames in self.noise.before_step():
            for frame in frames:
                await self._queue(Queued(raw=frame))
            self._report.noise[kind] += 1
        if longest := self.noise.burst():
            self._report.noise["burst"] += 1
            self._room = longest
            while len(self._queued) < longest - 1:
                for write in self.walk.some_writes()[: longest - 1 - len(self._queued)]:
                    await self._broadcast(write)
        due = self._last_protocol_id + self.noise.plan.protocol_id_interval_s
        if self._loop.time() >= due and self.noise.wants_protocol_id():
            await self._flush()
            await asyncio.sleep(ALONE_PAUSE_S)
            self._line.write(b"".join(self.noise.frames(NoiseKind.PROTOCOL_ID)))
            self._report.noise[NoiseKind.PROTOCOL_ID] += 1
            await asyncio.sleep(ALONE_PAUSE_S)
            self._last_protocol_id = self._loop.time()
            # A gateway that was too busy to see the silence drops what follows as well.
            self._dropping = True

    async def _queue(self, frame: Queued) -> None:
        self._queued.append(frame)
        if len(self._queued) >= self._room:
            await self._flush()

    async def _flush(self) -> bytes:
        queued, self._queued = self._queued, []
        segment = b"".join(frame.raw for frame in queued)
        if len(queued) > 1:
            self._report.noise["several_frames_in_a_segment"] += 1
            self._report.longest_segment = max(self._report.longest_segment, len(queued))
        self._room = self.noise.segment_length()
        await self._occupy(frame.raw for frame in queued)
        pieces = list(self.noise.pieces(segment)) if segment else []
        complete = not self._dropping
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(SPLIT_PAUSE_S)
            complete = self._line.write(piece) and complete
        if len(pieces) > 1:
            self._report.noise["split"] += 1
        self._report.bytes_overflowed += self._line.overflowed
        self._line.overflowed = 0
        for address, word in (each for frame in queued for each in frame.told):
            if complete:
                self._oracle.told(address, word, self._loop.time())
            else:
                self._oracle.perhaps_told(address, word)
        return segment

    async def _ask(self, polls: Sequence[Read]) -> None:
        """Send polls, at most one on a serial line, and wait for their answers."""
        left = None if self._options.polls is None else self._options.polls - self._report.polls
        polls = polls if left is None else polls[:left]
        if self._options.gap_ms:
            await self._flush()
            await asyncio.sleep(self._options.gap_ms / 1000)
        self._hear({}, b"", self._loop.time(), final=True)
        # What is not sent any more is no poll.
        self._line.must_be_open()
        outstanding: dict[int, Read] = {}
        for poll in polls:
            transaction = self._next_transaction() if self._mbap else 0
            outstanding[transaction] = poll
            frame = self._wire.frame(read_request(poll), poll.unit_id, transaction)
            self._queued.append(Queued(raw=frame))
            self._report.polled(poll.unit_id)
        self._base.polls()
        segment = await self._flush()
        self._people.perhaps()
        await self._listen(outstanding, segment)
        await self._occupy(self._replies.take_heard())
        self._people.perhaps()
        await self._replies.explain()
        if self._options.polls is not None and self._report.polls >= self._options.polls:
            raise EnoughPollsError

    async def _listen(self, outstanding: dict[int, Read], segment: bytes) -> None:
        """Hear the answers to what was sent in `segment`, and say which are missing."""
        sent_at = self._loop.time()
        deadline = sent_at + self._options.timeout_s
        self._replies.stalled_s = 0.0
        while outstanding and (left_s := deadline + self._replies.stalled_s - self._loop.time()) > 0:
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
            self._replies.stalled_s += max(0.0, self._loop.time() - listening_since - slice_s)
            if heard:
                self._hear(outstanding, segment, sent_at)
        self._hear(outstanding, segment, sent_at, final=True)
        self._dropping = self._dropping and bool(outstanding)
        for transaction, poll in outstanding.items():
            if self._freezer.stood_since(sent_at):
                self._report.withdrawn(poll.unit_id)
                self._replies.settle(transaction)
            else:
                self._replies.missing(poll, segment, transaction)

    def _hear(self, outstanding: dict[int, Read], sent: bytes, sent_at: float, *, final: bool = False) -> None:
        """Judge what has come; while nothing is outstanding, whatever comes is a fault."""
        for item in self._wire.parse(self._line.received, final=final):
            if isinstance(item, Rubbish):
                fault = Fault.MALFORMED if sent else Fault.UNSOLICITED
                self._replies.accuse(fault, item.why, sent, item.raw)
            else:
                self._replies.judge(item, outstanding, sent, sent_at=sent_at, at_s=self._line.received_at)

    async def _occupy(self, frames: Iterable[bytes]) -> None:
        """Wait while these frames would occupy a real bus; the last byte arrives when that is over."""
        if self._options.paced:
            await asyncio.sleep(frames_s(map(len, frames), baudrate=self._options.baudrate))

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
