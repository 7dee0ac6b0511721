"""Decides who may talk to the ingress listener: the TCP peer does, never a header, which anybody can write."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from http import HTTPStatus

from aiohttp import web

from neasmart.web.http import clients
from neasmart.web.http.problems import Problem

SUPERVISOR = ipaddress.ip_address("172.30.32.2")
"""The address from which the Supervisor forwards ingress requests, after it has checked the user's session."""


@lru_cache(maxsize=64)
def trusted(host: str) -> bool:
    """Return whether an address is the Supervisor's or loopback, IPv4 written as IPv6 included."""
    address = clients.address(host)
    return address is not None and (address.is_loopback or address == SUPERVISOR)


def check_peer(request: web.BaseRequest) -> None:
    """Refuse every other peer; raises Problem."""
    peer = request.get_extra_info("peername")
    if not peer or not trusted(str(peer[0])):
        message = "This listener serves Home Assistant's ingress only; programs use the API port"
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden_peer", message)
