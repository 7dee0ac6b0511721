"""Every verdict of the doctor, reached by real frames through the slave or by what the link says; and how soon."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.core.gateway import DOCTOR, SETTINGS
from neasmart.diagnosis.doctor import FRAMINGS, Diagnosis, Observed, Patience, diagnose
from neasmart.diagnosis.patterns import Hint, Pattern, PatternTaker
from neasmart.diagnosis.verdicts import BY_CODE, LINK_VERDICTS, VERDICTS, Level
from neasmart.facts.status import BusCounters, Closable, LinkStatus, SettingsFault, SettingsStatus
from neasmart.sysbus.framing.rtu import RtuFramer
from neasmart.sysbus.slave.slaves import MbapSlave
from tests.support.bus import (
    BROADCAST_TEMPERATURE,
    FOREIGN_POLL,
    POLL_240,
    POLL_241,
    STATE_AND_SETPOINT_240,
    mbap,
    rtu,
)
from tests.support.played_bus import CONNECTED, WAITING, PlayedBus
from tests.support.uart import line, received, walk

GOOD = (POLL_240, BROADCAST_TEMPERATURE)
GOOD_TCP = (mbap("F0 03 00 64 00 02"), mbap("00 10 00 66 00 01 02 0C 1A"))
FOREIGN_WRITE = rtu("10 06 00 64 00 01")
LINES = {
    "swapped, biased": (received(line(walk(), swapped=True)), Hint.SWAPPED),
    "swapped, failsafe": (received(line(walk(), swapped=True, failsafe=True)), Hint.SWAPPED),
    "swapped, dense": (received(line(walk(), swapped=True, idle_bits=(4, 12))), Hint.SWAPPED),
    "9600": (received(line(walk()), speed=0.25), Hint.SPEED),
    "19200": (received(line(walk()), speed=0.5), Hint.SPEED),
    "57600": (received(line(walk()), speed=1.5), Hint.SPEED),
    "76800": (received(line(walk()), speed=2.0), Hint.SPEED),
    "115200": (received(line(walk()), speed=3.0), Hint.SPEED),
    "230400": (received(line(walk()), speed=6.0), Hint.SPEED),
    "parity": (received(line(walk()), parity=True), Hint.SPEED),
    "damaged, 5 % of the bits": (received(line(walk(), bit_errors=0.05)), Hint.GROUND),
    "damaged, 10 % of the bits": (received(line(walk(), bit_errors=0.1)), Hint.GROUND),
    "57600, clock a little slow": (received(line(walk()), speed=1.497), Hint.SPEED),
    "glitches while idle": (received(line(walk(1), bit_errors=0.05, idle_bits=(200, 3000))), Hint.GROUND),
}


def connected(*, tcp: bool = False) -> PlayedBus:
    bus = PlayedBus(MbapSlave) if tcp else PlayedBus()
    bus.dials()
    return bus


def after(seconds: int, *chunks: bytes, tcp: bool = False) -> Diagnosis:
    """Return what is told after so many seconds of a connection, in each of which these bytes came."""
    bus = connected(tcp=tcp)
    bus.seconds(seconds, chunks)
    return bus.diagnosis


def of_link(code: str) -> Diagnosis:
    bus = PlayedBus()
    bus.link(LinkStatus(code=code, detail="What the link says.", said="Port already in use"))
    bus.seconds(1)
    return bus.diagnosis


def of_framing(counter: str, description: str = "") -> Diagnosis:
    """Return what is told of frames that the connection has recognised as those of another kind."""
    bus = PlayedBus()
    bus.link(replace(CONNECTED, description=description))
    bus.seconds(3, (b"?" * 20,), lambda _second: counted(bus, counter))
    return bus.diagnosis


def counted(bus: PlayedBus, counter: str, count: int = 1) -> None:
    counters = bus.gateway.bus.counters
    setattr(counters, counter, getattr(counters, counter) + count)


def every(seconds: int, do: Callable[[], object], *, first: int = 0) -> Callable[[int], None]:
    """Return what does something in the first and in every so many seconds after it."""

    def step(second: int) -> None:
        if second % seconds == first:
            do()

    return step


def of_a_line(content: bytes, seconds: int = 8) -> Diagnosis:
    bus = connected()
    step = max(40, len(content) // seconds)
    for second in range(seconds):
        bus.seconds(1, (content[second * step : (second + 1) * step],))
    return bus.diagnosis


def with_a_problem() -> Diagnosis:
    bus = connected()
    text = "server.port = 0 is not allowed"
    fault = SettingsFault(key="server.port", text=text, closes=frozenset({Closable.BUS}))
    bus.gateway.hub.publish(SETTINGS, SettingsStatus(problem=text, faults=(fault,), closed=(Closable.BUS,)))
    bus.seconds(2, GOOD)
    return bus.diagnosis


def fallen_silent() -> Diagnosis:
    bus = connected()
    bus.seconds(20, GOOD)
    bus.seconds(11)
    return bus.diagnosis


def on_two_connections() -> Diagnosis:
    bus = connected()
    bus.seconds(5, GOOD, lambda _second: counted(bus, "same_bus_connections"))
    return bus.diagnosis


def late(seconds: int = 5) -> Diagnosis:
    bus = connected()
    for _ in range(seconds):
        bus.hears(POLL_240, late=True)
        bus.seconds(1, (BROADCAST_TEMPERATURE,))
    return bus.diagnosis


REACHED: dict[str, Callable[[], Diagnosis]] = {
    "starting": lambda: after(3),
    "settings_error": with_a_problem,
    "settings_error.not_configured": lambda: of_link("not_configured"),
    "settings_error.foreign_address": lambda: of_link("foreign_address"),
    "stopped": lambda: of_link("stopped"),
    "no_device": lambda: of_link("no_device"),
    "no_device.device_lost": lambda: of_link("device_lost"),
    "no_permission": lambda: of_link("no_permission"),
    "device_busy": lambda: of_link("device_busy"),
    "device_busy.device_shared": lambda: of_link("device_shared"),
    "device_busy.cannot_listen": lambda: of_link("cannot_listen"),
    "cannot_dial": lambda: of_link("cannot_dial"),
    "cannot_dial.converter_busy": lambda: of_link("converter_busy"),
    "nobody_dials": lambda: of_link("waiting_for_peer"),
    "silent": lambda: after(11),
    "silent.fell_silent": fallen_silent,
    "noise": lambda: of_a_line(bytes(range(40)), seconds=6),
    "noise.swapped": lambda: of_a_line(LINES["swapped, biased"][0]),
    "noise.speed_or_parity": lambda: of_a_line(LINES["19200"][0]),
    "noise.no_common_ground": lambda: of_a_line(LINES["damaged, 5 % of the bits"][0]),
    "noise.rtu_on_tcp": lambda: of_framing("rtu_on_tcp"),
    "noise.mbap_on_rtu": lambda: of_framing("mbap_on_rtu"),
    "noise.mbap_dialled": lambda: of_framing("mbap_on_rtu", description="RTU over socket://10.0.0.7:502"),
    "noise.ascii": lambda: of_framing("ascii_frames"),
    "noise.bad_protocol_id": lambda: of_framing("bad_protocol_ids"),
    "noise.bad_length": lambda: of_framing("bad_lengths"),
    "noise.not_modbus": lambda: after(6, b"GET / HTTP/1.1\r\n\r\n"),
    "not_for_us": lambda: after(38, FOREIGN_POLL, FOREIGN_WRITE),
    "no_writes": lambda: after(38, POLL_240),
    "no_polls": lambda: after(38, BROADCAST_TEMPERATURE),
    "too_late": late,
    "rival": lambda: after(5, POLL_240, STATE_AND_SETPOINT_240, BROADCAST_TEMPERATURE),
    "same_bus": on_two_connections,
    "healthy": lambda: after(1, *GOOD),
}


@pytest.mark.parametrize("code", BY_CODE)
def test_every_verdict_is_reached(code: str) -> None:
    found = REACHED[code]()

    assert found.code == code
    assert (found.state, found.hint, found.level) == (BY_CODE[code].state, BY_CODE[code].hint, BY_CODE[code].level)
    assert found.sentence
    assert bool(found.advice) is (found.level is not Level.OK)
    assert "{" not in found.sentence + found.advice


def test_codes_are_given_once_and_all_are_in_use() -> None:
    assert len(BY_CODE) == len(VERDICTS)
    assert REACHED.keys() == BY_CODE.keys()


@pytest.mark.parametrize("code", LINK_VERDICTS)
def test_a_link_that_is_not_connected_is_told_in_its_own_words(code: str) -> None:
    found = of_link(code)

    assert found.sentence == "What the link says."
    assert found.parameters["detail"] == "What the link says."
    assert found.parameters["said"] == "Port already in use"
    assert found.evidence == ("the converter says: Port already in use",)


def test_a_link_in_a_state_of_the_future_is_starting() -> None:
    assert of_link("something_new").code == "starting"


def test_settings_that_cannot_be_used_come_before_everything() -> None:
    assert with_a_problem().evidence == ("server.port = 0 is not allowed",)


def test_no_verdict_sends_anybody_to_the_installer() -> None:
    """The maker's manual names no step at the base, so no text may."""
    told = " ".join(verdict.sentence + verdict.advice for verdict in VERDICTS)

    assert "nstaller" not in told
    assert "menu" not in told


