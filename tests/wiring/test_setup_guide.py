"""The guide opens nothing unasked, listens without sending, and stores what was chosen."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import serialx

from neasmart.settings.model import Language, MqttSettings, ServerSettings, Settings
from neasmart.sysbus.transport.devices import SerialDevice, devices, known_as, locked_by_others
from neasmart.web.answers.page_answers import Setup
from neasmart.wiring import setup_guide
from neasmart.wiring.settings_store import SettingsStore
from neasmart.wiring.setup_guide import Choice, SetupError, SetupGuide
from tests.support.processes import eventually


class Links:
    """The house, as far as the guide sees it."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.listening: ServerSettings | None = None
        self.busy_device: str | None = None
        self.counted_before: dict[str, Any] = {"bytes_received": 0, "frames": 0, "polls": 0, "polls_by_unit": {}}
        self.followed = 0

    async def listen(self, server: ServerSettings | None) -> None:
        self.listening = server

    async def follow(self) -> None:
        self.followed += 1


class Store(SettingsStore):
    """Keeps in memory what is to be stored."""

    def __init__(self) -> None:
        super().__init__({}, None)
        self.changes: list[tuple[str, Mapping[str, Any]]] = []

    async def change(self, section: str, values: Mapping[str, Any]) -> None:
        self.changes.append((section, values))


class Desk:
    """A guide with what surrounds it."""

    def __init__(self) -> None:
        self.links, self.store = Links(), Store()
        self.plugged: list[SerialDevice] = []
        self.guide = SetupGuide(self.links, self.store, self.links.follow, list_devices=lambda: self.plugged)


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_devices_come_newest_first_and_say_what_they_are(desk: Desk) -> None:
    desk.plugged = [
        SerialDevice(path="/dev/ttyS0", name="ttyS0"),
        SerialDevice(path="/dev/null", name="Zigbee", known_as="zigbee"),
    ]
    first = await desk.guide.document()
    desk.plugged = [*desk.plugged, SerialDevice(path="/dev/zero", name="FT232R", maker="FTDI")]

    second = await desk.guide.document()

    assert [each["appeared_s"] for each in first["devices"]] == [None, None]
    newest = second["devices"][0]
    assert (newest["path"], newest["name"], newest["maker"], newest["problem"]) == ("/dev/zero", "FT232R", "FTDI", None)
    assert newest["appeared_s"] < 60
    assert {each["path"]: each["known_as"] for each in second["devices"]}["/dev/null"] == "zigbee"


async def test_a_chosen_device_that_is_gone_is_shown_as_that(desk: Desk) -> None:
    server = ServerSettings(serial_port="/dev/nowhere")
    desk.links.settings = msgspec.structs.replace(desk.links.settings, server=server)

    document = await desk.guide.document()

    assert document["link"] == {"kind": "serial", "device": "/dev/nowhere", "url": None}
    (device,) = document["devices"]
    assert (device["chosen"], device["problem"]) == (True, "gone")


async def test_a_device_that_another_program_holds_is_shown_as_that(desk: Desk, tmp_path: Path) -> None:
    for name in ("seen", "tried", "free"):
        (tmp_path / name).touch()
    desk.plugged = [
        SerialDevice(path=str(tmp_path / name), name=name, busy=name == "seen") for name in ("seen", "tried", "free")
    ]
    desk.links.busy_device = str(tmp_path / "tried")

    devices = (document := await desk.guide.document())["devices"]

    assert msgspec.convert(document, Setup)
    assert {each["name"]: each["problem"] for each in devices} == {"seen": "busy", "tried": "busy", "free": None}


def test_a_lock_of_another_program_is_seen_and_none_of_ours() -> None:
    base, ours = os.openpty()
    try:
        path = Path(os.ttyname(ours))
        place = (path.stat().st_dev, path.stat().st_ino)
        fcntl.flock(ours, fcntl.LOCK_EX)
        assert place not in locked_by_others()
        fcntl.flock(ours, fcntl.LOCK_UN)
        with subprocess.Popen(["flock", "--exclusive", path, "cat"], stdin=subprocess.PIPE) as other:
            eventually(lambda: place in locked_by_others())
            other.communicate()
        assert place not in locked_by_others()
        assert locked_by_others(Path("/nowhere")) == frozenset()
    finally:
        os.close(base)
        os.close(ours)


def test_dongles_that_call_themselves_alike_are_told_apart_by_their_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def port(number: int, **known: Any) -> serialx.SerialPortInfo:
        alike = {"vid": 0x1A86, "pid": 0x7523, "manufacturer": None, "product": "USB Serial", "interface_num": 0}
        none = {"serial_number": None, "bcd_device": None, "interface_description": None}
        path = {"device": str(tmp_path / f"ttyUSB{number}"), "resolved_device": str(tmp_path / f"ttyUSB{number}")}
        return serialx.SerialPortInfo(**(path | alike | none | known))

    sockets = tmp_path / "by-path"
    sockets.mkdir()
    for number, link in enumerate(("pci-1-usb-0:1.3:1.0-port0", "pci-1-usb-0:1.4:1.0-port0")):
        (tmp_path / f"ttyUSB{number}").touch()
        (sockets / link).symlink_to(tmp_path / f"ttyUSB{number}")
        (sockets / link.replace("usb", "usbv2")).symlink_to(tmp_path / f"ttyUSB{number}")
    found = [
        port(0),
        port(1, device="/dev/serial/by-id/usb-1a86_USB_Serial-if00"),
        port(2, device="/dev/serial/by-id/usb-1a86_USB_Serial_A1-if00", serial_number="A1"),
        port(3, vid=None, pid=None, interface_num=None),
        port(4, vid=None, pid=None, interface_num=None),
    ]
    monkeypatch.setattr(serialx, "list_serial_ports", lambda: found)

    paths = [each.path for each in devices(sockets)]

    assert paths == [
        str(sockets / "pci-1-usb-0:1.3:1.0-port0"),
        str(sockets / "pci-1-usb-0:1.4:1.0-port0"),
        *(each.device for each in found[2:]),
    ]
    assert [each.path for each in devices(tmp_path / "nowhere")][:2] == [each.resolved_device for each in found[:2]]


