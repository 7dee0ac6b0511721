"""Looks at every byte of the wire on its way, for the doctor, the recorder and the frames that were last seen.

It is called between a request and its reply, so it only keeps what it is given; all else is done later by others.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from neasmart.core.gateway import Gateway
from neasmart.sysbus.capture.capture import LineFacts
from neasmart.sysbus.capture.recorder import Recorder
from neasmart.sysbus.capture.seen import FrameReader, Seen
from neasmart.sysbus.framing.kinds import Framing
from neasmart.sysbus.line.connection import Direction, Framed

KEPT_CHUNKS = 1024
KEPT_BYTES = 65536
FRAMES_SHOWN = 100


class Tap:
    """What `Link` calls with all bytes of the wire."""

    def __init__(self, gateway: Gateway, facts: LineFacts, recorder: Recorder | None = None) -> None:
        """Begin with nothing seen."""
        self._facts = facts
        self._clock = gateway.clock
        self._watch = gateway.watch
        self._patterns = gateway.watch.bytes
        self._recorder = recorder
        self._kept: deque[tuple[Direction, bytes, float, Framed | None]] = deque()
        self._kept_bytes = 0
        gateway.watch.hear(mbap=facts.framing is Framing.MBAP)

    def __call__(self, direction: Direction, chunk: bytes, now: float, connection: Framed | None = None) -> None:
        """Take a piece of the wire and the connection that it belongs to."""
        if direction is Direction.RECEIVED:
            self._watch.hear(mbap=self._framing(connection) is Framing.MBAP)
            self._patterns.take(chunk)
        if self._recorder is not None:
            self._recorder.take(direction, chunk, now, self._framing(connection))
        kept = self._kept
        kept.append((direction, chunk, now, connection))
        self._kept_bytes += len(chunk)
        while self._kept_bytes > KEPT_BYTES or len(kept) > KEPT_CHUNKS:
            self._kept_bytes -= len(kept.popleft()[1])

    def last_frames(self) -> list[dict[str, Any]]:
        """Return the last valid frames of both directions, oldest first, with their registers in words."""
        readers: dict[Framed | None, FrameReader] = {}
        frames: list[Seen] = []
        for direction, chunk, at, connection in tuple(self._kept):
            if connection not in readers:
                readers[connection] = FrameReader(self._framing(connection), self._facts.unit_ids)
            frames += readers[connection].feed(direction, chunk, at)
        return [seen.document() | {"at": self._clock.to_iso(seen.at)} for seen in frames[-FRAMES_SHOWN:]]

    def _framing(self, connection: Framed | None) -> Framing:
        """Return how a connection is framed, or what is to be expected while it does not tell."""
        known = None if connection is None else connection.framing
        return self._facts.framing if known is None else known
