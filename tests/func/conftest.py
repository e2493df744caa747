"""Both drivers behind one fixture, and functions written once for both colours."""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from driven import Driven
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from otgraph.drivers.workers import workers
from otgraph.telemetry import TelemetryOptions
from otgraph.tracing import names
from otgraph.tracing.observer import LIVE

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

    stream = Driven.stream_and_error

    def updates(self, graph: Any, input: Any, *args: Any, **options: Any) -> list[Any]:
        """Return the updates of a run."""
        return self.stream(graph, input, *args, stream_mode="updates", **options)


@pytest.fixture(params=["threads", "asyncio", "mixed"])
def colour(request: pytest.FixtureRequest) -> Colour:
    """Return each way in turn."""
    return Colour(request.param)


class Trace(SpanProcessor):
    """What a provider was told: spans that started, spans that ended."""

    def __init__(self) -> None:
        self.started: list[Any] = []
        self.spans: list[ReadableSpan] = []
        provider = TracerProvider()
        provider.add_span_processor(self)
        self.options = TelemetryOptions(provider=provider)

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.started.append(span.context.span_id)

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)

    def outcomes(self) -> dict[str, str]:
        """Return how each task and run ended, by its name."""
        return {
            span.name.split()[-1]: str((span.attributes or {})[names.OUTCOME])
            for span in self.spans
            if span.name != names.STEP_SPAN
        }

    def parents(self) -> dict[str, str]:
        """Return the name of the span that each span is below, by name."""
        known = {span.context.span_id: span.name for span in self.spans if span.context}
        return {span.name: known[span.parent.span_id] for span in self.spans if span.parent}

    def tear(self) -> None:
        """Check that each span has ended once, and none was cut off in the middle."""
        ended = sorted(span.context.span_id for span in self.spans if span.context)
        assert sorted(self.started) == ended
        assert not [span.name for span in self.spans if names.LEAKED in (span.attributes or {})]
        assert not LIVE


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
    deadline = time.monotonic() + 5
    while workers.abandoned:
        assert time.monotonic() < deadline, "a call goes on that nobody waits for"
        time.sleep(0.005)
