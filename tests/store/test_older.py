"""Import from older gateways: what is taken is shown and never served, and a hostile file does nothing."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from neasmart.cli.command_line import EXIT_SETTINGS, main
from neasmart.core.state.plant import Source
from neasmart.facts.codecs import encode_dpt9
from neasmart.facts.points import TABLE
from neasmart.settings.loading import load, load_judged
from neasmart.settings.model import Settings
from neasmart.store import Store
from neasmart.store.older import pickled_int
from neasmart.wiring.app import build_gateway

TEMPERATURE = TABLE.ref("zone.1.3.temperature")
SETPOINT = TABLE.ref("zone.1.3.setpoint")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of our own, without settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("NEASMART_")]:
        monkeypatch.delenv(name)
    return tmp_path


def older_file(path: Path, rows: dict[str, object], table: str = "holding_registers") -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE {table} (key TEXT PRIMARY KEY, value BLOB)")
        connection.executemany(
            f"INSERT INTO {table} VALUES (?, ?)",
            [(key, row if isinstance(row, bytes) else pickle.dumps(row)) for key, row in rows.items()],
        )
    return path


class Evil:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("executed",)


@pytest.mark.parametrize("protocol", range(1, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("word", [0, 1, 255, 256, 65535, 65536, -1])
def test_a_pickled_int_of_any_protocol_is_read(word: int, protocol: int) -> None:
    assert pickled_int(pickle.dumps(word, protocol)) == word


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(Evil()),
        pickle.dumps([5]),
        pickle.dumps(5.0),
        pickle.dumps("5"),
        pickle.dumps(obj=True),
        pickle.dumps(5) + b"K\x01.",
        b"K\x05",
        b"",
        b"I5\n.",
        "5",
        5,
        None,
    ],
)
def test_anything_but_a_pickled_int_is_refused(content: object, folder: Path) -> None:
    assert pickled_int(content) is None
    assert not (folder / "executed").exists()


async def test_imported_registers_are_shown_and_never_served(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {str(number): 0 for number in range(65_536)} | {
        str(TEMPERATURE.address): encode_dpt9(20.5),
        str(SETPOINT.address): encode_dpt9(22.0),
        "65000": 7,
    }
    path = older_file(folder / "registers.db", dict(rows))

    assert await asyncio.to_thread(main, ["import", str(path), "--apply"]) == 0

    said = capsys.readouterr().out
    assert "taken    2 registers" in said
    assert "dropped  1 registers that have no meaning here" in said
    settings = load({})
    gateway, untouched = build_gateway(settings), build_gateway(settings)
    store = Store(settings.database, settings.modbus, gateway)
    await store.open()
    await store.close()
    reading = gateway.plant.reading(TEMPERATURE)
    assert (reading.value, reading.stale, reading.source) == (20.5, True, Source.STORED)
    assert gateway.bus.poll(SETPOINT.address, 1, 240, 1.0) == untouched.bus.poll(SETPOINT.address, 1, 240, 1.0)


def test_what_the_gateway_knows_itself_stays_and_a_copy_is_kept(folder: Path) -> None:
    first = older_file(folder / "first.db", {str(TEMPERATURE.address): 100})
    second = older_file(folder / "second.db", {str(TEMPERATURE.address): 200, str(SETPOINT.address): 300})
    assert main(["import", str(first), "--apply"]) == 0

    assert main(["import", str(second), "--apply"]) == 0

    (copy,) = (folder / "data").glob("neasmart.db.before-import-*")
    found = {}
    for path in (folder / "data" / "neasmart.db", copy):
        with closing(sqlite3.connect(path)) as connection:
            found[path.name] = dict(connection.execute("SELECT address, word FROM reported"))
    assert found["neasmart.db"] == {TEMPERATURE.address: 100, SETPOINT.address: 300}
    assert found[copy.name] == {TEMPERATURE.address: 100}


def test_a_hostile_row_is_refused_and_nothing_is_executed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    address = str(TEMPERATURE.address)
    path = older_file(folder / "registers.db", {address: pickle.dumps(Evil()), "-1": 5, "x" * 9: 5, "3": 70_000})

    assert main(["import", str(path), "--apply"]) == 0

    assert "refused  4 rows" in capsys.readouterr().out
    assert sorted(each.name for each in folder.iterdir()) == ["registers.db"]


def test_a_view_that_never_ends_is_not_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(folder / "registers.db")) as connection, connection:
        connection.execute(
            "CREATE VIEW holding_registers AS WITH RECURSIVE n(key, value) AS "
            "(SELECT 1, 1 UNION ALL SELECT key + 1, 1 FROM n) SELECT * FROM n"
        )

    assert main(["import", "registers.db"]) == 1

    assert "no table holding_registers" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"SQLite format 3\x00" + b"\xff" * 200, b"\xff\xfe", b"[1]", b"{", b"", b"hello"])
def test_a_file_that_is_nothing_of_ours_is_refused_in_words(
    content: bytes, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "file").write_bytes(content)

    assert main(["import", "file", "--apply"]) == 1

    assert capsys.readouterr().err.startswith("neasmart: file: ")
    assert [each.name for each in folder.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("table", "said"),
    [("holding_registers", "Set it to another file, such as data/neasmart.db, and"), ("x", "another program")],
)
def test_our_storage_must_be_ours_before_registers_are_taken(
    table: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "data").mkdir()
    older_file(folder / "older.db", {str(TEMPERATURE.address): 5})
    own = older_file(folder / "data" / "registers.db", {str(TEMPERATURE.address): 5}, table)
    (folder / "config.json").write_text('{"database": {"path": "data/registers.db"}}', encoding="utf-8")
    content = own.read_bytes()

    assert main(["import", "older.db", "--apply"]) == 1

    assert said in capsys.readouterr().err
    assert own.read_bytes() == content


MODULES: dict[str, object] = {
    "main.json": {
        "// MAIN": "",
        "config_modules": {"server": "./config/server.json"},
        "overrides": {"// Example": "", "api.port": 8080, "debug_mode": True},
    },
    "server.json": {
        "// SERVER": "",
        "server": {"type": "tcp", "// Serial": "", "port": 1502, "serial_port": "/dev/ttyUSB0", "serial_bytesize": 8},
        "modbus": {"slave_id": 241},
    },
    "api.json": {"api": {"port": 5001, "enable_cors": False, "cors_origins": ["http://panel.example"]}},
    "logging.json": {"logging": {"enable_file": False, "file_path": "gateway.log"}},
    "features.json": {"features": {"enable_swagger": True, "debug_mode": False}, "advanced": {"cache_ttl": 300}},
    "zones.json": {"structures": [{"base_id": 1, "base_label": "Ground", "zones": [{"id": 1, "label": "Kitchen"}]}]},
}


@pytest.mark.parametrize("named", ["config", "config/main.json"])
def test_settings_in_several_files_are_taken_together(
    named: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "config").mkdir()
    for name, content in MODULES.items():
        (folder / "config" / name).write_text(json.dumps(content), encoding="utf-8")
    assert any("`neasmart import config --apply`" in note for note in load_judged({}).notes)

    assert main(["import", named, "--apply"]) == 0

    assert json.loads((folder / "config.json").read_text(encoding="utf-8")) == {
        "api": {"port": 8080},
        "logging": {"debug_mode": True},
        "modbus": {"slave_id": 241},
        "server": {"port": 1502, "type": "tcp"},
        "zones": [{"base": 1, "zone": 1, "name": "Kitchen", "floor": "Ground"}],
    }
    told = dict(
        line.removeprefix("dropped  ").split(": ", 1)
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("dropped")
    )
    assert told == {
        "advanced.cache_ttl": "it has no effect here: there are no such switches here",
        "api.cors_origins": "api.enable_cors is off",
        "api.enable_cors": "it is no setting of its own here; api.cors_origins is off where it is empty",
        "features.debug_mode": "debug_mode is taken instead",
        "features.enable_swagger": "it has no effect here: everything is always on here",
        "logging.enable_file": "it is no setting of its own here; logging.file is off where it is empty",
        "logging.file_path": "logging.enable_file is off",
        "server.serial_bytesize": "it has no effect here: the SYSBUS has 8 bits",
        "server.serial_port": "its server.type is tcp, and there the device did not count",
    }


def test_a_folder_without_settings_is_refused_in_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "photos").mkdir()

    assert main(["import", "photos"]) == 1

    assert capsys.readouterr().err == "neasmart: photos: is a folder without settings of an older gateway\n"


def test_an_older_file_in_the_place_of_ours_becomes_ours(folder: Path) -> None:
    older = {"api": {"api_key": "k", "cors_origins": ["*"]}, "database": {"path": "./data/registers.db"}}
    (folder / "config.json").write_text(json.dumps(older), encoding="utf-8")
    (folder / "data").mkdir()
    older_file(folder / "data" / "registers.db", {str(TEMPERATURE.address): 5})

    assert main(["import", "config.json", "--apply"]) == 0
    assert main(["import", "data/registers.db", "--apply"]) == 0

    assert load({}).api.key == "k"
    assert load({}).database.path == "data/neasmart.db"
    (copy,) = folder.glob("config.json.before-import-*")
    assert json.loads(copy.read_text(encoding="utf-8")) == older


def test_a_slip_in_our_own_file_is_named_and_not_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slip = '{"server": {"allowed_peers": ["192.168.1.x"]}}'
    (folder / "config.json").write_text(slip, encoding="utf-8")

    assert main(["import", "config.json", "--apply"]) == EXIT_SETTINGS

    assert "server.allowed_peers = '192.168.1.x' is not allowed" in capsys.readouterr().err
    assert (folder / "config.json").read_text(encoding="utf-8") == slip


def test_settings_on_a_disk_that_is_away_are_not_replaced(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = folder / "config.json"
    own.symlink_to(folder / "disk" / "config.json")
    (folder / ".env").write_text("SLAVE_ID=241", encoding="utf-8")

    assert main(["import", ".env", "--apply"]) == EXIT_SETTINGS

    assert "config.json: cannot be read" in capsys.readouterr().err
    assert own.is_symlink()


def test_a_slip_elsewhere_does_not_keep_registers_away(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    older_file(folder / "older.db", {str(TEMPERATURE.address): 5})
    (folder / "config.json").write_text('{"logging": {"level": "loud"}}', encoding="utf-8")
    assert main(["import", "older.db"]) == 0

    (folder / "config.json").write_text('{"database": {"path": 5}}', encoding="utf-8")
    assert main(["import", "older.db"]) == EXIT_SETTINGS
    assert "database.path = 5" in capsys.readouterr().err


async def test_registers_are_taken_beside_a_gateway_that_runs(folder: Path) -> None:
    older_file(folder / "older.db", {str(TEMPERATURE.address): encode_dpt9(20.5), str(SETPOINT.address): 300})
    settings = Settings()
    running = build_gateway(settings)
    store = Store(settings.database, settings.modbus, running)
    await store.open()
    running.bus.write(SETPOINT.address, [400], function_code=16, unit_id=0, now=1.0)

    assert await asyncio.to_thread(main, ["import", "older.db", "--apply"]) == 0
    await store.close()

    assert store._fault is None
    with closing(sqlite3.connect(settings.database.path)) as connection:
        found = dict(connection.execute("SELECT address, word FROM reported"))
    assert found == {TEMPERATURE.address: encode_dpt9(20.5), SETPOINT.address: 400}


def test_a_dry_run_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    older_file(folder / "registers.db", {str(TEMPERATURE.address): 5})
    (folder / "options.json").write_text('{"slave_id": 241}', encoding="utf-8")

    assert (main(["import", "registers.db"]), main(["import", "options.json"])) == (0, 0)

    assert sorted(each.name for each in folder.iterdir()) == ["options.json", "registers.db"]
    assert capsys.readouterr().out.count("Nothing was written") == 2


def test_older_options_become_ours(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = {"listen_address": "127.0.0.1", "listen_port": "5020", "server_type": "TCP", "slave_id": 241, "x": 1}
    (folder / "options.json").write_text(json.dumps(options), encoding="utf-8")
    (folder / "config.json").write_text('{"server": {"port": 502, "parity": "E"}}', encoding="utf-8")

    assert main(["import", "options.json", "--apply"]) == 0

    settings = load({})
    assert (settings.server.type, settings.server.address, settings.server.port) == ("tcp", "127.0.0.1", 5020)
    assert (settings.server.parity, settings.modbus.slave_id) == ("E", [241])
    said = capsys.readouterr().out
    assert "changed  listen_port: server.port = 5020, instead of 502" in said
    assert "taken    listen_address: server.address = 127.0.0.1" in said
    assert "dropped  x: there is no such setting here" in said
    (copy,) = folder.glob("config.json.before-import-*")
    assert json.loads(copy.read_text()) == {"server": {"port": 502, "parity": "E"}}


def test_names_of_the_environment_are_taken_and_a_serial_line_has_a_device(folder: Path) -> None:
    text = "# old\nexport SERVER_TYPE='serial'\nSLAVE_ID=240\ngateway_address=/dev/ttyUSB0\ngateway_port=502\n"
    (folder / "old.env").write_text(text, encoding="utf-8")

    assert main(["import", "old.env", "--apply"]) == 0

    assert json.loads((folder / "config.json").read_text()) == {
        "server": {"type": "serial", "serial_port": "/dev/ttyUSB0"},
        "modbus": {"slave_id": 240},
    }


def test_a_value_that_is_not_allowed_is_dropped_with_the_reason(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "options.json").write_text('{"slave_id": 400, "server_type": "udp", "gateway_port": 503}')

    assert main(["import", "options.json", "--apply"]) == 0

    assert json.loads((folder / "config.json").read_text()) == {"server": {"port": 503}}
    assert "dropped  server_type" in capsys.readouterr().out


def test_our_own_file_must_be_right_before_it_is_changed(folder: Path) -> None:
    (folder / "options.json").write_text('{"slave_id": 241}')
    (folder / "config.json").write_text('{"server": {"port": 0}}')

    assert main(["import", "options.json", "--apply"]) == EXIT_SETTINGS

    assert (folder / "config.json").read_text() == '{"server": {"port": 0}}'
    assert Settings().server.port == 502


SECTIONED = {
    "server": {"type": "TCP", "address": "127.0.0.1", "port": 5020, "workers": 4},
    "modbus": {
        "slave_ids": "240, 241",
        "sync_on_startup": "no",
        "circuit_breaker": {"failure_threshold": 3, "recovery_timeout": "30"},
    },
    "api": {
        "host": "0.0.0.0",
        "port": "5001",
        "enable_auth": True,
        "api_key": "a-key-that-is-long",
        "rate_limit": "9/s",
    },
    "database": {"path": "registers.db", "enable_fallback": False},
    "logging": {"level": "DEBUG", "log_format": "JSON", "file": "gateway.log", "colour": True},
    "telemetry": {"endpoint": "somewhere"},
}


def test_sections_of_an_older_gateway_become_ours(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "old.json").write_text(json.dumps(SECTIONED), encoding="utf-8")

    assert main(["import", "old.json", "--apply"]) == 0

    assert json.loads((folder / "config.json").read_text(encoding="utf-8")) == {
        "server": {"type": "tcp", "address": "127.0.0.1", "port": 5020},
        "modbus": {
            "slave_id": [240, 241],
            "sync_on_startup": False,
            "circuit_breaker_failure_threshold": 3,
            "circuit_breaker_recovery_timeout": 30.0,
        },
        "api": {"host": "0.0.0.0", "port": 5001, "enable_auth": True, "key": "a-key-that-is-long"},
        "database": {"enable_fallback": False},
        "logging": {"level": "debug", "format": "json", "file": "gateway.log"},
    }
    assert load({}).api.enable_auth
    said = capsys.readouterr().out
    assert "taken    modbus.circuit_breaker.failure_threshold: modbus.circuit_breaker_failure_threshold = 3" in said
    assert "dropped  server.workers: it has no effect here: one process serves everything" in said
    assert "dropped  database.path: the storage here has a form of its own" in said
    assert "dropped  api.rate_limit: api.rate_limit = " in said
    assert "dropped  telemetry.endpoint" in said
    assert "a-key-that-is-long" not in said


def test_a_serial_line_in_sections_keeps_its_device(folder: Path) -> None:
    sections = {"server": {"address": "0.0.0.0", "port": 502, "type": "serial", "serial_port": "/dev/ttyUSB0"}}
    (folder / "old.json").write_text(json.dumps(sections), encoding="utf-8")

    assert main(["import", "old.json", "--apply"]) == 0

    assert load({}).server.serial_port == "/dev/ttyUSB0"
    assert load({}).server.address == "0.0.0.0"


def test_our_names_of_the_environment_are_taken_from_a_file(folder: Path) -> None:
    text = (
        "NEASMART_SERVER_TYPE=RTU_TCP\nNEASMART_MODBUS_SLAVE_ID=240,241\nNEASMART_LOG_LEVEL=WARNING\nLOG_FORMAT=json\n"
    )
    (folder / "old.env").write_text(text, encoding="utf-8")

    assert main(["import", "old.env", "--apply"]) == 0

    settings = load({})
    assert (settings.server.type, settings.modbus.slave_id) == ("rtu_tcp", [240, 241])
    assert (settings.logging.level, settings.logging.format) == ("warning", "json")


def test_of_two_names_for_one_setting_the_first_counts_and_the_other_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "old.json").write_text('{"slave_id": 240, "modbus": {"slave_id": 241}, "listen_port": 502}')

    assert main(["import", "old.json"]) == 0

    assert "dropped  modbus.slave_id: slave_id is taken instead" in capsys.readouterr().out


def test_authentication_without_a_key_is_dropped_and_never_half_taken(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "old.json").write_text('{"api": {"enable_auth": true, "key": "with blank", "port": 5005, "host": "::"}}')

    assert main(["import", "old.json", "--apply"]) == 0

    assert json.loads((folder / "config.json").read_text()) == {"api": {"port": 5005, "enabled": False}}
    said = capsys.readouterr().out
    assert "dropped  api.enable_auth" in said
    assert "taken    api.enable_auth: api.enabled = False" in said
    assert "dropped  api.host: api.enable_auth cannot be taken, and the API must not be open to all" in said
    assert "with blank" not in said


@pytest.mark.parametrize(
    "content",
    [
        {"server": [1, 2]},
        {"server": None, "modbus": {"slave_id": {"a": {"b": {"c": {"d": 1}}}}}},
        {"": {"": 1}, "server": {"": 1, ".": 2}},
        {"server": {"port": True, "type": ["tcp"]}, "logging": {"level": {}}},
        {"zones": [{"base": 1}], "structures": [{"zones": 5}], "neasmart_zones": "[", "neasmart_api_cors_origins": "["},
    ],
)
def test_odd_sections_are_dropped_in_words(content: object, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "old.json").write_text(json.dumps(content), encoding="utf-8")

    assert main(["import", "old.json", "--apply"]) == 0

    assert "dropped" in capsys.readouterr().out
    assert not (folder / "config.json").exists()


def test_the_list_of_unit_ids_wins_over_the_single_one(folder: Path) -> None:
    (folder / "old.json").write_text('{"slave_id": 240, "slave_ids": [240, 241], "server_type": "tcp"}')

    assert main(["import", "old.json", "--apply"]) == 0

    assert load({}).modbus.slave_id == [240, 241]


GATEWAY_ENV = """\
NEASMART_GATEWAY_SERVER_TYPE=serial
NEASMART_GATEWAY_SERVER_SERIAL_PORT="/dev/ttyUSB0"  # the dongle
NEASMART_GATEWAY_SERVER_SERIAL_BAUDRATE=38400
NEASMART_GATEWAY_SERVER_SERIAL_PARITY='N'
NEASMART_API_KEY=your-secure-api-key-here
NEASMART_API_JWT_SECRET=your-jwt-secret-here
NEASMART_WORKERS=4
NEASMART_MODBUS_SLAVE_ID=240  # the id
"""


def test_a_file_of_the_published_description_is_taken_without_its_sample_secrets(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "old.env").write_text(GATEWAY_ENV, encoding="utf-8")

    assert main(["import", "old.env", "--apply"]) == 0

    assert json.loads((folder / "config.json").read_text()) == {
        "server": {"type": "serial", "serial_port": "/dev/ttyUSB0", "baudrate": 38400, "parity": "N"},
        "modbus": {"slave_id": 240},
    }
    said = capsys.readouterr().out
    assert said.count("so everybody knows it") == 2
    assert "dropped  NEASMART_WORKERS: it has no effect here: one process serves everything" in said


NESTED = [{"base_id": 1, "base_label": "Floor", "zones": [{"id": 1, "label": "Room A"}, {"id": 2, "label": "Room B"}]}]


@pytest.mark.parametrize(
    "rooms",
    [
        {"structures": NESTED},
        {"zones": NESTED},
        {"zones": {"1": {"label": "Floor", "zones": {"1": "Room A", "2": "Room B"}}}},
        {
            "zones": [
                {"base_id": 1, "zone_id": each, "label": f"Room {name}", "floor": "Floor"}
                for each, name in ((1, "A"), (2, "B"))
            ]
        },
        {
            "zones": [
                {"base": 1, "zone": each, "name": f"Room {name}", "floor": "Floor"}
                for each, name in ((1, "A"), (2, "B"))
            ]
        },
    ],
    ids=["structures", "nested", "by number", "flat", "ours"],
)
def test_names_and_floors_are_taken_from_every_shape(
    rooms: dict[str, object], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "old.json").write_text(json.dumps({"server_type": "tcp", **rooms}), encoding="utf-8")
    (folder / "config.json").write_text('{"zones": [{"base": 1, "zone": 2, "name": "Mine"}]}')

    assert main(["import", "old.json", "--apply"]) == 0

    zones = {(zone.base, zone.zone): (zone.name, zone.floor) for zone in load({}).zones}
    assert zones == {(1, 1): ("Room A", "Floor"), (1, 2): ("Mine", "")}
    said = capsys.readouterr().out
    assert "taken    zone 1.1: Room A (Floor)" in said
    assert "zone 1.2 has a name already" in said


def test_a_room_that_cannot_be_is_dropped_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "old.json").write_text(
        json.dumps({"structures": [{"base_id": 9, "zones": [{"id": 1, "label": "x"}]}, *NESTED]})
    )

    assert main(["import", "old.json", "--apply"]) == 0

    assert [(zone.zone, zone.name) for zone in load({}).zones] == [(1, "Room A"), (2, "Room B")]
    assert "dropped  zones[0]" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "address"), [("listen_address", "192.0.2.7"), ("api.host", "2001:db8::7")])
def test_an_address_that_is_not_this_computers_is_named_as_that(
    name: str, address: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "old.json").write_text(json.dumps({name: address, "listen_port": 503}))

    assert main(["import", "old.json", "--apply"]) == 0

    assert json.loads((folder / "config.json").read_text()) == {"server": {"port": 503}}
    assert f"dropped  {name}: {address} is no address of this computer" in capsys.readouterr().out


def test_what_is_written_is_what_the_next_start_reads(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "config.json").write_text('{"server": {"port": 503}}')
    (folder / "old.json").write_text('{"slave_id": 241}')

    assert main(["import", "old.json", "--apply"]) == 0

    assert not (folder / "config.json").exists()
    assert (load({}).modbus.slave_id, load({}).server.port) == ([241], 503)


def test_in_a_container_it_is_written_beside_the_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "volume").mkdir()
    (folder / "old.json").write_text('{"slave_id": 241}')
    monkeypatch.setenv("NEASMART_DATABASE_PATH", str(folder / "volume" / "neasmart.db"))

    assert main(["import", "old.json", "--apply"]) == 0

    assert not (folder / "config.json").exists()
    assert load().modbus.slave_id == [241]


@pytest.mark.parametrize("path", ["pipe", "/dev/zero", "."])
def test_what_is_no_file_is_refused_at_once(path: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(folder / "pipe")

    assert main(["import", path]) == 1

    assert path in capsys.readouterr().err


HUGE = {
    "computed": "CREATE TABLE holding_registers (key TEXT, value BLOB AS (zeroblob(900000)))",
    "stored": "CREATE TABLE holding_registers (key TEXT, value BLOB)",
    "keys": "CREATE TABLE holding_registers (key TEXT AS (printf('%.*c', 900000, '1')), value BLOB)",
}


@pytest.mark.parametrize("kind", HUGE)
def test_rows_of_a_megabyte_cost_no_memory(kind: str, folder: Path) -> None:
    with closing(sqlite3.connect(folder / "registers.db")) as connection, connection:
        connection.execute(HUGE[kind])
        column = "key" if kind == "computed" else "value"
        rows = 60 if kind == "stored" else 5000
        content = "zeroblob(900000)" if kind == "stored" else "'101'"
        connection.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
            f" INSERT INTO holding_registers ({column}) SELECT {content} FROM n"
        )

    code = (
        "import pathlib, re, sys; from neasmart.cli.command_line import main; code = main(['import', 'registers.db']);"
        " status = pathlib.Path('/proc/self/status').read_text();"
        " print('peak', int(re.search(r'VmHWM:\\s+(\\d+)', status)[1]) // 1024); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )

    peak_mb = int(done.stdout.rpartition("peak ")[2])
    assert peak_mb < 120, done.stdout
    assert f"refused  {rows} rows" in done.stdout or "longer than 10 s" in done.stderr


@pytest.mark.parametrize("of_root", [False, True], ids=["of the service", "of root"])
def test_root_writes_into_the_folder_of_a_service_as_that_service(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, of_root: bool
) -> None:
    (folder / "old.json").write_text('{"slave_id": 240}')
    own = folder / "config.json"
    own.write_text("{}")
    service = folder.stat().st_uid or 65534
    if os.getuid() == 0:
        for each in (folder, own):
            os.chown(each, service, service)
    became: list[tuple[str, object, str]] = []

    def becomes(name: str, given: object) -> None:
        became.append((name, given, own.read_text()))

    monkeypatch.setattr(os, "getuid", lambda: 0)
    if of_root:
        monkeypatch.setattr(Path, "lstat", lambda _: Path("/").stat())
    for name in ("setgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, partial(becomes, name))

    assert main(["import", "old.json", "--apply"]) == 0

    assert [(name, given) for name, given, _ in became] == (
        [] if of_root else [("setgroups", []), ("setgid", folder.stat().st_gid), ("setuid", service)]
    )
    assert {before for *_, before in became} <= {"{}"}
    assert "slave_id" in own.read_text()


def test_a_link_beside_the_settings_is_not_followed(folder: Path) -> None:
    (folder / "old.json").write_text('{"slave_id": 240}')
    (folder / "passwd").write_text("root:x:0:0")
    (folder / "config.json.new").symlink_to(folder / "passwd")

    assert main(["import", "old.json", "--apply"]) == 0

    assert (folder / "passwd").read_text() == "root:x:0:0"
    assert not (folder / "config.json").is_symlink()
