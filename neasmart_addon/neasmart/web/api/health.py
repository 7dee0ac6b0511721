"""Judges whether the gateway can do its job, and says why not; of the bus it says what the doctor says.

`unhealthy` means that the owner's hand or a restart is needed: a part of the settings cannot be used and keeps
something closed, a listener has no port, the link has stopped, storage fails without its fallback. A silent bus, a
missing device or an open breaker is `degraded`: the gateway goes on trying by itself, and restarting it would help
nobody.
"""

from __future__ import annotations

import math

from neasmart import __version__
from neasmart.core.gateway import SETTINGS, Gateway
from neasmart.diagnosis.doctor import Diagnosis
from neasmart.diagnosis.verdicts import Level
from neasmart.facts.retries import BreakerState
from neasmart.facts.status import Closable, SettingsStatus
from neasmart.web.answers import bus_documents
from neasmart.web.answers.health_answers import (
    Health,
    HealthDatabase,
    HealthModbus,
    HealthSettings,
    HealthStatus,
    SettingsFaultAnswer,
)
from neasmart.web.http.web_status import WEB, WebStatus

_CLOSED = {
    Closable.API: "the API stays closed",
    Closable.BUS: "the bus is left alone",
    Closable.MQTT: "MQTT stays off",
    Closable.STORE: "nothing is stored",
}
_FAILED = frozenset({"stopped", "settings_error"})
"""Verdicts that are told among the reasons for which the gateway cannot do its job."""


def health(gateway: Gateway, now: float) -> Health:
    """Return the whole answer of `/health`."""
    link, store, plant = gateway.link, gateway.store, gateway.plant
    settings = gateway.hub.state(SETTINGS, SettingsStatus) or SettingsStatus()
    wiring = gateway.diagnosis(now)
    failures, troubles = failed(gateway), troubled(gateway, wiring)
    bus = bus_documents.bus(gateway, now, 0.0)
    return Health(
        status=_judged(failures, troubles),
        reasons=failures + troubles,
        database=HealthDatabase(
            healthy=store.healthy,
            using_fallback=store.using_fallback,
            fallback_entries=store.waiting,
            circuit_breaker_state=store.breaker,
            detail=store.detail,
            transactions=store.transactions,
            errors=store.errors,
            last_flush_at=gateway.clock.to_iso(store.last_flush_at),
        ),
        modbus=HealthModbus(
            circuit_breaker_state=link.breaker,
            circuit_breaker=link.breaker,
            context_initialized=True,
            link=link.code,
            connected=link.connected,
            detail=link.detail,
            code=wiring.code,
            last_write_age_s=bus.last_write_age_s,
            last_poll_age_s=bus.last_poll_age_s,
            idle_reply="last_report" if gateway.serves_last_reports else "no_data",
        ),
        mqtt=bus_documents.status(gateway.mqtt, gateway.clock),
        settings=HealthSettings(
            problem=settings.problem,
            refused=settings.refused,
            faults=[
                SettingsFaultAnswer(key=fault.key, text=fault.text, closes=sorted(fault.closes))
                for fault in settings.faults
            ],
            closed=list(settings.closed),
            restart_needed=list(settings.restart_needed),
            notes=list(settings.notes),
        ),
        uptime=math.floor(now - gateway.started_at),
        version=__version__,
        registers_receiving_updates=wiring.receiving,
        registers_stale=gateway.bus_stale(now),
        registers_age_seconds=bus.last_write_age_s,
        last_register_write=gateway.clock.to_iso(plant.last_write_at),
        stale_after_seconds=plant.stale_times.stale_s,
        pending_command_registers=sorted(command.ref.address for command in gateway.commands),
    )


def _judged(failures: list[str], troubles: list[str]) -> HealthStatus:
    if failures:
        return HealthStatus.UNHEALTHY
    return HealthStatus.DEGRADED if troubles else HealthStatus.HEALTHY


def failed(gateway: Gateway) -> list[str]:
    """Return the reasons for which the gateway cannot do its job."""
    reasons = []
    settings = gateway.hub.state(SETTINGS, SettingsStatus) or SettingsStatus()
    if settings.problem is not None and settings.closed:
        closed = ", ".join(_CLOSED[part] for part in settings.closed)
        reasons.append(f"The settings cannot be used, so {closed}: {settings.problem}")
    if gateway.link.code == "stopped":
        reasons.append(gateway.link.detail)
    if not gateway.store.healthy and not gateway.store.using_fallback:
        reasons.append(gateway.store.detail or "The storage fails.")
    web = gateway.hub.state(WEB, WebStatus)
    if web is not None and web.failed:
        reasons.append(web.detail)
    return reasons


def troubled(gateway: Gateway, wiring: Diagnosis) -> list[str]:
    """Return the reasons for which it does its job only in part."""
    link, store = gateway.link, gateway.store
    settings = gateway.hub.state(SETTINGS, SettingsStatus) or SettingsStatus()
    reasons = []
    if settings.problem is not None and not settings.closed:
        reasons.append(f"Some settings are left out: {settings.problem}")
    if settings.refused is not None:
        reasons.append(f"The changed settings are refused, and the previous ones stay in use: {settings.refused}")
    if wiring.level is not Level.OK and wiring.code not in _FAILED:
        reasons.append(wiring.sentence)
    if link.breaker is not BreakerState.CLOSED:
        reasons.append("The link fails again and again and is tried less often.")
    if store.using_fallback:
        reasons.append(store.detail or "The storage fails; values are kept in memory.")
    if store.breaker is not BreakerState.CLOSED:
        reasons.append("The storage fails again and again and is tried less often.")
    return reasons
