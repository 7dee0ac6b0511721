"""Decides what is wrong with the bus, from plain figures alone: the only judge that health, page and MQTT know.

`diagnose` is pure; `bus_watch` keeps what it needs to know of the last minute, `verdicts` has the words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neasmart.diagnosis.patterns import Hint, Pattern
from neasmart.diagnosis.verdicts import BY_CODE, FELL_SILENT, LINK_VERDICTS, DoctorState, Level, Verdict, code_of
from neasmart.facts.status import BusCounters, LinkStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One verdict with its words: a sentence, what to do (empty if nothing), and the figures behind it.

    `hint` divides a state further, `code` names both. `parameters` are texts for the placeholders of translations.
    `receiving` tells whether the base's values arrive; `since` is monotonic seconds.
    """

    state: DoctorState
    hint: str | None
    code: str
    level: Level
    sentence: str
    advice: str
    evidence: tuple[str, ...]
    parameters: Mapping[str, str]
    receiving: bool
    since: float | None = None

    def says_the_same(self, other: Diagnosis) -> bool:
        """Return whether nobody needs to be told of the other one anew."""
        return (self.code, self.receiving) == (other.code, other.receiving)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds for which the base may say nothing at all, and for which it may leave one of its two habits out.

    `late_s` makes a value late, too; `walk_s` is the walk of the base as it was measured. `final` judges what was
    heard so far, however short that was.
    """

    late_s: float = 10.0
    walk_s: float = 30.0
    final: bool = False

    @property
    def signs_s(self) -> float:
        """How long noise, or another framing beside good polls, is listened to before it is believed."""
        return min(_SIGNS_S, self.late_s / 2)

    @property
    def side_s(self) -> float:
        """For how long polls or writes alone may be missing: a walk, and what the next one may take longer."""
        return max(self.late_s, _WALK_SLACK * self.walk_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the diagnosis is made from; ages are seconds, None for what never came.

    `seen` counts what came in the last `watched_s` seconds: a minute at most, and since the last valid frame where the
    bus has fallen silent; `pattern` has their bytes, while no valid frame comes. `open_s` is how long the link has been
    open, cuts shorter than `late_s` included; `unsteady` tells that it is just cut and had not lasted for `late_s`.
    `wrong_framing` is the framing that came instead of ours, with its age. `mbap` tells that only Modbus TCP is spoken
    here, so that the bytes are no picture of the line; `line` is the speed and parity at which we read it ourselves,
    None where a converter does.
    """

    link: LinkStatus
    seen: BusCounters
    pattern: Pattern
    watched_s: float
    unit_ids: tuple[int, ...]
    open_s: float = 0.0
    unsteady: bool = False
    frame_age_s: float | None = None
    poll_age_s: float | None = None
    write_age_s: float | None = None
    wrong_framing: tuple[Hint, float] | None = None
    same_bus: bool = False
    units_seen: tuple[int, ...] = ()
    mbap: bool = False
    line: str | None = None
    problem: str | None = None
    patience: Patience = field(default_factory=Patience)


NOISE_BYTES = 16
"""Fewer bytes without a frame are a glitch of a line that is silent otherwise."""
FRAMINGS: dict[str, tuple[Hint, str]] = {
    "bad_lengths": (Hint.LENGTH, "requests whose length counts a checksum"),
    "rtu_on_tcp": (Hint.RTU_ON_TCP, "frames of Modbus RTU"),
    "mbap_on_rtu": (Hint.MBAP_ON_RTU, "requests of Modbus TCP"),
    "ascii_frames": (Hint.ASCII, "frames of Modbus ASCII"),
    "bad_protocol_ids": (Hint.PROTOCOL_ID, "requests with a wrong protocol id"),
}
"""The counters that betray a wrong framing, what each means, and what it counts.

Where several rise, the first explains the others: behind a header whose length counts a checksum stands a frame of RTU.
"""

_PASSING = frozenset({"waiting_for_peer", "device_lost", "converter_busy"})
"""Codes of a link that a peer has left; what it sent before tells more."""
_SIGNS_S = 5.0
_WALK_SLACK = 1.25
_BEATS_A_SECOND = 2
_RIVALS = 2
_LATE_SHARE = 0.2
_LATE_LEAST = 3
_DAMAGED_SHARE = 0.5
_DAMAGED_LEAST = 5
_DROWNED_SHARE = 0.8
_DROWNED_LEAST = 64
_STARTING = BY_CODE[DoctorState.STARTING]


