"""Both drivers behind one fixture, and functions written once for both colours."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from driven import Driven
from started_and_ended import Trace
from waiting import until_none_is_abandoned

PROMPT = 5.0
"""Seconds within which a run that nobody wants any more is over, on a busy machine; what is stuck is so for longer."""
MODES = ["values", "updates", "custom", "tasks"]


class Colour(Driven):
    """
    A way to drive runs, and functions that fit it.

    Args:
        name: `threads`; `asyncio`; or `mixed`, where sync functions run on the asyncio driver.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.plain = name != "asyncio"
        """Whether functions are sync."""
        self.let_go = threading.Event()
        """Set when the test is over: threads that are stuck come to their ends."""

    def function(self, body: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function in this colour; a coroutine function may wait for what this object offers, and no more."""
        waits = inspect.iscoroutinefunction(body)
        if self.plain:
            if not waits:
                return body

            @functools.wraps(body)
            def plain(*args: Any, **kwargs: Any) -> Any:
                try:
                    body(*args, **kwargs).send(None)
                except StopIteration as end:
                    return end.value
                raise AssertionError("it waits for something that is not the colour's")

            return plain

        @functools.wraps(body)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            return await body(*args, **kwargs) if waits else body(*args, **kwargs)

        return awaited

    async def result(self, future: Any) -> Any:
        """Wait for a call inside a function."""
        return future.result(30) if self.plain else await future

    async def results(self, futures: Any) -> list[Any]:
        """Wait for several calls inside a function."""
        return [await self.result(future) for future in list(futures)]

    async def nap(self, seconds: float) -> None:
        """Sleep inside a function."""
        if self.plain:
            time.sleep(seconds)
        else:
            await asyncio.sleep(seconds)

    async def stuck(self) -> None:
        """Come to no end inside a function before the test does."""
        if self.plain:
            self.let_go.wait(30)
        else:
            await asyncio.sleep(30)

    stream = Driven.stream_and_error

    def updates(self, graph: Any, input: Any, *args: Any, **options: Any) -> list[Any]:
        """Return the updates of a run."""
        return self.stream(graph, input, *args, stream_mode="updates", **options)


@pytest.fixture(params=["threads", "asyncio", "mixed"])
def colour(request: pytest.FixtureRequest) -> Iterator[Colour]:
    """Return each way in turn."""
    colour = Colour(request.param)
    yield colour
    colour.let_go.set()


@pytest.fixture
def trace() -> Iterator[Trace]:
    """Return what collects spans; when the test is over, each has ended once."""
    trace = Trace()
    yield trace
    trace.tear()


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """After each test no call is abandoned any more."""
    yield
    until_none_is_abandoned()
