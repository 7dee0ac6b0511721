"""Names the one thing that is wrong with the wiring, from counters and times, with what to do and why it thinks so.

It judges the last minute and never the time since the start, so that a repaired wire is seen at once. `diagnose` is
pure; `BusWatch` keeps the few snapshots that it needs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

from neasmart.patterns import Hint, Pattern, PatternTaker
from neasmart.status import BusCounters, LinkStatus

WINDOW_S = 60.0
SNAPSHOT_EVERY_S = 5.0


class DoctorState(StrEnum):
    """Everything that can be said of the bus; the value is the key for programs and translations."""

    STARTING = "starting"
    SETTINGS_ERROR = "settings_error"
    NO_DEVICE = "no_device"
    DEVICE_BUSY = "device_busy"
    NO_PERMISSION = "no_permission"
    CANNOT_DIAL = "cannot_dial"
    NOBODY_DIALS = "nobody_dials"
    SILENT = "silent"
    NOISE = "noise"
    NOT_FOR_US = "not_for_us"
    NO_WRITES = "no_writes"
    NO_POLLS = "no_polls"
    TOO_LATE = "too_late"
    RIVAL = "rival"
    HEALTHY = "healthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The state, one sentence, what to do (empty if nothing), and the figures behind it.

    `hint` divides a state further, for example ``swapped``; `since` is monotonic seconds.
    """

    state: DoctorState
    sentence: str
    advice: str = ""
    evidence: tuple[str, ...] = ()
    hint: str | None = None
    since: float | None = None

    @property
    def key(self) -> tuple[DoctorState, str | None]:
        """What makes two diagnoses the same finding."""
        return self.state, self.hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds of watching after which it counts that nothing came: no bytes or only noise; no polls or no writes.

    A walk of the base over all rooms takes up to 30 s.
    """

    signs_s: float = 10.0
    walk_s: float = 35.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the diagnosis is made from; `seen` counts only what came within the last `watched_s` seconds.

    `mbap` tells that a converter translates to Modbus TCP, so its bytes are no picture of the line; `line` is the speed
    and parity at which we read it ourselves, None where a converter does.
    """

    link: LinkStatus
    seen: BusCounters
    pattern: Pattern
    watched_s: float
    unit_ids: tuple[int, ...]
    units_seen: tuple[int, ...] = ()
    mbap: bool = False
    line: str | None = None
    problem: str | None = None
    patience: Patience = field(default_factory=Patience)


_LINK_STATES = {
    "settings_error": DoctorState.SETTINGS_ERROR,
    "not_configured": DoctorState.SETTINGS_ERROR,
    "no_device": DoctorState.NO_DEVICE,
    "device_lost": DoctorState.NO_DEVICE,
    "no_permission": DoctorState.NO_PERMISSION,
    "device_busy": DoctorState.DEVICE_BUSY,
    "cannot_listen": DoctorState.DEVICE_BUSY,
    "cannot_dial": DoctorState.CANNOT_DIAL,
    "waiting_for_peer": DoctorState.NOBODY_DIALS,
}
_LINK_ADVICE = {
    "settings_error": "Correct the option that is named, then restart.",
    "not_configured": "Choose the serial device of the adapter, or another kind of connection, then restart.",
    "no_device": "Plug the adapter in, or choose the device under which it appears now.",
    "device_lost": "Plug the adapter in again; a loose plug or a weak power supply does this, too.",
    "no_permission": "Give the gateway access to the device: pass it to the app, or add the user to the group dialout.",
    "device_busy": "Stop the other program that uses the device; only one can.",
    "cannot_listen": "Stop the other program that uses the port, or choose another port here and in the converter.",
    "cannot_dial": "Check the converter's power, network, address and port, and that it waits as a TCP server.",
    "waiting_for_peer": "Point the converter (work mode TCP client) to this computer and port, open the port in the"
    " app's Network section, and restart the converter.",
}
_NOISE_BYTES = 16
_RIVALS = 2
_LATE_SHARE = 0.2
_LATE_LEAST = 3
_DAMAGED_SHARE = 0.5
_DAMAGED_LEAST = 5


