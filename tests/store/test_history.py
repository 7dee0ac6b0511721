"""History: what every point was, with gaps where nothing is known, thinned with age, whatever clock and disk do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neasmart.core.recall import Question
from neasmart.facts.codecs import decode_dpt9, encode_dpt9
from neasmart.facts.points import TABLE
from neasmart.store.history import KEPT_MIN
from neasmart.store.samples import GAP, DamagedBlockError, packed, thinned, unpacked
from tests.support.store import Bench, MovedClock

TEMPERATURE = TABLE.ref("zone.1.1.temperature").address
STATE = TABLE.ref("zone.1.1.state").address
NOON = 1_750_000_020.0
"""A whole minute."""
HOUR_S, DAY_S = 3600.0, 86400.0
YEAR_S = 365 * DAY_S
Point = tuple[float, float | None]


async def celsius(bench: Bench, begin_s: float, end_s: float) -> list[Point]:
    """Return the history of the temperature as (seconds since noon, degC)."""
    series = await bench.store.history(Question(addresses=[TEMPERATURE], begin_s=begin_s, end_s=end_s))
    return [(at - NOON, None if word is None else decode_dpt9(word)) for at, word in series[TEMPERATURE]]


async def live(bench: Bench, minutes: int, value: float | None = 21.0) -> None:
    """Let minutes pass in which the base writes the temperature; None for a silent base."""
    for _ in range(minutes):
        if value is not None:
            bench.write(TEMPERATURE, encode_dpt9(value))
        await bench.wait(60, step_s=20)


async def test_a_change_stands_in_the_history_at_once_and_an_equal_value_does_not(
    stores: Callable[..., Bench],
) -> None:
    bench = stores(time=MovedClock(wall=NOON))
    await bench.store.open()

    await live(bench, 3, 20.0)
    await live(bench, 3, 21.5)

    assert await celsius(bench, NOON, NOON + HOUR_S) == [(0, 20.0), (180, 21.5)]


async def test_what_the_base_has_just_told_stands_in_the_history(stores: Callable[..., Bench]) -> None:
    bench = stores(time=MovedClock(wall=NOON))
    await bench.store.open()

    bench.write(TEMPERATURE, encode_dpt9(20.0))

    assert await celsius(bench, NOON, NOON + HOUR_S) == [(0, 20.0)]


async def test_where_the_file_cannot_be_asked_memory_answers(stores: Callable[..., Bench]) -> None:
    bench = stores(time=MovedClock(wall=NOON))
    await bench.store.open()
    bench.write(TEMPERATURE, encode_dpt9(20.0))
    other = sqlite3.connect(bench.path)
    other.execute("DROP TABLE history")
    other.close()

    assert await celsius(bench, NOON, NOON + HOUR_S) == [(0, 20.0)]


async def test_without_a_history_the_last_value_is_kept_alone(stores: Callable[..., Bench]) -> None:
    bench = stores(time=MovedClock(wall=NOON), history=False)
    await bench.store.open()

    await live(bench, 3, 20.0)

    assert await celsius(bench, NOON, NOON + HOUR_S) == []
    assert bench.rows("SELECT address FROM reported") == [(TEMPERATURE,)]


async def test_a_silent_base_leaves_a_gap(stores: Callable[..., Bench]) -> None:
    bench = stores(time=MovedClock(wall=NOON))
    await bench.store.open()
    await live(bench, 2, 20.0)

    await live(bench, 10, None)
    await live(bench, 2, 20.0)

    values = [value for _, value in await celsius(bench, NOON, NOON + HOUR_S)]
    assert values == [20.0, None, 20.0]


async def test_what_held_before_the_range_stands_at_its_beginning(stores: Callable[..., Bench]) -> None:
    bench = stores(time=MovedClock(wall=NOON))
    await bench.store.open()
    await live(bench, 30, 20.0)

    assert await celsius(bench, NOON + 600, NOON + HOUR_S) == [(600, 20.0)]


async def test_hours_are_written_as_one_row_each_and_read_back(stores: Callable[..., Bench]) -> None:
    bench = stores(time=MovedClock(wall=NOON))
    await bench.store.open()

    for hour in range(5):
        await live(bench, 60, 18.0 + hour)
    await live(bench, 10, 23.0)

    assert bench.rows("SELECT count(*), sum(length) FROM history") == [(5, 300)]
    points = await celsius(bench, NOON, NOON + 6 * HOUR_S)
    assert points == [(hour * HOUR_S, 18.0 + hour) for hour in range(6)]


async def test_a_restart_continues_and_leaves_a_gap_of_its_length(stores: Callable[..., Bench]) -> None:
    bench = stores(time=MovedClock(wall=NOON))
    await bench.store.open()
    await live(bench, 10, 20.0)
    await bench.close()
    bench.time.pass_by(HOUR_S)

    again = stores(time=bench.time)
    await again.store.open()
    await live(again, 5, 21.0)

    points = await celsius(again, NOON, NOON + 2 * HOUR_S)
    assert [value for _, value in points] == [20.0, None, 21.0]
    assert points[1][0] == pytest.approx(600, abs=60)
    assert points[2][0] == pytest.approx(600 + HOUR_S, abs=60)


@pytest.mark.parametrize(("told", "held"), [(None, [20.0, None, 21.0]), (20.0, [20.0, 21.0])])
async def test_after_a_short_restart_only_what_is_told_goes_on(
    stores: Callable[..., Bench], told: float | None, held: list[float | None]
) -> None:
    bench = stores(time=MovedClock(wall=NOON))
    await bench.store.open()
    await live(bench, 10, 20.0)
    await bench.close()
    bench.time.pass_by(20)

    again = stores(time=bench.time)
    await again.store.open()
    await live(again, 30, told)
    await live(again, 5, 21.0)

    points = await celsius(again, NOON, NOON + 2 * HOUR_S)
    assert [value for _, value in points] == held
    assert points[1][0] == pytest.approx(600 if told is None else 600 + 1800, abs=180)


@pytest.mark.parametrize(("lived_min", "slept_min", "told_at_once"), [(10, 5, True), (10, 480, False), (59, 30, True)])
@pytest.mark.parametrize("wrong_by_s", [0.0, HOUR_S])
async def test_of_what_a_computer_slept_through_nothing_is_made_up(
    stores: Callable[..., Bench], lived_min: int, slept_min: int, wrong_by_s: float, *, told_at_once: bool
) -> None:
    bench = stores(time=MovedClock(wall=NOON))
    await bench.store.open()
    await live(bench, lived_min, 20.0)

    bench.time.pass_by(60 * slept_min)
    bench.time.wall_s += wrong_by_s
    if not told_at_once:
        await live(bench, 1, None)
    await live(bench, 5, 21.0)

    points = await celsius(bench, NOON, NOON + 10 * HOUR_S)
    assert [value for _, value in points] == [20.0, None, 21.0]
    assert points[1][0] == pytest.approx(60 * lived_min, abs=60)
    assert points[2][0] == pytest.approx(60 * (lived_min + slept_min) + wrong_by_s, abs=120)


async def test_a_kill_costs_at_most_the_last_hour_and_a_flush(stores: Callable[..., Bench]) -> None:
    bench = stores(time=MovedClock(wall=NOON))
    await bench.store.open()
    for hour in range(3):
        await live(bench, 60, 18.0 + hour)
    await live(bench, 30, 25.0)
    bench.killed()

    killed = stores(time=bench.time)
    await killed.store.open()

    values = [value for _, value in await celsius(killed, NOON, NOON + 4 * HOUR_S)]
    assert values == [18.0, 19.0, 20.0, None]


@pytest.mark.parametrize("jump_s", [YEAR_S, -YEAR_S])
async def test_a_clock_that_jumps_by_a_year_loses_and_drops_nothing(
    stores: Callable[..., Bench], jump_s: float
) -> None:
    bench = stores(time=MovedClock(wall=NOON))
    await bench.store.open()
    await live(bench, 120, 20.0)

    bench.time.wall_s += jump_s
    await live(bench, 120, 22.0)

    before = await celsius(bench, NOON, NOON + HOUR_S)
    assert (0, 20.0) in before
    after = await bench.store.history(
        Question(addresses=[TEMPERATURE], begin_s=bench.time.wall_s - 600, end_s=bench.time.wall_s)
    )
    assert [decode_dpt9(word) for _, word in after[TEMPERATURE] if word is not None] == [22.0]
    assert bench.rows("SELECT min(resolution), max(resolution) FROM history") == [(1, 1)]
    times = [at for at, _ in await celsius(bench, 0, 2 * NOON)]
    assert times == sorted(set(times))


async def test_a_computer_that_starts_in_1970_keeps_its_samples_until_it_knows_the_time(
    stores: Callable[..., Bench],
) -> None:
    bench = stores(time=MovedClock(wall=60.0))
    await bench.store.open()
    await live(bench, 90, 20.0)
    assert bench.rows("SELECT count(*) FROM history") == [(0,)]

    bench.time.wall_s = NOON + 90 * 60
    await live(bench, 40, 20.0)

    assert bench.rows("SELECT count(*) FROM history") == [(2,)]
    assert await celsius(bench, NOON - HOUR_S, NOON + 3 * HOUR_S) == [(0, 20.0)]


async def test_two_years_are_thinned_and_older_hours_are_dropped(stores: Callable[..., Bench]) -> None:
    bench = stores(time=MovedClock(wall=NOON))
    await bench.store.open()
    block = packed({TEMPERATURE: [(minute, encode_dpt9(20.0 + minute % 2)) for minute in range(60)]})
    now_min = int(NOON // 60)
    ages_min = [30, 47 * 60, 3 * 1440, 29 * 1440, 31 * 1440, KEPT_MIN - 1440, KEPT_MIN + 1440]
    with sqlite3.connect(bench.path) as connection:
        connection.executemany(
            "INSERT INTO history (start, length, resolution, samples) VALUES (?, 60, 1, ?)",
            [(now_min - age, block) for age in ages_min],
        )
    connection.close()

    await live(bench, 8 * 60, 20.0)

    rows = bench.rows(f"SELECT start - {now_min}, resolution FROM history WHERE start < {now_min} ORDER BY start DESC")
    assert [tuple(row) for row in rows] == [
        (-30, 1),
        (-47 * 60, 15),
        (-3 * 1440, 15),
        (-29 * 1440, 15),
        (-31 * 1440, 60),
        (-KEPT_MIN + 1440, 60),
    ]


async def test_the_file_stays_below_its_limit(stores: Callable[..., Bench]) -> None:
    bench = stores(time=MovedClock(wall=NOON), history_max_mb=1)
    await bench.store.open()
    with sqlite3.connect(bench.path) as connection:
        connection.executemany(
            "INSERT INTO history (start, length, resolution, samples) VALUES (?, 60, 60, ?)",
            [(int(NOON // 60) - 60 * age, os.urandom(40_000)) for age in range(1, 60)],
        )
    connection.close()

    await live(bench, 4 * 60, 20.0)

    ((used,),) = bench.rows(
        "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count,"
        " pragma_page_size"
    )
    assert isinstance(used, int)
    assert used <= 1_000_000
    assert (0, 20.0) in await celsius(bench, NOON, NOON + HOUR_S)


async def test_a_damaged_hour_costs_only_itself(stores: Callable[..., Bench]) -> None:
    bench = stores(time=MovedClock(wall=NOON))
    await bench.store.open()
    for hour in range(3):
        await live(bench, 60, 18.0 + hour)
    await live(bench, 6, 21.0)
    with sqlite3.connect(bench.path) as connection:
        connection.execute("UPDATE history SET samples = x'00112233' WHERE number = 2")
    connection.close()

    values = [value for _, value in await celsius(bench, NOON, NOON + 4 * HOUR_S)]

    assert values == [18.0, None, 20.0, 21.0]


async def test_while_the_disk_fails_the_memory_answers(stores: Callable[..., Bench], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    bench = stores(tmp_path / "file" / "neasmart.db", time=MovedClock(wall=NOON))
    await bench.store.open()

    await live(bench, 90, 20.0)

    assert not bench.status.healthy
    assert await celsius(bench, NOON, NOON + 2 * HOUR_S) == [(0, 20.0)]


def test_thinning_takes_the_mean_of_numbers_and_the_last_of_others() -> None:
    block = packed(
        {
            TEMPERATURE: [(0, encode_dpt9(20.0)), (5, encode_dpt9(23.0)), (15, None), (40, encode_dpt9(19.0))],
            STATE: [(0, 1), (14, 3), (15, 2)],
        }
    )

    samples = unpacked(thinned(block, 15, 60, TABLE))

    assert samples[TEMPERATURE] == [(0, encode_dpt9(22.0)), (15, None), (30, encode_dpt9(19.0))]
    assert samples[STATE] == [(0, 3), (15, 2)]


words = st.one_of(st.none(), st.integers(0, 0xFFFF))
runs = st.dictionaries(st.integers(0, GAP - 1), words, max_size=30).map(lambda found: sorted(found.items()))


@given(st.dictionaries(st.integers(0, 7000), runs, max_size=8))
def test_a_block_is_read_as_it_was_packed(samples: dict[int, list[tuple[int, int | None]]]) -> None:
    assert unpacked(packed(samples)) == samples


@given(st.binary(max_size=200))
def test_any_bytes_are_a_block_or_a_damaged_one(block: bytes) -> None:
    try:
        samples = unpacked(block)
    except DamagedBlockError:
        samples = {}

    assert all(isinstance(address, int) for address in samples)
