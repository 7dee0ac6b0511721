"""Judges what a gateway sends: whether it answers the right poll in the right way, and what explains its words."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass

from neasmart.simulator.bus.noise import NOISE_TRANSACTIONS
from neasmart.simulator.bus.walk import Read
from neasmart.simulator.bus.wire import ReceivedFrame, words_read
from neasmart.simulator.home.base import BaseStation, Judgement, Reaction
from neasmart.simulator.judge.accuse import Fault, RunReport, spaced
from neasmart.simulator.judge.oracle import Explanation, Limit, Oracle
from neasmart.simulator.judge.rest_orders import RestOrders
from neasmart.simulator.options import NO_COMMANDS, SimulatorOptions

log = logging.getLogger(__name__)

BACK_AFTER_SILENT_POLLS = 3
"""After so many unanswered polls an answer means that the gateway has been started anew."""
SETTLED_KEPT = 64
"""How many transactions are remembered after their answer or time-out, to know a second answer from a wrong one."""
LOGGED = 24
"""How many bytes of evidence a log line shows; the report has them all."""
_EXCEPTION = 0x80
_FAULTS = {
    Explanation.EARLY: Fault.EARLY_COMMAND,
    Explanation.UNEXPLAINED: Fault.UNEXPLAINED_WORD,
    Explanation.ENDED: Fault.ENDED_COMMAND,
    Explanation.TURNED: Fault.OVERTAKEN_COMMAND,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What was sent and what came back, as evidence."""

    sent: bytes
    received: bytes
    asked_s: float
    at_s: float


