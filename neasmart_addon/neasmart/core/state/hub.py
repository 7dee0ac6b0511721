"""Hands the state to all consumers: a snapshot, then changes, conflated for those who are slow.

A consumer that falls behind gets fewer, larger batches. What it can miss is bounded by the number of keys, so there is
no overflow and nobody waits for anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


class Subscription:
    """The changes that one consumer has not seen yet: the last item of each key."""

    def __init__(self, *, repeats: bool = True, only: str | None = None) -> None:
        """Start with nothing pending; without `repeats` nobody is woken for what is told again and has not changed.

        With `only` nothing but that key is told.
        """
        self._repeats = repeats
        self._only = only
        self._pending: dict[str, object] = {}
        self._repeated: dict[str, object] = {}
        self._ready = asyncio.Event()

    def offer(self, key: str, item: object, *, repeated: bool = False) -> None:
        """Replace what is pending for the key."""
        if self._only is not None and key != self._only:
            return
        if repeated and not self._repeats and key not in self._pending:
            self._repeated[key] = item
            return
        self._repeated.pop(key, None)
        self._pending[key] = item
        self._ready.set()

    async def batch(self) -> dict[str, object]:
        """Wait until something has changed, then return all of it, the last item of each key."""
        await self._ready.wait()
        return self.take()

    def take(self, at_most: int | None = None) -> dict[str, object]:
        """Return what has changed without waiting, so much of it if told how much; empty if nothing has."""
        if at_most is not None and len(self._pending) > at_most:
            return {key: self._pending.pop(key) for key in list(islice(self._pending, at_most))}
        self._ready.clear()
        batch, self._pending = self._pending, {}
        return batch

    def repeated(self) -> dict[str, object]:
        """Return what was told again meanwhile without waking anybody, the last item of each key."""
        repeated, self._repeated = self._repeated, {}
        return repeated


class Hub:
    """The latest item of every key, and those who want to know of changes.

    Keys are ``reading/<point id>``, ``command/<point id>`` and ``status/<part>``.
    """

    def __init__(self) -> None:
        """Start without state."""
        self._state: dict[str, object] = {}
        self._subscriptions: set[Subscription] = set()

    def publish(self, key: str, item: object, *, repeated: bool = False) -> None:
        """Make `item` the state of `key`; cheap enough for the way between a frame and its reply.

        With `repeated` nothing is new but the time of it.
        """
        self._state[key] = item
        for subscription in self._subscriptions:
            subscription.offer(key, item, repeated=repeated)

    @contextmanager
    def subscribed(
        self, *, repeats: bool = True, only: str | None = None
    ) -> Iterator[tuple[dict[str, object], Subscription]]:
        """Give a snapshot and the subscription that continues it without a gap; see `Subscription` for the choice."""
        subscription = Subscription(repeats=repeats, only=only)
        self._subscriptions.add(subscription)
        try:
            yield dict(self._state), subscription
        finally:
            self._subscriptions.discard(subscription)

    def state(self, key: str, kind: type[T]) -> T | None:
        """Return the latest item of a key if it is of the kind."""
        item = self._state.get(key)
        return item if isinstance(item, kind) else None

    def items(self, prefix: str) -> Iterator[object]:
        """Iterate over the latest items of all keys that begin with the prefix."""
        return (item for key, item in list(self._state.items()) if key.startswith(prefix))

    def entries(self, prefix: str) -> list[tuple[str, object]]:
        """Return the keys that begin with the prefix, each with its latest item."""
        return [(key, item) for key, item in self._state.items() if key.startswith(prefix)]
