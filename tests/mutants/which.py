"""Tells which tests enter which functions of the heart, and how long each takes: one run of all, traced.

A pytest plugin. By functions and not by lines, because then only the beginning of a call is looked at, which leaves the
tests nearly as quick as they are.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Generator, Iterable
from types import FrameType

import pytest

Entry = tuple[str, int]
"""The file of a function and the line where its code begins."""


class Recorder:
    """By passed test, the functions that it enters."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = frozenset(files)
        self._now: set[Entry] = set()
        self._failed = False
        self.entered: dict[str, set[Entry]] = {}
        self.seconds: dict[str, float] = {}

    def _traced(self, frame: FrameType, event: str, argument: object) -> None:
        del event, argument
        code = frame.f_code
        if code.co_filename in self._files:
            self._now.add((code.co_filename, code.co_firstlineno))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._now, self._failed = set(), False
        threading.settrace(self._traced)
        sys.settrace(self._traced)
        begun = time.monotonic()
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # None means no more
            if not self._failed and self._now:
                self.entered[item.nodeid] = self._now
                self.seconds[item.nodeid] = time.monotonic() - begun

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed = self._failed or not report.passed
