"""The house rules that hold the layers apart: who may import whom."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "neasmart_addon" / "neasmart"
CORE = [
    {
        "arguments",
        "errors",
        "clock",
        "codecs",
        "breaker",
        "histogram",
        "registers",
        "config",
        "status",
        "about",
        "redaction",
    },
    {"points"},
    {"carrier", "walks", "image", "plant", "traffic", "patterns", "command", "leavings", "idle_polls"},
    {"command_life", "verdicts", "doctor", "bus_watch"},
    {"commands"},
    {"undo"},
    {"rooms"},
    {"hub"},
    {"gateway"},
]
EDGES = {"sysbus", "store", "web", "mqtt", "supervisor", "simulator"}
TOP = {
    "logs",
    "docs",
    "demo",
    "tethered",
    "meanings",
    "app",
    "check",
    "replay",
    "remote",
    "credentials",
    "older",
    "reload",
    "settings_checks",
    "settings_loading",
    "settings_rooms",
    "settings_store",
    "settings_words",
    "setup_guide",
    "archive",
    "edges",
    "house",
    "syslog",
    "tuning",
    "__main__",
}
ONLY_IN = {
    "pymodbus": {"sysbus", "simulator"},
    "serialx": {"sysbus", "simulator"},
    "aiosqlite": {"store"},
    "sqlite3": {"store"},
    "aiomqtt": {"mqtt"},
    "paho": {"mqtt"},
    "aiohttp": {"web", "mqtt", "supervisor"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def place(path: Path) -> str:
    """Return the folder below the package, or the module's own name."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            names.add(node.module)
            if node.module == "neasmart":
                names.update(f"neasmart.{alias.name}" for alias in node.names)
    return names


def own(path: Path) -> set[str]:
    places = {name.split(".")[1] for name in imported(path) if name.startswith("neasmart.")}
    return {name for name in places if not name.startswith("__version__")} - {place(path)}


def allowed(name: str) -> set[str]:
    core = set().union(*CORE)
    if name in EDGES:
        return core
    if name == "__init__":
        return set()
    for depth, layer in enumerate(CORE):
        if name in layer:
            return set().union(*CORE[: depth + 1])
    assert name in TOP, f"{name} has no place in the house; give it one here"
    return core | EDGES | TOP


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_its_own_layer_and_those_below(path: Path) -> None:
    assert own(path) <= allowed(place(path))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_library_of_the_outside_world_is_used_in_its_edge_only(path: Path) -> None:
    for name in {name.split(".")[0] for name in imported(path)} & ONLY_IN.keys():
        assert place(path) in ONLY_IN[name], f"{name} is not for {place(path)}"


def test_no_address_of_a_zone_stands_outside_the_register_table() -> None:
    numbers = {1200, 1300, 6000, 6010, 0x8116, 0x7FFF, 0x810C, 0x810E}
    for path in MODULES:
        if path.stem in {"points", "codecs"}:
            continue
        found = {
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and type(node.value) is int
        }
        if place(path) == "config":
            found -= {1200}  # a baud rate
        assert not found & numbers, path
