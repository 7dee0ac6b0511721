"""From nothing to a served bus on the page alone: listen to a dongle, apply it, change it, without a restart."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tty
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from neasmart.sysbus.transport.devices import locked_by_others
from tests.support.bus import rtu
from tests.support.processes import GatewayProcess, eventually, running

POLL = rtu("F0 03 0064 00 02")
WRITE = rtu("00 10 0064 00 03 06 00 01 0C65 0C1A")


@contextmanager
def dongle() -> Iterator[tuple[int, str]]:
    """A serial line: the base's end, and the path of ours."""
    base, ours = os.openpty()
    try:
        tty.setraw(base)
        tty.setraw(ours)
        yield base, os.ttyname(ours)
    finally:
        os.close(base)
        os.close(ours)


def heard(base: int, seconds: float) -> bytes:
    return os.read(base, 256) if select.select([base], [], [], seconds)[0] else b""


def asked(base: int) -> bytes:
    """Ask until an answer comes."""
    os.write(base, POLL)
    return heard(base, 0.3)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    with running(GatewayProcess(tmp_path, NEASMART_MQTT_ENABLED="false")) as process:
        yield process


def on_page(gateway: GatewayProcess, method: str, path: str, body: object = None) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{gateway.ingress_port}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def counted(gateway: GatewayProcess, name: str) -> int:
    return int(gateway.get("/api/v1/bus")["counters"][name])


def test_a_dongle_is_listened_to_then_served_and_kept_for_the_next_start(gateway: GatewayProcess) -> None:
    with dongle() as (base, path):
        status, document = on_page(gateway, "POST", "/api/v1/setup/listen", {"device": path})
        assert (status, document["listening"]["device"]) == (200, path)
        eventually(lambda: gateway.get("/api/v1/bus")["link"]["connected"])

        def writes() -> bool:
            os.write(base, WRITE)
            return bool(gateway.get("/api/v1/zones")["count"])

        eventually(writes)
        polls = counted(gateway, "polls")
        assert asked(base) == b""
        eventually(lambda: counted(gateway, "polls") > polls)
        assert counted(gateway, "replies") == 0
        assert heard(base, 0.0) == b""

        status, document = on_page(gateway, "POST", "/api/v1/setup/apply", {"device": path})

        assert (status, document["link"]["device"], document["listening"]) == (200, path, None)
        assert eventually(lambda: asked(base))[:3] == bytes([240, 3, 4])
        assert gateway.get("/api/v1/health")["settings"]["restart_needed"] == []
        gateway.stop()
        gateway.start()
        assert eventually(lambda: asked(base))[:3] == bytes([240, 3, 4])


def test_from_a_dongle_back_to_a_converter_that_dials(gateway: GatewayProcess) -> None:
    with dongle() as (_, path):
        on_page(gateway, "POST", "/api/v1/setup/apply", {"device": path})
        eventually(lambda: gateway.get("/api/v1/bus")["link"]["connected"])

        status, document = on_page(gateway, "POST", "/api/v1/setup/apply", {"listen": True})

    assert (status, document["link"]["kind"]) == (200, "listen")
    eventually(lambda: gateway.get("/api/v1/bus")["link"]["code"] == "waiting_for_peer")
    assert json.loads((gateway.folder / "config.json").read_text())["server"] == {}


def test_a_dongle_that_another_program_holds_is_told_and_used_when_it_is_free(gateway: GatewayProcess) -> None:
    def problem() -> Any:
        return next(
            each["problem"] for each in on_page(gateway, "GET", "/api/v1/setup")[1]["devices"] if each["chosen"]
        )

    with dongle() as (base, path):
        with subprocess.Popen(["flock", "--exclusive", path, "cat"], stdin=subprocess.PIPE) as other:
            held = Path(path).stat()
            eventually(lambda: (held.st_dev, held.st_ino) in locked_by_others())
            on_page(gateway, "POST", "/api/v1/setup/apply", {"device": path})
            eventually(lambda: problem() == "busy")
            other.communicate()
        assert eventually(lambda: asked(base))[:3] == bytes([240, 3, 4])
        assert problem() is None


def test_what_the_environment_decides_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with running(GatewayProcess(tmp_path, NEASMART_SERVER_TYPE="tcp", NEASMART_MQTT_ENABLED="false")) as gateway:
        status, document = on_page(gateway, "POST", "/api/v1/setup/apply", {"listen": True})

        assert (status, document["code"]) == (409, "decided_elsewhere")
        assert "NEASMART_SERVER_TYPE" in document["error"]
        assert on_page(gateway, "GET", "/api/v1/setup")[1]["decided_by"] == "environment"
        assert not (tmp_path / "config.json").exists()
