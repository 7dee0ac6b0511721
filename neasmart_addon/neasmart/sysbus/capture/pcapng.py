"""Writes and reads the few kinds of blocks of a pcapng file that a capture of the bus needs.

Source: draft-ietf-opsawg-pcapng. Little-endian is written; both byte orders are read. Files are hostile: whatever the
bytes are, the reader yields packets or raises `CaptureError`, and it never keeps more than one block.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from neasmart.facts.errors import NeasmartError

ETHERNET = 1
RTAC_SERIAL = 250
BLOCK_LIMIT = 1 << 20
"""No block of ours comes near; a longer one is refused before memory is taken for it."""
INTERFACES_LIMIT = 64
INBOUND, OUTBOUND = 1, 2

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_MAGIC = 0x1A2B3C4D
_END, _COMMENT, _USER_APPLICATION, _NAME, _DESCRIPTION, _RESOLUTION, _FLAGS = 0, 1, 4, 2, 3, 9, 2
_SNAP_LENGTH = 262_144
_MICROSECONDS = 6
_HEAD = 8
_FRAME = 12


class CaptureError(NeasmartError):
    """A capture file cannot be read; the message says where and why."""

    code = "invalid_capture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """Where packets were taken: link type, a short name and a sentence."""

    link_type: int
    name: str = ""
    description: str = ""
    ticks_per_s: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One packet; `at` is Unix time in microseconds."""

    interface: Interface
    at_us: int
    content: bytes


def section(application: str, comment: str) -> bytes:
    """Return the block that begins a file."""
    options = _option(_USER_APPLICATION, application) + _option(_COMMENT, comment) + _option(_END)
    return _block(_SECTION, struct.pack("<IHHq", _MAGIC, 1, 0, -1) + options)


def interface(described: Interface) -> bytes:
    """Return the block of an interface; packets name interfaces by the order of these blocks."""
    options = (
        _option(_NAME, described.name)
        + _option(_DESCRIPTION, described.description)
        + _option(_RESOLUTION, bytes((_MICROSECONDS,)))
        + _option(_END)
    )
    return _block(_INTERFACE, struct.pack("<HHI", described.link_type, 0, _SNAP_LENGTH) + options)


def packet(number: int, at_us: int, content: bytes, *, direction: int = 0, comment: str = "") -> bytes:
    """Return the block of one packet of an interface; `direction` is INBOUND, OUTBOUND or 0."""
    options = _option(_COMMENT, comment) if comment else b""
    if direction:
        options += _option(_FLAGS, struct.pack("<I", direction))
    if options:
        options += _option(_END)
    head = struct.pack("<IIIII", number, at_us >> 32, at_us & 0xFFFFFFFF, len(content), len(content))
    return _block(_PACKET, head + _padded(content) + options)


def packets(file: BinaryIO) -> Iterator[Packet]:
    """Yield the packets of all interfaces in the order of the file; raise CaptureError.

    A file that ends in the middle of a block is what a power failure leaves; what comes before is worth reading.
    """
    order = "<"
    interfaces: list[Interface] | None = None
    while True:
        at = file.tell()
        head = file.read(_HEAD)
        if int.from_bytes(head[:4], "little") == _SECTION and len(head) == _HEAD:
            order = _order_of(file, at)
            interfaces = []
        elif interfaces is None:
            raise CaptureError("This is no pcapng file: it does not begin with a section header")
        body = _body_of(file, head, order, at)
        if body is None:
            return
        kind = int(struct.unpack(f"{order}I", head[:4])[0])
        if kind == _INTERFACE:
            if len(interfaces) >= INTERFACES_LIMIT:
                raise CaptureError(f"The file has more than {INTERFACES_LIMIT} interfaces")
            interfaces.append(_interface_of(body, order, at))
        elif kind == _PACKET:
            yield _packet_of(body, order, interfaces, at)


def _body_of(file: BinaryIO, head: bytes, order: str, at: int) -> bytes | None:
    """Return the content of a block between its two lengths, None at the end of the file."""
    if len(head) < _HEAD:
        return None
    length = int(struct.unpack(f"{order}I", head[4:])[0])
    if length % 4 or not _FRAME <= length <= BLOCK_LIMIT:
        raise CaptureError(f"The block at byte {at} has the impossible length {length}")
    body = file.read(length - _HEAD)
    if len(body) < length - _HEAD:
        return None
    if body[-4:] != head[4:]:
        raise CaptureError(f"The block at byte {at} ends with another length than it begins with")
    return body[:-4]


def _order_of(file: BinaryIO, at: int) -> str:
    magic = file.read(4)
    file.seek(at + 8)
    for order in "<>":
        if magic == struct.pack(f"{order}I", _MAGIC):
            return order
    raise CaptureError(f"The section at byte {at} has no byte-order magic")


def _interface_of(body: bytes, order: str, at: int) -> Interface:
    if len(body) < 8:  # noqa: PLR2004 - link type, reserved, snap length
        raise CaptureError(f"The interface at byte {at} is too short")
    options = _options_of(body[8:], order)
    resolution = options.get(_RESOLUTION, b"\x06")[:1] or b"\x06"
    power = resolution[0] & 0x7F
    if power > 18:  # noqa: PLR2004 - attoseconds
        raise CaptureError(f"The interface at byte {at} has an impossible resolution of time")
    return Interface(
        link_type=int(struct.unpack(f"{order}H", body[:2])[0]),
        name=options.get(_NAME, b"").decode("utf-8", "replace"),
        description=options.get(_DESCRIPTION, b"").decode("utf-8", "replace"),
        ticks_per_s=2**power if resolution[0] & 0x80 else 10**power,
    )


def _packet_of(body: bytes, order: str, interfaces: list[Interface], at: int) -> Packet:
    if len(body) < 20:  # noqa: PLR2004 - interface, two halves of the time, two lengths
        raise CaptureError(f"The packet at byte {at} is too short")
    number, high, low, captured, _ = struct.unpack(f"{order}IIIII", body[:20])
    if number >= len(interfaces):
        raise CaptureError(f"The packet at byte {at} is of interface {number}, which is not described")
    if captured > len(body) - 20:
        raise CaptureError(f"The packet at byte {at} is longer than its block")
    ticks = high << 32 | low
    return Packet(
        interface=interfaces[number],
        at_us=ticks * 1_000_000 // interfaces[number].ticks_per_s,
        content=body[20 : 20 + captured],
    )


def _options_of(content: bytes, order: str) -> dict[int, bytes]:
    options: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(content):
        code, length = struct.unpack(f"{order}HH", content[at : at + 4])
        if code == _END:
            break
        options.setdefault(code, content[at + 4 : at + 4 + length])
        at += 4 + length + -length % 4
    return options


def _option(code: int, value: str | bytes = b"") -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return struct.pack("<HH", code, len(content)) + _padded(content)


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + _FRAME)
    return struct.pack("<I", kind) + length + body + length
