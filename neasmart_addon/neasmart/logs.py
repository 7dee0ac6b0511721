"""Sets logging up once, from the settings: console and file, text or JSON."""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
from collections import deque
from pathlib import Path

from neasmart.clock import iso
from neasmart.config import LogFormat, LoggingSettings

_FILE_BYTES = 2_000_000
_FILE_COUNT = 3
LINES_KEPT = 300
_LINE_LIMIT = 4000
_TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def set_up(settings: LoggingSettings) -> LastLines:
    """Send all log lines to standard error and, if named, to a rotating file; return what keeps the last ones.

    A file that cannot be written costs only the file: one warning, and the console goes on.
    """
    formatter = JsonFormatter() if settings.format is LogFormat.JSON else logging.Formatter(_TEXT)
    last = LastLines()
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr), last]
    failure: OSError | None = None
    if settings.file:
        try:
            Path(settings.file).parent.mkdir(parents=True, exist_ok=True)
            handlers.append(
                logging.handlers.RotatingFileHandler(
                    settings.file, maxBytes=_FILE_BYTES, backupCount=_FILE_COUNT, encoding="utf-8"
                )
            )
        except OSError as error:
            failure = error
    root = logging.getLogger()
    root.handlers.clear()
    for handler in handlers:
        handler.setFormatter(formatter)
        root.addHandler(handler)
    set_level(settings)
    if failure is not None:
        logging.getLogger(__name__).warning("Cannot write the log file %s: %s", settings.file, failure.strerror)
    return last


def set_level(settings: LoggingSettings) -> None:
    """Apply the level; libraries speak below warnings only in debug mode."""
    level = logging.DEBUG if settings.debug_mode else settings.level.upper()
    logging.getLogger("neasmart").setLevel(level)
    logging.getLogger().setLevel(level if settings.debug_mode else logging.WARNING)


class LastLines(logging.Handler):
    """Keeps the last log lines for the diagnostics file."""

    def __init__(self, limit: int = LINES_KEPT) -> None:
        """Keep `limit` lines, each cut to a few thousand characters."""
        super().__init__()
        self._lines: deque[str] = deque(maxlen=limit)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line."""
        self._lines.append(self.format(record)[:_LINE_LIMIT])

    @property
    def lines(self) -> list[str]:
        """The lines, oldest first."""
        return list(self._lines)


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
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
