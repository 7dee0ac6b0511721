"""Promise: a gateway that stood still says so, keeps what was written, and sends no reply that would be late."""

from __future__ import annotations

import re
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

from tests.support.bus import BROADCAST_STATE_AND_SETPOINT, NO_DATA_240, POLL_240, POLL_241
from tests.support.processes import eventually, gateway_process

BLOCKED_S = 2.0


def test_a_gateway_that_was_blocked_for_two_seconds_says_so_and_sends_nothing_late(tmp_path: Path) -> None:
    with (
        gateway_process(tmp_path, NEASMART_SERVER_TYPE="rtu_tcp") as gateway,
        socket.create_connection(("127.0.0.1", gateway.bus_port), 5) as base,
    ):
        base.sendall(POLL_240)
        assert base.recv(100) == NO_DATA_240
        assert gateway.process is not None

        gateway.process.send_signal(signal.SIGSTOP)
        base.sendall(BROADCAST_STATE_AND_SETPOINT)
        base.sendall(POLL_241)
        time.sleep(BLOCKED_S)
        gateway.process.send_signal(signal.SIGCONT)

        said = eventually(lambda: re.search(r"blocked for (\d+) ms; no reply leaves late", gateway.log))
        assert said is not None
        assert int(said[1]) > BLOCKED_S * 900
        assert gateway.get("/api/v1/zones/1/1")["setpoint"] == 21.5
        base.settimeout(0.2)
        with suppress(TimeoutError):
            raise AssertionError(f"a late reply: {base.recv(100).hex(' ')}")
        base.settimeout(5)
        base.sendall(POLL_240)
        assert base.recv(100) == NO_DATA_240
        assert gateway.get("/api/v1/snapshot")["status"]["bus"]["counters"]["replies_late"] == 1
