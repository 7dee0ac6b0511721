"""What the parts say about themselves, for health, the panel and diagnostics.

Counters only ever grow; times are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from neasmart.facts.retries import BreakerState


@dataclass(frozen=True, slots=True, kw_only=True)
class PastConnection:
    """A connection of the bus that has ended; times are monotonic seconds, `frames` counts valid ones."""

    host: str
    opened_at: float
    ended_at: float
    why: str
    bytes: int
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    """The connection to the bus.

    `detail` is one sentence for people; `code` is stable for programs: ``starting``, ``connected``, ``no_device``,
    ``no_permission``, ``device_busy``, ``device_lost``, ``device_shared``, ``cannot_dial``, ``converter_busy``,
    ``cannot_listen``, ``foreign_address``, ``waiting_for_peer``, ``not_configured``, ``stopped``. `framings` has how
    each of the peers is read, empty while that is not known; `dials` counts the trials since a valid frame came last;
    `said` is what a converter wrote before it hung up; `past` has the connections that ended last, oldest first.
    """

    connected: bool = False
    code: str = "starting"
    detail: str = "The link is starting."
    description: str = ""
    breaker: BreakerState = BreakerState.CLOSED
    peers: tuple[str, ...] = ()
    framings: tuple[str, ...] = ()
    dials: int = 0
    said: str = ""
    past: tuple[PastConnection, ...] = ()
    since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStatus:
    """The storage under the data folder; `waiting` counts what is kept in memory until it can be written."""

    healthy: bool = True
    using_fallback: bool = False
    waiting: int = 0
    breaker: BreakerState = BreakerState.CLOSED
    detail: str | None = None
    transactions: int = 0
    errors: int = 0
    last_flush_at: float | None = None


class Closable(StrEnum):
    """What stays closed while its settings cannot be used."""

    API = "api"
    BUS = "bus"
    MQTT = "mqtt"
    STORE = "store"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFault:
    """A setting that cannot be used.

    `key` is its name such as ``zones[2].name``, empty where a whole file or an unknown name is at fault; `text` one
    sentence with source, key, value and what is allowed, without secrets; `closes` what stays closed because of it.
    """

    key: str
    text: str
    closes: frozenset[Closable] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsStatus:
    """What is wrong with the settings, and what it costs.

    `problem` joins the sentences of all faults that cost something now, `refused` those of a change that was made while
    the gateway ran and leaves in use what was before. `faults` are both. `closed` are the parts that do not run because
    of them. `restart_needed` names the settings that have changed and count from the next start on, `notes` tells of
    older words and of files that were passed over.
    """

    problem: str | None = None
    refused: str | None = None
    faults: tuple[SettingsFault, ...] = ()
    closed: tuple[Closable, ...] = ()
    restart_needed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PortsStatus:
    """Under which numbers our ports are reached from the network; published once that is known.

    `numbers` names those that Home Assistant decides about, None for a closed one. Others are reached as they are.
    """

    numbers: Mapping[int, int | None] = field(default_factory=dict)

    def reached(self, port: int) -> int | None:
        """Return the number under which a port of ours is reached, None if it is closed."""
        return self.numbers.get(port, port)


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttStatus:
    """The connection to the MQTT broker; `broker` is host and port, `since` monotonic seconds of the last change.

    `no_broker` tells that Home Assistant has none, which is no fault.
    """

    enabled: bool = False
    connected: bool = False
    detail: str = "MQTT is off."
    broker: str = ""
    no_broker: bool = False
    since: float | None = None


LONGEST_RECORDING_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderStatus:
    """The recorder of the bus; `ended_by` is ``stopped``, ``time``, ``size`` or the disk's complaint."""

    recording: bool = False
    name: str = ""
    bytes: int = 0
    lost_bytes: int = 0
    limit_s: float | None = None
    limit_bytes: int | None = None
    ended_by: str = ""
    since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureFile:
    """A finished recording; `recorded_at` is Unix time in seconds of its end."""

    name: str
    size: int
    recorded_at: float


@dataclass(slots=True, kw_only=True)
class BusCounters:
    """What has been seen on the wire since the process started."""

    bytes_received: int = 0
    frames: int = 0
    broadcasts: int = 0
    writes: int = 0
    registers_written: int = 0
    polls: int = 0
    replies: int = 0
    exceptions: int = 0
    foreign_frames: int = 0
    crc_errors: int = 0
    noise_bytes: int = 0
    stale_bytes: int = 0
    echoes: int = 0
    rival_replies: int = 0
    unsupported: int = 0
    bad_headers: int = 0
    replies_moved_on: int = 0
    replies_late: int = 0
    unknown_registers: int = 0
    peers_refused: int = 0
    peers_dropped: int = 0
    rtu_on_tcp: int = 0
    mbap_on_rtu: int = 0
    ascii_frames: int = 0
    bad_protocol_ids: int = 0
    bad_lengths: int = 0
    same_bus_connections: int = 0
    requests_stale: int = 0
    polls_by_unit: dict[int, int] = field(default_factory=dict)
    last_poll_at: dict[int, float] = field(default_factory=dict)
    last_heard_at: dict[int, float] = field(default_factory=dict)
    last_frame_at: float | None = None
    last_byte_at: float | None = None
