"""The description of the API: complete, valid, true of the running gateway, and readable without the internet."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import pytest
from aiohttp import web
from openapi_spec_validator import OpenAPIV31SpecValidator

from neasmart.core.gateway import Gateway
from neasmart.facts.points import TABLE
from neasmart.settings.model import Settings
from neasmart.web import Sights, WebServer, docs_page
from neasmart.web.api.history import HistoryStore
from neasmart.web.http.routes import Route, open_paths
from neasmart.web.openapi.description import document
from neasmart.web.server import Role
from tests.support.gateways import FakeClock
from tests.support.panel import House, simulated_house
from tests.web.conftest import Served, Start

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
RUN_WITHIN_S = 100
LEFT_OUT = {("GET", "/api/v1/live"), ("GET", "/api/v1/zones/")}
"""A WebSocket, which OpenAPI cannot describe, and a second way to write a path, which linters refuse."""


@pytest.fixture
def everything(gateway: Gateway) -> WebServer:
    """A server with all that can be asked for; its collaborators are never called."""
    some: Any = Mock(page_on_api=False)
    return WebServer(Settings(), gateway, None, history=cast("HistoryStore", some), sights=cast("Sights", some))


def described(api: dict[str, Any]) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, methods in api["paths"].items() for method in methods}


def operations(api: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in api["paths"].items():
        for operation in methods.values():
            yield path, operation


@pytest.mark.parametrize("role", Role)
def test_every_route_is_described_and_nothing_else(everything: WebServer, role: Role) -> None:
    routes = everything.routes(role)

    api = document(TABLE, routes)

    assert described(api) == {(route.method, route.path) for route in routes} - LEFT_OUT


def test_what_a_gateway_does_not_have_is_not_described(gateway: Gateway) -> None:
    api = document(TABLE, WebServer(Settings(), gateway, None).routes(Role.API))

    assert "/api/v1/zones" in api["paths"]
    assert "/api/v1/history" not in api["paths"]
    assert "/api/v1/captures" not in api["paths"]


def test_the_description_is_valid_openapi(everything: WebServer) -> None:
    api = json.loads(json.dumps(document(TABLE, everything.routes(Role.API))))

    assert [str(error) for error in OpenAPIV31SpecValidator(api).iter_errors()] == []
    ids = [operation["operationId"] for _, operation in operations(api)]
    assert len(set(ids)) == len(ids)


def test_ranges_are_those_of_the_register_table(everything: WebServer) -> None:
    api = document(TABLE, everything.routes(Role.API))

    shapes = api["components"]["schemas"]
    assert api["components"]["schemas"]["RoomState"]["enum"] == [1, 2, 3, 4, 5, 6]
    setpoint = shapes["ZoneCommand"]["properties"]["setpoint"]
    assert (setpoint["minimum"], setpoint["maximum"]) == (5.0, 40.0)
    assert shapes["ModeCommand"]["properties"]["mode"] == {"$ref": "#/components/schemas/HouseMode"}
    assert shapes["HouseMode"]["enum"] == [1, 2, 3, 4, 5]
    assert shapes["PointId"]["enum"] == [ref.id for ref in TABLE]
    base, zone = api["paths"]["/api/v1/zones/{base_id}/{zone_id}"]["get"]["parameters"]
    assert (base["schema"]["maximum"], zone["schema"]["maximum"]) == (5, 12)


def test_generated_clients_get_a_type_with_a_name_for_every_object(everything: WebServer) -> None:
    """What is described in place has no name, and a generator invents one or gives up."""
    api = document(TABLE, everything.routes(Role.API))

    def unnamed(schema: Any) -> list[Any]:
        if isinstance(schema, list):
            return [found for each in schema for found in unnamed(each)]
        if not isinstance(schema, dict):
            return []
        found = [schema] if schema.get("type") == "object" and "properties" in schema else []
        return found + [inner for each in schema.values() for inner in unnamed(each)]

    assert unnamed(api["paths"]) == []
    for name, shape in api["components"]["schemas"].items():
        assert unnamed([each for key, each in shape.items() if key != "title"]) == [], name
    answer = api["paths"]["/api/v1/zones"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/ZoneList"}
    listed = api["components"]["schemas"]["ZoneList"]["properties"]["zones"]
    assert listed == {"type": "array", "items": {"$ref": "#/components/schemas/Zone"}}


@pytest.mark.parametrize("role", Role)
def test_the_rules_of_the_usual_linters_hold(everything: WebServer, role: Role) -> None:
    """What redocly (recommended) and spectral (oas) had refused; both have been run by hand and find nothing."""
    api = document(TABLE, everything.routes(role))

    assert api["info"]["contact"]["url"].startswith("https://")
    text = json.dumps(api)
    assert not [name for name in api["components"]["schemas"] if f'schemas/{name}"' not in text]
    assert not [path for path in api["paths"] if path != "/" and path.endswith("/")]
    assert '"items": false' not in text
    tags = {tag["name"] for tag in api["tags"]}
    for path, operation in operations(api):
        assert operation["description"].strip(), path
        assert tags >= set(operation["tags"]), path
        assert any(status[0] in "23" for status in operation["responses"]), path


@pytest.mark.parametrize("text", [None, "Read it.", "Read all that is there.", "Read it.\n\nAll that is there."])
def test_a_handler_that_says_too_little_cannot_be_declared(text: str | None) -> None:
    async def handler(_: object) -> web.StreamResponse:
        raise NotImplementedError

    handler.__doc__ = text

    with pytest.raises(ValueError, match=r"GET /api/v1/new: the docstring of .*handler needs a summary and a text"):
        Route("GET", "/api/v1/new", tag="system", answers=None)(handler)


def test_what_needs_no_key_says_nothing_of_the_house(everything: WebServer) -> None:
    files = {f"/api/docs/{name}" for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js")}

    assert open_paths(everything.routes(Role.API)) == files | {"/health", "/api/openapi.json", "/api/docs"}


async def test_the_description_is_packed_for_those_who_can(served: Served) -> None:
    bodies = []
    yes, no = ("gzip", "GZIP;q=0.5", "br, gzip; q=1"), ("identity", "gzip;q=0", "gzip ; q=0.00, br", "xgzip")
    for encoding in (*yes, *no):
        async with served.api.get("/api/openapi.json", headers={"Accept-Encoding": encoding}) as answer:
            assert answer.headers.get("Content-Encoding") == ("gzip" if encoding in yes else None)
            assert answer.headers["Vary"] == "Accept-Encoding"
            bodies.append(await answer.read())
    assert len(set(bodies)) == 1


async def test_who_asks_while_the_description_is_made_waits_for_the_same(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Mock(return_value={"openapi": "3.1.0"})
    monkeypatch.setattr(docs_page, "document", make)

    told = await asyncio.gather(*(served.get("/api/openapi.json") for _ in range(20)))

    assert told == [(200, make.return_value)] * 20
    make.assert_called_once()


def test_errors_have_the_one_shape_and_at_the_root_the_old_word_too(everything: WebServer) -> None:
    api = document(TABLE, everything.routes(Role.API))

    for path, operation in operations(api):
        wanted = "Error" if path.startswith("/api/") else "RootError"
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                schema = answer["content"]["application/json"]["schema"]
                assert schema == {"$ref": f"#/components/schemas/{wanted}"}, (path, status)
    open_paths = {path for path, operation in operations(api) if operation.get("security") == []}
    assert open_paths == {"/health", "/api/openapi.json", "/api/docs", "/api/docs/{name}"}


async def test_what_a_room_that_is_off_answers_is_described(served: Served) -> None:
    paths = document(TABLE, served.server.routes(Role.API))["paths"]

    for method, path, body in (
        ("post", "/api/v1/zones/{base_id}/{zone_id}", {"setpoint": 21}),
        ("put", "/api/v1/points/{point_id}", {"value": 21}),
        ("post", "/zones/{base_id}/{zone_id}", {"setpoint": 21}),
    ):
        asked = path.format(base_id=2, zone_id=3, point_id="zone.2.3.setpoint")
        async with served.api.request(method, asked, json=body) as answer:
            assert (await answer.json())["code"] == "room_is_off"
        assert str(answer.status) in paths[path][method]["responses"]


async def test_both_listeners_serve_the_description_of_their_own_routes(served: Served) -> None:
    for client, role in ((served.api, Role.API), (served.ingress, Role.INGRESS)):
        async with client.get("/api/openapi.json") as answer:
            assert answer.content_type == "application/json"
            api = await answer.json()
        assert described(api) == {(route.method, route.path) for route in served.server.routes(role)} - LEFT_OUT
        assert api["servers"] == [{"url": ".."}]


async def test_the_page_names_only_files_that_are_served_here(served: Served) -> None:
    for client in (served.api, served.ingress):
        async with client.get("/api/docs") as answer:
            page = await answer.text()
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
            assert "script-src" not in answer.headers["Content-Security-Policy"]
        files = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert len(files) == 4
        files.remove("data:,")
        for file in files:
            async with client.get(f"/api/{file}") as answer:
                assert answer.status == 200
                assert answer.headers["Content-Encoding"] == "gzip"
                assert await answer.read()


async def test_files_are_unpacked_for_those_who_cannot(served: Served) -> None:
    async with served.api.get("/api/docs/swagger-ui.css", headers={"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert b".swagger-ui" in await answer.read()


@pytest.mark.parametrize("name", ["index.html", "NOTICE", "..%2Fopenapi.py", "%2e%2e", "start.js.gz"])
async def test_nothing_else_is_served_beside_the_page(served: Served, name: str) -> None:
    status, _ = await served.get(f"/api/docs/{name}")

    assert status == 404


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    unlimited = {"NEASMART_API_RATE_LIMIT": "0", "NEASMART_API_RATE_LIMIT_WRITES": "0"}
    with simulated_house(Path(tmp_path_factory.mktemp("described")), environment=unlimited) as running:
        yield running


@pytest.mark.timeout(RUN_WITHIN_S + 60)
def test_the_running_gateway_answers_as_described(house: House, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{house.gateway.api_port}"
    bounds = ["--max-examples", "4", "--phases", "examples,coverage,fuzzing", "--seed", "1", "--max-failures", "5"]

    run = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            *("run", f"{url}/api/openapi.json", "--url", url, "--checks", CHECKS),
            *(*bounds, "--warnings", "off", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_WITHIN_S,
    )

    assert run.returncode == 0, run.stdout
    tested = len(house.gateway.get("/api/openapi.json")["paths"])
    assert re.search(r"Tested: (\d+)", run.stdout)
    assert int(re.findall(r"Tested: (\d+)", run.stdout)[0]) >= tested


async def test_the_description_needs_no_key_because_browsers_cannot_send_one(
    start: Start, gateway: Gateway, clock: FakeClock
) -> None:
    served = await start(gateway, clock, enable_auth=True, key="a-long-enough-key")

    described, _ = await served.get("/api/openapi.json")
    refused, _ = await served.get("/api/v1/zones")
    accepted, _ = await served.get("/api/v1/zones", headers={"X-API-Key": "a-long-enough-key"})

    assert (described, refused, accepted) == (200, 401, 200)
