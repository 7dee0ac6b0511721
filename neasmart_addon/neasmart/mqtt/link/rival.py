"""Finds out that another gateway uses our node id on the same broker.

A broker keeps one connection for each client id, so two such gateways would end each other's connection every second.
Each run of a gateway therefore writes a word of its own on a retained topic. Whoever comes back and finds another's
word there stays away, and looks from aside, under another client id, until the other is gone.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from neasmart.mqtt.link.broker import BrokerError
from neasmart.mqtt.messages.topics import ONLINE, Topics

if TYPE_CHECKING:
    from neasmart.mqtt.link.broker_connection import BrokerConnection

WATCH_S = 6.0
"""A gateway that was pushed away is back and has said that it is online within this time."""
_ANSWER_S = 1.0


class RivalError(BrokerError):
    """Another gateway uses our node id."""

    code = "node_id_taken"


class Claim:
    """Our word on the topic, and whether it was ever written."""

    def __init__(self, topics: Topics) -> None:
        """Choose a word for this run."""
        self._topics = topics
        self.word = secrets.token_hex(4)
        self.written = False
        self.lost = False
        """Whether another gateway has written its word after ours, so that we look from aside first."""

    @property
    def sentence(self) -> str:
        """What the owner has to know and to do."""
        return (
            f"Another gateway uses the same node id {self._topics.node!r} on this MQTT broker. Give one of them another"
            " mqtt.node_id, or stop it"
        )

    def wrote(self) -> None:
        """Note that the broker was sent our word."""
        self.written = True

    async def check(self, connection: BrokerConnection) -> None:
        """Raise RivalError if somebody has written another word since we wrote ours."""
        if not self.written:
            return
        topic = self._topics.gateway
        await connection.subscribe([topic])
        found = (await connection.kept(_ANSWER_S, topic=topic)).get(topic)
        if found and found != self.word.encode():
            self.lost = True
            raise RivalError(self.sentence)

    async def watch(self, connection: BrokerConnection) -> None:
        """Look from aside: raise RivalError, and let the other know, while it is online or comes back."""
        await connection.subscribe([self._topics.status])
        messages = connection.messages()
        try:
            async with asyncio.timeout(WATCH_S):
                while (await anext(messages)).payload != ONLINE.encode():
                    pass
        except TimeoutError:
            self.lost = self.written = False
            return
        await connection.publish(self._topics.gateway, self.word, acknowledged=True, retained=False)
        raise RivalError(self.sentence)
