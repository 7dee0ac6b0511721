"""What the statistics say of a walk that is known, and that a hostile bus cannot make them grow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from neasmart.diagnosis.traffic import BLOCKS, ORDER, REGISTERS, Traffic


def read(address: int, count: int) -> bytes:
    return bytes((3,)) + address.to_bytes(2, "big") + count.to_bytes(2, "big")


def write(address: int, *words: int) -> bytes:
    content = b"".join(word.to_bytes(2, "big") for word in words)
    return bytes((16,)) + address.to_bytes(2, "big") + len(words).to_bytes(2, "big") + bytes((len(content),)) + content


def walked(walks: int) -> Traffic:
    """Return what three walks of 10 s with four frames show."""
    traffic = Traffic()
    for number in range(walks):
        began = 10.0 * number
        traffic.heard((began, 240, read(100, 2)))
        traffic.heard((began + 0.5, 241, read(100, 2)))
        traffic.heard((began + 1.0, 0, write(102, 0x0C1A)))
        traffic.heard((began + 3.0, 16, b""))
    return traffic


def test_the_cycle_is_the_time_between_polls_of_the_same_block() -> None:
    assert walked(4).document(40.0)["cycle_s"] == {
        "last": 10.0,
        "shortest": 10.0,
        "longest": 10.0,
        "count": 3,
        "measured_at": "read 240: 100+2",
    }


def test_the_order_is_that_of_the_last_whole_walk() -> None:
    assert walked(4).document(40.0)["order"] == ["read 240: 100+2", "read 241: 100+2", "write 0: 102+1"]


def test_gaps_are_those_between_frames() -> None:
    gaps = walked(2).document(20.0)["gaps_s"]

    assert (gaps["count"], gaps["min"], gaps["max"]) == (7, 0.5, 7.0)
    assert {each["up_to_s"]: each["count"] for each in gaps["histogram"] if each["count"]} == {0.5: 4, 2.0: 2, 10.0: 1}


def test_each_register_has_its_cadence_in_each_direction() -> None:
    registers = walked(3).document(30.0)["registers"]

    assert [(each["address"], each["direction"], each["count"]) for each in registers] == [
        (100, "polled", 6),
        (101, "polled", 6),
        (102, "written", 3),
    ]
    assert registers[2]["every_s"] == {"count": 2, "min": 10.0, "mean": 10.0, "max": 10.0}
    assert registers[2]["age_s"] == 9.0


def test_block_shapes_are_counted_by_unit_and_function() -> None:
    blocks = walked(3).document(30.0)["blocks"]

    assert [(each["unit_id"], each["function_code"], each["address"], each["registers"]) for each in blocks] == [
        (0, 16, 102, 1),
        (240, 3, 100, 2),
        (241, 3, 100, 2),
    ]


def test_unit_ids_are_counted_with_the_replies_of_others() -> None:
    assert walked(2).units == {0: 2, 16: 2, 240: 2, 241: 2}


def test_a_block_that_stays_away_is_replaced_as_the_mark_of_a_walk() -> None:
    traffic = walked(2)
    for number in range(3):
        traffic.heard((1000.0 + 20.0 * number, 240, read(200, 1)))
    assert traffic.document(1100.0)["cycle_s"]["last"] == 20.0


def test_a_hostile_bus_does_not_make_it_grow() -> None:
    traffic = Traffic()
    for number in range(40_000):
        traffic.heard((float(number), number % 256, read(number % 65536, 1 + number % 125)))
        if number % 1000 == 0:
            traffic.digest()

    document = traffic.document(40_000.0)
    assert len(document["blocks"]) <= BLOCKS
    assert len(document["registers"]) <= REGISTERS
    assert len(document["order"]) <= ORDER
    assert document["not_counted"] > 0


@given(st.lists(st.tuples(st.floats(0, 1e9), st.integers(0, 255), st.binary(max_size=253))))
def test_any_frame_is_taken(frames: list[tuple[float, int, bytes]]) -> None:
    traffic = Traffic()
    for frame in frames:
        traffic.heard(frame)
    assert traffic.document(1e9)["not_counted"] >= 0
