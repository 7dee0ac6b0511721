"""Looks at every byte of the wire on its way, for the doctor, the recorder and the frames that were last seen.

It is called between a request and its reply, so it only keeps what it is given; all else is done later by others.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from neasmart.core.commands.carrier import Carrier
from neasmart.core.gateway import Gateway
from neasmart.sysbus.capture.capture import LineFacts
from neasmart.sysbus.capture.recorder import Recorder
from neasmart.sysbus.capture.seen import FrameReader, Seen
from neasmart.sysbus.framing.kinds import Framing
from neasmart.sysbus.line.connection import Direction

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
        self._kept: deque[tuple[Direction, bytes, float, Carrier | None, Framing | None]] = deque()
        self._kept_bytes = 0
        gateway.watch.hear(mbap=facts.framing is Framing.MBAP)

    def __call__(
        self,
        direction: Direction,
        chunk: bytes,
        now: float,
        carrier: Carrier | None = None,
        framing: Framing | None = None,
    ) -> None:
        """Take a piece of the wire, who carried it, and how that one's frames stand in the stream if that is known."""
        expected = framing or self._facts.framing
        if direction is Direction.RECEIVED:
            self._watch.hear(mbap=expected is Framing.MBAP)
            self._patterns.take(chunk)
        if self._recorder is not None:
            self._recorder.take(direction, chunk, now, expected)
        kept = self._kept
        kept.append((direction, chunk, now, carrier, framing))
        self._kept_bytes += len(chunk)
        while self._kept_bytes > KEPT_BYTES or len(kept) > KEPT_CHUNKS:
            self._kept_bytes -= len(kept.popleft()[1])

    def last_frames(self) -> list[dict[str, Any]]:
        """Return the last valid frames of both directions, oldest first, with their registers in words.

        Takes some 8 ms, and may be called in a thread: what was kept is copied in one step.
        """
        kept = tuple(self._kept)
        # The first pieces of a connection may have come before its framing was known.
        framings = {carrier: framing for _, _, _, carrier, framing in kept if framing is not None}
        readers: dict[Carrier | None, FrameReader] = {}
        frames: list[Seen] = []
        for direction, chunk, at, carrier, _ in kept:
            if carrier not in readers:
                readers[carrier] = FrameReader(framings.get(carrier, self._facts.framing), self._facts.unit_ids)
            frames += readers[carrier].feed(direction, chunk, at)
        return [seen.document() | {"at": self._clock.to_iso(seen.at)} for seen in frames[-FRAMES_SHOWN:]]
