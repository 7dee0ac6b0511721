"""Gives every error the one shape of the REST contract, unknown paths and malformed requests included.

Nothing of the inside is shown: an unexpected exception is logged with its traceback and answered by its request id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from time import perf_counter
from types import MappingProxyType
from typing import Protocol

from aiohttp import hdrs, web
from aiohttp.hdrs import CONTENT_ENCODING, EXPECT, TRANSFER_ENCODING

from neasmart.facts.errors import (
    InvalidValueError,
    NeasmartError,
    NoLinkError,
    RoomOffError,
    StoodStillError,
    UndoError,
    UnknownCommandError,
    UnknownPointError,
)
from neasmart.facts.network import encoded
from neasmart.web.http.json_response import JsonResponse
from neasmart.web.http.known_paths import NO_ROUTE, Handler, KnownPaths, route_of
from neasmart.web.http.request_id import HEADER, REQUEST_ID, chosen
from neasmart.web.http.web_counters import WebCounters

Decorate = Callable[[web.BaseRequest, web.StreamResponse, str], None]
"""Adds the headers of every answer, the id of the request among them."""


class Admission(Protocol):
    """What decides whether a request is taken at all."""

    async def admit(self, request: web.BaseRequest) -> web.Response | None:
        """Return None, or the answer; raise Problem to refuse."""


SERVER = "neasmart"
"""What the header `Server` tells, instead of the versions of the parts."""
COMMON_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Server": SERVER,
    }
)
API_POLICY = "default-src 'none'; frame-ancestors 'none'"

_LOG = logging.getLogger(__name__)
_API = "/api/"
_SHOWN_PATH = 80
_ROUNDS = 3
_CONTINUE = "100-continue"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})


class Problem(Exception):  # noqa: N818 - the word of RFC 9457; it is an answer more than an error
    """An error as it is answered; `err` is the short text that clients of the root paths know."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: str | None = None,
        err: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what the answer will say."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details
        self.err = err
        self.headers = headers


_STATUS: Mapping[type[NeasmartError], HTTPStatus] = {
    UnknownPointError: HTTPStatus.NOT_FOUND,
    UnknownCommandError: HTTPStatus.NOT_FOUND,
    UndoError: HTTPStatus.CONFLICT,
    StoodStillError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def answering(
    handler: Handler,
    decorate: Decorate,
    gate: Admission,
    counters: WebCounters,
    bus_waits: Callable[[], bool] = lambda: False,
) -> Handler:
    """Return a handler that always answers: it names the request, shapes what goes wrong, adds the headers, counts.

    It stands outside of aiohttp's application, so that what fails in there has the same shape. While `bus_waits`, the
    base comes first.
    """
    paths = KnownPaths(handler)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        request_id = chosen(request.headers.get(HEADER))
        REQUEST_ID.set(request_id)
        began = perf_counter()
        admitted, known = False, None
        try:
            if bus_waits():
                await _step_back(bus_waits)
            _refuse_compressed(request)
            _refuse_expectations(request)
            early = await gate.admit(request)
            if early is None:
                admitted, known = True, paths.known(request)
                # What is known is read, and read by what was found for such a request.
                response = await (paths.find(request) if known is None else known.handler(request))
            else:
                response = early
        except (Problem, NeasmartError, web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
            response = shaped(_problem(request, error), path=request.path, request_id=request_id)
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001 - the outermost loop of a request; logged with its traceback
            _LOG.exception("%s %r failed, request id %s", request.method, request.path[:_SHOWN_PATH], request_id)
            response = shaped(internal_problem(), path=request.path, request_id=request_id)
        # The exact type first: aiohttp's responses are abstract mappings, which makes isinstance dear.
        usual = type(response) is JsonResponse
        if usual or not response.prepared:
            decorate(request, response, request_id)
        duration_s = None if not usual and isinstance(response, web.WebSocketResponse) else perf_counter() - began
        if known is None:
            counters.answered(
                _method(request), route_of(request) if admitted else NO_ROUTE, response.status, duration_s
            )
        else:
            counters.answered(hdrs.METH_GET, known.route, response.status, duration_s)
        return response

    return answer


def _refuse_compressed(request: web.BaseRequest) -> None:
    """Raise Problem for a body that would have to be inflated: a small one can become a thousand times as large."""
    if CONTENT_ENCODING not in request.headers and TRANSFER_ENCODING not in request.headers:
        return
    coding = request.headers.get(CONTENT_ENCODING, "identity").strip().lower()
    transfer = request.headers.get(TRANSFER_ENCODING, "chunked").strip().lower()
    if coding not in ("", "identity") or transfer not in ("", "chunked"):
        message = "The body may not be compressed"
        headers = {"Accept-Encoding": "identity", "Connection": "close"}
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "compressed_body", message, headers=headers)


def _refuse_expectations(request: web.BaseRequest) -> None:
    """Raise Problem for what is expected beyond HTTP's one thing; aiohttp would quote it, and it may be no text."""
    if request.headers.get(EXPECT, _CONTINUE).lower() != _CONTINUE:
        message = f"Only {_CONTINUE} can be expected"
        raise Problem(HTTPStatus.EXPECTATION_FAILED, "expectation_failed", message)


async def _step_back(bus_waits: Callable[[], bool]) -> None:
    """Give the bus its turn: what resumes in the loop's next round still comes before the bus, so it takes two."""
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)
        if not bus_waits():
            return


