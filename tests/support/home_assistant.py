"""A real Home Assistant Core in an environment of its own, driven from a test."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import aiomqtt

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "tests" / "mqtt" / "homeassistant-requirements.txt"
ENVIRONMENT = ROOT / ".venv-ha"
PROGRAM = Path(__file__).with_name("home_assistant_process.py")
PYTHON = (3, 11)
"""The one Python for which the pinned Core exists."""
T = TypeVar("T")


def installed_core() -> Path:
    """Return the interpreter of an environment with the pinned Core; make it if it is missing or outdated.

    Takes half a minute and 250 MB, once.
    """
    python = ENVIRONMENT / "bin" / "python"
    stamp = ENVIRONMENT / ".requirements"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    with (ROOT / ".venv-ha.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(ENVIRONMENT)], check=True)
            pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "install"]
            # Compiling a thousand integrations, of which one is used, would take minutes.
            options = ["--quiet", "--no-deps", "--no-compile", "--require-hashes", "-r", str(REQUIREMENTS)]
            subprocess.run([*pip, *options], check=True, capture_output=True, text=True)
            stamp.write_text(wanted)
    return python


class Core:
    """One running Core, connected to the broker of the test."""

    def __init__(self, folder: Path, broker_port: int, *, more: dict[str, Any] | None = None) -> None:
        """Prepare a Core; `more` is configuration beside that of MQTT, and blueprints may be put into its folder."""
        self.folder = folder / "core"
        self.folder.mkdir()
        (self.folder / "more.json").write_text(json.dumps(more or {}))
        (self.folder / "configuration.yaml").write_text("")
        self.log_path = folder / "core.log"
        self.broker_port = broker_port
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, python: Path) -> None:
        """Start Core and wait until its MQTT integration is there."""
        with self.log_path.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                python,
                PROGRAM,
                str(self.folder),
                str(self.broker_port),
                str(free_port()),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                limit=10_000_000,
            )
        started = await self._answer(within_s=120)
        assert "mqtt" in started["components"], self.log

    async def stop(self) -> None:
        """End Core."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def ask(self, do: str, **more: Any) -> dict[str, Any]:
        """Ask Core for ``states``, ``devices`` or ``entities``."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **more}).encode() + b"\n")
        return await self._answer(within_s=60)

    async def call(self, domain: str, service: str, **data: Any) -> dict[str, Any]:
        """Call a service of Core; the answer is empty, or tells the error."""
        return await self.ask("call", domain=domain, service=service, data=data)

    async def until(self, condition: Callable[[dict[str, Any]], T], *, within_s: float = 60.0) -> T:
        """Wait for a condition on the states of all entities."""
        deadline = time.monotonic() + within_s
        while True:
            states = await self.ask("states")
            try:
                answer: T | None = condition(states)
            except KeyError:
                answer = None  # an entity that does not exist yet
            if answer:
                return answer
            assert time.monotonic() < deadline, f"{states}\n{self.log}"
            await asyncio.sleep(0.1)

    @property
    def log(self) -> str:
        """All that Core has logged."""
        return self.log_path.read_text(encoding="utf-8")

    async def _answer(self, *, within_s: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(within_s):
            line = await self._process.stdout.readline()
        assert line, self.log
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer


async def translate_device_discovery(broker_port: int, own_prefix: str, ready: asyncio.Event) -> None:
    """Turn device discovery into the single-component discovery of older Cores, for as long as the task lives."""
    shared = ("availability", "availability_mode", "device", "origin")
    components: dict[str, set[str]] = {}
    async with aiomqtt.Client("127.0.0.1", broker_port) as client:
        await client.subscribe(f"{own_prefix}/device/+/config", qos=1)
        ready.set()
        async for message in client.messages:
            device = str(message.topic).split("/")[-2]
            payload = message.payload
            assert isinstance(payload, bytes)
            described = json.loads(payload) if payload else {"components": {}}
            topics = set()
            for key, component in described["components"].items():
                platform = component.pop("platform")
                topic = f"homeassistant/{platform}/{device}/{key}/config"
                topics.add(topic)
                # An option of the device holds for the components that have none of their own.
                single = {name: described[name] for name in shared if name in described} | component
                await client.publish(topic, json.dumps(single), qos=1, retain=True)
            for gone in components.get(device, set()) - topics:
                await client.publish(gone, "", qos=1, retain=True)
            components[device] = topics
