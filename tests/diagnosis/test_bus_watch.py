"""What is remembered of the bus, figure by figure: what the doctor is shown at each look."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neasmart.diagnosis import bus_watch
from neasmart.diagnosis.bus_watch import BusWatch, Scene
from neasmart.diagnosis.doctor import Diagnosis, Observed, Patience, diagnose
from neasmart.diagnosis.patterns import Hint
from neasmart.facts.status import BusCounters, LinkStatus

BEGAN = 1000.0


class Watched:
    """A watch whose clock, link and counters are moved by hand, and what it has shown the doctor."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[Observed] = []
        monkeypatch.setattr(bus_watch, "diagnose", self._judged)
        self.counters = BusCounters()
        self.link = LinkStatus()
        self.watch = BusWatch((240, 241))

    def _judged(self, observed: Observed) -> Diagnosis:
        self.shown.append(observed)
        return diagnose(observed)

    def look(self, after_s: float, last_write_at: float | None = None) -> Observed:
        """Look so many seconds after the beginning."""
        scene = Scene(link=self.link, counters=self.counters, last_write_at=last_write_at)
        self.watch.look(BEGAN + after_s, scene)
        return self.shown[-1]

    def opens(self, after_s: float) -> None:
        self.link = LinkStatus(connected=True, code="connected", since=BEGAN + after_s)

    def closes(self, after_s: float, code: str = "waiting_for_peer") -> None:
        self.link = LinkStatus(code=code, since=BEGAN + after_s)

    def polls(self, first_s: int, last_s: int) -> Observed:
        """Poll 240 each second and 241 each other one, and look once a second."""
        for second in range(first_s, last_s + 1):
            self.counters.polls += 1
            self.counters.last_frame_at = BEGAN + second
            for unit in (240, 241)[: 1 + (second % 2 == 0)]:
                by_unit = self.counters.polls_by_unit
                by_unit[unit] = by_unit.get(unit, 0) + 1
                self.counters.last_poll_at[unit] = self.counters.last_heard_at[unit] = BEGAN + second
            self.look(second)
        return self.shown[-1]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def test_before_the_first_look_it_has_seen_nothing(watched: Watched) -> None:
    (shown,) = watched.shown

    assert (shown.watched_s, shown.unit_ids, shown.pattern.total) == (0.0, (240, 241), 0)
    assert (watched.watch.mbap, watched.watch.line, watched.watch.diagnosis.code) == (False, None, "starting")


def test_a_scene_of_nothing_but_link_and_counters_has_no_problem() -> None:
    scene = Scene(link=LinkStatus(), counters=BusCounters())

    assert (scene.last_write_at, scene.patience, scene.problem) == (None, Patience(), None)


def test_the_framing_that_is_heard_is_shown(watched: Watched) -> None:
    assert not watched.look(0).mbap
    watched.watch.hear(mbap=True)
    assert watched.look(1).mbap
    watched.watch.hear(mbap=False)
    assert not watched.look(2).mbap


def test_what_was_counted_before_the_link_opened_is_not_shown(watched: Watched) -> None:
    watched.counters.polls, watched.counters.polls_by_unit = 7, {240: 7}
    watched.look(0)
    watched.opens(1)
    watched.look(1)

    shown = watched.polls(2, 5)

    assert (shown.seen.polls, shown.seen.polls_by_unit, shown.watched_s) == (4, {240: 4, 241: 2}, 4.0)


def test_what_is_shown_is_that_of_the_last_minute(watched: Watched) -> None:
    watched.opens(0)
    watched.look(0)
    assert watched.polls(1, 60).seen.polls_by_unit == {240: 60, 241: 30}
    assert watched.shown[-1].watched_s == 60.0

    shown = watched.polls(61, 125)

    assert (shown.seen.polls, shown.seen.polls_by_unit, shown.watched_s) == (60, {240: 60, 241: 30}, 60.0)
    assert shown.seen.last_poll_at == {240: BEGAN + 125, 241: BEGAN + 124}
    assert watched.polls(126, 128).watched_s == 58.0
    assert watched.counters.polls_by_unit == {240: 128, 241: 64}


