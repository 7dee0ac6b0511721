"""Plays power cuts: of what was written after the last sync of a file, a disk keeps any part."""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512
_HEAD = struct.Struct("=4Q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change of a file: w(rite), t(runcate), u(nlink), or s(ync)."""

    operation: str
    path: str
    offset: int
    content: bytes


def build_journal(folder: Path) -> Path:
    """Compile the library that notes all changes; return its path."""
    library = folder / "disk_journal.so"
    source = Path(__file__).with_name("disk_journal.c")
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", str(source), "-o", str(library), "-ldl"], check=True)
    return library


def steps(journal: Path) -> Iterator[Step]:
    """Return what was noted, without a last record that was cut."""
    content = journal.read_bytes()
    at = 0
    while at + _HEAD.size <= len(content):
        operation, path_length, offset, size = _HEAD.unpack_from(content, at)
        start = at + _HEAD.size
        at = start + path_length + size
        if at <= len(content):
            path = content[start : start + path_length].decode()
            yield Step(operation=chr(operation), path=path, offset=offset, content=content[start + path_length : at])


def after_the_cut(done: Sequence[Step], chance: random.Random) -> dict[str, bytes]:
    """Return the files that are found when the power is back: of each write since the last sync any sectors."""
    last_sync = {step.path: number for number, step in enumerate(done) if step.operation == "s"}
    files: dict[str, bytearray] = {}
    for number, step in enumerate(done):
        if step.operation == "u":
            files.pop(step.path, None)
            continue
        file = files.setdefault(step.path, bytearray())
        synced = number < last_sync.get(step.path, -1)
        if step.operation == "t" and (synced or chance.random() < 0.5):
            del file[step.offset :]
        elif step.operation == "w":
            for begin in range(0, len(step.content), SECTOR):
                if synced or chance.random() < 0.5:
                    _put(file, step.offset + begin, step.content[begin : begin + SECTOR])
    return {path: bytes(content) for path, content in files.items()}


def _put(file: bytearray, at: int, content: bytes) -> None:
    if len(file) < at:
        file += bytes(at - len(file))
    file[at : at + len(content)] = content
