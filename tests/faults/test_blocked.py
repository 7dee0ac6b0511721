"""Promise: a gateway that stood still says so, keeps what was written, and sends no reply that would be late."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.bus import BROADCAST_STATE_AND_SETPOINT, NO_DATA_240, POLL_240, POLL_241, mbap
from tests.support.processes import GatewayProcess, eventually, gateway_process
from tests.support.steady_base import AGAIN_S

BLOCKED_S = 2.0
TALKATIVE = {"NEASMART_LOG_LEVEL": "debug"}
"""A stop is a warning once a minute only, and on a busy machine the first is not the one that is meant."""
NO_DATA = "F0 03 04 00 00 00 00"
POLL = "F0 03 00 64 00 02"


@contextmanager
def stopped(gateway: GatewayProcess, for_s: float = BLOCKED_S) -> Iterator[None]:
    """Let the process stand still, as swapping or an overloaded host does; send meanwhile."""
    assert gateway.process is not None
    gateway.process.send_signal(signal.SIGSTOP)
    eventually(lambda: (gateway.proc / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "T")
    began = time.monotonic()
    try:
        yield
        time.sleep(max(0.0, began + for_s - time.monotonic()))
    finally:
        gateway.process.send_signal(signal.SIGCONT)


def counters(gateway: GatewayProcess) -> dict[str, int]:
    return dict(gateway.get("/api/v1/snapshot")["status"]["bus"]["counters"])


def counted(gateway: GatewayProcess, name: str) -> int:
    return counters(gateway)[name]


def says_so(gateway: GatewayProcess, blocked_s: float = BLOCKED_S) -> None:
    """Wait until the log tells of this stop; a busy machine may have stopped the process for shorter, too."""
    said = re.compile(r"blocked for (\d+) ms; no reply leaves late")
    eventually(lambda: any(int(ms) > blocked_s * 900 for ms in said.findall(gateway.log)))


def nothing_under_way(gateway: GatewayProcess, base: socket.socket) -> dict[str, int]:
    """Poll until there is an answer and every poll has its own or none; return what was counted by then."""
    before = counters(gateway)
    asked = 0
    while not asked or not select.select([base], [], [], 1.0)[0]:
        base.sendall(POLL_240)
        asked += 1
    eventually(lambda: counted(gateway, "polls") == before["polls"] + asked)
    after = counters(gateway)
    for _ in range(after["replies"] - before["replies"]):
        assert base.recv(len(NO_DATA_240), socket.MSG_WAITALL) == NO_DATA_240
    return after


def nothing_was_answered(
    gateway: GatewayProcess, base: socket.socket, before: dict[str, int], *, polls: int, name: str = "replies_late"
) -> None:
    """Wait until the polls of the stop are served; nothing has left for them by then, and nothing can afterwards."""
    eventually(lambda: counted(gateway, "polls") == before["polls"] + polls)
    after = counters(gateway)
    assert after["replies"] == before["replies"]
    assert after[name] > before[name]
    assert not select.select([base], [], [], 0.0)[0], "a late reply"


def test_a_gateway_that_was_blocked_for_two_seconds_says_so_and_sends_nothing_late(tmp_path: Path) -> None:
    with (
        gateway_process(tmp_path, NEASMART_SERVER_TYPE="rtu_tcp", **TALKATIVE) as gateway,
        socket.create_connection(("127.0.0.1", gateway.bus_port), 30) as base,
    ):
        before = nothing_under_way(gateway, base)

        with stopped(gateway):
            base.sendall(BROADCAST_STATE_AND_SETPOINT)
            base.sendall(POLL_241)

        says_so(gateway)
        nothing_was_answered(gateway, base, before, polls=1)
        assert gateway.get("/api/v1/zones/1/1")["setpoint"] == 21.5
        assert eventually(lambda: _answered(base)) == NO_DATA_240


@pytest.mark.parametrize("stopped_s", [1.0, 8.0])
def test_over_a_converter_that_we_dial_nothing_that_waited_is_answered(tmp_path: Path, stopped_s: float) -> None:
    with socket.create_server(("127.0.0.1", 0)) as converter:
        converter.settimeout(30)
        dialled = f"socket://127.0.0.1:{converter.getsockname()[1]}"
        with gateway_process(tmp_path, NEASMART_SERVER_SERIAL_PORT=dialled, **TALKATIVE) as gateway:
            base, _ = converter.accept()
            with base:
                base.settimeout(30)
                before = nothing_under_way(gateway, base)

                with stopped(gateway, stopped_s):
                    base.sendall(BROADCAST_STATE_AND_SETPOINT + POLL_240 + POLL_241)

                says_so(gateway, stopped_s)
                nothing_was_answered(gateway, base, before, polls=2)
                assert gateway.get("/api/v1/zones/1/1")["setpoint"] == 21.5
                assert eventually(lambda: _answered(base)) == NO_DATA_240


def test_over_modbus_tcp_nothing_that_waited_for_two_seconds_is_answered(tmp_path: Path) -> None:
    with (
        gateway_process(tmp_path, **TALKATIVE) as gateway,
        socket.create_connection(("127.0.0.1", gateway.bus_port), 30) as base,
    ):
        assert eventually(lambda: _answered(base, mbap(POLL, 1))) == mbap(NO_DATA, 1)
        before = counters(gateway)

        with stopped(gateway):
            base.sendall(mbap("00 10 00 64 00 02 04 00 01 0C 33", 2))
            for number in range(3, 203):
                base.sendall(mbap(POLL, number))

        says_so(gateway)
        nothing_was_answered(gateway, base, before, polls=200, name="requests_stale")
        assert gateway.get("/api/v1/zones/1/1")["setpoint"] == 21.5
        # What comes in the first tenth of a second is not told from what has waited.
        assert eventually(lambda: _answered(base, mbap(POLL, 999))) == mbap(NO_DATA, 999)


def test_a_converter_of_another_kind_that_dialled_during_the_stop_is_not_answered_late(tmp_path: Path) -> None:
    with (
        gateway_process(tmp_path) as gateway,
        socket.create_connection(("127.0.0.1", gateway.bus_port), 30) as known,
    ):
        assert eventually(lambda: _answered(known, mbap(POLL, 1))) == mbap(NO_DATA, 1)
        before = counters(gateway)

        with socket.socket() as base:
            base.settimeout(30)
            with stopped(gateway, 0.5):
                base.connect(("127.0.0.1", gateway.bus_port))
                base.sendall(BROADCAST_STATE_AND_SETPOINT + POLL_240)

            nothing_was_answered(gateway, base, before, polls=1)
            assert eventually(lambda: _answered(base)) == NO_DATA_240


def test_what_a_full_serial_buffer_held_during_a_stop_is_not_answered(tmp_path: Path) -> None:
    base, ours = os.openpty()
    tty.setraw(ours)
    os.set_blocking(base, False)
    try:
        with gateway_process(tmp_path, NEASMART_SERVER_SERIAL_PORT=os.ttyname(ours), **TALKATIVE) as gateway:
            eventually(lambda: _asked(base, POLL_240) == NO_DATA_240)
            # Asked more than once while it started, it may still have answers under way.
            while select.select([base], [], [], 0.5)[0]:
                os.read(base, 100)
            late, replies = counted(gateway, "replies_late"), counted(gateway, "replies")

            with stopped(gateway):
                os.write(base, BROADCAST_STATE_AND_SETPOINT)
                # The buffer of the device is bounded: what comes when it is full is lost, in the middle of a frame.
                with suppress(BlockingIOError):
                    while True:
                        os.write(base, POLL_240 + POLL_241)

            says_so(gateway)
            assert gateway.get("/api/v1/zones/1/1")["setpoint"] == 21.5
            eventually(lambda: counted(gateway, "replies_late") > late)
            assert not select.select([base], [], [], 0.2)[0], "a late reply"
            assert counted(gateway, "replies") == replies
            assert eventually(lambda: _asked(base, POLL_240)) == NO_DATA_240
    finally:
        os.close(base)
        os.close(ours)


def _answered(base: socket.socket, poll: bytes = POLL_240) -> bytes:
    """Ask once more, as the base does where a busy machine has made the gateway keep silent; return the answer."""
    base.sendall(poll)
    return base.recv(100) if select.select([base], [], [], AGAIN_S)[0] else b""


def _asked(base: int, poll: bytes) -> bytes:
    """Return what is answered to a poll, nothing if nothing comes."""
    with suppress(BlockingIOError):
        os.write(base, poll)
    answer = b""
    while select.select([base], [], [], 0.1)[0]:
        answer += os.read(base, 100)
    return answer
