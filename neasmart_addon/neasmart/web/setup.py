"""The paths of the guide; on the page's listener only, because they open devices and store settings."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Protocol

from aiohttp import web

from neasmart.errors import NeasmartError
from neasmart.web.bodies import Document, query, read_object, reply
from neasmart.web.problems import Problem

_PREFIX = "/api/v1/setup"
_TEXTS = ("device", "url")
_FLAGS = ("listen", "open_port", "restart")


class Guide(Protocol):
    """What leads through the set-up; a choice is one key of the body with its value."""

    async def setup_document(self) -> Document:
        """Return what the page shows."""

    async def setup_listen(self, choice: Document) -> Document:
        """Open what was chosen and send nothing; raise NeasmartError."""

    async def setup_apply(self, choice: Document) -> Document:
        """Store what was chosen and use it; raise NeasmartError."""


class SetupRoutes:
    """The handlers."""

    def __init__(self, guide: Callable[[], Guide | None]) -> None:
        """Take what gives the guide, None where there is none."""
        self._guide = guide

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(_PREFIX, self.show),
            web.post(f"{_PREFIX}/listen", self.listen),
            web.post(f"{_PREFIX}/apply", self.apply),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """Answer what is plugged in, what is chosen, and who decides."""
        query(request)
        return _reply(request, await self._known().setup_document())

    async def listen(self, request: web.Request) -> web.Response:
        """Open what was chosen and only listen."""
        return await self._do(request, self._known().setup_listen, ("device", "url", "listen"))

    async def apply(self, request: web.Request) -> web.Response:
        """Store what was chosen and use it."""
        return await self._do(request, self._known().setup_apply, (*_TEXTS, *_FLAGS))

    async def _do(
        self, request: web.Request, work: Callable[[Document], Awaitable[Document]], allowed: tuple[str, ...]
    ) -> web.Response:
        query(request)
        choice = await read_object(request, allowed)
        if len(choice) != 1:
            message = f"The body is one of {', '.join(allowed)} with its value"
            raise Problem(HTTPStatus.BAD_REQUEST, "invalid_choice", message)
        ((key, value),) = choice.items()
        fits = value is True if key in _FLAGS else isinstance(value, str) and 0 < len(value) <= 300  # noqa: PLR2004 - no path is longer
        if not fits:
            message = f"Invalid {key}: {str(value)[:40]!r}. Must be {'true' if key in _FLAGS else 'a text'}"
            raise Problem(HTTPStatus.BAD_REQUEST, f"invalid_{key}", message)
        try:
            return _reply(request, await work(choice))
        except NeasmartError as error:
            raise Problem(HTTPStatus.CONFLICT, error.code, str(error)) from error

    def _known(self) -> Guide:
        guide = self._guide()
        if guide is None:
            raise Problem(HTTPStatus.NOT_FOUND, "not_found", "This gateway has no guide")
        return guide


def _reply(request: web.Request, document: Document) -> web.Response:
    converter = document.get("converter")
    if isinstance(converter, dict):
        document = {**document, "converter": {**converter, "host": _host(request)}}
    return reply(document)


def _host(request: web.Request) -> str | None:
    """Return the name under which the page was opened, as far as a converter can use it."""
    name = request.headers.get("X-Forwarded-Host") or request.host
    host = name.split(",")[0].strip().rpartition(":")[0] if name.rpartition(":")[2].isdecimal() else name.strip()
    host = host.strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host if host and host != "localhost" else None
    return None if address.is_loopback or address in ipaddress.ip_network("172.30.32.0/23") else host