def test_no_byte_is_silence_after_ten_seconds_and_not_before() -> None:
    assert connected().seconds(12) == ["starting"] * 9 + ["silent"] * 3


@pytest.mark.parametrize("beat", [b"www.usr.cn", b"\xff", b"\x00\x00\x00\x00"])
def test_the_heartbeat_of_a_converter_does_not_hide_a_silent_base(beat: bytes) -> None:
    bus = connected()
    assert bus.seconds(60, (beat,))[-1] == "silent"
    assert any("the converter's own" in each for each in bus.diagnosis.evidence)
    bus.seconds(60, (*GOOD, beat))

    codes = bus.seconds(60, (beat,))

    assert codes[:8] == ["healthy"] * 8
    assert set(codes[9:]) == {"silent.fell_silent"}


def test_a_few_stray_bytes_are_still_silence() -> None:
    bus = connected()
    bus.hears(b"\x00\xff")

    assert bus.seconds(12)[-1] == "silent"


def test_a_bus_that_falls_silent_is_told_when_its_values_are_late() -> None:
    bus = connected()
    bus.seconds(300, GOOD)

    assert bus.seconds(12) == ["healthy"] * 8 + ["silent.fell_silent"] * 4
    assert bus.diagnosis.evidence[0] == "the last valid frame came 13 s ago"
    assert bus.seconds(1, GOOD) == ["healthy"]


