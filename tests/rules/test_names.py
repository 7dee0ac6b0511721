"""The house rule that one name means one thing: classes, named types and modules."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "neasmart_addon" / "neasmart"
MODULES = sorted(PACKAGE.rglob("*.py"))
THE_SAME_MEANING = {
    "diagnostics": "the file for a helper, as the gateway writes it and as the command fetches it",
    "history": "the samples of the store, and the paths that show them",
    "past": "what a demo's house has lived through before it starts, told by the simulator and kept in the store",
    "rooms": "what the owner says of rooms, and the paths that take it",
}
"""The only modules of one name in two folders."""


def named_types(path: Path) -> dict[str, str]:
    """Return every class of a module, and every named type with what it stands for."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {node.name: f"class in {path}" for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name.lstrip("_")[:1].isupper() and not name.isupper():
                found[name] = ast.unparse(node.value)
    return found


def test_no_two_classes_share_a_name() -> None:
    meanings: dict[str, set[str]] = defaultdict(set)
    for path in MODULES:
        for name, meaning in named_types(path).items():
            if not name.startswith("_"):
                meanings[name].add(meaning)

    assert {name for name, found in meanings.items() if len(found) > 1} == set()
    assert len(meanings) > 200


def test_no_two_modules_share_a_name_unless_they_mean_the_same() -> None:
    places: dict[str, list[Path]] = defaultdict(list)
    for path in MODULES:
        if path.stem not in {"__init__", "__main__"}:
            places[path.stem].append(path)

    assert {name for name, found in places.items() if len(found) > 1} == set(THE_SAME_MEANING)
