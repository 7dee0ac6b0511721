"""One connection to a broker: the only module that knows the MQTT library, and the only one that pays for its import.

The library is aiomqtt on paho-mqtt. Three of its habits matter: it connects in a thread, which nothing can interrupt,
so the time of that thread is kept short; it leaves the socket open when connecting or parting fails; and it has the
loop watch a socket a moment later by its number, which may be closed by then, or another's.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import aiomqtt
from paho.mqtt import client as mqtt
from paho.mqtt.reasoncodes import ReasonCode

from neasmart.mqtt.link.broker import Broker, BrokerError, tls_context

if TYPE_CHECKING:
    import ssl

KEEPALIVE_S = 15
"""A broker that stops answering is noticed within twice this time."""
CONNECT_TIMEOUT_S = 2.5
ANSWER_TIMEOUT_S = 5.0
_PART_TIMEOUT_S = 0.4
_INCOMING_LIMIT = 1000
MESSAGE_LIMIT = 64 * 1024
"""Longer payloads are dropped unread; the longest of our own messages has a tenth of it."""
_PIECE = 16384
_LOOKS = 10
"""A time in which nothing shall come is waited for in so many pieces; one in which this process stood still is none."""
_FAILURE = 0x80
_BAD_LOGIN = frozenset({4, 5, 134, 135})

_CLIENT_LOG = logging.getLogger("neasmart.mqtt.client")
# The library reports every dropped message and every retry; we say once what changes.
_CLIENT_LOG.setLevel(logging.CRITICAL)


class Incoming(NamedTuple):
    """One received message; one that is longer than `MESSAGE_LIMIT` comes without its payload."""

    topic: str
    payload: bytes
    retained: bool
    too_long: bool = False


class _TooLong(bytes):
    """What is kept of a payload that nobody here would read: nothing."""

    __slots__ = ()


class _Bounded(asyncio.Queue[aiomqtt.Message]):
    """The received messages, without the payloads that are too long."""

    def put_nowait(self, item: aiomqtt.Message) -> None:
        """Keep a message."""
        if len(item.payload) > MESSAGE_LIMIT:
            item.payload = _TooLong()
        super().put_nowait(item)


class _OnlyOpen:
    """The running loop, which watches a number only if it still is that of the library's open socket.

    A number that a connection of the bus has been given meanwhile would call the library for ever.
    """

    def __init__(self, paho: mqtt.Client) -> None:
        """Ask this client for its socket."""
        self._loop = asyncio.get_running_loop()
        self._paho = paho

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def add_reader(self, number: int, callback: Callable[[], None]) -> None:
        """Watch for bytes."""
        if self._open(number):
            self._loop.add_reader(number, callback)

    def add_writer(self, number: int, callback: Callable[[], None]) -> None:
        """Watch for room."""
        if self._open(number):
            self._loop.add_writer(number, callback)

    def _open(self, number: int) -> bool:
        mine = self._paho.socket()
        return isinstance(mine, socket.socket) and number >= 0 and mine.fileno() == number


class BrokerConnection:
    """What the session needs of an open connection."""

    def __init__(self, client: aiomqtt.Client) -> None:
        """Use a connected client."""
        self._client = client

    async def publish(self, topic: str, payload: str, *, acknowledged: bool, retained: bool = True) -> None:
        """Publish a message, and wait for the broker's acknowledgement if asked to."""
        await self._client.publish(topic, payload.encode(), qos=int(acknowledged), retain=retained)
        _raise_if_cancelled()

    async def part(self, messages: Iterable[tuple[str, str]]) -> None:
        """Publish the last retained messages, topic and payload, of a task that has been cancelled already."""
        for topic, payload in messages:
            await self._client.publish(topic, payload.encode(), qos=1, retain=True)

    async def subscribe(self, filters: Iterable[str]) -> None:
        """Subscribe to all filters in one request; raise BrokerError if the broker refuses one."""
        wanted = [(each, 1) for each in filters]
        answers = await self._client.subscribe(wanted)
        _raise_if_cancelled()
        for (each, _), answer in zip(wanted, answers, strict=False):
            if answer.is_failure if isinstance(answer, ReasonCode) else isinstance(answer, int) and answer >= _FAILURE:
                raise BrokerError(f"The MQTT broker does not allow us to listen to {each}.")

    async def messages(self) -> AsyncIterator[Incoming]:
        """Iterate over what arrives; at most some hundred messages wait, more are dropped."""
        async for message in self._client.messages:
            payload = message.payload
            too_long = isinstance(payload, _TooLong)
            yield Incoming(str(message.topic), payload, message.retain, too_long)

    async def kept(self, quiet_s: float, *, topic: str = "") -> dict[str, bytes]:
        """Return by topics what a broker keeps of what was just subscribed to; `topic` tells which one is enough.

        It is all there once nothing more has come for `quiet_s`.
        """
        found: dict[str, bytes] = {}
        messages, quiet, loop = self.messages(), 0, asyncio.get_running_loop()
        # One wait for each message, in pieces: the library loses a message that comes just as a wait is given up.
        coming = asyncio.ensure_future(anext(messages))
        try:
            while quiet < _LOOKS and topic not in found:
                asked_at = loop.time()
                if (await asyncio.wait({coming}, timeout=quiet_s / _LOOKS))[0]:
                    message, quiet = coming.result(), 0
                    if message.retained:
                        found[message.topic] = message.payload
                    coming = asyncio.ensure_future(anext(messages))
                # Else it was we who stood still, and what the broker has sent meanwhile waits.
                elif loop.time() - asked_at < 2 * quiet_s / _LOOKS:
                    quiet += 1
        finally:
            coming.cancel()
        return found


