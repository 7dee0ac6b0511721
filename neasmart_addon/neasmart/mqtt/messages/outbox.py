"""What is still to be published: the last payload of each topic, steady in the long run and quick when it matters.

What a person did is echoed before everything else and never waits, and announcements are not held back. The rest has
a stock of messages that may go out at once and that grows by ten a second, so a change that touches sixty rooms
arrives whole, while a house that never rests cannot flood the broker. What came back from the broker and is not from
us is noticed.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass

RATE = 10.0
STOCK = 600
"""A little more than all topics of sixty rooms that a change of season or of the whole house touches."""
_AWAITED = 8
_EVENTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message; what is not retained is something that happened.

    The broker shall acknowledge the last of a series of announcements: one that hangs is noticed, and sixty rooms do
    not cost sixty journeys to it.
    """

    topic: str
    payload: str
    retained: bool = True
    acknowledged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many messages may go out at once, and how many more each second."""

    stock: int = STOCK
    rate: float = RATE


class Outbox:
    """Messages by topic; what the broker already has is not said twice."""

    def __init__(self, pace: Pace | None = None) -> None:
        """Start without pace and without anything to say."""
        self.paced = False
        self._pace = pace or Pace()
        self._stock = float(self._pace.stock)
        self._stock_at = 0.0
        self._urgent: OrderedDict[str, str] = OrderedDict()
        self._unpaced: OrderedDict[str, str] = OrderedDict()
        self._waiting: OrderedDict[str, str] = OrderedDict()
        self._queues = [self._urgent, self._unpaced, self._waiting]
        self._events: deque[Message] = deque(maxlen=_EVENTS)
        self._said: dict[str, str] = {}
        self._awaited: dict[str, deque[str]] = {}

    def put(
        self, topic: str, payload: str, *, urgent: bool = False, unpaced: bool = False, repeat: bool = False
    ) -> bool:
        """Say `payload` on `topic`, once more even if nothing has changed with `repeat`; return whether it waits.

        What is `unpaced` keeps its order and its place behind the echoes.
        """
        queue = self._urgent if urgent else self._unpaced if unpaced else self._waiting
        before = next((each for each in self._queues if topic in each), queue)
        if not repeat and self._said.get(topic) == payload:
            before.pop(topic, None)
            return False
        # What waits in a quicker queue stays there.
        queue = min(before, queue, key=self._queues.index)
        if repeat or queue is not before:
            # It belongs behind all that was put before it; everything else keeps its place.
            before.pop(topic, None)
        queue[topic] = payload
        return True

    def tell(self, topic: str, payload: str, *, retained: bool = False) -> None:
        """Say that something happened: each such message goes out, in order; the broker keeps the last one or none."""
        for queue in self._queues if retained else ():
            queue.pop(topic, None)
        self._events.append(Message(topic=topic, payload=payload, retained=retained))

    def keep_pace(self) -> None:
        """Say what has no hurry at the pace from now on."""
        self.paced = True

    def forget(self) -> None:
        """Assume that the broker knows nothing, and start without pace; what happened before is no news any more."""
        for queue in self._queues:
            queue.clear()
        self._events.clear()
        self._said.clear()
        self._awaited.clear()
        self.paced = False

    def next(self, now: float) -> Message | None:
        """Return the next message if it may go out now; the caller publishes it or forgets everything."""
        if self._urgent:
            return self._sent(*self._urgent.popitem(last=False))
        if self._events:
            message = self._events.popleft()
            if message.retained:
                return self._sent(message.topic, message.payload)
            self._await(message.topic, message.payload)
            return message
        if self._unpaced:
            topic, payload = self._unpaced.popitem(last=False)
            return self._sent(topic, payload, acknowledged=not self._unpaced)
        if not self._waiting or (self.paced and not self._may_go(now)):
            return None
        return self._sent(*self._waiting.popitem(last=False))

    def heard(self, topic: str, payload: str) -> bool:
        """Return whether a message that the broker sent us on one of our topics is our own."""
        awaited = self._awaited.get(topic)
        if not awaited or payload not in awaited:
            # Some brokers send a message twice where two of our filters fit it.
            return self._said.get(topic) == payload
        while awaited.popleft() != payload:
            pass
        return True

    def known(self, topic: str) -> bool:
        """Return whether this is a topic on which we have something to say."""
        return topic in self._said

    def restore(self, topic: str) -> None:
        """Say again what we said last on a topic, unless something newer waits."""
        if topic in self._said and not self.holds({topic}):
            self._urgent[topic] = self._said[topic]

    def wait_s(self, now: float) -> float | None:
        """Return the seconds until the next message may go out, None if there is none."""
        if self._urgent or self._events or self._unpaced:
            return 0.0
        if not self._waiting:
            return None
        return max(0.0, (1.0 - self._filled(now)) / self._pace.rate) if self.paced else 0.0

    def holds(self, topics: set[str]) -> bool:
        """Return whether any of the topics still waits."""
        return not all(topics.isdisjoint(queue) for queue in self._queues)

    def _may_go(self, now: float) -> bool:
        self._stock, self._stock_at = self._filled(now), now
        if self._stock < 1.0:
            return False
        self._stock -= 1.0
        return True

    def _filled(self, now: float) -> float:
        return min(float(self._pace.stock), self._stock + max(0.0, now - self._stock_at) * self._pace.rate)

    def _sent(self, topic: str, payload: str, *, acknowledged: bool = False) -> Message:
        self._said[topic] = payload
        self._await(topic, payload)
        return Message(topic=topic, payload=payload, acknowledged=acknowledged)

    def _await(self, topic: str, payload: str) -> None:
        self._awaited.setdefault(topic, deque(maxlen=_AWAITED)).append(payload)