def _method(request: web.BaseRequest) -> str:
    return request.method if request.method in _METHODS else "other"


def shaped(problem: Problem, *, path: str, request_id: str) -> web.Response:
    """Return the answer that tells of a problem."""
    document = {
        "error": str(problem),
        "status": problem.status,
        "details": problem.details,
        "code": problem.code,
        "request_id": request_id,
    }
    if not path.startswith(_API):
        document["err"] = problem.err or str(problem)
    response = web.Response(
        status=problem.status, body=encoded(document), content_type="application/json", headers=problem.headers
    )
    response.headers[HEADER] = request_id
    if hdrs.CONNECTION in response.headers:
        response.force_close()
    return response


def internal_problem() -> Problem:
    """Return the answer that shows nothing of the inside."""
    message = "The gateway could not answer; its log tells why under this request id"
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", message)


def one_line(text: str | None) -> str | None:
    """Return a text that fits into one line of an answer."""
    return " ".join(text.split())[:200] if text else None


def _problem(
    request: web.BaseRequest, error: Problem | NeasmartError | web.HTTPNotFound | web.HTTPMethodNotAllowed
) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, web.HTTPNotFound | web.HTTPMethodNotAllowed):
        return _no_route(request, error)
    if isinstance(error, InvalidValueError):
        details = f"Validation failed for parameter {error.parameter}"
        code, err = f"invalid_{error.parameter}", f"invalid {error.parameter}"
        return Problem(HTTPStatus.BAD_REQUEST, code, str(error), details=details, err=err)
    if isinstance(error, NoLinkError):
        details = "Add ?queue=true to have it taken all the same"
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, error.code, str(error), details=details)
    if isinstance(error, RoomOffError):
        # Existing clients know nothing but 400.
        status = HTTPStatus.CONFLICT if request.path.startswith(_API) else HTTPStatus.BAD_REQUEST
        details = "Switch the room on in the same request, by a state other than 3 beside the setpoint"
        return Problem(status, error.code, str(error), details=details)
    return Problem(_STATUS.get(type(error), HTTPStatus.BAD_REQUEST), error.code, str(error))


def _no_route(request: web.BaseRequest, error: web.HTTPNotFound | web.HTTPMethodNotAllowed) -> Problem:
    where = f"{request.method[:_SHOWN_PATH]} {request.path[:_SHOWN_PATH]!r}"
    if isinstance(error, web.HTTPNotFound):
        return Problem(error.status, "not_found", f"Unknown path: {where}")
    message = f"Not possible: {where}. Allowed: {', '.join(sorted(error.allowed_methods))}"
    return Problem(error.status, "method_not_allowed", message, headers={"Allow": error.headers["Allow"]})
