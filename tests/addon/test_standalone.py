from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from neasmart.facts.errors import SettingsError
from neasmart.settings import loading as settings_loading
from neasmart.settings import model as config
from tests.support.supervisor import ROOT, manifest

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICE = COMPOSE["services"]["neasmart"]
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
INSTALL = (ROOT / "install.sh").read_text(encoding="utf-8")


def _environment(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))


def test_compose_builds_the_image_of_the_app_and_asks_no_registry_for_it() -> None:
    assert SERVICE["build"] == "neasmart_addon"
    assert "/" not in SERVICE["image"]
    assert SERVICE["pull_policy"] == "build"


def test_compose_keeps_the_data_and_the_page_off_the_network() -> None:
    assert "./data:/data" in SERVICE["volumes"]
    assert SERVICE["environment"]["NEASMART_INGRESS_HOST"] == "127.0.0.1"
    assert not SERVICE.get("privileged")


def test_compose_gives_a_stop_as_long_as_home_assistant_does() -> None:
    assert SERVICE["stop_grace_period"] == f"{manifest()['timeout']}s"


def settings_of(text: str, tmp_path: Path) -> config.Settings:
    (tmp_path / "config.json").write_text("{}", encoding="ascii")
    return settings_loading.load(_environment(text) | {"NEASMART_CONFIG_FILE": str(tmp_path / "config.json")})


def test_the_example_is_usable_as_it_is(tmp_path: Path) -> None:
    settings = settings_of(EXAMPLE, tmp_path)

    assert settings.server.type is config.ServerType.AUTO
    assert settings.api.host == "127.0.0.1"


def test_removing_the_signs_before_one_block_is_enough(tmp_path: Path) -> None:
    """A later line wins, in compose and in systemd; so the blocks may not lie before what they replace."""
    blocks = {block.splitlines()[0]: block for block in EXAMPLE.split("\n\n")}

    def with_block(begin: str) -> config.Settings:
        found = next(block for first, block in blocks.items() if first.startswith(begin))
        return settings_of(EXAMPLE.replace(found, re.sub("^#(?=NEASMART_)", "", found, flags=re.MULTILINE)), tmp_path)

    assert with_block("# 1.").server.allowed_peers == ["192.168.1.50"]
    dongle, dialled, broker = with_block("# 2.").server, with_block("# 3.").server, with_block("# Entities").mqtt
    assert dongle.serial_port == "/dev/ttyUSB0"
    assert dialled.serial_port == "socket://192.168.1.50:8899"
    assert (broker.host, broker.username) == ("192.168.1.10", "neasmart")
    assert [zone.name for zone in with_block("# Names").zones] == ["Living room", "Kitchen"]
    assert with_block("# The page").api.ingress_port == 8099


def test_a_key_in_its_block_opens_the_page_to_the_network(tmp_path: Path) -> None:
    block = next(block for block in EXAMPLE.split("\n\n") if block.startswith("# Page and API"))
    entered = re.sub("^#(?=NEASMART_)", "", block, flags=re.MULTILINE).replace("KEY=", "KEY=a-key-of-the-owner")

    api = settings_of(EXAMPLE.replace(block, entered), tmp_path).api

    assert (api.host, api.enable_auth, api.key) == ("0.0.0.0", True, "a-key-of-the-owner")
    assert "port 5001" in (ROOT / "compose.yaml").read_text(encoding="utf-8")


def test_a_key_is_asked_for_before_anybody_is_let_in_without_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"api\.key"):
        settings_of(EXAMPLE.replace("#NEASMART_API_ENABLE_AUTH", "NEASMART_API_ENABLE_AUTH"), tmp_path)


def test_every_name_of_the_example_is_a_setting() -> None:
    offered = set(re.findall(r"^#?(NEASMART_[A-Z_]+)=", EXAMPLE, re.MULTILINE))

    assert offered <= settings_loading.environment_names().keys()


def test_a_dongle_that_is_plugged_in_again_is_there_again() -> None:
    """A device that is listed alone is the old one; the folder shows the new one, and the rules allow its kinds."""
    allowed = {rule.split()[1] for rule in SERVICE["device_cgroup_rules"]}

    assert "/dev:/dev" in SERVICE["volumes"]
    assert "devices" not in SERVICE
    assert {"188:*", "166:*"} <= allowed
    assert all(
        rule.startswith("c ") and rule.split("#")[0].split()[2] == "rmw" for rule in SERVICE["device_cgroup_rules"]
    )


