"""The readers of files, settings and services that are not the bus, as functions of bytes that raise only defects."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import sqlite3
import struct
import tempfile
from functools import cache
from pathlib import Path

import msgspec

from neasmart.cli import older_gateways as older
from neasmart.facts.errors import NeasmartError, SettingsError
from neasmart.facts.network import encoded
from neasmart.facts.status import Closable
from neasmart.mqtt.link import broker
from neasmart.settings import loading as settings_loading
from neasmart.settings import older_settings as older_names
from neasmart.store import older as older_store
from neasmart.store.files.database import DatabaseFile
from neasmart.store.files.folder_lock import FolderLock
from neasmart.store.rooms import rooms_file as rooms_store
from neasmart.supervisor import SupervisorError, client
from neasmart.sysbus.capture import pcapng

_BIG_ENDIAN_SECTION = struct.pack(">IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
_BEGINNINGS = (b"", pcapng.section("fuzz", ""), _BIG_ENDIAN_SECTION)
_LARGEST_WORD = 65_535


def capture_blocks(content: bytes) -> None:
    """Blocks of either byte order are packets or refused, and no packet is longer than its file."""
    begun = _BEGINNINGS[content[0] % len(_BEGINNINGS)] if content else b""
    with contextlib.suppress(pcapng.CaptureError):
        for packet in pcapng.packets(io.BytesIO(begun + content[1:])):
            assert len(packet.content) <= len(content)
            assert packet.at_us >= 0


def settings_environment(content: bytes) -> None:
    """An environment is taken whole or refused in words; what was taken is taken again from a file."""
    lines = os.fsdecode(content.replace(b"\0", b"")).splitlines()
    variables = dict(line.partition("=")[::2] for line in lines)
    for name in (settings_loading.CONFIG_FILE, settings_loading.OPTIONS_FILE):
        variables.pop(name, None)
    with contextlib.suppress(SettingsError):
        found = settings_loading.load(variables)
        assert settings_loading.checked(json.loads(msgspec.json.encode(found)), "again") == found


def settings_file(content: bytes) -> None:
    """A file is settings or refused in words, and what is refused of the options costs its own part."""
    path = str(_file(content))
    with contextlib.suppress(SettingsError):
        settings_loading.load({settings_loading.CONFIG_FILE: path})
    found = settings_loading.load_judged({settings_loading.OPTIONS_FILE: path})
    assert found.faults or found.settings
    assert encoded(found)
    # What was refused never opens what it may have been meant to close.
    assert Closable.API not in found.closed or not found.settings.api.enabled


def older_pickle(content: bytes) -> None:
    """What is taken for a number is the one that unpickling gives, if the length of its frame is right."""
    value = older_store.pickled_int(content)
    if value is not None:
        with contextlib.suppress(pickle.UnpicklingError):
            # Nothing but a number gets as far, so nothing is executed.
            assert pickle.loads(content) == value


def older_file(content: bytes) -> None:
    """A damaged SQLite file gives words, or is refused in words."""
    with contextlib.suppress(older_store.OlderFileError):
        found = older_store.read(_file(content))
        assert all(0 < word <= _LARGEST_WORD for word in found.words.values())


def rooms_file(content: bytes) -> None:
    """A file of rooms gives rooms that can be stored again, is set aside, or is of a newer version and stays."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, rooms_store.NAME)
        path.write_bytes(content)
        lock = FolderLock(Path(folder))
        file = rooms_store.RoomsFile(Path(folder), lock)
        try:
            found = file.load()
            file.save(found)
            assert file.load() == found
        except rooms_store.NewerRoomsError:
            assert path.read_bytes() == content
        finally:
            lock.release()


def own_file(content: bytes) -> None:
    """A damaged file of our own is used, set aside or left alone; it never keeps the gateway from starting."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "neasmart.db")
        path.write_bytes(content)
        with contextlib.suppress(sqlite3.Error, OSError, NeasmartError):
            DatabaseFile(path, wall=lambda: 0.0).open().close()


def older_rows(content: bytes) -> None:
    """Every row of a sound file is taken, dropped or refused, whatever stands in it."""
    rows = [row.partition(b"=") for row in content.split(b"\n")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "registers.db")
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("CREATE TABLE holding_registers (key, value)")
            values = [(key.decode("utf-8", "replace"), value) for key, _, value in rows]
            connection.executemany("INSERT INTO holding_registers VALUES (?, ?)", values)
        found = older_store.read(path)
    assert all(0 < word <= _LARGEST_WORD for word in found.words.values())
    assert len(found.words) + found.never_reported + found.not_ours + found.refused <= len(rows)


def older_settings(content: bytes) -> None:
    """Settings of an older gateway become a document that is valid here, or are refused in words."""
    with contextlib.suppress(older_store.OlderFileError):
        wanted = older_names.translated(older._parsed(Path("old"), content))
        document, _ = older_names.accepted({}, wanted, "ours")
        settings_loading.checked(document, "again")


def supervisor_answer(content: bytes) -> None:
    """Whatever the Supervisor answers names a page or none, and a broker or is refused in words."""
    status, _, text = content.partition(b"\n")
    number = int(status) if status in (b"200", b"400", b"500") else 200
    with contextlib.suppress(SupervisorError, broker.BrokerError):
        answer = client.answered(number, text)
        client.page_of(answer, answer)
        found = broker.named(answer, ca_file="")
        assert found.host
        assert 0 < found.port <= _LARGEST_WORD


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def _file(content: bytes) -> Path:
    path = Path(_folder().name, "file")
    path.write_bytes(content)
    return path
