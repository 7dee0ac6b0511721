"""Remembers which route answers a path: aiohttp walks the path and matches patterns for each request anew.

Only a path that was read with success is remembered, as it was sent, so what clients invent is not; and only so many.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import hdrs, web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
NO_ROUTE = "none"
PATHS_LIMIT = 256
WITHOUT_QUERY = "without_query"
"""The attribute of a handler that names what is behind it for a path with nothing beside it."""


@dataclass(frozen=True, slots=True)
class KnownPath:
    """What was found for a path: the numbers and names in it, what answers, and the path of its route."""

    match: web.UrlMappingMatchInfo
    handler: Handler
    route: str


class KnownPaths:
    """The paths of one application; `find` is what it does with a request."""

    def __init__(self, find: Handler) -> None:
        """Start without any."""
        self._find = find
        self._known: dict[str, KnownPath] = {}

    def known(self, request: web.BaseRequest) -> KnownPath | None:
        """Return what is known of a request's path, and give it to the request; None if it has to be found."""
        if request.method != hdrs.METH_GET or hdrs.EXPECT in request.headers or not isinstance(request, web.Request):
            return None
        # What is asked for beside the path is judged by what stands before the handler.
        address = request.rel_url
        known = None if address.raw_query_string else self._known.get(address.raw_path)
        if known is not None:
            # What the application does itself once it has walked the path; there is no public way.
            request._match_info = known.match  # noqa: SLF001
        return known

    async def find(self, request: web.BaseRequest) -> web.StreamResponse:
        """Have a request answered by the application, and learn from it."""
        response = await self._find(request)
        if (
            request.method == hdrs.METH_GET
            and isinstance(request, web.Request)
            and response.status == HTTPStatus.OK
            and len(self._known) < PATHS_LIMIT
        ):
            match, handler = request.match_info, request.match_info.handler
            handler = getattr(handler, WITHOUT_QUERY, handler)
            # It takes what `known` has given to the application.
            self._known[request.rel_url.raw_path] = KnownPath(match, handler, route_of(request))  # type: ignore[arg-type]
        return response


def route_of(request: web.BaseRequest) -> str:
    """Return the path of the route that has answered; the paths that clients invent are not worth remembering."""
    resource = request.match_info.route.resource if isinstance(request, web.Request) else None
    return NO_ROUTE if resource is None else resource.canonical