def diagnose(observed: Observed) -> Diagnosis:
    """Return the one finding that explains most; faults near the wire come first."""
    if observed.problem is not None:
        return Diagnosis(
            state=DoctorState.SETTINGS_ERROR,
            sentence="The settings cannot be used, so the bus is left alone.",
            advice=_LINK_ADVICE["settings_error"],
            evidence=(observed.problem,),
        )
    link = observed.link
    if not link.connected:
        return _of_link(link)
    seen = observed.seen
    if seen.frames == 0:
        return _without_frames(observed)
    return _of_frames(observed) or _starting(observed)


class BusWatch:
    """Keeps counters and bytes of the last minute, and the diagnosis that they give."""

    def __init__(self, unit_ids: Iterable[int], patience: Patience | None = None) -> None:
        """Start without having seen anything."""
        self.unit_ids = tuple(unit_ids)
        self.bytes = PatternTaker(self.unit_ids)
        self.mbap = False
        self.line: str | None = None
        self.diagnosis = Diagnosis(state=DoctorState.STARTING, sentence="The gateway has just started.")
        self._patience = patience or Patience()
        self._snapshots: deque[tuple[float, BusCounters]] = deque()
        self._patterns: deque[tuple[float, Pattern]] = deque()
        self._link_since: float | None = None

    def tick(self, now: float, link: LinkStatus, counters: BusCounters, problem: str | None = None) -> Diagnosis | None:
        """Look again; return the diagnosis if it is another finding than before, else None."""
        self._sample(now, link, counters)
        before = self.diagnosis
        found = self.look(now, link, counters, problem)
        changed = found.key != before.key
        self.diagnosis = found
        return found if changed else None

    def look(self, now: float, link: LinkStatus, counters: BusCounters, problem: str | None = None) -> Diagnosis:
        """Return the diagnosis at this moment, with fresh evidence."""
        began, first = self._snapshots[0] if self._snapshots else (now, counters)
        observed = Observed(
            link=link,
            seen=_difference(counters, first),
            pattern=Pattern.joined(pattern for _, pattern in self._patterns),
            watched_s=now - began,
            unit_ids=self.unit_ids,
            units_seen=tuple(sorted(unit for unit, at in counters.last_heard_at.items() if at >= began)),
            mbap=self.mbap,
            line=self.line,
            problem=problem,
            patience=self._patience,
        )
        found = diagnose(observed)
        kept = self.diagnosis.since if found.key == self.diagnosis.key else None
        return replace(found, since=now if kept is None else kept)

    def _sample(self, now: float, link: LinkStatus, counters: BusCounters) -> None:
        pattern = self.bytes.digest()
        if link.since != self._link_since:
            self._link_since = link.since
            self._snapshots.clear()
            self._patterns.clear()
        if not self._snapshots or now - self._snapshots[-1][0] >= SNAPSHOT_EVERY_S:
            self._snapshots.append((now, _copied(counters)))
            self._patterns.append((now, pattern))
        else:
            at, last = self._patterns[-1]
            self._patterns[-1] = (at, Pattern.joined((last, pattern)))
        while now - self._snapshots[0][0] > WINDOW_S:
            self._snapshots.popleft()
            self._patterns.popleft()


def _of_link(link: LinkStatus) -> Diagnosis:
    state = _LINK_STATES.get(link.code, DoctorState.STARTING)
    hint = link.code if link.code != state.value and state is not DoctorState.STARTING else None
    if state is DoctorState.NOBODY_DIALS:
        hint = None
    return Diagnosis(state=state, sentence=link.detail, advice=_LINK_ADVICE.get(link.code, ""), hint=hint)


