"""Who carried a frame, so that a command ends only by what its own bus says."""

from __future__ import annotations


class Carrier:
    """One connection to the bus; `host` is the peer's address, empty for a device of this computer."""

    __slots__ = ("host", "open", "polls")

    def __init__(self, host: str = "") -> None:
        """Start open, and without having polled us."""
        self.host = host
        self.open = True
        self.polls = False

    def polled(self) -> None:
        """Note that it has carried a poll of ours."""
        self.polls = True

    def ended(self) -> None:
        """Note that it is closed."""
        self.open = False

    def follows(self, other: Carrier) -> bool:
        """Return whether this is the same connection or, when that one has ended, its successor from the same host."""
        return self is other or (not other.open and self.host == other.host)
