"""Running links, virtual serial lines and the clean-up behind them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from neasmart.core.gateway import Gateway
from neasmart.settings.model import ModbusSettings, ServerSettings, ServerType
from neasmart.sysbus.line.connection import OnBytes
from neasmart.sysbus.line.link import Link, LinkTuning
from tests.support.bus import new_gateway
from tests.support.bus_links import Dial, PtyPair, Running, StartLink, StartTcp, Streams
from tests.support.ports import free_port


@pytest.fixture
async def start_link() -> AsyncIterator[StartLink]:
    running: list[Running] = []

    def start(
        settings: ServerSettings,
        *,
        modbus: ModbusSettings | None = None,
        tuning: LinkTuning | None = None,
        on_bytes: OnBytes | None = None,
        gateway: Gateway | None = None,
    ) -> Running:
        gateway = gateway or new_gateway()
        link = Link(settings, modbus or ModbusSettings(), gateway, on_bytes=on_bytes, tuning=tuning)
        running.append(Running(gateway=gateway, settings=settings, task=asyncio.create_task(link.run())))
        return running[-1]

    yield start
    for each in running:
        await each.stop()


@pytest.fixture
async def pty_pair(tmp_path: Path) -> AsyncIterator[PtyPair]:
    pair = PtyPair(tmp_path / "ours", tmp_path / "theirs")
    await pair.plug()
    yield pair
    await pair.pull()


@pytest.fixture
def start_tcp(start_link: StartLink) -> StartTcp:
    async def start(
        kind: ServerType = ServerType.TCP,
        *,
        allowed: list[str] | None = None,
        tuning: LinkTuning | None = None,
        reply_delay_ms: float | None = None,
    ) -> Running:
        settings = ServerSettings(
            type=kind,
            address="127.0.0.1",
            port=free_port(),
            allowed_peers=allowed or [],
            reply_delay_ms=reply_delay_ms,
        )
        running = start_link(settings, tuning=tuning)
        await running.reaches("waiting_for_peer")
        return running

    return start


@pytest.fixture
async def dial() -> AsyncIterator[Dial]:
    writers: list[asyncio.StreamWriter] = []

    async def dial_one(running: Running) -> Streams:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.settings.port)
        writers.append(writer)
        return reader, writer

    yield dial_one
    for writer in writers:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
