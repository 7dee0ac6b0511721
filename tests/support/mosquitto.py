"""A real Mosquitto of the test's own, and a client that watches what is published on it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiomqtt

from tests.support.ports import free_port

T = TypeVar("T")


class Mosquitto:
    """A broker as a process that the test starts, kills and starts again on the same port."""

    def __init__(self, folder: Path, *, port: int | None = None, extra: str = "") -> None:
        self.folder = folder
        self.port = port or free_port()
        self.extra = extra
        self.password_file: Path | None = None
        self.log_path = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None

    def allow_only(self, username: str, password: str, **others: str) -> None:
        """Accept this user and others by their passwords, and nobody else, from the next start on."""
        self.password_file = self.folder / "passwords"
        self.password_file.write_bytes(b"")
        for name, secret in {username: password, **others}.items():
            subprocess.run(
                ["mosquitto_passwd", "-b", str(self.password_file), name, secret], check=True, capture_output=True
            )
        self.password_file.chmod(0o644)

    def start(self) -> None:
        """Start the broker and wait until it listens."""
        config = self.folder / "mosquitto.conf"
        login = f"password_file {self.password_file}\n" if self.password_file else ""
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous {'false' if login else 'true'}\n{login}"
            f"max_queued_messages 0\nuser {_user()}\n{self.extra}"
        )
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(["mosquitto", "-c", str(config)], stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert time.monotonic() < deadline, self.log_path.read_text()
                time.sleep(0.02)
            else:
                return

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Kill the broker; it forgets everything, retained messages included."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send a signal to the broker."""
        if self._process is None:
            return
        self._process.send_signal(number)
        if number == signal.SIGKILL:
            self._process.wait()
            self._process = None


def _user() -> str:
    return "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody")


@dataclass
class Watcher:
    """Everything that was published since the watcher connected, and the last payload of each topic."""

    client: aiomqtt.Client
    seen: list[tuple[float, str, str]] = field(default_factory=list)
    retained: dict[str, str] = field(default_factory=dict)

    def json(self, topic: str) -> Any:
        """Return a topic's last payload as JSON."""
        return json.loads(self.retained[topic])

    def payloads(self, topic: str) -> list[str]:
        """Return all payloads of a topic in order."""
        return [payload for _, each, payload in self.seen if each == topic]

    async def until(self, condition: Callable[[Watcher], T], *, within_s: float = 30.0) -> T:
        """Wait for a condition on what has been seen."""
        deadline = time.monotonic() + within_s
        while True:
            answer: T | None
            try:
                answer = condition(self)
            except KeyError:
                answer = None  # a topic that has not been published yet
            if answer:
                return answer
            assert time.monotonic() < deadline, f"not within {within_s} s; last seen: {self.seen[-5:]}"
            await asyncio.sleep(0.02)

    async def sees(self, topic: str, payload: str, *, within_s: float = 30.0) -> None:
        """Wait until a topic's last payload is this one."""
        await self.until(lambda watcher: watcher.retained.get(topic) == payload, within_s=within_s)

    async def send(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Publish something."""
        await self.client.publish(topic, payload, qos=1, retain=retain)


@asynccontextmanager
async def watching(port: int, *filters: str, **login: Any) -> AsyncIterator[Watcher]:
    """Watch a broker for the time of a test."""
    async with aiomqtt.Client("127.0.0.1", port, **login) as client:
        watcher = Watcher(client)
        for each in filters or ("#",):
            await client.subscribe(each, qos=1)
        task = asyncio.create_task(_watch(watcher))
        try:
            yield watcher
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _watch(watcher: Watcher) -> None:
    async for message in watcher.client.messages:
        payload = message.payload
        text = payload.decode(errors="replace") if isinstance(payload, bytes) else ""
        watcher.seen.append((time.monotonic(), str(message.topic), text))
        watcher.retained[str(message.topic)] = text


async def eventually(condition: Callable[[], T | None], *, within_s: float = 30.0) -> T:
    """Return the first true answer of a condition, without blocking the loop."""
    deadline = time.monotonic() + within_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {condition}"
        await asyncio.sleep(0.02)
    return answer
