"""Decides which requests a listener takes at all, before anything else is done for them.

The API asks for little of programs and much of browsers: a rate, a known name, no foreign page, the key. The ingress
page has a trusted peer; only what comes from a browser on the gateway's own computer is checked for foreign pages.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from aiohttp import web

from neasmart.facts.status import PortsStatus
from neasmart.settings.model import ApiSettings
from neasmart.web.guard.auth import Attempts, Authentication, ended, missing
from neasmart.web.guard.origins import READS, Origins
from neasmart.web.guard.peers import SUPERVISOR, check_peer
from neasmart.web.guard.proxies import Proxies
from neasmart.web.guard.rates import Rates
from neasmart.web.guard.sessions import Sessions, Standing
from neasmart.web.http import clients
from neasmart.web.http.problems import Problem
from neasmart.web.http.web_counters import WebCounters

_LOG = logging.getLogger(__name__)
_HEALTH = "/health"
GOOD_UNTIL = web.RequestKey("good_until", float)
"""By this name a request carries the Unix time at which what has opened the API to it ends."""
ORIGIN = web.RequestKey("origin", str)
"""By this one, who its commands come from, where the listener alone does not tell."""
_DOORSTEP = frozenset({"/", "/sign-in"})
_PAGE_FILES = "/static/"


class Gate(Protocol):
    """What stands before a listener's routes."""

    async def admit(self, request: web.BaseRequest) -> web.Response | None:
        """Return None to let a request through, or the answer; raise Problem to refuse it."""

    def headers(self, request: web.BaseRequest) -> Mapping[str, str]:
        """Return the headers that browsers ask for."""


