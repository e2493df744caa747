"""Both colours: every example runs with `stream` and with `astream`, and prints the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest


def streamed(graph: Any, input: Any, **options: Any) -> list[Any]:
    return list(graph.stream(input, **options))


def astreamed(graph: Any, input: Any, **options: Any) -> list[Any]:
    async def collect() -> list[Any]:
        return [chunk async for chunk in graph.astream(input, **options)]

    return asyncio.run(collect())


@pytest.fixture(params=[streamed, astreamed], ids=["stream", "astream"])
def stream(request: pytest.FixtureRequest) -> Callable[..., list[Any]]:
    """Return a function that takes the arguments of `stream` and returns the list of chunks."""
    return request.param
