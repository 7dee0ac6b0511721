"""Tells everybody how the link is: status for programs, log lines for people, and the connections that have ended."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace

from neasmart.core.gateway import LINK, Gateway
from neasmart.facts.retries import Backoff, CircuitBreaker
from neasmart.facts.status import LinkStatus, PastConnection
from neasmart.sysbus.framing.kinds import Framing
from neasmart.sysbus.line.journal import Journal

PAST_CONNECTIONS = 20

_GOOD = frozenset({"connected", "waiting_for_peer", "starting", "stopped"})
_LOGGER = logging.getLogger(__name__)


class Teller:
    """Holds the status of one link; what carries the bytes reports here."""

    def __init__(self, gateway: Gateway, breaker: CircuitBreaker, backoff: Backoff) -> None:
        """Publish through the gateway's hub, and let go of breaker and backoff when the link works."""
        self._gateway = gateway
        self._breaker = breaker
        self._backoff = backoff
        self._status = LinkStatus()
        self._past: deque[PastConnection] = deque(maxlen=PAST_CONNECTIONS)
        self._journal = Journal(_LOGGER, gateway.clock.monotonic)

    def begins(self) -> None:
        """Publish that this link begins, so that nobody takes the end of the one before for its state."""
        self.publish(self._status.code, self._status.detail)

    def describe(self, description: str) -> None:
        """Say what is to be opened; published with the next status."""
        self._status = replace(self._status, description=description)

    def trying(self) -> None:
        """Count a trial to open."""
        self._status = replace(self._status, dials=self._status.dials + 1)

    def reached(self) -> None:
        """Take note that what was tried has opened."""
        self._breaker.succeeded()

    def opened(self, peers: tuple[str, ...], framings: tuple[Framing | None, ...]) -> None:
        """Publish who is connected, and how each of them is read."""
        told = tuple("" if each is None else each.value for each in framings)
        self.publish("connected", f"{self._status.description} is connected.", peers=peers, framings=told)

    def waits(self) -> None:
        """Publish that nobody is connected to what is open."""
        detail = (
            f"{self._status.description} waits for the converter to connect. Enter this computer's address and"
            " this port in the converter."
        )
        self.publish("waiting_for_peer", detail)

    def heard(self) -> None:
        """Take note that a valid frame has come over a new connection."""
        self._status = replace(self._status, dials=0)
        self._backoff.worked()

    def ended(self, past: PastConnection) -> None:
        """Keep a connection that has ended; published with the next status."""
        self._past.append(past)
        self._status = replace(self._status, past=tuple(self._past))

    def publish(
        self, code: str, detail: str, *, peers: tuple[str, ...] = (), framings: tuple[str, ...] = (), said: str = ""
    ) -> None:
        """Publish the status if it has changed; log it if its code has."""
        published = self._gateway.hub.state(LINK, LinkStatus)
        old = self._status
        new = replace(
            old,
            connected=code == "connected",
            code=code,
            detail=detail,
            breaker=self._breaker.state(asyncio.get_running_loop().time()),
            peers=peers,
            framings=framings,
            said=said,
            since=old.since if old.code == code else self._gateway.clock.monotonic(),
        )
        self._status = new
        if new != published:
            self._gateway.hub.publish(LINK, new)
        if old.code != code:
            self.say(logging.INFO if code in _GOOD else logging.WARNING, f"link: {detail}")

    def say(self, level: int, text: str) -> None:
        """Log a line about the link, if it does not come and go too often for that."""
        self._journal.say(level, text)

    def flush(self) -> None:
        """Log what has waited for its minute."""
        self._journal.flush()

    @property
    def status(self) -> LinkStatus:
        """The status as it will be published next."""
        return self._status
