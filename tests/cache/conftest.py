"""The kinds of caches as fixtures, by a clock that tests turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otgraph.cache.base import BaseCache
from otgraph.cache.memory import InMemoryCache
from otgraph.cache.sqlite import SqliteCache

from .clock import Clock


@pytest.fixture
def clock() -> Clock:
    """The time, as the test has it."""
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
def cache(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[BaseCache[Any]]:
    """A fresh cache of each kind."""
    if request.param == "memory":
        yield InMemoryCache(clock=clock)
    else:
        with SqliteCache[Any](path=str(tmp_path / "cache.db"), clock=clock) as opened:
            yield opened
