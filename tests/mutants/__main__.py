"""Breaks the heart in small ways and looks whether a test notices: ``make mutants COUNT=200 SEED=1``.

Each mutant is one change in one module, loaded in a process of its own and judged by the tests that enter the changed
function. Prints the rate and what survived. `equivalent.py` names what no test can notice, and why.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.heart import BUDGET_S, HEART, SLOWEST_TEST_S, TESTS
from tests.mutants.loading import load_broken
from tests.mutants.sites import Site, sites
from tests.mutants.which import Recorder

ROOT = Path(__file__).parents[2]
QUIET = (
    # An assertion that fails need not say why, so nothing is rewritten, which takes longer than most tests.
    *("-q", "--no-header", "--assert=plain", "--override-ini", "addopts=--import-mode=importlib"),
    # Of no use here, and schemathesis alone would double the start.
    *(part for plugin in ("cacheprovider", "xdist", "schemathesis", "anyio") for part in ("-p", f"no:{plugin}")),
)
HEAVY = (
    *("aiohttp.test_utils", "aiosqlite", "hypothesis.strategies", "msgspec"),
    *("pymodbus.framer", "pymodbus.pdu.register_message"),
)
"""What nearly every test needs and what belongs to others: loaded once for all mutants."""
WORKERS = 2
FIRST = 40
QUICK_S = 0.1
FAILED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change: the `number` of its site in the module, and the tests that shall notice."""

    module: str
    number: int
    line: int
    name: str
    tests: tuple[str, ...]
    patience_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A mutant whose tests run."""

    mutant: Mutant
    pid: int
    ends_at: float
    folder: Path


class Repeatable:
    """A pytest plugin: the same examples every time, and what a broken gateway finds is not kept for the next one."""

    def pytest_configure(self) -> None:
        from hypothesis import settings  # noqa: PLC0415 - pytest must load it first

        settings.register_profile("mutants", parent=settings.get_profile("patient"), database=None, derandomize=True)
        settings.load_profile("mutants")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--count", type=int, default=200, help="how many mutants; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--module", action="append", choices=HEART, help="only this one; repeatable")
    parser.add_argument("--name", action="append", help="only those whose name contains this; repeatable")
    parser.add_argument("--goal", type=float, default=0.0, help="end with 1 if fewer per cent are noticed")
    chosen = parser.parse_args()
    os.chdir(ROOT)
    begun_at = time.monotonic()
    for name in HEAVY:
        importlib.import_module(name)
    recorder = recorded()
    everything = [mutant for module in HEART for mutant in of_module(module, recorder)]
    mutants = [
        mutant
        for mutant in everything
        if mutant.name not in EQUIVALENT
        and (chosen.module is None or mutant.module in chosen.module)
        and (chosen.name is None or any(part in mutant.name for part in chosen.name))
    ]
    sample = mutants
    if 0 < chosen.count < len(mutants):
        sample = random.Random(chosen.seed).sample(mutants, chosen.count)
    say(f"{len(sample)} of {len(mutants)} mutants, {len(recorder.seconds)} tests, seed {chosen.seed}")
    rate = report(sample)
    say(f"{time.monotonic() - begun_at:.0f} s")
    stale = sorted(EQUIVALENT.keys() - {mutant.name for mutant in everything})
    for name in stale:
        say(f"equivalent.py names what is no mutant any more: {name}")
    return int(rate < chosen.goal or bool(stale))


def report(mutants: Sequence[Mutant]) -> float:
    """Try mutants, print who survives and the rates; return how many per cent were noticed."""
    results: dict[str, list[bool]] = {}
    done = 0
    for mutant, noticed in tried(mutants):
        results.setdefault(mutant.module, []).append(noticed)
        done += 1
        if not noticed:
            say(f"{done:4} survived {len(mutant.tests)} tests: {mutant.name} (line {mutant.line})")
    for module, each in sorted(results.items()):
        say(f"{sum(each):4} of {len(each):4}  {module}")
    noticed_all = sum(map(sum, results.values()))
    rate = 100 * noticed_all / max(1, done)
    say(f"{noticed_all} of {done} were noticed: {rate:.1f} %")
    return rate


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def recorded() -> Recorder:
    """Run the tests once, in a process of its own, so that this one has loaded nothing of the heart."""
    recorder = Recorder(str(file_of(module)) for module in HEART)
    reading, writing = os.pipe()

    def work(folder: Path) -> int:
        os.close(reading)
        pytest.main([*QUIET, f"--basetemp={folder}", *TESTS], plugins=[recorder, Repeatable()])
        with os.fdopen(writing, "w") as answer:
            answer.write(repr((recorder.entered, recorder.seconds)))
        return 0

    folder = Path(tempfile.mkdtemp(prefix="mutants-"))
    pid = forked(work, folder)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    os.waitpid(pid, 0)
    if not said:
        sys.exit((folder / "log").read_text(encoding="utf-8", errors="replace"))
    recorder.entered, recorder.seconds = ast.literal_eval(said)
    shutil.rmtree(folder, ignore_errors=True)
    return recorder


def file_of(module: str) -> Path:
    """Return where a module lies, without loading it or its package."""
    return ROOT / "neasmart_addon" / Path(*module.split(".")).with_suffix(".py")


def named_sites(module: str) -> Iterator[tuple[str, Site]]:
    """Give the places of a module that can be broken, each with a name of its own that no other line changes."""
    seen: dict[str, int] = {}
    for site in sites(ast.parse(file_of(module).read_text(encoding="utf-8"))):
        name = f"{module}:{site.function}: {site.change}"
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name} #{seen[name]}", site


def of_module(module: str, recorder: Recorder) -> Iterator[Mutant]:
    """Give all mutants of a module with their tests."""
    file = str(file_of(module))
    quick = {test: seconds for test, seconds in recorder.seconds.items() if seconds <= SLOWEST_TEST_S}
    of_file = [test for test in quick if any(each == file for each, _ in recorder.entered[test])]
    for number, (name, site) in enumerate(named_sites(module)):
        entry = (file, site.entry)
        tests = [test for test in of_file if site.entry and entry in recorder.entered[test]] or of_file
        within: list[str] = []
        total_s = 0.0
        for test in sorted(tests, key=quick.__getitem__):
            total_s += quick[test]
            if total_s > BUDGET_S:
                break
            within.append(test)
        # Those that enter little else are about this function; what takes its time may wait for what never comes now.
        within.sort(key=lambda test: (quick[test] > QUICK_S, len(recorder.entered[test])))
        yield Mutant(
            module=module,
            number=number,
            line=site.line,
            name=name,
            tests=tuple(within),
            patience_s=30.0 + 4 * min(total_s, BUDGET_S),
        )


def tried(mutants: Sequence[Mutant]) -> Iterator[tuple[Mutant, bool]]:
    """Give each mutant with whether a test has noticed it, by failing or by never ending."""
    waiting = list(mutants)
    running: list[Trial] = []
    while waiting or running:
        while waiting and len(running) < WORKERS:
            mutant = waiting.pop(0)
            if mutant.tests:
                running.append(begun(mutant))
            else:
                yield mutant, False
        for trial in list(running):
            pid, status = os.waitpid(trial.pid, os.WNOHANG)
            late = time.monotonic() > trial.ends_at
            if not pid and not late:
                continue
            if not pid:
                os.killpg(trial.pid, signal.SIGKILL)
                os.waitpid(trial.pid, 0)
            running.remove(trial)
            shutil.rmtree(trial.folder, ignore_errors=True)
            code = None if late else os.waitstatus_to_exitcode(status)
            if code not in (0, FAILED, None):
                say(f"ended with {code}: {trial.mutant.name}")
            yield trial.mutant, code != 0
        time.sleep(0.02)


def begun(mutant: Mutant) -> Trial:
    """Run the tests of a mutant in a new process; it ends with 0 if none has failed."""

    def work(folder: Path) -> int:
        load_broken(mutant.module, mutant.number)
        code = 0
        for part in (mutant.tests[:FIRST], mutant.tests[FIRST:]):
            # To collect all would take longer than to run the first, which notice nearly everything.
            if part and code == 0:
                code = int(pytest.main([*QUIET, "-x", f"--basetemp={folder}", *part], plugins=[Repeatable()]))
        return code

    folder = Path(tempfile.mkdtemp(prefix="mutants-"))
    pid = forked(work, folder)
    return Trial(mutant=mutant, pid=pid, ends_at=time.monotonic() + mutant.patience_s, folder=folder)


def forked(work: Callable[[Path], int], folder: Path) -> int:
    """Carry out work in a child with a process group of its own; return its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setsid()
        with (folder / "log").open("wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        code = work(folder / "files")
    except BaseException:  # noqa: BLE001 - the child must end here, whatever it is
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
