"""What the shapes of answers are made of.

Times are ISO 8601 in UTC, ages seconds, and what is not known is null. A name ends in Answer where the plain word is a
class of the core; the description leaves the ending out. What depends on the register table alone, such as a room's
values, is no class here but comes from the table.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from neasmart.core.commands.command import Why
from neasmart.diagnosis.verdicts import BY_CODE
from neasmart.facts.codecs import Value
from neasmart.facts.registers import ADDRESS_LIMIT


def of_table(name: str) -> Meta:
    """Mark what has a shape that the register table or a list of the core gives."""
    return Meta(extra_json_schema={"$ref": f"#/components/schemas/{name}"})


Count = Annotated[int, Meta(ge=0)]
Age = Annotated[Annotated[float, Meta(ge=0)] | None, Meta(description="Seconds; null: never")]
_WHEN = "ISO 8601 in UTC; null: never"
Time = Annotated[str | None, Meta(description=_WHEN, extra_json_schema={"format": "date-time"})]
Address = Annotated[int, Meta(ge=0, lt=ADDRESS_LIMIT)]
Word = Annotated[int, Meta(ge=0, le=0xFFFF)]
VerdictCode = Annotated[str, Meta(extra_json_schema={"enum": list(BY_CODE)})]
CommandReason = Annotated[str, Meta(extra_json_schema={"enum": list(Why)})]
UnitAges = Annotated[dict[str, Age], Meta(description="By unit id")]
PointId = Annotated[str, of_table("PointId")]
Sample = Annotated[
    tuple[float, float | None], Meta(description="Unix seconds, and the value from then on; null is a gap")
]
DerivedValues = Annotated[dict[str, Value], Meta(description="What follows from readings, by its id")]


class Answer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is sent once and then forgotten."""
