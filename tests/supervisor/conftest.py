from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from neasmart.supervisor import Supervisor
from tests.support.fake_supervisor import TOKEN, FakeSupervisor


@pytest.fixture
async def fake() -> AsyncIterator[FakeSupervisor]:
    """A Supervisor that serves."""
    supervisor = FakeSupervisor()
    runner = await supervisor.serve()
    yield supervisor
    await runner.cleanup()


@pytest.fixture
def client(fake: FakeSupervisor) -> Supervisor:
    """Return one that waits for as long as a busy computer needs; a test of one that hangs gives it less."""
    return Supervisor(TOKEN, url=fake.url, timeout_s=30.0)
