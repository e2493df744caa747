"""Both drivers behind one fixture: a law holds for each of them or it is none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from driven import Driven

from .replayed import Recorder


class Driver(Driven):
    """
    One of the two ways to drive a run.

    Args:
        name: `threads` or `asyncio`.
    """

    def body(
        self,
        *calls: Callable[[Any], Any],
        caught: type[Exception] | tuple[()] = (),
        shown: Callable[[Any], Any] = lambda results: results,
    ) -> Any:
        """
        Return a function, with the name `main`, that calls tasks and waits for them one after the other.

        Args:
            calls: make one call each, of the function's argument.
            caught: what they may raise; that is their result then.
        """
        if self.sync:

            def main(x: Any) -> Any:
                try:
                    return shown([call(x).result() for call in calls])
                except caught as error:
                    return type(error).__name__

            return main

        async def main_async(x: Any) -> Any:
            try:
                return shown([await call(x) for call in calls])
            except caught as error:
                return type(error).__name__

        main_async.__name__ = "main"
        return main_async

    def calling(self, graph: Any, shown: Callable[[Any], Any] = lambda result: result) -> Callable[..., Any]:
        """Return a node that invokes `graph` with its own input."""
        if self.sync:
            return lambda state: shown(graph.invoke(state))

        async def call(state: Any) -> Any:
            return shown(await graph.ainvoke(state))

        return call

    def run(self, coroutine: Any) -> Any:
        """Run a coroutine in a loop of its own."""
        return asyncio.run(coroutine)

    stream = Driven.stream_and_error


@pytest.fixture(params=["threads", "asyncio"])
def driver(request: pytest.FixtureRequest) -> Driver:
    """Return each driver in turn."""
    return Driver(request.param)


@pytest.fixture
def recorder() -> Recorder:
    """Return a provider that keeps what is exported, with content capture on."""
    return Recorder()
