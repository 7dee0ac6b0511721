"""Serves the description of the API, and Swagger UI to read it and to try it, without any help from outside.

Everything is kept packed, once somebody has asked for it, and sent in pieces: it needs no key, and two megabytes for
each connection that does not read would be more memory than a small computer has.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from io import BytesIO
from pathlib import Path

from aiohttp import web

from neasmart.facts.network import encoded
from neasmart.facts.registers import RegisterTable
from neasmart.web.assets import FOLDER, takes_gzip
from neasmart.web.http.problems import Problem
from neasmart.web.http.routes import TEXT, Route
from neasmart.web.openapi.description import document

DOCS_FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "start.js")
OWN_FILES = Path(__file__).with_name("swagger")
VENDORED = FOLDER / "vendor" / "swagger"
_POLICY = (
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; object-src 'none'"
)
_HOUR = "private, max-age=3600"
_TYPES = {".js": "text/javascript", ".css": "text/css"}


class DocsPage:
    """The handlers of `/api/openapi.json` and `/api/docs`."""

    def __init__(self) -> None:
        """Start without a description."""
        self._describe: Callable[[], bytes] = bytes
        self._packed: dict[str, bytes] = {}
        self._packing = asyncio.Lock()

    def describe(self, table: RegisterTable, routes: list[Route]) -> None:
        """Describe these routes, once somebody asks."""
        self._describe = lambda: gzip.compress(encoded(document(table, routes)))

    @Route("GET", "/api/openapi.json", "system", {"type": "object"}, is_open=True)
    async def openapi(self, request: web.Request) -> web.Response:
        """Read this document; needs no key. Made from the register table and the routes that this listener has."""
        return await self._answer(request, "openapi.json", self._describe, content_type="application/json")

    @Route("GET", "/api/docs", "system", {"text/html": TEXT}, any_query=True, is_open=True)
    async def page(self, _: web.Request) -> web.Response:
        """Read what the API can do, to read and to try; needs no key.

        Swagger UI from the gateway itself; it needs no internet.
        """
        body = await asyncio.to_thread((OWN_FILES / "index.html").read_bytes)
        headers = {"Content-Security-Policy": _POLICY}
        return web.Response(body=body, content_type="text/html", charset="utf-8", headers=headers)

    @Route(
        "GET",
        "/api/docs/{name}",
        "system",
        {"text/javascript": TEXT, "text/css": TEXT},
        names={"name": TEXT | {"enum": list(DOCS_FILES)}},
        any_query=True,
        is_open=True,
    )
    async def file(self, request: web.Request) -> web.Response:
        """Read the files of that page. Scripts and styles, packed if the browser takes that."""
        name = request.match_info["name"]
        if name not in DOCS_FILES:
            raise Problem(HTTPStatus.NOT_FOUND, "not_found", "The page has no such file")
        try:
            response = await self._answer(request, name, partial(_packed, name), content_type=_TYPES[Path(name).suffix])
        except FileNotFoundError as error:
            raise Problem(HTTPStatus.NOT_FOUND, "not_found", "Swagger UI is missing: run `make setup`") from error
        response.headers["Cache-Control"] = _HOUR
        response.charset = "utf-8"
        return response

    async def _answer(
        self, request: web.Request, name: str, made: Callable[[], bytes], *, content_type: str
    ) -> web.Response:
        """Answer with what `made` gives, packed."""
        async with self._packing:
            # Who asks while it is made waits for it.
            packed = self._packed.get(name)
            if packed is None:
                packed = self._packed[name] = await asyncio.to_thread(made)
        headers = {"Vary": "Accept-Encoding"}
        body: BytesIO | gzip.GzipFile = BytesIO(packed)
        if takes_gzip(request):
            headers["Content-Encoding"] = "gzip"
        else:
            body = gzip.GzipFile(fileobj=body)
        return web.Response(body=body, content_type=content_type, headers=headers)


def _packed(name: str) -> bytes:
    own = OWN_FILES / name
    return gzip.compress(own.read_bytes()) if own.is_file() else (VENDORED / f"{name}.gz").read_bytes()
