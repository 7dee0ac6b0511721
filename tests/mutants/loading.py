"""Loads one module in its broken form, in a process of its own; the files stay as they are."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from tests.mutants.sites import sites


class _Broken(SourceFileLoader):
    """Compiles the tree with one change, and leaves no bytecode behind."""

    def __init__(self, name: str, path: str, number: int) -> None:
        super().__init__(name, path)
        self._number = number

    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(self.get_source(fullname) or "")
        sites(tree)[self._number].apply()
        return compile(tree, self.get_filename(fullname), "exec")


class _Finder(MetaPathFinder):
    def __init__(self, module: str, number: int) -> None:
        self._module = module
        self._number = number

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._module:
            return None
        spec: Any = PathFinder.find_spec(fullname, path, target)
        spec.loader = _Broken(fullname, spec.origin, self._number)
        return spec  # type: ignore[no-any-return]


def load_broken(module: str, number: int) -> None:
    """Let this process import a module with its change of a number; the module must not be loaded yet."""
    assert module not in sys.modules
    sys.meta_path.insert(0, _Finder(module, number))
