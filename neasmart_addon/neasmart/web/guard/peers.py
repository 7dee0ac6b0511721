"""Decides who may talk to the ingress listener: the TCP peer does, never a header, which anybody can write."""

from __future__ import annotations

import ipaddress
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from neasmart.web.http import clients
from neasmart.web.http.problems import Problem

SUPERVISOR = ipaddress.ip_address("172.30.32.2")
"""The address from which the Supervisor forwards ingress requests, after it has checked the user's session."""


def trusted(host: str) -> bool:
    """Return whether an address is the Supervisor's or loopback, IPv4 written as IPv6 included."""
    address = clients.address(host)
    return address is not None and (address.is_loopback or address == SUPERVISOR)


@web.middleware
async def trusted_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse every other peer."""
    peer = request.get_extra_info("peername")
    if not peer or not trusted(str(peer[0])):
        message = "This listener serves Home Assistant's ingress only; programs use the API port"
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden_peer", message)
    return await handler(request)
