"""Every reader of strangers' bytes, with the kept corpus and a second of fresh damage; `make fuzz` takes longer."""

from __future__ import annotations

import pytest

from tests.fuzz import mutations
from tests.fuzz.targets import TARGETS

SECONDS = 1.0


@pytest.mark.parametrize("name", TARGETS)
def test_the_kept_corpus_does_no_harm(name: str) -> None:
    kept = mutations.samples(name)

    assert kept
    for content in kept:
        TARGETS[name](content)


@pytest.mark.parametrize("name", TARGETS)
def test_fresh_damage_does_no_harm(name: str) -> None:
    assert mutations.run(name, TARGETS[name], seconds=SECONDS) >= mutations.LEAST
