"""What a capture of the bus holds, written for Wireshark and for `replay` at the same time.

A file has one interface for frames and one for each framing of the line. "frames" carries every valid frame as Modbus
TCP, which Wireshark decodes with no setting, with the registers' names and values as comment. "line" carries every byte
of the wire as it came, noise included, as RTAC serial packets: that link type has a field for the direction, and
Wireshark shows it without complaint.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from neasmart import __version__
from neasmart.sysbus.capture import pcapng
from neasmart.sysbus.capture.packets import ModbusTcpStreams
from neasmart.sysbus.capture.pcapng import CaptureError, Interface
from neasmart.sysbus.capture.seen import FrameReader, Seen
from neasmart.sysbus.framing.kinds import Framing
from neasmart.sysbus.line.connection import Direction

CHUNK_LIMIT = 4096
COMMENT_LIMIT = 1000

_FRAMES = 0
_LINE_NAME = "line"
_RTAC = struct.Struct(">IIBBH")
_RTAC_SENT, _RTAC_RECEIVED = 1, 2
_DESCRIPTION = re.compile(r"framing (rtu|mbap), unit ids ((?:\d{1,3}, )*\d{1,3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of the wire; `at` is Unix time in seconds with microseconds, `framing` None if it is that of the line."""

    at: float
    direction: Direction
    content: bytes
    framing: Framing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFacts:
    """What must be known to read the bytes of a line again; connections of another framing tell it themselves."""

    framing: Framing
    unit_ids: tuple[int, ...]


class CaptureWriter:
    """Turns pieces of the wire into blocks of a file; gives bytes and writes none itself."""

    def __init__(self, facts: LineFacts) -> None:
        """Begin a capture."""
        self._facts = facts
        self._lines: dict[Framing, int] = {}
        self._readers = FrameReaders(facts)
        self._streams = ModbusTcpStreams()

    def begin(self) -> bytes:
        """Return what stands at the beginning of the file."""
        return b"".join(
            (
                pcapng.section(f"neasmart {__version__}", "SYSBUS of a NEA SMART 2.0"),
                pcapng.interface(
                    Interface(
                        link_type=pcapng.ETHERNET,
                        name="frames",
                        description="Every valid frame as Modbus TCP; 198.51.100.1 is the base, 192.0.2.N unit N",
                    )
                ),
                self._line(self._facts.framing),
            )
        )

    def chunk(self, chunk: Chunk) -> bytes:
        """Return the blocks of a piece of the wire: the piece itself, then the frames that it completes."""
        at_us = round(chunk.at * 1_000_000)
        sent = chunk.direction is Direction.SENT
        flow = pcapng.OUTBOUND if sent else pcapng.INBOUND
        framing = chunk.framing or self._facts.framing
        blocks = [] if framing in self._lines else [self._line(framing)]
        for offset in range(0, len(chunk.content), CHUNK_LIMIT):
            piece = chunk.content[offset : offset + CHUNK_LIMIT]
            event = _RTAC_SENT if sent else _RTAC_RECEIVED
            head = _RTAC.pack(at_us // 1_000_000 & 0xFFFFFFFF, at_us % 1_000_000, event, 0, 0)
            blocks.append(pcapng.packet(self._lines[framing], at_us, head + piece, direction=flow))
        for seen in self._readers.feed(chunk):
            if not seen.regular:
                continue
            dressed = self._streams.packet(seen.unit_id, seen.pdu, reply=seen.reply, transaction_id=seen.transaction_id)
            comment = "; ".join(register.text for register in seen.registers)[:COMMENT_LIMIT]
            blocks.append(pcapng.packet(_FRAMES, at_us, dressed, direction=flow, comment=comment))
        return b"".join(blocks)

    def _line(self, framing: Framing) -> bytes:
        """Return the block that begins the line of a framing; such a block may stand anywhere before its packets."""
        self._lines[framing] = _FRAMES + 1 + len(self._lines)
        ids = ", ".join(map(str, self._facts.unit_ids))
        return pcapng.interface(
            Interface(
                link_type=pcapng.RTAC_SERIAL,
                name=_LINE_NAME,
                description=f"Every byte as it came: framing {framing.value}, unit ids {ids}",
            )
        )


class FrameReaders:
    """Cuts pieces of the wire into frames, each as its line is framed."""

    def __init__(self, facts: LineFacts) -> None:
        """Begin with nothing received."""
        self._facts = facts
        self._readers: dict[Framing, FrameReader] = {}

    def feed(self, chunk: Chunk) -> list[Seen]:
        """Take a piece; return the frames that it completes."""
        framing = chunk.framing or self._facts.framing
        if framing not in self._readers:
            self._readers[framing] = FrameReader(framing, self._facts.unit_ids)
        return self._readers[framing].feed(chunk.direction, chunk.content, chunk.at)


class CaptureReader:
    """A capture file that is read."""

    def __init__(self, file: BinaryIO) -> None:
        """Look for the line's interface; raise CaptureError if the file is none of ours."""
        self._file = file
        found = next((packet for packet in pcapng.packets(file) if packet.interface.name == _LINE_NAME), None)
        if found is None:
            raise CaptureError("The capture has no bytes of a line; only captures of this gateway can be replayed")
        self.facts = _facts(found.interface)

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the pieces of the wire from the beginning."""
        self._file.seek(0)
        for packet in pcapng.packets(self._file):
            if packet.interface.name != _LINE_NAME or packet.interface.link_type != pcapng.RTAC_SERIAL:
                continue
            if len(packet.content) < _RTAC.size:
                raise CaptureError("A packet of the line is shorter than its head")
            event = packet.content[8]
            direction = Direction.SENT if event == _RTAC_SENT else Direction.RECEIVED
            framing = _facts(packet.interface).framing
            yield Chunk(
                at=packet.at_us / 1_000_000,
                direction=direction,
                content=packet.content[_RTAC.size :],
                framing=None if framing is self.facts.framing else framing,
            )


def written(facts: LineFacts, chunks: Iterable[Chunk]) -> bytes:
    """Return a whole capture."""
    writer = CaptureWriter(facts)
    return writer.begin() + b"".join(writer.chunk(chunk) for chunk in chunks)


def _facts(interface: Interface) -> LineFacts:
    found = _DESCRIPTION.search(interface.description)
    if found is None:
        raise CaptureError("The capture does not say how its line is framed")
    unit_ids = tuple(int(text) for text in found[2].split(", "))
    if not all(0 < unit_id <= 255 for unit_id in unit_ids):  # noqa: PLR2004 - one byte
        raise CaptureError(f"The capture names impossible unit ids: {found[2]}")
    return LineFacts(framing=Framing(found[1]), unit_ids=unit_ids)