def test_the_setting_decides_when_silence_is_told() -> None:
    bus = connected()
    bus.gateway.plant.stale_times = replace(bus.gateway.plant.stale_times, warn_s=4.0)
    bus.seconds(20, GOOD)

    assert bus.seconds(5) == ["healthy"] * 2 + ["silent.fell_silent"] * 3


def test_a_patient_owner_is_told_of_noise_and_framings_as_soon_as_others() -> None:
    bus = connected()
    bus.gateway.plant.stale_times = replace(bus.gateway.plant.stale_times, warn_s=3600.0)
    bus.seconds(20, GOOD)

    codes = bus.seconds(10, (b"?" * 30,), lambda _second: counted(bus, "bad_lengths"))

    assert codes[5:] == ["noise.bad_length"] * 5


def test_noise_after_good_traffic_is_noise_and_not_silence() -> None:
    content = LINES["swapped, biased"][0]
    bus = connected()
    bus.seconds(60, GOOD)

    codes = [bus.seconds(1, (content[at : at + 60],))[0] for at in range(0, 1000, 60)]

    assert codes[:8] == ["healthy"] * 8
    assert codes[-1] == "noise.swapped"
    assert "0 valid frames" in bus.diagnosis.evidence[1]


@pytest.mark.parametrize(("content", "hint"), LINES.values(), ids=LINES.keys())
def test_the_bytes_tell_why_they_are_no_frames(content: bytes, hint: Hint) -> None:
    found = of_a_line(content)

    assert found.code == f"noise.{hint.value}"
    assert len(found.evidence) >= 3


