"""Runs a command of this program that ends when the process that has started it ends, even if that one is killed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

from neasmart.cli.command_line import main

_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Have the kernel send us SIGTERM when `parent` ends; exit at once if it has ended already."""
    with contextlib.suppress(OSError, AttributeError):
        # Linux only; elsewhere a demo that is killed leaves its processes behind.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)


if __name__ == "__main__":
    end_with(int(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
