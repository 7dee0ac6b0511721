"""Names the client of a request by its TCP address; only `proxies` believes a header that claims another one."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from aiohttp import web

from neasmart.facts.network import ip_address

_HOSTS_OF_ONE_CLIENT = 64


def client(request: web.BaseRequest) -> str:
    """Return who is counted for the request."""
    peer = request.get_extra_info("peername")
    return name(str(peer[0])) if peer else ""


address = lru_cache(maxsize=1024)(ip_address)


@lru_cache(maxsize=1024)
def is_here(client: str) -> bool:
    """Return whether a client, as it is counted, is this computer itself."""
    found = address(client)
    return found is not None and found.is_loopback


@lru_cache(maxsize=1024)
def name(host: str) -> str:
    """Return an address as it is counted: an IPv6 host by its network, because it may choose its address freely."""
    found = address(host)
    if found is None:
        return host
    if isinstance(found, ipaddress.IPv4Address) or found.is_loopback or found.is_link_local:
        return str(found)
    return str(ipaddress.ip_network((int(found), _HOSTS_OF_ONE_CLIENT), strict=False))
