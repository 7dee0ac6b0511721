"""A base that goes on polling and writing beside a fault, and judges every answer that it gets."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Protocol

from neasmart.facts.codecs import encode_dpt9
from neasmart.facts.points import TABLE
from tests.support.bus import mbap, rtu
from tests.support.processes import GatewayProcess, eventually

NO_DATA = (0, 0)
PATIENCE_S = 30.0
AGAIN_S = 2.0
"""Longer than a request may have waited in the gateway and is still answered; then the base asks anew."""
PAUSE_S = 0.01
FIRST_POLL, FIRST_ANSWER = "F0 03 0001 0002", "F0 03 04 000A 000A"
"""Mode and state of the whole house, which nobody writes or commands here."""
OFTEN = {"NEASMART_API_RATE_LIMIT": "0"}
"""Tests that wait for a state ask more often than a client may."""
SETPOINTS = [encode_dpt9(tenths / 10) for tenths in range(180, 220, 5)]


class Line(Protocol):
    """What carries the bytes."""

    def ask(self, request: str) -> bytes:
        """Send unit id and PDU; return what comes back of them, nothing if nothing comes in time."""

    def tell(self, request: str) -> None:
        """Send what nobody answers."""

    def close(self) -> None:
        """Let go."""


class TcpLine:
    """Modbus TCP, from one of loopback's addresses; a poll without an answer is repeated, as the base does."""

    def __init__(self, port: int, *, source: str = "127.0.0.1") -> None:
        self.unanswered = 0
        """How many polls had no answer before that of a later one."""
        self._transaction_id = 0
        self._open: set[int] = set()
        self._received = b""
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S, (source, 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: str) -> bytes:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self._transaction_id = self._transaction_id % 0xFFFF + 1
            self._open.add(self._transaction_id)
            self._socket.settimeout(PATIENCE_S)
            self._socket.sendall(mbap(request, self._transaction_id))
            self._socket.settimeout(AGAIN_S)
            with suppress(TimeoutError):
                return self._answer()
        raise AssertionError(f"no answer within {PATIENCE_S} s")

    def tell(self, request: str) -> None:
        self._socket.sendall(mbap(request, 0))

    def close(self) -> None:
        self._socket.close()

    def _answer(self) -> bytes:
        """Return the answer to what was asked last; what was asked before may be answered until then, each once."""
        while True:
            self._receive(6)
            length = 6 + int.from_bytes(self._received[4:6], "big")
            self._receive(length)
            answer, self._received = self._received[:length], self._received[length:]
            transaction_id = int.from_bytes(answer[:2], "big")
            assert answer[2:4] == b"\0\0", answer.hex(" ")
            assert transaction_id in self._open, answer.hex(" ")
            self._open.remove(transaction_id)
            if transaction_id == self._transaction_id:
                self.unanswered += len(self._open)
                self._open.clear()
                return answer[6:]

    def _receive(self, count: int) -> None:
        while len(self._received) < count:
            piece = self._socket.recv(4096)
            assert piece, "the gateway has closed the connection"
            self._received += piece


class SerialLine:
    """Modbus RTU on a virtual serial line; a poll without an answer is repeated, as the base does.

    On a loaded machine the answers to a poll and to its repetition may both come: each counts once and is equal.
    What an earlier base has left on the line is over once a poll is answered that none of them makes.
    """

    def __init__(self, path: Path) -> None:
        self._line = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._last = rtu(FIRST_ANSWER)
        self._owed = self._first_polls()

    def _first_polls(self) -> int:
        """Poll until the answer comes; return how many answers may still follow."""
        received = b""
        deadline = time.monotonic() + PATIENCE_S
        for asked in count():
            if self._last in received:
                return asked - received.count(self._last)
            assert time.monotonic() < deadline, f"no answer within {PATIENCE_S} s"
            os.write(self._line, rtu(FIRST_POLL))
            while select.select([self._line], [], [], 0.1)[0]:
                received += os.read(self._line, 4096)
        raise AssertionError("no end of counting")

    def ask(self, request: str, *, within_s: float = PATIENCE_S, again_s: float = 0.1) -> bytes:
        frame = rtu(request)
        received = b""
        asked = 0
        deadline = time.monotonic() + within_s
        while not received and time.monotonic() < deadline:
            os.write(self._line, frame)
            asked += 1
            while select.select([self._line], [], [], again_s if not received else 0.01)[0]:
                received += os.read(self._line, 4096)
                while self._owed and received.startswith(self._last):
                    received = received.removeprefix(self._last)
                    self._owed -= 1
        length = 5 + received[2] if len(received) > 2 else 0
        first, copies = received[:length], len(received) // max(length, 1)
        assert first, f"no answer within {within_s} s"
        assert first == rtu(first[:-2].hex()), received.hex(" ")
        assert received == first * copies, received.hex(" ")
        assert copies <= asked, received.hex(" ")
        self._last, self._owed = first, asked - copies
        return first[:-2]

    def tell(self, request: str) -> None:
        os.write(self._line, rtu(request))

    def close(self) -> None:
        os.close(self._line)


