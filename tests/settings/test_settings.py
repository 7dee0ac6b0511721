"""Settings: four sources, one validation, and a message that names the key, the value and what is allowed."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from neasmart.facts.errors import SettingsError
from neasmart.facts.status import Closable
from neasmart.settings.loading import checked, environment_names, load, load_judged
from neasmart.settings.model import LogFormat, LogLevel, ServerType, Settings

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
    "NEASMART_API_ENABLE_AUTH",
    "NEASMART_API_KEY",
    "NEASMART_API_JWT_SECRET",
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


@pytest.mark.parametrize(("entered", "device"), [("/dev/ttyUSB0 ", "/dev/ttyUSB0"), (" ", "")])
def test_blanks_around_a_device_are_no_part_of_its_name(entered: str, device: str) -> None:
    server = checked({"server": {"serial_port": entered}}, "test").server

    assert (server.serial_port, server.listens) == (device, not device)


def test_without_any_source_the_defaults_hold() -> None:
    assert load({}) == Settings()
    assert Settings().server.type is ServerType.AUTO
    assert (Settings().server.address, Settings().server.port) == ("0.0.0.0", 502)
    assert Settings().modbus.slave_id == [240, 241]
    assert (Settings().api.port, Settings().api.ingress_port) == (5001, 8099)
    assert (Settings().api.rate_limit, Settings().api.rate_limit_writes) == (600, 60)


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


def test_a_key_of_digits_only_is_a_key(folder: Path) -> None:
    write(folder / "config.json", '{"api": {"enable_auth": true, "key": 12345678901234567890}}')

    assert load({}).api.key == "12345678901234567890"
    assert load({"NEASMART_API_KEY": "0123456789"}).api.key == "0123456789"


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
    assert [(zone.base, zone.zone, zone.name) for zone in settings.zones] == [(1, 3, "Küche")]


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
        ({"server": {"port": "502"}}, ["server.port", '"502"', "Expected a whole number, got text"]),
        ({"server": {"port": True}}, ["server.port", "true", "Expected a whole number, got true or false"]),
        ({"server": {"type": "udp"}}, ["server.type", '"udp" is not allowed. Allowed: auto, tcp, rtu_tcp, serial']),
        ({"server": {"prot": 502}}, ["server.prot", "port"]),
        ({"sever": {}}, ["sever", "server"]),
        ({"server": 5}, ["server = 5", "object"]),
        ({"api": "mqtt://user:secret@host"}, ["api = (hidden)", "object"]),
        ({"server": {"port": 0}, "logging": {"level": "loud"}}, ["server.port = 0", 'logging.level = "loud"']),
        ({"server": {"parity": "X"}}, ["server.parity", '"X"', "N, E, O"]),
        ({"api": {"enable_auth": True, "key": "a b"}}, ["api.key = (hidden)", "without blanks"]),
        ({"modbus": {"slave_id": [240, 0]}}, ["modbus.slave_id[1] = 0", "1"]),
        ({"modbus": {"slave_id": []}}, ["modbus.slave_id", "at least one"]),
        ({"modbus": {"slave_id": [240, 240]}}, ["modbus.slave_id", "each once"]),
        ({"modbus": {"no_data_mode": 2}}, ["modbus.no_data_mode", "2", "command"]),
        ({"logging": {"syslog": "logs.lan"}}, ["logging.syslog", "'logs.lan'", "udp://HOST:PORT"]),
        ({"logging": {"syslog": "udp://logs.lan:70000"}}, ["logging.syslog", "70000", "udp://HOST:PORT"]),
        ({"server": {"allowed_peers": ["home"]}}, ["server.allowed_peers", "'home'", "192.168.1.0/24"]),
        ({"server": {"serial_port": "http://x:1"}}, ["server.serial_port", "socket://HOST:PORT"]),
        ({"zones": [{"base": 1, "zone": 1}, {"base": 6, "zone": 1}]}, ["zones[1].base = 6", "5"]),
        ({"zones": [{"base": 1, "zone": 1}, {"base": 1, "zone": 1}]}, ["zone 1.1", "twice"]),
        ({"zones": {"1": "x"}}, ["zones", "Expected a list"]),
        ({"zones": [{"base": 1}]}, ['zones[0] = {"base": 1} is not allowed. zone is missing']),
        ({"server": {"reply_delay_ms": "1"}}, ["server.reply_delay_ms", "Expected a number, got text"]),
        ({"mqtt": {"prefix": "a b"}}, ["mqtt.prefix", "Expected text of letters, digits, - and _"]),
        ({"mqtt": {"node_id": "a/b"}}, ["mqtt.node_id", "Expected text of 1 to 32 letters, digits, - and _"]),
        ({"database": {"path": ""}}, ["database.path = ''", "such as data/neasmart.db"]),
        ("{", ["not valid JSON"]),
        ("[]", ["JSON object", "server"]),
        ("[" * 100_000, ["not valid JSON"]),
        ('{"api": {"enable_auth": true}, "api": {"port": 5002}}', ["not valid JSON", "'api' is there twice"]),
        ('{"api": {"enable_auth": true, "enable_auth": false}}', ["'enable_auth' is there twice"]),
        ({"api": {"host": ""}}, ["api.host = ''", "127.0.0.1"]),
        ({"api": {"ingress_host": "0.0.0.0:8099"}}, ["api.ingress_host = '0.0.0.0:8099'", "0.0.0.0 for all"]),
        ({"api": {"host": "x" * 64}}, ["api.host", "127.0.0.1"]),
        ({"server": {"address": "a..b"}}, ["server.address = 'a..b'", "0.0.0.0 for all"]),
        ({"database": {"path": "a\0b"}}, ['database.path = "a\\u0000b"', "zero byte"]),
        ({"server": {"type": "\ud83d"}}, ["server.type", "half of a sign"]),
        ({"server": {"allowed_peers": ["\ud83d"]}}, ["server.allowed_peers[0]", "half of a sign"]),
        ({"zones": [{"base": 1, "zone": 1, "name": "\ud83d"}]}, ["zones[0]", "half of a sign"]),
        ({"zones": [{"base": 1, "zone": 1, "\ud83d": 1}]}, ["zones[0]", "half of a sign"]),
        ({"api": {"\ud83d": 1}}, ["unknown key api.\\ud83d"]),
        ({"\ud83d": 1}, ["unknown key \\ud83d"]),
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
    assert str(caught.value).encode()


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("NEASMART_SERVER_PORT", "99999", "65535"),
        ("NEASMART_SERVER_PORT", "abc", "a whole number"),
        ("NEASMART_SERVER_PROT", "502", "Did you mean NEASMART_SERVER_PORT?"),
        ("NEASMART_MODBUS_SLAVE_ID", "240,900", "247"),
        ("NEASMART_DEBUG_MODE", "perhaps", "true or false"),
        ("NEASMART_ZONES", "{", "not valid JSON"),
        ("NEASMART_LOG_LEVEL", "loud", "debug, info, warning, error"),
        ("NEASMART_API_HOST", "a b", "127.0.0.1"),
        ("NEASMART_SERVER_ALLOWED_PEERS", " , ", "names nothing"),
        ("NEASMART_SERVER_TYPE", os.fsdecode(b"s\xe9riel"), "half of a sign"),
        ("NEASMART_MODBUS_SLAVE_ID", os.fsdecode(b"24\xb0"), "half of a sign"),
        ("NEASMART_MQTT_HOUSE", os.fsdecode(b"K\xfcche"), "half of a sign"),
    ],
)
def test_a_wrong_environment_variable_is_named(name: str, text: str, part: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({name: text})

    assert name in str(caught.value)
    assert part in str(caught.value)


SWITCHES = {
    f"{section.name}.{field.name}"
    for section in msgspec.structs.fields(Settings)
    if isinstance(getattr(Settings(), section.name), msgspec.Struct)
    for field in msgspec.structs.fields(getattr(Settings(), section.name))
    if field.type is bool
}


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_variable_counts_as_not_set_unless_it_is_a_switch(folder: Path, empty: str) -> None:
    written = {
        "server": {"allowed_peers": ["192.168.1.50"], "address": "127.0.0.1", "serial_port": "/dev/ttyUSB0"},
        "api": {"enable_auth": True, "key": "of-the-file"},
        "zones": [{"base": 1, "zone": 1, "name": "Kitchen"}],
    }
    write(folder / "config.json", written)
    alone = load({})

    for name, path in environment_names().items():
        found = load_judged({name: empty})

        if ".".join(path) in SWITCHES:
            assert [(fault.key, name in fault.text) for fault in found.faults] == [(".".join(path), True)]
        else:
            assert (found.faults, found.settings) == ((), alone), name


def test_an_empty_variable_does_not_hide_the_older_name_beside_it() -> None:
    environment = {"NEASMART_API_KEY": "", "NEASMART_API_API_KEY": "older", "NEASMART_MQTT_HOST": ""}

    assert load(environment).api.key == "older"


@pytest.mark.parametrize("word", ["false", "OFF", "flase"])
def test_a_switch_of_the_environment_takes_the_effect_from_a_file_too(folder: Path, word: str) -> None:
    write(folder / "config.json", {"api": {"cors_origins": ["http://panel.lan"]}, "logging": {"file": "gateway.log"}})

    found = load_judged({"NEASMART_API_ENABLE_CORS": word, "NEASMART_LOG_ENABLE_FILE": word})

    assert (found.faults, found.settings.api.cors_origins, found.settings.logging.file) == ((), [], "")
    assert any("NEASMART_API_ENABLE_CORS" in note for note in found.notes) is (word == "flase")


@pytest.mark.parametrize("word", ["true", "On", ""])
def test_a_switch_that_is_on_changes_nothing(word: str) -> None:
    found = load_judged({"NEASMART_API_ENABLE_CORS": word, "NEASMART_API_CORS_ORIGINS": "http://panel.lan"})

    assert (found.faults, found.settings.api.cors_origins) == ((), ["http://panel.lan"])


def test_a_folder_that_cannot_be_is_no_reason_to_stop() -> None:
    path = f"/tmp/{'x' * 300}/neasmart.db"

    found = load_judged({"NEASMART_DATABASE_PATH": path})

    assert (found.faults, found.settings.database.path) == ((), path)


def test_a_file_that_may_not_be_looked_at_closes_what_it_may_have_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, *_: object, **__: object) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "lstat", refused)
    monkeypatch.setattr(os, "open", refused)

    found = load_judged({})

    assert found.closed == ALL
    assert "config.json: cannot be read (Permission denied)" in found.faults[0].text


def test_a_link_to_a_disk_that_is_away_closes_what_it_may_have_meant(folder: Path) -> None:
    (folder / "config.json").symlink_to(folder / "disk" / "config.json")

    found = load_judged({})

    assert found.closed == ALL
    assert "config.json: cannot be read (No such file or directory)" in found.faults[0].text


def test_a_form_of_an_older_gateway_is_answered_in_one_sentence(folder: Path) -> None:
    write(folder / "options.json", {"listen_address": "0.0.0.0", "listen_port": "502", "slave_id": 240})

    found = load_judged({"NEASMART_OPTIONS_FILE": "options.json"})

    said = "Take over what it says by `neasmart import options.json --apply`, then move the file away"
    assert [fault.text for fault in found.faults] == [f"options.json: is of an older gateway. {said}"]


@pytest.mark.parametrize(("kind", "port"), [("tcp", ""), ("TCP", ""), ("serial", "/dev/ttyUSB0")])
def test_the_device_of_every_published_example_is_the_link_only_if_it_was(folder: Path, kind: str, port: str) -> None:
    server = {"type": kind, "serial_port": "/dev/ttyUSB0", "serial_baudrate": 38400}
    write(folder / "config.json", {"server": server, "features": {"debug_mode": True}})

    found = load_judged({})

    assert found.settings.server.serial_port == port
    assert found.settings.logging.debug_mode
    assert ("server.serial_port has no effect" in " ".join(found.notes)) is not bool(port)


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ELOOP])
def test_a_disk_that_fails_closes_what_it_may_hold(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(path: Path, *_: object, **__: object) -> Any:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "lstat", failing)
    monkeypatch.setattr(os, "open", failing)

    assert load_judged({}).closed == ALL


def test_a_file_with_a_foreign_name_can_be_told(folder: Path) -> None:
    named = folder / os.fsdecode(b"K\xfcche.json")
    write(named, {"server": {"prot": 1}})

    found = load_judged({"NEASMART_CONFIG_FILE": str(named)})

    assert ["K\\udcfcche.json" in text for text in (*found.notes, found.faults[0].text)] == [True, True]


def test_comments_may_have_the_same_name(folder: Path) -> None:
    write(folder / "config.json", '{"//": "a", "//": "b", "server": {"port": 1502}}')

    assert load({}).server.port == 1502


def test_a_configuration_file_that_is_named_must_exist() -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.json.*cannot be read"):
        load({"NEASMART_CONFIG_FILE": "nowhere.json"})


def test_a_file_that_is_not_utf_8_is_named(folder: Path) -> None:
    (folder / "config.json").write_bytes(b'{"server": {"address": "\xff\xfe"}}')

    with pytest.raises(SettingsError, match=r"not saved as UTF-8 \(byte 24\)"):
        load({})


ALL = frozenset(Closable)


@pytest.mark.parametrize(
    ("options", "closed", "key"),
    [
        ({"zones": [{"base": 1, "zone": 1, "name": "A"}, {"base": 1, "zone": 1}]}, set(), "zones[1]"),
        ({"zones": [{"base": 1, "zone": 1, "name": "A"}, {"base": 9, "zone": 1}]}, set(), "zones[1].base"),
        ({"zones": [{"base": 1, "zone": 1, "name": "A"}, 5]}, set(), "zones[1]"),
        ({"logging": {"level": "loud"}}, set(), "logging.level"),
        ({"logging": {"syslog": "logs.lan"}}, set(), "logging.syslog"),
        ({"logging": {"colour": "red"}}, set(), "logging.colour"),
        ({"database": {"history_max_mb": 0}}, set(), "database.history_max_mb"),
        ({"database": {"path": 5}}, {Closable.STORE}, "database.path"),
        ({"database": []}, {Closable.STORE}, "database"),
        ({"mqtt": {"host": "mqtt://broker"}}, {Closable.MQTT}, "mqtt.host"),
        ({"mqtt": {"node_id": "a b"}}, {Closable.MQTT}, "mqtt.node_id"),
        ({"api": {"enable_auth": True}}, {Closable.API}, "api.enable_auth"),
        ({"api": {"enable_auht": True}}, {Closable.API}, "api.enable_auht"),
        ({"api": {"port": 0}}, {Closable.API}, "api.port"),
        ({"api": 5}, {Closable.API}, "api"),
        ({"server": {"allowed_peers": ["999.1.1.1"]}}, {Closable.BUS}, "server.allowed_peers"),
        ({"modbus": {"slave_id": [300]}}, {Closable.BUS}, "modbus.slave_id[0]"),
        ({"sever": {}}, ALL, ""),
    ],
)
def test_a_slip_costs_its_own_part_only(folder: Path, options: object, closed: set[Closable], key: str) -> None:
    write(folder / "config.json", {"api": {"port": 6001, "rate_limit": 5}, "server": {"baudrate": 9600}})
    file = write(folder / "options.json", options)

    found = load_judged({"NEASMART_OPTIONS_FILE": str(file)})

    assert [fault.key for fault in found.faults] == [key]
    assert "options.json" in found.faults[0].text
    assert found.closed == closed
    assert found.settings.server.baudrate == 9600
    assert found.settings.api.enabled is (Closable.API not in closed)
    assert found.settings.mqtt.enabled is (Closable.MQTT not in closed)
    if key.startswith("zones"):
        assert [zone.name for zone in found.settings.zones] == ["A"]


@pytest.mark.parametrize("source", ["file", "environment"])
def test_what_may_have_meant_anything_closes_everything(folder: Path, source: str) -> None:
    file = write(folder / "options.json", "{" if source == "file" else {})
    variables = {} if source == "file" else {"NEASMART_API_ENABLE_AUHT": "true"}

    found = load_judged({"NEASMART_OPTIONS_FILE": str(file), **variables})

    assert found.closed == ALL
    assert (found.settings.api.enabled, found.settings.mqtt.enabled) == (False, False)


def test_all_faults_are_named_at_once_each_with_its_source(folder: Path) -> None:
    write(folder / "config.json", {"server": {"port": 0}, "api": {"rate_limit": -1, "key": "a b"}})

    with pytest.raises(SettingsError) as caught:
        load({"NEASMART_MODBUS_SLAVE_ID": "900"})

    for part in ("config.json: server.port", "api.rate_limit", "api.key = (hidden)", "NEASMART_MODBUS_SLAVE_ID"):
        assert part in str(caught.value)


def test_a_fault_of_one_source_is_made_good_by_a_later_one(folder: Path) -> None:
    write(folder / "config.json", {"server": {"port": 0}})

    assert load({"NEASMART_SERVER_PORT": "1502"}).server.port == 1502


def test_what_is_saved_in_the_form_stands_in_for_its_file(folder: Path) -> None:
    file = write(folder / "options.json", {"server": {"port": 0}})

    found = load_judged({"NEASMART_OPTIONS_FILE": str(file)}, options={"server": {"port": 1502}})

    assert (found.settings.server.port, found.faults) == (1502, ())


def test_a_pipe_in_the_place_of_a_file_is_named_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")

    with pytest.raises(SettingsError, match="no regular file"):
        load({"NEASMART_CONFIG_FILE": str(folder / "pipe")})


def test_a_file_without_end_is_refused(folder: Path) -> None:
    write(folder / "config.json", " " * 1_000_001)

    with pytest.raises(SettingsError, match="larger than 1000000 bytes"):
        load({})


def test_the_words_of_the_published_description_are_taken(folder: Path) -> None:
    write(
        folder / "config.json",
        {
            "server": {"type": "TCP"},
            "api": {"rate_limit_per_minute": 120, "workers": 4},
            "logging": {"level": "INFO", "format": "JSON", "enable_file": True, "file_path": "log/gateway.log"},
        },
    )

    found = load_judged({"NEASMART_WORKERS": "4", "ENVIRONMENT": "production", "NEASMART_LOG_LEVEL": "CRITICAL"})

    assert found.faults == ()
    settings = found.settings
    assert (settings.server.type, settings.api.rate_limit) == (ServerType.TCP, 120)
    assert (settings.logging.level, settings.logging.format) == (LogLevel.ERROR, LogFormat.JSON)
    assert settings.logging.file == "log/gateway.log"
    notes = " ".join(found.notes)
    assert "api.rate_limit_per_minute is taken as api.rate_limit" in notes
    assert notes.count("one process serves everything") == 2


@pytest.mark.parametrize("enabled", [True, False])
def test_the_switch_of_the_log_file_counts(folder: Path, enabled: bool) -> None:
    write(folder / "config.json", {"logging": {"enable_file": enabled, "file_path": "gateway.log"}})

    assert load({}).logging.file == ("gateway.log" if enabled else "")


def test_a_configuration_beside_the_data_is_read_and_one_that_is_passed_over_is_named(folder: Path) -> None:
    beside = folder / "data" / "config.json"
    beside.parent.mkdir()
    write(beside, {"server": {"port": 1000}})

    alone = load_judged({})
    write(folder / "config.json", {"server": {"port": 2000}})
    both = load_judged({})

    assert (alone.settings.server.port, both.settings.server.port) == (1000, 2000)
    assert "Settings are read from data/config.json" in alone.notes
    assert "data/config.json is not read, because config.json is" in both.notes
    assert load({"NEASMART_DATABASE_PATH": str(folder / "data" / "neasmart.db")}).server.port == 2000