def _without_frames(observed: Observed) -> Diagnosis:
    seen, patience = observed.seen, observed.patience
    if seen.bytes_received >= _NOISE_BYTES and observed.watched_s >= patience.signs_s / 2:
        return _noise(observed)
    if observed.watched_s < patience.signs_s:
        return _starting(observed)
    if seen.bytes_received >= _NOISE_BYTES:
        return _noise(observed)
    return Diagnosis(
        state=DoctorState.SILENT,
        sentence="The adapter is connected, but not a single frame has arrived from the bus.",
        advice="Check the three wires between SYSBUS 1 / 2 / GND and the adapter, and that the base station has power."
        + (" Check that the converter is set to 38400 8N1." if observed.mbap else ""),
        evidence=(_bytes(observed),),
    )


def _noise(observed: Observed) -> Diagnosis:
    hint: Hint | None = observed.pattern.hint()
    if observed.mbap:
        hint = Hint.RTU_ON_TCP if observed.seen.rtu_on_tcp else Hint.NOT_MODBUS
    pattern = observed.pattern
    evidence = [
        _bytes(observed),
        f"{observed.seen.frames} valid frames, {observed.seen.crc_errors} with a wrong checksum",
    ]
    if pattern.total:
        evidence.append(f"bit 0 is set in {pattern.odd_share:.0%} of the bytes; valid traffic has about 30%")
        evidence.append(f"entropy of a byte {pattern.entropy_bits:.1f} bits; valid traffic has about 5, noise nearly 8")
    if observed.line is not None:
        evidence.append(f"the line is read at {observed.line}; the SYSBUS has 38400 8N1")
    return Diagnosis(
        state=DoctorState.NOISE,
        sentence=_NOISE_SENTENCES[hint],
        advice=_NOISE_ADVICE[hint],
        evidence=tuple(evidence),
        hint=None if hint is None else hint.value,
    )


_NOISE_SENTENCES: dict[Hint | None, str] = {
    Hint.SWAPPED: "Bytes arrive, but they are upside down: the wires A and B are swapped.",
    Hint.SPEED: "Bytes arrive, but the line is read at a wrong speed or parity.",
    Hint.GROUND: "Bytes arrive, but they are damaged on their way.",
    Hint.RTU_ON_TCP: "The converter passes the bytes on as Modbus RTU instead of translating them to Modbus TCP.",
    Hint.NOT_MODBUS: "What connects to the port does not speak Modbus TCP.",
    None: "Bytes arrive, but no valid frame.",
}
_NOISE_ADVICE: dict[Hint | None, str] = {
    Hint.SWAPPED: "Exchange the wires on the terminals 1 and 2 (485A and 485B).",
    Hint.SPEED: "Set the line to 38400 baud, 8 data bits, no parity, 1 stop bit, here and in the converter.",
    Hint.GROUND: "Connect GND of the SYSBUS to GND of the adapter, check for loose wires, and keep the cable away from"
    " power cables.",
    Hint.RTU_ON_TCP: 'Set the protocol of the converter to Modbus TCP ("Simple Modbus TCP to RTU"), or set server.type'
    " to rtu_tcp.",
    Hint.NOT_MODBUS: "Check which device connects, and list the converter's address under server.allowed_peers.",
    None: "Exchange the wires A and B first; then check 38400 8N1, then GND.",
}


def _of_frames(observed: Observed) -> Diagnosis | None:
    seen = observed.seen
    if not observed.mbap and seen.crc_errors >= max(_DAMAGED_LEAST, _DAMAGED_SHARE * seen.frames):
        return _damaged(observed)
    if seen.rival_replies >= _RIVALS:
        return Diagnosis(
            state=DoctorState.RIVAL,
            sentence="Another device on the bus answers for one of our unit ids.",
            advice="Find out whether a KNX gateway uses 240 or 241, and remove that id under modbus.slave_id.",
            evidence=(f"{seen.rival_replies} replies that are not ours{_within(observed)}", _polls(observed)),
        )
    written = seen.broadcasts + seen.writes
    late = seen.replies_late + seen.replies_moved_on
    if seen.polls and late >= max(_LATE_LEAST, _LATE_SHARE * seen.polls):
        return Diagnosis(
            state=DoctorState.TOO_LATE,
            sentence="The base asks, but the replies are ready too late and are held back.",
            advice="Use a cable instead of Wi-Fi, switch packing times in the converter off, and take load from this"
            " computer.",
            evidence=(f"{late} of {seen.polls} replies held back{_within(observed)}", _polls(observed)),
        )
    if seen.polls and written:
        return Diagnosis(
            state=DoctorState.HEALTHY,
            sentence="All well: the base writes its values and asks for commands.",
            evidence=(_polls(observed), _writes(observed)),
        )
    if observed.watched_s < observed.patience.walk_s:
        return None
    return _one_sided(observed, written)