def test_a_link_is_watched_from_when_it_opened_and_not_from_the_next_look(watched: Watched) -> None:
    watched.look(0)
    watched.opens(0.5)
    watched.look(1)

    assert watched.look(3).watched_s == 2.5


def test_what_a_peer_sent_that_has_gone_is_still_told(watched: Watched) -> None:
    watched.opens(0)
    watched.look(0)
    watched.counters.ascii_frames = 3
    watched.look(1)
    watched.closes(2)

    shown = [watched.look(second) for second in range(2, 30)][-1]

    assert (shown.open_s, shown.watched_s, shown.seen.ascii_frames) == (0.0, 29.0, 3)


def test_while_nobody_is_connected_the_last_minute_is_told_in_steps_of_five_seconds_too(watched: Watched) -> None:
    watched.closes(0)

    assert [watched.look(second).watched_s for second in range(129)][-4:] == [60.0, 56.0, 57.0, 58.0]


def test_a_link_that_has_no_time_opens_when_it_is_seen(watched: Watched) -> None:
    watched.link = LinkStatus(connected=True, code="connected")

    assert [watched.look(second).open_s for second in (3, 4)] == [0.0, 1.0]


def test_once_the_bus_is_quiet_only_what_came_since_the_last_frame_is_shown(watched: Watched) -> None:
    watched.opens(0)
    watched.look(0)
    watched.watch.bytes.take(b"abc")
    watched.polls(1, 20)
    for second in range(21, 30):
        watched.counters.bytes_received += 10
        watched.watch.bytes.take(b"0123456789")
        shown = watched.look(second)
    assert (shown.watched_s, shown.seen.bytes_received, shown.pattern.total) == (29.0, 90, 0)

    shown = watched.look(30)

    assert (shown.watched_s, shown.seen.bytes_received, shown.pattern.total) == (10.0, 90, 90)
    assert shown.frame_age_s == 10.0


def test_ages_begin_anew_with_a_link_and_are_never_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    watched.watch = BusWatch((240,), since=BEGAN)
    watched.opens(0)
    watched.counters.last_frame_at = BEGAN
    watched.counters.last_poll_at = {240: BEGAN - 1.0}
    watched.counters.last_heard_at = {240: BEGAN - 1.0, 241: BEGAN}

    shown = watched.look(5, last_write_at=BEGAN + 7)

    assert (shown.frame_age_s, shown.poll_age_s, shown.write_age_s, shown.units_seen) == (5.0, None, 0.0, (241,))
    assert watched.look(6).write_age_s is None


def test_the_newest_poll_of_any_unit_id_counts(watched: Watched) -> None:
    watched.counters.last_poll_at = {240: BEGAN, 241: BEGAN - 20.0}

    assert watched.look(1).poll_age_s == 1.0


def test_unit_ids_are_seen_for_a_minute_and_told_in_order(watched: Watched) -> None:
    watched.counters.last_heard_at = {241: BEGAN, 16: BEGAN + 1}

    assert watched.look(60).units_seen == (16, 241)
    assert watched.look(60.1).units_seen == (16,)


@pytest.mark.parametrize(("after_s", "found"), [(60.0, (Hint.ASCII, 60.0)), (60.1, None)])
def test_a_wrong_framing_is_remembered_for_a_minute(
    watched: Watched, after_s: float, found: tuple[Hint, float] | None
) -> None:
    watched.look(-1)
    watched.counters.ascii_frames += 1
    watched.look(0)

    assert watched.look(after_s).wrong_framing == found


@pytest.mark.parametrize(("later_s", "hint"), [(10.0, Hint.LENGTH), (10.1, Hint.RTU_ON_TCP)])
def test_of_two_framings_within_ten_seconds_the_one_that_explains_the_other_is_told(
    watched: Watched, later_s: float, hint: Hint
) -> None:
    watched.counters.bad_lengths += 1
    watched.look(0)
    watched.counters.rtu_on_tcp += 1

    found = watched.look(later_s).wrong_framing

    assert found is not None
    assert found[0] is hint


@pytest.mark.parametrize(
    ("description", "hint"), [("socket://10.0.0.7:502", Hint.MBAP_DIALLED), ("port 502", Hint.MBAP_ON_RTU)]
)
def test_modbus_tcp_of_a_converter_that_is_dialled_is_another_matter(
    watched: Watched, description: str, hint: Hint
) -> None:
    watched.link = replace(watched.link, description=description)
    watched.counters.mbap_on_rtu += 1

    assert watched.look(0).wrong_framing == (hint, 0.0)


