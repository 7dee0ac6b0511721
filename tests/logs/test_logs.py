"""Log lines: each names its request, and full files are compressed without losing a line."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

import pytest

from neasmart.logs import output as logs
from neasmart.settings.model import LogFormat, LoggingSettings
from tests.support.processes import eventually

REQUEST: ContextVar[str] = ContextVar("request", default="")
LOG = logging.getLogger("neasmart.test")
pytestmark = pytest.mark.usefixtures("_own_handlers")


@pytest.fixture
def _request() -> Iterator[None]:
    token = REQUEST.set("abc-1")
    yield
    REQUEST.reset(token)


@pytest.mark.usefixtures("_request")
def test_a_line_names_the_request_that_is_being_answered() -> None:
    last = logs.set_up(LoggingSettings(), request_id=REQUEST.get)

    LOG.info("taken: %d", 5)

    assert last.lines[-1].endswith("neasmart.test: [abc-1] taken: 5")


@pytest.mark.usefixtures("_request")
def test_a_json_line_has_the_request_as_a_key() -> None:
    last = logs.set_up(LoggingSettings(format=LogFormat.JSON), request_id=REQUEST.get)

    LOG.info("taken")

    assert json.loads(last.lines[-1])["request_id"] == "abc-1"


def test_a_line_outside_of_requests_has_no_brackets() -> None:
    last = logs.set_up(LoggingSettings(), request_id=REQUEST.get)

    LOG.info("starts")

    assert last.lines[-1].endswith("neasmart.test: starts")


def test_a_full_file_is_compressed_and_no_line_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_FILE_BYTES", 5_000)
    file = tmp_path / "logs" / "gateway.log"
    logs.set_up(LoggingSettings(file=str(file)))

    for number in range(60):
        LOG.info("line %d %s", number, "x" * 40)
    compressed = file.with_name("gateway.log.1.gz")
    eventually(lambda: compressed.exists() and not file.with_name("gateway.log.1").exists())

    with gzip.open(compressed, "rt", encoding="utf-8") as older:
        lines = older.read().splitlines() + file.read_text(encoding="utf-8").splitlines()
    assert [line.split()[-2] for line in lines] == [str(number) for number in range(60)]


def test_a_full_disk_costs_one_line_and_not_the_console(capsys: pytest.CaptureFixture[str]) -> None:
    last = logs.set_up(LoggingSettings(file="/dev/full"))

    LOG.info("one")
    LOG.info("two")

    assert [line.split(": ", 1)[1] for line in last.lines] == [
        "one",
        "Cannot write the log file /dev/full: No space left on device. Its lines are on the console until it works",
        "two",
    ]
    assert capsys.readouterr().err.splitlines() == last.lines


def test_a_file_that_cannot_be_opened_is_tried_with_each_line(tmp_path: Path) -> None:
    file = tmp_path / "gateway.log"
    file.mkdir()
    last = logs.set_up(LoggingSettings(file=str(file)))

    LOG.info("one")
    file.rmdir()
    LOG.info("two")
    LOG.info("three")

    again = f"The log file {file} is written again"
    assert last.lines[-1].endswith("three")
    assert [line.split(": ", 1)[1] for line in file.read_text(encoding="utf-8").splitlines()] == ["two", again, "three"]
