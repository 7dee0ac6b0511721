"""Recognises Modbus of another kind among bytes that are no frames of ours, so that its owner can be told which.

A converter has a setting for it, and with the wrong one every byte is good and none is understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from neasmart.facts.status import BusCounters
from neasmart.sysbus.framing.kinds import Framing
from neasmart.sysbus.framing.mbap import MbapFramer
from neasmart.sysbus.framing.rtu import RtuFramer

_ASCII_LONGEST = 520
_ASCII = re.compile(rb":((?:[0-9A-Fa-f]{2}){4,256})\r\n")


class Strangers:
    """Looks at what one connection sends between its valid frames; keeps little and never raises."""

    def __init__(self, framing: Framing, unit_ids: Iterable[int], counters: BusCounters) -> None:
        """Count what is not of this framing."""
        self._framing = framing
        self._unit_ids = tuple(unit_ids)
        self._counters = counters
        self._rtu = RtuFramer(self._unit_ids)
        self._mbap = MbapFramer(in_step=False)
        self._ascii = AsciiFrames()
        self._looked = False
        self.frames = 0
        """How many frames of another kind have come since the last valid one."""

    def judge(self, chunk: bytes, now: float, *, valid: bool) -> None:
        """Take bytes, and whether they have completed a valid frame: then what came before was none of another kind."""
        if not valid:
            self._look(chunk, now)
        elif self._looked:
            self._looked = False
            self._rtu = RtuFramer(self._unit_ids)
            self._mbap = MbapFramer(in_step=False)
            self.frames = 0

    def _look(self, chunk: bytes, now: float) -> None:
        self._looked = True
        if self._framing is Framing.MBAP:
            other = len(self._rtu.feed(chunk, now))
            self._counters.rtu_on_tcp += other
        else:
            before = self._mbap.good
            self._mbap.feed(chunk, now)
            other = self._mbap.good - before
            self._counters.mbap_on_rtu += other
        written = self._ascii.feed(chunk)
        self._counters.ascii_frames += written
        self.frames += other + written


class AsciiFrames:
    """Counts frames of Modbus ASCII: a colon, hexadecimal digits with a checksum over them, and the end of the line."""

    def __init__(self) -> None:
        """Begin with nothing received."""
        self._buffer = b""

    def feed(self, chunk: bytes) -> int:
        """Take bytes; return how many frames they complete."""
        if not self._buffer and b":" not in chunk:
            return 0
        content = self._buffer + chunk
        found = 0
        end = 0
        for match in _ASCII.finditer(content):
            found += sum(bytes.fromhex(match[1].decode("ascii"))) % 256 == 0
            end = match.end()
        colon = content.rfind(b":", end)
        self._buffer = content[colon:] if colon >= 0 and len(content) - colon < _ASCII_LONGEST else b""
        return found
