"""Where one verdict ends and the next begins, at the figure itself and just beside it, and what is told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from neasmart.diagnosis.doctor import NOISE_BYTES, Diagnosis, Observed, Patience, diagnose
from neasmart.diagnosis.patterns import Hint, Pattern, PatternTaker
from neasmart.diagnosis.verdicts import BY_CODE, Level
from neasmart.facts.status import BusCounters, LinkStatus
from tests.support.played_bus import CONNECTED, WAITING

JUST = 0.001
PATIENT = Patience(late_s=10.0, walk_s=30.0)
SIDE_S = 37.5
POLLED = {"frame_age_s": 0.5, "poll_age_s": 0.5}
WRITTEN = {"frame_age_s": 0.5, "write_age_s": 0.5}


def looked_at(seen: BusCounters | None = None, /, **signs: Any) -> Observed:
    """Return what is observed of a bus that has been open and watched for a minute."""
    return replace(
        Observed(
            link=CONNECTED,
            seen=seen or BusCounters(),
            pattern=Pattern.joined(()),
            watched_s=60.0,
            unit_ids=(240, 241),
            open_s=60.0,
            patience=PATIENT,
        ),
        **signs,
    )


def told(seen: BusCounters | None = None, /, **signs: Any) -> Diagnosis:
    return diagnose(looked_at(seen, **signs))


def code(seen: BusCounters | None = None, /, **signs: Any) -> str:
    return told(seen, **signs).code


def of_bytes(content: bytes) -> Pattern:
    taker = PatternTaker((240, 241))
    taker.take(content)
    return taker.digest()


def test_patience_is_ten_seconds_and_a_walk_of_thirty() -> None:
    patience = Patience()

    assert (patience.late_s, patience.walk_s, patience.final) == (10.0, 30.0, False)
    assert (patience.signs_s, patience.side_s) == (5.0, SIDE_S)


@pytest.mark.parametrize(("late_s", "signs_s", "side_s"), [(4.0, 2.0, 37.5), (10.0, 5.0, 37.5), (60.0, 5.0, 60.0)])
def test_patience_with_signs_and_with_one_side_follows_the_settings(
    late_s: float, signs_s: float, side_s: float
) -> None:
    patience = Patience(late_s=late_s, walk_s=30.0)

    assert (patience.signs_s, patience.side_s) == (signs_s, side_s)


def test_what_is_not_said_was_not_seen() -> None:
    bare = Observed(link=CONNECTED, seen=BusCounters(), pattern=Pattern.joined(()), watched_s=0.0, unit_ids=(240,))

    assert (bare.open_s, bare.unsteady, bare.same_bus, bare.mbap) == (0.0, False, False, False)
    assert diagnose(bare).code == "starting"


def test_silence_begins_when_the_bus_has_been_open_for_as_long_as_a_value_may_be_late() -> None:
    assert (code(open_s=10.0 - JUST), code(open_s=10.0)) == ("starting", "silent")


@pytest.mark.parametrize(("count", "found"), [(NOISE_BYTES - 1, "silent"), (NOISE_BYTES, "noise")])
def test_so_many_bytes_are_noise(count: int, found: str) -> None:
    assert NOISE_BYTES == 16
    assert code(BusCounters(bytes_received=count)) == found


def test_noise_is_listened_to_for_five_seconds_before_it_is_believed() -> None:
    noise = BusCounters(bytes_received=100)

    assert (code(noise, open_s=5.0 - JUST), code(noise, open_s=5.0)) == ("starting", "noise")
    assert code(noise, open_s=1.0, patience=Patience(final=True)) == "noise"


def test_silence_counts_from_the_last_frame_where_the_link_has_been_open_for_longer() -> None:
    silent = {"frame_age_s": 10.0, "poll_age_s": 1.0, "write_age_s": 1.0}

    assert code(**silent | {"frame_age_s": 10.0 - JUST}) == "healthy"
    assert code(**silent) == "silent.fell_silent"
    assert code(**silent, open_s=9.0) == "starting"


@pytest.mark.parametrize(
    ("poll_age_s", "write_age_s", "found"),
    [
        (SIDE_S, SIDE_S, "healthy"),
        (SIDE_S + JUST, SIDE_S, "no_polls"),
        (SIDE_S, SIDE_S + JUST, "no_writes"),
        (SIDE_S + JUST, SIDE_S + JUST, "not_for_us"),
        (None, None, "not_for_us"),
        (None, 1.0, "no_polls"),
        (1.0, None, "no_writes"),
    ],
)
def test_a_habit_is_missed_once_it_is_older_than_a_walk(
    poll_age_s: float | None, write_age_s: float | None, found: str
) -> None:
    assert code(frame_age_s=1.0, poll_age_s=poll_age_s, write_age_s=write_age_s) == found


def test_one_side_is_waited_for_until_the_link_has_been_open_for_a_walk() -> None:
    assert (code(**POLLED, open_s=SIDE_S - JUST), code(**POLLED, open_s=SIDE_S)) == ("starting", "no_writes")


@pytest.mark.parametrize(
    ("poll_age_s", "age_s", "link", "found"),
    [
        (5.0, 1.0, CONNECTED, "healthy"),
        (5.0 + JUST, 1.0, CONNECTED, "noise.ascii"),
        (7.0, 7.0, CONNECTED, "healthy"),
        (7.0 + JUST, 7.0, CONNECTED, "noise.ascii"),
        (1.0, 1.0, WAITING, "nobody_dials"),
        (1.0 + JUST, 1.0, WAITING, "noise.ascii"),
        (None, 1.0, CONNECTED, "noise.ascii"),
    ],
)
def test_good_polls_make_a_wrong_framing_void(
    poll_age_s: float | None, age_s: float, link: LinkStatus, found: str
) -> None:
    signs = {"poll_age_s": poll_age_s, "frame_age_s": 1.0, "write_age_s": 1.0, "wrong_framing": (Hint.ASCII, age_s)}

    assert code(**signs, link=link) == found


@pytest.mark.parametrize("passing", ["waiting_for_peer", "device_lost", "converter_busy"])
def test_what_a_peer_sent_before_it_left_is_told_of_these_links(passing: str) -> None:
    assert code(link=LinkStatus(code=passing), wrong_framing=(Hint.ASCII, 1.0)) == "noise.ascii"


def test_what_a_peer_sent_before_is_not_told_of_a_link_that_cannot_open() -> None:
    assert code(link=LinkStatus(code="no_device"), wrong_framing=(Hint.ASCII, 1.0)) == "no_device"


def test_a_link_that_comes_and_goes_is_judged_by_its_traffic_unless_that_says_nothing_yet() -> None:
    both = {"frame_age_s": 1.0, "poll_age_s": 1.0, "write_age_s": 1.0}

    assert code(link=WAITING, unsteady=True, **both) == "healthy"
    assert code(link=WAITING, unsteady=True, open_s=1.0) == "nobody_dials"
    assert code(link=WAITING, **both) == "nobody_dials"


@pytest.mark.parametrize(
    ("link", "unsteady", "frame_age_s", "write_age_s", "receiving"),
    [
        (CONNECTED, False, 10.0 - JUST, SIDE_S, True),
        (CONNECTED, False, 10.0, SIDE_S, False),
        (CONNECTED, False, 1.0, SIDE_S + JUST, False),
        (CONNECTED, False, None, 1.0, False),
        (WAITING, True, 1.0, 1.0, True),
        (WAITING, False, 1.0, 1.0, False),
    ],
)
def test_values_arrive_while_frames_and_writes_are_recent_and_the_link_is_open(
    *, link: LinkStatus, unsteady: bool, frame_age_s: float | None, write_age_s: float, receiving: bool
) -> None:
    found = told(link=link, unsteady=unsteady, frame_age_s=frame_age_s, write_age_s=write_age_s)

    assert found.receiving is receiving


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (BusCounters(frames=10, crc_errors=4), "healthy"),
        (BusCounters(frames=10, crc_errors=5), "noise.no_common_ground"),
        (BusCounters(frames=12, crc_errors=5), "healthy"),
        (BusCounters(frames=12, crc_errors=6), "noise.no_common_ground"),
        (BusCounters(bytes_received=80, noise_bytes=63), "healthy"),
        (BusCounters(bytes_received=80, noise_bytes=64), "noise.no_common_ground"),
        (BusCounters(bytes_received=100, noise_bytes=79), "healthy"),
        (BusCounters(bytes_received=100, noise_bytes=80), "noise.no_common_ground"),
        (BusCounters(rival_replies=1), "healthy"),
        (BusCounters(rival_replies=2), "rival"),
        (BusCounters(polls=15, replies_late=2), "healthy"),
        (BusCounters(polls=15, replies_late=3), "too_late"),
        (BusCounters(polls=20, replies_late=1, replies_moved_on=1, requests_stale=1), "healthy"),
        (BusCounters(polls=20, replies_late=2, replies_moved_on=1, requests_stale=1), "too_late"),
        (BusCounters(polls=1, replies_late=1, replies_moved_on=1, requests_stale=1), "too_late"),
    ],
)
def test_what_spoils_good_traffic_is_told_from_its_share_on(seen: BusCounters, found: str) -> None:
    assert code(seen, frame_age_s=1.0, poll_age_s=1.0, write_age_s=1.0) == found


@pytest.mark.parametrize(
    ("watched_s", "beats", "found"), [(10.0, 20, "silent"), (10.0, 21, "noise"), (1.5, 3, "silent"), (0.2, 3, "noise")]
)
def test_a_heartbeat_is_slower_than_two_a_second(watched_s: float, beats: int, found: str) -> None:
    pattern = Pattern.joined([of_bytes(b"www.usr.cn")] * beats)
    judged = told(BusCounters(bytes_received=10 * beats), pattern=pattern, watched_s=watched_s)

    assert judged.state == found
    assert ("the converter's own: 'www.usr.cn'" in judged.evidence[-1]) is (found == "silent")


SEEN = BusCounters(
    bytes_received=700,
    frames=100,
    polls=50,
    polls_by_unit={240: 30, 241: 20},
    broadcasts=8,
    writes=3,
    crc_errors=2,
    noise_bytes=9,
    unknown_registers=1,
)
POLLS, WRITES = "50 polls in the last 60 s (30 for 240, 20 for 241)", "11 writes of the base in the last 60 s"
BYTES = "700 bytes in the last 60 s"
GOOD = POLLED | WRITTEN


@pytest.mark.parametrize(
    ("seen", "signs", "found", "evidence"),
    [
        (SEEN, GOOD, "healthy", (POLLS, WRITES)),
        (SEEN, POLLED, "no_writes", (POLLS, WRITES)),
        (SEEN, WRITTEN | {"units_seen": (0, 16, 240)}, "no_polls", (WRITES, POLLS, "unit ids seen: 16, 240")),
        (SEEN, {"frame_age_s": 1.0}, "not_for_us", ("100 frames in the last 60 s", "unit ids seen: none")),
        (
            SEEN,
            POLLED | {"open_s": 3.0, "watched_s": 3.0},
            "starting",
            ("700 bytes in the last 3 s", "100 valid frames"),
        ),
        (
            SEEN,
            POLLED | {"open_s": 3.0, "watched_s": 0.1},
            "starting",
            ("700 bytes in the last 1 s", "100 valid frames"),
        ),
        (BusCounters(bytes_received=3), {}, "silent", ("3 bytes in the last 60 s",)),
        (
            BusCounters(bytes_received=3),
            {"frame_age_s": 20.4},
            "silent.fell_silent",
            ("the last valid frame came 20 s ago", "3 bytes in the last 60 s"),
        ),
        (
            SEEN,
            {},
            "noise",
            (BYTES, "100 valid frames, 2 with a wrong checksum"),
        ),
        (
            SEEN,
            {"line": "9600 8N1"},
            "noise",
            (
                BYTES,
                "100 valid frames, 2 with a wrong checksum",
                "the line is read at 9600 8N1; the SYSBUS has 38400 8N1",
            ),
        ),
        (
            replace(SEEN, crc_errors=60),
            GOOD,
            "noise.no_common_ground",
            (
                "60 frames with a wrong checksum in the last 60 s",
                "100 valid frames",
                "9 of 700 bytes belong to no frame",
            ),
        ),
        (SEEN, GOOD | {"same_bus": True}, "same_bus", ("connected: 10.0.0.7:4001", POLLS, WRITES)),
        (
            replace(SEEN, rival_replies=3),
            GOOD,
            "rival",
            ("3 replies that are not ours in the last 60 s", POLLS),
        ),
        (
            replace(SEEN, replies_late=6, replies_moved_on=5, requests_stale=4),
            GOOD,
            "too_late",
            ("15 of 50 replies held back in the last 60 s", POLLS),
        ),
        (
            replace(SEEN, polls=5, polls_by_unit={240: 5}, replies_late=9),
            GOOD,
            "too_late",
            ("9 of 9 replies held back in the last 60 s", "5 polls in the last 60 s (5 for 240, 0 for 241)"),
        ),
        (
            replace(SEEN, ascii_frames=2, rtu_on_tcp=1),
            {"wrong_framing": (Hint.ASCII, 1.0)},
            "noise.ascii",
            (
                BYTES,
                "1 frames of Modbus RTU in the last 60 s",
                "2 frames of Modbus ASCII in the last 60 s",
            ),
        ),
    ],
)
def test_the_figures_behind_a_verdict(
    seen: BusCounters, signs: dict[str, Any], found: str, evidence: tuple[str, ...]
) -> None:
    assert (code(seen, **signs), told(seen, **signs).evidence) == (found, evidence)


def test_bytes_that_are_no_modbus_are_not_described_as_those_of_a_line() -> None:
    found = told(SEEN, mbap=True, pattern=of_bytes(bytes(range(256)) * 4))

    assert (found.code, len(found.evidence)) == ("noise.not_modbus", 2)


def test_bytes_of_a_line_are_described() -> None:
    found = told(SEEN, pattern=of_bytes(bytes(range(256)) * 4))

    assert found.evidence[2:] == (
        "bit 0 is set in 50% of the bytes; valid traffic has about 30%",
        "entropy of a byte 8.0 bits; valid traffic has about 5, noise nearly 8",
    )


def test_a_verdict_is_told_with_the_unit_ids_and_the_words_of_the_link() -> None:
    said = LinkStatus(code="converter_busy", detail="It hangs up.", said="busy")

    assert told(**GOOD).parameters == {"ids": "240, 241", "others": "none"}
    assert told(link=said).parameters == {"ids": "240, 241", "others": "none", "detail": "It hangs up.", "said": "busy"}
    assert told(link=WAITING).parameters == {"ids": "240, 241", "others": "none", "detail": WAITING.detail}
    assert told(link=WAITING).evidence == ()


def test_a_verdict_is_as_grave_as_its_row_says() -> None:
    assert (told(**GOOD).level, told(**POLLED).level, told().level) == (Level.OK, Level.WARNING, Level.ERROR)
    assert BY_CODE["starting"].level is Level.INFO


def test_only_another_code_or_whether_values_arrive_is_news() -> None:
    good = told(SEEN, **GOOD)

    assert good.says_the_same(told(**GOOD))
    assert not good.says_the_same(told(**POLLED))
    assert not good.says_the_same(replace(good, receiving=False))
