"""What the settings mean for the core: times, patience and words, in one place for start and reload."""

from __future__ import annotations

from neasmart.core.commands.command import CommandTimes
from neasmart.core.gateway import Times
from neasmart.core.state.image import NoData
from neasmart.core.state.plant import StaleTimes
from neasmart.core.state.rooms import Room
from neasmart.core.state.walks import WalkTimes
from neasmart.facts.points import TABLE
from neasmart.facts.rows import Margins, Part
from neasmart.settings.model import ModbusSettings, MqttSettings, Settings


def margins(mqtt: MqttSettings) -> Margins:
    """Return by what derived values are judged."""
    return Margins(condensation_k=mqtt.condensation_margin, cold_c=mqtt.cold_limit)


def times(modbus: ModbusSettings) -> Times:
    """Return the patience with the base, its values and its commands."""
    return Times(
        commands=CommandTimes(
            delivery_s=modbus.command_delivery_timeout_seconds,
            delivery_walks=modbus.command_delivery_timeout_walks,
            sync_s=modbus.command_sync_timeout_seconds,
            sync_walks=modbus.command_sync_timeout_walks,
            hold_walks=modbus.command_hold_walks,
            probe_walks=modbus.command_probe_walks,
            grace_walks=modbus.command_grace_walks,
            wait_walks=modbus.command_wait_walks,
        ),
        walks=WalkTimes(
            shortest_s=modbus.walk_shortest_seconds,
            longest_s=modbus.walk_longest_seconds,
            assumed_s=modbus.walk_assumed_seconds,
        ),
        stale=StaleTimes(warn_s=modbus.registers_late_after_seconds, stale_s=modbus.registers_stale_after_seconds),
    )


def first_rooms(settings: Settings) -> list[Room]:
    """Return the rooms that the settings name."""
    return [
        Room(base_id=zone.base, zone_id=zone.zone, name=zone.name.strip(), floor=zone.floor.strip())
        for zone in settings.zones
    ]


def no_data(modbus: ModbusSettings) -> dict[int, NoData]:
    """Return the words by address that are no command."""
    words = {
        Part.SEASON: NoData(modbus.no_data_mode, modbus.no_data_mode_told),
        Part.HOUSE: NoData(modbus.no_data_state, modbus.no_data_state_told),
        Part.ROOM: NoData(modbus.no_data_zone_state, modbus.no_data_zone_state),
        Part.TARGET: NoData(modbus.no_data_setpoint, modbus.no_data_setpoint),
    }
    return {ref.address: words[ref.point.part] for ref in TABLE.writable if ref.point.part is not None}