async def test_a_link_under_a_name_of_its_own_is_the_chosen_device(desk: Desk, tmp_path: Path) -> None:
    link = tmp_path / "by-id"
    link.symlink_to("/dev/null")
    desk.plugged = [SerialDevice(path="/dev/null", name="Dongle")]
    desk.links.settings = Settings(server=ServerSettings(serial_port=str(link)))

    (device,) = (await desk.guide.document())["devices"]

    assert device["chosen"]


@pytest.mark.parametrize(
    ("choice", "port"),
    [
        ({"device": "/dev/null"}, "/dev/null"),
        ({"url": "socket://10.0.0.9:8899"}, "socket://10.0.0.9:8899"),
        ({"listen": True}, ""),
    ],
)
async def test_what_is_chosen_is_listened_to_and_not_stored(desk: Desk, choice: Choice, port: str) -> None:
    document = await desk.guide.listen(choice)

    assert desk.links.listening is not None
    assert desk.links.listening.serial_port == port
    assert document["listening"] is not None
    assert desk.store.changes == []


@pytest.mark.parametrize(
    ("choice", "stored"),
    [
        ({"device": "/dev/null"}, {"type": None, "serial_port": "/dev/null", "url": None}),
        ({"url": "rfc2217://h:1"}, {"type": None, "serial_port": None, "url": "rfc2217://h:1"}),
        ({"listen": True}, {"type": None, "serial_port": None, "url": None}),
    ],
)
async def test_what_is_applied_is_stored_and_used(desk: Desk, choice: Choice, stored: dict[str, Any]) -> None:
    await desk.guide.listen({"device": "/dev/zero"})

    await desk.guide.apply(choice)

    assert desk.store.changes == [("server", stored)]
    assert (desk.links.followed, desk.links.listening) == (1, None)


@pytest.mark.parametrize(
    ("before", "asked", "stored"),
    [
        (Language.EN, "de", [("mqtt", {"language": "de"})]),
        (Language.EN, "en", []),
        (Language.FR, "de", []),
    ],
)
async def test_entities_are_named_as_the_page_speaks_unless_a_language_was_chosen(
    desk: Desk, before: Language, asked: str, stored: list[Any]
) -> None:
    desk.links.settings = Settings(mqtt=MqttSettings(language=before))

    await desk.guide.apply({"language": asked})

    assert desk.store.changes == stored
    assert desk.links.followed == len(stored)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"device": "/dev/nowhere"}, "not there any more"),
        ({"device": "/etc/passwd"}, "no serial device"),
        ({"device": "/dev/../etc/passwd"}, "no serial device"),
        ({"url": "http://x:1"}, "socket://HOST:PORT"),
        ({"url": "/dev/null"}, "socket://HOST:PORT"),
        ({"language": "nl"}, "no language|Only"),
        ({"url": "socket://u:secret@h:1"}, "Allowed"),
    ],
)
async def test_what_cannot_be_the_link_is_refused_in_a_sentence(desk: Desk, choice: Choice, said: str) -> None:
    for asked in (desk.guide.listen, desk.guide.apply):
        with pytest.raises(SetupError, match=said):
            await asked(choice)
    assert (desk.links.listening, desk.store.changes) == (None, [])


async def test_a_trial_ends_by_itself(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_guide, "LISTEN_S", 0.01)

    await desk.guide.listen({"listen": True})

    async with asyncio.timeout(30):
        while desk.links.listening is not None:  # noqa: ASYNC110 - what is waited for sends no event
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("ids", "names", "expected"),
    [
        ((0x0403, 0x6001), ("FT232R USB UART", "FTDI"), None),
        ((0x1A86, 0x7523), ("USB Serial", "QinHeng"), None),
        ((0x10C4, 0xEA60), ("CP2102 USB to UART Bridge Controller", "Silicon Labs"), None),
        ((0x10C4, 0xEA60), ("Sonoff Zigbee 3.0 USB Dongle Plus", "Silicon Labs"), "zigbee"),
        ((0x10C4, 0xEA60), ("SkyConnect v1.0", "Nabu Casa"), "zigbee"),
        ((0x303A, 0x4001), ("ZWA-2", "Nabu Casa"), "zwave"),
        ((0x1CF1, 0x0030), (None, None), "zigbee"),
        ((0x0658, 0x0200), (None, None), "zwave"),
        ((None, None), (None, None), None),
    ],
)
def test_sticks_for_something_else_are_known(
    ids: tuple[int | None, int | None], names: tuple[str | None, str | None], expected: str | None
) -> None:
    assert known_as(*ids, *names) == expected


def test_the_devices_of_this_computer_can_be_listed_without_opening_one(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = os.open

    def watched(path: Any, *arguments: Any, **named: Any) -> int:
        opened.append(str(path))
        return real(path, *arguments, **named)

    monkeypatch.setattr(os, "open", watched)
    from neasmart.sysbus.transport.devices import devices  # noqa: PLC0415

    assert isinstance(devices(), list)
    assert not [path for path in opened if path.startswith("/dev/tty")]
