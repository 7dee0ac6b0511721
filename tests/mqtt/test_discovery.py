"""Discovery messages: valid, complete, and stable for ever in their ids."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.core.state.rooms import Room
from neasmart.facts.codecs import GlobalMode
from neasmart.facts.points import TABLE
from neasmart.facts.rows import Part
from neasmart.mqtt.messages.discovery import Style
from neasmart.mqtt.messages.inventory import Inventory, ShownRoom, take_inventory
from neasmart.mqtt.messages.topics import Topics
from tests.mqtt.discovery_snapshot import FILE, STYLE, TOPICS, house
from tests.support.device_discovery import devices, faults
from tests.support.gateways import FakeClock, base_reports, fill_house, make_gateway

OPTIONAL = tuple(ref.id for ref in TABLE if not (ref.of_house or ref.room))
ZONES = [(base_id, zone_id) for base_id in range(1, 6) for zone_id in range(1, 13)]


def _told(*, humid: bool) -> frozenset[str]:
    """Return everything that a room may tell, or nothing of it."""
    return frozenset(point.key for point in TABLE.rooms.points if point.optional and humid)


def full_house(mode: GlobalMode | None = GlobalMode.HEATING, *, name: str = "Room", humidity: bool = True) -> Inventory:
    rooms = tuple(ShownRoom(zone=zone, name=f"{name} {zone}", told=_told(humid=humidity)) for zone in ZONES)
    return Inventory(mode=mode, rooms=rooms, optional=OPTIONAL)


def components(inventory: Inventory, style: Style = STYLE) -> list[dict[str, Any]]:
    return list(chain.from_iterable(each["components"].values() for each in devices(inventory, style).values()))


def test_the_messages_of_the_test_house_are_those_that_were_reviewed() -> None:
    assert house() == FILE.read_text(encoding="utf-8"), "run: .venv/bin/python -m tests.mqtt.discovery_snapshot"


@pytest.mark.parametrize("mode", [None, *GlobalMode])
@pytest.mark.parametrize("humidity", [True, False])
def test_every_message_follows_the_documented_format(mode: GlobalMode | None, *, humidity: bool) -> None:
    for device, message in devices(full_house(mode, humidity=humidity), STYLE).items():
        assert faults(message) == [], device


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"surprise": 1}, "unknown key surprise"),
        ({"modes": ["off", "warm"]}, "modes"),
        ({"preset_modes": ["none"]}, "must not hold none"),
        ({"min_temp": 40.0}, "min_temp is not below max_temp"),
        ({"mode_state_topic": "a/#"}, "mode_state_topic"),
        ({"default_entity_id": "sensor.x"}, "differ"),
        ({"platform": "boiler"}, "platform boiler"),
    ],
)
def test_the_rules_find_what_is_wrong(change: dict[str, Any], fault: str) -> None:
    message = devices(full_house(), STYLE)["neasmart_zone_1_1"]
    message["components"]["climate"] |= change

    assert fault in "\n".join(faults(message))


def test_every_point_of_the_register_table_is_announced() -> None:
    announced = json.dumps(components(full_house()))

    for ref in TABLE:
        if ref.point.key == "setpoint":
            assert f'"{TOPICS.command(ref.id)}"' in announced
        else:
            assert f'"{TOPICS.point(ref.id)}"' in announced, ref.id


def test_ids_are_unique_in_a_full_house_and_between_gateways() -> None:
    other = Topics(prefix="neasmart", node="cabin", discovery_prefix="homeassistant")
    everything = components(full_house()) + components(full_house(), replace(STYLE, topics=other))

    for key in ("unique_id", "default_entity_id"):
        assert len({each[key] for each in everything}) == len(everything)


def test_ids_do_not_change_with_names_modes_and_sensors() -> None:
    before = {each["unique_id"] for each in components(full_house(humidity=False))}
    after = {each["unique_id"] for each in components(full_house(GlobalMode.COOLING, name="Salon"))}

    assert before < after


@pytest.mark.parametrize(
    ("mode", "modes", "low", "high"),
    [
        (None, ["off", "auto", "heat_cool"], 5.0, 35.0),
        (GlobalMode.AUTO, ["off", "auto", "heat_cool"], 5.0, 35.0),
        (GlobalMode.HEATING, ["off", "auto", "heat"], 5.0, 31.0),
        (GlobalMode.MANUAL_HEATING, ["off", "auto", "heat"], 5.0, 31.0),
        (GlobalMode.COOLING, ["off", "auto", "cool"], 15.0, 35.0),
        (GlobalMode.MANUAL_COOLING, ["off", "auto", "cool"], 15.0, 35.0),
    ],
)
def test_a_room_offers_what_the_global_mode_makes_possible(
    mode: GlobalMode | None, modes: list[str], low: float, high: float
) -> None:
    climate = devices(full_house(mode), STYLE)["neasmart_zone_3_7"]["components"]["climate"]

    assert (climate["modes"], climate["min_temp"], climate["max_temp"]) == (modes, low, high)


def test_a_device_is_named_by_the_owner_and_hangs_below_the_base() -> None:
    gateway = make_gateway(FakeClock(), names={(1, 1): "Living room"})
    fill_house(gateway)

    found = devices(take_inventory(gateway), STYLE)

    assert found["neasmart_zone_1_1"]["device"]["name"] == "Living room"
    assert found["neasmart_zone_1_2"]["device"]["name"] == "Room 1.2"
    assert found["neasmart_zone_1_2"]["device"]["via_device"] == "neasmart_base"
    assert next(iter(found)) == "neasmart_base"


def test_a_room_that_is_hidden_on_the_page_is_in_home_assistant_and_counts_in_the_mean() -> None:
    gateway = make_gateway(FakeClock())
    fill_house(gateway)
    (mean,) = (ref for ref in TABLE.derived_at() if ref.point.part is Part.MEAN)
    before = (take_inventory(gateway, announced=gateway.plant.zones).rooms, gateway.derived.value(mean))

    gateway.put_rooms([Room(base_id=1, zone_id=1, hidden=True)])

    assert (take_inventory(gateway, announced=gateway.plant.zones).rooms, gateway.derived.value(mean)) == before
    assert len(before[0]) == 3
    assert before[1] is not None


def test_optional_parts_appear_when_they_are_first_received() -> None:
    gateway = make_gateway(FakeClock())
    assert "pump_2_running" not in devices(take_inventory(gateway), STYLE)["neasmart_base"]["components"]

    base_reports(gateway, "pump.2.running", 0)

    assert "pump_2_running" in devices(take_inventory(gateway), STYLE)["neasmart_base"]["components"]


@given(name=st.text(min_size=1, max_size=60))
def test_any_name_of_a_room_makes_a_valid_message(name: str) -> None:
    inventory = Inventory(mode=None, rooms=(ShownRoom(zone=(1, 1), name=name, told=_told(humid=True)),), optional=())

    message = devices(inventory, STYLE)["neasmart_zone_1_1"]

    assert faults(message) == []
    assert json.loads(json.dumps(message))["device"]["name"] == name
