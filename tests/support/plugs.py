"""Serial devices that come and go, for a gateway process that lists and opens them as those of its computer.

A folder plays `/sys`, one in the memory disk, which is below `/dev`, plays `/dev`, and each device is a pty. The
process finds them by a `sitecustomize` that turns its serial library there, and its Supervisor, if one is played.
"""

from __future__ import annotations

import os
import select
import shutil
import tempfile
import threading
import tty
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from tests.support.processes import PACKAGE_ROOT

PAUSE_S = 0.004
_SITE = """from pathlib import Path
from serialx.platforms import serial_linux
serial_linux.SYS_ROOT, serial_linux.DEV_ROOT = Path({sys!r}), Path({dev!r})
from neasmart.supervisor import Supervisor
Supervisor.__init__.__kwdefaults__["url"] = {supervisor!r}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a device says of itself."""

    product: str
    maker: str
    vendor_id: str
    product_id: str


ADAPTER = Kind(product="FT232R USB UART", maker="FTDI", vendor_id="0403", product_id="6001")
OTHER_ADAPTER = Kind(product="USB Serial", maker="QinHeng", vendor_id="1a86", product_id="7523")
ZIGBEE = Kind(product="Sonoff Zigbee 3.0 USB Dongle Plus", maker="ITEAD", vendor_id="10c4", product_id="ea60")
ZWAVE = Kind(product="ZST10 700", maker="Silicon Labs", vendor_id="10c4", product_id="ea60")


class Stick:
    """A device that is plugged in: the far end of its line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line, self._near = os.openpty()
        tty.setraw(self.line)
        tty.setraw(self._near)
        self.device = os.ttyname(self._near)
        self.heard = bytearray()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def say(self, pieces: Iterable[bytes]) -> None:
        """Write these for ever, and note what comes back."""
        self.hush()
        self.heard.clear()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(list(pieces), self._stop), daemon=True)
        self._thread.start()

    def hush(self) -> None:
        """Fall silent."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(30)
            self._thread = None

    def close(self) -> None:
        """Let go of both ends."""
        self.hush()
        for descriptor in (self.line, self._near):
            with suppress(OSError):
                os.close(descriptor)

    def _run(self, pieces: list[bytes], stop: threading.Event) -> None:
        for piece in cycle(pieces):
            if stop.wait(PAUSE_S):
                return
            readable, writable, _ = select.select([self.line], [self.line], [], 0)
            if readable:
                self.heard += os.read(self.line, 4096)
            if writable:
                os.write(self.line, piece)


class Plugs:
    """The sockets of a computer."""

    def __init__(self, folder: Path, dev: Path) -> None:
        self._sys, self._dev = folder / "sys", dev
        self._site = folder / "site"
        (self._sys / "class" / "tty").mkdir(parents=True)
        (self._sys / "bus" / "usb-serial").mkdir(parents=True)
        self._site.mkdir()
        self._sticks: dict[str, Stick] = {}

    def environment(self, supervisor: str = "http://supervisor") -> dict[str, str]:
        """Return what makes a process see these sockets."""
        text = _SITE.format(sys=str(self._sys), dev=str(self._dev), supervisor=supervisor)
        (self._site / "sitecustomize.py").write_text(text, encoding="utf-8")
        return {"PYTHONPATH": f"{self._site}:{PACKAGE_ROOT}"}

    def plug(self, name: str, kind: Kind = ADAPTER) -> Stick:
        """Plug a device in, such as ttyUSB0."""
        interface = self._sys / "devices" / name / "1-1:1.0"
        port = interface / name
        (port / "driver").mkdir(parents=True)
        (port / "subsystem").symlink_to(self._sys / "bus" / "usb-serial")
        (port / "port_number").write_text("0\n")
        (interface / "bInterfaceNumber").write_text("00\n")
        told = {
            "idVendor": kind.vendor_id,
            "idProduct": kind.product_id,
            "bcdDevice": "0600",
            "manufacturer": kind.maker,
            "product": kind.product,
        }
        for file, content in told.items():
            (interface.parent / file).write_text(f"{content}\n")
        stick = Stick(self._dev / name)
        stick.path.symlink_to(stick.device)
        listed = self._sys / "class" / "tty" / name
        listed.mkdir()
        (listed / "device").symlink_to(port)
        self._sticks[name] = stick
        return stick

    def pull(self, name: str) -> None:
        """Unplug a device."""
        stick = self._sticks.pop(name)
        stick.path.unlink()
        shutil.rmtree(self._sys / "class" / "tty" / name)
        shutil.rmtree(self._sys / "devices" / name)
        stick.close()

    def pull_all(self) -> None:
        """Unplug everything."""
        for name in list(self._sticks):
            self.pull(name)


@contextmanager
def plugs(folder: Path) -> Iterator[Plugs]:
    """Sockets for the time of some tests."""
    with tempfile.TemporaryDirectory(prefix="neasmart-", dir="/dev/shm") as dev:
        sockets = Plugs(folder, Path(dev))
        try:
            yield sockets
        finally:
            sockets.pull_all()
