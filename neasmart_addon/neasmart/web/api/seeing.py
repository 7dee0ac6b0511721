"""The paths that show the bus to people who look for a fault: doctor, captures and the diagnostics file."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from neasmart.core.gateway import Gateway
from neasmart.facts.clock import iso
from neasmart.facts.errors import NeasmartError
from neasmart.facts.network import API
from neasmart.facts.process import about
from neasmart.facts.status import LONGEST_RECORDING_S, CaptureFile, RecorderStatus
from neasmart.settings.model import Settings
from neasmart.web.answers import bus_documents
from neasmart.web.answers.bus_answers import Capture, Captures, DoctorAnswer
from neasmart.web.api.diagnostics import diagnostics, gathered
from neasmart.web.api.live import Feed
from neasmart.web.api.rooms import RoomKeeper
from neasmart.web.api.setup import Guide
from neasmart.web.http.bodies import Document, flag, query, read_object, reply
from neasmart.web.http.json_response import JsonResponse
from neasmart.web.http.problems import Problem
from neasmart.web.http.routes import FLAG, Route

_CAPTURE_TYPE = "application/x-pcapng"
_SECONDS = {"type": "number", "minimum": 1, "maximum": LONGEST_RECORDING_S, "default": LONGEST_RECORDING_S}
_WANTED: Document = {
    "title": "CaptureCommand",
    "type": "object",
    "properties": {"seconds": _SECONDS},
    "additionalProperties": False,
}


class BusRecorder(Protocol):
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

    recorder: BusRecorder
    last_frames: Callable[[], Sequence[Document]]
    log_lines: Callable[[], Sequence[str]]
    page_opened: Callable[[], None] = lambda: None
    rooms: RoomKeeper | None = None
    guide: Guide | None = None
    page_on_api: bool = False
    """Whether the API's port has the page, too, behind a login; never under Home Assistant, which has its own."""


class Seeing:
    """The handlers."""

    def __init__(self, settings: Callable[[], Settings], gateway: Gateway, feed: Feed, sights: Sights) -> None:
        """Take the collaborators; `settings` gives those that are in use."""
        self._settings = settings
        self._gateway = gateway
        self._feed = feed
        self._sights = sights

    @Route("GET", f"{API}/doctor", "bus", DoctorAnswer)
    async def doctor(self, _: web.Request) -> web.Response:
        """Read what is wrong with the wiring. One sentence, what to do, and what it was concluded from."""
        return reply(bus_documents.doctor(self._gateway, self._gateway.clock.monotonic()))

    @Route(
        "GET",
        f"{API}/diagnostics",
        "bus",
        {"type": "object"},
        query={"names": FLAG | {"description": "With the names of the rooms"}},
    )
    async def diagnostics(self, request: web.Request) -> web.Response:
        """Read everything a helper asks for, without secrets.

        Versions, settings without secrets, bus and log in one file, to be added to an issue.
        """
        names = flag(query(request, "names"), "names")
        beside: Document = await asyncio.to_thread(about.facts)
        frames = await asyncio.to_thread(self._sights.last_frames)
        beside |= {"frames": list(frames), "log": list(self._sights.log_lines())}
        document = gathered(self._gateway, beside=beside, frames_per_s=self._feed.frames_per_s, names=names)
        response = JsonResponse(
            await asyncio.to_thread(diagnostics, document, self._settings(), names=names), status=HTTPStatus.OK
        )
        stamp = datetime.fromtimestamp(self._gateway.clock.wall(), tz=UTC).strftime("%Y%m%d-%H%M%S")
        response.headers["Content-Disposition"] = f'attachment; filename="neasmart-diagnostics-{stamp}.json"'
        return response

    @Route("GET", f"{API}/captures", "bus", Captures)
    async def captures(self, _: web.Request) -> web.Response:
        """Read the recorder and its recordings. Whether a recording runs, and those that are kept."""
        return reply(await self._document())

    @Route(
        "POST",
        f"{API}/captures",
        "bus",
        Captures,
        status=HTTPStatus.CREATED,
        sends=_WANTED,
        sends_optional=True,
        problems=(HTTPStatus.CONFLICT,),
    )
    async def start(self, request: web.Request) -> web.Response:
        """Begin a recording. Writes every byte of the bus to a file until the time is over or it is stopped."""
        wanted = await read_object(request, ("seconds",)) if request.can_read_body else {}
        seconds = wanted.get("seconds", LONGEST_RECORDING_S)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 1 <= seconds <= LONGEST_RECORDING_S:
            message = f"Invalid seconds: {str(seconds)[:20]}. Must be between 1 and {LONGEST_RECORDING_S}"
            raise Problem(HTTPStatus.BAD_REQUEST, "invalid_seconds", message)
        recorder = self._sights.recorder
        try:
            await recorder.start(math.ceil(seconds))
        except NeasmartError as error:
            raise Problem(HTTPStatus.CONFLICT, error.code, str(error)) from error
        return reply(await self._document(), status=HTTPStatus.CREATED)

    @Route("POST", f"{API}/captures/stop", "bus", Captures)
    async def stop(self, _: web.Request) -> web.Response:
        """End the recording. Ends the recording that runs; its file can be fetched from then on."""
        await self._sights.recorder.stop()
        return reply(await self._document())

    @Route("GET", f"{API}/captures/{{name}}", "bus", {_CAPTURE_TYPE: {"type": "string", "format": "binary"}})
    async def download(self, request: web.Request) -> web.StreamResponse:
        """Read a recording for Wireshark.

        In the format pcapng: each frame decoded as Modbus, registers named in comments.
        """
        name = request.match_info["name"]
        path = await self._sights.recorder.path(name)
        if path is None:
            raise _unknown(name)
        answer = _WholeFile(
            path,
            headers={"Content-Type": _CAPTURE_TYPE, "Content-Disposition": f'attachment; filename="{path.name}"'},
        )
        with suppress(FileNotFoundError):  # it has just been removed
            answer.content_length = (await asyncio.to_thread(path.stat)).st_size
        return answer

    @Route("DELETE", f"{API}/captures/{{name}}", "bus", Captures)
    async def remove(self, request: web.Request) -> web.Response:
        """Delete a recording. Removes its file for good."""
        name = request.match_info["name"]
        if not await self._sights.recorder.remove(name):
            raise _unknown(name)
        return reply(await self._document())

    async def _document(self) -> Captures:
        return Captures(
            recorder=bus_documents.status(self._sights.recorder.status, self._gateway.clock),
            captures=[
                Capture(
                    name=file.name,
                    size=file.size,
                    recorded_at=iso(file.recorded_at),
                    path=f"{API[1:]}/captures/{file.name}",
                )
                for file in await self._sights.recorder.files()
            ],
        )


class _WholeFile(web.FileResponse):
    """A file, whatever part of it is asked for, or on what conditions: what they refuse would have no error's shape."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send the file, whose length was only for the connection, which waits by it."""
        self.content_length = None
        return await super().prepare(request.clone(headers={}))


def _unknown(name: str) -> Problem:
    message = f"Unknown capture: {name[:60]!r}. GET {API}/captures lists them"
    return Problem(HTTPStatus.NOT_FOUND, "unknown_capture", message)
