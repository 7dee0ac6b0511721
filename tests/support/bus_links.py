"""A running link and virtual serial lines, for tests against real sockets and real ttys."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from neasmart.core.gateway import Gateway
from neasmart.settings.model import ServerSettings
from tests.support.bus import until


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A link that runs, with its gateway and its settings."""

    gateway: Gateway
    settings: ServerSettings
    task: asyncio.Task[None]

    async def reaches(self, code: str) -> None:
        """Wait for a status."""
        await until(lambda: self.gateway.link.code == code, f"{code}, but it is {self.gateway.link}")

    async def stop(self) -> None:
        """Cancel the link; it must end."""
        self.task.cancel()
        async with asyncio.timeout(30.0):
            with contextlib.suppress(asyncio.CancelledError):
                await self.task


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[[Running], Awaitable[Streams]]
StartLink = Callable[..., Running]
StartTcp = Callable[..., Awaitable[Running]]

AGAIN_S = 1.5
"""Longer than a request may have waited anywhere and is still answered."""


@dataclass(slots=True)
class PtyPair:
    """Two serial lines joined by socat, which can be pulled and plugged again."""

    ours: Path
    theirs: Path
    process: asyncio.subprocess.Process | None = None

    async def plug(self) -> None:
        """Make both lines."""
        self.process = await asyncio.create_subprocess_exec(
            "socat", f"pty,raw,echo=0,link={self.ours}", f"pty,raw,echo=0,link={self.theirs}"
        )
        await until(lambda: self.ours.exists() and self.theirs.exists(), "socat has made both lines")

    async def pull(self) -> None:
        """Take both away."""
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, length: int) -> bytes:
    """Send a request until it is answered, as a base does; the gateway keeps silent when this machine stalls it.

    It is repeated once it cannot be answered any more, so that no second answer follows.
    """
    answer = asyncio.ensure_future(reader.readexactly(length))
    try:
        for _ in range(20):
            writer.write(request)
            if (await asyncio.wait({answer}, timeout=AGAIN_S))[0]:
                return answer.result()
    finally:
        answer.cancel()
    raise AssertionError(f"no answer to {request.hex(' ')}")


async def closed(reader: asyncio.StreamReader) -> bool:
    """Wait until the other side has closed the connection."""
    async with asyncio.timeout(30.0):
        try:
            return await reader.read() == b""
        except ConnectionError:
            return True


async def mbpoll(*arguments: str) -> str:
    """Poll by mbpoll until an answer comes; return what it prints."""
    for _ in range(6):
        program = await asyncio.create_subprocess_exec("mbpoll", *arguments, stdout=asyncio.subprocess.PIPE)
        output, _ = await program.communicate()
        if not program.returncode:
            return output.decode()
    raise AssertionError(output.decode())
