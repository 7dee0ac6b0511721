"""Dresses frames of the bus as Modbus TCP in TCP, IPv4 and Ethernet, because Wireshark decodes that with no setting.

The base is 198.51.100.1, unit N is 192.0.2.N (addresses for documentation). Sequence numbers, acknowledgements and
checksums are right, so that no analysis complains.
"""

from __future__ import annotations

import struct

MODBUS_PORT = 502
_BASE_PORT = 49152
_BASE_IP = bytes((198, 51, 100, 1))
_IPV4 = b"\x08\x00"
_TCP = 6
_PUSH_ACK = 0x18
_WINDOW = 8192
_TTL = 64
_FIRST = 1


class ModbusTcpStreams:
    """One TCP connection for each unit id."""

    def __init__(self) -> None:
        """Begin all connections anew."""
        self._next: dict[tuple[int, bool], int] = {}
        self._transactions: dict[int, int] = {}
        self._last_transaction = 0
        self._packet_id = 0

    def packet(self, unit_id: int, pdu: bytes, *, reply: bool, transaction_id: int | None = None) -> bytes:
        """Return the Ethernet frame of a request or reply; RTU frames get a transaction id of their own."""
        if transaction_id is None:
            transaction_id = self._transaction(unit_id, reply=reply)
        adu = struct.pack(">HHHB", transaction_id, 0, len(pdu) + 1, unit_id) + pdu
        unit_ip = bytes((192, 0, 2, unit_id))
        sequence = self._next.get((unit_id, reply), _FIRST)
        acknowledged = self._next.get((unit_id, not reply), _FIRST)
        self._next[unit_id, reply] = (sequence + len(adu)) & 0xFFFFFFFF
        ends = (unit_ip, _BASE_IP) if reply else (_BASE_IP, unit_ip)
        ports = (MODBUS_PORT, _BASE_PORT) if reply else (_BASE_PORT, MODBUS_PORT)
        head = struct.pack(">HHIIBBHHH", *ports, sequence, acknowledged, 5 << 4, _PUSH_ACK, _WINDOW, 0, 0)
        pseudo = ends[0] + ends[1] + struct.pack(">BBH", 0, _TCP, len(head) + len(adu))
        check = _checksum(pseudo + head + adu)
        segment = head[:16] + check + head[18:] + adu
        return _mac(ends[1]) + _mac(ends[0]) + _IPV4 + self._ip(ends, len(segment)) + segment

    def _ip(self, ends: tuple[bytes, bytes], length: int) -> bytes:
        self._packet_id = (self._packet_id + 1) & 0xFFFF
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, self._packet_id, 0, _TTL, _TCP, 0) + ends[0] + ends[1]
        return head[:10] + _checksum(head) + head[12:]

    def _transaction(self, unit_id: int, *, reply: bool) -> int:
        if reply:
            return self._transactions.get(unit_id, 0)
        self._last_transaction = self._last_transaction % 0xFFFF + 1
        self._transactions[unit_id] = self._last_transaction
        return self._last_transaction


def _mac(address: bytes) -> bytes:
    return b"\x02\x00" + address


def _checksum(content: bytes) -> bytes:
    padded = content + bytes(len(content) % 2)
    total = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack(">H", ~total & 0xFFFF)
