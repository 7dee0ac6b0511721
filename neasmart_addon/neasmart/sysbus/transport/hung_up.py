"""What a server of serial lines does instead of serving."""

from __future__ import annotations


class HungUpError(OSError):
    """A server has accepted the connection and ended it before it agreed to serve; `said` is what it wrote first."""

    def __init__(self, said: bytes) -> None:
        """Keep the words."""
        super().__init__("the server hangs up")
        self.said = said
