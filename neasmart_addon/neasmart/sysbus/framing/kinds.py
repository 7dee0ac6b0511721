"""The two ways in which frames stand in the stream of bytes of a connection."""

from __future__ import annotations

from enum import StrEnum


class Framing(StrEnum):
    """RTU: unit id, PDU and checksum. MBAP: the header of Modbus TCP, unit id and PDU."""

    RTU = "rtu"
    MBAP = "mbap"
