"""Two connections that carry one bus are noticed, and each poll gets one answer."""

from __future__ import annotations

import asyncio
import logging

import pytest

from neasmart.facts.status import BusCounters
from neasmart.settings.model import ServerType
from neasmart.sysbus.slave.same_bus import ALONE_AFTER_S, COUNTED_EVERY_S, IN_A_ROW, Member, SameBus
from tests.support.bus import NO_DATA_240, POLL_240, POLL_241, rtu, until
from tests.support.bus_links import Dial, StartTcp, Streams, ask

READ = bytes.fromhex("03 00 64 00 02")
WRITE = bytes.fromhex("10 00 66 00 01 02 0C 1A")


class Two:
    """Two connections and what was found."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self.counters = BusCounters()
        self.bus = SameBus(self.counters, lambda older, newer: self.found.append((older, newer)))
        self.older, self.newer = Member("older"), Member("newer")
        self.bus.join(self.older)
        self.bus.join(self.newer)
        self.now = 0.0

    def both(self, pdu: bytes, *, apart_s: float = 0.005, newer_first: bool = False) -> tuple[bool, bool]:
        """Let a frame come over both connections; return whether the older and the newer carry it out."""
        self.now += 0.2
        order = (self.newer, self.older) if newer_first else (self.older, self.newer)
        admitted = {}
        for number, member in enumerate(order):
            admitted[member] = self.bus.admits(member, 240, pdu, self.now + number * apart_s)
        return admitted[self.older], admitted[self.newer]


def test_an_identical_poll_gets_one_answer_before_anything_is_known() -> None:
    two = Two()

    assert two.both(READ) == (True, False)
    assert two.found == []


def test_an_identical_poll_that_comes_later_is_another_one() -> None:
    assert Two().both(READ, apart_s=0.03) == (True, True)


def test_a_write_is_taken_from_both_until_the_bus_is_known_to_be_one() -> None:
    assert Two().both(WRITE) == (True, True)


@pytest.mark.parametrize("newer_first", [True, False])
def test_after_five_frames_in_a_row_the_newest_answers(*, newer_first: bool) -> None:
    two = Two()
    for _ in range(IN_A_ROW):
        two.both(READ, newer_first=newer_first)

    assert two.found == [("older", "newer")]
    for pdu in (READ, WRITE):
        assert two.both(pdu, newer_first=newer_first) == (False, True)


def test_two_houses_that_ask_the_same_now_and_then_are_not_one() -> None:
    two = Two()
    for number in range(40):
        two.both(READ)
        if number % (IN_A_ROW - 1) == IN_A_ROW - 2:
            two.bus.admits(two.older, 240, WRITE, two.now + 0.1)

    assert two.found == []


def test_frames_more_than_fifty_milliseconds_apart_are_not_the_same() -> None:
    two = Two()
    for _ in range(20):
        two.both(READ, apart_s=0.06)

    assert two.found == []


def test_the_older_one_answers_again_once_the_newest_is_silent() -> None:
    two = Two()
    for _ in range(IN_A_ROW + 1):
        two.both(READ)
    two.now += ALONE_AFTER_S

    assert not two.bus.admits(two.older, 240, READ, two.now)
    assert two.bus.admits(two.older, 240, READ, two.now + 0.1)


def test_the_older_one_answers_again_once_the_newest_has_gone() -> None:
    two = Two()
    for _ in range(IN_A_ROW + 1):
        two.both(READ)
    two.bus.leave(two.newer)

    assert two.bus.admits(two.older, 240, READ, two.now + 0.1)


def test_it_is_counted_as_long_as_it_lasts_and_said_once() -> None:
    two = Two()
    for _ in range(IN_A_ROW + round(2.2 * COUNTED_EVERY_S / 0.2)):
        two.both(READ)

    assert two.counters.same_bus_connections == 3
    assert len(two.found) == 1


@pytest.mark.parametrize("kind", [ServerType.AUTO, ServerType.RTU_TCP])
async def test_a_converter_with_two_sockets_is_answered_once_and_named(
    start_tcp: StartTcp, dial: Dial, caplog: pytest.LogCaptureFixture, kind: ServerType
) -> None:
    running = await start_tcp(kind)
    older, newer = [await dial(running) for _ in range(2)]
    for number, streams in enumerate((older, newer), 1):
        assert await ask(*streams, rtu(f"F1 03 {number:04X} 00 01"), 7)

    for number in range(IN_A_ROW * 4):
        await both(older, newer, rtu(f"00 10 00 66 00 01 02 0C {number:02X}"))
        if running.gateway.bus.counters.same_bus_connections:
            break
    await until(lambda: "carry the same bus" in caplog.text, "it is said")
    counters = running.gateway.bus.counters
    written, replies = counters.broadcasts, counters.replies
    answer = asyncio.ensure_future(newer[0].readexactly(len(NO_DATA_240)))
    # A busy machine may have the gateway hold an answer back.
    for _ in range(100):
        await both(older, newer, POLL_240)
        if counters.replies > replies:
            break

    assert await answer == NO_DATA_240
    assert counters.replies == replies + 1
    assert await ask(*newer, POLL_241, 9)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(older[0].readexactly(1), 0.05)
    assert counters.broadcasts == written
    assert [record.levelno for record in caplog.records if "same bus" in record.getMessage()] == [logging.WARNING]


async def both(older: Streams, newer: Streams, frame: bytes) -> None:
    """Send a frame over both connections at once."""
    for _, writer in (older, newer):
        writer.write(frame)
    await asyncio.sleep(0.06)
