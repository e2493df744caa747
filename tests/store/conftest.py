"""The kinds of stores as fixtures, and LangGraph in its own process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .kinds import KINDS, Face, Loop, opened
from .oracle import Oracle


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """An event loop in another thread."""
    started = Loop()
    yield started
    started.close()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of store."""
    return str(request.param)


@pytest.fixture
def store(kind: str, loop: Loop) -> Iterator[Face]:
    """A fresh store of each kind."""
    with opened(kind, loop) as face:
        yield face


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    """LangGraph's stores in their own environment; the test fails if that is missing."""
    with Oracle("store.oracle_worker") as process:
        yield process
