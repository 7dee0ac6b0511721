"""Declares a route beside its handler: what it takes and answers, what it refuses, and whether it asks for a key.

The handler's docstring is the route's text in the description of the API: its first sentence the summary, the rest
what a reader wants to know beyond it. A handler that says too little cannot be imported.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import product
from typing import Any, TypedDict, Unpack

import msgspec
from aiohttp import web

from neasmart.web.http.bodies import query as query_of

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path.

    `answers` are media types with their shapes, none where there is no body; `sends` is the shape of the body and
    `names` are the schemas of what stands in the path, if they are neither an axis nor any text. `query` names what may
    be asked for; None takes any and reads nothing. `problems` are statuses beyond those that every route may have.
    `is_open` routes need no key. Routes that are not `shown` are left out of the description of the API.
    """

    method: str
    path: str
    tag: str
    summary: str
    description: str
    answers: Mapping[str, Shape]
    handler: RouteHandler
    status: int
    sends: Shape | None
    sends_optional: bool
    names: Mapping[str, Shape]
    query: Mapping[str, Shape] | None
    problems: tuple[int, ...]
    is_open: bool
    shown: bool
    also: str | None

    def definitions(self) -> Iterator[web.RouteDef]:
        """Yield what aiohttp needs, for each way to write the path."""
        handler = self.handler if self.query is None or self.query else _refusing(self.handler)
        for path in filter(None, (self.path, self.also)):
            # A WebSocket has no head to ask for.
            options = {"allow_head": self.shown} if self.method == "GET" else {}
            yield web.RouteDef(self.method, path, handler, options)

    def paths(self) -> Iterator[str]:
        """Yield every path as it is sent, of a route of which all names are listed."""
        listed = {name: schema["enum"] for name, schema in self.names.items() if isinstance(schema, dict)}
        for chosen in product(*listed.values()):
            yield self.path.format_map(dict(zip(listed, chosen, strict=True)))


class _Said(TypedDict, total=False):
    status: int
    sends: Shape
    sends_optional: bool
    names: Mapping[str, Shape]
    query: Mapping[str, Shape]
    any_query: bool
    commands: bool
    problems: tuple[int, ...]
    is_open: bool
    shown: bool
    also: str


def declared(
    method: str, path: str, tag: str, answers: Shape | Mapping[str, Shape] | None, **said: Unpack[_Said]
) -> Callable[[RouteHandler], RouteHandler]:
    """Return a decorator that declares a handler's route, see `Route`; raise ValueError if there is no text for it.

    A shape alone is answered as JSON. `commands` tells that the route gives commands to the base, `any_query` that it
    ignores parameters that it does not know.
    """

    def declare(handler: RouteHandler) -> RouteHandler:
        summary, _, description = " ".join((handler.__doc__ or "").split()).partition(". ")
        if min(len(summary.split()), len(description.split())) < _LEAST_WORDS:
            raise ValueError(f"{method} {path}: the docstring of {handler.__qualname__} needs a summary and a text")
        commands, any_query = said.get("commands", False), said.get("any_query", False)
        query = {**said.get("query", {}), **({"queue": QUEUE} if commands else {})}
        problems = said.get("problems", ())
        vars(handler)["route"] = Route(
            method=method,
            path=path,
            tag=tag,
            summary=summary.removesuffix("."),
            description=f"{description} {_COMMAND}" if commands and answers else description,
            answers=_by_media_type(answers),
            handler=handler,
            status=said.get("status", HTTPStatus.OK),
            sends=said.get("sends"),
            sends_optional=said.get("sends_optional", False),
            names=said.get("names", {}),
            query=query or (None if any_query else {}),
            problems=(*problems, HTTPStatus.SERVICE_UNAVAILABLE) if commands else problems,
            is_open=said.get("is_open", False),
            shown=said.get("shown", True),
            also=said.get("also"),
        )
        return handler

    return declare


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


def _by_media_type(answers: Shape | Mapping[str, Shape] | None) -> Mapping[str, Shape]:
    if answers is None:
        return {}
    if isinstance(answers, dict) and all("/" in kind for kind in answers):
        return answers
    return {JSON: answers}  # type: ignore[dict-item] # a mapping of media types has been returned


def _refusing(handler: RouteHandler) -> RouteHandler:
    """Return the handler, refusing all query parameters."""

    async def refusing(request: web.Request) -> web.StreamResponse:
        query_of(request)
        return await handler(request)

    return refusing
