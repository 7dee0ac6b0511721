from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from neasmart.core.recall import Question
from neasmart.facts.codecs import encode_dpt9
from neasmart.facts.points import TABLE
from neasmart.store.past import remember
from tests.support.store import NOON, Bench

TEMPERATURE = TABLE.ref("zone.1.1.temperature").address
STATE = TABLE.ref("zone.1.1.state").address
HOUR_S = 3600.0
LENGTH_MIN = 150


async def test_a_past_that_was_written_is_read_back_up_to_the_present(stores: Callable[..., Bench]) -> None:
    bench = stores()
    minutes = [{TEMPERATURE: encode_dpt9(20.0 + minute // 50), STATE: 4} for minute in range(LENGTH_MIN)]
    await asyncio.to_thread(remember, Path(bench.settings.path), minutes, until_s=NOON)

    await bench.store.open()
    series = await bench.store.history(
        Question(addresses=[TEMPERATURE, STATE], begin_s=NOON - 3 * HOUR_S, end_s=NOON + HOUR_S)
    )

    begin_s = NOON // 60 * 60 - LENGTH_MIN * 60
    known = [(at, word) for at, word in series[TEMPERATURE] if word is not None]
    assert known == [(begin_s + 50 * 60 * step, encode_dpt9(20.0 + step)) for step in range(3)]
    assert [word for _, word in series[STATE] if word is not None] == [4]
