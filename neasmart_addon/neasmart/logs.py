"""Sets logging up once, from the settings: console and file, text or JSON."""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
from pathlib import Path

from neasmart.clock import iso
from neasmart.config import LogFormat, LoggingSettings

_FILE_BYTES = 2_000_000
_FILE_COUNT = 3
_TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def set_up(settings: LoggingSettings) -> None:
    """Send all log lines to standard error and, if named, to a rotating file.

    A file that cannot be written costs only the file: one warning, and the console goes on.
    """
    formatter = JsonFormatter() if settings.format is LogFormat.JSON else logging.Formatter(_TEXT)
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
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


def set_level(settings: LoggingSettings) -> None:
    """Apply the level; libraries speak below warnings only in debug mode."""
    level = logging.DEBUG if settings.debug_mode else settings.level.upper()
    logging.getLogger("neasmart").setLevel(level)
    logging.getLogger().setLevel(level if settings.debug_mode else logging.WARNING)


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
