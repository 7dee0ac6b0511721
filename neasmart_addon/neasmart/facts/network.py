"""How what others read is written: hosts and ports, the paths of our API, and JSON."""

from __future__ import annotations

import ipaddress

API = "/api/v1"
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

LAST_PORT = 65535
_MAPPED_BITS = 96
"""How many bits stand before an IPv4 address that is written as IPv6."""


def encoded(document: object) -> bytes:
    """Return JSON; keys that are numbers become text, values that are not finite become null."""
    import msgspec  # noqa: PLC0415 - the command line reads addresses before it may take time to load

    return msgspec.json.encode(document)


def json_text(document: object) -> str:
    """Return the same as text."""
    return encoded(document).decode()


def ip_address(text: str) -> IpAddress | None:
    """Return an address, IPv4 that is written as IPv6 as what it is; None for any other text."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def ip_network(text: str) -> IpNetwork:
    """Return the network that a text names, one address included, so that what `ip_address` returns can be in it.

    Raises ValueError for any other text.
    """
    found = ipaddress.ip_network(text.strip(), strict=False)
    mapped = getattr(found.network_address, "ipv4_mapped", None)
    return found if mapped is None else ipaddress.IPv4Network((mapped, found.prefixlen - _MAPPED_BITS))


def host_and_port(text: str) -> tuple[str, int | None]:
    """Return the parts of ``HOST``, ``HOST:PORT`` or ``[IPV6]:PORT``; what is no port stays in the host."""
    host, colon, number = text.rpartition(":")
    if colon and number.isascii() and number.isdecimal() and int(number[:6]) <= LAST_PORT:
        return host.strip("[]"), int(number)
    return text.strip("[]"), None


def listened_on(host: str) -> str | None:
    """Return an address as asyncio is told to listen on it: it takes `::` for IPv6 alone, and owners for everything."""
    return None if host in ("", "::") else host


def joined(host: str, port: int) -> str:
    """Return ``HOST:PORT``, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