class SteadyBase:
    """Polls one room from both unit ids and now and then writes what it has, until it is stopped."""

    def __init__(self, line: Line, *, zone: int = 1) -> None:
        self.line = line
        self.address = TABLE.ref(f"zone.1.{zone}.state").address
        self.polls = 0
        self.slowest_s = 0.0
        self.wrong: list[str] = []
        self._written: set[tuple[int, ...]] = {NO_DATA}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(2 * PATIENCE_S)
        self.line.close()

    def goes_on(self, polls: int = 20) -> None:
        """Wait until so many more polls were answered."""
        wanted = self.polls + polls
        eventually(lambda: self.polls >= wanted or self.wrong, within_s=60.0)
        assert not self.wrong, self.wrong

    def step(self) -> None:
        """Write a value every tenth time, then poll; only what was written last, or no data, is a right answer."""
        if self.polls % 10 == 0:
            word = SETPOINTS[self.polls // 10 % len(SETPOINTS)]
            temperature = encode_dpt9(20 + self.polls // 10 % 50 / 10)
            self.line.tell(f"00 10 {self.address:04x} 00 03 06 0001 {word:04x} {temperature:04x}")
            self._written = {NO_DATA, (1, word)}
        unit_id = (240, 241)[self.polls % 2]
        began = time.monotonic()
        answer = self.line.ask(f"{unit_id:02x} 03 {self.address:04x} 00 02")
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        self.polls += 1
        words = (int.from_bytes(answer[3:5], "big"), int.from_bytes(answer[5:7], "big"))
        if answer[:3] != bytes((unit_id, 3, 4)) or len(answer) != 7 or words not in self._written:
            self.wrong.append(f"{answer.hex(' ')} instead of one of {self._written}")

    def _run(self) -> None:
        try:
            while not self._stop.wait(PAUSE_S):
                self.step()
        except (OSError, AssertionError) as error:
            self.wrong.append(f"{type(error).__name__}: {error}")


@contextmanager
def steady_base(connect: Callable[[], Line], *, zone: int = 1) -> Iterator[SteadyBase]:
    """Poll for the time of a test; at its end every answer must have been right."""
    base = SteadyBase(connect(), zone=zone)
    base.start()
    try:
        yield base
        base.goes_on()
    finally:
        base.stop()
    print(f"{base.polls} polls, the slowest answered in {base.slowest_s * 1000:.0f} ms")  # noqa: T201 - a figure to read


@contextmanager
def bounded(gateway: GatewayProcess, *, growth_mib: float = 6.0, descriptors: int = 0) -> Iterator[None]:
    """Hold that what happens inside leaves no descriptor behind and little memory."""
    # What a start opens is open by then, however busy the machine is: the files of the storage come last.
    eventually(lambda: any(gateway.folder.rglob("*.db-wal")), within_s=30)
    open_before, memory_before = gateway.descriptors, gateway.memory_mib()
    yield
    eventually(lambda: gateway.descriptors <= open_before + descriptors, within_s=30)
    grown = gateway.memory_mib() - memory_before
    print(f"{memory_before:.1f} MiB, then {grown:+.1f} MiB, at most {gateway.memory_mib('VmHWM'):.1f} MiB")  # noqa: T201 - figures to read
    assert grown < growth_mib
    assert gateway.memory_mib("VmHWM") < 96
