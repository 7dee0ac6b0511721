"""The formulas of derived values, and when a value counts as a source of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.core.gateway import Gateway
from neasmart.core.state.derivations import Derivations
from neasmart.facts.codecs import GlobalMode, Value
from neasmart.facts.derived import cold, condensation_risk, dew_point, mean
from neasmart.facts.rows import Margins
from tests.support.gateways import NO_SENSOR, FakeClock, base_reports, base_writes, fill_house, make_gateway


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def gateway(clock: FakeClock) -> Gateway:
    """Return a gateway that knows three zones, one of them without humidity, and one flow."""
    gateway = make_gateway(clock)
    fill_house(gateway)
    return gateway


def derived(gateway: Gateway, ref_id: str) -> Value:
    ref = gateway.table.derived[ref_id]
    assert gateway.derived.exists(ref)
    return gateway.derived.value(ref)


@pytest.mark.parametrize(
    ("temperature", "humidity", "expected"),
    # The first three are the table of DIN 4108-3, the others follow from saturation.
    [(20.0, 50, 9.3), (25.0, 60, 16.7), (30.0, 70, 23.9), (10.0, 100, 10.0), (-5.0, 100, -5.0)],
)
def test_the_dew_point_is_that_of_the_tables(temperature: float, humidity: int, expected: float) -> None:
    found = dew_point(temperature, humidity)

    assert found is not None
    assert found == pytest.approx(expected, abs=0.05)


@given(temperature=st.floats(-45, 60), humidity=st.integers(1, 100))
def test_no_dew_point_lies_above_the_temperature(temperature: float, humidity: int) -> None:
    found = dew_point(temperature, humidity)

    assert found is not None
    assert found <= temperature + 1e-6


@pytest.mark.parametrize(("temperature", "humidity"), [(None, 50), (20.0, None), (20.0, 0), (20.0, 101)])
def test_without_its_values_there_is_no_dew_point(temperature: float | None, humidity: int | None) -> None:
    assert dew_point(temperature, humidity) is None


@pytest.mark.parametrize(
    ("mode", "flow", "dew", "expected"),
    [
        (GlobalMode.COOLING, 16.0, 15.0, True),
        (GlobalMode.COOLING, 17.0, 15.0, False),
        (GlobalMode.MANUAL_COOLING, 14.0, 15.0, True),
        (GlobalMode.HEATING, 10.0, 15.0, False),
        (GlobalMode.AUTO, 16.0, 15.0, True),
        (GlobalMode.AUTO, 35.0, 15.0, False),
        (GlobalMode.COOLING, None, 15.0, None),
        (GlobalMode.COOLING, 16.0, None, None),
        (GlobalMode.HEATING, None, None, False),
    ],
)
def test_cold_water_near_the_dew_point_is_a_risk_unless_the_house_heats(
    mode: GlobalMode, flow: float | None, dew: float | None, expected: bool | None
) -> None:
    assert condensation_risk(mode=mode, flow=flow, dew=dew, margin_k=2.0) is expected


def test_a_cold_room_is_cold_until_it_is_clearly_warmer() -> None:
    assert cold(7.9, 8.0, before=False) is True
    assert cold(8.0, 8.0, before=False) is False
    assert cold(8.4, 8.0, before=True) is True
    assert cold(8.5, 8.0, before=True) is False
    assert cold(None, 8.0, before=True) is None


def test_of_nothing_there_is_no_mean() -> None:
    assert mean([20.0, 22.0]) == 21.0
    assert mean([]) is None


def test_a_row_is_there_once_a_value_of_each_source_was_told(gateway: Gateway) -> None:
    there = set(gateway.derived.all())

    assert there == {
        "global.mean_temperature",
        *(f"zone.{zone}.{key}" for zone in ("1.1", "2.3") for key in ("dew_point", "condensation", "cold")),
        "zone.1.2.cold",
    }


def test_a_flow_that_has_never_been_a_temperature_says_nothing_of_condensation() -> None:
    gateway = make_gateway(FakeClock())
    for ref_id, value in {"global.mode": 3, "zone.1.1.temperature": 25.0, "zone.1.1.humidity": 60}.items():
        base_reports(gateway, ref_id, value)
    base_writes(gateway, "mixed_circuit.1.flow_temperature", NO_SENSOR)
    assert not gateway.derived.exists(gateway.table.derived["zone.1.1.condensation"])

    base_reports(gateway, "mixed_circuit.1.flow_temperature", 16.0)

    assert derived(gateway, "zone.1.1.condensation") is True


def test_the_coldest_flow_counts_and_an_old_one_does_not(gateway: Gateway, clock: FakeClock) -> None:
    base_reports(gateway, "global.mode", 3)
    base_reports(gateway, "mixed_circuit.2.flow_temperature", 8.0)
    assert derived(gateway, "zone.1.1.condensation") is True

    clock.advance(170)
    base_reports(gateway, "mixed_circuit.1.flow_temperature", 35.0)
    clock.advance(20)
    gateway.tick(clock.now)

    assert derived(gateway, "zone.1.1.condensation") is False


def test_the_mean_is_of_rooms_whose_values_are_fresh(gateway: Gateway, clock: FakeClock) -> None:
    assert derived(gateway, "global.mean_temperature") == pytest.approx((22.0 + 19.5 + 18.0) / 3, abs=0.02)
    clock.advance(170)
    base_reports(gateway, "zone.1.1.temperature", 24.0)
    clock.advance(20)

    gateway.tick(clock.now)

    assert derived(gateway, "global.mean_temperature") == pytest.approx(24.0, abs=0.02)


def test_what_a_room_tells_itself_counts_though_it_is_old(gateway: Gateway, clock: FakeClock) -> None:
    before = derived(gateway, "zone.1.1.dew_point")
    clock.advance(500)
    gateway.tick(clock.now)

    assert derived(gateway, "zone.1.1.dew_point") == before is not None


def test_the_owners_margins_count_and_the_last_value_is_remembered(gateway: Gateway) -> None:
    gateway.derived.use(Margins(cold_c=18.5))
    assert derived(gateway, "zone.2.3.cold") is True

    base_reports(gateway, "zone.2.3.temperature", 18.8)
    assert derived(gateway, "zone.2.3.cold") is True
    base_reports(gateway, "zone.2.3.temperature", 19.1)
    assert derived(gateway, "zone.2.3.cold") is False
    base_reports(gateway, "zone.2.3.temperature", 18.8)
    assert derived(gateway, "zone.2.3.cold") is False


@given(steps=st.lists(st.tuples(st.integers(0, 4), st.sampled_from([7.0, 8.2, 16.0, 24.0, 30.0])), max_size=30))
def test_what_is_remembered_is_what_would_be_worked_out_anew(steps: list[tuple[int, float]]) -> None:
    clock = FakeClock()
    told, anew = make_gateway(clock), make_gateway(clock)
    for each in (told, anew):
        fill_house(each)
    for what, value in steps:
        for each in (told, anew):
            match what:
                case 0:
                    base_reports(each, "zone.1.1.temperature", value)
                case 1:
                    base_reports(each, "mixed_circuit.1.flow_temperature", value)
                case 2:
                    base_reports(each, "zone.2.3.humidity", value)
                case 3:
                    each.forget_zone(1, 2, clock.now)
                case _:
                    base_reports(each, "zone.2.3.temperature", value)
        if what == 3:
            clock.advance(100)
            for each in (told, anew):
                each.tick(clock.now)
        anew.derived.use(Margins())
        assert told.derived.all() == anew.derived.all()


def test_nothing_is_worked_out_twice(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.derived.all()
    monkeypatch.setattr(Derivations, "_known", lambda *_: pytest.fail("no source has changed"))

    base_reports(gateway, "zone.1.1.temperature", 22.0)

    assert gateway.derived.all()
