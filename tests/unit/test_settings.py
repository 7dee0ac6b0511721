"""Settings: four sources, one validation, and a message that names the key, the value and what is allowed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neasmart.config import LogFormat, LogLevel, ServerType, Settings
from neasmart.errors import SettingsError
from neasmart.settings_loading import checked, environment_names, load, load_tolerant

DOCUMENTED_NAMES = [
    "NEASMART_SERVER_TYPE",
    "NEASMART_SERVER_ADDRESS",
    "NEASMART_SERVER_PORT",
    "NEASMART_SERVER_ALLOWED_PEERS",
    "NEASMART_SERVER_SERIAL_PORT",
    "NEASMART_MODBUS_SLAVE_ID",
    "NEASMART_MODBUS_SYNC_ON_STARTUP",
    "NEASMART_MODBUS_CIRCUIT_BREAKER_FAILURE_THRESHOLD",
    "NEASMART_MODBUS_CIRCUIT_BREAKER_RECOVERY_TIMEOUT",
    "NEASMART_API_HOST",
    "NEASMART_API_PORT",
    "NEASMART_INGRESS_PORT",
    "NEASMART_DATABASE_PATH",
    "NEASMART_DATABASE_ENABLE_FALLBACK",
    "NEASMART_LOG_LEVEL",
    "NEASMART_LOG_FILE",
    "NEASMART_LOG_SYSLOG",
    "LOG_FORMAT",
    "NEASMART_DEBUG_MODE",
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without any configuration."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("server", "listens"),
    [
        ({}, True),
        ({"type": "tcp"}, True),
        ({"type": "serial"}, False),
        ({"serial_port": "/dev/ttyUSB0"}, False),
        ({"type": "rtu_tcp", "url": "socket://192.168.1.50:8899"}, False),
    ],
)
def test_a_device_or_a_url_is_the_link_whatever_kind_is_set(server: dict[str, str], *, listens: bool) -> None:
    assert checked({"server": server}, "test").server.listens is listens


def test_without_any_source_the_defaults_hold() -> None:
    assert load({}) == Settings()
    assert Settings().server.type is ServerType.AUTO
    assert (Settings().server.address, Settings().server.port) == ("0.0.0.0", 502)
    assert Settings().modbus.slave_id == [240, 241]
    assert (Settings().api.port, Settings().api.ingress_port) == (5001, 8099)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("NEASMART_ZONES", "[" * 100_000),
        ("NEASMART_MODBUS_SLAVE_ID", "9" * 5000),
        ("NEASMART_MODBUS_SLAVE_ID", "\N{SUPERSCRIPT TWO}"),
    ],
    ids=["deep", "huge", "superscript"],
)
def test_hostile_texts_are_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match="NEASMART_"):
        load({name: text})


@pytest.mark.parametrize("name", DOCUMENTED_NAMES)
def test_a_documented_environment_name_exists(name: str) -> None:
    assert name in environment_names()


def test_a_later_source_wins_key_by_key(folder: Path) -> None:
    write(folder / "config.json", {"server": {"port": 1000, "address": "127.0.0.1"}, "api": {"port": 6001}})
    options = write(folder / "options.json", {"server": {"port": 2000}})

    settings = load({"NEASMART_OPTIONS_FILE": str(options), "NEASMART_API_PORT": "7001"})

    assert settings.server.port == 2000
    assert settings.server.address == "127.0.0.1"
    assert settings.api.port == 7001


def test_the_environment_is_read_by_the_type_of_the_setting() -> None:
    settings = load(
        {
            "NEASMART_SERVER_TYPE": "RTU_TCP",
            "NEASMART_SERVER_ALLOWED_PEERS": "192.168.1.0/24, fd00::1",
            "NEASMART_MODBUS_SLAVE_ID": "241",
            "NEASMART_MODBUS_SYNC_ON_STARTUP": "no",
            "NEASMART_LOG_LEVEL": "DEBUG",
            "LOG_FORMAT": "json",
            "NEASMART_SERVER_REPLY_DELAY_MS": "2",
            "NEASMART_ZONES": '[{"base": 1, "zone": 3, "name": "Küche"}]',
            "UNRELATED": "kept out",
        }
    )

    assert settings.server.type is ServerType.RTU_TCP
    assert [str(network) for network in settings.server.networks] == ["192.168.1.0/24", "fd00::1/128"]
    assert settings.modbus.slave_id == [241]
    assert settings.modbus.sync_on_startup is False
    assert settings.logging.level is LogLevel.DEBUG
    assert settings.logging.format is LogFormat.JSON
    assert settings.server.reply_delay_ms == 2.0
    assert settings.zone_names == {(1, 3): "Küche"}


@pytest.mark.parametrize(
    ("unit_ids", "expected"), [(240, [240]), ([240, 241], [240, 241]), ("241", [241]), ("240, 241", [240, 241])]
)
def test_unit_ids_may_be_one_or_a_list(folder: Path, unit_ids: object, expected: list[int]) -> None:
    write(folder / "config.json", {"modbus": {"slave_id": unit_ids}})

    assert load({}).modbus.slave_id == expected


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ({"server": {"port": 99999}}, ["server.port", "99999", "65535"]),
        ({"server": {"port": "502"}}, ["server.port", '"502"', "int"]),
        ({"server": {"port": True}}, ["server.port", "true", "int"]),
        ({"server": {"type": "udp"}}, ["server.type", '"udp"', "auto, tcp, rtu_tcp, serial"]),
        ({"server": {"prot": 502}}, ["server.prot", "port"]),
        ({"sever": {}}, ["sever", "server"]),
        ({"server": 5}, ["server", "5", "object"]),
        ({"modbus": {"slave_id": [0]}}, ["modbus.slave_id", "0", "1"]),
        ({"modbus": {"slave_id": []}}, ["modbus.slave_id", "at least one"]),
        ({"modbus": {"slave_id": [240, 240]}}, ["modbus.slave_id", "each once"]),
        ({"modbus": {"no_data_mode": 2}}, ["modbus.no_data_mode", "2", "command"]),
        ({"logging": {"syslog": "logs.lan"}}, ["logging.syslog", "'logs.lan'", "udp://HOST:PORT"]),
        ({"logging": {"syslog": "udp://logs.lan:70000"}}, ["logging.syslog", "70000", "udp://HOST:PORT"]),
        ({"server": {"allowed_peers": ["home"]}}, ["server.allowed_peers", "'home'", "192.168.1.0/24"]),
        ({"server": {"serial_port": "http://x:1"}}, ["server.serial_port", "socket://HOST:PORT"]),
        ({"zones": [{"base": 6, "zone": 1}]}, ["zones", "6", "5"]),
        ({"zones": [{"base": 1, "zone": 1}, {"base": 1, "zone": 1}]}, ["zone 1.1", "twice"]),
        ({"zones": {"1": "x"}}, ["zones", "array"]),
        ("{", ["not valid JSON"]),
        ("[]", ["JSON object", "server"]),
        ("[" * 100_000, ["not valid JSON"]),
    ],
)
def test_what_does_not_fit_is_named_with_what_is_allowed(folder: Path, content: object, parts: list[str]) -> None:
    write(folder / "config.json", content)

    with pytest.raises(SettingsError) as caught:
        load({})

    assert "config.json" in str(caught.value)
    for part in parts:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("NEASMART_SERVER_PORT", "99999", "65535"),
        ("NEASMART_SERVER_PORT", "abc", "int"),
        ("NEASMART_SERVER_PROT", "502", "Did you mean NEASMART_SERVER_PORT?"),
        ("NEASMART_MODBUS_SLAVE_ID", "240,900", "247"),
        ("NEASMART_DEBUG_MODE", "perhaps", "bool"),
        ("NEASMART_ZONES", "{", "not valid JSON"),
        ("NEASMART_LOG_LEVEL", "loud", "debug, info, warning, error"),
    ],
)
def test_a_wrong_environment_variable_is_named(name: str, text: str, part: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({name: text})

    assert name in str(caught.value)
    assert part in str(caught.value)


def test_a_configuration_file_that_is_named_must_exist() -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.json.*cannot be read"):
        load({"NEASMART_CONFIG_FILE": "nowhere.json"})


def test_a_file_that_is_not_utf_8_is_named(folder: Path) -> None:
    (folder / "config.json").write_bytes(b'{"server": {"address": "\xff\xfe"}}')

    with pytest.raises(SettingsError, match="not valid JSON"):
        load({})


def test_broken_options_leave_the_other_settings_and_say_what_is_wrong(folder: Path) -> None:
    write(folder / "config.json", {"api": {"port": 6001}})
    options = write(folder / "options.json", {"server": {"port": 0}})

    settings, problem = load_tolerant({"NEASMART_OPTIONS_FILE": str(options)})

    assert settings.api.port == 6001
    assert settings.server.port == 502
    assert problem is not None
    assert "options.json: server.port = 0 is not allowed" in problem


def test_a_broken_file_of_ones_own_stops_the_start(folder: Path) -> None:
    write(folder / "config.json", {"server": {"port": 0}})

    with pytest.raises(SettingsError, match=r"config\.json: server\.port = 0"):
        load_tolerant({})
