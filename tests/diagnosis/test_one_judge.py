"""Health, the bus document, the doctor's own path and what is published say the same of the bus at every moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from neasmart.core.gateway import DOCTOR
from neasmart.diagnosis.doctor import Diagnosis
from neasmart.diagnosis.verdicts import BY_CODE, Level
from neasmart.mqtt.messages.states import wiring_payload
from neasmart.mqtt.messages.words import Words
from neasmart.settings.model import Language
from neasmart.web.answers import bus_documents, page_documents
from neasmart.web.answers.health_answers import HealthStatus
from neasmart.web.api.health import health
from tests.support.bus import BROADCAST_TEMPERATURE, POLL_240
from tests.support.played_bus import PlayedBus

GOOD = (POLL_240, BROADCAST_TEMPERATURE)
LATE_S = 10
ENGLISH = Words(Language.EN)


@dataclass(frozen=True)
class Case:
    """What comes in a second, once the bus has been good for a minute, and what is told then until the end."""

    happens: Callable[[PlayedBus, int], object]
    code: str
    within_s: int


def silent(_bus: PlayedBus, _second: int) -> None:
    """Nothing happens any more."""


def gone(bus: PlayedBus, second: int) -> None:
    if second == 0:
        bus.hangs_up()


def wrong_framing(bus: PlayedBus, _second: int) -> None:
    bus.hears(b"?" * 24)
    bus.gateway.bus.counters.rtu_on_tcp += 3


def wrong_framing_cut_off(bus: PlayedBus, second: int) -> None:
    bus.dials()
    wrong_framing(bus, second)
    bus.hands.now += 0.05
    bus.hangs_up()


def good(bus: PlayedBus, _second: int) -> None:
    bus.hears(*GOOD)


def writes_no_more(bus: PlayedBus, _second: int) -> None:
    bus.hears(POLL_240)


CASES = {
    "good bus": Case(good, "healthy", 1),
    "silent base": Case(silent, "silent.fell_silent", LATE_S),
    "base gone": Case(gone, "nobody_dials", 1),
    "wrong framing": Case(wrong_framing, "noise.rtu_on_tcp", LATE_S),
    "wrong framing, cut off each second": Case(wrong_framing_cut_off, "noise.rtu_on_tcp", LATE_S),
    "writes no more": Case(writes_no_more, "no_writes", LATE_S),
}


def agreed(bus: PlayedBus, asked_first: int) -> Diagnosis:
    """Ask everybody, in another order each time, and return the one verdict that all of them give."""
    gateway, now = bus.gateway, bus.now
    codes: list[str] = []
    late: list[bool] = []

    def ask_health() -> None:
        answer = health(gateway, now)
        codes.append(answer.modbus.code)
        late.append(not answer.registers_receiving_updates)
        well = BY_CODE[codes[-1]].level is Level.OK
        assert answer.status is (HealthStatus.HEALTHY if well else HealthStatus.DEGRADED)
        assert answer.reasons == ([] if well else [bus.diagnosis.sentence])

    def ask_bus() -> None:
        answer = bus_documents.bus(gateway, now, 0.0)
        codes.append(answer.code)
        late.append(answer.late)
        assert answer.late or not answer.stale

    def ask_doctor() -> None:
        answer = bus_documents.doctor(gateway, now)
        codes.append(answer.code)
        late.append(not answer.receiving)

    def ask_live() -> None:
        status = page_documents.snapshot(gateway, now, 0.0).status
        codes.extend((status["doctor"]["code"], status["bus"].code))
        late.extend((not status["doctor"]["receiving"], status["bus"].late))

    askers = [ask_health, ask_bus, ask_doctor, ask_live]
    for ask in askers[asked_first:] + askers[:asked_first]:
        ask()
    published = gateway.hub.state(DOCTOR, Diagnosis)
    assert published is not None
    assert {*codes, published.code, gateway.watch.diagnosis.code} == {published.code}
    assert {*late, not published.receiving} == {not published.receiving}
    assert json.loads(wiring_payload(gateway.watch.diagnosis, ENGLISH))["state"] == published.state
    return published


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_everybody_gives_the_verdict_of_the_one_judge(case: Case) -> None:
    bus = PlayedBus()
    bus.dials()
    bus.seconds(60, GOOD)
    assert agreed(bus, 0).code == "healthy"

    told: list[tuple[float, str]] = []
    for second in range(120):
        began = bus.now
        case.happens(bus, second)
        for quarter in range(4):
            # Between two ticks of the gateway, too.
            bus.hands.now = max(bus.now, began + 0.25 * (quarter + 1))
            told.append((second + 0.25 * (quarter + 1), agreed(bus, (second + quarter) % 4).code))
        bus.gateway.tick(bus.now)

    assert {code for at, code in told if at > case.within_s} == {case.code}
    assert {code for at, code in told if at <= case.within_s} <= {"healthy", case.code}


def test_a_base_that_is_back_is_healthy_for_everybody_at_once() -> None:
    bus = PlayedBus()
    bus.dials()
    bus.seconds(60, GOOD)
    bus.seconds(200)
    assert agreed(bus, 1).code == "silent.fell_silent"

    bus.hears(*GOOD)

    assert agreed(bus, 0).code == "healthy"
