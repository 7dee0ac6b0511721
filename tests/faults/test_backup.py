"""A backup that Home Assistant made on one machine brings the house to another, where the dongle has another path."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import Any

from neasmart.facts.codecs import encode_dpt9
from tests.support.bus import rtu
from tests.support.desk import HOUSE, QUICK, ROOMS, started_by
from tests.support.fake_supervisor import FakeSupervisor, fake_supervisor
from tests.support.plugs import OTHER_ADAPTER, Plugs, plugs
from tests.support.processes import eventually
from tests.support.supervisor import manifest

NAMES = [
    {"base_id": 1, "zone_id": 1, "name": "Bath", "floor": "Upstairs", "position": 2, "hidden": False},
    {"base_id": 1, "zone_id": 2, "name": "Attic", "floor": "Roof", "position": 1, "hidden": True},
]
LAST_C = 17.0
SETTINGS = {"modbus": {"slave_id": "240"}, "logging": {"level": "warning"}}


def backed_up(data: Path, archive: Path) -> None:
    """Pack `/data` as the Supervisor does for this manifest: all of it, while the app is stopped."""
    form = manifest()
    assert form["backup"] == "cold"
    assert not form.keys() & {"backup_exclude", "backup_pre", "backup_post"}
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(data, arcname="data")


def live_here(supervisor: FakeSupervisor, data: Path, sockets: Plugs) -> list[dict[str, Any]]:
    """Let a house report, be named and be stored; return its rooms."""
    stick = sockets.plug("ttyUSB0")
    supervisor.save_in_form(**SETTINGS, server={"allowed_peers": [], "serial_port": str(stick.path)})
    stick.say(HOUSE)
    with started_by(supervisor, data, sockets, **QUICK) as desk:
        eventually(lambda: desk.gateway.get("/api/v1/zones")["count"] == ROOMS)
        desk.on_page("PUT", "rooms", {"rooms": NAMES})
        eventually(lambda: samples(desk.gateway))
        # What is said last is heard last, so that nothing changes after the rooms were read.
        stick.hush()
        os.write(stick.line, rtu(f"00 10 0066 00 01 02 {encode_dpt9(LAST_C):04X}"))
        eventually(lambda: desk.gateway.get("/api/v1/zones/1/1")["temperature"] == LAST_C)
        rooms: list[dict[str, Any]] = desk.gateway.get("/api/v1/zones")["zones"]
        assert desk.gateway.stop() == 0
    return rooms


def samples(gateway: Any) -> list[Any]:
    series = gateway.get("/api/v1/history?points=zone.1.1.temperature")["series"]
    return [sample for each in series for sample in each["points"] if sample[1] is not None]


def test_a_restored_backup_brings_names_floors_history_and_settings(tmp_path: Path) -> None:
    here, there, archive = tmp_path / "here", tmp_path / "there", tmp_path / "backup.tar.gz"
    here.mkdir()
    with fake_supervisor() as supervisor, plugs(here) as sockets:
        before = live_here(supervisor, here, sockets)
        options = supervisor.options
    backed_up(here, archive)
    with tarfile.open(archive) as tar:
        tar.extractall(there, filter="data")

    with fake_supervisor() as supervisor, plugs(there) as sockets:
        supervisor.user = options
        adapter = sockets.plug("ttyACM0", OTHER_ADAPTER)
        with started_by(supervisor, there / "data", sockets, **QUICK) as desk:
            gateway = desk.gateway
            assert gateway.found("/api/v1/zones/1/1")
            after = gateway.get("/api/v1/zones")["zones"]
            assert [(room["name"], room["temperature"]) for room in after] == [
                (room["name"], room["temperature"]) for room in before
            ]
            records = {(room["base_id"], room["zone_id"]): room for room in desk.on_page("GET", "rooms")["rooms"]}
            assert [{key: records[1, zone][key] for key in NAMES[0]} for zone in (1, 2)] == NAMES
            assert samples(gateway)
            assert list(gateway.get("/api/v1/bus")["last_poll_age_s"]) == ["240"]

            eventually(lambda: gateway.get("/api/v1/bus")["link"]["code"] == "no_device")
            listed = {each["path"]: each["problem"] for each in desk.on_page("GET", "setup")["devices"]}
            assert listed == {str(adapter.path): None, options["server"]["serial_port"]: "gone"}
            adapter.say(HOUSE)
            desk.on_page("POST", "setup/apply", {"device": str(adapter.path)})
            eventually(lambda: gateway.get("/api/v1/points/zone.1.1.temperature")["source"] == "bus")
            assert supervisor.options == options | {"server": options["server"] | {"serial_port": str(adapter.path)}}
            assert gateway.get("/api/v1/zones/1/1")["name"] == "Bath"
