"""Remembers which route answers a path: aiohttp walks the path and matches patterns for each request anew.

Only a path that was read with success is remembered, as it was sent, so what clients invent is not; and only so many.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import hdrs, web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
PATHS_LIMIT = 256


class KnownPaths:
    """The paths of one application; `find` is what it does with a request."""

    def __init__(self, find: Handler) -> None:
        """Start without any."""
        self._find = find
        self._known: dict[str, web.UrlMappingMatchInfo] = {}

    def handler(self, request: web.BaseRequest) -> Handler:
        """Return what answers a request."""
        if request.method != hdrs.METH_GET or hdrs.EXPECT in request.headers or not isinstance(request, web.Request):
            return self._find
        known = self._known.get(request.rel_url.raw_path)
        if known is None:
            return self._found
        # What the application does itself once it has walked the path; there is no public way.
        request._match_info = known  # noqa: SLF001
        return known.handler  # type: ignore[return-value] # a handler takes what the application is given

    async def _found(self, request: web.BaseRequest) -> web.StreamResponse:
        response = await self._find(request)
        if isinstance(request, web.Request) and response.status == HTTPStatus.OK and len(self._known) < PATHS_LIMIT:
            self._known[request.rel_url.raw_path] = request.match_info
        return response
