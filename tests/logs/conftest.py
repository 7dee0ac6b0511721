"""What several tests of single modules need."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def _own_handlers() -> Iterator[None]:
    """Give the root logger its own handlers back."""
    loggers = [logging.getLogger(), logging.getLogger("neasmart")]
    handlers, levels = list(loggers[0].handlers), [logger.level for logger in loggers]
    yield
    for handler in loggers[0].handlers:
        if handler not in handlers:
            handler.close()
    loggers[0].handlers[:] = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