def _one_sided(observed: Observed, written: int) -> Diagnosis:
    ids = ", ".join(map(str, observed.unit_ids))
    others = ", ".join(str(unit) for unit in observed.units_seen if unit) or "none"
    if observed.seen.polls:
        return Diagnosis(
            state=DoctorState.NO_WRITES,
            sentence="The base asks for commands, but it writes no values.",
            advice="Ask the base for all values (refresh). If none come, its replies do not reach it: check that the"
            " converter passes both directions on.",
            evidence=(_polls(observed), _writes(observed)),
        )
    if written:
        return Diagnosis(
            state=DoctorState.NO_POLLS,
            sentence=f"The base writes its values, but it asks for none of our unit ids ({ids}).",
            advice="Tell the base in its installer menu that a KNX gateway is present, and see that modbus.slave_id"
            " has 240 and 241.",
            evidence=(_writes(observed), _polls(observed), f"unit ids seen: {others}"),
        )
    return Diagnosis(
        state=DoctorState.NOT_FOR_US,
        sentence=f"Frames arrive, but none is for our unit ids ({ids}) or for all.",
        advice="Check that the adapter is on the terminals SYSBUS of the base, and see which unit ids appear.",
        evidence=(f"{observed.seen.frames} frames{_within(observed)}", f"unit ids seen: {others}"),
    )


def _damaged(observed: Observed) -> Diagnosis:
    return Diagnosis(
        state=DoctorState.NOISE,
        sentence="Frames arrive, but many of them are damaged on their way.",
        advice=_NOISE_ADVICE[Hint.GROUND],
        evidence=(
            f"{observed.seen.crc_errors} frames with a wrong checksum{_within(observed)}",
            f"{observed.seen.frames} valid frames",
            f"{observed.seen.noise_bytes} bytes that belong to no frame",
        ),
        hint=Hint.GROUND.value,
    )


def _starting(observed: Observed) -> Diagnosis:
    return Diagnosis(
        state=DoctorState.STARTING,
        sentence="The bus is connected and being listened to.",
        advice="Wait half a minute: the base needs that long to walk over all rooms.",
        evidence=(_bytes(observed), f"{observed.seen.frames} valid frames"),
    )


def _bytes(observed: Observed) -> str:
    return f"{observed.seen.bytes_received} bytes{_within(observed)}"


def _polls(observed: Observed) -> str:
    by_unit = ", ".join(f"{observed.seen.polls_by_unit.get(unit, 0)} for {unit}" for unit in observed.unit_ids)
    return f"{observed.seen.polls} polls{_within(observed)} ({by_unit})"


def _writes(observed: Observed) -> str:
    return f"{observed.seen.broadcasts + observed.seen.writes} writes of the base{_within(observed)}"


def _within(observed: Observed) -> str:
    return f" in the last {max(1.0, observed.watched_s):.0f} s"


def _copied(counters: BusCounters) -> BusCounters:
    return replace(
        counters,
        polls_by_unit=dict(counters.polls_by_unit),
        last_poll_at=dict(counters.last_poll_at),
        last_heard_at=dict(counters.last_heard_at),
    )


def _difference(now: BusCounters, before: BusCounters) -> BusCounters:
    """Return what was counted between two snapshots; times are those of the later one."""
    difference = _copied(now)
    for each in fields(BusCounters):
        value, old = getattr(now, each.name), getattr(before, each.name)
        if isinstance(value, int) and isinstance(old, int):
            setattr(difference, each.name, value - old)
    difference.polls_by_unit = {
        unit: count - before.polls_by_unit.get(unit, 0) for unit, count in now.polls_by_unit.items()
    }
    return difference
