"""Translates 16-bit SYSBUS words to values and back.

Temperatures travel as KNX datapoint type 9.001, everything else in the low byte of the word. Source: the maker's
KNX-gateway manual (document 771948) and the KNX standard's definition of 2-byte floats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple, Protocol

Value = int | float | bool | None

LOW_BYTE = 0x00FF
DPT9_NO_SENSOR = 0x7FFF
DPT9_STANDBY = 0x8116
"""The setpoint that the base writes for a room in standby."""
DPT9_NOT_APPLICABLE = frozenset({DPT9_STANDBY, 0x810C, 0x810E})
"""Setpoint words that mean "not applicable" (standby); as a temperature 0x8116 is a legal -17.7 degC."""
PLAUSIBLE_LOW_C = -50.0
PLAUSIBLE_HIGH_C = 120.0

_MANTISSA_LOW = -2048
_MANTISSA_HIGH = 2047
_EXPONENT_HIGH = 15
_PERCENT_HIGH = 100


class FunctionCode(IntEnum):
    """The first byte of a Modbus request that the SYSBUS knows."""

    READ = 3
    WRITE_SINGLE = 6
    WRITE_MULTIPLE = 16


READ, WRITE_SINGLE, WRITE_MULTIPLE = FunctionCode


class GlobalMode(IntEnum):
    """Wire values of register "global mode"."""

    AUTO = 1
    HEATING = 2
    COOLING = 3
    MANUAL_HEATING = 4
    MANUAL_COOLING = 5


class Season(StrEnum):
    """For which half of the year a setpoint is meant."""

    HEATING = "heating"
    COOLING = "cooling"


def season_of(mode: float | None) -> Season | None:
    """Return the season of a global mode; automatic is neither."""
    if mode in (GlobalMode.HEATING, GlobalMode.MANUAL_HEATING):
        return Season.HEATING
    return Season.COOLING if mode in (GlobalMode.COOLING, GlobalMode.MANUAL_COOLING) else None


class OperatingState(IntEnum):
    """Wire values of the global state and of every zone state."""

    NORMAL = 1
    REDUCED = 2
    STANDBY = 3
    TIME_PROGRAM = 4
    PARTY = 5
    HOLIDAY = 6


class Quality(StrEnum):
    """What a word says about itself."""

    GOOD = "good"
    NO_DATA = "no_data"
    NO_SENSOR = "no_sensor"
    NOT_APPLICABLE = "not_applicable"
    MIXED = "mixed"
    IMPLAUSIBLE = "implausible"


class Decoded(NamedTuple):
    """A value in its unit, or None, and why."""

    value: Value
    quality: Quality


class Codec(Protocol):
    """Between a word on the wire and a value."""

    def decode(self, word: int) -> Decoded:
        """Return what a word 0..65535 means; never raises."""

    def encode(self, value: float) -> int:
        """Return the word for a value; raise ValueError if the type cannot carry it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemperatureCodec:
    """DPT 9.001 in degC with the markers of this bus.

    A setpoint has two more markers than a measurement: 0 = no data and the words of `DPT9_NOT_APPLICABLE`.
    """

    setpoint: bool = False

    def decode(self, word: int) -> Decoded:
        """Return degC, or None for a marker or a value outside -50..120 degC."""
        if word == DPT9_NO_SENSOR:
            return Decoded(None, Quality.NO_SENSOR)
        if self.setpoint and word == 0:
            return Decoded(None, Quality.NO_DATA)
        if self.setpoint and word in DPT9_NOT_APPLICABLE:
            return Decoded(None, Quality.NOT_APPLICABLE)
        value = decode_dpt9(word)
        if not PLAUSIBLE_LOW_C <= value <= PLAUSIBLE_HIGH_C:
            return Decoded(None, Quality.IMPLAUSIBLE)
        return Decoded(value, Quality.GOOD)

    def encode(self, value: float) -> int:
        """Return the word for degC."""
        return encode_dpt9(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumCodec:
    """One of the members of an enumeration in the low byte; `zero` says what a reported 0 means."""

    members: type[IntEnum]
    zero: Quality = Quality.NO_DATA

    def decode(self, word: int) -> Decoded:
        """Return the member's number, or None for 0 and for numbers that are no member."""
        number = word & LOW_BYTE
        if number == 0:
            return Decoded(None, self.zero)
        if number not in self.members.__members__.values():
            return Decoded(None, Quality.IMPLAUSIBLE)
        return Decoded(number, Quality.GOOD)

    def encode(self, value: float) -> int:
        """Return the word of a member's number."""
        return int(self.members(int(value)))


@dataclass(frozen=True, slots=True, kw_only=True)
class BitCodec:
    """Bit 0 of the word."""

    def decode(self, word: int) -> Decoded:
        """Return whether bit 0 is set."""
        return Decoded(bool(word & 1), Quality.GOOD)

    def encode(self, value: float) -> int:
        """Return 1 for true, 0 for false."""
        return int(bool(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentCodec:
    """Raw per cent in the low byte."""

    def decode(self, word: int) -> Decoded:
        """Return 0..100, or None above."""
        number = word & LOW_BYTE
        if number > _PERCENT_HIGH:
            return Decoded(None, Quality.IMPLAUSIBLE)
        return Decoded(number, Quality.GOOD)

    def encode(self, value: float) -> int:
        """Return the word for 0..100 per cent."""
        if not 0 <= value <= _PERCENT_HIGH:
            raise ValueError(f"{value} is not a percentage; allowed is 0 to {_PERCENT_HIGH}")
        return round(value)


def decode_dpt9(word: int) -> float:
    """Return the number that a DPT 9.001 word carries, 0.01 * M * 2^E, markers included."""
    mantissa = word & 0x07FF
    if word & 0x8000:
        mantissa += _MANTISSA_LOW
    return (mantissa << ((word >> 11) & 0x0F)) / 100


def encode_dpt9(value: float) -> int:
    """Return the DPT 9.001 word with the smallest exponent that fits, rounded once from `value`.

    Raises ValueError outside -671088.64..670760.96 and for values that are not finite.
    """
    if math.isfinite(value):
        for exponent in range(_EXPONENT_HIGH + 1):
            mantissa = round(100 * value / (1 << exponent))
            if _MANTISSA_LOW <= mantissa <= _MANTISSA_HIGH:
                return (0x8000 if mantissa < 0 else 0) | exponent << 11 | mantissa & 0x07FF
    raise ValueError(f"{value} does not fit a DPT 9.001 word; allowed is -671088.64 to 670760.96")
