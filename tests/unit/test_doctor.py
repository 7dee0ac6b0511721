"""Every state of the wiring doctor, from counters, times and real bit patterns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.doctor import BusWatch, Diagnosis, DoctorState, Observed, Patience, diagnose
from neasmart.gateway import DOCTOR, LINK
from neasmart.patterns import Hint, Pattern, PatternTaker
from neasmart.status import BusCounters, LinkStatus
from neasmart.sysbus.rtu import RtuFramer
from tests.support.bus import Hands, new_gateway
from tests.support.uart import line, received, walk

CONNECTED = LinkStatus(connected=True, code="connected", detail="Serial is connected.", since=0.0)


def pattern(content: bytes) -> Pattern:
    taker = PatternTaker((240, 241))
    taker.take(content)
    return taker.digest()


def observed(content: bytes = b"", *, watched_s: float = 60.0, mbap: bool = False, **seen: Any) -> Observed:
    counters = BusCounters(**({"bytes_received": len(content)} | seen))
    return Observed(
        link=CONNECTED,
        seen=counters,
        pattern=pattern(content),
        watched_s=watched_s,
        unit_ids=(240, 241),
        units_seen=(0, 16, 17),
        mbap=mbap,
    )


def of_link(code: str) -> Diagnosis:
    link = LinkStatus(connected=False, code=code, detail="What the link says.")
    return diagnose(replace(observed(), link=link))


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("starting", DoctorState.STARTING),
        ("no_device", DoctorState.NO_DEVICE),
        ("device_lost", DoctorState.NO_DEVICE),
        ("device_busy", DoctorState.DEVICE_BUSY),
        ("cannot_listen", DoctorState.DEVICE_BUSY),
        ("no_permission", DoctorState.NO_PERMISSION),
        ("cannot_dial", DoctorState.CANNOT_DIAL),
        ("waiting_for_peer", DoctorState.NOBODY_DIALS),
        ("not_configured", DoctorState.SETTINGS_ERROR),
        ("settings_error", DoctorState.SETTINGS_ERROR),
    ],
)
def test_a_link_that_is_not_connected_is_the_finding(code: str, state: DoctorState) -> None:
    found = of_link(code)

    assert (found.state, found.sentence) == (state, "What the link says.")
    assert bool(found.advice) is (state is not DoctorState.STARTING)


def test_settings_that_cannot_be_used_come_before_everything() -> None:
    found = diagnose(replace(observed(polls=5, broadcasts=5, frames=10), problem="server.port = 0 is not allowed"))

    assert found.state is DoctorState.SETTINGS_ERROR
    assert found.evidence == ("server.port = 0 is not allowed",)


def test_no_byte_is_silence_after_ten_seconds_and_not_before() -> None:
    assert diagnose(observed(watched_s=9.0)).state is DoctorState.STARTING
    assert diagnose(observed(watched_s=10.0)).state is DoctorState.SILENT


def test_a_few_stray_bytes_are_still_silence() -> None:
    assert diagnose(observed(b"\x00\xff")).state is DoctorState.SILENT


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


@pytest.mark.parametrize(("content", "hint"), LINES.values(), ids=LINES.keys())
def test_the_bytes_tell_why_they_are_no_frames(content: bytes, hint: Hint) -> None:
    found = diagnose(observed(content))

    assert (found.state, found.hint) == (DoctorState.NOISE, hint.value)
    assert len(found.evidence) >= 4


@pytest.mark.parametrize(
    "content", [c for name, (c, _) in LINES.items() if "damaged" not in name and "glitch" not in name]
)
def test_none_of_these_lines_gives_a_valid_frame(content: bytes) -> None:
    assert RtuFramer((240, 241)).feed(content, 0.0) == []


def test_the_same_line_read_rightly_gives_every_frame() -> None:
    frames = walk()

    assert [frame.raw for frame in RtuFramer((240, 241)).feed(received(line(frames)), 0.0)] == frames


def test_noise_without_a_picture_names_no_reason() -> None:
    found = diagnose(observed(bytes(range(40))))

    assert (found.state, found.hint) == (DoctorState.NOISE, None)


def test_a_converter_that_does_not_translate_is_told_by_the_rtu_frames_in_it() -> None:
    content = b"".join(walk(1))

    assert diagnose(observed(content, mbap=True, rtu_on_tcp=9)).hint == Hint.RTU_ON_TCP.value
    assert diagnose(observed(b"GET / HTTP/1.1\r\n\r\n", mbap=True)).hint == Hint.NOT_MODBUS.value


def test_many_damaged_frames_among_valid_ones_are_noise() -> None:
    found = diagnose(observed(frames=20, crc_errors=15, polls=5, broadcasts=5, bytes_received=900, noise_bytes=700))

    assert (found.state, found.hint) == (DoctorState.NOISE, Hint.GROUND.value)


def test_a_damaged_frame_now_and_then_is_healthy() -> None:
    found = diagnose(observed(frames=200, crc_errors=3, polls=80, broadcasts=80, bytes_received=2000))

    assert found.state is DoctorState.HEALTHY


def test_frames_of_others_only_are_not_for_us() -> None:
    found = diagnose(observed(frames=40, foreign_frames=40, bytes_received=400))

    assert found.state is DoctorState.NOT_FOR_US
    assert "unit ids seen: 16, 17" in found.evidence


def test_polls_without_writes() -> None:
    found = diagnose(observed(frames=40, polls=40, bytes_received=400, polls_by_unit={240: 40}))

    assert found.state is DoctorState.NO_WRITES
    assert found.evidence[0] == "40 polls in the last 60 s (40 for 240, 0 for 241)"


def test_writes_without_polls() -> None:
    assert diagnose(observed(frames=40, broadcasts=40, bytes_received=400)).state is DoctorState.NO_POLLS


def test_one_side_alone_is_judged_only_after_a_whole_walk() -> None:
    alone: list[dict[str, Any]] = [{"polls": 9}, {"broadcasts": 9}, {"foreign_frames": 9}]
    for seen in alone:
        assert diagnose(observed(watched_s=34.0, frames=9, bytes_received=90, **seen)).state is DoctorState.STARTING


def test_the_command_line_waits_for_no_walk() -> None:
    given_up = replace(observed(watched_s=3.0, frames=9, polls=9), patience=Patience(signs_s=0.0, walk_s=0.0))

    assert diagnose(given_up).state is DoctorState.NO_WRITES


def test_replies_held_back_are_too_late() -> None:
    seen: dict[str, Any] = {"frames": 100, "polls": 50, "broadcasts": 50, "bytes_received": 900}

    assert diagnose(observed(replies_late=6, replies_moved_on=5, **seen)).state is DoctorState.TOO_LATE
    assert diagnose(observed(replies_late=2, **seen)).state is DoctorState.HEALTHY


def test_replies_of_another_device_for_our_id_are_a_rival() -> None:
    found = diagnose(observed(frames=100, polls=50, broadcasts=50, bytes_received=900, rival_replies=20))

    assert found.state is DoctorState.RIVAL


def test_both_sides_are_healthy_at_once() -> None:
    found = diagnose(observed(watched_s=0.5, frames=2, polls=1, broadcasts=1, bytes_received=30))

    assert (found.state, found.advice) == (DoctorState.HEALTHY, "")


def test_every_state_has_its_test() -> None:
    """The states that the tests above have reached, so that a new one cannot be forgotten."""
    reached = {of_link(code).state for code in ("starting", "no_device", "device_busy", "no_permission")}
    reached |= {of_link(code).state for code in ("cannot_dial", "waiting_for_peer", "settings_error")}
    reached |= {
        diagnose(each).state
        for each in (
            observed(),
            observed(LINES["parity"][0]),
            observed(frames=4, foreign_frames=4),
            observed(frames=4, polls=4),
            observed(frames=4, broadcasts=4),
            observed(frames=9, polls=4, replies_late=4),
            observed(frames=9, polls=4, rival_replies=4),
            observed(frames=9, polls=4, broadcasts=4),
        )
    }

    assert reached == set(DoctorState)


@given(st.binary(max_size=2000), st.booleans(), st.integers(0, 200), st.integers(0, 200), st.integers(0, 200))
def test_any_mixture_gives_a_finding(content: bytes, mbap: bool, frames: int, polls: int, broken: int) -> None:
    found = diagnose(observed(content, mbap=mbap, frames=frames, polls=min(polls, frames), crc_errors=broken))

    assert found.sentence


def test_only_the_last_minute_counts() -> None:
    watch = BusWatch((240, 241))
    counters = BusCounters()
    states = {}
    for second in range(200):
        if second < 60:
            counters.frames += 2
            counters.polls += 1
            counters.broadcasts += 1
            counters.bytes_received += 20
        states[second] = (watch.tick(float(second), CONNECTED, counters) or watch.diagnosis).state

    assert states[1] is DoctorState.HEALTHY
    assert states[59] is DoctorState.HEALTHY
    assert states[115] is DoctorState.HEALTHY
    assert states[130] is DoctorState.SILENT


def test_a_new_connection_is_judged_by_itself() -> None:
    watch = BusWatch((240, 241))
    counters = BusCounters(bytes_received=5000)
    noise = LINES["swapped, biased"][0]
    for second in range(40):
        watch.bytes.take(noise[second * 20 : second * 20 + 20])
        counters.bytes_received += 20
        watch.tick(float(second), CONNECTED, counters)
    assert watch.diagnosis.hint == Hint.SWAPPED.value

    found = watch.tick(40.0, replace(CONNECTED, since=40.0), counters)

    assert found is not None
    assert found.state is DoctorState.STARTING


def test_the_gateway_publishes_a_finding_once_with_the_time_it_began() -> None:
    hands = Hands()
    gateway = new_gateway(hands.clock)
    gateway.hub.publish(LINK, CONNECTED)
    with gateway.hub.subscribed() as (_, subscription):
        published = []
        for _ in range(40):
            gateway.tick(hands.now)
            published += [item for key, item in subscription.take().items() if key == DOCTOR]
            hands.now += 1.0

    assert [found.state for found in published if isinstance(found, Diagnosis)] == [DoctorState.SILENT]
    assert gateway.diagnosis(hands.now).since == pytest.approx(1010.0)


def test_a_flood_of_bytes_is_counted_in_part_and_kept_small() -> None:
    taker = PatternTaker((240, 241))
    for _ in range(100):
        taker.take(bytes(65536))

    assert taker.digest().total <= 131072
    assert taker.digest().total == 0