@asynccontextmanager
async def connected(
    broker: Broker, *, client_id: str, will: tuple[str, str] | None = None
) -> AsyncIterator[BrokerConnection]:
    """Connect and part again; every failure is a BrokerError with one sentence for the user.

    `will` is topic and payload of the message that the broker publishes when it loses us.
    """
    context = await _checked_tls(broker) if broker.tls else None
    client = aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.username or None,
        password=broker.password or None,
        logger=_CLIENT_LOG,
        identifier=client_id,
        will=None if will is None else aiomqtt.Will(will[0], will[1], qos=1, retain=True),
        queue_type=_Bounded,
        # Else each acknowledged message waits for the broker's kernel, 40 ms on Linux.
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        timeout=ANSWER_TIMEOUT_S,
        keepalive=KEEPALIVE_S,
        max_queued_incoming_messages=_INCOMING_LIMIT,
        tls_context=context,
    )
    paho = client._client  # noqa: SLF001 - aiomqtt has no other way to set this time or to close the socket
    paho.connect_timeout = CONNECT_TIMEOUT_S
    client._loop = cast("asyncio.AbstractEventLoop", _OnlyOpen(paho))  # noqa: SLF001 - nor another way to guard this
    opened = False
    try:
        async with client:
            opened = True
            try:
                yield BrokerConnection(client)
            finally:
                client.timeout = _PART_TIMEOUT_S
    except (aiomqtt.MqttError, OSError) as error:
        raise BrokerError(_lost(error, broker) if opened else _not_opened(error, broker)) from error
    except ValueError as error:
        # A host name that cannot be written in the domain name system is a ValueError.
        if opened:
            raise
        raise BrokerError(_not_opened(error, broker)) from error
    finally:
        paho.disconnect()
        open_socket = paho.socket()
        if isinstance(open_socket, socket.socket):
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
            paho.loop_write()


def _raise_if_cancelled() -> None:
    """Bring back a cancellation that was lost.

    The library waits by `asyncio.wait_for`, which before Python 3.12 forgets one that comes together with the answer.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _checked_tls(broker: Broker) -> ssl.SSLContext:
    """Return the TLS context after one handshake of our own, which unlike the library's can be interrupted."""
    context = await tls_context(broker)
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await _shake_hands(broker, context)
    except TimeoutError as error:
        raise BrokerError(f"The MQTT broker at {broker.place} does not answer (TLS).") from error
    except (OSError, ValueError) as error:
        raise BrokerError(_not_opened(error, broker)) from error
    return context


async def _shake_hands(broker: Broker, context: ssl.SSLContext) -> None:
    """Begin TLS and leave; by hand, because asyncio was loaded without it."""
    from ssl import MemoryBIO, SSLWantReadError  # noqa: PLC0415

    reader, writer = await asyncio.open_connection(broker.host, broker.port)
    incoming, outgoing = MemoryBIO(), MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=broker.host)
    try:
        while True:
            try:
                return tls.do_handshake()
            except SSLWantReadError:
                writer.write(outgoing.read())
                received = await reader.read(_PIECE)
                if not received:
                    raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer") from None
                incoming.write(received)
    finally:
        writer.transport.abort()


def _lost(error: Exception, broker: Broker) -> str:
    return f"The connection to the MQTT broker at {broker.place} was lost ({error})."


def _not_opened(error: Exception, broker: Broker) -> str:
    where = f"the MQTT broker at {broker.place}"
    if isinstance(error, aiomqtt.MqttCodeError):
        number = error.rc.value if isinstance(error.rc, ReasonCode) else error.rc
        if number in _BAD_LOGIN:
            return f"Cannot connect: {where} refuses the user name or the password."
        return f"Cannot connect: {where} refuses us ({error})."
    if broker.tls:
        from ssl import SSLCertVerificationError, SSLError  # noqa: PLC0415

        if isinstance(error, SSLCertVerificationError):
            return f"Cannot connect: {where} has a certificate that cannot be trusted ({error.verify_message})."
        if isinstance(error, SSLError):
            return f"Cannot connect: {where} does not speak TLS as expected ({error.reason})."
    if isinstance(error, OSError):
        return f"Cannot connect: {where} cannot be reached ({error.strerror or type(error).__name__})."
    return f"Cannot connect: {where} cannot be reached or does not answer ({error})."
