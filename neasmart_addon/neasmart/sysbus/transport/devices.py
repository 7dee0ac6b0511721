"""Lists the serial devices of this computer by what they call themselves, without opening any of them.

Opening a port can reset what hangs on it, so a stick that is known for something else is only named.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_BY_NAME = {
    "zwave": "z-wave zwave z-stick zst10 zst39 uzb zwa-2 razberry husbzb",
    "thread": "openthread ot-rcp",
    "zigbee": "zigbee conbee raspbee skyconnect zbt-1 zbt-2 zbdongle slzb zigstar tubeszb cc2531 cc2652 elelabs",
    "meter": "p1-cable dsmr smartmeter lesekopf",
    "gps": "gps gnss u-blox",
    "modem": "modem lte gsm",
}
"""What a stick is, by parts of the names that it gives itself."""
_BY_ID = {
    (0x0658, 0x0200): "zwave",
    (0x0451, 0x16A8): "zigbee",
    (0x1CF1, 0x0030): "zigbee",
    (0x10C4, 0x8A2A): "zwave",
    (0x10C4, 0x8B34): "zigbee",
    (0x1546, 0x01A7): "gps",
    (0x1546, 0x01A8): "gps",
}
"""What a stick is, by vendor and product id, where these are of one product alone."""
_FLOCK = re.compile(r" FLOCK +\w+ +\w+ +(?P<pid>-?\d+) (?P<major>\w+):(?P<minor>\w+):(?P<inode>\d+) ")
"""A line of /proc/locks, see proc(5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialDevice:
    """A serial device; `path` stays the same when it is plugged in elsewhere, if the system knows such a path.

    Of several that call themselves alike, udev gives that path to the one that was plugged in last; then `path` is that
    of the socket.

    `known_as` is None, or what it is that is no adapter for the bus, such as ``zigbee``.
    """

    path: str
    name: str
    maker: str | None = None
    known_as: str | None = None
    busy: bool = False
    """Whether another program holds it, as far as can be seen without opening it."""


def devices(sockets: Path = Path("/dev/serial/by-path")) -> list[SerialDevice]:
    """Return what is plugged in now; reads a few files of the system, and so belongs into a thread."""
    from serialx import list_serial_ports, udev_serial_by_id_stem  # noqa: PLC0415 - loaded when it is needed

    held = locked_by_others()
    ports = [(port, udev_serial_by_id_stem(port)) for port in list_serial_ports()]
    alike = Counter(name for _, name in ports if name is not None)
    # The last counts: newer systems know a socket by two names, and the one that older ones have, too, comes first.
    by_socket = {os.path.realpath(link): str(link) for link in sorted(sockets.glob("*"), reverse=True)}
    return [
        SerialDevice(
            path=by_socket.get(port.resolved_device, port.resolved_device) if alike[name or ""] > 1 else port.device,
            name=port.product or Path(port.resolved_device).name,
            maker=port.manufacturer,
            busy=_file(port.device) in held,
            known_as=known_as(port.vid, port.pid, port.product, port.manufacturer, port.interface_description),
        )
        for port, name in ports
    ]


def locked_by_others(locks: Path = Path("/proc/locks")) -> frozenset[tuple[int, int]]:
    """Return file system and inode of all files that programs have locked, as serial libraries do with a port.

    A container is not told of programs outside of it, and some lock nothing: then only an attempt to open a port tells.
    """
    try:
        lines = locks.read_text(encoding="ascii").splitlines()
    except OSError:
        return frozenset()
    held = [_FLOCK.search(line) for line in lines]
    return frozenset(
        (os.makedev(int(each["major"], 16), int(each["minor"], 16)), int(each["inode"]))
        for each in held
        if each is not None and int(each["pid"]) != os.getpid()
    )


def _file(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def known_as(vid: int | None, pid: int | None, *names: str | None) -> str | None:
    """Return what a stick is known for by its names or its ids, None if it may be an adapter for the bus."""
    text = " ".join(name for name in names if name).lower()
    for kind, parts in _BY_NAME.items():
        if any(part in text for part in parts.split()):
            return kind
    return None if vid is None or pid is None else _BY_ID.get((vid, pid))
