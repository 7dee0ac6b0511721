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

BLOCKED_S = 2.0
NO_DATA = "F0 03 04 00 00 00 00"
POLL = "F0 03 00 64 00 02"


@contextmanager
def stopped(gateway: GatewayProcess, for_s: float = BLOCKED_S) -> Iterator[None]:
    """Let the process stand still, as swapping or an overloaded host does; send meanwhile."""
    assert gateway.process is not None
    gateway.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    try:
        yield
        time.sleep(max(0.0, began + for_s - time.monotonic()))
    finally:
        gateway.process.send_signal(signal.SIGCONT)


def counted(gateway: GatewayProcess, name: str) -> int:
    return int(gateway.get("/api/v1/snapshot")["status"]["bus"]["counters"][name])


def says_so(gateway: GatewayProcess, blocked_s: float = BLOCKED_S) -> None:
    said = eventually(lambda: re.search(r"blocked for (\d+) ms; no reply leaves late", gateway.log))
    assert said is not None
    assert int(said[1]) > blocked_s * 900


def test_a_gateway_that_was_blocked_for_two_seconds_says_so_and_sends_nothing_late(tmp_path: Path) -> None:
    with (
        gateway_process(tmp_path, NEASMART_SERVER_TYPE="rtu_tcp") as gateway,
        socket.create_connection(("127.0.0.1", gateway.bus_port), 5) as base,
    ):
        base.sendall(POLL_240)
        assert base.recv(100) == NO_DATA_240

        with stopped(gateway):
            base.sendall(BROADCAST_STATE_AND_SETPOINT)
            base.sendall(POLL_241)

        says_so(gateway)
        assert gateway.get("/api/v1/zones/1/1")["setpoint"] == 21.5
        assert not select.select([base], [], [], 0.2)[0], "a late reply"
        assert counted(gateway, "replies_late") == 1
        assert eventually(lambda: _answered(base)) == NO_DATA_240


@pytest.mark.parametrize("stopped_s", [1.0, 8.0])
def test_over_a_converter_that_we_dial_nothing_that_waited_is_answered(tmp_path: Path, stopped_s: float) -> None:
    with socket.create_server(("127.0.0.1", 0)) as converter:
        converter.settimeout(10)
        dialled = f"socket://127.0.0.1:{converter.getsockname()[1]}"
        with gateway_process(tmp_path, NEASMART_SERVER_SERIAL_PORT=dialled) as gateway:
            base, _ = converter.accept()
            with base:
                base.settimeout(10)
                base.sendall(POLL_240)
                assert base.recv(100) == NO_DATA_240

                with stopped(gateway, stopped_s):
                    base.sendall(BROADCAST_STATE_AND_SETPOINT + POLL_240 + POLL_241)

                says_so(gateway, stopped_s)
                assert gateway.get("/api/v1/zones/1/1")["setpoint"] == 21.5
                assert not select.select([base], [], [], 0.2)[0], "a late reply"
                assert eventually(lambda: _answered(base)) == NO_DATA_240


def test_over_modbus_tcp_nothing_that_waited_for_two_seconds_is_answered(tmp_path: Path) -> None:
    with (
        gateway_process(tmp_path) as gateway,
        socket.create_connection(("127.0.0.1", gateway.bus_port), 5) as base,
    ):
        base.sendall(mbap(POLL, 1))
        assert base.recv(100) == mbap(NO_DATA, 1)

        with stopped(gateway):
            base.sendall(mbap("00 10 00 64 00 02 04 00 01 0C 33", 2))
            for number in range(3, 203):
                base.sendall(mbap(POLL, number))

        says_so(gateway)
        eventually(lambda: counted(gateway, "requests_stale") == 200)
        assert gateway.get("/api/v1/zones/1/1")["setpoint"] == 21.5
        # What comes in the first tenth of a second is not told from what has waited.
        time.sleep(0.15)
        base.settimeout(5)
        base.sendall(mbap(POLL, 999))
        assert base.recv(100) == mbap(NO_DATA, 999)


def test_a_converter_of_another_kind_that_dialled_during_the_stop_is_not_answered_late(tmp_path: Path) -> None:
    with (
        gateway_process(tmp_path) as gateway,
        socket.create_connection(("127.0.0.1", gateway.bus_port), 5) as known,
    ):
        known.sendall(mbap(POLL, 1))
        assert known.recv(100) == mbap(NO_DATA, 1)

        with stopped(gateway, 0.6), socket.create_connection(("127.0.0.1", gateway.bus_port), 5) as base:
            base.sendall(BROADCAST_STATE_AND_SETPOINT + POLL_240)
            time.sleep(0.5)
            assert gateway.process is not None
            gateway.process.send_signal(signal.SIGCONT)

            eventually(lambda: counted(gateway, "replies_late") == 1)
            assert not select.select([base], [], [], 0.2)[0], "a late reply"
            assert eventually(lambda: _answered(base)) == NO_DATA_240


def test_what_a_full_serial_buffer_held_during_a_stop_is_not_answered(tmp_path: Path) -> None:
    base, ours = os.openpty()
    tty.setraw(ours)
    os.set_blocking(base, False)
    try:
        with gateway_process(tmp_path, NEASMART_SERVER_SERIAL_PORT=os.ttyname(ours)) as gateway:
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


def _answered(base: socket.socket) -> bytes:
    """Ask once more, as the base does where a busy machine has made the gateway keep silent; return the answer."""
    base.sendall(POLL_240)
    return base.recv(100) if select.select([base], [], [], 1.0)[0] else b""


def _asked(base: int, poll: bytes) -> bytes:
    """Return what is answered to a poll, nothing if nothing comes."""
    with suppress(BlockingIOError):
        os.write(base, poll)
    answer = b""
    while select.select([base], [], [], 0.1)[0]:
        answer += os.read(base, 100)
    return answer
