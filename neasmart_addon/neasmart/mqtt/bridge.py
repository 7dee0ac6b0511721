"""Keeps Home Assistant informed over MQTT for as long as the process runs, whatever the broker does.

Without a broker nothing else suffers: the edge waits, tries again with growing pauses and says once what has changed.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import random
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from neasmart.core.gateway import MQTT, Gateway
from neasmart.core.state.hub import Subscription
from neasmart.facts.process import late_tls
from neasmart.facts.retries import Backoff
from neasmart.facts.status import MqttStatus
from neasmart.mqtt.link.broker import Broker, BrokerError, NoBrokerError, find_broker
from neasmart.mqtt.link.former import Former, remove
from neasmart.mqtt.link.rival import Claim, RivalError
from neasmart.mqtt.messages.discovery import Style
from neasmart.mqtt.messages.inventory import HomeAssistantBook, MemoryBook
from neasmart.mqtt.messages.outbox import Outbox, Pace
from neasmart.mqtt.messages.topics import OFFLINE, ONLINE, Topics
from neasmart.mqtt.messages.words import Words
from neasmart.mqtt.publisher import Publisher, PublishTimes
from neasmart.mqtt.reception import Reception
from neasmart.settings.model import MqttSettings
from neasmart.supervisor import Supervisor

if TYPE_CHECKING:
    from neasmart.mqtt.link.broker_connection import BrokerConnection

_LOG = logging.getLogger(__name__)
_PART_TIMEOUT_S = 0.5
_WAKE = "wake"
_CONNECTION = "neasmart.mqtt.link.broker_connection"


def _load() -> None:
    with late_tls.late():
        importlib.import_module(_CONNECTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTimes:
    """The patience of the session, in seconds.

    Pauses between attempts grow from `retry_s` to `retry_max_s`; a connection that lasted `proven_s` starts them
    anew; after Home Assistant's birth everything is said again within `birth_s`; what somebody else writes on a topic
    of ours is put right at most once in `restore_s`.
    """

    retry_s: float = 1.0
    retry_max_s: float = 60.0
    proven_s: float = 30.0
    birth_s: tuple[float, float] = (1.0, 5.0)
    restore_s: float = 1.0
    pace: Pace = field(default_factory=Pace)
    publish: PublishTimes = field(default_factory=PublishTimes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the bridge needs of the world around the gateway.

    `memory` is the file that keeps the names of the last run; `book` knows which rooms shall not be in Home Assistant.
    """

    supervisor: Supervisor | None = None
    memory: Path | None = None
    book: HomeAssistantBook = field(default_factory=MemoryBook)


