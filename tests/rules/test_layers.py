"""The house rules that hold the layers apart: who may import whom, in every folder."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "neasmart_addon" / "neasmart"
ORDER: tuple[set[str], ...] = (
    {"facts"},
    {"diagnosis", "settings", "supervisor"},
    {"core", "logs"},
    {"sysbus", "store", "web", "mqtt", "simulator"},
    {"wiring"},
    {"cli"},
    {"__main__"},
)
"""From below; what stands in one set never imports each other. The edges meet only through the core."""
INSIDE: dict[str, tuple[set[str], ...]] = {
    "core": ({"state"}, {"commands"}, {""}),
    "sysbus": ({"transport", "framing"}, {"slave"}, {"line"}, {"capture"}, {""}),
    "store": ({"files"}, {"rooms"}, {""}),
    "mqtt": ({"messages"}, {"link"}, {""}),
    "simulator": ({"bus", "judge"}, {"home"}, {""}),
    "web": ({"http", "answers"}, {"guard"}, {"api"}, {"openapi"}, {""}),
}
"""The same within a folder; "" is what lies in the folder itself."""
MOST_MODULES = 12
ONLY_IN = {
    "pymodbus": {"simulator"},
    "serialx": {"sysbus", "simulator"},
    "aiosqlite": {"store"},
    "sqlite3": {"store"},
    "aiomqtt": {"mqtt"},
    "paho": {"mqtt"},
    "aiohttp": {"web", "supervisor"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))
FOLDERS = sorted({path.parent for path in MODULES})


def place(path: Path) -> str:
    """Return the folder below the package, or the module's own name."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


def room(path: Path) -> str:
    """Return the folder below that one, "" for what lies in it itself."""
    parts = path.relative_to(PACKAGE).parts
    return parts[1] if len(parts) > 2 else ""


def imported(path: Path) -> set[str]:
    """Return every module that a module imports, also within functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def own(path: Path) -> set[Path]:
    """Return the files of ours that a module imports."""
    found: set[Path] = set()
    for name in imported(path):
        if name.startswith("neasmart."):
            file = PACKAGE.joinpath(*name.split(".")[1:]).with_suffix(".py")
            folder = file.with_suffix("") / "__init__.py"
            found.update(each for each in (file, folder) if each.exists())
    return found - {path}


def depth(layers: tuple[set[str], ...], name: str) -> int:
    """Return how high a name stands."""
    for number, layer in enumerate(layers):
        if name in layer:
            return number
    raise AssertionError(f"{name} has no place in the house; give it one here")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_lies_below(path: Path) -> None:
    here = place(path)
    if here == "__init__":
        assert not own(path)
        return
    for other in own(path):
        there = place(other)
        if there == here:
            layers = INSIDE.get(here)
            if layers is None or room(other) == room(path):
                continue
            assert depth(layers, room(other)) < depth(layers, room(path)), f"{path} imports {other}"
        else:
            assert depth(ORDER, there) < depth(ORDER, here), f"{path} imports {other}"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(PACKAGE)))
def test_no_folder_holds_more_than_a_dozen_modules(folder: Path) -> None:
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]

    assert len(modules) <= MOST_MODULES
    assert folder.joinpath("__init__.py").read_text(encoding="utf-8").startswith('"""')


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_library_of_the_outside_world_is_used_in_its_edge_only(path: Path) -> None:
    for name in {name.split(".")[0] for name in imported(path)} & ONLY_IN.keys():
        assert place(path) in ONLY_IN[name], f"{name} is not for {place(path)}"


def test_no_address_of_a_zone_stands_outside_the_register_table() -> None:
    numbers = {1200, 1300, 6000, 6010, 0x8116, 0x7FFF, 0x810C, 0x810E}
    for path in MODULES:
        if path.stem in {"registers", "points", "codecs"}:
            continue
        found = {
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and type(node.value) is int
        }
        if path == PACKAGE / "settings" / "model.py":
            found -= {1200}  # a baud rate
        assert not found & numbers, path
