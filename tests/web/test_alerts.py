"""The alerts ask for nothing that the gateway does not tell, and fire when they should."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

FILE = Path(__file__).parents[2] / ".github/grafana/alerts.yaml"
RULES: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["groups"][0]["rules"]
BY_PROMETHEUS = {"job", "instance"}
HOUSE = 'job="neasmart", instance="house42"'
ROOM = f'{HOUSE}, id="zone.1.3.temperature"'
PLACE = f'{ROOM}, base="1", zone="3"'
CASES: dict[str, list[dict[str, str]]] = {
    "NeasmartUnreachable": [{"series": f"up{{{HOUSE}}}", "values": "0x120"}],
    "NeasmartBaseSilent": [{"series": f"neasmart_last_write_age_seconds{{{HOUSE}}}", "values": "0+60x120"}],
    "NeasmartRoomCold": [
        {"series": f"neasmart_reading{{{PLACE}}}", "values": "7x120"},
        {"series": f"neasmart_reading_stale{{{ROOM}}}", "values": "0x120"},
    ],
    "NeasmartCommandsUnheard": [
        {
            "series": f'neasmart_commands_total{{{HOUSE}, outcome="expired", origin="mqtt"}}',
            "values": "0x60 1+1x60",
        }
    ],
    "NeasmartBusNoisy": [{"series": f'neasmart_bus_events_total{{{HOUSE}, kind="crc_errors"}}', "values": "0+10x120"}],
    "NeasmartStorageFailing": [{"series": f"neasmart_store_healthy{{{HOUSE}}}", "values": "0x120"}],
    "NeasmartMqttLost": [{"series": f"neasmart_mqtt_connected{{{HOUSE}}}", "values": "0x120"}],
}
QUIET: dict[str, list[dict[str, str]]] = {
    "a healthy house": [
        {"series": f"up{{{HOUSE}}}", "values": "1x120"},
        {"series": f"neasmart_uptime_seconds{{{HOUSE}}}", "values": "0+60x120"},
        {"series": f"neasmart_last_write_age_seconds{{{HOUSE}}}", "values": "20x120"},
        {"series": f"neasmart_reading{{{PLACE}}}", "values": "19x120"},
        {"series": f"neasmart_reading_stale{{{ROOM}}}", "values": "0x120"},
        {"series": f"neasmart_store_healthy{{{HOUSE}}}", "values": "1x120"},
        {"series": f"neasmart_mqtt_connected{{{HOUSE}}}", "values": "1x120"},
        {"series": f'neasmart_bus_events_total{{{HOUSE}, kind="crc_errors"}}', "values": "0+1x120"},
        {"series": f'neasmart_commands_total{{{HOUSE}, outcome="confirmed", origin="mqtt"}}', "values": "0+1x120"},
    ],
    "an old value that is cold": [
        {"series": f"neasmart_reading{{{PLACE}}}", "values": "7x120"},
        {"series": f"neasmart_reading_stale{{{ROOM}}}", "values": "1x120"},
    ],
    "a room that was cold for a moment": [
        {"series": f"neasmart_reading{{{PLACE}}}", "values": "7x20 19x100"},
        {"series": f"neasmart_reading_stale{{{ROOM}}}", "values": "0x120"},
    ],
}
NEVER_HEARD = [{"series": f"neasmart_uptime_seconds{{{HOUSE}}}", "values": "0+60x120"}]


def assert_fires(folder: Path, series: list[dict[str, str]], *names: str) -> None:
    """Fail unless these alerts alone fire two hours after the first sample, with one sample a minute."""
    firing = {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": "120m",
        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in names],
    }
    tests = [{"interval": "1m", "input_series": series, "promql_expr_test": [firing]}]
    file = folder / "test.yaml"
    file.write_text(
        json.dumps({"rule_files": [str(FILE)], "evaluation_interval": "1m", "tests": tests}), encoding="utf-8"
    )
    assert_promtool("test", "rules", str(file))


def assert_promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_rules() -> None:
    assert_promtool("check", "rules", str(FILE))
    assert CASES.keys() == {rule["alert"] for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
async def test_every_metric_and_label_of_an_alert_exists(rule: dict[str, Any], told: dict[str, Any]) -> None:
    expression = rule["expr"]
    names = re.findall(r"neasmart_\w+", expression)
    assert set(names) <= told.keys() | {"neasmart_last_write_age_seconds"}
    for name, selectors in re.findall(r"(neasmart_\w+){([^}]*)}", expression):
        wanted = re.findall(r'(\w+)=~?"([^"]*)"', selectors)
        assert {key for key, _ in wanted} <= told[name][0].keys()
    shown = {label for text in rule["annotations"].values() for label in re.findall(r"[$]labels[.](\w+)", text)}
    assert shown - BY_PROMETHEUS <= {label for name in names for label in told[name][0]}


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_alone(name: str, tmp_path: Path) -> None:
    assert_fires(tmp_path, CASES[name], name)


def test_a_base_that_was_never_heard_is_silent(tmp_path: Path) -> None:
    assert_fires(tmp_path, NEVER_HEARD, "NeasmartBaseSilent")


@pytest.mark.parametrize("name", QUIET)
def test_nothing_fires(name: str, tmp_path: Path) -> None:
    assert_fires(tmp_path, QUIET[name])
