"""Sends the usual answer in one piece: making, checking and joining each header anew is a quarter of a GET.

What is special in any way goes through aiohttp, and nobody can tell the one from the other by their bytes.
"""

from __future__ import annotations

import time
from collections.abc import Coroutine, Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter

from neasmart.web.http.request_id import HEADER

_JSON = "application/json"
_FIRST = f"Content-Type: {_JSON}\r\n{HEADER}: "


class JsonResponse(web.Response):
    """An answer with a body of JSON."""

    _whole = b""
    _writer: AbstractStreamWriter

    def __init__(self, body: bytes, *, status: int) -> None:
        """Take the body; headers may follow."""
        super().__init__(body=body, status=status, content_type=_JSON)

    def compose(self, request: web.BaseRequest, request_id: str, lines: str) -> bool:
        """Make the bytes with these lines of headers; return False, and do nothing, if it is not a usual one."""
        headers, body = self.headers, self.body
        if (
            len(headers) != 1
            or headers.get(hdrs.CONTENT_TYPE) != _JSON
            # Whatever else a handler has added, such as a cookie, leaves its trace here.
            or len(vars(self)) != _UNTOUCHED
            or not isinstance(body, bytes)
            or request.version != HttpVersion11
            or not request.keep_alive
            or request.method == hdrs.METH_HEAD
        ):
            return False
        head = (
            f"HTTP/1.1 {self.status} {self.reason}\r\n{_FIRST}{request_id}\r\n{lines}"
            f"Content-Length: {len(body)}\r\nDate: {_date(int(time.time()))}\r\n\r\n"
        )
        self._whole, self._writer = head.encode() + body, request.writer
        return True

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection stays."""
        return True if self._whole else super().keep_alive

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send nothing yet, or what aiohttp sends before the body."""
        return self._writer if self._whole else await super().prepare(request)

    def write_eof(self, data: bytes = b"") -> Coroutine[None, None, None]:
        """Send all, or what aiohttp has left."""
        return self._writer.write_eof(self._whole) if self._whole else super().write_eof(data)


def header_lines(headers: Mapping[str, str]) -> str:
    """Return headers as they are sent; their values are our own words, never a client's."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


@lru_cache(maxsize=1)
def _date(unix_s: int) -> str:
    return formatdate(unix_s, usegmt=True)


_UNTOUCHED = len(vars(JsonResponse(b"", status=HTTPStatus.OK)))
"""How much a reply remembers of which nothing was asked but to be one."""