def diagnose(observed: Observed) -> Diagnosis:
    """Return the one finding that explains most; faults near the wire come first."""
    link = observed.link
    if observed.problem is not None:
        return _told("settings_error", observed, observed.problem)
    if link.connected or link.code in _PASSING:
        framing = _wrong_framing(observed)
        if framing is not None:
            return framing
    if link.connected:
        return _of_traffic(observed)
    if observed.unsteady:
        # It comes and goes too fast for its state to be news.
        found = _of_traffic(observed)
        if found.state is not DoctorState.STARTING:
            return found
    return _of_link(observed)


def _of_link(observed: Observed) -> Diagnosis:
    link = observed.link
    evidence = (f"the converter says: {link.said}",) if link.said else ()
    return _say(LINK_VERDICTS.get(link.code, _STARTING), observed, *evidence, sentence=link.detail)


def _wrong_framing(observed: Observed) -> Diagnosis | None:
    """Return the finding about a peer that speaks another Modbus; good polls that came since make it void."""
    if observed.wrong_framing is None:
        return None
    hint, age_s = observed.wrong_framing
    # Beside a second peer that polls, a wrong one matters only if the polls cease.
    spared_s = observed.patience.signs_s if observed.link.connected else 0.0
    if observed.poll_age_s is not None and observed.poll_age_s <= max(age_s, spared_s):
        return None
    counted = [
        f"{count} {what}{_within(observed)}"
        for name, (_, what) in FRAMINGS.items()
        if (count := getattr(observed.seen, name))
    ]
    return _told(code_of(DoctorState.NOISE, hint), observed, _bytes(observed), *counted)


def _of_traffic(observed: Observed) -> Diagnosis:
    patience, age_s = observed.patience, observed.frame_age_s
    if age_s is None or age_s >= patience.late_s:
        return _without_frames(observed)
    return _trouble(observed) or _of_frames(observed)


def _of_frames(observed: Observed) -> Diagnosis:
    """Judge by what the base does of its two habits: it writes its values, and it polls our unit ids."""
    polled, written = _recent(observed.poll_age_s, observed), _recent(observed.write_age_s, observed)
    if polled and written:
        return _told("healthy", observed, _polls(observed), _writes(observed))
    if observed.open_s < observed.patience.side_s and not observed.patience.final:
        return _starting(observed)
    others = f"unit ids seen: {_others(observed)}"
    if polled:
        return _told("no_writes", observed, _polls(observed), _writes(observed))
    if written:
        return _told("no_polls", observed, _writes(observed), _polls(observed), others)
    return _told("not_for_us", observed, f"{observed.seen.frames} frames{_within(observed)}", others)


def _without_frames(observed: Observed) -> Diagnosis:
    patience = observed.patience
    quiet_s = observed.open_s if observed.frame_age_s is None else min(observed.open_s, observed.frame_age_s)
    beat = _heartbeat(observed)
    enough = observed.seen.bytes_received >= NOISE_BYTES and not beat
    if enough and (patience.final or quiet_s >= patience.signs_s):
        return _noise(observed)
    if quiet_s < patience.late_s and not patience.final:
        return _starting(observed)
    if observed.frame_age_s is None:
        return _told("silent", observed, _bytes(observed), *beat)
    last = f"the last valid frame came {observed.frame_age_s:.0f} s ago"
    return _told(code_of(DoctorState.SILENT, FELL_SILENT), observed, last, _bytes(observed), *beat)


def _heartbeat(observed: Observed) -> tuple[str, ...]:
    """Return in words what a converter sends by itself in a slow rhythm, nothing if other bytes come as well."""
    beat = observed.pattern.heartbeat
    if beat is None or beat[1] > _BEATS_A_SECOND * max(1.0, observed.watched_s):
        return ()
    piece, count = beat
    return (f"{count} times the same bytes, the converter's own: {repr(piece)[1:]}",)


