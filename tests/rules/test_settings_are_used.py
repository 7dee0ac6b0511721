"""The house rule that every setting is used: what nobody reads is no setting."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec
import pytest

from neasmart.settings.model import WITHOUT_EFFECT, Settings

PACKAGE = Path(__file__).parents[2] / "neasmart_addon" / "neasmart"
SECTIONS = {
    section.name: type(getattr(Settings(), section.name))
    for section in msgspec.structs.fields(Settings)
    if isinstance(getattr(Settings(), section.name), msgspec.Struct)
}
READERS = [
    path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in {"settings", "simulator", "cli"}
]


def reads() -> set[str]:
    """Return what is read of each section, such as ``server.port``; by the names under which sections go about."""
    found: set[str] = set()
    for path in READERS:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
                continue
            owner = ast.unparse(node.value).rpartition(".")[2].lstrip("_")
            for section, kind in SECTIONS.items():
                if owner == section or (owner == "settings" and kind.__name__ in known):
                    found.add(f"{section}.{node.attr}")
    return found


THROUGH = {"server.allowed_peers": "server.networks", "server.url": "server.serial_port"}
"""What is read by another name: as the networks that it lists, and as the link that it is made to in `checks`."""
READ = reads()
KEYS = [f"{section}.{key}" for section, kind in SECTIONS.items() for key in kind.__struct_fields__]


@pytest.mark.parametrize("key", KEYS)
def test_somebody_reads_it_unless_it_is_said_to_have_no_effect(key: str) -> None:
    section, _, name = key.partition(".")

    assert (THROUGH.get(key, key) in READ) != (section == "modbus" and name in WITHOUT_EFFECT)
