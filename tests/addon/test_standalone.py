from __future__ import annotations

import re
import subprocess
from pathlib import Path

import yaml

from neasmart import config, settings_loading
from tests.support.supervisor import ROOT, manifest

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICE = COMPOSE["services"]["neasmart"]
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
INSTALL = (ROOT / "install.sh").read_text(encoding="utf-8")


def _environment(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))


def test_compose_runs_the_image_of_the_app() -> None:
    assert SERVICE["image"].rpartition(":")[0] == manifest()["image"]
    assert SERVICE["build"] == "neasmart_addon"


def test_compose_keeps_the_data_and_the_page_off_the_network() -> None:
    assert SERVICE["volumes"] == ["./data:/data"]
    assert SERVICE["environment"]["NEASMART_INGRESS_HOST"] == "127.0.0.1"
    assert not SERVICE.get("privileged")


def test_compose_gives_a_stop_as_long_as_home_assistant_does() -> None:
    assert SERVICE["stop_grace_period"] == f"{manifest()['timeout']}s"


def test_the_example_is_usable_as_it_is(tmp_path: Path) -> None:
    environment = _environment(EXAMPLE) | {"NEASMART_CONFIG_FILE": str(tmp_path / "config.json")}
    (tmp_path / "config.json").write_text("{}", encoding="ascii")

    settings = settings_loading.load(environment)

    assert settings.server.type is config.ServerType.AUTO
    assert settings.api.host == "127.0.0.1"


def test_every_line_of_the_example_that_is_commented_out_works_too(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="ascii")
    offered = re.findall(r"^#([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE)

    for name, text in offered:
        settings_loading.load({name: text, "NEASMART_CONFIG_FILE": str(tmp_path / "config.json")})

    assert {name for name, _ in offered} <= settings_loading.environment_names().keys() | {"SERIAL_DEVICE"}


def test_the_dongle_of_the_example_is_where_compose_puts_it() -> None:
    inside = dict(re.findall(r"^#(NEASMART_SERVER_SERIAL_PORT)=(.*)$", EXAMPLE, re.MULTILINE))

    assert SERVICE["devices"] == ["${SERIAL_DEVICE:-/dev/null}:" + inside["NEASMART_SERVER_SERIAL_PORT"]]


def test_install_explains_itself_and_refuses_what_it_does_not_know() -> None:
    helped = subprocess.run([str(ROOT / "install.sh"), "--help"], check=True, capture_output=True, text=True)
    refused = subprocess.run([str(ROOT / "install.sh"), "--colour"], check=False, capture_output=True, text=True)

    assert "--prefix" in helped.stdout
    assert (refused.returncode, refused.stdout) == (2, "")


def test_the_systemd_unit_stops_in_time_and_has_an_account_of_its_own() -> None:
    assert f"TimeoutStopSec={manifest()['timeout']}" in INSTALL
    assert "\nUser=neasmart\n" in INSTALL
