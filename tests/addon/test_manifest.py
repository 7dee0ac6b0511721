from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
import yaml

from neasmart.settings.model import ApiSettings, ServerSettings, Settings
from tests.support.supervisor import APP, PUBLISHED, ROOT, RefusedError, elements, manifest, options_for

FORM = manifest()

# What the Supervisor assumes by itself; its linter makes an error of writing it down.
PLATFORM_DEFAULTS: dict[str, Any] = {
    "advanced": False,
    "apparmor": True,
    "auth_api": False,
    "backup": "hot",
    "boot": "auto",
    "docker_api": False,
    "full_access": False,
    "gpio": False,
    "hassio_api": False,
    "hassio_role": "default",
    "homeassistant_api": False,
    "host_network": False,
    "ingress": False,
    "ingress_port": 8099,
    "init": True,
    "options": {},
    "panel_admin": True,
    "panel_icon": "mdi:puzzle",
    "schema": {},
    "stage": "stable",
    "startup": "application",
    "stdin": False,
    "timeout": 10,
    "tmpfs": False,
    "uart": False,
    "udev": False,
    "usb": False,
    "video": False,
}
KNOWN_KEYS = PLATFORM_DEFAULTS.keys() | {
    "arch",
    "description",
    "homeassistant",
    "image",
    "name",
    "panel_title",
    "ports",
    "ports_description",
    "services",
    "slug",
    "url",
    "version",
}
RIGHTS_NOT_NEEDED = {
    "auth_api",
    "devices",
    "docker_api",
    "full_access",
    "hassio_api",
    "homeassistant_api",
    "host_dbus",
    "host_ipc",
    "host_network",
    "host_pid",
    "host_uts",
    "kernel_modules",
    "map",
    "privileged",
    "watchdog",
    "webui",
}


def _tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\0") if name]


def test_no_key_is_unknown_because_the_supervisor_drops_those_in_silence() -> None:
    assert FORM.keys() <= KNOWN_KEYS


def test_no_default_of_the_platform_is_written_down() -> None:
    assert not {key for key, value in FORM.items() if key in PLATFORM_DEFAULTS and PLATFORM_DEFAULTS[key] == value}


def test_the_security_rating_is_eight_of_eight() -> None:
    base, ingress, profile = 5, 2, 1
    rights = FORM.keys() & RIGHTS_NOT_NEEDED

    rating = base + (ingress if FORM["ingress"] else 0) + (profile if (APP / "apparmor.txt").is_file() else 0)

    assert not rights
    assert rating == 8


def test_slug_is_the_folder_and_both_architectures_are_built() -> None:
    assert FORM["slug"] == APP.name
    assert sorted(FORM["arch"]) == ["aarch64", "amd64"]


def test_an_image_is_named_only_where_the_release_publishes_it() -> None:
    """Without `image` the Supervisor builds the app itself, which works before anything is published."""
    assert FORM.get("image", PUBLISHED) == PUBLISHED


def test_ports_are_those_of_the_settings_and_closed_until_opened() -> None:
    assert FORM["ports"] == {f"{ServerSettings().port}/tcp": None, f"{ApiSettings().port}/tcp": None}


def test_the_ingress_port_is_the_platforms_own() -> None:
    assert ApiSettings().ingress_port == PLATFORM_DEFAULTS["ingress_port"]


def test_a_backup_cannot_tear_the_database() -> None:
    assert FORM["backup"] == "cold"
    assert not FORM.keys() & {"backup_pre", "backup_post"}


def test_the_app_starts_untouched_with_the_defaults() -> None:
    assert options_for() == FORM["options"]


def test_groups_are_nested_no_deeper_than_the_supervisor_reads() -> None:
    assert {len(path) for path in elements(FORM["schema"])} <= {1, 2}


def test_a_dongle_that_has_gone_keeps_nobody_from_saving_and_starting() -> None:
    field = elements(FORM["schema"])["server", "serial_port"]

    # With the type "device" the Supervisor looks for it, and refuses before the page could explain anything.
    assert (field.kind, field.optional) == ("str", True)


def test_every_switch_has_its_true_default_so_that_none_is_drawn_wrongly() -> None:
    switches = {path for path, field in elements(FORM["schema"]).items() if field.kind == "bool"}

    for section, key in switches:
        assert FORM["options"][section][key] is getattr(getattr(Settings(), section), key)


def test_nothing_that_was_added_since_the_first_version_is_required() -> None:
    required = {f"{section}.{key}" for (section, key), field in elements(FORM["schema"]).items() if not field.optional}

    # The Supervisor merges whole groups, so who has saved a group before would lack what is new in it, and not start.
    assert required <= {
        *("modbus.slave_id", "mqtt.enabled", "mqtt.tls", "mqtt.language", "api.enabled", "api.enable_auth"),
        "logging.level",
    }


def test_the_form_is_short() -> None:
    assert len(elements(FORM["schema"])) <= 16


def test_no_message_of_the_form_is_a_regular_expression_where_a_better_type_exists() -> None:
    patterns = {path for path, field in elements(FORM["schema"]).items() if field.kind == "match"}

    assert patterns == {("server", "url"), ("server", "allowed_peers")}


@pytest.mark.parametrize(
    "entered",
    [
        {"server": {"url": "http://192.168.1.50:80"}},
        {"server": {"url": "socket://u:secret@192.168.1.50:80"}},
        {"server": {"allowed_peers": ["my converter"]}},
        {"modbus": {"slave_id": "242"}},
        {"mqtt": {"port": 0}},
        {"mqtt": {"language": "es"}},
        {"logging": {"level": "loud"}},
    ],
    ids=str,
)
def test_the_form_refuses_what_the_gateway_could_not_use(entered: dict[str, Any]) -> None:
    with pytest.raises(RefusedError):
        options_for(entered)


def test_nothing_else_looks_like_a_manifest_to_the_supervisor() -> None:
    names = _tracked()

    manifests = [name for name in names if re.search(r"(^|/)config\.(ya?ml|json)$", name)]
    stores = [name for name in names if re.search(r"(^|/)repository\.", name)]
    builds = [name for name in names if re.search(r"^neasmart_addon/(.*/)?build\.", name)]

    assert (manifests, stores, builds) == (["neasmart_addon/config.yaml"], ["repository.yaml"], [])


def test_the_store_names_itself() -> None:
    store = yaml.safe_load((ROOT / "repository.yaml").read_text(encoding="utf-8"))

    assert store.keys() == {"name", "url", "maintainer"}
    assert store["url"] == FORM["url"]


@pytest.mark.parametrize(("name", "size"), [("icon.png", (128, 128)), ("logo.png", (250, 100))])
def test_pictures_have_the_size_that_the_store_shows(name: str, size: tuple[int, int]) -> None:
    content = (APP / name).read_bytes()

    assert content.startswith(b"\x89PNG")
    assert (int.from_bytes(content[16:20]), int.from_bytes(content[20:24])) == size
