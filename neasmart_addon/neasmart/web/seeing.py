"""The paths that show the bus to people who look for a fault: doctor, captures and the diagnostics file."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from aiohttp import web

from neasmart import about
from neasmart.clock import iso
from neasmart.config import Settings
from neasmart.errors import NeasmartError
from neasmart.gateway import Gateway
from neasmart.status import RecorderStatus
from neasmart.web import documents
from neasmart.web.bodies import Document, flag, query, read_object, reply
from neasmart.web.diagnostics import diagnostics
from neasmart.web.live import Feed
from neasmart.web.problems import Problem
from neasmart.web.rooms import RoomKeeper
from neasmart.web.setup import Guide

SECONDS_LIMIT = 600

_PREFIX = "/api/v1"
_CAPTURE_TYPE = "application/x-pcapng"


class CaptureFile(Protocol):
    """A finished recording."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def size(self) -> int: ...  # noqa: D102

    @property
    def recorded_at(self) -> float: ...  # noqa: D102


class Recorder(Protocol):
    """What records the bus into files."""

    @property
    def status(self) -> RecorderStatus:
        """What it does now."""

    async def start(self, seconds: float | None = None) -> RecorderStatus:
        """Begin; raise NeasmartError if that is not possible."""

    async def stop(self) -> RecorderStatus:
        """End the recording if one runs."""

    async def files(self) -> Sequence[CaptureFile]:
        """Return the finished recordings, newest first."""

    async def path(self, name: str) -> Path | None:
        """Return where a recording is."""

    async def remove(self, name: str) -> bool:
        """Delete a recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sights:
    """Where the things come from that the web server itself cannot see, and who wants to know what only it sees."""

    recorder: Recorder
    last_frames: Callable[[], Sequence[Document]]
    log_lines: Callable[[], Sequence[str]]
    page_opened: Callable[[], None] = lambda: None
    rooms: RoomKeeper | None = None
    guide: Guide | None = None


class Seeing:
    """The handlers."""

    def __init__(self, settings: Callable[[], Settings], gateway: Gateway, feed: Feed, sights: Sights) -> None:
        """Take the collaborators; `settings` gives those that are in use."""
        self._settings = settings
        self._gateway = gateway
        self._feed = feed
        self._sights = sights

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        captures = f"{_PREFIX}/captures"
        return [
            web.get(f"{_PREFIX}/doctor", self.doctor),
            web.get(f"{_PREFIX}/diagnostics", self.diagnostics),
            web.get(captures, self.captures),
            web.post(captures, self.start),
            web.post(f"{captures}/stop", self.stop),
            web.get(f"{captures}/{{name}}", self.download),
            web.delete(f"{captures}/{{name}}", self.remove),
        ]

    async def doctor(self, request: web.Request) -> web.Response:
        """Answer what is wrong with the wiring, with fresh figures."""
        query(request)
        return reply(documents.doctor(self._gateway, self._gateway.clock.monotonic()))

    async def diagnostics(self, request: web.Request) -> web.Response:
        """Answer everything that a helper needs, as a file to save."""
        names = flag(query(request, "names"), "names")
        beside: Document = await asyncio.to_thread(about.facts)
        beside |= {"frames": list(self._sights.last_frames()), "log": list(self._sights.log_lines())}
        document = diagnostics(
            self._gateway,
            self._settings(),
            beside=beside,
            frames_per_s=self._feed.frames_per_s,
            names=names,
        )
        response = reply(document)
        stamp = datetime.fromtimestamp(self._gateway.clock.wall(), tz=UTC).strftime("%Y%m%d-%H%M%S")
        response.headers["Content-Disposition"] = f'attachment; filename="neasmart-diagnostics-{stamp}.json"'
        return response

    async def captures(self, request: web.Request) -> web.Response:
        """Answer what the recorder does and which recordings there are."""
        query(request)
        return reply(await self._document())

    async def start(self, request: web.Request) -> web.Response:
        """Begin a recording; the body may limit its `seconds`."""
        query(request)
        wanted = await read_object(request, ("seconds",)) if request.can_read_body else {}
        seconds = wanted.get("seconds", SECONDS_LIMIT)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 1 <= seconds <= SECONDS_LIMIT:
            message = f"Invalid seconds: {str(seconds)[:20]}. Must be between 1 and {SECONDS_LIMIT}"
            raise Problem(HTTPStatus.BAD_REQUEST, "invalid_seconds", message)
        recorder = self._sights.recorder
        try:
            await recorder.start(math.ceil(seconds))
        except NeasmartError as error:
            raise Problem(HTTPStatus.CONFLICT, error.code, str(error)) from error
        return reply(await self._document(), status=HTTPStatus.CREATED)

    async def stop(self, request: web.Request) -> web.Response:
        """End the recording if one runs."""
        query(request)
        await self._sights.recorder.stop()
        return reply(await self._document())

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Answer a recording as a file."""
        query(request)
        name = request.match_info["name"]
        path = await self._sights.recorder.path(name)
        if path is None:
            raise _unknown(name)
        return web.FileResponse(
            path,
            headers={"Content-Type": _CAPTURE_TYPE, "Content-Disposition": f'attachment; filename="{path.name}"'},
        )

    async def remove(self, request: web.Request) -> web.Response:
        """Delete a recording."""
        query(request)
        name = request.match_info["name"]
        if not await self._sights.recorder.remove(name):
            raise _unknown(name)
        return reply(await self._document())

    async def _document(self) -> Document:
        files = await self._sights.recorder.files()
        return {
            "recorder": documents.status(self._sights.recorder.status, self._gateway.clock),
            "captures": [
                {
                    "name": file.name,
                    "size": file.size,
                    "recorded_at": iso(file.recorded_at),
                    "path": f"api/v1/captures/{file.name}",
                }
                for file in files
            ],
        }


def _unknown(name: str) -> Problem:
    message = f"Unknown capture: {name[:60]!r}. GET {_PREFIX}/captures lists them"
    return Problem(HTTPStatus.NOT_FOUND, "unknown_capture", message)
