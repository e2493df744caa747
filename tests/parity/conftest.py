"""The oracle, one process for all tests of the suite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .oracle import Oracle


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    """LangGraph in its own environment; the test fails if that is missing."""
    process = Oracle()
    yield process
    process.close()