@pytest.mark.parametrize(
    "content", [c for name, (c, _) in LINES.items() if "damaged" not in name and "glitch" not in name]
)
def test_none_of_these_lines_gives_a_valid_frame(content: bytes) -> None:
    assert RtuFramer((240, 241)).feed(content, 0.0) == []


def test_the_same_line_read_rightly_gives_every_frame() -> None:
    frames = walk()

    assert [frame.raw for frame in RtuFramer((240, 241)).feed(received(line(frames)), 0.0)] == frames


def test_noise_on_a_line_of_our_own_is_told_with_its_speed() -> None:
    bus = PlayedBus()
    bus.gateway.watch_bus((240, 241), line="9600 8N1")
    bus.dials()
    bus.seconds(8, (LINES["9600"][0][:100],))

    assert bus.diagnosis.evidence[-1] == "the line is read at 9600 8N1; the SYSBUS has 38400 8N1"


def test_many_damaged_frames_among_valid_ones_are_noise() -> None:
    damaged = POLL_240[:-1] + bytes((POLL_240[-1] ^ 1,))

    assert after(10, *GOOD, damaged, damaged, damaged).code == "noise.no_common_ground"
    assert connected().seconds(10, GOOD)[-1] == "healthy"


def test_a_damaged_frame_now_and_then_is_healthy() -> None:
    bus = connected()
    bus.seconds(60, GOOD, every(20, lambda: bus.hears(POLL_240[:-1] + b"\x00")))

    assert bus.gateway.bus.counters.crc_errors == 3
    assert bus.diagnosis.code == "healthy"


def test_where_only_modbus_tcp_is_spoken_noise_is_no_picture_of_a_line() -> None:
    assert after(6, LINES["swapped, biased"][0][:200], tcp=True).code == "noise.not_modbus"


@pytest.mark.parametrize(
    ("chunks", "code"),
    [((POLL_240,), "no_writes"), ((BROADCAST_TEMPERATURE,), "no_polls"), ((FOREIGN_POLL,), "not_for_us")],
)
def test_one_side_alone_is_judged_after_a_walk_and_not_before(chunks: Iterable[bytes], code: str) -> None:
    codes = connected().seconds(38, chunks)

    assert set(codes[:9]) == {"starting"}
    assert codes[-1] == code


def test_the_walk_is_the_measured_one() -> None:
    """A base that walks in 4 s and stops writing is told as soon as its values are late, a slow one after its walk."""
    quick, slow = connected(), connected()
    quick.seconds(60, GOOD)
    slow.seconds(150, (BROADCAST_TEMPERATURE,), every(25, lambda: slow.hears(POLL_240)))
    assert slow.diagnosis.code == "healthy"

    assert quick.seconds(12, (POLL_240,)).index("no_writes") in (9, 10)
    assert slow.seconds(40, (BROADCAST_TEMPERATURE,)).index("no_polls") in range(5, 12)


def test_a_base_that_turns_to_one_of_our_unit_ids_alone_is_healthy() -> None:
    bus = connected()
    bus.seconds(5, (POLL_241, *GOOD))

    assert set(bus.seconds(90, GOOD)[5:]) == {"healthy"}


