"""Sends the usual answer in one piece: making, checking and joining each header anew is a quarter of a GET.

What is special in any way goes through aiohttp, and nobody can tell the one from the other by their bytes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter

from neasmart.web.http.request_id import HEADER

_JSON = "application/json"


class Reply(web.Response):
    """An answer with a body of JSON."""

    _whole = b""
    _writer: AbstractStreamWriter

    def __init__(self, body: bytes, *, status: int) -> None:
        """Take the body; headers may follow."""
        super().__init__(body=body, status=status, content_type=_JSON)
        self._json = body

    def compose(self, request: web.BaseRequest, request_id: str, lines: str) -> bool:
        """Make the bytes with these lines of headers; return False, and do nothing, if it is not a usual one."""
        if (
            request.version != HttpVersion11
            or not request.keep_alive
            or request.method == hdrs.METH_HEAD
            or len(self.headers) != 1
            or self.compression
            or self.chunked
            or self.keep_alive is not None
            or self._cookies
        ):
            return False
        head = (
            f"HTTP/1.1 {self.status} {self.reason}\r\nContent-Type: {_JSON}\r\n{HEADER}: {request_id}\r\n{lines}"
            f"Content-Length: {len(self._json)}\r\nDate: {_date(int(time.time()))}\r\n\r\n"
        )
        self._whole, self._writer = head.encode() + self._json, request.writer
        return True

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection stays."""
        return True if self._whole else super().keep_alive

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send nothing yet, or what aiohttp sends before the body."""
        return self._writer if self._whole else await super().prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        """Send all, or what aiohttp has left."""
        await (self._writer.write_eof(self._whole) if self._whole else super().write_eof(data))


def header_lines(headers: Mapping[str, str]) -> str:
    """Return headers as they are sent; their values are our own words, never a client's."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


@lru_cache(maxsize=1)
def _date(unix_s: int) -> str:
    return formatdate(unix_s, usegmt=True)
