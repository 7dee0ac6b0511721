"""A process ends with the terminal in whose foreground it is, and with no other."""

from __future__ import annotations

import asyncio
import errno
import os
import pty
import select
import subprocess
import sys
from unittest.mock import Mock

import pytest

from neasmart.facts.process import terminal

WAITS = """
import asyncio, os, signal, sys
from neasmart.facts.process import terminal
async def wait():
    waiting = asyncio.create_task(terminal.closed())
    await asyncio.sleep(0)
    print("waits", flush=True)
    done, _ = await asyncio.wait({waiting}, timeout=2)
    os.write(int(sys.argv[1]), b"ends" if done else b"goes on")
    waiting.cancel()
signal.signal(signal.SIGHUP, signal.SIG_IGN)
asyncio.run(wait())
"""


async def test_a_service_does_not_look_for_a_terminal_that_it_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "tcgetpgrp", Mock(side_effect=OSError(errno.ENOTTY, "Inappropriate ioctl for device")))
    looked = Mock()
    monkeypatch.setattr(select, "poll", Mock(return_value=looked))

    waiting = asyncio.create_task(terminal.closed())
    await asyncio.sleep(0)
    waiting.cancel()

    looked.register.assert_not_called()
    looked.poll.assert_not_called()


@pytest.mark.parametrize(
    ("started", "told"),
    [
        (["setsid", "--ctty"], b"ends"),
        (["setsid"], b"goes on"),
        (["setsid", "--ctty", "sh", "-mc", '"$@" & wait', "sh"], b"goes on"),
    ],
    ids=["in the foreground", "of another program", "in the background"],
)
def test_only_who_is_in_the_foreground_ends_with_a_terminal(started: list[str], told: bytes) -> None:
    outer, inner = pty.openpty()
    answer, ours = os.pipe()
    with subprocess.Popen(
        [*started, sys.executable, "-c", WAITS, str(ours)],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        pass_fds=(ours,),
        env={"PYTHONPATH": "neasmart_addon"},
    ):
        os.close(inner)
        os.close(ours)
        assert b"waits" in os.read(outer, 4096)
        os.close(outer)

        assert os.read(answer, 16) == told
    os.close(answer)
