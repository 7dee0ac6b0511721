"""What the form takes the gateway takes: a hundred inputs through the Supervisor's rules and ours."""

from __future__ import annotations

from typing import Any

import pytest

from neasmart.facts.status import Closable
from neasmart.settings.loading import load_document
from tests.support.supervisor import RefusedError, elements, manifest, options_for

TEXTS = [
    "",
    " ",
    "0",
    "x",
    "ä",
    "a b",
    "-1",
    "/dev/ttyUSB0",
    "192.168.1.50",
    "fd00::1",
    "x" * 300,
    "true",
    "null",
    "[]",
    "%s",
]
NUMBERS: list[Any] = [0, 1, -1, 502, 65535, 65536, 1.5, True, "1883", "x", None]
BY_FIELD: dict[tuple[str, str], list[Any]] = {
    ("server", "serial_port"): [*TEXTS, "/dev/serial/by-id/usb-FTDI-if00", "socket://h:1", "rfc2217://h:1", 5],
    ("server", "url"): [
        "",
        "socket://192.168.1.50:8899",
        "rfc2217://host:2217",
        "http://h:1",
        "socket://h",
        "socket://u@h:1",
        5,
    ],
    ("server", "allowed_peers"): [
        [],
        ["192.168.1.0/24"],
        ["fd00::/8"],
        ["10.0.0.1", "10.0.0.2"],
        ["home"],
        "10.0.0.1",
        [5],
    ],
    ("modbus", "slave_id"): ["240 and 241", "240", "241", 240, 241, "242", "", [240], "240, 241"],
    ("mqtt", "enabled"): [True, False, "true", 1, None],
    ("mqtt", "host"): ["", "core-mosquitto", "192.168.1.20", "fd00::1", "x.lan"],
    ("mqtt", "port"): NUMBERS,
    ("mqtt", "username"): [*TEXTS[:6], 5],
    ("mqtt", "password"): [*TEXTS[:6], 12345678],
    ("mqtt", "tls"): [True, False, "no"],
    ("mqtt", "language"): ["en", "de", "it", "fr", "es", ""],
    ("api", "enabled"): [True, False, 0],
    ("api", "enable_auth"): [False, "false"],
    ("api", "key"): ["", "abcdefghijklmnop", "1234567890123456", 1234567890123456],
    ("logging", "level"): ["debug", "info", "warning", "error", "INFO", "loud", ""],
}
INPUTS = [(section, key, value) for (section, key), values in BY_FIELD.items() for value in values]


def test_these_are_a_hundred_and_of_every_option() -> None:
    assert len(INPUTS) >= 100
    assert BY_FIELD.keys() == elements(manifest()["schema"]).keys()


@pytest.mark.parametrize(("section", "key", "value"), INPUTS, ids=lambda value: str(value)[:24])
def test_what_the_form_takes_the_gateway_takes(section: str, key: str, value: Any) -> None:
    try:
        options = options_for({section: {key: value}})
    except RefusedError:
        return

    assert load_document(options, "options.json").faults == ()


@pytest.mark.parametrize(
    ("entered", "key", "part"),
    [
        ({"api": {"enable_auth": True}}, "api.enable_auth", Closable.API),
        ({"api": {"enable_auth": True, "key": "with a blank in it"}}, "api.key", Closable.API),
        ({"mqtt": {"host": "mqtt://broker"}}, "mqtt.host", Closable.MQTT),
        ({"server": {"serial_port": "http://converter"}}, "server.serial_port", Closable.BUS),
        ({"server": {"serial_port": "/dev/ttyUSB0", "url": "socket://h:1"}}, "server.url", Closable.BUS),
        ({"server": {"url": "socket://h:99999"}}, "server.url", Closable.BUS),
        ({"server": {"allowed_peers": ["999.1.1.1"]}}, "server.allowed_peers", Closable.BUS),
    ],
    ids=str,
)
def test_what_no_form_can_judge_is_named_and_costs_its_own_part(
    entered: dict[str, Any], key: str, part: Closable
) -> None:
    found = load_document(options_for(entered), "options.json")

    assert [(fault.key, fault.closes) for fault in found.faults] == [(key, frozenset({part}))]
