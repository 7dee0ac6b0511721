from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from neasmart.settings.model import DatabaseSettings
from tests.support.store import Bench


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Callable[..., Bench]]:
    """Give gateways with a store at the same file; what is still open at the end is closed."""
    async with AsyncExitStack() as opened:

        def build(
            path: Path | None = None,
            *,
            fallback: bool = True,
            history: bool = True,
            history_max_mb: int = 64,
            flush_interval_s: int = 30,
            **kwargs: object,
        ) -> Bench:
            settings = DatabaseSettings(
                path=str(path or tmp_path / "data" / "neasmart.db"),
                enable_fallback=fallback,
                history_enabled=history,
                history_max_mb=history_max_mb,
                flush_interval_seconds=flush_interval_s,
            )
            bench = Bench(settings, **kwargs)  # type: ignore[arg-type]  # passed on as they are
            opened.push_async_callback(bench.close)
            return bench

        yield build
