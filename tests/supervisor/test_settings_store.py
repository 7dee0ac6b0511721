"""Settings are stored where they live: with the Supervisor, in config.json, or not where the environment decides."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from neasmart.facts.errors import SettingsError
from neasmart.settings.loading import load_judged
from neasmart.supervisor import Supervisor, SupervisorError
from neasmart.wiring.settings_store import DecidedElsewhereError, Decider, NotStoredError, SettingsStore
from tests.support.fake_supervisor import FakeSupervisor

pytestmark = [
    pytest.mark.unguarded(
        "tasks",
        reason="the handlers of the test's own server that hangs end with the loop",
    ),
    pytest.mark.unguarded(
        "blocking",
        reason="settings are loaded before the loop begins; the test does it inside",
    ),
]

DIALLED = {"serial_port": None, "url": "socket://192.168.1.50:8899"}


@pytest.fixture
def store(client: Supervisor) -> SettingsStore:
    return SettingsStore({}, client)


async def test_one_change_keeps_all_other_options(store: SettingsStore, fake: FakeSupervisor) -> None:
    fake.save_in_form(mqtt={**fake.options["mqtt"], "host": "192.168.1.9", "password": "secret"})
    fake.save_in_form(server={**fake.options["server"], "serial_port": "/dev/ttyUSB0", "allowed_peers": ["10.0.0.1"]})

    await store.change("server", DIALLED)

    server = fake.options["server"]
    assert (server.get("serial_port"), server["url"]) == (None, "socket://192.168.1.50:8899")
    assert server["allowed_peers"] == ["10.0.0.1"]
    assert fake.options["mqtt"]["password"] == "secret"
    assert fake.posted[-1].keys() == {"options"}
    found = load_judged({}, options=await Supervisor.options(store._of_home_assistant))
    assert (found.faults, found.settings.server.serial_port) == ((), "socket://192.168.1.50:8899")


async def test_a_port_is_opened_with_all_ports_and_a_restart_is_asked_for(
    store: SettingsStore, fake: FakeSupervisor
) -> None:
    fake.network["5001/tcp"] = 5001

    await store.open_port("502/tcp", 502)
    await store.restart()

    assert fake.network == {"502/tcp": 502, "5001/tcp": 5001}
    assert await store.ports() == fake.network
    assert fake.restarts == 1


async def test_options_that_are_saved_while_a_port_is_opened_stay(store: SettingsStore, fake: FakeSupervisor) -> None:
    fake.before_post = lambda: fake.save_in_form(logging={"level": "debug"})

    await store.open_port("502/tcp", 502)

    assert fake.options["logging"] == {"level": "debug"}
    assert fake.network["502/tcp"] == 502


async def test_a_refusal_is_told_and_nothing_is_changed(store: SettingsStore, fake: FakeSupervisor) -> None:
    before = fake.options

    with pytest.raises(SupervisorError, match="Invalid options: level is none of"):
        await store.change("logging", {"level": "loud"})

    assert fake.options == before


async def test_options_that_change_elsewhere_at_the_same_moment_are_noticed(
    store: SettingsStore, fake: FakeSupervisor
) -> None:
    def elsewhere() -> None:
        fake.user["server"] = {**fake.options["server"], "url": "socket://10.9.9.9:1"}

    fake.after_post = elsewhere

    with pytest.raises(SupervisorError, match="changed elsewhere"):
        await store.change("server", DIALLED)


async def test_a_supervisor_that_hangs_or_is_away_is_told(
    store: SettingsStore, fake: FakeSupervisor, client: Supervisor
) -> None:
    fake.hangs, client._timeout_s = True, 0.5
    with pytest.raises(SupervisorError, match="did not answer"):
        await store.change("server", DIALLED)
    with pytest.raises(SupervisorError, match="did not answer"):
        await store.restart()

    fake.hangs, fake.refuses, client._timeout_s = False, "System is not ready", 30.0
    with pytest.raises(SupervisorError, match="System is not ready"):
        await store.ports()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


async def test_without_home_assistant_config_json_is_written_with_a_copy(folder: Path) -> None:
    file = folder / "config.json"
    before = {
        "server": {"serial_port": "/dev/ttyUSB0", "baudrate": 9600},
        "zones": [{"base": 1, "zone": 1, "name": "A"}],
    }
    file.write_text(json.dumps(before))
    file.chmod(0o640)
    store = SettingsStore({}, None)

    await store.change("server", DIALLED)

    assert read(file) == {**before, "server": {"baudrate": 9600, "url": "socket://192.168.1.50:8899"}}
    assert read(folder / "config.json.before") == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert store.decider("server", DIALLED) is Decider.FILE
    assert load_judged({}).settings.server.serial_port == "socket://192.168.1.50:8899"


async def test_the_first_file_is_nobody_elses(folder: Path) -> None:
    await SettingsStore({}, None).change("server", DIALLED)

    assert stat.S_IMODE((folder / "config.json").stat().st_mode) == 0o600
    assert sorted(each.name for each in await asyncio.to_thread(lambda: list(folder.iterdir()))) == ["config.json"]


async def test_what_could_not_be_used_is_not_stored_but_older_slips_stand_in_nobodys_way(folder: Path) -> None:
    file = folder / "config.json"
    file.write_text('{"logging": {"level": "loud"}}')
    store = SettingsStore({}, None)

    await store.change("server", DIALLED)
    with pytest.raises(SettingsError, match=r"server\.url"):
        await store.change("server", {"url": "http://x"})

    assert read(file)["server"]["url"] == "socket://192.168.1.50:8899"


async def test_a_file_that_cannot_be_written_is_named() -> None:
    store = SettingsStore({"NEASMART_DATABASE_PATH": "/proc/neasmart.db"}, None)

    with pytest.raises(NotStoredError, match=r"/proc/config\.json cannot be written"):
        await store.change("server", DIALLED)


@pytest.mark.parametrize("name", ["NEASMART_SERVER_URL", "NEASMART_GATEWAY_SERVER_SERIAL_PORT"])
async def test_what_the_environment_decides_is_refused_by_name(name: str, client: Supervisor) -> None:
    for supervisor in (None, client):
        store = SettingsStore({name: "x", "NEASMART_API_PORT": "5001"}, supervisor)

        assert store.decider("server", DIALLED) is Decider.ENVIRONMENT
        with pytest.raises(DecidedElsewhereError, match=name):
            await store.change("server", DIALLED)


async def test_while_our_file_is_away_none_without_its_locks_is_written(folder: Path) -> None:
    own = folder / "config.json"
    own.write_text('{"api": {"enable_auth": true, "key": "abcdefgh"}}', encoding="utf-8")
    store = SettingsStore({}, None)
    own.rename(folder / "config.json~")

    with pytest.raises(NotStoredError, match=r"config\.json is not there"):
        await store.change("server", DIALLED)
    assert not own.exists()

    (folder / "config.json~").rename(own)
    await store.change("server", DIALLED)
    assert json.loads(own.read_text(encoding="utf-8"))["api"]["enable_auth"]


async def test_a_file_that_is_named_and_not_there_is_not_made_because_all_that_it_closes_would_open(
    folder: Path,
) -> None:
    store = SettingsStore({"NEASMART_CONFIG_FILE": str(folder / "confg.json")}, None)

    with pytest.raises(NotStoredError, match=r"confg\.json is not there"):
        await store.change("server", DIALLED)
    assert not (folder / "confg.json").exists()


async def test_a_link_to_our_file_stays_a_link(folder: Path) -> None:
    (folder / "disk").mkdir()
    own = folder / "disk" / "settings.json"
    own.write_text("{}", encoding="utf-8")
    (folder / "config.json").symlink_to(own)

    await SettingsStore({}, None).change("server", DIALLED)

    assert (folder / "config.json").is_symlink()
    assert json.loads(own.read_text(encoding="utf-8"))["server"]["url"] == DIALLED["url"]
    assert {each.name for each in (folder / "disk").iterdir()} == {"settings.json"}


@pytest.mark.usefixtures("folder")
def test_an_empty_variable_decides_nothing() -> None:
    assert SettingsStore({"NEASMART_SERVER_URL": ""}, None).decider("server", DIALLED) is Decider.FILE


async def test_outside_home_assistant_nobody_opens_ports(folder: Path) -> None:
    store = SettingsStore({}, None)

    assert not store.can_open_ports
    for asked in (store.restart(), store.open_port("502/tcp", 502), store.ports()):
        with pytest.raises(DecidedElsewhereError):
            await asked
    assert not (folder / "config.json").exists()
