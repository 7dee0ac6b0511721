"""Describes the API as an OpenAPI 3.1 document, from the register table and the routes that a listener really has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from neasmart import __version__
from neasmart.facts.network import API
from neasmart.facts.registers import RegisterTable
from neasmart.web.guard.auth import KEY_HEADER
from neasmart.web.http.request_id import HEADER
from neasmart.web.http.routes import FLAG, JSON, TEXT, Route, Schema, Shape
from neasmart.web.openapi.schemas import COUNT, name_of, named, place, ref, schemas, typed

VERSION = "3.1.0"
_ABOUT = (
    "Rooms, equipment and bus of a REHAU NEA SMART 2.0. New programs use `/api/v1`; the paths at the root serve "
    "existing clients. A value that is not known is `null`. Every GET answers HEAD, too. A request may name itself by "
    f"`{HEADER}`; the answer and the log tell the name. The WebSocket `/api/v1/live` sends `hello`, then `snapshot` "
    "with all of `GET /api/v1/snapshot`, and then `changes` with what is new; it takes nothing."
)
_HOME = "https://github.com/neasmart/neasmart-gateway"
_PROBLEMS: Mapping[int, str] = {
    400: "The request is not valid, and nothing of it was applied",
    401: "A key or a token is needed, or it is not valid",
    403: "The host name or the page that asks is not allowed",
    404: "There is nothing under this name",
    408: "The body did not arrive in time",
    409: "Not possible at the moment",
    413: "The body is too large",
    415: "The body is compressed",
    429: "Too many requests or failed attempts; `Retry-After` tells when to come back",
    503: "Not connected to the base station, or too many clients",
}
_EVERYWHERE = (400, 401, 403, 429)
_WITH_BODY = (408, 413, 415)
_STALE = (
    "X-Rehau-Registers-Stale",
    "X-Rehau-Registers-Age-Seconds",
    "X-Rehau-Stale-After-Seconds",
    "X-Rehau-Last-Register-Write",
)


def document(table: RegisterTable, routes: Iterable[Route]) -> Schema:
    """Return the description of these routes."""
    shown = [route for route in routes if route.shown]
    tags = {route.tag for route in shown}
    axes = {axis.name: place(axis) for group in table.groups.values() for axis in group.axes}
    paths: dict[str, Schema] = {}
    for route in shown:
        paths.setdefault(route.path, {})[route.method.lower()] = _described(route, axes)
    answers = {shape for route in shown for shape in (*route.media.values(), route.sends) if isinstance(shape, type)}
    components: dict[str, Schema] = {}
    for name, schema in (schemas(table) | typed(sorted(answers, key=name_of), axes)).items():
        components[name] = named(schema, components)
    paths = named(paths, components)
    return {
        "openapi": VERSION,
        "info": {
            "title": "Nea Smart Gateway",
            "version": __version__,
            "description": _ABOUT,
            "contact": {"name": "Issues", "url": f"{_HOME}/issues"},
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        # Relative to this document, so that it also holds behind Home Assistant's ingress.
        "servers": [{"url": ".."}],
        "security": [{}, {"key": []}, {"token": []}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items() if name in tags],
        "paths": paths,
        "components": {
            "schemas": {name: components[name] for name in sorted(_used(paths, components))},
            "headers": _HEADERS,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": KEY_HEADER, "description": "`api.key`"},
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "HS256 by `api.jwt_secret`, with `exp`",
                },
            },
        },
    }


def _used(schema: object, components: Mapping[str, Schema]) -> set[str]:
    """Return the names of all components that are referred to, also by one another."""
    if isinstance(schema, list):
        return set().union(*(_used(each, components) for each in schema))
    if not isinstance(schema, dict):
        return set()
    name = str(schema.get("$ref", "")).removeprefix("#/components/schemas/")
    found = {name} | _used(components[name], components) if name in components else set()
    return found.union(*(_used(each, components) for each in schema.values()))


def _described(route: Route, axes: Mapping[str, Schema]) -> Schema:
    found = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    names = {name: _schema(route.names[name]) if name in route.names else axes.get(name, TEXT) for name in found}
    parameters = [{"name": name, "in": "path", "required": True, "schema": schema} for name, schema in names.items()]
    for name, shape in route.asked.items():
        schema = _schema(shape) or axes[name]
        parameter: Schema = {"name": name, "in": "query", "schema": schema}
        if schema.get("type") == "array":
            parameter |= {"required": True, "style": "form", "explode": False}
        parameters.append(parameter)
    summary, description = route.text
    described: Schema = {
        "operationId": _operation_id(route),
        "summary": summary,
        "description": description,
        "tags": [route.tag],
        "parameters": parameters,
        "responses": _responses(route, named=bool(names)),
    }
    if route.is_open:
        described["security"] = []
    if route.sends is not None:
        required = not route.sends_optional
        described["requestBody"] = {"required": required, "content": {JSON: {"schema": _schema(route.sends)}}}
    return described


def _responses(route: Route, *, named: bool) -> Schema:
    at_root = not route.path.startswith("/api/")
    headers: Schema = {HEADER: {"$ref": f"#/components/headers/{HEADER}"}}
    if at_root:
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in _STALE}
    done: Schema = {"description": HTTPStatus(route.status).phrase, "headers": headers}
    if route.media:
        done["content"] = {kind: {"schema": _schema(shape)} for kind, shape in route.media.items()}
    problems = {*_EVERYWHERE, *route.problems, *((404,) if named else ())}
    if route.commands:
        problems.add(HTTPStatus.SERVICE_UNAVAILABLE)
    if route.sends is not None:
        problems |= set(_WITH_BODY)
    if route.is_open:
        problems.discard(401)
    shape = {JSON: {"schema": ref("RootError" if at_root else "Error")}}
    responses = {str(int(route.status)): done}
    for status in sorted(problems):
        also = (
            {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
            if status == HTTPStatus.TOO_MANY_REQUESTS
            else {}
        )
        responses[str(status)] = {"description": _PROBLEMS[status], "headers": headers | also, "content": shape}
    return responses


def _schema(shape: Shape) -> Schema:
    if isinstance(shape, str):
        return ref(shape)
    return shape if isinstance(shape, dict) else ref(name_of(shape))


def _operation_id(route: Route) -> str:
    path = route.path.replace(API, "").replace("/api", "")
    words = [part.strip("{}") for part in path.replace("_id", "").replace(".", "_").split("/")]
    root = "" if route.path.startswith("/api/") else "root_"
    return root + "_".join([route.method.lower(), *words]).replace("__", "_")


_TAGS: Mapping[str, str] = {
    "rooms": "Rooms",
    "system": "The whole system and the gateway itself",
    "equipment": "Mixed circuits, dehumidifiers and pumps",
    "points": "Every value by its id, commands and history",
    "bus": "Wiring, recordings and diagnostics",
    "setup": "What the page's guide asks and stores",
    "root": "For existing clients: a pending command is shown as if it were done, and errors have `err`, too",
}
_HEADERS: Mapping[str, Schema] = {
    HEADER: {"description": "The name of the request", "schema": TEXT},
    "Retry-After": {"description": "Seconds", "schema": COUNT},
    _STALE[0]: {"description": "Whether the base has been silent for too long", "schema": FLAG},
    _STALE[1]: {"description": "Since the base last wrote, empty if never", "schema": TEXT},
    _STALE[2]: {"description": "When values count as old", "schema": {"type": "number"}},
    _STALE[3]: {"description": "When the base last wrote, empty if never", "schema": TEXT},
}
