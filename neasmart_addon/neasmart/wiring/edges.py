"""Runs the edges side by side, so that each can end and begin anew while the others go on."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable

_LOG = logging.getLogger(__name__)
_RETRY_S = 5.0

Edge = Callable[[], Awaitable[None]]


class Edges:
    """The running edges by name."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        """Run them in the group."""
        self._group = group
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, name: str, edge: Edge) -> None:
        """Start an edge that does not run."""
        # Whoever asked for a change has a request with a name; an edge outlives it, and its log lines are not of it.
        nobody = contextvars.Context()
        self._tasks[name] = self._group.create_task(_kept_running(name, edge), name=name, context=nobody)

    async def end(self, name: str) -> None:
        """Stop an edge and return when it has let go of all it had; nothing happens if it does not run."""
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    def end_all(self) -> None:
        """Tell all edges to stop; the group waits for them."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()


async def _kept_running(name: str, edge: Edge) -> None:
    """Start an edge again if it ends by a defect, so that it costs only its own feature."""
    while True:
        try:
            await edge()
        except Exception:  # noqa: BLE001 - the outermost loop of every edge
            _LOG.exception("%s failed and starts again in %g s", name, _RETRY_S)
        else:
            _LOG.error("%s ended by itself and starts again in %g s", name, _RETRY_S)
        await asyncio.sleep(_RETRY_S)
