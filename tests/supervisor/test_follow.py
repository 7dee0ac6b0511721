"""Under Home Assistant what is saved in the form, and what the guide stores, reaches the running app."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from neasmart.core.gateway import SETTINGS
from neasmart.facts.status import Closable, SettingsStatus
from neasmart.settings.loading import OPTIONS_FILE, load_judged
from neasmart.settings.model import Language, ServerSettings, Settings
from neasmart.supervisor import Supervisor, SupervisorError
from neasmart.wiring.app import build_gateway
from neasmart.wiring.reload import Reloader, Watched
from neasmart.wiring.settings_store import SettingsStore
from neasmart.wiring.setup_guide import SetupGuide
from tests.support.fake_supervisor import FakeSupervisor

pytestmark = [
    pytest.mark.unguarded(
        "tasks",
        reason="the handlers of the test's own server that hangs end with the loop",
    )
]


class App:
    """The app as it is started by the Supervisor, without its edges."""

    def __init__(self, folder: Path, fake: FakeSupervisor, client: Supervisor) -> None:
        self.file = folder / "options.json"
        self.file.write_text("{}")
        environment = {OPTIONS_FILE: str(self.file)}

        def load(options: Any) -> Any:
            return load_judged(environment, options=options if options is not None else fake.options)

        found = load(None)
        self.settings, self.closed = found.settings, found.closed
        self.listening: ServerSettings | None = None
        self.busy_device: str | None = None
        self.counted_before: dict[str, Any] = {}
        self.gateway = build_gateway(found.settings)
        self.reloader = Reloader(found, self.gateway, self.use, Watched(load=load, files=(), saved=client))
        self.guide = SetupGuide(self, SettingsStore({}, client), self.reloader.follow, list_devices=list)

    async def use(self, settings: Settings, closed: frozenset[Closable]) -> None:
        self.settings, self.closed = settings, closed

    async def listen(self, server: ServerSettings | None) -> None:
        self.listening = server

    @property
    def status(self) -> SettingsStatus:
        return self.gateway.hub.state(SETTINGS, SettingsStatus) or SettingsStatus()


async def test_a_slip_in_the_form_closes_the_api_and_its_correction_opens_it(
    tmp_path: Path, fake: FakeSupervisor, client: Supervisor
) -> None:
    fake.save_in_form(api={"enabled": True, "enable_auth": True})
    app = App(tmp_path, fake, client)
    assert (app.closed, app.settings.api.enabled) == ({Closable.API}, False)

    fake.save_in_form(api={"enabled": True, "enable_auth": True, "key": "abcdefghijklmnop"})
    await app.reloader.follow()

    assert (app.closed, app.settings.api.enabled, app.status.faults) == (frozenset(), True, ())


async def test_the_guide_stores_with_the_supervisor_and_the_app_uses_it(
    tmp_path: Path, fake: FakeSupervisor, client: Supervisor
) -> None:
    app = App(tmp_path, fake, client)
    document = await app.guide.document()
    assert (document["decided_by"], document["converter"]["port_open"]) == ("supervisor", False)

    document = await app.guide.apply({"url": "socket://192.168.1.50:8899"})

    assert fake.options["server"]["url"] == "socket://192.168.1.50:8899"
    assert document["link"] == {"kind": "dial", "device": None, "url": "socket://192.168.1.50:8899"}
    document = await app.guide.apply({"listen": True})
    assert (document["link"]["kind"], "url" in fake.options["server"]) == ("listen", False)


async def test_the_guide_has_entities_named_in_the_language_of_the_page(
    tmp_path: Path, fake: FakeSupervisor, client: Supervisor
) -> None:
    app = App(tmp_path, fake, client)
    before = fake.options

    await app.guide.apply({"language": "de"})

    assert fake.options == {**before, "mqtt": {**before["mqtt"], "language": "de"}}
    assert app.settings.mqtt.language is Language.DE


async def test_opening_the_port_asks_for_a_restart_that_the_owner_gives(
    tmp_path: Path, fake: FakeSupervisor, client: Supervisor
) -> None:
    app = App(tmp_path, fake, client)

    document = await app.guide.apply({"open_port": True})

    assert (document["restart_needed"], document["converter"]["port_open"]) == (True, True)
    assert (fake.network["502/tcp"], fake.restarts) == (502, 0)
    await app.guide.apply({"restart": True})
    assert fake.restarts == 1


async def test_while_the_supervisor_is_away_the_guide_still_shows_what_it_knows(
    tmp_path: Path, fake: FakeSupervisor, client: Supervisor
) -> None:
    app = App(tmp_path, fake, client)
    fake.hangs, client._timeout_s = True, 0.5

    document = await app.guide.document()

    assert (document["converter"]["port_open"], document["decided_by"]) == (None, "supervisor")


async def test_what_was_stored_without_an_answer_is_said_to_be_unsure_and_found_when_the_page_is_opened(
    tmp_path: Path, fake: FakeSupervisor, client: Supervisor
) -> None:
    app = App(tmp_path, fake, client)
    fake.after_post = lambda: setattr(fake, "hangs", True)
    client._timeout_s = 2.0

    with pytest.raises(SupervisorError, match="did not answer"):
        await app.guide.apply({"url": "socket://192.168.1.50:8899"})
    assert app.settings.server.serial_port == ""

    fake.hangs, fake.after_post, client._timeout_s = False, lambda: None, 30.0
    await app.reloader.follow()
    assert app.settings.server.serial_port == "socket://192.168.1.50:8899"


async def test_an_option_that_was_saved_in_the_form_meanwhile_is_not_lost(
    tmp_path: Path, fake: FakeSupervisor, client: Supervisor
) -> None:
    app = App(tmp_path, fake, client)
    fake.save_in_form(mqtt={**fake.options["mqtt"], "host": "192.168.1.9"}, modbus={"slave_id": "241"})

    await app.guide.apply({"url": "socket://192.168.1.50:8899"})

    assert (fake.options["mqtt"]["host"], fake.options["modbus"]["slave_id"]) == ("192.168.1.9", "241")
    assert (app.settings.mqtt.host, app.settings.modbus.slave_id) == ("192.168.1.9", [241])
