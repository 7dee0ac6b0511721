"""Declares a route beside its handler: what it takes and answers, what it refuses, and whether it asks for a key.

The handler's docstring is the route's text in the description of the API: its first sentence the summary, the rest
what a reader wants to know beyond it. A handler that says too little cannot be imported.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from http import HTTPStatus
from itertools import product
from typing import Any

import msgspec
from aiohttp import web

from neasmart.web.http.bodies import query as query_of
from neasmart.web.http.known_paths import WITHOUT_QUERY

RouteHandler = Callable[..., Awaitable[web.StreamResponse]]
Schema = dict[str, Any]
Shape = type[msgspec.Struct] | str | Schema
"""A typed answer, the name of a shape that the register table gives, or a schema of JSON as it is."""

JSON = "application/json"
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
AXIS: Schema = {}
"""The schema of a parameter that is named like an axis of the table: the axis's numbers."""
QUEUE: Schema = FLAG | {"description": "Take the command even while the base is not connected", "default": False}
_COMMAND = (
    "The answer comes at once with the ids of commands; `GET /api/v1/commands/{command_id}` follows one until the base "
    "has confirmed it, or tells why not. Without a connection to the base it is refused unless `queue=true`."
)
_LEAST_WORDS = 3


async def _nobody(_: web.Request) -> web.StreamResponse:
    raise LookupError("the route stands at no handler")


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path, and the decorator that declares it at its handler.

    `answers` is a shape, which is sent as JSON, or media types with their shapes, or None where there is no body.
    `sends` is the shape of the body and `names` are the schemas of what stands in the path, if they are neither an axis
    nor any text. `query` names what may be asked for; with `any_query` everything else is ignored and not refused. A
    route that `commands` gives commands to the base. `problems` are statuses beyond those that every route may have.
    `is_open` routes need no key. Routes that are not `shown` are left out of the description of the API; `also` is a
    second way to write the path.
    """

    method: str
    path: str
    tag: str
    answers: Shape | Mapping[str, Shape] | None
    _: KW_ONLY
    status: int = HTTPStatus.OK
    sends: Shape | None = None
    sends_optional: bool = False
    names: Mapping[str, Shape] = field(default_factory=dict)
    query: Mapping[str, Shape] = field(default_factory=dict)
    any_query: bool = False
    commands: bool = False
    problems: tuple[int, ...] = ()
    is_open: bool = False
    shown: bool = True
    also: str | None = None
    handler: RouteHandler = _nobody

    def __call__(self, handler: RouteHandler) -> RouteHandler:
        """Declare the route of a handler; raise ValueError if its docstring is no text for it."""
        route = replace(self, handler=handler)
        if min(len(text.split()) for text in route.text) < _LEAST_WORDS:
            name = handler.__qualname__
            raise ValueError(f"{self.method} {self.path}: the docstring of {name} needs a summary and a text")
        vars(handler)["route"] = route
        return handler

    @property
    def text(self) -> tuple[str, str]:
        """The summary and what a reader wants to know beyond it."""
        summary, _, description = " ".join((self.handler.__doc__ or "").split()).partition(". ")
        return summary.removesuffix("."), f"{description} {_COMMAND}" if self.commands and self.answers else description

    @property
    def media(self) -> Mapping[str, Shape]:
        """The media types of the answer with their shapes."""
        if self.answers is None:
            return {}
        if isinstance(self.answers, dict) and all("/" in kind for kind in self.answers):
            return self.answers
        return {JSON: self.answers}  # type: ignore[dict-item] # a mapping of media types has been returned

    @property
    def asked(self) -> Mapping[str, Shape]:
        """What may be asked for."""
        return {**self.query, "queue": QUEUE} if self.commands else self.query

    def definitions(self) -> Iterator[web.RouteDef]:
        """Yield what aiohttp needs, for each way to write the path."""
        handler = self.handler if self.any_query or self.asked else _refusing(self.handler)
        for path in filter(None, (self.path, self.also)):
            # A WebSocket has no head to ask for.
            options = {"allow_head": self.shown} if self.method == "GET" else {}
            yield web.RouteDef(self.method, path, handler, options)

    def paths(self) -> Iterator[str]:
        """Yield every path as it is sent, of a route of which all names are listed."""
        listed = {name: schema["enum"] for name, schema in self.names.items() if isinstance(schema, dict)}
        for chosen in product(*listed.values()):
            yield self.path.format_map(dict(zip(listed, chosen, strict=True)))


def routes_of(owner: object) -> list[Route]:
    """Return the routes that an object's class declares, in the order in which they are written."""
    found = [(name, vars(each).get("route")) for name, each in vars(type(owner)).items() if inspect.isfunction(each)]
    return [replace(route, handler=getattr(owner, name)) for name, route in found if isinstance(route, Route)]


def definitions(routes: Iterable[Route]) -> list[web.RouteDef]:
    """Return what aiohttp needs."""
    return [definition for route in routes for definition in route.definitions()]


def open_paths(routes: Iterable[Route]) -> frozenset[str]:
    """Return every path that may be read without a key, as it is sent."""
    return frozenset(path for route in routes if route.is_open for path in route.paths())


def _refusing(handler: RouteHandler) -> RouteHandler:
    """Return the handler, refusing all query parameters; it has an attribute with what answers a path without any."""

    async def refusing(request: web.Request) -> web.StreamResponse:
        query_of(request)
        return await handler(request)

    vars(refusing)[WITHOUT_QUERY] = handler
    return refusing
