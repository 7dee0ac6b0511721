"""The shapes of what is seen on the wire: counters, the doctor's sentence, recordings."""

from __future__ import annotations

from typing import Annotated, Any, get_type_hints

import msgspec

from neasmart.diagnosis.verdicts import DoctorState, Level
from neasmart.web.answers.shapes import Age, Answer, Count, Time, UnitAges, VerdictCode, of_table


class BusSeen(Answer, frozen=True, kw_only=True):
    """What has been seen on the wire.

    `code` and `late` (the base's values do not arrive) are the doctor's; `stale` tells that all values are marked old.
    """

    last_write_age_s: Age
    last_poll_age_s: UnitAges
    last_frame_age_s: Age
    last_byte_age_s: Age
    frames_per_s: float
    code: VerdictCode
    late: bool
    stale: bool
    late_after_s: float
    stale_after_s: float
    counters: Annotated[dict[str, Any], of_table("BusCounters")]


Bus = msgspec.defstruct(
    "Bus",
    [
        ("link", dict[str, Any]),
        *get_type_hints(BusSeen, include_extras=True).items(),
        ("statistics", dict[str, Any]),
        ("idle_polls", dict[str, Any]),
    ],
    bases=(Answer,),
    frozen=True,
    kw_only=True,
)
"""The link, what has been seen on the wire, and how the base walks."""


class DoctorAnswer(Answer, frozen=True, kw_only=True):
    """What is wrong with the wiring, what to do, and what it was concluded from."""

    state: DoctorState
    hint: str | None
    code: VerdictCode
    level: Level
    sentence: str
    advice: str
    evidence: tuple[str, ...]
    parameters: dict[str, str]
    receiving: bool
    since: Time


class Capture(Answer, frozen=True, kw_only=True):
    """A finished recording; `path` is relative to the page."""

    name: str
    size: Count
    recorded_at: Time
    path: str


class Captures(Answer, frozen=True, kw_only=True):
    """What the recorder does, and the recordings, newest first."""

    recorder: dict[str, Any]
    captures: list[Capture]
