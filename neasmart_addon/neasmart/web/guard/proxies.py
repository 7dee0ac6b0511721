"""Believes what a reverse proxy of the owner says of a request, and nobody else.

A proxy speaks for its clients: all their requests come from its address, and by the name that it knows us by. What it
says about them stands in headers that anybody can write, so they count from the listed addresses alone.
"""

from __future__ import annotations

from collections.abc import Collection

from aiohttp import hdrs, web

from neasmart.facts.network import ip_network
from neasmart.web.http import clients

FORWARDED_FOR = "X-Forwarded-For"
FORWARDED_HOST = "X-Forwarded-Host"
FORWARDED_PROTO = "X-Forwarded-Proto"


class Proxies:
    """The reverse proxies whose headers count; by default none."""

    def __init__(self, networks: Collection[str] = ()) -> None:
        """Take addresses and networks."""
        self._networks = [ip_network(text) for text in networks]

    def client(self, request: web.BaseRequest) -> str:
        """Return who is counted for a request: the last address in the chain that is no proxy of ours."""
        peer = clients.client(request)
        if not self._speaks_for_others(request):
            return peer
        # The proxy appends to what it was sent, so what stands further left may be invented.
        named = [text.strip() for value in request.headers.getall(FORWARDED_FOR, ()) for text in value.split(",")]
        for text in reversed(named):
            if clients.address(text) is None:
                return peer
            if not self._trusts(text):
                return clients.name(text)
        return peer

    def host(self, request: web.BaseRequest) -> str | None:
        """Return the name, with a port if there is one, by which a browser knows us."""
        if FORWARDED_HOST in request.headers and self._speaks_for_others(request):
            return request.headers.getall(FORWARDED_HOST)[-1].rpartition(",")[2].strip()
        return request.headers.get(hdrs.HOST)

    def scheme(self, request: web.BaseRequest) -> str:
        """Return how the browser has come: `https` only if a proxy of ours says so, for we speak no TLS."""
        if FORWARDED_PROTO in request.headers and self._speaks_for_others(request):
            return request.headers.getall(FORWARDED_PROTO)[-1].rpartition(",")[2].strip().lower()
        return "http"

    def _speaks_for_others(self, request: web.BaseRequest) -> bool:
        """Return whether a request comes from a proxy of ours, by the address itself and not by what is counted."""
        peer = request.get_extra_info("peername") if self._networks else None
        return peer is not None and self._trusts(str(peer[0]))

    def _trusts(self, text: str) -> bool:
        address = clients.address(text)
        return address is not None and any(address in network for network in self._networks)
