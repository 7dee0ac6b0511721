"""A new register is one row, a derived value too: every edge shows both, though none of them knows of either.

What the page makes of them is in `tests/panel/test_one_row.py`.
"""

from __future__ import annotations

import pytest

from neasmart.cli import tables as docs
from neasmart.core.gateway import Gateway
from neasmart.core.recall import Question, Series
from neasmart.facts.codecs import encode_dpt9
from neasmart.facts.registers import RegisterTable
from neasmart.mqtt.messages.inventory import take_inventory
from neasmart.mqtt.messages.outbox import Outbox
from neasmart.mqtt.room_states import RoomStates
from neasmart.simulator.bus.walk import Blocks, Walk, Write
from neasmart.simulator.home.base import BaseStation
from neasmart.simulator.home.house import SMALL, House
from neasmart.store.samples import packed, thinned, unpacked
from tests.mqtt.discovery_snapshot import STYLE, TOPICS
from tests.support.device_discovery import devices, faults
from tests.support.gateways import FakeClock, base_polls, base_reports, fill_house, make_gateway
from tests.support.longer_table import FLOOR, lengthened
from tests.web.conftest import Served, Start

HERE, ELSEWHERE = "zone.1.1.floor_temperature", "zone.1.2.floor_temperature"
DERIVED = "zone.1.1.missing"


class Shelf:
    """A store whose history is one word of each register that is asked for."""

    async def history(self, question: Question) -> Series:
        return {address: [(question.begin_s, encode_dpt9(24.5))] for address in question.addresses}


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> RegisterTable:
    """Return the table with one more register and one more derived value."""
    return lengthened(monkeypatch)


@pytest.fixture
def gateway(table: RegisterTable, clock: FakeClock) -> Gateway:
    """Return a gateway to which the base has told the new register of one room."""
    gateway = make_gateway(clock, names={(1, 1): "Living room"})
    assert gateway.table is table
    fill_house(gateway)
    base_reports(gateway, HERE, 24.5)
    return gateway


@pytest.fixture
async def served(start: Start, gateway: Gateway, clock: FakeClock) -> Served:
    return await start(gateway, clock, history=Shelf())


async def test_rest_has_the_row_among_points_and_in_its_room(served: Served) -> None:
    _, point = await served.get(f"/api/v1/points/{HERE}")
    _, here = await served.get("/api/v1/zones/1/1")
    _, elsewhere = await served.get("/api/v1/zones/1/2")
    _, page = await served.get("/api/v1/snapshot")

    assert (point["value"], point["address"], point["group"]) == (24.5, 103, "zone")
    assert (here["floor_temperature"], elsewhere["floor_temperature"]) == (24.5, None)
    assert HERE in [each["id"] for each in page["readings"]]
    assert page["derived"][DERIVED] == -0.5
    assert "missing" not in here


async def test_the_page_is_told_what_the_row_is(served: Served) -> None:
    _, schema = await served.get("/api/v1/schema")

    (rooms,) = [group for group in schema["groups"] if group["rooms"]]
    (point,) = [each for each in rooms["points"] if each["key"] == FLOOR.key]
    assert (point["label"], point["unit"], point["writable"]) == ("Floor temperature", "°C", False)
    assert rooms["derived"][-1] == {
        "key": "missing",
        "label": "Missing warmth",
        "kind": "temperature",
        "unit": "°C",
        "device_class": "temperature",
    }


async def test_the_description_of_the_api_has_the_row(served: Served) -> None:
    _, description = await served.get("/api/openapi.json")

    schemas = description["components"]["schemas"]
    assert schemas["Zone"]["properties"]["floor_temperature"]["type"] == ["number", "null"]
    assert HERE in schemas["PointId"]["enum"]
    assert DERIVED not in schemas["PointId"]["enum"]
    assert {HERE, DERIVED} < set(schemas["HistoryId"]["enum"])
    assert HERE not in schemas["WritablePointId"]["enum"]
    # What older clients read at the root stays what it was.
    assert "floor_temperature" not in schemas["RootZone"]["properties"]


async def test_a_row_that_is_only_reported_is_never_commanded(served: Served) -> None:
    status, refusal = await served.put(f"/api/v1/points/{HERE}", {"value": 20.0})

    assert (status, refusal["code"]) == (400, "read_only")
    assert base_polls(served.gateway, HERE) == 0


async def test_metrics_and_history_have_the_row(served: Served) -> None:
    async with served.api.get("/metrics") as answer:
        lines = (await answer.text()).splitlines()
    _, history = await served.get(f"/api/v1/history?points={HERE},{DERIVED}")

    (line,) = [each for each in lines if each.startswith("neasmart_reading{") and HERE in each]
    assert line.endswith(" 24.5")
    assert 'name="Living room"' in line
    (derived,) = [each for each in lines if each.startswith("neasmart_reading{") and DERIVED in each]
    assert float(derived.rpartition(" ")[2]) == pytest.approx(-0.5)
    shown = [(series["unit"], [value for _, value in series["points"]]) for series in history["series"]]
    assert shown == [("°C", [24.5]), ("°C", [0.0])]


def test_an_old_history_keeps_the_mean_of_the_row(table: RegisterTable) -> None:
    address = table.ref(HERE).address
    block = packed({address: [(0, encode_dpt9(20.0)), (5, encode_dpt9(30.0))]})

    ((_, word),) = unpacked(thinned(block, 10, 10, table))[address]

    assert table.ref(HERE).decode(word or 0).value == 25.0


def test_home_assistant_gets_the_row_only_where_it_was_received(gateway: Gateway) -> None:
    messages = devices(take_inventory(gateway), STYLE)

    entity = messages["neasmart_zone_1_1"]["components"]["floor_temperature"]
    assert (entity["device_class"], entity["unit_of_measurement"]) == ("temperature", "°C")
    assert (entity["state_topic"], entity["name"]) == (TOPICS.point(HERE), "Floor temperature")
    assert messages["neasmart_zone_1_1"]["components"]["missing"]["name"] == "Missing warmth"
    assert faults(messages["neasmart_zone_1_1"]) == []
    assert "floor_temperature" not in messages["neasmart_zone_1_2"]["components"]


def test_the_broker_gets_the_row_only_where_it_was_received(gateway: Gateway) -> None:
    outbox = Outbox()
    rooms = RoomStates(gateway, TOPICS, outbox)

    for zone in gateway.plant.zones:
        rooms.say_all(zone)

    said = {}
    while (message := outbox.next(0.0)) is not None:
        said[message.topic] = message.payload
    assert said[TOPICS.point(HERE)] == "24.5"
    assert said[TOPICS.point(DERIVED)] == "-0.5"
    assert TOPICS.point(ELSEWHERE) not in said


def test_the_simulated_base_tells_the_row_in_rooms_with_better_thermostats(table: RegisterTable) -> None:
    base = BaseStation(House(SMALL))

    told = {table.by_address[address].id: base.word(address) for address in base.addresses}
    written = {
        address
        for step in Walk(base.addresses, (240,), Blocks()).steps()
        if isinstance(step, Write)
        for address in range(step.address, step.address + step.count)
    }

    assert table.ref(HERE).decode(told[HERE]).value is not None
    assert ELSEWHERE not in told
    assert table.ref(HERE).address in written


@pytest.mark.usefixtures("table")
def test_the_printed_table_has_the_row() -> None:
    assert f"zone.{{base_id}}.{{zone_id}}.{FLOOR.key}" in docs.registers()