class Replies:
    """The account of one connection; `stalled_s` is how long this process itself was kept from running."""

    def __init__(
        self, base: BaseStation, report: RunReport, options: SimulatorOptions, oracle: Oracle, *, mbap: bool
    ) -> None:
        """Begin an acquaintance with whoever is at the other end."""
        self._base = base
        self._report = report
        self._options = options
        self._oracle = oracle
        self._mbap = mbap
        self._loop = asyncio.get_running_loop()
        self._epoch = self._loop.time() - report.duration_s
        self._settled: deque[int] = deque(maxlen=SETTLED_KEPT)
        self._words: list[tuple[int, int, Exchange]] = []
        self._heard: list[bytes] = []
        self._adopted: list[tuple[int, int, float]] = []
        self._first_walk = base.walk + 1
        self._silent_polls = 0
        self._rest = RestOrders(options.commands, oracle) if options.commands not in (None, NO_COMMANDS) else None
        self.stalled_s = 0.0
        base.on_adopted = lambda address, word: self._adopted.append((address, word, self._loop.time()))
        oracle.gap()

    def take_heard(self) -> list[bytes]:
        """Return the frames that have come since the last time."""
        heard, self._heard = self._heard, []
        return heard

    def settle(self, transaction: int) -> None:
        """Note that an answer is not waited for any more."""
        self._settled.append(transaction)

    def missing(self, poll: Read, sent: bytes, transaction: int) -> None:
        """Note that a poll was not answered in time."""
        self.settle(transaction)
        self._silent_polls += 1
        self.accuse(Fault.UNANSWERED, f"{poll} was not answered within {self._options.timeout_s:g} s", sent)

    def judge(
        self, reply: ReceivedFrame, outstanding: dict[int, Read], sent: bytes, *, sent_at: float, at_s: float
    ) -> None:
        """Judge a frame that has come at `at_s`, and take the poll that it answers off `outstanding`."""
        self._heard.append(reply.raw)
        poll = outstanding.get(reply.transaction)
        fault = self._misdirected(reply, poll)
        if fault is not None:
            self.accuse(*fault, sent, reply.raw)
            return
        if poll is None:
            return
        del outstanding[reply.transaction]
        self.settle(reply.transaction)
        if reply.pdu[0] & _EXCEPTION:
            self.accuse(Fault.REFUSED, f"{poll} was answered with an exception", sent, reply.raw)
            return
        words = words_read(reply.pdu, poll.count)
        if words is None:
            self.accuse(Fault.MALFORMED, f"no answer to {poll}", sent, reply.raw)
            return
        self._time(poll, (at_s - sent_at) * 1000, sent, reply.raw)
        self._notice_restart()
        exchange = Exchange(sent=sent, received=reply.raw, asked_s=sent_at, at_s=at_s)
        for address, word in zip(poll.addresses, words, strict=True):
            self._words.append((address, word, exchange))
            judgement = self._base.read(address, word)
            if judgement is not None:
                self._consider(judgement, poll, exchange)

    async def explain(self) -> None:
        """Ask the oracle about the words that were read since the last time."""
        words, self._words = self._words, []
        adopted, self._adopted = self._adopted, []
        if self._options.commands is None:
            return
        if self._rest is not None and any(word for _, word, _ in words) and not await self._rest.refresh():
            for address, word, exchange in words:
                self._oracle.unjudged(address, word, exchange.at_s)
            return
        for address, word, exchange in words:
            verdict = self._oracle.served(address, word, exchange.at_s, asked_s=exchange.asked_s)
            if verdict in _FAULTS:
                text = (
                    f"register {address} = 0x{word:04X} was served between {exchange.asked_s:.3f} and"
                    f" {exchange.at_s:.3f}: {verdict}; {self._oracle.evidence(address)}"
                )
                self.accuse(_FAULTS[verdict], text, exchange.sent, exchange.received)
        for address, word, at_s in adopted:
            if self._oracle.adopted(address, word, at_s) is Limit.NONE:
                self.accuse(Fault.TURN_UNDONE, f"an older 0x{word:04X} undid a turn of register {address}")

    def accuse(self, fault: Fault, text: str, sent: bytes = b"", received: bytes = b"") -> None:
        """Note a fault and say so in the log while it is new."""
        self._report.accuse(fault, text, at_s=self._now_s, sent=sent, received=received)
        if len(self._report.examples[fault]) == self._report.faults[fault]:
            log.warning("%s: %s; sent %s, received %s", fault, text, spaced(sent[-LOGGED:]), spaced(received[:LOGGED]))

    def _time(self, poll: Read, latency_ms: float, sent: bytes, received: bytes) -> None:
        self._report.heard(poll.unit_id, latency_ms)
        if latency_ms - self.stalled_s * 1000 > self._options.late_ms:
            self.accuse(Fault.LATE, f"{poll} was answered after {latency_ms:.1f} ms", sent, received)
        elif latency_ms > self._options.late_ms:
            self._report.stalls += 1

    def _misdirected(self, reply: ReceivedFrame, poll: Read | None) -> tuple[Fault, str] | None:
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
        if self._silent_polls >= BACK_AFTER_SILENT_POLLS:
            self._first_walk = self._base.walk + 1
            self._oracle.gap()
        self._silent_polls = 0

    def _consider(self, judgement: Judgement, poll: Read, exchange: Exchange) -> None:
        if not judgement.differs:
            return
        if self._options.commands is None and self._base.walk <= self._first_walk:
            text = f"{judgement.ref.id} = {judgement.value} was served in the first walk after the gateway came back"
            self.accuse(Fault.STALE_COMMAND, text, exchange.sent, exchange.received)
        if judgement.reaction in (Reaction.ADOPTED, Reaction.IGNORED, Reaction.INVALID):
            self._report.note(
                str(judgement.reaction),
                at_s=self._now_s,
                point=judgement.ref.id,
                served=judgement.value,
                taken=judgement.taken,
                unit_id=poll.unit_id,
            )
            log.info("%s %s = %s by unit %d", judgement.reaction, judgement.ref.id, judgement.value, poll.unit_id)

    @property
    def _now_s(self) -> float:
        return self._loop.time() - self._epoch
