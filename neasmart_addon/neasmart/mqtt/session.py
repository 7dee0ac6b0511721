"""Keeps Home Assistant informed over MQTT for as long as the process runs, whatever the broker does.

Without a broker nothing else suffers: the edge waits, tries again with growing pauses and says once what has changed.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from neasmart.config import MqttSettings
from neasmart.errors import NeasmartError
from neasmart.gateway import MQTT, Gateway
from neasmart.hub import Subscription
from neasmart.mqtt.broker import SUPERVISOR_URL, Broker, BrokerError, configured, find_broker
from neasmart.mqtt.orders import Orders
from neasmart.mqtt.outbox import PACE_S, Outbox
from neasmart.mqtt.publisher import Publisher, PublishTimes
from neasmart.mqtt.topics import OFFLINE, ONLINE, Topics
from neasmart.plant import Reading
from neasmart.status import MqttStatus

if TYPE_CHECKING:
    from neasmart.mqtt.connection import Connection, Incoming

_LOG = logging.getLogger(__name__)
_PART_TIMEOUT_S = 0.5
_WAKE = "wake"
_CONNECTION = "neasmart.mqtt.connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTimes:
    """The patience of the session, in seconds.

    Pauses between attempts grow from `retry_s` to `retry_max_s`; a connection that lasted `proven_s` starts them
    anew; after Home Assistant's birth everything is said again within `birth_s`.
    """

    retry_s: float = 1.0
    retry_max_s: float = 60.0
    proven_s: float = 30.0
    birth_s: tuple[float, float] = (1.0, 5.0)
    pace_s: float = PACE_S
    publish: PublishTimes = field(default_factory=PublishTimes)


class MqttBridge:
    """The MQTT edge of the gateway."""

    def __init__(
        self,
        settings: MqttSettings,
        gateway: Gateway,
        *,
        environment: Mapping[str, str] | None = None,
        supervisor_url: str = SUPERVISOR_URL,
        times: SessionTimes | None = None,
    ) -> None:
        """Take the collaborators; nothing happens before `run`."""
        self._settings = settings
        self._gateway = gateway
        self._environment = os.environ if environment is None else environment
        self._supervisor_url = supervisor_url
        self._times = times or SessionTimes()
        self._topics = Topics(prefix=settings.prefix, node=settings.node_id, discovery_prefix=settings.discovery_prefix)
        self._outbox = Outbox(pace_s=self._times.pace_s)
        self._publisher = Publisher(gateway, self._topics, self._outbox, self._times.publish)
        self._orders = Orders(gateway)
        self._birth_at: float | None = None

    async def run(self) -> None:
        """Serve until cancelled."""
        if not self._settings.enabled or not configured(self._settings, self._environment):
            detail = "MQTT is switched off." if not self._settings.enabled else "MQTT is not configured."
            self._report(MqttStatus(enabled=False, detail=detail))
            await asyncio.Event().wait()
        connecting = MqttStatus(enabled=True, detail="MQTT is connecting.")
        self._gateway.hub.publish(MQTT, connecting)
        pause_s = self._times.retry_s
        while True:
            started = self._gateway.clock.monotonic()
            broker: Broker | None = None
            try:
                broker = await find_broker(self._settings, self._environment, supervisor_url=self._supervisor_url)
                await self._connect(broker)
            except BrokerError as error:
                self._report(self._failed(broker, str(error)))
            except Exception:  # noqa: BLE001 - the outermost loop of the edge: a defect costs MQTT alone
                _LOG.exception("MQTT failed by a defect and starts again")
                self._report(self._failed(broker, "MQTT failed by a defect; the log tells more."))
            if self._gateway.clock.monotonic() - started >= self._times.proven_s:
                pause_s = self._times.retry_s
            # By chance, so that many gateways do not come back to a broker at the same moment.
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
            pause_s = min(2 * pause_s, self._times.retry_max_s)

    async def _connect(self, broker: Broker) -> None:
        # The library costs memory and start-up time, so only those who use MQTT pay for it; on a small computer the
        # import takes longer than the base waits for a reply.
        await asyncio.to_thread(importlib.import_module, _CONNECTION)
        from neasmart.mqtt.connection import connected  # noqa: PLC0415

        # A fixed client id lets the broker end a connection of ours that it has not yet noticed to be dead.
        client_id = f"neasmart-{self._settings.node_id}"
        async with connected(broker, client_id=client_id, will=(self._topics.status, OFFLINE)) as connection:
            self._report(
                MqttStatus(enabled=True, connected=True, detail=f"Connected to {broker.place}.", broker=broker.place)
            )
            try:
                await self._serve(connection)
            except asyncio.CancelledError:
                with suppress(Exception):  # the broker writes our last will if this does not reach it
                    async with asyncio.timeout(_PART_TIMEOUT_S):
                        await connection.publish(self._topics.status, OFFLINE, acknowledged=True)
                raise

    async def _serve(self, connection: Connection) -> None:
        with self._gateway.hub.subscribed() as (snapshot, subscription):
            for item in snapshot.values():
                self._note(item)
            now = self._gateway.clock.monotonic()
            self._birth_at = None
            self._publisher.begin(now)
            await connection.subscribe([*self._topics.commands, self._topics.birth, self._topics.status])
            earlier = self._publisher.own_discovery
            await connection.subscribe(earlier)
            receiving = asyncio.create_task(self._receive(connection, subscription))
            publishing = asyncio.create_task(self._publish(connection, subscription, earlier))
            try:
                await asyncio.wait((receiving, publishing), return_when=asyncio.FIRST_COMPLETED)
            finally:
                receiving.cancel()
                publishing.cancel()
                results = await asyncio.gather(receiving, publishing, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception):
                    raise result

    async def _publish(self, connection: Connection, subscription: Subscription, earlier: list[str]) -> None:
        clock = self._gateway.clock
        listening = True
        while True:
            batch: dict[str, object] = {}
            with suppress(TimeoutError):
                async with asyncio.timeout(self._publisher.wait_s(clock.monotonic())):
                    batch = await subscription.batch()
            now = clock.monotonic()
            for item in batch.values():
                self._note(item)
            if self._birth_at is not None and now >= self._birth_at:
                self._birth_at = None
                self._publisher.begin(now)
            self._publisher.take(batch, now)
            self._publisher.tick(now)
            while (message := self._outbox.next(clock.monotonic())) is not None:
                acknowledged = message.topic.startswith((self._topics.status, self._settings.discovery_prefix))
                await connection.publish(message.topic, message.payload, acknowledged=acknowledged)
                # The library may write without waiting, and the base must not wait for sixty rooms to be said.
                await asyncio.sleep(0)
            if self._publisher.online:
                self._outbox.paced = True
                if listening:
                    listening = False
                    await connection.unsubscribe(earlier)

    async def _receive(self, connection: Connection, subscription: Subscription) -> None:
        async for message in connection.messages():
            self._obey(message)
            subscription.offer(_WAKE, None)

    def _obey(self, message: Incoming) -> None:
        """Act on one received message; what it says can be anything."""
        if message.topic == self._topics.birth:
            if message.payload == ONLINE.encode() and not message.retained:
                self._birth_at = self._gateway.clock.monotonic() + random.uniform(*self._times.birth_s)  # noqa: S311
            return
        if message.topic == self._topics.status:
            if message.payload != ONLINE.encode():
                self._publisher.reassert()
            return
        target = self._topics.target(message.topic)
        if target is None:
            if message.retained:
                self._publisher.remember(message.topic, message.payload)
            return
        if message.retained:
            _LOG.debug("A retained command on %s is ignored", message.topic)
            return
        try:
            wanted = self._orders.wanted(target, message.payload)
            commands = self._gateway.submit(wanted, origin="mqtt") if wanted else []
        except NeasmartError as error:
            _LOG.debug("A command on %s was refused: %s", message.topic, error)
            self._publisher.refuse(target, str(error))
            return
        if not commands:
            self._publisher.show_again(self._gateway.table.ref(f"{target.rpartition('.')[0]}.state"))

    def _note(self, item: object) -> None:
        if isinstance(item, Reading):
            self._orders.note(item.ref, item.value)

    def _failed(self, broker: Broker | None, detail: str) -> MqttStatus:
        return MqttStatus(enabled=True, detail=detail, broker=broker.place if broker else "")

    def _report(self, status: MqttStatus) -> None:
        """Publish and log what has changed, and nothing while nothing changes."""
        before = self._gateway.mqtt
        same = (before.connected, before.detail, before.enabled) == (status.connected, status.detail, status.enabled)
        if same and before.since is not None:
            return
        now = self._gateway.clock.monotonic()
        self._gateway.hub.publish(
            MQTT,
            MqttStatus(
                enabled=status.enabled,
                connected=status.connected,
                detail=status.detail,
                broker=status.broker,
                since=now,
            ),
        )
        level = logging.INFO if status.connected or not status.enabled else logging.WARNING
        _LOG.log(level, "MQTT: %s", status.detail)
