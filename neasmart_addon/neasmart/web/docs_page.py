"""Serves the description of the API, and Swagger UI to read it and to try it, without any help from outside.

The files of Swagger UI are kept packed on the disk and are read when somebody asks: two megabytes are too much to hold
for a page that is hardly ever open.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from http import HTTPStatus
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
        self._packed = b""

    def describe(self, table: RegisterTable, routes: list[Route]) -> None:
        """Describe these routes, once somebody asks."""
        self._describe = lambda: gzip.compress(encoded(document(table, routes)))

    @Route("GET", "/api/openapi.json", "system", {"type": "object"}, is_open=True)
    async def openapi(self, request: web.Request) -> web.Response:
        """Read this document; needs no key. Made from the register table and the routes that this listener has."""
        if not self._packed:
            self._packed = await asyncio.to_thread(self._describe)
        return await _answer(request, self._packed, content_type="application/json")

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
            packed = await asyncio.to_thread(_packed, name)
        except FileNotFoundError as error:
            raise Problem(HTTPStatus.NOT_FOUND, "not_found", "Swagger UI is missing: run `make setup`") from error
        response = await _answer(request, packed, content_type=_TYPES[Path(name).suffix])
        response.headers["Cache-Control"] = _HOUR
        response.charset = "utf-8"
        return response


async def _answer(request: web.Request, packed: bytes, *, content_type: str) -> web.Response:
    headers = {"Vary": "Accept-Encoding"}
    if takes_gzip(request):
        return web.Response(body=packed, content_type=content_type, headers=headers | {"Content-Encoding": "gzip"})
    return web.Response(
        body=await asyncio.to_thread(gzip.decompress, packed), content_type=content_type, headers=headers
    )


def _packed(name: str) -> bytes:
    own = OWN_FILES / name
    return gzip.compress(own.read_bytes()) if own.is_file() else (VENDORED / f"{name}.gz").read_bytes()
