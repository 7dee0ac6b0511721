"""What a fresh machine lacks is named at once, before anything is fetched."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.supervisor import ROOT

NEEDS = ROOT / "tests" / "needs.sh"
TOOLS = ("cat", "dirname", "grep", "id", "sed", "sh", "tr")
PACKAGES = (ROOT / "tests" / "debian-packages.txt").read_text(encoding="ascii").split()


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder of programs as on a machine that has hardly any, of an ordinary account without sudo."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (folder / tool).symlink_to(found)
    program(folder, "id", "echo 1000")
    return folder


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
    (folder / name).chmod(0o755)


def needs(folder: Path, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(NEEDS), python, str(ROOT / "tests" / "debian-packages.txt")],
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_all_that_is_missing_is_named_at_once(bare: Path) -> None:
    found = needs(bare, "python9")

    assert (found.returncode, found.stdout) == (1, "")
    for each in ("python9", "npm", "git", "as root", *PACKAGES):
        assert each in found.stderr


def test_an_old_python_and_one_without_venv_are_named(bare: Path) -> None:
    program(bare, "old", 'case "$2" in *version_info*) exit 1;; esac; echo 3.9.2')
    program(bare, "cut", 'case "$2" in *ensurepip*) exit 1;; esac; exit 0')

    old, cut = needs(bare, "old"), needs(bare, "cut")

    assert "old is 3.9.2" in old.stderr
    assert "python3-venv" in cut.stderr


def test_what_can_be_installed_through_sudo_stops_nobody(bare: Path) -> None:
    for name in ("npm", "git", "sudo"):
        program(bare, name, "exit 0")

    found = needs(bare)

    assert (found.returncode, found.stderr) == (0, "")


def test_an_old_node_is_named(bare: Path) -> None:
    for name in ("npm", "git", "sudo"):
        program(bare, name, "exit 0")
    program(bare, "node", 'if [ "$1" = --version ]; then echo v16.2.0; else exit 1; fi')

    assert "node is v16.2.0" in needs(bare).stderr
