"""The paths of the guide; on the page's listener only, because they open devices and store settings."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Protocol

from aiohttp import web

from neasmart.facts.errors import NeasmartError
from neasmart.facts.network import API, host_and_port, ip_address
from neasmart.web.answers.page_answers import Setup
from neasmart.web.guard.origins import at_home
from neasmart.web.http.bodies import Document, read_object, reply
from neasmart.web.http.problems import Problem
from neasmart.web.http.routes import FLAG, TEXT, Route, Schema

_LINKS: Mapping[str, Schema] = {
    "device": TEXT | {"description": "The path of a serial device"},
    "url": TEXT | {"description": "`socket://HOST:PORT` or `rfc2217://HOST:PORT`"},
    "listen": FLAG | {"enum": [True], "description": "Wait for a converter that dials"},
}
_MORE: Mapping[str, Schema] = {
    "language": TEXT | {"description": "In which language entities are named, unless one was chosen already"},
    "open_port": FLAG | {"enum": [True], "description": "Have Home Assistant open the port"},
    "restart": FLAG | {"enum": [True], "description": "Have the app started anew"},
}


def _one_of(title: str, choices: Mapping[str, Schema]) -> Schema:
    """Return a body that has one of the choices."""
    one: Schema = {"minProperties": 1, "maxProperties": 1, "additionalProperties": False}
    return {"title": title, "type": "object", "properties": dict(choices), **one}


class Guide(Protocol):
    """What leads through the set-up; a choice is one key of the body with its value."""

    async def document(self) -> Document:
        """Return what the page shows."""

    async def listen(self, choice: Document) -> Document:
        """Open what was chosen and send nothing; raise NeasmartError."""

    async def apply(self, choice: Document) -> Document:
        """Store what was chosen and use it; raise NeasmartError."""


class SetupRoutes:
    """The handlers."""

    def __init__(self, guide: Callable[[], Guide | None]) -> None:
        """Take what gives the guide, None where there is none."""
        self._guide = guide

    @Route("GET", f"{API}/setup", "setup", Setup)
    async def show(self, request: web.Request) -> web.Response:
        """Read what can be the link to the bus, and what is.

        Devices, converters and what is chosen; on the listener of the page only.
        """
        return _reply(request, await self._known().document())

    @Route(
        "POST",
        f"{API}/setup/listen",
        "setup",
        Setup,
        sends=_one_of("LinkToTry", _LINKS),
        problems=(HTTPStatus.CONFLICT,),
    )
    async def listen(self, request: web.Request) -> web.Response:
        """Listen to a link for ten minutes, without sending.

        Nothing is stored and no byte is sent; the link of before comes back afterwards.
        """
        return await self._do(request, self._known().listen, _LINKS)

    @Route(
        "POST",
        f"{API}/setup/apply",
        "setup",
        Setup,
        sends=_one_of("LinkToUse", {**_LINKS, **_MORE}),
        problems=(HTTPStatus.CONFLICT,),
    )
    async def apply(self, request: web.Request) -> web.Response:
        """Store a link and use it, name entities in a language, open the port, or restart.

        Stored where settings live: in the form of the app, or in `config.json`.
        """
        return await self._do(request, self._known().apply, {**_LINKS, **_MORE})

    async def _do(
        self, request: web.Request, work: Callable[[Document], Awaitable[Document]], allowed: Mapping[str, Schema]
    ) -> web.Response:
        choice = await read_object(request, allowed)
        if len(choice) != 1:
            message = f"The body is one of {', '.join(allowed)} with its value"
            raise Problem(HTTPStatus.BAD_REQUEST, "invalid_choice", message)
        ((key, value),) = choice.items()
        is_flag = "enum" in allowed[key]
        fits = value is True if is_flag else isinstance(value, str) and 0 < len(value) <= 300  # noqa: PLR2004 - no path is longer
        if not fits:
            message = f"Invalid {key}: {str(value)[:40]!r}. Must be {'true' if is_flag else 'a text'}"
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
    """Return the name under which the page was opened, as far as a converter of this network can use it."""
    name = (request.headers.get("X-Forwarded-Host") or request.host).split(",")[0].strip()
    host, _ = host_and_port(name)
    address = ip_address(host)
    if address is None:
        return host if at_home(name) and host != "localhost" else None
    return None if address.is_loopback or address in ipaddress.ip_network("172.30.32.0/23") else host
