"""Command payloads: whatever they hold, the answer is a command that may be sent or a refusal with a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.errors import InvalidValueError, NeasmartError, UnknownPointError
from neasmart.gateway import Gateway
from neasmart.mqtt.orders import Orders
from tests.support.gateways import FakeClock, base_reports, fill_house, make_gateway

TARGETS = ["zone.1.1.setpoint", "zone.1.1.state", "zone.1.1.mode", "zone.1.1.preset", "global.mode", "global.error"]


@pytest.fixture(scope="module")
def house() -> Gateway:
    gateway = make_gateway(FakeClock())
    fill_house(gateway)
    return gateway


@given(target=st.sampled_from(TARGETS) | st.text(max_size=80), payload=st.binary(max_size=100))
def test_no_bytes_do_more_than_be_refused(target: str, payload: bytes) -> None:
    gateway = make_gateway(FakeClock())
    fill_house(gateway)
    refusal = ""
    try:
        gateway.submit(Orders(gateway).wanted(target, payload), origin="mqtt")
    except NeasmartError as error:
        refusal = str(error)
    assert len(refusal) < 400
    for command in gateway.commands.pending:
        assert command.ref.point.checked(command.value) == command.value


@given(value=st.floats(5.0, 40.0))
def test_every_setpoint_in_range_becomes_the_nearest_half_degree(house: Gateway, value: float) -> None:
    ((_, commanded),) = Orders(house).wanted("zone.1.1.setpoint", f"{value:.6f}".encode())

    assert commanded * 2 == int(commanded * 2)
    assert abs(commanded - value) <= 0.25 + 1e-6


def test_a_zone_that_does_not_exist_is_not_commanded(house: Gateway) -> None:
    with pytest.raises(UnknownPointError, match=r"no zone 4\.4"):
        Orders(house).wanted("zone.4.4.state", b"normal")


def test_the_mode_that_is_already_shown_commands_nothing(house: Gateway) -> None:
    assert Orders(house).wanted("zone.1.1.mode", b"heat") == []


def test_no_preset_leaves_a_room_in_standby_off(house: Gateway) -> None:
    assert Orders(house).wanted("zone.2.3.preset", b"none") == []


@pytest.mark.parametrize(("mode", "word"), [(1, b"heat_cool"), (2, b"heat"), (3, b"cool"), (4, b"heat"), (5, b"cool")])
def test_only_the_word_of_the_global_mode_switches_a_room_on(mode: int, word: bytes) -> None:
    gateway = make_gateway(FakeClock())
    fill_house(gateway)
    base_reports(gateway, "global.mode", mode)
    orders = Orders(gateway)

    assert [value for _, value in orders.wanted("zone.2.3.mode", word)] == [1]
    for other in {b"heat", b"cool", b"heat_cool", b"auto"} - {word}:
        with pytest.raises(InvalidValueError):
            orders.wanted("zone.2.3.mode", other)
