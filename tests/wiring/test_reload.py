"""Settings while the gateway runs: what can be used is used at once, what is wrong costs its own part only."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neasmart.core.gateway import SETTINGS, Gateway
from neasmart.facts.errors import NeasmartError
from neasmart.facts.status import Closable, SettingsStatus
from neasmart.settings import loading as settings_loading
from neasmart.settings import model as config
from neasmart.settings.model import Settings, different
from neasmart.wiring.app import build_gateway
from neasmart.wiring.reload import Reloader, Watched
from tests.support.ports import free_port
from tests.support.processes import GatewayProcess, eventually, gateway_process

pytestmark = [
    pytest.mark.unguarded(
        "blocking",
        reason="settings are loaded before the loop begins; the test does it inside",
    )
]

KEY = "abcdefghijklmnop"


class Form:
    """The Supervisor, as far as it knows what is saved in the form."""

    def __init__(self) -> None:
        self.saved: dict[str, Any] | None = None
        self.asked = asyncio.Event()
        self.count = 0

    async def options(self) -> dict[str, Any]:
        self.count += 1
        self.asked.set()
        if self.saved is None:
            raise NeasmartError("The Supervisor is away.")
        return self.saved


class Changing:
    """A reloader whose settings stand in one file, and who is told of every change."""

    def __init__(self, folder: Path, start: object, form: Form | None = None, ask_s: float = 30.0) -> None:
        self.file = folder / "config.json"
        self.write(start)
        self.environment = {
            settings_loading.CONFIG_FILE: str(self.file),
            settings_loading.OPTIONS_FILE: str(folder / "options.json"),
        }
        (folder / "options.json").write_text("{}", encoding="utf-8")
        found = self.load(None)
        self.gateway: Gateway = build_gateway(found.settings)
        self.used = found.settings
        self.closed = found.closed
        self.changes = 0
        watched = Watched(load=self.load, files=settings_loading.files(self.environment), saved=form)
        self.reloader = Reloader(found, self.gateway, self.use, watched, look_s=0.02, ask_s=ask_s)

    async def use(self, settings: Settings, closed: frozenset[Closable]) -> None:
        self.used, self.closed = settings, closed
        self.changes += 1

    def load(self, options: object) -> Any:
        assert options is None or isinstance(options, dict)
        return settings_loading.load_judged(self.environment, options=options)

    def write(self, content: object) -> None:
        self.file.write_text(json.dumps(content), encoding="utf-8")

    async def change(self, content: object) -> SettingsStatus:
        self.write(content)
        await self.reloader.reload()
        return self.status

    async def until(self, condition: Callable[[], bool]) -> None:
        """Run until a condition holds."""
        running = asyncio.create_task(self.reloader.run())
        try:
            async with asyncio.timeout(30):
                while not condition():  # noqa: ASYNC110 - what is waited for sends no event
                    await asyncio.sleep(0.005)
        finally:
            running.cancel()
            await asyncio.wait({running})

    @property
    def status(self) -> SettingsStatus:
        return self.gateway.hub.state(SETTINGS, SettingsStatus) or SettingsStatus()


NAMES = [{"base": 1, "zone": 3, "name": "Study"}]


async def test_what_has_changed_is_used_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="neasmart")
    house = Changing(tmp_path, {})

    status = await house.change({"zones": NAMES, "api": {"key": KEY, "port": 5009}, "server": {"port": 503}})

    assert [zone.name for zone in house.used.zones] == ["Study"]
    assert (house.used.api.port, house.used.server.port) == (5009, 503)
    assert status == SettingsStatus(notes=status.notes)
    assert "In use from now on: server.port, api.port, api.key, zones" in caplog.text
    assert KEY not in caplog.text


async def test_only_where_the_page_listens_and_the_log_goes_wait_for_a_start(tmp_path: Path) -> None:
    house = Changing(tmp_path, {})

    status = await house.change({"api": {"ingress_port": 9000}, "logging": {"format": "json", "level": "error"}})

    assert status.restart_needed == ("api.ingress_port", "logging.format")
    assert (await house.change({})).restart_needed == ()


async def test_nothing_is_touched_when_nothing_has_changed(tmp_path: Path) -> None:
    house = Changing(tmp_path, {"zones": NAMES})

    await house.change({"zones": NAMES})

    assert house.changes == 0


@pytest.mark.parametrize(
    ("slip", "part"),
    [
        ({"server": {"port": 0}}, "bus"),
        ({"modbus": {"slave_id": []}}, "bus"),
        ({"mqtt": {"host": "mqtt://x"}}, "mqtt"),
        ({"database": {"path": 5}}, "store"),
        ({"api": {"enable_auth": True, "key": "a b"}}, "api"),
    ],
)
async def test_a_slip_in_a_part_that_runs_leaves_it_as_it_is_and_the_rest_counts(
    tmp_path: Path, slip: dict[str, Any], part: str
) -> None:
    house = Changing(tmp_path, {"api": {"enable_auth": True, "key": KEY}})
    before = house.used

    status = await house.change({"api": {"enable_auth": True, "key": KEY}, **slip, "zones": NAMES})

    assert [zone.name for zone in house.used.zones] == ["Study"]
    assert different(before, house.used) == ["zones"]
    assert (house.closed, status.closed, status.problem) == (frozenset(), (), None)
    assert status.refused is not None
    assert next(iter(slip)) in status.refused
    assert [sorted(fault.closes) for fault in status.faults] == [[part]]


async def test_an_api_that_is_open_to_all_closes_when_its_settings_slip(tmp_path: Path) -> None:
    house = Changing(tmp_path, {})

    status = await house.change({"api": {"enable_auth": True}})

    assert (house.closed, house.used.api.enabled) == ({Closable.API}, False)
    assert status.problem is not None
    assert "api.enable_auth" in status.problem
    assert (await house.change({"api": {"enable_auth": True, "key": KEY}})).faults == ()
    assert (house.closed, house.used.api.enabled) == (frozenset(), True)


async def test_an_unreadable_file_closes_an_api_that_is_open_to_all_and_nothing_else(tmp_path: Path) -> None:
    house = Changing(tmp_path, {"zones": NAMES, "logging": {"level": "warning"}})
    before = house.used
    house.file.write_text("{", encoding="utf-8")

    await house.reloader.reload()

    assert house.closed == {Closable.API}
    assert (house.used.logging, house.used.zones) == (before.logging, before.zones)
    assert house.used.mqtt.enabled


async def test_a_correction_opens_what_was_closed_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house = Changing(tmp_path, {"server": {"port": 0}, "sever": {}})
    assert set(house.status.closed) == set(Closable)
    assert "server.port = 0" in caplog.text
    assert "sever" in caplog.text

    status = await house.change({"server": {"port": 503}})

    assert (house.closed, house.used.server.port, house.used.api.enabled) == (frozenset(), 503, True)
    assert status.faults == ()


async def test_the_form_is_asked_when_the_page_is_opened(tmp_path: Path) -> None:
    form = Form()
    house = Changing(tmp_path, {}, form)
    form.saved = {"zones": NAMES}
    await house.until(lambda: True)
    assert form.count == 0

    house.reloader.page_opened()
    await house.until(lambda: [zone.name for zone in house.used.zones] == ["Study"])

    assert form.count == 1


async def test_while_something_is_wrong_the_form_is_asked_until_it_is_corrected(tmp_path: Path) -> None:
    form = Form()
    house = Changing(tmp_path, {}, form, ask_s=0.05)
    form.saved = {"server": {"port": 0}}
    house.reloader.page_opened()
    await house.until(lambda: house.status.refused is not None)
    form.saved = {"server": {"port": 1502}}

    await house.until(lambda: house.used.server.port == 1502)

    assert house.status.faults == ()
    asked = form.count
    await house.until(lambda: True)
    assert form.count == asked


async def test_a_supervisor_that_is_away_changes_nothing(tmp_path: Path) -> None:
    form = Form()
    house = Changing(tmp_path, {"zones": NAMES}, form)
    house.reloader.page_opened()

    await house.until(form.asked.is_set)

    assert (house.changes, house.status.faults) == (0, ())


async def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    house = Changing(tmp_path, {})
    house.write({"server": {"port": 50_000}})

    await house.until(lambda: house.used.server.port == 50_000)


async def test_a_file_that_is_gone_for_a_moment_opens_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    house = Changing(tmp_path, {"api": {"enable_auth": True, "key": KEY}})
    # Not named, so that it may be there or not.
    del house.environment[settings_loading.CONFIG_FILE]
    house.reloader._files = settings_loading.files(house.environment)
    house.reloader._stamps = house.reloader._stamped()

    house.file.rename(tmp_path / "config.json~")
    await house.until(lambda: "config.json is gone" in caplog.text)
    assert house.used.api.enable_auth
    (tmp_path / "options.json").write_text('{"server": {"port": 503}}', encoding="utf-8")
    house.write({"api": {"enable_auth": True, "key": KEY, "port": 5009}})
    await house.until(lambda: house.used.api.port == 5009)

    assert (house.used.api.enable_auth, house.used.server.port) == (True, 503)
    assert caplog.text.count("is gone") == 1
    house.file.unlink()
    house.reloader.wake()
    await house.until(lambda: not house.used.api.enable_auth)


async def test_what_the_form_says_while_a_file_is_gone_is_used_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    form = Form()
    form.saved = {"server": {"port": 1502}}
    house = Changing(tmp_path, {"api": {"enable_auth": True, "key": KEY}}, form)

    house.file.rename(tmp_path / "config.json~")
    house.reloader.page_opened()
    await house.until(lambda: form.asked.is_set() and "config.json is gone" in caplog.text)
    assert house.changes == 0
    # Moved there and back it is the same file, so that nothing but what was asked is new.
    (tmp_path / "config.json~").rename(house.file)

    await house.until(lambda: house.used.server.port == 1502)

    assert house.used.api.enable_auth


async def test_a_signal_counts_although_the_page_is_opened_at_the_same_moment(tmp_path: Path) -> None:
    form = Form()
    form.saved = {}
    house = Changing(tmp_path, {"api": {"enable_auth": True, "key": KEY}}, form)
    # A file that is gone is read as gone only if somebody wants it.
    house.file.unlink()
    house.reloader.wake()
    house.reloader.page_opened()

    await house.until(lambda: house.status.refused is not None)

    assert "config.json" in (house.status.refused or "")


def test_no_setting_is_forgotten_when_two_are_compared() -> None:
    other = Settings(zones=[config.ZoneSettings(base=1, zone=1, name="x")], mqtt=config.MqttSettings(password="x"))

    assert different(Settings(), other) == ["mqtt.password", "zones"]
    assert different(other, other) == []


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_running_gateway_moves_its_bus_its_api_and_its_storage(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text("{}", encoding="utf-8")
    with gateway_process(tmp_path, NEASMART_CONFIG_FILE=str(file)) as gateway:
        for name in ("SERVER_PORT", "API_PORT", "DATABASE_PATH", "SERVER_TYPE"):
            gateway.environment.pop(f"NEASMART_{name}", None)
        bus, api, database = free_port(), free_port(), tmp_path / "moved" / "neasmart.db"
        place = {"port": gateway.api_port}, {"path": str(tmp_path / "first.db")}
        _write(file, {"server": {"port": free_port()}, "api": place[0], "database": place[1]})
        assert gateway.stop() == 0
        gateway.start()

        _write(file, {"server": {"port": bus}, "api": {"port": api}, "database": {"path": str(database)}})
        _reload(gateway)

        eventually(lambda: _listens(bus) and _listens(api) and database.exists())
        eventually(lambda: not _listens(gateway.api_port))
        gateway.api_port = api
        assert gateway.get("/api/v1/health")["settings"]["restart_needed"] == []
        assert gateway.stop() == 0


def _write(file: Path, content: object) -> None:
    file.write_text(json.dumps(content), encoding="utf-8")


def _reload(gateway: GatewayProcess) -> None:
    assert gateway.process is not None
    os.kill(gateway.process.pid, signal.SIGHUP)
