"""The commands that talk to a running gateway: record and diagnostics."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from neasmart.sysbus.capture.capture import CaptureReader
from tests.support.bus import BROADCAST_OUTSIDE, mbap, until
from tests.support.ports import free_port

IGNORED = ("sh", "-c", "trap '' INT; exec \"$@\"", "sh")
"""Starts a command as a shell without job control does in the background."""


@dataclass
class Started:
    """A whole gateway in a process of its own."""

    url: str
    bus_port: int
    folder: Path
    process: asyncio.subprocess.Process


@pytest.fixture
async def started(tmp_path: Path) -> AsyncIterator[Started]:
    api, ingress, bus = free_port(), free_port(), free_port()
    environment = {
        **os.environ,
        "NEASMART_CONFIG_FILE": "",
        "NEASMART_SERVER_ADDRESS": "127.0.0.1",
        "NEASMART_SERVER_PORT": str(bus),
        "NEASMART_API_PORT": str(api),
        "NEASMART_INGRESS_PORT": str(ingress),
        "NEASMART_DATABASE_PATH": str(tmp_path / "neasmart.db"),
        "NEASMART_MQTT_ENABLED": "false",
        "NEASMART_MQTT_PASSWORD": "Xq7-planted",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "neasmart", "run", env=environment, cwd=tmp_path, stderr=asyncio.subprocess.DEVNULL
    )

    async def serving() -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", api)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return

    async with asyncio.timeout(30.0):
        await serving()
    yield Started(url=f"http://127.0.0.1:{api}", bus_port=bus, folder=tmp_path, process=process)
    process.terminate()
    await process.wait()


async def command(*arguments: str, before: tuple[str, ...] = ()) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(*before, sys.executable, "-m", "neasmart", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def said(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    try:
        async with asyncio.timeout(30.0):
            out, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, out.decode(), errors.decode()


async def test_record_saves_what_the_bus_carried_meanwhile(started: Started, tmp_path: Path) -> None:
    file = tmp_path / "bus.pcapng"
    recording = await command("record", "--url", started.url, "--seconds", "2", str(file))
    await until(lambda: list((started.folder / "captures").glob("*.partial")), "the recording has begun")
    _, writer = await asyncio.open_connection("127.0.0.1", started.bus_port)
    request = mbap(BROADCAST_OUTSIDE[:-2].hex())
    # Again and again, because a busy computer may take a while to come to it.
    while recording.returncode is None:
        writer.write(request)
        await asyncio.sleep(0.1)
    code, _, errors = await said(recording)
    writer.close()

    assert code == 0, errors
    with file.open("rb") as content:
        recorded = b"".join(chunk.content for chunk in CaptureReader(content))
    assert recorded
    assert recorded == request * (len(recorded) // len(request))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("before", [(), IGNORED], ids=["", "with SIGINT ignored"])
async def test_an_interrupted_record_saves_what_there_is(
    started: Started, tmp_path: Path, before: tuple[str, ...], number: signal.Signals
) -> None:
    file = tmp_path / "bus.pcapng"
    recording = await command("record", "--url", started.url, "--seconds", "600", str(file), before=before)
    assert recording.stderr is not None
    assert b"Ctrl-C ends it earlier" in await recording.stderr.readline()
    recording.send_signal(number)
    code, _, errors = await said(recording)

    assert code == 0, errors
    assert file.stat().st_size > 100


async def test_record_says_why_it_cannot(tmp_path: Path) -> None:
    for url, wanted, why in (
        (f"http://127.0.0.1:{free_port()}", 1, "No gateway answers"),
        ("ftp://x", 2, "no address"),
    ):
        code, _, errors = await said(await command("record", "--url", url, str(tmp_path / "x")))
        assert (code, why in errors) == (wanted, True), errors


async def test_diagnostics_are_fetched_without_secrets(started: Started, tmp_path: Path) -> None:
    file = tmp_path / "diagnostics.json"
    code, _, errors = await said(await command("diagnostics", "--url", started.url, str(file)))

    text = file.read_text(encoding="utf-8")
    document = json.loads(text)
    assert (code, document["kind"]) == (0, "neasmart-diagnostics"), errors
    assert document["settings"]["mqtt"]["password"] == "(hidden)"
    assert "Xq7-planted" not in text
    assert any("starts" in line for line in document["log"])
    assert document["doctor"]["state"] == "nobody_dials"


async def test_diagnostics_without_a_gateway_tell_what_they_can() -> None:
    code, out, errors = await said(await command("diagnostics", "--url", f"http://127.0.0.1:{free_port()}"))

    document = json.loads(out)
    assert code == 1
    assert "No gateway answers" in errors
    assert document["versions"]["python"]
    assert document["settings"]["modbus"]["slave_id"] == [240, 241]
