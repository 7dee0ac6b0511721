"""Watches that a client masks its WebSocket frames, which the library does not.

RFC 6455, section 5.1: a server closes the connection with 1002 when it receives a frame that is not masked.
"""

from __future__ import annotations

_MASK = 0x80
_MASK_BYTES = 4
_LENGTHS = {126: 2, 127: 8}
"""Bytes that a longer length takes, by what stands in its place."""


class MaskWatch:
    """Follows the frames of a stream by their heads alone, however it is cut."""

    def __init__(self) -> None:
        """Start before the first frame."""
        self._head = bytearray()
        self._payload_left = 0

    def all_masked(self, content: bytes) -> bool:
        """Return whether every frame that begins in these bytes is masked; asked no more once one was not."""
        at = 0
        while at < len(content):
            if self._payload_left:
                step = min(self._payload_left, len(content) - at)
                self._payload_left -= step
                at += step
                continue
            self._head.append(content[at])
            at += 1
            if len(self._head) == 2:  # noqa: PLR2004 - where the mask's bit stands
                if not self._head[1] & _MASK:
                    return False
            elif len(self._head) < 2:  # noqa: PLR2004 - the same
                continue
            flag = self._head[1] & ~_MASK
            longer = _LENGTHS.get(flag, 0)
            if len(self._head) == 2 + longer + _MASK_BYTES:
                self._payload_left = int.from_bytes(self._head[2 : 2 + longer]) if longer else flag
                self._head.clear()
        return True
