"""Keeps pages of other sites from using a visitor's browser as their hand in the home network.

A browser sends any page's request to any address, so a page on the internet could write to the gateway (cross-site
request forgery), open its WebSocket, or have its own name lead to the gateway's address and then read everything (DNS
rebinding). Browsers say where a request comes from; programs do not and need not.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from http import HTTPStatus

from aiohttp import hdrs, web

from neasmart.facts.network import host_and_port
from neasmart.web.guard.proxies import Proxies
from neasmart.web.http.problems import Problem

READS = frozenset({"GET", "HEAD", "OPTIONS"})
_HOME_NETWORK = (
    ".local", ".localhost", ".lan", ".home", ".home.arpa", ".internal", ".intranet", ".private", ".localdomain",
    ".fritz.box", ".speedport.ip",
)  # fmt: skip
"""Endings that no page on the internet can have."""
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?")
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, X-API-Key, X-Request-ID",
    "Access-Control-Max-Age": "600",
}
_EXPOSED = (
    "Retry-After, X-Request-ID, X-Rehau-Registers-Stale, X-Rehau-Registers-Age-Seconds, X-Rehau-Stale-After-Seconds, "
    "X-Rehau-Last-Register-Write"
)


class Origins:
    """Which pages and which names are let through."""

    def __init__(
        self,
        *,
        origins: Collection[str] = (),
        hosts: Collection[str] = (),
        check_hosts: bool,
        proxies: Proxies | None = None,
    ) -> None:
        """Allow other origins and other host names than those of the home network."""
        self._proxies = proxies or Proxies()
        self._origins = frozenset(origin.lower() for origin in origins)
        self._hosts = tuple(host.lower() for host in hosts)
        self._check_hosts = check_hosts

    def judge(self, request: web.BaseRequest) -> web.Response | None:
        """Return the answer to a preflight, None for another request; raise Problem to refuse it."""
        self.check_host(request)
        if request.method == hdrs.METH_GET and hdrs.UPGRADE not in request.headers:
            # Neither a write nor a WebSocket nor a preflight, and no page can read what it is not allowed to.
            return None
        self.check_site(request)
        return self.preflight(request)

    def check_host(self, request: web.BaseRequest) -> None:
        """Refuse a name that may belong to a page on the internet; raises Problem."""
        if not self._check_hosts:
            return
        host = self._proxies.host(request)
        if host is None or at_home(host) or self._named(host):
            return
        message = f"The gateway is not known as {host[:80]!r}"
        details = "Use its address, or add the name to api.allowed_hosts"
        raise Problem(HTTPStatus.FORBIDDEN, "unknown_host", message, details=details)

    def check_site(self, request: web.BaseRequest) -> None:
        """Refuse a write or a WebSocket that a page of another site asks for; raises Problem."""
        if request.method in READS and hdrs.UPGRADE not in request.headers:
            return
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        if (origin is None and site is None) or site in ("same-origin", "none"):
            return
        if origin is not None and (
            self.allows(origin) or _netloc(origin) == (self._proxies.host(request) or "").lower()
        ):
            return
        message = f"Pages of {(origin or 'another site')[:80]!r} may not do this"
        details = "Add the page's origin to api.cors_origins"
        raise Problem(HTTPStatus.FORBIDDEN, "cross_site", message, details=details)

    def check_own(self, request: web.BaseRequest) -> None:
        """Refuse what does not come from our own page, for requests that a browser would send anyhow; raises Problem.

        A page of another port of this computer sends the cookie, too. So a write and a WebSocket have to tell that they
        are ours; a read may be silent, because opening a page is one, but must not tell otherwise.
        """
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        silent = request.method in READS and hdrs.UPGRADE not in request.headers and origin is None
        host = (self._proxies.host(request) or "").lower()
        if silent or site == "same-origin" or (site is None and origin and host and _netloc(origin) == host):
            return
        message = f"Only the gateway's own page may do this, not {(origin or 'an unknown one')[:80]!r}"
        details = "A reverse proxy has to pass the header Host on, or to stand in api.trusted_proxies"
        raise Problem(HTTPStatus.FORBIDDEN, "cross_site", message, details=details)

    def allows(self, origin: str) -> bool:
        """Return whether pages of another origin may use the API."""
        return bool(self._origins) and (origin.lower() in self._origins or "*" in self._origins)

    def preflight(self, request: web.BaseRequest) -> web.Response | None:
        """Return the answer to a browser's question whether it may send a request; None if it is no such question."""
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        origin = request.headers.get("Origin", "")
        if not self.allows(origin):
            raise Problem(HTTPStatus.FORBIDDEN, "cross_site", f"Pages of {origin[:80]!r} may not use this API")
        return web.Response(status=HTTPStatus.NO_CONTENT, headers=_PREFLIGHT)

    def headers(self, request: web.BaseRequest) -> Mapping[str, str]:
        """Return what tells the browser whether the page may read the answer."""
        if not self._origins:
            return {}
        origin = request.headers.get("Origin")
        if origin is None or not self.allows(origin):
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSED,
        }

    def _named(self, host: str) -> bool:
        name = host_and_port(host)[0].lower().rstrip(".")
        return any(
            known in ("*", name) or (known.startswith("*.") and name.endswith(known[1:])) for known in self._hosts
        )


@lru_cache(maxsize=256)
def at_home(host: str) -> bool:
    """Return whether a Host header names an address, or a name that only the home network can give."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    address, name = match.groups()
    try:
        ipaddress.ip_address(address or name)
    except ValueError:
        name = "" if address else name.lower().rstrip(".")
    else:
        return True
    return bool(name) and ("." not in name or name.endswith(_HOME_NETWORK))


def _netloc(origin: str) -> str:
    return origin.partition("://")[2].lower()