class MqttBridge:
    """The MQTT edge of the gateway."""

    def __init__(
        self,
        settings: MqttSettings,
        gateway: Gateway,
        *,
        surroundings: Surroundings | None = None,
        times: SessionTimes | None = None,
    ) -> None:
        """Take the collaborators; nothing happens before `run`."""
        self._settings = settings
        self._gateway = gateway
        self._around = surroundings or Surroundings()
        self._times = times or SessionTimes()
        self._topics = Topics(prefix=settings.prefix, node=settings.node_id, discovery_prefix=settings.discovery_prefix)
        self._outbox = Outbox(self._times.pace)
        self._style = Style(topics=self._topics, words=Words(settings.language), house=settings.house)
        self._publisher = Publisher(
            gateway,
            self._style,
            self._outbox,
            self._around.book,
            times=self._times.publish,
        )
        self._reception = Reception(
            gateway, self._topics, self._outbox, self._publisher, restore_s=self._times.restore_s
        )
        self._former = Former(self._around.memory, self._topics)
        self._claim = Claim(self._topics)
        self._birth_at: float | None = None

    async def run(self) -> None:
        """Serve until cancelled."""
        if not self._settings.enabled or not (self._settings.host or self._around.supervisor):
            detail = "MQTT is switched off." if not self._settings.enabled else "MQTT is not configured."
            self._report(MqttStatus(enabled=False, detail=detail))
            await asyncio.Event().wait()
        connecting = MqttStatus(enabled=True, detail="MQTT is connecting.")
        self._gateway.hub.publish(MQTT, connecting)
        backoff = Backoff(self._times.retry_s, self._times.retry_max_s, spread=(0.5, 1.5))
        while True:
            started = self._gateway.clock.monotonic()
            broker: Broker | None = None
            try:
                broker = await find_broker(self._settings, self._around.supervisor)
                await self._connect(broker)
            except RivalError as error:
                self._report(self._failed(broker, f"{error}."))
                backoff.hopeless()
            except BrokerError as error:
                no_broker = isinstance(error, NoBrokerError)
                self._report(replace(self._failed(broker, str(error)), no_broker=no_broker))
            except Exception:  # noqa: BLE001 - the outermost loop of the edge: a defect costs MQTT alone
                _LOG.exception("MQTT failed by a defect and starts again")
                self._report(self._failed(broker, "MQTT failed by a defect; the log tells more."))
            if self._gateway.clock.monotonic() - started >= self._times.proven_s:
                backoff.worked()
            # By chance, so that many gateways do not come back to a broker at the same moment.
            await asyncio.sleep(backoff.wait_s())

    async def _connect(self, broker: Broker) -> None:
        # The library costs memory and start-up time, so only those who use MQTT pay for it; on a small computer the
        # import takes longer than the base waits for a reply.
        await asyncio.to_thread(_load)
        from neasmart.mqtt.link.broker_connection import connected  # noqa: PLC0415

        aside = f"neasmart-{self._settings.node_id}-{self._claim.word}"
        if self._claim.lost:
            async with connected(broker, client_id=aside) as connection:
                await self._claim.watch(connection)
        former = await self._former.topics()
        if former is not None:
            async with connected(broker, client_id=aside) as connection:
                await remove(connection, former, self._gateway.plant.all_zones)
        supervisor = self._around.supervisor
        page = None if supervisor is None else await supervisor.page()
        self._publisher.present(replace(self._style, page=page))
        # A fixed client id lets the broker end a connection of ours that it has not yet noticed to be dead.
        client_id = f"neasmart-{self._settings.node_id}"
        async with connected(broker, client_id=client_id, will=(self._topics.status, OFFLINE)) as connection:
            await self._claim.check(connection)
            self._report(
                MqttStatus(enabled=True, connected=True, detail=f"Connected to {broker.place}.", broker=broker.place)
            )
            try:
                await self._serve(connection)
            except asyncio.CancelledError:
                with suppress(Exception):  # the broker writes our last will if this does not reach it
                    async with asyncio.timeout(_PART_TIMEOUT_S):
                        await connection.part(self._publisher.farewell())
                raise

    async def _serve(self, connection: BrokerConnection) -> None:
        with self._gateway.hub.subscribed(repeats=False) as (_, subscription):
            now = self._gateway.clock.monotonic()
            self._birth_at = None
            self._publisher.begin(now)
            self._outbox.put(self._topics.gateway, self._claim.word)
            self._claim.wrote()
            try:
                await connection.subscribe([self._topics.everything])
            except BrokerError:
                # Some brokers allow no more than what a gateway needs to be commanded.
                await connection.subscribe([*self._topics.commands, self._topics.status])
            await connection.subscribe([self._topics.birth, *self._publisher.announcer.topics])
            receiving = asyncio.create_task(self._receive(connection, subscription))
            publishing = asyncio.create_task(self._publish(connection, subscription))
            try:
                await asyncio.wait((receiving, publishing), return_when=asyncio.FIRST_COMPLETED)
            finally:
                receiving.cancel()
                publishing.cancel()
                results = await asyncio.gather(receiving, publishing, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception):
                    raise result
        await self._former.keep()

    async def _publish(self, connection: BrokerConnection, subscription: Subscription) -> None:
        clock = self._gateway.clock
        kept = False
        while True:
            batch: dict[str, object] = {}
            with suppress(TimeoutError):
                async with asyncio.timeout(self._publisher.wait_s(clock.monotonic())):
                    batch = await subscription.batch()
            now = clock.monotonic()
            if self._birth_at is not None and now >= self._birth_at:
                self._birth_at = None
                self._publisher.begin(now)
                self._outbox.put(self._topics.gateway, self._claim.word)
            self._publisher.take(batch, now, subscription.repeated())
            self._publisher.tick(now)
            self._reception.tick(now)
            await asyncio.sleep(0)
            while (message := self._outbox.next(clock.monotonic())) is not None:
                acknowledged = message.acknowledged or message.topic == self._topics.status
                await connection.publish(
                    message.topic, message.payload, acknowledged=acknowledged, retained=message.retained
                )
                # The library may write without waiting, and the base must not wait for sixty rooms to be said.
                await asyncio.sleep(0)
                # Somebody's command that has come meanwhile is echoed before the rest of what waits.
                urgent = subscription.take()
                if urgent:
                    self._publisher.take(urgent, clock.monotonic(), subscription.repeated())
                if self._publisher.unsaid:
                    self._publisher.tick(clock.monotonic())
            if self._publisher.online:
                self._outbox.keep_pace()
                if not kept:
                    kept = True
                    await self._former.keep()

    async def _receive(self, connection: BrokerConnection, subscription: Subscription) -> None:
        async for message in connection.messages():
            if message.topic == self._topics.birth:
                if message.payload == ONLINE.encode() and not message.retained:
                    self._birth_at = self._gateway.clock.monotonic() + random.uniform(*self._times.birth_s)  # noqa: S311
            elif self._reception.take(message, self._gateway.clock.monotonic()):
                self._say_rival()
            subscription.offer(_WAKE, None)

    def _say_rival(self) -> None:
        before = self._gateway.mqtt
        if before.connected:
            place = before.broker
            detail = f"Connected to {place}. {self._claim.sentence}."
            self._report(MqttStatus(enabled=True, connected=True, detail=detail, broker=place))

    def _failed(self, broker: Broker | None, detail: str) -> MqttStatus:
        return MqttStatus(enabled=True, detail=detail, broker=broker.place if broker else "")

    def _report(self, status: MqttStatus) -> None:
        """Publish and log what has changed, and nothing while nothing changes."""
        before = self._gateway.mqtt
        same = (before.connected, before.detail, before.enabled) == (status.connected, status.detail, status.enabled)
        if same and before.since is not None:
            return
        self._gateway.hub.publish(MQTT, replace(status, since=self._gateway.clock.monotonic()))
        fine = (
            not status.enabled
            or status.no_broker
            or (status.connected and status.detail == f"Connected to {status.broker}.")
        )
        level = logging.INFO if fine else logging.WARNING
        _LOG.log(level, "MQTT: %s", status.detail)
