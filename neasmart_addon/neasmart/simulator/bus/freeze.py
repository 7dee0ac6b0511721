"""Stops the gateway's process now and then and lets it go on, as a busy computer or a snapshot of its disk does."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from dataclasses import dataclass

RECOVERS_WITHIN_S = 0.5
"""A process that goes on reads first what has waited, and keeps silent until it is sure that nothing is late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezePlan:
    """Which process is stopped, how often and for how long, up to `longest_s` (seconds); no process, no stop."""

    pid: int | None = None
    every_s: float = 10.0
    for_s: float = 2.0
    longest_s: float = 0.0


class Freezer:
    """Stops and continues a process until it is cancelled, and knows when it last stood still."""

    def __init__(self, plan: FreezePlan) -> None:
        """Start with a process that runs."""
        self._plan = plan
        self._chance = random.Random(plan.pid)  # noqa: S311 - lengths of stops, not secrets
        self._stood_until = float("-inf")
        self._standing = False
        self.count = 0

    async def run(self) -> None:
        """Stop and continue for ever; the process is never left stopped."""
        pid = self._plan.pid
        while pid is not None:
            await asyncio.sleep(self._plan.every_s)
            try:
                self._standing = True
                os.kill(pid, signal.SIGSTOP)
                self.count += 1
                await asyncio.sleep(self._chance.uniform(self._plan.for_s, max(self._plan.for_s, self._plan.longest_s)))
            except ProcessLookupError:
                return
            finally:
                self._go_on(pid)

    def stood_since(self, at_s: float) -> bool:
        """Return whether the process stood still, or recovered, at any moment since `at_s` of the running loop."""
        return self._standing or self._stood_until + RECOVERS_WITHIN_S >= at_s

    def _go_on(self, pid: int) -> None:
        self._standing = False
        self._stood_until = asyncio.get_running_loop().time()
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            return