def test_another_framing_of_a_converter_that_is_dialled_stays_what_it_is(watched: Watched) -> None:
    watched.link = replace(watched.link, description="socket://10.0.0.7:502")
    watched.counters.ascii_frames += 1

    assert watched.look(0).wrong_framing == (Hint.ASCII, 0.0)


@pytest.mark.parametrize(("opened_s", "watched_s"), [(-40, 5.5), (-41, 1.5)])
def test_two_connections_on_one_bus_count_for_ten_seconds_and_what_they_brought_is_then_forgotten(
    watched: Watched, opened_s: int, watched_s: float
) -> None:
    watched.opens(opened_s)
    for second in range(opened_s, 0):
        watched.look(second)
    watched.counters.same_bus_connections += 1
    for second in range(10):
        assert watched.look(second).same_bus
    shown = watched.look(10)
    assert (shown.same_bus, shown.watched_s) == (True, 10.0 - opened_s)

    shown = watched.look(10.5)

    assert (shown.same_bus, shown.watched_s) == (False, watched_s)


def test_cuts_that_are_shorter_than_the_bus_may_be_silent_do_not_count(watched: Watched) -> None:
    watched.opens(0)
    assert watched.look(20).open_s == 20.0
    watched.closes(20)
    assert watched.look(30).open_s == 30.0
    watched.opens(30)

    assert watched.look(31).open_s == 31.0


def test_after_a_longer_cut_the_link_opens_anew(watched: Watched) -> None:
    watched.opens(0)
    watched.look(20)
    watched.closes(20)
    watched.look(25)
    assert watched.look(30.1).open_s == 0.0
    watched.opens(31)

    assert watched.look(33).open_s == 2.0


@pytest.mark.parametrize(("lasted_s", "unsteady"), [(9.9, True), (10.0, False)])
def test_a_peer_that_has_gone_soon_makes_the_link_unsteady(
    watched: Watched, lasted_s: float, *, unsteady: bool
) -> None:
    watched.opens(0)
    assert not watched.look(1).unsteady
    watched.closes(lasted_s)

    assert watched.look(11).unsteady is unsteady


def test_a_link_is_unsteady_for_as_long_as_the_bus_may_be_silent(watched: Watched) -> None:
    watched.opens(0)
    watched.look(1)
    watched.closes(2)

    assert [watched.look(after_s).unsteady for after_s in (3, 12, 12.1)] == [True, True, False]


def test_a_peer_that_came_and_went_between_two_looks_is_noticed(watched: Watched) -> None:
    watched.closes(0)
    assert not watched.look(1).unsteady
    watched.closes(4)

    shown = watched.look(5)

    assert (shown.unsteady, shown.open_s) == (True, 1.0)


def test_a_peer_that_stays_is_counted_from_when_it_came_last(watched: Watched) -> None:
    """It hangs up and dials anew between two looks: how long it stays counts from the second time."""
    watched.opens(0)
    watched.look(30)
    watched.opens(31)
    watched.look(32)
    watched.closes(40)

    assert watched.look(41).unsteady


def test_only_a_port_that_waits_is_unsteady(watched: Watched) -> None:
    watched.opens(0)
    watched.look(1)
    watched.closes(2, code="device_lost")

    assert not watched.look(3).unsteady


def test_a_verdict_is_dated_from_when_its_code_was_first_told(watched: Watched) -> None:
    watched.opens(0)
    news = [
        watched.watch.look(BEGAN + second, Scene(link=watched.link, counters=watched.counters))
        for second in (0, 5, 10, 15)
    ]

    assert news == [False, False, True, False]
    assert (watched.watch.diagnosis.code, watched.watch.diagnosis.since) == ("silent", BEGAN + 10)


def test_whoever_asks_for_a_final_verdict_gets_it_at_the_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    watched.watch = BusWatch((240,), final=True)
    watched.opens(0)

    assert watched.look(1).patience == Patience(final=True)
    assert watched.watch.diagnosis.code == "silent"
