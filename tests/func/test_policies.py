"""Retries, cached results and time limits of calls."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from otgraph.cache.memory import InMemoryCache
from otgraph.config import get_stream_writer
from otgraph.errors import NodeTimeoutError
from otgraph.func import entrypoint, task
from otgraph.runtime import get_runtime
from otgraph.tracing import names
from otgraph.types import CachePolicy, RetryPolicy, TimeoutPolicy

from .conftest import PROMPT, Colour, Trace

FAST = RetryPolicy(initial_interval=0.001, jitter=False)


def failing_until(attempts: list[int], last: int) -> Any:
    def flaky(x: int) -> int:
        info = get_runtime().execution_info
        assert info is not None
        attempts.append(info.node_attempt)
        get_stream_writer()(info.node_attempt)
        if len(attempts) < last:
            raise ConnectionError("again")
        return x

    return flaky


def test_a_task_is_retried(colour: Colour, trace: Trace) -> None:
    """A failed attempt is followed by another one, in the same span; streams say which attempt speaks."""
    attempts: list[int] = []
    flaky = task(retry_policy=FAST)(colour.function(failing_until(attempts, 3)))

    async def main(x: int) -> Any:
        return await colour.result(flaky(x))

    graph = entrypoint(telemetry=trace.options)(colour.function(main))
    parts = colour.stream(graph, 7, stream_mode=["custom", "values"], version="v2")
    assert [(part["type"], part["data"]) for part in parts] == [
        ("custom", 1),
        ("custom", 2),
        ("custom", 3),
        ("values", 7),
    ]
    assert [part.attempt for part in parts[:3]] == [1, 2, 3]
    assert attempts == [1, 2, 3]
    spans = [span for span in trace.spans if span.name == "invoke_node flaky"]
    assert [(span.attributes or {})[names.ATTEMPTS] for span in spans] == [3]
    assert [event.name for event in spans[0].events].count("otgraph.task.retried") == 2


def test_retries_run_out(colour: Colour, trace: Trace) -> None:
    """After the last attempt the error comes out of the future."""
    attempts: list[int] = []
    flaky = task(retry_policy=FAST)(colour.function(failing_until(attempts, 9)))

    async def main(x: int) -> Any:
        try:
            return await colour.result(flaky(x))
        except ConnectionError as error:
            return str(error)

    graph = entrypoint(telemetry=trace.options)(colour.function(main))
    assert colour.invoke(graph, 1) == "again"
    assert attempts == [1, 2, 3]
    assert trace.outcomes() == {"flaky": "error", "main": "success"}


def test_retries_side_by_side(colour: Colour) -> None:
    """Calls that wait for their next attempts hold up nobody."""

    async def shaky(x: int) -> int:
        info = get_runtime().execution_info
        assert info is not None
        if info.node_attempt < 2:
            raise ConnectionError("again")
        return x

    shakes = task(retry_policy=RetryPolicy(initial_interval=0.5, jitter=False))(colour.function(shaky))

    async def main(n: int) -> Any:
        return sum(await colour.results([shakes(i) for i in range(n)]))

    began = time.monotonic()
    assert colour.invoke(entrypoint()(colour.function(main)), 50, {"max_concurrency": 2}) == 1225
    assert time.monotonic() - began < 0.5 * 50 / 2


def test_results_are_cached(colour: Colour, trace: Trace) -> None:
    """A call with known arguments does not run; it is shown as cached, and has no span."""
    ran: list[Any] = []

    def work(x: int, y: int = 0) -> Any:
        ran.append((x, y))
        return [x, y]

    working = task(cache_policy=CachePolicy())(colour.function(work))

    async def main(x: int) -> Any:
        return [
            await colour.result(working(x)),
            await colour.result(working(x, y=1)),
            await colour.result(working(x)),
        ]

    cache = InMemoryCache()
    graph = entrypoint(cache=cache, telemetry=trace.options)(colour.function(main))
    assert colour.invoke(graph, 1) == [[1, 0], [1, 1], [1, 0]]
    assert ran == [(1, 0), (1, 1)]
    updates = colour.updates(graph, 1)
    assert updates == [
        {"work": [1, 0], "__metadata__": {"cached": True}},
        {"work": [1, 1], "__metadata__": {"cached": True}},
        {"work": [1, 0], "__metadata__": {"cached": True}},
        {"main": [[1, 0], [1, 1], [1, 0]]},
    ]
    assert [span.name for span in trace.spans].count("invoke_node work") == 2
    working.clear_cache(cache)
    colour.invoke(graph, 1)
    assert len(ran) == 4
    asyncio.run(working.aclear_cache(cache))
    colour.invoke(graph, 1)
    assert len(ran) == 6


def test_what_is_cached_is_not_changed_by_its_user(colour: Colour) -> None:
    """A result that the body changes is not changed in the cache."""
    working = task(cache_policy=CachePolicy(key_func=lambda: "k"))(colour.function(lambda: [1]))

    async def main(x: int) -> Any:
        result = await colour.result(working())
        result.append(x)
        return result

    graph = entrypoint(cache=InMemoryCache())(colour.function(main))
    assert [colour.invoke(graph, x) for x in (2, 3)] == [[1, 2], [1, 3]]


def test_a_key_that_cannot_be_made(colour: Colour) -> None:
    """An error of the key function is that of the call."""

    def no_key(*args: Any) -> str:
        raise KeyError("no key")

    working = task(cache_policy=CachePolicy(key_func=no_key))(colour.function(lambda x: x))

    async def main(x: int) -> Any:
        return await colour.result(working(x))

    with pytest.raises(KeyError, match="no key"):
        colour.invoke(entrypoint(cache=InMemoryCache())(colour.function(main)), 1)


@pytest.mark.parametrize("kind", ["run", "idle"])
def test_a_call_takes_too_long(colour: Colour, trace: Trace, kind: str) -> None:
    """A call whose time is up is given up, sync ones too; the error says which limit it was."""

    async def slow(x: int) -> int:
        await colour.stuck()
        return x

    timeout = TimeoutPolicy(run_timeout=0.05) if kind == "run" else TimeoutPolicy(idle_timeout=0.05)
    slowly = task(timeout=timeout)(colour.function(slow))

    async def main(x: int) -> Any:
        try:
            return await colour.result(slowly(x))
        except NodeTimeoutError as error:
            return error.node, error.kind

    graph = entrypoint(telemetry=trace.options)(colour.function(main))
    began = time.monotonic()
    assert colour.invoke(graph, 1) == ("slow", kind)
    assert time.monotonic() - began < PROMPT
    assert trace.outcomes() == {"slow": "timeout", "main": "success"}


def test_signs_of_life(colour: Colour) -> None:
    """What a call says puts off the end of its idle time."""

    async def talks(x: int) -> int:
        for _ in range(8):
            get_stream_writer()("here")
            await colour.nap(0.1)
        return x

    talking = task(timeout=TimeoutPolicy(idle_timeout=0.6))(colour.function(talks))

    async def main(x: int) -> Any:
        return await colour.result(talking(x))

    assert colour.invoke(entrypoint()(colour.function(main)), 1) == 1


def test_a_timeout_is_retried(colour: Colour) -> None:
    """Each attempt has the whole time; an attempt that took too long counts as failed."""
    attempts: list[int] = []

    async def slow_once(x: int) -> int:
        attempts.append(x)
        if len(attempts) == 1:
            await colour.stuck()
        return x

    slowly = task(timeout=0.5, retry_policy=FAST)(colour.function(slow_once))

    async def main(x: int) -> Any:
        return await colour.result(slowly(x))

    assert colour.invoke(entrypoint()(colour.function(main)), 1) == 1
    assert len(attempts) == 2


def test_a_body_takes_too_long(colour: Colour, trace: Trace) -> None:
    """When the time of an entrypoint is up, its calls are given up with it."""

    async def slow(x: int) -> int:
        await colour.stuck()
        return x

    slowly = task(colour.function(slow))

    async def main(x: int) -> Any:
        return await colour.result(slowly(x))

    graph = entrypoint(timeout=0.05, telemetry=trace.options)(colour.function(main))
    began = time.monotonic()
    with pytest.raises(NodeTimeoutError):
        colour.invoke(graph, 1)
    assert time.monotonic() - began < PROMPT
    assert trace.outcomes()["main"] == "timeout"
    assert trace.outcomes()["slow"] in ("cancelled", "abandoned")


def test_calls_are_signs_of_life_of_their_caller(colour: Colour) -> None:
    """A body that only waits for tasks is alive as long as these are."""

    async def talks(x: int) -> int:
        get_stream_writer()("here")
        await colour.nap(0.1)
        return x

    talking = task(colour.function(talks))

    async def main(n: int) -> Any:
        return sum([await colour.result(talking(i)) for i in range(n)])

    graph = entrypoint(timeout=TimeoutPolicy(idle_timeout=0.6))(colour.function(main))
    assert colour.invoke(graph, 10) == 45
