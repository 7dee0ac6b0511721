"""The table: every point of the SYSBUS, its address, type, unit, limits, direction and label, and what is derived.

A new register is one row here, and a text in each file of `languages`. Addresses are 0-based as on the wire ("register
100" is 0x0064). Source: the maker's KNX-gateway manual (document 771948), confirmed by independent implementations.
"""

from __future__ import annotations

from neasmart.facts.codecs import (
    BitCodec,
    EnumCodec,
    GlobalMode,
    OperatingState,
    PercentCodec,
    Quality,
    TemperatureCodec,
)
from neasmart.facts.derived import cold, condensation, dew_point, mean
from neasmart.facts.registers import RegisterTable
from neasmart.facts.rows import SETPOINT_CONTRACT, Axis, Derived, Group, Kind, Part, Point

_MEASURED = TemperatureCodec()
_SETPOINT = TemperatureCodec(setpoint=True)
_STATE = EnumCodec(members=OperatingState)
_MIXED_STATE = EnumCodec(members=OperatingState, zero=Quality.MIXED)

GLOBAL = Group(
    key="global",
    label="System",
    origin=0,
    points=(
        Point(
            key="mode",
            label="Global mode",
            offset=1,
            codec=EnumCodec(members=GlobalMode),
            no_data=10,
            told=0,
            part=Part.SEASON,
            vocabulary="mode",
            answer="mode",
            icon="mdi:sun-snowflake-variant",
        ),
        Point(
            key="state",
            label="Global state",
            offset=2,
            codec=_MIXED_STATE,
            no_data=10,
            told=0,
            part=Part.HOUSE,
            vocabulary="state",
            answer="state",
            icon="mdi:home-clock-outline",
        ),
        Point(
            key="error",
            label="Error present",
            offset=3,
            codec=BitCodec(),
            name="error_present",
            answer="notifications",
            device_class="problem",
        ),
        Point(
            key="warning",
            label="Warning present",
            offset=5,
            codec=BitCodec(),
            name="warnings_present",
            answer="notifications",
            device_class="problem",
        ),
        Point(
            key="hint",
            label="Hint present",
            offset=6,
            codec=BitCodec(),
            name="hints_present",
            answer="notifications",
            device_class="problem",
        ),
        Point(
            key="outside_temperature",
            label="Outside temperature",
            offset=7,
            codec=_MEASURED,
            unit="°C",
            answer="outsidetemperature",
            device_class="temperature",
        ),
        Point(
            key="filtered_outside_temperature",
            label="Filtered outside temperature",
            offset=8,
            codec=_MEASURED,
            unit="°C",
            answer="outsidetemperature",
            device_class="temperature",
        ),
    ),
    derived=(
        Derived(
            key="mean_temperature",
            label="Mean room temperature",
            kind=Kind.TEMPERATURE,
            sources=(Part.AIR,),
            work=lambda known: mean(known.values[Part.AIR]),
            part=Part.MEAN,
            jitter=0.15,
            unit="°C",
            device_class="temperature",
            in_climate=True,
        ),
    ),
)
MIXED_CIRCUIT = Group(
    key="mixed_circuit",
    label="Mixed circuit",
    origin=6,
    answer="mixedgroups",
    axes=(Axis(name="group_id", label="mixed group ID", low=1, high=3, stride=4),),
    points=(
        Point(
            key="valve_opening",
            label="Valve opening",
            offset=0,
            codec=PercentCodec(),
            unit="%",
            name="mixing_valve_opening_percentage",
            icon="mdi:valve",
        ),
        Point(
            key="pump",
            label="Pump",
            offset=1,
            codec=BitCodec(),
            name="pump_state",
            device_class="running",
        ),
        Point(
            key="flow_temperature",
            label="Flow temperature",
            offset=2,
            codec=_MEASURED,
            unit="°C",
            part=Part.FLOW,
            device_class="temperature",
        ),
        Point(
            key="return_temperature",
            label="Return temperature",
            offset=3,
            codec=_MEASURED,
            unit="°C",
            device_class="temperature",
        ),
    ),
)
DEHUMIDIFIER = Group(
    key="dehumidifier",
    label="Dehumidifier",
    origin=21,
    answer="dehumidifiers",
    axes=(Axis(name="dehumidifier_id", label="dehumidifier ID", low=1, high=9, stride=1),),
    points=(
        Point(
            key="running",
            label="Running",
            offset=0,
            codec=BitCodec(),
            name="dehumidifier_state",
            device_class="running",
        ),
    ),
)
PUMP = Group(
    key="pump",
    label="Extra pump",
    origin=30,
    answer="pumps",
    axes=(Axis(name="pump_id", label="pump ID", low=1, high=5, stride=1),),
    points=(
        Point(
            key="running",
            label="Running",
            offset=0,
            codec=BitCodec(),
            name="pump_state",
            device_class="running",
        ),
    ),
)
ZONE = Group(
    key="zone",
    label="Zone",
    origin=-1200,
    axes=(
        Axis(name="base_id", label="base ID", low=1, high=5, stride=1200),
        Axis(name="zone_id", label="zone ID", low=1, high=12, stride=100),
    ),
    rooms=True,
    exists_by="temperature",
    points=(
        Point(
            key="state",
            label="State",
            offset=0,
            codec=_STATE,
            no_data=0,
            part=Part.ROOM,
            vocabulary="state",
            icon="mdi:tune-variant",
            category="config",
        ),
        Point(
            key="setpoint",
            label="Setpoint",
            offset=1,
            codec=_SETPOINT,
            unit="°C",
            limits=SETPOINT_CONTRACT,
            no_data=0,
            part=Part.TARGET,
            confirm_within=0.1,
            device_class="temperature",
            in_climate=True,
        ),
        Point(
            key="temperature",
            label="Temperature",
            offset=2,
            codec=_MEASURED,
            unit="°C",
            part=Part.AIR,
            device_class="temperature",
        ),
        Point(
            key="humidity",
            label="Relative humidity",
            offset=10,
            codec=PercentCodec(),
            unit="%",
            part=Part.HUMIDITY,
            optional=True,
            name="relative_humidity",
            device_class="humidity",
        ),
    ),
    derived=(
        Derived(
            key="dew_point",
            label="Dew point",
            kind=Kind.TEMPERATURE,
            sources=(Part.AIR, Part.HUMIDITY),
            work=lambda known: dew_point(known.one(Part.AIR), known.one(Part.HUMIDITY)),
            # One per cent of humidity moves it by a third of a kelvin.
            jitter=0.4,
            unit="°C",
            device_class="temperature",
        ),
        Derived(
            key="condensation",
            label="Condensation risk",
            kind=Kind.BIT,
            sources=(Part.AIR, Part.HUMIDITY, Part.FLOW, Part.SEASON),
            work=condensation,
            device_class="moisture",
        ),
        Derived(
            key="cold",
            label="Room cold",
            kind=Kind.BIT,
            sources=(Part.AIR,),
            work=lambda known: cold(known.one(Part.AIR), known.margins.cold_c, before=bool(known.before)),
            device_class="problem",
        ),
    ),
)

TABLE = RegisterTable((GLOBAL, MIXED_CIRCUIT, DEHUMIDIFIER, PUMP, ZONE))
