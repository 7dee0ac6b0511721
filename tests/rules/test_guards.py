"""The guards of every test notice what they are for."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from neasmart.facts.process.about import facts
from tests.support.guards import Guards, descriptors


@pytest.mark.unguarded("blocking", reason="blocks the loop on purpose")
async def test_a_file_that_the_gateway_reads_in_its_loop_is_seen(guards: Guards) -> None:
    guards.clear()

    facts()

    assert any("about.py" in each for each in guards.blocked)


async def test_a_file_that_the_gateway_reads_in_a_thread_is_fine(guards: Guards) -> None:
    guards.clear()

    await asyncio.to_thread(facts)

    assert guards.blocked == []


async def test_what_a_test_reads_by_itself_is_its_own_affair(guards: Guards) -> None:
    guards.clear()

    list(Path("/").iterdir())  # noqa: ASYNC240 - that is the question

    assert guards.blocked == []


@pytest.mark.unguarded("tasks", reason="leaves a task on purpose")
def test_a_task_that_is_left_is_seen(guards: Guards) -> None:
    guards.clear()

    async def leave() -> None:
        asyncio.create_task(asyncio.Event().wait(), name="left")  # noqa: RUF006 - left on purpose

    asyncio.run(leave())

    assert [each.partition(":")[0] for each in guards.tasks] == ["left"]


def test_a_descriptor_that_is_left_is_seen() -> None:
    before = descriptors()
    with socket.socket() as left:
        assert descriptors().keys() - before.keys() == {left.fileno()}

    assert descriptors() == before
