"""JSON in and out of HTTP: strict about what clients send, quick with what they get.

Requests are read by the standard library and not by msgspec, because msgspec silently takes the last one of two equal
keys; a setpoint that somebody sends twice is a mistake and no command.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from neasmart.facts.network import encoded
from neasmart.web.http.json_response import JsonResponse
from neasmart.web.http.problems import Problem

BODY_LIMIT = 64 * 1024
BODY_TIMEOUT_S = 10.0
_FIELDS = 8
_ESCAPE = b"\\u"

Document = dict[str, Any]


def reply(document: object, *, status: int = HTTPStatus.OK) -> web.Response:
    """Return an answer with a JSON body."""
    return JsonResponse(encoded(document), status=status)


async def read_document(request: web.Request) -> Document:
    """Return the body, one JSON object of any depth that Python reads; raise Problem for anything else."""
    return _parsed(await _body(request))


async def read_object(request: web.Request, allowed: Collection[str] | None = None) -> Document:
    """Return the body, one flat JSON object; raise Problem for anything else and for keys that are not allowed.

    The content type is not looked at, because many clients send none.
    """
    document = _parsed(await _body(request))
    for key, value in document.items():
        if allowed is not None and key not in allowed:
            message = f"Unknown key: {key[:60]!r}. Allowed: {', '.join(sorted(allowed))}"
            raise Problem(HTTPStatus.BAD_REQUEST, "unknown_key", message)
        if isinstance(value, dict | list):
            message = f"Invalid {key[:60]!r}: must be one value, not an object or a list"
            raise Problem(HTTPStatus.BAD_REQUEST, "invalid_value", message)
    return document


async def read_form(request: web.Request) -> dict[str, str]:
    """Return the fields of a form as browsers send one; raise Problem for a body that is none."""
    try:
        fields = parse_qsl((await _body(request)).decode(), strict_parsing=True, max_num_fields=_FIELDS)
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "invalid_form", "The body must be a form") from error
    return dict(fields)


def query(request: web.Request, *allowed: str) -> dict[str, str]:
    """Return the query parameters; raise Problem for unknown and repeated ones."""
    if not request.rel_url.raw_query_string:
        return {}
    given = request.rel_url.query
    for name in given:
        if name not in allowed:
            known = f"Allowed: {', '.join(allowed)}" if allowed else "This path takes none"
            message = f"Unknown query parameter: {name[:60]!r}. {known}"
            raise Problem(HTTPStatus.BAD_REQUEST, "unknown_parameter", message)
        if len(given.getall(name)) > 1:
            message = f"Query parameter {name!r} is given more than once"
            raise Problem(HTTPStatus.BAD_REQUEST, f"invalid_{name}", message)
    return dict(given)


def flag(parameters: dict[str, str], name: str) -> bool:
    """Return a query parameter that is true or false; absent is false."""
    text = parameters.get(name, "false").lower()
    if text not in ("true", "false", "1", "0"):
        raise invalid_parameter(name, repr(text[:60]), "true or false")
    return text in ("true", "1")


def whole_number(text: str, low: int, high: int) -> int | None:
    """Return the number in the text, None if it is none or out of range."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(high))):
        return None
    number = int(text)
    return number if low <= number <= high else None


def invalid_parameter(name: str, shown: str, allowed: str, *, label: str | None = None) -> Problem:
    """Return the problem of a parameter in the path or the query; `label` names it for people."""
    label = label or name
    return Problem(
        HTTPStatus.BAD_REQUEST,
        f"invalid_{name}",
        f"Invalid {label}: {shown}. Must be {allowed}",
        details=f"Validation failed for parameter {name}",
        err=f"invalid {label.lower()}",
    )


async def _body(request: web.Request) -> bytes:
    if request.content_length is not None and request.content_length > BODY_LIMIT:
        raise _too_large()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise _too_large() from error
    except TimeoutError as error:
        message = f"The body did not arrive within {BODY_TIMEOUT_S:g} s"
        raise Problem(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", message) from error
    except (web.RequestPayloadError, HttpProcessingError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "malformed_request", "The body could not be read") from error


def _too_large() -> Problem:
    message = f"The body is too large. Allowed: {BODY_LIMIT} bytes"
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", message)


def _parsed(body: bytes) -> Document:
    if not body.strip():
        raise _not_json("it is empty")
    try:
        document = json.loads(body.decode(), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
        if _ESCAPE in body:
            json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        # A sign beyond the first 65536 is escaped as two halves; one alone is no text, and cannot be answered or shown.
        raise _not_json("a sign is only the half of one") from error
    except UnicodeDecodeError as error:
        raise _not_json("it is not UTF-8") from error
    except RecursionError as error:
        raise _not_json("it is nested too deeply") from error
    except ValueError as error:
        raise _not_json(str(error)[:200]) from error
    if not isinstance(document, dict):
        raise _not_json("it is another value")
    return document


def _not_json(why: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "invalid_json", f"The body must be one JSON object: {why}")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> Document:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("it has the same key twice")
    return document


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def queued(request: web.Request) -> bool:
    """Return whether a command is to wait for the base; no other parameter is allowed."""
    return flag(query(request, "queue"), "queue")


def required(document: Document, key: str) -> object:
    """Return a value of a body; raise Problem if it is missing."""
    if key not in document:
        message = f"Missing key {key} in the body"
        raise Problem(HTTPStatus.BAD_REQUEST, f"missing_{key}", message, details=f"The body is {{{key!r}: ...}}")
    return document[key]
