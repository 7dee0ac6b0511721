"""CRC-16/Modbus, because every frame on the bus ends with one (polynomial 0xA001 reflected, start 0xFFFF)."""

from __future__ import annotations

from functools import lru_cache


def _table() -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
        rows.append(crc)
    return tuple(rows)


_TABLE = _table()


def crc16(content: bytes | bytearray) -> int:
    """Return the checksum; over a whole frame including its checksum it is 0."""
    crc = 0xFFFF
    table = _TABLE
    for byte in content:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc


@lru_cache(maxsize=512)
def with_crc(content: bytes) -> bytes:
    """Return the content followed by its checksum, low byte first; most of what is said is said again and again."""
    return content + crc16(content).to_bytes(2, "little")
