"""Log lines go to a syslog server, and nobody waits for one that is away."""

from __future__ import annotations

import logging
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from neasmart.logs import output as logs
from neasmart.logs import syslog
from neasmart.logs.syslog import SyslogHandler
from neasmart.settings.model import LogFormat, LoggingSettings
from tests.support.processes import eventually
from tests.support.stopwatch import Stopwatch

LOG = logging.getLogger("neasmart.test")
pytestmark = pytest.mark.usefixtures("_own_handlers")
HEAD = r"<(\d+)>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ neasmart \d+ - - "


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon."""
    monkeypatch.setattr(syslog, "RETRY_S", (0.01, 0.05))


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(30.0)
        yield server


def listener(port: int = 0) -> socket.socket:
    server = socket.create_server(("127.0.0.1", port))
    server.settimeout(30.0)
    return server


def set_up(url: str, form: LogFormat = LogFormat.TEXT, request_id: str = "") -> SyslogHandler:
    logs.set_up(LoggingSettings(syslog=url, format=form), request_id=lambda: request_id)
    (handler,) = [each for each in logging.getLogger().handlers if isinstance(each, SyslogHandler)]
    return handler


def url(kind: str, server: socket.socket) -> str:
    return f"{kind}://127.0.0.1:{server.getsockname()[1]}"


def received(server: socket.socket) -> str:
    return server.recv(65536).decode()


def test_a_line_is_a_datagram_of_rfc_5424_and_names_its_request(udp: socket.socket) -> None:
    set_up(url("udp", udp), request_id="abc-1")

    LOG.info("taken: %d", 5)
    LOG.error("broken")

    first, second = (re.fullmatch(HEAD + r"(.*)", received(udp)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.groups() == ("30", "neasmart.test: [abc-1] taken: 5")
    assert second.groups() == ("27", "neasmart.test: [abc-1] broken")


def test_a_json_line_stays_json(udp: socket.socket) -> None:
    set_up(url("udp", udp), LogFormat.JSON, "abc-1")

    LOG.warning("läuft")

    assert '"message": "läuft", "request_id": "abc-1"}' in received(udp)


def test_a_line_cannot_forge_another_and_fits_into_a_datagram(udp: socket.socket) -> None:
    set_up(url("udp", udp))

    LOG.info("a\n<11>1 b\x00\x1b[31m%s", "é" * 5000)

    line = udp.recv(65536)
    assert len(line) <= 2048
    assert b"a\\n<11>1 b\\x00\\x1b[31m" in line


def test_over_tcp_each_line_carries_its_length() -> None:
    with listener() as server:
        set_up(url("tcp", server))
        LOG.info("one")
        LOG.info("two")
        accepted, _ = server.accept()
        with accepted:
            content = b""
            while b"two" not in content:
                content += accepted.recv(65536)

    lines = []
    while content:
        length, _, content = content.partition(b" ")
        lines.append(content[: int(length)])
        content = content[int(length) :]
    assert [re.fullmatch(HEAD + r"neasmart\.test: (\w+)", line.decode())[2] for line in lines] == ["one", "two"]  # type: ignore[index] # fails if there is none


def test_a_socket_of_this_computer_gets_the_short_form(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "log"))
        server.settimeout(30.0)
        set_up(f"unix://{tmp_path}/log")

        LOG.warning("stale")

        assert re.fullmatch(r"<28>neasmart\[\d+\]: neasmart\.test: stale", received(server))


@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_a_server_that_is_away_costs_nobody_time_and_memory_has_a_bound(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syslog, "QUEUE_LINES", 50)
    with listener() as closed:
        place = f"unix://{tmp_path}/none" if kind == "unix" else url(kind, closed)
    handler = set_up(place)

    watch = Stopwatch()
    for number in range(2000):
        LOG.info("line %d", number)
    took_s = watch.seconds

    assert handler.waiting <= 50
    assert took_s < 2.0
    eventually(lambda: handler._away)


def test_a_server_that_never_reads_holds_nobody_up() -> None:
    with listener() as server:
        set_up(url("tcp", server))
        watch = Stopwatch()

        for _ in range(2000):
            LOG.info("%s", "x" * 8000)

        assert watch.seconds < 5.0


def test_a_server_that_comes_back_is_told_what_has_waited(caplog: pytest.LogCaptureFixture) -> None:
    with listener() as first:
        port = first.getsockname()[1]
        handler = set_up(url("tcp", first))
        logging.getLogger().addHandler(caplog.handler)
        LOG.info("before")
        accepted, _ = first.accept()
        with accepted:
            assert b"before" in accepted.recv(65536)
    LOG.info("away")
    eventually(lambda: handler._away)

    with listener(port) as second:
        accepted, _ = second.accept()
        content = b""
        with accepted:
            accepted.settimeout(30.0)
            while b"takes lines again; 0 were lost" not in content:
                content += accepted.recv(65536)

    assert b"test: away" in content
    assert sum("cannot be reached" in record.getMessage() for record in caplog.records) == 1


def test_the_last_lines_leave_before_the_end_and_a_dead_server_delays_it_little(udp: socket.socket) -> None:
    handler = set_up(url("udp", udp))
    LOG.info("the last")
    handler.close()
    assert received(udp).endswith("the last")
    assert not [thread for thread in threading.enumerate() if thread.name == "syslog"]

    with listener() as closed:
        dead = set_up(url("tcp", closed))
    LOG.info("lost")
    watch = Stopwatch()
    dead.close()
    assert watch.seconds < 1.0
