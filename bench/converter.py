"""Stands between a base and a gateway as a poor converter does: flaps, says a word, hangs up, sends heartbeats.

It cuts the line only while nothing is under way, so that no poll is lost by it; what the base sends in the moment of
the cut is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import threading
from dataclasses import dataclass

from tests.support.ports import free_port

LIVES_S = (40.0, 90.0)
HEARTBEAT_S = 7.0
QUIET_S = 0.02
POLL_IS_OVER_S = 1.5
"""A poll that was not answered by then is not waited for any more."""
MOODS = ("word", "hang up", "through", "through")
WORD = b"ERROR: busy, another client is connected\r\n"
REGISTRATION = b"SN:4711 online\r\n"
HEARTBEATS = (b"\x00", b"heartbeat\r\n", b"\x00\x00", REGISTRATION)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(slots=True)
class Traffic:
    """When the last byte passed, and whether the gateway sent it."""

    at_s: float
    answered: bool = True


class Converter:
    """Listens on `port` and passes on to `target`; whoever dials is the gateway or the base."""

    def __init__(self, target: int, *, gateway_dials: bool) -> None:
        self.port = free_port()
        self.cuts = self.words = self.hung_up = self.heartbeats = 0
        self.caught = 0
        """How many cuts caught bytes of the base under way; each of them may have cost one poll."""
        self._target = target
        self._gateway_dials = gateway_dials
        self._moods = itertools.cycle(MOODS)
        self._chance = random.Random(target)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        self._thread.start()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mood = next(self._moods) if self._gateway_dials else "through"
        with contextlib.suppress(OSError):
            if mood == "word":
                self.words += 1
                writer.write(WORD)
                await writer.drain()
            elif mood == "hang up":
                self.hung_up += 1
            else:
                await self._join((reader, writer), await asyncio.open_connection("127.0.0.1", self._target))
        writer.close()

    async def _join(self, near: Streams, far: Streams) -> None:
        gateway, base = (near, far) if self._gateway_dials else (far, near)
        if self._gateway_dials:
            gateway[1].write(REGISTRATION)
        traffic = Traffic(self._loop.time())
        pumps = [
            asyncio.create_task(self._pump(base[0], gateway[1], traffic, answers=False)),
            asyncio.create_task(self._pump(gateway[0], base[1], traffic, answers=True)),
        ]
        cut_at = self._loop.time() + self._chance.uniform(*LIVES_S)
        beat_at = self._loop.time() + HEARTBEAT_S
        try:
            while not any(each.done() for each in pumps):
                await asyncio.sleep(QUIET_S / 4)
                now = self._loop.time()
                if now - traffic.at_s < (QUIET_S if traffic.answered else POLL_IS_OVER_S):
                    continue
                if now >= cut_at:
                    await self._cut(gateway, base, pumps)
                elif now >= beat_at and not self._gateway_dials:
                    self.heartbeats += 1
                    beat_at = now + HEARTBEAT_S
                    gateway[1].write(HEARTBEATS[self.heartbeats % len(HEARTBEATS)])
        finally:
            for each in pumps:
                each.cancel()
            gateway[1].close()
            base[1].close()

    async def _cut(self, gateway: Streams, base: Streams, pumps: list[asyncio.Task[None]]) -> None:
        for each in pumps:
            each.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        self.cuts += 1
        gateway[1].close()
        base[1].write_eof()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(2):
                self.caught += bool(await base[0].read())

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, traffic: Traffic, *, answers: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                traffic.at_s, traffic.answered = self._loop.time(), answers
                writer.write(data)
                await writer.drain()