class ApiGate:
    """Before the API: rate, name, origin, key."""

    def __init__(
        self,
        api: ApiSettings,
        counters: WebCounters,
        open_paths: frozenset[str],
        ports: Callable[[], PortsStatus | None] = lambda: None,
        *,
        has_page: bool = False,
    ) -> None:
        """Begin with these settings.

        `open_paths` may be read without a key; `ports` tells what is open to the network, None while that is not known.
        With `has_page` the page is behind a login here, wherever a key is asked for.
        """
        self._has_page = has_page
        self._open_paths = open_paths
        self._counters = counters
        self._ports = ports
        self._attempts = Attempts()
        self._api = api
        self._rates = _rates(api)
        self.apply(api)

    def apply(self, api: ApiSettings) -> None:
        """Use other settings from the next request on; counts of rates that did not change go on."""
        self._proxies = Proxies(api.trusted_proxies)
        self._origins = Origins(
            proxies=self._proxies,
            origins=api.cors_origins,
            hosts=api.allowed_hosts,
            # A page that has its own name lead here does not know the key.
            check_hosts=not api.enable_auth,
        )
        self._page_origins = Origins(proxies=self._proxies, hosts=api.allowed_hosts, check_hosts=True)
        self._authentication = Authentication(api)
        opens = api.enable_auth and bool(api.key or api.jwt_secret)
        self.sessions = Sessions(api) if self._has_page and opens else None
        before, self._api = self._api, api
        if (before.rate_limit, before.rate_limit_writes) != (api.rate_limit, api.rate_limit_writes):
            self._rates = _rates(api)
        self.warn_if_open()

    def warn_if_open(self) -> None:
        """Warn of an API that asks for no key, once it is known that its port is open to the network."""
        api, ports = self._api, self._ports()
        reached = None if ports is None else ports.reached(api.port)
        if (
            reached is not None
            and api.enabled
            and not api.enable_auth
            and not (api.host == "localhost" or clients.is_here(api.host))
        ):
            _LOG.warning(
                "Everybody who reaches port %d of this computer can read and change the heating: set api.enable_auth"
                " and api.key",
                reached,
            )

    async def admit(self, request: web.BaseRequest) -> web.Response | None:
        """Let a request through, answer a preflight, or raise Problem."""
        try:
            # Whoever watches us must always get an answer, or we look broken because somebody else is.
            if request.rel_url.raw_path == _HEALTH and request.method in READS:
                return None
            client = self._proxies.client(request)
            # A program of the owner's on our own computer is no stranger, and a limit would only break it.
            if not clients.is_here(client):
                self._rates.check(client, writes=request.method not in READS)
            preflight = self._origins.judge(request)
            if preflight is None and self._authentication.required:
                await self._authenticate(request, client)
        except Problem as problem:
            self._counters.refuse(problem.code)
            raise
        return preflight

    def headers(self, request: web.BaseRequest) -> Mapping[str, str]:
        """Return the headers of CORS."""
        return self._origins.headers(request)

    async def standing(self, request: web.BaseRequest) -> Standing:
        """Return what a browser's session is worth; a forged one is answered as a wrong key is, by a Problem."""
        if self.sessions is None:
            return Standing.NONE
        standing, request[GOOD_UNTIL] = self.sessions.standing(request)
        if standing is Standing.FORGED:
            # Whoever guesses a short key can guess it by what it would have signed, too.
            await self._attempts.failed(self._proxies.client(request))
        return standing

    async def key_until(self, request: web.BaseRequest, text: str) -> float:
        """Return until when a key or token that was typed in opens the API; raise Problem for a wrong one."""
        self._page_origins.check_own(request)
        until = self._authentication.text_until(text)
        if not until:
            await self._attempts.failed(self._proxies.client(request))
        return until

    def is_secure(self, request: web.BaseRequest) -> bool:
        """Return whether the browser has come by TLS, as a proxy of the owner says."""
        return self._proxies.scheme(request) == "https"

    def _is_doorstep(self, request: web.BaseRequest) -> bool:
        path = request.rel_url.raw_path
        return self.sessions is not None and (
            path in _DOORSTEP or (path.startswith(_PAGE_FILES) and request.method in READS)
        )

    def _open(self, request: web.BaseRequest) -> bool:
        """Return whether nobody needs a key: a browser cannot send one when it opens a page."""
        # As it was sent: what is written in another way is no open path.
        return request.rel_url.raw_path in self._open_paths and request.method in READS

    async def _authenticate(self, request: web.BaseRequest, client: str) -> None:
        if self._is_doorstep(request):
            self._page_origins.check_host(request)
        elif self._open(request):
            pass
        elif self._authentication.offered(request.headers):
            request[GOOD_UNTIL] = self._authentication.good_until(request.headers)
            if not request[GOOD_UNTIL]:
                await self._attempts.failed(client)
        else:
            await self._check_session(request)

    async def _check_session(self, request: web.BaseRequest) -> None:
        """Let a browser through that is signed in, and only for our own page; raise Problem."""
        standing = await self.standing(request)
        if standing is not Standing.SIGNED_IN:
            raise ended() if standing is Standing.ENDED else missing()
        self._page_origins.check_host(request)
        self._page_origins.check_own(request)
        request[ORIGIN] = "panel"


class IngressGate:
    """Before the page: no keys and no rates, but no foreign pages either."""

    def __init__(self, counters: WebCounters) -> None:
        """Allow no origin but the page's own."""
        self._counters = counters
        self._origins = Origins(check_hosts=True)

    async def admit(self, request: web.BaseRequest) -> web.Response | None:
        """Let everything of Home Assistant through, and from this computer what no foreign page has sent."""
        try:
            check_peer(request)
            if clients.client(request) == str(SUPERVISOR):
                return None
            self._origins.check_host(request)
            self._origins.check_site(request)
        except Problem as problem:
            self._counters.refuse(problem.code)
            raise
        return None

    def headers(self, _: web.BaseRequest) -> Mapping[str, str]:
        """Return none."""
        return {}


def _rates(api: ApiSettings) -> Rates:
    return Rates(per_minute=api.rate_limit, writes_per_minute=api.rate_limit_writes)
