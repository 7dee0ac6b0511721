from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from neasmart.settings.model import DatabaseSettings
from neasmart.store import store
from neasmart.store.rooms import room_book
from tests.support.store import Bench


@pytest.fixture(autouse=True)
def _unhurried(request: pytest.FixtureRequest) -> Iterator[None]:
    """Wait for the disk as long as it takes: a busy computer is no disk that hangs, and seconds are told by the bench.

    `@pytest.mark.usefixtures("_hurried")` leaves a test the real times.
    """
    with pytest.MonkeyPatch.context() as patched:
        if "_hurried" not in request.fixturenames:
            for name in ("OPEN_PATIENCE_S", "PATIENCE_S", "CLOSE_PATIENCE_S"):
                patched.setattr(store, name, 60.0)
            patched.setattr(room_book, "PATIENCE_S", 60.0)
        yield


@pytest.fixture
def _hurried() -> None:
    """Mark a test that holds the times themselves."""


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
