"""What is still to be published: the last payload of each topic, at most ten messages a second once all is said.

The first publication goes out as fast as the broker takes it; afterwards a change of mode that touches sixty rooms must
not flood the broker. Echoes of commands overtake everything else.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

PACE_S = 0.105
"""A little more than a tenth of a second, so that no second holds more than ten messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One retained message."""

    topic: str
    payload: str


class Outbox:
    """Messages by topic; what the broker already has is not said twice."""

    def __init__(self, *, pace_s: float = PACE_S) -> None:
        """Start without pace and without anything to say."""
        self.paced = False
        self._pace_s = pace_s
        self._waiting: OrderedDict[str, str] = OrderedDict()
        self._said: dict[str, str] = {}
        self._next_at = 0.0

    def put(self, topic: str, payload: str, *, urgent: bool = False, repeat: bool = False) -> bool:
        """Say `payload` on `topic`, once more even if nothing has changed with `repeat`; return whether it waits."""
        if not repeat and self._said.get(topic) == payload:
            self._waiting.pop(topic, None)
            return False
        self._waiting[topic] = payload
        if urgent:
            self._waiting.move_to_end(topic, last=False)
        return True

    def forget(self) -> None:
        """Assume that the broker knows nothing, and start without pace."""
        self._said.clear()
        self._waiting.clear()
        self.paced = False

    def next(self, now: float) -> Message | None:
        """Return the next message if it may go out now; the caller publishes it or forgets everything."""
        if not self._waiting or (self.paced and now < self._next_at):
            return None
        topic, payload = self._waiting.popitem(last=False)
        self._said[topic] = payload
        self._next_at = now + self._pace_s
        return Message(topic=topic, payload=payload)

    def wait_s(self, now: float) -> float | None:
        """Return the seconds until the next message may go out, None if there is none."""
        if not self._waiting:
            return None
        return max(0.0, self._next_at - now) if self.paced else 0.0

    def holds(self, topics: set[str]) -> bool:
        """Return whether any of the topics still waits."""
        return not topics.isdisjoint(self._waiting)

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._waiting)