@pytest.mark.parametrize("shell", [[], ["sh"], ["bash"]], ids=["by itself", "sh", "bash"])
def test_install_explains_itself_and_refuses_what_it_does_not_know(shell: list[str]) -> None:
    helped = subprocess.run([*shell, str(ROOT / "install.sh"), "--help"], check=True, capture_output=True, text=True)
    refused = subprocess.run([str(ROOT / "install.sh"), "--colour"], check=False, capture_output=True, text=True)

    assert "--prefix" in helped.stdout
    assert (refused.returncode, refused.stdout) == (2, "")


def test_the_systemd_unit_stops_in_time_and_has_an_account_of_its_own() -> None:
    assert f"TimeoutStopSec={manifest()['timeout']}" in INSTALL
    assert "\nUser=neasmart\n" in INSTALL


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A program as the installation of a service writes it, whose Python tells how it was called."""
    for name in ("prefix/bin", "settings", "data", "home"):
        (tmp_path / name).mkdir(parents=True)
    names = "; ".join(f"{name}={tmp_path / name}" for name in ("prefix", "settings", "data"))
    script = f"service=yes; {names}; {INSTALL[INSTALL.index('launcher() {') : INSTALL.index('is_ours() {')]} launcher"
    (tmp_path / "neasmart").write_bytes(subprocess.run(["bash", "-c", script], check=True, capture_output=True).stdout)
    told = 'echo "$PWD|$*|$NEASMART_DATABASE_PATH|$NEASMART_API_KEY|$NEASMART_ZONES"; exit 3'
    (tmp_path / "prefix/bin/python").write_text(f"#!/bin/sh\n{told}\n")
    (tmp_path / "prefix/bin/python").chmod(0o755)
    (tmp_path / "settings/environment").write_text(
        '# A key\nNEASMART_API_KEY="a $(b) c"\n#NEASMART_MQTT_HOST=x\nNEASMART_ZONES=[{"base": 1, "zone": 1}]'
    )
    (tmp_path / "home/config.json").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("line", "where", "called", "own"),
    [
        ("record new.pcapng", "home", "record new.pcapng", False),
        ("token --jwt", "home", "token --jwt", False),
        ("import config.json --apply", "data", "import {home}/config.json --apply", False),
        ("import --apply nothing.json", "data", "import --apply nothing.json", False),
        ("simulate --tcp 127.0.0.1:502", "home", "simulate --tcp 127.0.0.1:502", True),
        ("run", "home", "run", True),
    ],
)
def test_what_is_called_by_hand_means_the_gateway_that_runs(
    installed: Path, line: str, where: str, called: str, own: bool
) -> None:
    done = subprocess.run(
        ["sh", str(installed / "neasmart"), *line.split()],
        check=False,
        cwd=installed / "home",
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )

    settings = "||" if own else f'{installed}/data/neasmart.db|a $(b) c|[{{"base": 1, "zone": 1}}]'
    told = f"{installed / where}|-P -m neasmart {called.format(home=installed / 'home')}|{settings}\n"
    assert (done.returncode, done.stdout, done.stderr) == (3, told, "")


def install(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "install.sh"), *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | environment,
    )


def test_all_that_an_installation_needs_is_named_before_anything_is_changed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("Dear all", encoding="ascii")

    refused = install("--prefix", "mine", "--no-service", cwd=tmp_path, PYTHON="/bin/false")

    assert refused.returncode == 1
    for needed in ("Python 3.11", "python3-venv", f"something else in {tmp_path / 'mine'}"):
        assert needed in refused.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter"]


@pytest.mark.parametrize("prefix", ["", "a$b", 'a"b', "a`b"])
def test_a_folder_that_a_shell_would_read_in_another_way_is_refused(tmp_path: Path, prefix: str) -> None:
    refused = install("--prefix", prefix, "--no-service", cwd=tmp_path)

    assert refused.returncode == 1
    assert "--prefix" in refused.stderr
    assert not list(tmp_path.iterdir())


def test_what_is_not_ours_is_not_uninstalled(tmp_path: Path) -> None:
    refused = install("--prefix", ".", "--uninstall", "--no-service", cwd=tmp_path)

    assert (refused.returncode, tmp_path.exists()) == (1, True)
    assert f"nothing is installed at {tmp_path}" in refused.stderr
