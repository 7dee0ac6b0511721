"""Command payloads: whatever they hold, the answer is a command that may be sent or a refusal with a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.core.gateway import Gateway
from neasmart.facts.errors import InvalidValueError, NeasmartError, UnknownPointError
from neasmart.mqtt.orders import Orders
from tests.support.gateways import FakeClock, base_reports, fill_house, make_gateway

TARGETS = [
    *("zone.1.1.setpoint", "zone.1.1.state", "zone.1.1.mode", "zone.1.1.preset"),
    *("global.mode", "global.error", "global.climate", "global.preset", "global.read_all"),
]


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
    assert -0.25 - 1e-6 <= value - commanded < 0.25 + 1e-6


@pytest.mark.parametrize(
    ("text", "value"), [("21.25", 21.5), ("20.75", 21.0), ("20.7499", 20.5), ("39.75", 40.0), ("5", 5.0)]
)
def test_the_middle_between_two_steps_is_rounded_up(house: Gateway, text: str, value: float) -> None:
    assert [commanded for _, commanded in Orders(house).wanted("zone.1.1.setpoint", text.encode())] == [value]


@pytest.mark.parametrize("text", ["40.1", "4.9", "40.0001", "4.99999"])
def test_a_value_out_of_range_is_refused_and_not_rounded_into_it(house: Gateway, text: str) -> None:
    with pytest.raises(InvalidValueError, match=r"5\.0 to 40\.0"):
        Orders(house).wanted("zone.1.1.setpoint", text.encode())


def test_a_zone_that_does_not_exist_is_not_commanded(house: Gateway) -> None:
    with pytest.raises(UnknownPointError, match=r"no zone 4\.4"):
        Orders(house).wanted("zone.4.4.state", b"normal")


def test_the_mode_that_is_already_shown_commands_nothing(house: Gateway) -> None:
    assert Orders(house).wanted("zone.1.1.mode", b"heat") == []


def test_no_preset_leaves_a_room_in_standby_off(house: Gateway) -> None:
    assert Orders(house).wanted("zone.2.3.preset", b"none") == []


@pytest.mark.parametrize(("mode", "word"), [(1, b"heat_cool"), (2, b"heat"), (3, b"cool"), (4, b"heat"), (5, b"cool")])
def test_only_the_word_of_the_season_switches_a_room_on(mode: int, word: bytes) -> None:
    gateway = make_gateway(FakeClock())
    fill_house(gateway)
    base_reports(gateway, "global.mode", mode)
    orders = Orders(gateway)

    assert [value for _, value in orders.wanted("zone.2.3.mode", word)] == [1]
    for other in {b"heat", b"cool", b"heat_cool", b"dry"} - {word}:
        with pytest.raises(InvalidValueError):
            orders.wanted("zone.2.3.mode", other)


def test_a_season_that_is_being_told_counts_before_the_base_has_it() -> None:
    gateway = make_gateway(FakeClock())
    fill_house(gateway)
    orders = Orders(gateway)
    gateway.submit(orders.wanted("global.mode", b"cooling"), origin="mqtt")

    assert [value for _, value in orders.wanted("zone.2.3.mode", b"cool")] == [1]
    with pytest.raises(InvalidValueError):
        orders.wanted("zone.2.3.mode", b"heat")


@pytest.mark.parametrize(
    ("target", "word", "state"),
    [
        ("zone.1.1.mode", "off", 3),
        ("zone.1.1.mode", "auto", 4),
        ("zone.1.1.mode", "standby", 3),
        ("zone.1.1.mode", "time_program", 4),
        ("zone.1.1.preset", "comfort", 1),
        ("zone.1.1.preset", "eco", 2),
        ("zone.1.1.preset", "boost", 5),
        ("zone.1.1.preset", "away", 6),
        ("zone.1.1.preset", "party", 5),
        ("zone.1.1.preset", "holiday", 6),
        ("zone.1.1.preset", "time_program", 4),
        ("zone.1.2.preset", "none", 1),
        ("zone.1.1.state", "Zeitprogramm", 4),
        ("zone.1.1.state", "vacances", 6),
        ("zone.1.1.state", "Time program", 4),
        ("zone.1.1.state", "time_program", 4),
        ("global.state", "Ridotto", 2),
        ("global.mode", "Kühlen manuell", 5),
        ("global.preset", "eco", 2),
        ("global.climate", "off", 3),
        ("global.climate", "auto", 4),
    ],
)
def test_words_of_home_assistant_of_the_base_and_of_every_language_are_understood(
    house: Gateway, target: str, word: str, state: int
) -> None:
    assert [value for _, value in Orders(house).wanted(target, word.encode())] == [state]


@pytest.mark.parametrize(
    ("state", "mode", "word", "commands"),
    [
        (1, 2, "cool", [("global.mode", 3)]),
        (3, 2, "cool", [("global.state", 1), ("global.mode", 3)]),
        (4, 2, "heat", [("global.state", 1)]),
        (2, 3, "heat_cool", [("global.mode", 1)]),
        (1, 4, "heat", []),
        (1, 5, "cool", []),
    ],
)
def test_the_whole_house_is_left_off_first_and_then_gets_another_mode(
    state: int, mode: int, word: str, commands: list[tuple[str, int]]
) -> None:
    gateway = make_gateway(FakeClock())
    fill_house(gateway)
    base_reports(gateway, "global.state", state)
    base_reports(gateway, "global.mode", mode)

    wanted = Orders(gateway).wanted("global.climate", word.encode())

    assert [(ref.id, value) for ref, value in wanted] == commands


@pytest.mark.parametrize("target", ["global.state", "global.preset", "zone.1.1.state"])
@pytest.mark.parametrize("word", ["mixed", "Diverso per stanza"])
def test_mixed_can_be_shown_and_not_be_chosen(house: Gateway, target: str, word: str) -> None:
    with pytest.raises(InvalidValueError):
        Orders(house).wanted(target, word.encode())