def test_unit_ids_that_are_asked_stand_beside_those_that_are_not() -> None:
    found = after(38, BROADCAST_TEMPERATURE, FOREIGN_POLL)

    assert found.code == "no_polls"
    assert (found.parameters["ids"], found.parameters["others"]) == ("240, 241", "16")
    assert "240, 241" in found.sentence
    assert "unit ids seen: 16" in found.evidence


@pytest.mark.parametrize(
    ("counter", "seconds", "least", "code"),
    [
        ("crc_errors", 3, 5, "noise.no_common_ground"),
        ("crc_errors", 10, 10, "noise.no_common_ground"),
        ("noise_bytes", 3, 64, "noise.no_common_ground"),
        ("noise_bytes", 5, 76, "noise.no_common_ground"),
        ("rival_replies", 10, 2, "rival"),
        ("replies_late", 10, 3, "too_late"),
        ("requests_stale", 20, 4, "too_late"),
        ("replies_moved_on", 25, 5, "too_late"),
    ],
)
def test_what_spoils_the_traffic_is_told_from_its_share_on(counter: str, seconds: int, least: int, code: str) -> None:
    """A second has two frames of 19 bytes together, of which one is a poll."""

    def told(count: int) -> str:
        bus = connected()
        bus.seconds(seconds, GOOD)
        counted(bus, counter, count)
        return bus.diagnosis.code

    assert (told(least - 1), told(least)) == ("healthy", code)


def test_withheld_replies_are_told_on_rtu() -> None:
    moved_on = connected()
    moved_on.seconds(5, (POLL_240 + BROADCAST_TEMPERATURE,))

    assert late().code == moved_on.diagnosis.code == "too_late"
    assert late(2).code == "healthy"


def test_requests_that_came_too_late_to_be_answered_are_told_on_modbus_tcp() -> None:
    bus = connected(tcp=True)
    bus.seconds(20, GOOD_TCP)
    assert bus.diagnosis.code == "healthy"

    for _ in range(8):
        bus.hears(GOOD_TCP[0], late=True)
        bus.seconds(1, GOOD_TCP[1:])

    assert bus.diagnosis.code == "too_late"
    assert bus.diagnosis.evidence[0].startswith("8 of 28 replies held back in the last ")


def test_two_connections_are_not_taken_for_a_rival() -> None:
    """Over the second connection our own reply comes back."""
    bus = connected()
    bus.seconds(
        5, (POLL_240, STATE_AND_SETPOINT_240, BROADCAST_TEMPERATURE), lambda _: counted(bus, "same_bus_connections")
    )

    assert bus.diagnosis.code == "same_bus"
    assert bus.diagnosis.receiving
    assert set(bus.seconds(60, GOOD)[11:]) == {"healthy"}


@pytest.mark.parametrize("counter", FRAMINGS)
@pytest.mark.parametrize("every_s", [1, 4, 9])
def test_a_wrong_framing_is_named_within_ten_seconds_at_any_rate(counter: str, every_s: int) -> None:
    bus = connected()
    codes = bus.seconds(60, (), every(every_s, lambda: counted(bus, counter), first=every_s - 1))

    hint, _ = FRAMINGS[counter]
    assert set(codes[9:]) == {f"noise.{hint.value}"}


@pytest.mark.parametrize("counter", FRAMINGS)
@pytest.mark.parametrize("every_s", [2, 5, 30])
def test_a_wrong_framing_is_named_however_often_the_peer_dials_anew(counter: str, every_s: int) -> None:
    """The peer is cut off at once each time, so that no tick of the gateway ever finds it connected."""
    bus = PlayedBus()
    bus.hangs_up()

    def calls(second: int) -> None:
        if second % every_s == 1:
            bus.dials()
            bus.hears(b"?" * 30)
            counted(bus, counter, 6)
            bus.hands.now += 0.1
            bus.hangs_up()

    codes = bus.seconds(120, (), calls)

    hint, _ = FRAMINGS[counter]
    assert set(codes[9:]) == {f"noise.{hint.value}"}


