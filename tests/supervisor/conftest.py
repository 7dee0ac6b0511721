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
    return Supervisor(TOKEN, url=fake.url, timeout_s=0.5)
