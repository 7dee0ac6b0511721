"""Measures how the base walks its registers, because nobody knows yet: cycle, gaps, cadence, order and block shapes.

Between a request and its reply a frame only costs one append; the rest is counted once a second. All memory is bounded.
Times are monotonic seconds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import Any

from neasmart.facts.codecs import READ, WRITE_SINGLE, FunctionCode
from neasmart.facts.registers import ADDRESS_LIMIT

WAITING_FRAMES = 2048
"""Frames between two counts; a serial line carries 500 in a second, so only a flood over TCP is cut."""
BLOCKS = 512
REGISTERS = 1024
UNITS = 256
CYCLES = 32
ORDER = 600
MARKER_LOST_S = 300.0
GAP_LIMITS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)

_FUNCTIONS = frozenset(FunctionCode)
_HEAD = 5

Block = tuple[int, int, int, int]
"""Unit id, function code, first register, number of registers."""


class Spread:
    """Number, smallest, largest and mean of times in seconds."""

    __slots__ = ("count", "high", "low", "total")

    def __init__(self) -> None:
        """Start without any."""
        self.count = 0
        self.total = self.high = 0.0
        self.low = float("inf")

    def add(self, value_s: float) -> None:
        """Take one time."""
        self.count += 1
        self.total += value_s
        self.low = min(self.low, value_s)
        self.high = max(self.high, value_s)

    def document(self) -> dict[str, Any]:
        """Return what is known in milliseconds' precision, None where nothing is."""
        if not self.count:
            return {"count": 0, "min": None, "mean": None, "max": None}
        return {
            "count": self.count,
            "min": round(self.low, 4),
            "mean": round(self.total / self.count, 4),
            "max": round(self.high, 4),
        }


class _Recurring:
    """Something that comes again and again."""

    __slots__ = ("count", "intervals", "last_at")

    def __init__(self) -> None:
        self.count = 0
        self.last_at = 0.0
        self.intervals = Spread()

    def seen(self, at: float) -> None:
        if self.count:
            self.intervals.add(max(0.0, at - self.last_at))
        self.count += 1
        self.last_at = at

    def document(self, now: float) -> dict[str, Any]:
        return {
            "count": self.count,
            "age_s": round(max(0.0, now - self.last_at), 1),
            "every_s": self.intervals.document(),
        }


class Traffic:
    """What valid frames have shown of the base's habits since the start."""

    def __init__(self) -> None:
        """Start without frames."""
        self._waiting: deque[tuple[float, int, bytes]] = deque(maxlen=WAITING_FRAMES)
        self.heard = self._waiting.append
        """Note a valid frame: its time, unit id and PDU; a reply of somebody comes with an empty PDU."""
        self._last_at: float | None = None
        self._gaps = Spread()
        self._gap_counts = [0] * (len(GAP_LIMITS_S) + 1)
        self._blocks: dict[Block, _Recurring] = {}
        self._registers: dict[tuple[str, int], _Recurring] = {}
        self._units: dict[int, int] = {}
        self._beyond = 0
        self._marker: Block | None = None
        self._began = 0.0
        self._cycles: deque[float] = deque(maxlen=CYCLES)
        self._walk: list[Block] = []
        self._order: list[Block] = []

    def digest(self, at_once: int = WAITING_FRAMES) -> bool:
        """Count so much of what has been noted; return whether there is more. Called about once a second."""
        waiting = self._waiting
        for _ in range(min(at_once, len(waiting))):
            self._count(*waiting.popleft())
        return bool(waiting)

    @property
    def units(self) -> dict[int, int]:
        """How many frames named each unit id, 0 for broadcasts."""
        self.digest()
        return dict(sorted(self._units.items()))

    def document(self, now: float) -> dict[str, Any]:
        """Return all figures with plain types, ages against `now`."""
        self.digest()
        return {
            "cycle_s": {
                "last": round(self._cycles[-1], 3) if self._cycles else None,
                "shortest": round(min(self._cycles), 3) if self._cycles else None,
                "longest": round(max(self._cycles), 3) if self._cycles else None,
                "count": len(self._cycles),
                "measured_at": None if self._marker is None else _block_text(self._marker),
            },
            "gaps_s": self._gaps.document()
            | {
                "histogram": [
                    {"up_to_s": limit, "count": count}
                    for limit, count in zip((*GAP_LIMITS_S, None), self._gap_counts, strict=True)
                ]
            },
            "units": {str(unit_id): count for unit_id, count in self.units.items()},
            "order": [_block_text(block) for block in self._order],
            "blocks": [
                {
                    "unit_id": block[0],
                    "function_code": block[1],
                    "address": block[2],
                    "registers": block[3],
                    **known.document(now),
                }
                for block, known in sorted(self._blocks.items())
            ],
            "registers": [
                {"address": address, "direction": direction, **known.document(now)}
                for (direction, address), known in sorted(self._registers.items(), key=lambda item: item[0][::-1])
            ],
            "not_counted": self._beyond,
        }

    def _count(self, at: float, unit_id: int, pdu: bytes) -> None:
        if self._last_at is not None:
            gap_s = max(0.0, at - self._last_at)
            self._gaps.add(gap_s)
            self._gap_counts[bisect_left(GAP_LIMITS_S, gap_s)] += 1
        self._last_at = at
        if unit_id in self._units or len(self._units) < UNITS:
            self._units[unit_id] = self._units.get(unit_id, 0) + 1
        if len(pdu) < _HEAD or pdu[0] not in _FUNCTIONS:
            return
        function = pdu[0]
        address = pdu[1] << 8 | pdu[2]
        count = 1 if function == WRITE_SINGLE else pdu[3] << 8 | pdu[4]
        block = (unit_id, function, address, count)
        known = self._blocks.get(block)
        if known is None:
            if len(self._blocks) >= BLOCKS:
                self._beyond += 1
                return
            known = self._blocks[block] = _Recurring()
        known.seen(at)
        self._follow_walk(block, at)
        direction = "polled" if function == READ else "written"
        for each in range(address, min(address + count, ADDRESS_LIMIT)):
            register = self._registers.get((direction, each))
            if register is None:
                if len(self._registers) >= REGISTERS:
                    self._beyond += 1
                    return
                register = self._registers[direction, each] = _Recurring()
            register.seen(at)

    def _follow_walk(self, block: Block, at: float) -> None:
        """Measure the walk from one poll of a block to the next; a block that stays away is replaced by another."""
        marker = self._marker
        if block[1] == READ and (marker is None or at - self._began > MARKER_LOST_S):
            self._marker = block
            self._began = at
            self._walk = [block]
            return
        if marker is None:
            return
        if block == marker:
            self._cycles.append(at - self._began)
            self._order, self._walk = self._walk, []
            self._began = at
        if len(self._walk) < ORDER:
            self._walk.append(block)


def _block_text(block: Block) -> str:
    """Return for example ``read 240: 100+2``."""
    unit_id, function, address, count = block
    verb = "read" if function == READ else "write"
    return f"{verb} {unit_id}: {address}+{count}"
