"""Sets logging up once, from the settings: console, file and syslog, text or JSON."""

from __future__ import annotations

import contextlib
import gzip
import json
import logging
import shutil
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from neasmart.facts.clock import iso
from neasmart.logs.syslog import SyslogHandler
from neasmart.settings.model import LogFormat, LoggingSettings

_FILE_BYTES = 2_000_000
_FILE_COUNT = 3
_COMPRESSED = ".gz"
LINES_KEPT = 300
_LINE_LIMIT = 4000
_TEXT = "%(asctime)s %(levelname)-7s %(name)s:%(request)s %(message)s"
_TEXT_OF_SYSLOG = "%(name)s:%(request)s %(message)s"
"""Time and severity stand in the head of the line already."""


def set_up(settings: LoggingSettings, *, request_id: Callable[[], str] = str) -> LastLines:
    """Send all log lines to standard error and, if named, to a rotating file and to syslog; return what keeps the last.

    `request_id` tells which request is being answered, empty for none; it then stands in the line. A full file is
    compressed. A file that cannot be written costs only the file: one warning, the console goes on, and each line tries
    it again. A syslog server that is away costs nobody anything.
    """
    formatter = JsonFormatter() if settings.format is LogFormat.JSON else TextFormatter()
    last = LastLines()
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr), last]
    if settings.file:
        with contextlib.suppress(OSError):
            Path(settings.file).parent.mkdir(parents=True, exist_ok=True)
        handlers.append(_rotating(settings.file))
    for handler in handlers:
        handler.setFormatter(formatter)
    if settings.syslog:
        handlers.append(SyslogHandler(settings.syslog))
        handlers[-1].setFormatter(formatter if settings.format is LogFormat.JSON else TextFormatter(_TEXT_OF_SYSLOG))
    root = logging.getLogger()
    root.handlers.clear()
    for handler in handlers:
        handler.addFilter(RequestFilter(request_id))
        root.addHandler(handler)
    set_level(settings)
    return last


def set_level(settings: LoggingSettings) -> None:
    """Apply the level; libraries speak below warnings only in debug mode."""
    level = logging.DEBUG if settings.debug_mode else settings.level.upper()
    logging.getLogger("neasmart").setLevel(level)
    logging.getLogger().setLevel(level if settings.debug_mode else logging.WARNING)


class LastLines(logging.Handler):
    """Keeps the last log lines for the diagnostics file."""

    def __init__(self) -> None:
        """Keep some hundred lines, each cut to a few thousand characters."""
        super().__init__()
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line."""
        self._lines.append(self.format(record)[:_LINE_LIMIT])

    @property
    def lines(self) -> list[str]:
        """The lines, oldest first."""
        return list(self._lines)


class RequestFilter(logging.Filter):
    """Gives each record the id of the request that is being answered while it is made."""

    def __init__(self, request_id: Callable[[], str]) -> None:
        """Ask `request_id` for each record."""
        super().__init__()
        self._request_id = request_id

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, with its id."""
        record.request_id = self._request_id()
        return True


class TextFormatter(logging.Formatter):
    """A line for people; the request's id stands in brackets before the message."""

    def __init__(self, template: str = _TEXT) -> None:
        """Take another order of the parts."""
        super().__init__(template)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        request_id = getattr(record, "request_id", "")
        record.request = f" [{request_id}]" if request_id else ""
        return super().format(record)


class JsonFormatter(logging.Formatter):
    """One JSON object a line, with time, level, logger and message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": iso(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := getattr(record, "request_id", ""):
            line["request_id"] = request_id
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _rotating(path: str) -> logging.Handler:
    from logging.handlers import RotatingFileHandler  # noqa: PLC0415 - with what it needs 0.1 MB

    log = logging.getLogger(__name__)

    class LogFile(RotatingFileHandler):
        """A file that may fail at any line and work again later; the library would print its innards for each."""

        _failed = _told = False

        def emit(self, record: logging.LogRecord) -> None:
            """Write a line; where that fails it is on the console only."""
            self._failed = False
            super().emit(record)
            if self._told and not self._failed:
                self._told = False
                log.info("The log file %s is written again", path)

        def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - as the library has it
            """Say once that lines are missing in the file, and why."""
            self._failed = True
            error = sys.exception()
            with contextlib.suppress(OSError):
                # What is left of the line must not come later, and the file may be another one by then.
                self.close()
            if not self._told:
                self._told = True
                reason = error.strerror if isinstance(error, OSError) else error
                log.warning(
                    "Cannot write the log file %s: %s. Its lines are on the console until it works", path, reason
                )

    # It is opened with its first line, and again with each until that works.
    handler = LogFile(path, maxBytes=_FILE_BYTES, backupCount=_FILE_COUNT, encoding="utf-8", delay=True)
    handler.namer = lambda name: f"{name}{_COMPRESSED}"
    handler.rotator = _rotate
    return handler


def _rotate(source: str, target: str) -> None:
    """Set the full file aside at once and compress it in a thread: the base waits for replies meanwhile."""
    aside = Path(target.removesuffix(_COMPRESSED))
    Path(source).replace(aside)
    threading.Thread(target=_compress, args=(aside, Path(target)), name="log file").start()


def _compress(source: Path, target: Path) -> None:
    try:
        with source.open("rb") as full, gzip.open(target, "wb") as compressed:
            shutil.copyfileobj(full, compressed)
        source.unlink()
    except OSError as error:
        logging.getLogger(__name__).warning("Cannot compress the log file %s: %s", source, error.strerror)