def test_a_length_that_counts_a_checksum_is_named_though_its_writes_are_understood() -> None:
    bus = connected(tcp=True)
    codes = bus.seconds(40, GOOD_TCP[1:], lambda _second: counted(bus, "bad_lengths"))

    assert set(codes[1:]) == {"noise.bad_length"}
    assert any("40 requests whose length counts a checksum" in each for each in bus.diagnosis.evidence)


def test_a_length_that_counts_a_checksum_explains_the_frame_of_rtu_behind_its_header() -> None:
    bus = connected(tcp=True)

    def comes(_second: int) -> None:
        counted(bus, "rtu_on_tcp", 3)
        counted(bus, "bad_lengths")

    assert set(bus.seconds(20, (), comes)) == {"noise.bad_length"}


def test_a_converter_that_is_set_from_one_wrong_framing_to_another_is_told_of_the_new_one() -> None:
    bus = connected(tcp=True)
    bus.seconds(20, (), lambda _second: counted(bus, "bad_lengths"))

    codes = bus.seconds(20, (), lambda _second: counted(bus, "rtu_on_tcp"))

    assert codes[10:] == ["noise.rtu_on_tcp"] * 10


def test_a_framing_that_goes_wrong_after_good_traffic_is_named_within_ten_seconds() -> None:
    bus = connected()
    bus.seconds(100, GOOD)

    codes = bus.seconds(20, (b"?" * 30,), lambda _second: counted(bus, "mbap_on_rtu"))

    assert codes[9] == codes[-1] == "noise.mbap_on_rtu"


def test_a_converter_that_is_set_right_is_healthy_at_once() -> None:
    bus = connected()
    bus.seconds(40, (), lambda _second: counted(bus, "rtu_on_tcp", 5))
    assert bus.diagnosis.code == "noise.rtu_on_tcp"

    assert bus.seconds(1, GOOD) == ["healthy"]


def test_a_stray_frame_of_another_kind_beside_a_good_base_is_no_finding() -> None:
    bus = connected()

    codes = bus.seconds(60, GOOD, every(7, lambda: counted(bus, "bad_protocol_ids")))

    assert set(codes) == {"healthy"}


def test_a_peer_that_has_gone_after_a_long_time_is_told_at_once() -> None:
    bus = connected()
    bus.seconds(60, GOOD)
    bus.hangs_up()

    assert bus.seconds(1) == ["nobody_dials"]


def test_a_base_behind_a_converter_that_comes_and_goes_does_not_make_the_verdict_flicker() -> None:
    bus = PlayedBus()
    bus.hangs_up()

    def comes_and_goes(second: int) -> None:
        if second % 2:
            bus.hangs_up()
        else:
            bus.dials()
            bus.hears(*GOOD)

    codes = bus.seconds(60, (), comes_and_goes)

    assert set(codes) == {"healthy"}
    assert bus.seconds(12)[-1] == "nobody_dials"


def test_a_converter_that_comes_and_goes_without_a_byte_is_silent() -> None:
    bus = PlayedBus()
    bus.hangs_up()

    codes = bus.seconds(60, (), lambda second: bus.hangs_up() if second % 2 else bus.dials())

    assert set(codes[11:]) == {"silent"}


def test_rubbish_is_named_however_often_its_peer_is_cut_off() -> None:
    bus = PlayedBus(MbapSlave)
    bus.hangs_up()

    def calls(_second: int) -> None:
        bus.dials()
        bus.hears(b"GET / HTTP/1.1\r\n\r\n")
        bus.hands.now += 0.1
        bus.hangs_up()

    codes = bus.seconds(30, (), calls)

    assert set(codes[9:]) == {"noise.not_modbus"}


def test_a_port_that_somebody_looked_at_once_still_waits() -> None:
    bus = PlayedBus()
    bus.hangs_up()
    bus.seconds(5)
    bus.dials()
    bus.hears(b"GET / HTTP/1.1\r\n\r\n")
    bus.hands.now += 0.1
    bus.hangs_up()

    assert set(bus.seconds(3)) == {"nobody_dials"}
    assert bus.seconds(20)[-1] == "nobody_dials"


