"""Writes the discovery messages of the test house to a file, so that every change of them is seen in a review.

Run it as ``.venv/bin/python -m tests.mqtt.discovery_snapshot`` after a change that is meant.
"""

from __future__ import annotations

import json
from pathlib import Path

from neasmart.mqtt.messages.discovery import Style
from neasmart.mqtt.messages.inventory import take_inventory
from neasmart.mqtt.messages.topics import Topics
from neasmart.mqtt.messages.words import Words
from neasmart.settings.model import Language
from tests.support.device_discovery import devices
from tests.support.gateways import FakeClock, fill_house, make_gateway

FILE = Path(__file__).with_name("discovery_snapshot.json")
TOPICS = Topics(prefix="neasmart", node="neasmart", discovery_prefix="homeassistant")
STYLE = Style(topics=TOPICS, words=Words(Language.EN), page="homeassistant://app/neasmart_addon")


def house() -> str:
    """Return the discovery messages by topic, as text."""
    gateway = make_gateway(FakeClock(), names={(1, 1): "Living room"})
    fill_house(gateway)
    messages = {
        TOPICS.discovery(device): message for device, message in devices(take_inventory(gateway), STYLE).items()
    }
    for message in messages.values():
        # The version changes with every release and says nothing about the entities.
        for part in ("origin", "device"):
            message[part] = {**message[part], "sw_version": "0"}
    return json.dumps(messages, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(house(), encoding="utf-8")
