from __future__ import annotations

import json
import os
import signal
import socket
import stat
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port
from tests.support.processes import eventually
from tests.support.s6 import LAUNCHER, SERVICE, Container
from tests.support.supervisor import APP, manifest, options_for

IGNORES_SIGTERM = "trap '' TERM\necho hangs\nwhile :; do sleep 0.1; done"


def _container(folder: Path, entered: dict[str, Any] | str | None = None, **environment: str) -> Container:
    """Return a container whose options.json is what the Supervisor makes of what a user has entered."""
    folder.mkdir(exist_ok=True)
    options = folder / "options.json"
    options.write_text(entered if isinstance(entered, str) else json.dumps(options_for(entered)), encoding="utf-8")
    options.chmod(0o600)
    return Container(
        folder / "container",
        NEASMART_OPTIONS_FILE=str(options),
        NEASMART_DATABASE_PATH=str(folder / "neasmart.db"),
        NEASMART_API_PORT=str(free_port()),
        NEASMART_INGRESS_PORT=str(free_port()),
        NEASMART_SERVER_PORT=str(free_port()),
        NEASMART_SERVER_ADDRESS="127.0.0.1",
        **environment,
    )


def _asked(container: Container, path: str) -> bytes:
    port = (container.root / "environment/NEASMART_INGRESS_PORT").read_text(encoding="ascii")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


def _wait_until_it_serves(container: Container) -> None:
    eventually(lambda: _asked(container, "/health"))


def test_a_stop_ends_the_service_with_zero_in_less_than_three_seconds(tmp_path: Path) -> None:
    container = _container(tmp_path)

    with container.running():
        _wait_until_it_serves(container)
        container.control("d")
        container.wait_down(within_s=3.0)
        end = container.end

    assert end == (0, "NA")
    assert (container.halted, container.exit_code) == (False, 0)


def test_a_stop_during_the_start_is_no_fault_either(tmp_path: Path) -> None:
    container = _container(tmp_path)
    container.python("exec sleep 60")

    with container.running():
        eventually(lambda: container.pid)
        container.control("d")
        container.wait_down(within_s=30.0)
        end = container.end

    assert end == (-1, "SIGTERM")
    assert (container.halted, container.exit_code) == (False, 0)


def test_the_service_becomes_the_gateway_so_that_signals_reach_it(tmp_path: Path) -> None:
    container = _container(tmp_path)

    with container.running():
        _wait_until_it_serves(container)
        command = Path(f"/proc/{container.pid}/cmdline").read_bytes().split(b"\0")

    assert command[1:5] == [b"-P", b"-m", b"neasmart", b"run"]


def test_a_crash_stops_the_container_with_the_code_of_the_crash(tmp_path: Path) -> None:
    container = _container(tmp_path)
    container.python("exit 3")

    with container.running():
        eventually(lambda: container.halted)

    assert container.exit_code == 3


def test_settings_that_cannot_be_used_keep_the_page_open_and_are_named(tmp_path: Path) -> None:
    container = _container(tmp_path, NEASMART_SERVER_PARITY="maybe")

    with container.running():
        _wait_until_it_serves(container)
        eventually(lambda: "NEASMART_SERVER_PARITY" in container.log)

    assert not container.halted


def test_a_kill_from_outside_stops_the_container_with_the_signals_code(tmp_path: Path) -> None:
    container = _container(tmp_path)

    with container.running():
        _wait_until_it_serves(container)
        os.kill(container.pid, signal.SIGKILL)
        eventually(lambda: container.halted)

    assert container.exit_code == 128 + signal.SIGKILL


def test_a_gateway_that_hangs_is_killed_after_its_time(tmp_path: Path) -> None:
    container = _container(tmp_path)
    container.python(IGNORES_SIGTERM)
    (container.service / "timeout-kill").write_text("300", encoding="ascii")

    with container.running():
        eventually(lambda: "hangs" in container.log)
        container.control("d")
        container.wait_down(within_s=30.0)
        end = container.end

    assert end == (-1, "SIGKILL")
    assert container.exit_code == 128 + signal.SIGKILL


def test_a_stop_has_more_time_at_each_step_outwards() -> None:
    gateway_ms = 3000
    kill_ms = int((SERVICE / "timeout-kill").read_text(encoding="ascii"))

    assert gateway_ms < kill_ms < manifest()["timeout"] * 1000


def test_a_device_that_is_not_there_costs_one_line_and_the_page_opens(tmp_path: Path) -> None:
    missing = str(tmp_path / "ttyUSB7")
    container = _container(tmp_path, {"server": {"serial_port": missing}})

    with container.running():
        eventually(lambda: missing in container.log)
        page = eventually(lambda: _asked(container, "/"))

    assert page.startswith(b"<!")
    assert sum(missing in line for line in container.log.splitlines()) == 1


def test_a_port_that_is_taken_costs_one_line_and_the_page_opens(tmp_path: Path) -> None:
    container = _container(tmp_path)
    port = (container.root / "environment/NEASMART_SERVER_PORT").read_text(encoding="ascii")

    with socket.create_server(("127.0.0.1", int(port))), container.running():
        eventually(lambda: f":{port} is used" in container.log)
        page = eventually(lambda: _asked(container, "/"))

    assert page.startswith(b"<!")
    assert sum(f":{port} is used" in line for line in container.log.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "named"),
    [("{broken", "options.json"), ('{"server": {"type": "udp"}}', "server.type"), ('{"sever": {}}', "sever")],
)
def test_a_broken_options_file_costs_one_line_and_the_page_opens(tmp_path: Path, content: str, named: str) -> None:
    container = _container(tmp_path, content)

    with container.running():
        page = eventually(lambda: _asked(container, "/"))
        _wait_until_it_serves(container)
        shown = _asked(container, "/api/v1/health")

    assert page.startswith(b"<!")
    assert named in shown.decode()
    assert sum(named in line for line in container.log.splitlines()) == 1
    assert not container.halted


def test_scripts_are_executable_and_the_bundle_names_the_service() -> None:
    for script in (SERVICE / "run", SERVICE / "finish", LAUNCHER):
        assert stat.S_IMODE(script.stat().st_mode) & 0o111 == 0o111, script
    assert (SERVICE / "type").read_text(encoding="ascii") == "longrun\n"
    assert (SERVICE / "dependencies.d/base").is_file()
    assert (APP / "rootfs/etc/s6-overlay/s6-rc.d/user/contents.d/neasmart").is_file()
