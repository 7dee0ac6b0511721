"""Runs the app's real s6 service under a real s6 supervisor, with the image's fixed places moved into a folder.

Only what the image brings is replaced: with-contenv reads the folder `environment` by s6-envdir, as the original does;
halt leaves a mark; python3 is the tests' own unless a test puts another one there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import PACKAGE_ROOT, eventually
from tests.support.supervisor import APP

SERVICE = APP / "rootfs/etc/s6-overlay/s6-rc.d/neasmart"
LAUNCHER = APP / "rootfs/usr/bin/neasmart"
_PLACES = ("/command/with-contenv", "/run/", "/usr/bin/neasmart")


class Container:
    """A folder that stands for the container's root, and the supervised service in it."""

    def __init__(self, root: Path, **environment: str) -> None:
        self.root = root
        self.service = root / "service"
        self.log_path = root / "container.log"
        self._results = root / "run/s6-linux-init-container-results/exitcode"
        self._halted = root / "halted"
        for folder in (self.service, self._results.parent, root / "run/s6/basedir/bin", root / "bin", root / "command"):
            folder.mkdir(parents=True)
        (root / "usr/bin").mkdir(parents=True)
        self._results.write_text("0", encoding="ascii")
        for name in ("run", "finish", "timeout-kill"):
            self._move(SERVICE / name, self.service / name)
        self._move(LAUNCHER, root / "usr/bin/neasmart")
        variables = {"PYTHONPATH": str(PACKAGE_ROOT), **environment}
        (root / "environment").mkdir()
        for name, text in variables.items():
            (root / "environment" / name).write_text(text, encoding="utf-8")
        self._program(root / "command/with-contenv", f'exec s6-envdir -fn {root}/environment "$@"')
        self._program(root / "run/s6/basedir/bin/halt", f"echo >>{self._halted}")
        self.python(f'exec {sys.executable} "$@"')

    def python(self, body: str) -> None:
        """Let a shell script stand for python3."""
        self._program(self.root / "bin/python3", body)

    @property
    def exit_code(self) -> int:
        """With which code the container would end."""
        return int(self._results.read_text(encoding="ascii"))

    @property
    def halted(self) -> bool:
        """Whether finish has stopped the container."""
        return self._halted.exists()

    @property
    def log(self) -> str:
        """All that the service has written."""
        return self.log_path.read_text(encoding="utf-8")

    @property
    def pid(self) -> int:
        """The process id of the running service, 0 while it is down."""
        return int(self._state("pid")) if self._state("up") == "true" else 0

    @property
    def end(self) -> tuple[int, str]:
        """How the service last ended: its exit code (-1 if it was killed) and the signal's name."""
        return int(self._state("exitcode")), self._state("signal")

    def control(self, command: str) -> None:
        """Send a command to the supervisor, as s6-rc does: d brings the service down, u up."""
        subprocess.run(["s6-svc", f"-{command}", str(self.service)], check=True)

    def wait_down(self, *, within_s: float) -> None:
        """Wait until the service and its finish script have ended."""
        milliseconds = str(round(within_s * 1000))
        subprocess.run(["s6-svwait", "-D", "-t", milliseconds, str(self.service)], check=True, timeout=within_s + 5)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Supervise the service for the time of a test."""
        environment = {name: text for name, text in os.environ.items() if not name.startswith("NEASMART_")}
        environment["PATH"] = f"{self.root}/bin:{environment['PATH']}"
        with self.log_path.open("ab") as log:
            supervisor = subprocess.Popen(
                ["s6-supervise", str(self.service)], env=environment, stdout=log, stderr=log, cwd=self.root
            )
        try:
            eventually(lambda: self._shown("up").returncode == 0)
            yield
        finally:
            self.control("dx")
            supervisor.wait(60)

    def _state(self, field: str) -> str:
        shown = self._shown(field)
        shown.check_returncode()
        return shown.stdout.strip()

    def _shown(self, field: str) -> subprocess.CompletedProcess[str]:
        """Ask the supervisor, which cannot answer in its first moment."""
        return subprocess.run(
            ["s6-svstat", "-o", field, str(self.service)], check=False, capture_output=True, text=True
        )

    def _move(self, source: Path, target: Path) -> None:
        text = source.read_text(encoding="utf-8")
        for place in _PLACES:
            text = text.replace(place, f"{self.root}{place}")
        target.write_text(text, encoding="utf-8")
        shutil.copymode(source, target)

    @staticmethod
    def _program(path: Path, body: str) -> None:
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o755)
