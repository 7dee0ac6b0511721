"""Looks over the shoulder of every test: nothing blocks the loop, and nothing is left behind.

An audit hook of the interpreter sees what may wait for a disk, a name server or a clock at no cost worth naming; it is
the gateway that is judged, so what a test does by itself is its own affair.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio import events, runners
from pathlib import Path
from types import FrameType
from typing import Any

_BLOCKING = frozenset(
    {
        "open",
        "os.listdir",
        "os.mkdir",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.scandir",
        "os.system",
        "os.truncate",
        "shutil.copyfile",
        "shutil.rmtree",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "sqlite3.connect",
        "subprocess.Popen",
        "time.sleep",
    }
)
_TESTS = str(Path(__file__).parents[1])
_PACKAGE = str(Path(__file__).parents[2] / "neasmart_addon" / "neasmart")
_NOT_JUDGED = ("<frozen importlib", "linecache.py")
"""Loading a module, and the lines of a traceback."""
_DESCRIPTORS = "/proc/self/fd"
_LASTING = "/libffi.so"
"""libffi opens its own file at the first callback of ctypes, and keeps it."""


class Guards:
    """One for the whole run; `clear` before a test, and after it see `blocked` and `tasks`."""

    def __init__(self) -> None:
        self.blocked: list[str] = []
        self.tasks: list[str] = []
        self.last_steps_s = 1.0
        """For so long it is waited for tasks that have been told to end."""
        sys.addaudithook(self._heard)
        self._cancel_all = vars(runners)["_cancel_all_tasks"]
        setattr(runners, "_cancel_all_tasks", self._ended)  # noqa: B010 - typeshed does not know it

    def clear(self) -> None:
        self.blocked.clear()
        self.tasks.clear()

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _BLOCKING or events._get_running_loop() is None:
            return
        who = _judged(sys._getframe())
        if who is not None:
            subject = f" {arguments[0]!r}" if arguments else ""
            self.blocked.append(f"{event}{subject} in {who}")

    def _ended(self, loop: asyncio.AbstractEventLoop) -> None:
        left = asyncio.all_tasks(loop)
        if left:
            _, left = loop.run_until_complete(asyncio.wait(left, timeout=self.last_steps_s))
        self.tasks.extend(f"{task.get_name()}: {task.get_coro()!r}" for task in left)
        self._cancel_all(loop)


def _judged(frame: FrameType | None) -> str | None:
    """Return the innermost place in the gateway, None if a test or the import of a module did it."""
    while frame is not None:
        file = frame.f_code.co_filename
        if (file.startswith(_TESTS) and file != __file__) or any(each in file for each in _NOT_JUDGED):
            return None
        if file.startswith(_PACKAGE):
            return f"{Path(file).relative_to(_PACKAGE)}:{frame.f_lineno} {frame.f_code.co_qualname}"
        frame = frame.f_back
    return None


def descriptors() -> dict[int, str]:
    """Return the open descriptors of this process with what they lead to, but for one that lasts."""
    found: dict[int, str] = {}
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - before and after every test, so as cheaply as can be
        try:
            found[int(name)] = os.readlink(f"{_DESCRIPTORS}/{name}")  # noqa: PTH115 - the same
        except FileNotFoundError:
            continue  # the one by which the folder was read
    return {number: leads_to for number, leads_to in found.items() if _LASTING not in leads_to}
