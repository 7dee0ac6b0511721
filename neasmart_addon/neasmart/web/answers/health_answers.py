"""The shape of how the gateway is."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from neasmart.facts.retries import BreakerState
from neasmart.facts.status import Closable
from neasmart.web.answers.shapes import Age, Answer, Count, Time, UnitAges, VerdictCode


class HealthStatus(StrEnum):
    """Whether the gateway can do its job; `unhealthy` asks for the owner's hand."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class HealthDatabase(Answer, frozen=True, kw_only=True):
    """The storage."""

    healthy: bool
    using_fallback: bool
    fallback_entries: Count
    circuit_breaker_state: BreakerState
    detail: str | None
    transactions: Count
    errors: Count
    last_flush_at: Time


class HealthModbus(Answer, frozen=True, kw_only=True):
    """The link and the bus; `circuit_breaker` is the name that is asked for in circulating instructions."""

    circuit_breaker_state: BreakerState
    circuit_breaker: BreakerState
    context_initialized: bool
    link: str
    connected: bool
    detail: str
    code: VerdictCode
    last_write_age_s: Age
    last_poll_age_s: UnitAges
    idle_reply: Literal["no_data", "last_report"]


class SettingsFaultAnswer(Answer, frozen=True, kw_only=True):
    """A setting that cannot be used."""

    key: str
    text: str
    closes: list[Closable]


class HealthSettings(Answer, frozen=True, kw_only=True):
    """What is wrong with the settings, and what waits for the next start."""

    problem: str | None
    refused: str | None
    faults: list[SettingsFaultAnswer]
    closed: list[Closable]
    restart_needed: list[str]
    notes: list[str]


class Health(Answer, frozen=True, kw_only=True):
    """How the gateway is; `uptime` in seconds."""

    status: HealthStatus
    reasons: list[str]
    database: HealthDatabase
    modbus: HealthModbus
    mqtt: dict[str, Any]
    settings: HealthSettings
    uptime: Count
    version: str
    registers_receiving_updates: bool
    registers_stale: bool
    registers_age_seconds: Age
    last_register_write: Time
    stale_after_seconds: float
    pending_command_registers: list[int]
