"""Names the client of a request by its TCP address; only `proxies` believes a header that claims another one."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from aiohttp import web

_HOSTS_OF_ONE_CLIENT = 64


def client(request: web.BaseRequest) -> str:
    """Return who is counted for the request."""
    peer = request.get_extra_info("peername")
    return name(str(peer[0])) if peer else ""


@lru_cache(maxsize=1024)
def is_here(client: str) -> bool:
    """Return whether a client, as it is counted, is this computer itself."""
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=1024)
def name(host: str) -> str:
    """Return an address as it is counted: an IPv6 host by its network, because it may choose its address freely."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    if address.is_loopback or address.is_link_local:
        return str(address)
    return str(ipaddress.ip_network((int(address), _HOSTS_OF_ONE_CLIENT), strict=False))