def test_a_device_that_is_back_after_minutes_is_judged_anew() -> None:
    bus = connected()
    bus.seconds(60, GOOD)
    bus.link(LinkStatus(code="device_lost", detail="The dongle was lost."))
    assert set(bus.seconds(300)) == {"no_device.device_lost"}

    bus.dials()

    assert bus.seconds(5) == ["starting"] * 5
    assert bus.seconds(10)[-1] == "silent.fell_silent"


def test_what_came_on_another_link_is_not_this_ones() -> None:
    bus = connected()
    bus.seconds(60, GOOD)
    bus.hangs_up()
    bus.gateway.watch_bus(bus.gateway.bus.unit_ids)

    bus.dials()

    assert bus.seconds(20)[-1] == "silent"
    bus.seconds(60, GOOD)
    assert bus.seconds(20)[-1] == "silent.fell_silent"


def test_the_command_line_waits_for_no_walk() -> None:
    bus = connected()
    bus.seconds(3, (POLL_240,))
    assert bus.diagnosis.code == "starting"

    final = diagnose(
        replace(observed(frames=9, polls=9), frame_age_s=0.1, poll_age_s=0.1, patience=Patience(final=True))
    )

    assert final.code == "no_writes"


def test_receiving_follows_the_writes_of_the_base() -> None:
    assert after(3, *GOOD).receiving
    assert after(38, BROADCAST_TEMPERATURE).receiving
    assert not after(38, POLL_240).receiving
    assert not fallen_silent().receiving


def observed(content: bytes = b"", **seen: int) -> Observed:
    taker = PatternTaker((240, 241))
    taker.take(content)
    counters = BusCounters(bytes_received=len(content))
    for name, count in seen.items():
        setattr(counters, name, count)
    return Observed(
        link=CONNECTED, seen=counters, pattern=taker.digest(), watched_s=60.0, unit_ids=(240, 241), open_s=60.0
    )


ages = st.none() | st.floats(0, 100)


@given(
    st.binary(max_size=2000),
    st.integers(0, 200),
    st.integers(0, 200),
    st.fixed_dictionaries(
        {
            "link": st.sampled_from([CONNECTED, WAITING]),
            "mbap": st.booleans(),
            "frame_age_s": ages,
            "poll_age_s": ages,
            "write_age_s": ages,
            "wrong_framing": st.none() | st.tuples(st.sampled_from(list(Hint)), st.floats(0, 60)),
        }
    ),
)
def test_any_mixture_gives_a_finding(content: bytes, frames: int, broken: int, signs: dict[str, Any]) -> None:
    found = diagnose(replace(observed(content, frames=frames, crc_errors=broken), **signs))

    assert found.sentence
    assert BY_CODE[found.code].state is found.state


def test_the_gateway_publishes_a_finding_once_with_the_time_it_began() -> None:
    bus = connected()
    published: list[object] = []
    with bus.gateway.hub.subscribed() as (_, subscription):
        bus.seconds(40, (), lambda _: published.extend(i for k, i in subscription.take().items() if k == DOCTOR))

    assert [found.code for found in published if isinstance(found, Diagnosis)] == ["silent"]
    assert bus.diagnosis.since == pytest.approx(1010.0)


def test_whoever_asks_between_two_ticks_is_told_what_everybody_is_told() -> None:
    bus = connected()
    bus.seconds(5, GOOD)
    bus.hands.now += 10.0

    told = bus.diagnosis

    assert told.code == "silent.fell_silent"
    assert bus.gateway.hub.state(DOCTOR, Diagnosis) == told


def test_a_flood_of_bytes_is_counted_in_part_and_kept_small() -> None:
    taker = PatternTaker((240, 241))
    for _ in range(100):
        taker.take(bytes(65536))

    assert taker.digest().total <= 131072
    assert taker.digest().total == 0
    assert Pattern.joined(()).total == 0
