"""Both drivers behind one fixture, and what every test of them ends with: nothing is left behind."""

from __future__ import annotations

import asyncio
import operator
import threading
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest
from driven import Driven
from started_and_ended import Trace
from typing_extensions import TypedDict
from waiting import until_none_is_abandoned

from otgraph.drivers.workers import workers
from otgraph.graph import START, StateGraph

PROMPT = 5.0
"""Seconds within which a run that nobody wants any more is over, on a busy machine; nodes are stuck for longer."""


class State(TypedDict, total=False):
    """What the graphs work on."""

    n: int
    log: Annotated[list[Any], operator.add]


def chain(*nodes: Any, **compiled: Any) -> Any:
    """Return a graph of nodes one after another, named a, b, c, …"""
    return line(*nodes).compile(**compiled)


def line(*nodes: Any) -> StateGraph[Any, Any, Any, Any]:
    """Return the same, not compiled."""
    graph: Any = StateGraph(State)
    before = START
    for name, node in zip("abcdefghij", nodes, strict=False):
        graph.add_node(name, node).add_edge(before, name)
        before = name
    return graph  # type: ignore[no-any-return]


def beside(**nodes: Any) -> Any:
    """Return a graph of nodes side by side."""
    graph: Any = StateGraph(State)
    for name, node in nodes.items():
        graph.add_node(name, node).add_edge(START, name)
    return graph.compile()


class Colour(Driven):
    """
    One of the two drivers, and nodes and calls in its colour.

    Args:
        name: `threads` or `asyncio`.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.let_go = threading.Event()
        """Set when the test is over: threads that are stuck come to their ends."""

    @property
    def stuck(self) -> Callable[..., Any]:
        """A node that does not come to its end before the test does."""
        if self.sync:

            def wait(state: State) -> Any:
                self.let_go.wait(30)
                return {"log": ["late"]}

            return wait

        async def wait_async(state: State) -> Any:
            await asyncio.sleep(30)
            return {"log": ["late"]}

        return wait_async

    def sleeping(self, seconds: float, *log: Any) -> Callable[..., Any]:
        """Return a node that sleeps and logs."""
        if self.sync:

            def sleep(state: State) -> Any:
                time.sleep(seconds)
                return {"log": list(log)}

            return sleep

        async def sleep_async(state: State) -> Any:
            await asyncio.sleep(seconds)
            return {"log": list(log)}

        return sleep_async

    def calling(self, graph: Any, input: Any = None) -> Callable[..., Any]:
        """Return a node that invokes a graph."""
        if self.sync:
            return lambda state: graph.invoke(input or {"log": []})

        async def call(state: State) -> Any:
            return await graph.ainvoke(input or {"log": []})

        return call

    def invoke(self, graph: Any, *args: Any, **options: Any) -> Any:
        """Return the result of a run, of a small input if none is given."""
        return super().invoke(graph, *(args or ({"n": 0},)), **options)

    def stream(self, graph: Any, *args: Any, **options: Any) -> list[Any]:
        """Return the chunks of a run, of the same."""
        return super().stream(graph, *(args or ({"n": 0},)), **options)

    def run(self, graph: Any, mode: Any, **options: Any) -> Any:
        """Return the result of a run, or its chunks, if a mode is given."""
        if mode is None:
            return self.invoke(graph, {"log": []}, **options)
        return self.stream(graph, {"log": []}, stream_mode=mode, **options)

    def batch(self, graph: Any, inputs: list[Any], *args: Any, **options: Any) -> list[Any]:
        """Return the results of several runs."""
        if self.sync:
            return graph.batch(inputs, *args, **options)  # type: ignore[no-any-return]
        return asyncio.run(graph.abatch(inputs, *args, **options))


@pytest.fixture(params=["threads", "asyncio"])
def colour(request: pytest.FixtureRequest) -> Iterator[Colour]:
    """Return each driver in turn."""
    colour = Colour(request.param)
    yield colour
    colour.let_go.set()


@pytest.fixture
def trace() -> Iterator[Trace]:
    """Return what collects spans; when the test is over, each has ended once."""
    trace = Trace()
    yield trace
    trace.tear()


class Blocked:
    """A sync node that cannot be stopped: it blocks until the test is over."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self.ended = threading.Event()
        self.thread: threading.Thread | None = None

    def __call__(self, state: State) -> dict[str, Any]:
        self.thread = threading.current_thread()
        self.begun.set()
        self.let_go.wait(30)
        self.ended.set()
        return {"log": ["late"]}


@pytest.fixture
def blocked() -> Iterator[Blocked]:
    """Return a node that blocks; it is let go when the test is over."""
    node = Blocked()
    yield node
    node.let_go.set()


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """Wait until the threads that a test has left behind have come to their ends."""
    before = workers.abandoned
    yield
    until_none_is_abandoned(before)


class Clock:
    """Measures a block of code."""

    def __enter__(self) -> Clock:
        self._began = time.monotonic()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds = time.monotonic() - self._began
