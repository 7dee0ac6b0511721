"""The one file that tells a helper everything at once, without secrets."""

from __future__ import annotations

import msgspec

from neasmart.core.gateway import RECORDER, Gateway
from neasmart.facts.clock import iso
from neasmart.settings.model import Settings
from neasmart.settings.redaction import Scrubber, settings_document
from neasmart.web.answers import bus_documents, documents
from neasmart.web.answers.documents import Document
from neasmart.web.api.health import health

FORMAT = 1
COMMANDS_SHOWN = 50


def diagnostics(
    gateway: Gateway,
    settings: Settings,
    *,
    beside: Document,
    frames_per_s: float,
    names: bool,
) -> Document:
    """Return the whole document; `beside` is what others give: versions, platform, frames and log, oldest first."""
    now = gateway.clock.monotonic()
    document = {
        "kind": "neasmart-diagnostics",
        "format": FORMAT,
        "written_at": iso(gateway.clock.wall()),
        "started_at": gateway.clock.to_iso(gateway.started_at),
        "doctor": bus_documents.doctor(gateway, now),
        "health": health(gateway, now),
        "link": bus_documents.status(gateway.link, gateway.clock),
        "bus": bus_documents.bus(gateway, now, frames_per_s),
        "statistics": gateway.bus.traffic.document(now),
        "recorder": bus_documents.status(gateway.hub.state(RECORDER, object), gateway.clock),
        "zones": [
            {
                "base_id": base_id,
                "zone_id": zone_id,
                **({"name": gateway.plant.zone_name(base_id, zone_id)} if names else {}),
            }
            for base_id, zone_id in gateway.plant.zones
        ],
        "unknown_registers": documents.unknown_registers(gateway, now),
        "commands": [documents.command(each, gateway.clock) for each in gateway.commands.recent[:COMMANDS_SHOWN]],
        **beside,
    }
    scrubbed: Document = Scrubber(settings, names=names).document(msgspec.to_builtins(document))
    return scrubbed | {"settings": settings_document(settings, names=names)}
