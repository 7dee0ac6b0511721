"""The mutator breaks what it says, and the table of the heart is true."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.mutants.__main__ import ROOT, file_of, named_sites
from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.heart import HEART, TESTS
from tests.mutants.sites import sites


def changes(source: str) -> list[str]:
    return [site.change for site in sites(ast.parse(source))]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a <= b", ["a <= b -> a < b", "a <= b -> a > b"]),
        ("a is None", ["a is None -> a is not None"]),
        ("a or b", ["a or b -> a and b", "a or b -> b", "a or b -> a"]),
        ("a - 1", ["a - 1 -> a + 1", "1 -> 2"]),
        ("not a", ["not a -> a"]),
        ("a if b else c", ["a if b else c -> c if b else a", "b -> not b"]),
        ("max(a, b)", ["max(a, b) -> min(a, b)"]),
        ("a = True", ["True -> False"]),
        ("def f():\n    return False", ["False -> True"]),
        ("a += b", ["a += b -> a -= b"]),
        ("while True:\n    break", ["True -> False", "True -> not True", "break -> continue"]),
    ],
)
def test_each_kind_of_slip(source: str, expected: list[str]) -> None:
    assert changes(source) == expected


def test_statements_of_a_function_are_left_out_and_its_answer_is_forgotten() -> None:
    source = "def f(a):\n    a.b = a\n    a.c()\n    return a\n"

    assert changes(source) == ["a.b = a -> pass", "a.c() -> pass", "return a -> return None"]


@pytest.mark.parametrize(
    "source",
    [
        '"""A text with 1."""',
        "from a import b",
        "a: int | None",
        "@dataclass(frozen=True)\nclass A:\n    pass",
        "def f() -> None:\n    _LOGGER.info('%s', 1)",
        "a = f'{1 + 1}'",
    ],
)
def test_texts_types_decorators_and_logs_are_left_alone(source: str) -> None:
    assert changes(source) == []


def test_a_site_knows_where_its_code_is_entered() -> None:
    source = "class A:\n @decorated\n def f(self):\n  return 1\n @cached_property\n def g(self):\n  return 2\n"

    found = {site.function: site.entry for site in sites(ast.parse(source))}

    assert found == {"A.f": 2, "A.g": 0}


@pytest.mark.parametrize("module", HEART)
def test_every_change_of_the_heart_can_be_compiled(module: str) -> None:
    source = file_of(module).read_text(encoding="utf-8")
    number = len(sites(ast.parse(source)))
    before = ast.dump(ast.parse(source))

    for each in (0, number // 2, number - 1):
        tree = ast.parse(source)
        sites(tree)[each].apply()
        compile(tree, module, "exec")
        assert ast.dump(tree) != before


def test_the_tests_of_the_table_are_there() -> None:
    assert all((ROOT / folder).is_dir() for folder in TESTS)


def test_a_broken_module_is_loaded_and_its_file_stays() -> None:
    look = (
        "from neasmart.facts.retries import CircuitBreaker as B\nprint(vars(B(failure_threshold=3, recovery_s=60.0)))\n"
    )

    broken = _printed(
        f"from tests.mutants.loading import load_broken\nload_broken('neasmart.facts.retries', 0)\n{look}"
    )

    assert sites(ast.parse(file_of("neasmart.facts.retries").read_text()))[0].change.startswith(
        "self.failure_threshold"
    )
    assert "failure_threshold" not in broken
    assert "failure_threshold" in _printed(look)


def _printed(code: str) -> str:
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'neasmart_addon'}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    return done.stdout


def test_what_nobody_can_notice_is_still_there() -> None:
    names = {name for module in HEART for name, _ in named_sites(module)}

    assert EQUIVALENT.keys() - names == set()