def _noise(observed: Observed) -> Diagnosis:
    pattern = observed.pattern
    hint = Hint.NOT_MODBUS if observed.mbap else pattern.hint()
    evidence = [
        _bytes(observed),
        f"{observed.seen.frames} valid frames, {observed.seen.crc_errors} with a wrong checksum",
    ]
    if pattern.total and hint is not Hint.NOT_MODBUS:
        evidence.append(f"bit 0 is set in {pattern.odd_share:.0%} of the bytes; valid traffic has about 30%")
        evidence.append(f"entropy of a byte {pattern.entropy_bits:.1f} bits; valid traffic has about 5, noise nearly 8")
    if observed.line is not None:
        evidence.append(f"the line is read at {observed.line}; the SYSBUS has 38400 8N1")
    return _told(code_of(DoctorState.NOISE, hint), observed, *evidence)


def _trouble(observed: Observed) -> Diagnosis | None:
    """Return what spoils valid frames or the replies to them, if anything does."""
    seen = observed.seen
    damaged = seen.crc_errors >= max(_DAMAGED_LEAST, _DAMAGED_SHARE * seen.frames)
    drowned = seen.noise_bytes >= max(_DROWNED_LEAST, _DROWNED_SHARE * seen.bytes_received)
    if damaged or drowned:
        return _told(
            code_of(DoctorState.NOISE, Hint.GROUND),
            observed,
            f"{seen.crc_errors} frames with a wrong checksum{_within(observed)}",
            f"{seen.frames} valid frames",
            f"{seen.noise_bytes} of {seen.bytes_received} bytes belong to no frame",
        )
    if observed.same_bus:
        # Our own reply comes back over the other connection, and would pass for a rival's.
        told = f"connected: {', '.join(observed.link.peers)}"
        return _told("same_bus", observed, told, _polls(observed), _writes(observed))
    if seen.rival_replies >= _RIVALS:
        told = f"{seen.rival_replies} replies that are not ours{_within(observed)}"
        return _told("rival", observed, told, _polls(observed))
    late = seen.replies_late + seen.replies_moved_on + seen.requests_stale
    asked = max(seen.polls, late)
    if late >= max(_LATE_LEAST, _LATE_SHARE * asked):
        told = f"{late} of {asked} replies held back{_within(observed)}"
        return _told("too_late", observed, told, _polls(observed))
    return None


def _starting(observed: Observed) -> Diagnosis:
    return _say(_STARTING, observed, _bytes(observed), f"{observed.seen.frames} valid frames")


def _told(code: str, observed: Observed, *evidence: str) -> Diagnosis:
    return _say(BY_CODE[code], observed, *evidence)


def _say(verdict: Verdict, observed: Observed, *evidence: str, sentence: str | None = None) -> Diagnosis:
    """Return a verdict in words; `sentence` is the link's own, which names device and address."""
    parameters = {"ids": ", ".join(map(str, observed.unit_ids)), "others": _others(observed)}
    link = observed.link
    if not link.connected:
        parameters |= {"detail": link.detail} | ({"said": link.said} if link.said else {})
    open_now = link.connected or observed.unsteady
    heard = open_now and observed.frame_age_s is not None and observed.frame_age_s < observed.patience.late_s
    return Diagnosis(
        state=verdict.state,
        hint=verdict.hint,
        code=verdict.code,
        level=verdict.level,
        sentence=verdict.sentence.format_map(parameters) if sentence is None else sentence,
        advice=verdict.advice,
        evidence=evidence,
        parameters=parameters,
        receiving=heard and _recent(observed.write_age_s, observed),
    )


def _recent(age_s: float | None, observed: Observed) -> bool:
    return age_s is not None and age_s <= observed.patience.side_s


def _others(observed: Observed) -> str:
    return ", ".join(str(unit) for unit in observed.units_seen if unit) or "none"


def _bytes(observed: Observed) -> str:
    return f"{observed.seen.bytes_received} bytes{_within(observed)}"


def _polls(observed: Observed) -> str:
    by_unit = ", ".join(f"{observed.seen.polls_by_unit.get(unit, 0)} for {unit}" for unit in observed.unit_ids)
    return f"{observed.seen.polls} polls{_within(observed)} ({by_unit})"


def _writes(observed: Observed) -> str:
    return f"{observed.seen.broadcasts + observed.seen.writes} writes of the base{_within(observed)}"


def _within(observed: Observed) -> str:
    return f" in the last {max(1.0, observed.watched_s):.0f} s"
