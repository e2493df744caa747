"""Both drivers behind one fixture, and what every test of them ends with: nothing is left behind."""

from __future__ import annotations

import asyncio
import operator
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from typing_extensions import TypedDict

from otgraph.drivers.workers import workers
from otgraph.graph import START, StateGraph
from otgraph.telemetry import TelemetryOptions
from otgraph.tracing import names
from otgraph.tracing.observer import LIVE

PROMPT = 0.35
"""Seconds within which a run that nobody wants any more is over."""


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


class Colour:
    """
    One of the two drivers, and nodes and calls in its colour.

    Args:
        name: `threads` or `asyncio`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.sync = name == "threads"

    def node(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a plain function of the state in this colour."""
        if self.sync:
            return function

        async def body(state: State) -> Any:
            return function(state)

        return body

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
        """Return the result of a run."""
        args = args or ({"n": 0},)
        if self.sync:
            return graph.invoke(*args, **options)
        return asyncio.run(graph.ainvoke(*args, **options))

    def stream(self, graph: Any, *args: Any, **options: Any) -> list[Any]:
        """Return the chunks of a run."""
        args = args or ({"n": 0},)
        if self.sync:
            return list(graph.stream(*args, **options))

        async def collect() -> list[Any]:
            return [chunk async for chunk in graph.astream(*args, **options)]

        return asyncio.run(collect())

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
def colour(request: pytest.FixtureRequest) -> Colour:
    """Return each driver in turn."""
    return Colour(request.param)


class Trace(SpanProcessor):
    """What a provider was told: spans that started, spans that ended."""

    def __init__(self) -> None:
        self.started: Counter[int] = Counter()
        self.spans: list[ReadableSpan] = []
        provider = TracerProvider()
        provider.add_span_processor(self)
        self.options = TelemetryOptions(provider=provider)

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.started[span.context.span_id] += 1

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)

    def outcomes(self) -> dict[str, str]:
        """Return how each node and graph ended, by its name."""
        return {
            span.name.split()[-1]: str((span.attributes or {})[names.OUTCOME])
            for span in self.spans
            if span.name != names.STEP_SPAN
        }

    def attribute(self, node: str, key: str) -> Any:
        """Return an attribute of a node's span, or None."""
        return next((span.attributes or {}).get(key) for span in self.spans if span.name.endswith(" " + node))

    @property
    def whole(self) -> bool:
        """Whether every span that started has ended once."""
        return self.started == Counter(span.context.span_id for span in self.spans if span.context)

    def tear(self) -> None:
        """Check that all spans have ended, and none was cut off in the middle."""
        assert self.whole
        assert not [span.name for span in self.spans if names.LEAKED in (span.attributes or {})]
        assert not LIVE


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
    until(lambda: workers.abandoned <= before)


def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.002)


async def until_async(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait, on the event loop, until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.002)


class Clock:
    """Measures a block of code."""

    def __enter__(self) -> Clock:
        self._began = time.monotonic()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds = time.monotonic() - self._began
