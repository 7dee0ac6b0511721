"""Starts the gateway as its users do, as a process of its own with settings from the environment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from tests.support.ports import free_port

PACKAGE_ROOT = Path(__file__).parents[2] / "neasmart_addon"
T = TypeVar("T")
G = TypeVar("G", bound="GatewayProcess")


def eventually(condition: Callable[[], T], *, within_s: float = 30.0) -> T:
    """Return the first true answer of a condition; fail when the time is over."""
    deadline = time.monotonic() + within_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {condition}"
        time.sleep(0.02)
    return answer


class GatewayProcess:
    """One `python -m neasmart run` with its ports and its log."""

    def __init__(self, folder: Path, *, through: Sequence[str] = (), **environment: str) -> None:
        """Prepare a process; `through` is a command that starts it, such as setpriv."""
        self.folder = folder
        self.through = through
        self.api_port, self.ingress_port, self.bus_port = free_port(), free_port(), free_port()
        self.log_path = folder / "gateway.log"
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("NEASMART_")},
            "PYTHONPATH": str(PACKAGE_ROOT),
            "NEASMART_API_PORT": str(self.api_port),
            "NEASMART_INGRESS_PORT": str(self.ingress_port),
            "NEASMART_SERVER_ADDRESS": "127.0.0.1",
            "NEASMART_SERVER_PORT": str(self.bus_port),
            "NEASMART_DATABASE_PATH": str(folder / "neasmart.db"),
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, healthy: bool = True) -> None:
        """Start the process and wait until it serves."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.through, sys.executable, "-m", "neasmart", "run"],
                cwd=self.folder,
                env=self.environment,
                stderr=log,
            )
        if healthy:
            eventually(self._serves, within_s=60.0)

    def stop(self, number: int = signal.SIGTERM, *, within_s: float = 30.0) -> int:
        """Send a signal and return the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(within_s)

    def get(self, path: str) -> Any:
        """Return the JSON answer of the API, errors included."""
        return self.call("GET", path)[1]

    def found(self, path: str) -> Any:
        """Return the JSON answer once it is there: on a slow disk the gateway answers before it knows what it knew."""

        def known() -> tuple[int, Any] | None:
            got = self.call("GET", path)
            return got if got[0] == HTTPStatus.OK else None

        answer = eventually(known)
        assert answer is not None
        return answer[1]

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return status and JSON answer, None where there is no body."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.api_port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
            error.close()
        return status, json.loads(content) if content else None

    @property
    def proc(self) -> Path:
        """What the kernel tells about the process."""
        assert self.process is not None
        return Path("/proc") / str(self.process.pid)

    @property
    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return len(list((self.proc / "fd").iterdir()))

    def memory_mib(self, line: str = "VmRSS") -> float:
        """Return the resident memory, or with VmHWM its highest value so far."""
        status = dict(each.split(":", 1) for each in (self.proc / "status").read_text().splitlines())
        return int(status[line].split()[0]) / 1024

    @property
    def log(self) -> str:
        """All that the process has logged."""
        return self.log_path.read_text(encoding="utf-8")

    def _serves(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        try:
            return self.call("GET", "/health")[0] == 200
        except OSError:
            return False


@contextmanager
def gateway_process(folder: Path, *, through: Sequence[str] = (), **environment: str) -> Iterator[GatewayProcess]:
    """Run a gateway for the time of a test."""
    with running(GatewayProcess(folder, through=through, **environment)) as gateway:
        yield gateway


@contextmanager
def running(gateway: G) -> Iterator[G]:
    """Start a gateway, and leave nothing of it behind."""
    try:
        gateway.start()
        yield gateway
    finally:
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.process.kill()
            gateway.process.wait()
