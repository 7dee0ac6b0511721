"""Bits and percentages; temperatures and enumerations are held by the maker's own tables."""

from __future__ import annotations

import pytest

from neasmart.facts.codecs import BitCodec, PercentCodec, Quality


@pytest.mark.parametrize("value", [0, 1, 50, 99, 100])
def test_a_percentage_goes_there_and_back(value: int) -> None:
    assert PercentCodec().decode(PercentCodec().encode(value)) == (value, Quality.GOOD)


@pytest.mark.parametrize("value", [-1, 101, float("nan")])
def test_what_is_no_percentage_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="allowed is 0 to 100"):
        PercentCodec().encode(value)


@pytest.mark.parametrize(("word", "value"), [(0x0064, 100), (0xFF64, 100), (0x0065, None), (0x00FF, None)])
def test_a_percentage_is_in_the_low_byte(word: int, value: int | None) -> None:
    assert PercentCodec().decode(word) == (value, Quality.IMPLAUSIBLE if value is None else Quality.GOOD)


@pytest.mark.parametrize(("word", "value"), [(0, False), (1, True), (2, False), (0xFFFF, True)])
def test_a_bit_is_the_lowest_one(word: int, *, value: bool) -> None:
    assert BitCodec().decode(word) == (value, Quality.GOOD)
    assert BitCodec().encode(value) == int(value)
