"""The house rule that state has one owner: nobody assigns into an object that another module has made."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "neasmart_addon" / "neasmart"
COUNTERS = {"counters", "_counters", "difference"}
"""Counts of the bus are there to be counted up by whoever sees something."""
RECORDS = {"core/commands/commands.py": {"life", "other"}}
"""A live command is a record of the module that decides about it."""
OF_LIBRARIES = {
    "client",
    "context",
    "handler",
    "paho",
    "record",
    "request",
    "response",
    "selector",
    "server",
    "thread",
    "transport",
}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "simulator" not in path.parts)
"""Without the simulator, which plays house and base and sets what it likes in them."""


def own_attributes(tree: ast.Module) -> set[str]:
    """Return the attributes of the classes of a module."""
    found: set[str] = set()
    for owner in ast.walk(tree):
        if isinstance(owner, ast.ClassDef):
            found |= {
                node.target.id
                for node in owner.body
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
            }
            found |= {node.attr for node in assigned(owner) if ast.unparse(node.value) == "self"}
    return found


def assigned(tree: ast.AST) -> Iterator[ast.Attribute]:
    """Yield every attribute that is assigned or deleted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nobody_assigns_into_an_object_of_another_module(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = own_attributes(tree)
    allowed = COUNTERS | OF_LIBRARIES | RECORDS.get(str(path.relative_to(PACKAGE)), set())

    foreign = [
        f"{node.lineno}: {ast.unparse(node)}"
        for node in assigned(tree)
        if ast.unparse(node.value) != "self"
        and ast.unparse(node.value).rpartition(".")[2] not in allowed
        and node.attr not in own
    ]

    assert foreign == []
