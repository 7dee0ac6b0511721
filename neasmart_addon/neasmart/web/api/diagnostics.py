"""The one file that tells a helper everything at once, without secrets."""

from __future__ import annotations

import msgspec

from neasmart.core.gateway import RECORDER, Gateway
from neasmart.facts.clock import iso
from neasmart.facts.network import encoded
from neasmart.settings.model import Settings
from neasmart.settings.redaction import Scrubber, settings_document
from neasmart.web.answers import bus_documents, documents
from neasmart.web.answers.documents import Document
from neasmart.web.api.health import health

FORMAT = 1
COMMANDS_SHOWN = 50


def gathered(gateway: Gateway, *, beside: Document, frames_per_s: float, names: bool) -> Document:
    """Return what is to be told, secrets included, as plain types of its own.

    `beside` is what others give: versions, platform, frames and log, oldest first.
    """
    now = gateway.clock.monotonic()
    document: Document = msgspec.to_builtins(
        {
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
    )
    return document


def diagnostics(gathered: Document, settings: Settings, *, names: bool) -> bytes:
    """Return the whole document as JSON; it touches nothing but its arguments, because it takes 10 ms."""
    scrubbed: Document = Scrubber(settings, names=names).document(gathered)
    return encoded(scrubbed | {"settings": settings_document(settings, names=names)})
