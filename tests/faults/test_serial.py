"""Promise: a serial device that is pulled, taken, forbidden or renamed is said and is back within a second."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import GatewayProcess, eventually, gateway_process, running
from tests.support.steady_base import OFTEN, SerialLine, SteadyBase, bounded, steady_base

PULLS = 50
BACK_WITHIN_S = 1.0
SLOW_MACHINE_S = 3.0


class Cable:
    """Two serial lines joined by socat: the gateway's and the base's."""

    def __init__(self, folder: Path, name: str = "") -> None:
        self.ours, self.theirs = folder / f"ours{name}", folder / f"theirs{name}"
        self._process: subprocess.Popen[bytes] | None = None

    def plug(self) -> None:
        self._process = subprocess.Popen(
            ["socat", f"pty,raw,echo=0,link={self.ours}", f"pty,raw,echo=0,link={self.theirs}"]
        )
        eventually(lambda: self.ours.exists() and self.theirs.exists())

    def pull(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    cable = Cable(tmp_path)
    cable.plug()
    yield cable
    cable.pull()


@contextmanager
def on_the_line(folder: Path, path: Path, *, through: tuple[str, ...] = ()) -> Iterator[GatewayProcess]:
    with gateway_process(
        folder, through=through, NEASMART_SERVER_TYPE="serial", NEASMART_SERVER_SERIAL_PORT=str(path), **OFTEN
    ) as gateway:
        yield gateway


def link(gateway: GatewayProcess) -> Any:
    return gateway.get("/health")["modbus"]


def reaches(gateway: GatewayProcess, code: str) -> None:
    eventually(lambda: link(gateway)["link"] == code)


def talk(cable: Cable, polls: int = 5) -> None:
    """Poll and write as the base does; every answer must be right."""
    base = SteadyBase(SerialLine(cable.theirs))
    try:
        for _ in range(polls):
            base.step()
    finally:
        base.line.close()
    assert not base.wrong


def test_a_dongle_that_is_pulled_fifty_times_is_back_within_a_second_each_time(tmp_path: Path, cable: Cable) -> None:
    with on_the_line(tmp_path, cable.ours) as gateway:
        talk(cable)
        times: list[float] = []
        with bounded(gateway):
            for _ in range(PULLS):
                cable.pull()
                eventually(lambda: not link(gateway)["connected"])
                health = gateway.get("/health")
                assert health["status"] == "degraded"
                assert any(str(cable.ours) in reason for reason in health["reasons"])
                cable.plug()
                began = time.monotonic()
                talk(cable, polls=1)
                times.append(time.monotonic() - began)
            talk(cable)

        times.sort()
        print(f"back after {times[0]:.2f} to {times[-1]:.2f} s, half of them within {times[PULLS // 2]:.2f} s")  # noqa: T201 - figures to read
        # A loaded machine may stop us for a moment, but not nine times in ten.
        assert times[PULLS * 9 // 10] < BACK_WITHIN_S
        assert times[-1] < SLOW_MACHINE_S
        assert link(gateway)["circuit_breaker_state"] == "closed"
        assert "Traceback" not in gateway.log


def test_a_device_taken_by_another_program_is_said_and_used_when_it_is_free(tmp_path: Path, cable: Cable) -> None:
    with subprocess.Popen(["flock", "--exclusive", str(cable.ours), "cat"], stdin=subprocess.PIPE) as other:
        try:
            eventually(lambda: _locked(cable.ours))
            with on_the_line(tmp_path, cable.ours) as gateway, bounded(gateway, descriptors=1):
                reaches(gateway, "device_busy")
                health = gateway.get("/health")
                assert health["status"] == "degraded"
                assert any("used by another program" in reason for reason in health["reasons"])

                other.communicate()
                reaches(gateway, "connected")
                talk(cable)
        finally:
            other.kill()


def test_the_same_gateway_started_twice_harms_nothing(tmp_path: Path, cable: Cable) -> None:
    """The same device, the same folder; only the ports of the second are its own."""
    (tmp_path / "second").mkdir()
    with on_the_line(tmp_path, cable.ours) as first, steady_base(lambda: SerialLine(cable.theirs)) as base:
        base.goes_on()
        second = GatewayProcess(tmp_path / "second")
        kept = ("NEASMART_SERVER_TYPE", "NEASMART_SERVER_SERIAL_PORT", "NEASMART_DATABASE_PATH")
        second.environment |= {name: first.environment[name] for name in kept} | OFTEN
        with running(second):
            reaches(second, "device_busy")
            assert "Another gateway uses the folder" in (second.get("/health")["database"]["detail"] or "")
            base.goes_on(40)
            assert second.stop() == 0
        base.goes_on()
        assert first.get("/health")["status"] == "healthy"
    assert first.log.count("was lost") == 0


def test_a_device_that_may_not_be_opened_is_said_and_used_when_it_may(tmp_path: Path, cable: Cable) -> None:
    # Root may open everything by two capabilities; without them permissions count as for everybody.
    through = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    device = cable.ours.resolve()
    device.chmod(0)
    with on_the_line(tmp_path, cable.ours, through=through) as gateway, bounded(gateway, descriptors=1):
        reaches(gateway, "no_permission")
        health = gateway.get("/health")
        assert health["status"] == "degraded"
        assert any("may not be opened" in reason for reason in health["reasons"])

        device.chmod(0o600)
        reaches(gateway, "connected")
        talk(cable)


def test_a_by_id_name_that_leads_elsewhere_is_followed(tmp_path: Path, cable: Cable) -> None:
    other = Cable(tmp_path, "2")
    other.plug()
    by_id = tmp_path / "usb-FTDI-if00"
    by_id.symlink_to(cable.ours.resolve())
    try:
        with on_the_line(tmp_path, by_id) as gateway:
            talk(cable)
            with bounded(gateway):
                for number in range(4):
                    new = tmp_path / "new"
                    new.symlink_to((cable, other)[number % 2 == 0].ours.resolve())
                    new.rename(by_id)
                    talk((cable, other)[number % 2 == 0])
            by_id.unlink()
            reaches(gateway, "no_device")
    finally:
        other.pull()


def _locked(path: Path) -> bool:
    with suppress(subprocess.CalledProcessError):
        subprocess.run(["flock", "--exclusive", "--nonblock", str(path), "true"], check=True)
        return False
    return True
