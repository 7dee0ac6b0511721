"""Acts on what the broker sends us: commands, what earlier runs have left, and what others write on our topics.

Whatever a message holds, it costs no more than a refusal or one more message of ours.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from neasmart.core.gateway import Gateway
from neasmart.facts.errors import InvalidValueError, NeasmartError
from neasmart.mqtt.messages.outbox import Outbox
from neasmart.mqtt.messages.topics import ONLINE, READ_ALL, Topics
from neasmart.mqtt.orders import PAYLOAD_LIMIT, Orders
from neasmart.mqtt.publisher import Publisher

if TYPE_CHECKING:
    from neasmart.mqtt.link.broker_connection import Incoming

_LOG = logging.getLogger(__name__)
_SAID_AGAIN_S = 600.0
"""A client that goes on writing on our topics is named this often, not for every message."""


class Reception:
    """Everything that arrives, one message at a time."""

    def __init__(
        self, gateway: Gateway, topics: Topics, outbox: Outbox, publisher: Publisher, *, restore_s: float
    ) -> None:
        """Answer through `publisher` and `outbox`."""
        self._gateway = gateway
        self._topics = topics
        self._outbox = outbox
        self._publisher = publisher
        self._orders = Orders(gateway)
        self._restore_s = restore_s
        self._discoveries = frozenset(publisher.announcer.topics)
        self._restored_at: dict[str, float] = {}
        self._restore_at: dict[str, float] = {}
        self._named_at: float | None = None

    def take(self, message: Incoming, now: float) -> bool:
        """Act on a message; return whether it shows that another gateway writes here, too."""
        target = self._topics.target(message.topic)
        if target is not None:
            self._command(target, message, now)
            return False
        if message.retained:
            # What the broker has kept from before; all that still counts is said anew anyway.
            if not self._publisher.announcer.found(message.topic, message.payload):
                self._publisher.earlier(message.topic, message.payload)
            return False
        if not self._outbox.known(message.topic) or self._ours(message):
            return False
        return self._foreign(message, now)

    def tick(self, now: float) -> None:
        """Say again what somebody else has overwritten, where it is time for it."""
        for topic, due in list(self._restore_at.items()):
            if now >= due:
                del self._restore_at[topic]
                self._restored_at[topic] = now
                self._outbox.restore(topic)

    def _command(self, target: str, message: Incoming, now: float) -> None:
        if message.retained:
            _LOG.debug("A retained command on %s is ignored", message.topic)
            return
        try:
            if message.too_long:
                raise InvalidValueError(target, "more than 64 kB", f"at most {PAYLOAD_LIMIT} bytes")
            if target == READ_ALL:
                self._gateway.sync(now)
                return
            wanted = self._orders.wanted(target, message.payload)
            commands = self._gateway.submit(wanted, origin="mqtt") if wanted else []
        except NeasmartError as error:
            _LOG.debug("A command on %s was refused: %s", message.topic, error)
            self._publisher.refuse(target, error)
            return
        if not commands:
            self._publisher.show_again(target.rpartition(".")[0])

    def _ours(self, message: Incoming) -> bool:
        return not message.too_long and self._outbox.heard(message.topic, message.payload.decode(errors="replace"))

    def _foreign(self, message: Incoming, now: float) -> bool:
        """Put right what somebody else has written; an emptied discovery is the owner's wish."""
        if message.topic == self._topics.status:
            if message.payload != ONLINE.encode():
                self._publisher.reassert()
            return False
        if message.topic in self._discoveries and not message.payload and not message.too_long:
            room = self._publisher.announcer.deleted(message.topic)
            if room is not None:
                _LOG.info("The room of zone %d.%d was deleted in Home Assistant and stays away from it", *room)
            return False
        before = self._restored_at.get(message.topic)
        self._restore_at.setdefault(message.topic, now if before is None else before + self._restore_s)
        if message.topic == self._topics.gateway:
            return True
        if self._named_at is None or now - self._named_at >= _SAID_AGAIN_S:
            self._named_at = now
            _LOG.warning(
                "Another program has written on %s, a topic of this gateway; what is true has been said again."
                " Let it send commands to topics that end in /set",
                message.topic,
            )
        return False
