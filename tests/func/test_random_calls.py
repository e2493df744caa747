"""Random trees of calls: every way to drive them gives what plain functions would, and leaves nothing behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otgraph.drivers.workers import workers
from otgraph.func import entrypoint, task

from .conftest import Colour, Trace

Tree = tuple[str, list[Any]]
"""What a task does with the results of the tasks that it calls, and those."""

KINDS = ["sum", "fail", "catch", "row", "forget"]

trees: st.SearchStrategy[Tree] = st.recursive(
    st.tuples(st.sampled_from(["sum", "fail"]), st.just([])),
    lambda inner: st.tuples(st.sampled_from(KINDS), st.lists(inner, max_size=4)),
    max_leaves=12,
)


class Fault(Exception):
    """What a task raises."""


def expected(tree: Tree) -> int:
    """Return what a tree comes to, or raise what it raises."""
    kind, children = tree
    if kind == "fail":
        raise Fault
    if kind == "forget":
        return 1
    if kind == "catch":
        total = 1
        for child in children:
            try:
                total += expected(child)
            except Fault:
                total += 100
        return total
    return 1 + sum(expected(child) for child in children)


def outcome(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Fault:
        return "fault"


def build(colour: Colour, trace: Trace) -> Any:
    """Return an entrypoint that does what a tree says."""

    async def work(tree: Tree) -> int:
        kind, children = tree
        if kind == "fail":
            raise Fault
        if kind == "row":
            return 1 + sum([await colour.result(node(child)) for child in children])
        futures = [node(child) for child in children]
        if kind == "forget":
            return 1
        total = 1
        for future in futures:
            try:
                total += await colour.result(future)
            except Fault:
                if kind != "catch":
                    raise
                total += 100
        return total

    node: Any = task(colour.function(work), name="node")
    main: Any = colour.function(work)
    return entrypoint(telemetry=trace.options)(main)


def settle() -> None:
    deadline = time.monotonic() + 10
    while workers.abandoned:
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(tree=trees, limit=st.sampled_from([None, 1, 2]), streamed=st.booleans())
def test_a_tree_comes_to_what_plain_functions_come_to(
    colour: Colour, tree: Tree, limit: int | None, streamed: bool
) -> None:
    """The result, or the error, is that of plain functions, under any limit, streamed or not; each span ends once."""
    trace = Trace()
    graph = build(colour, trace)
    config: Any = {"max_concurrency": limit}
    if streamed:
        last = colour.stream(graph, tree, config, stream_mode="values")[-1]
        found = "fault" if isinstance(last, Fault) else last
    else:
        found = outcome(lambda: colour.invoke(graph, tree, config))
    assert found == outcome(lambda: expected(tree))
    trace.tear()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(tree=trees, limit=st.sampled_from([None, 1, 2]), taken=st.integers(1, 12))
def test_leaving_in_the_middle(tree: Tree, limit: int | None, taken: int) -> None:
    """A stream that is left after any number of chunks ends every span, and no thread stays behind."""
    trace = Trace()
    graph = build(Colour("threads"), trace)
    stream = graph.stream(tree, {"max_concurrency": limit}, stream_mode="tasks")
    try:
        for _ in range(taken):
            next(stream)
    except (StopIteration, Fault):
        pass
    stream.close()
    trace.tear()
    settle()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(max_examples=25)
@given(tree=trees, limit=st.sampled_from([None, 1, 2]), taken=st.integers(1, 12), plain=st.booleans())
def test_leaving_in_the_middle_of_an_async_stream(
    tree: Tree, limit: int | None, taken: int, plain: bool
) -> None:
    """The same on asyncio, with functions of either colour; no asyncio task is left."""
    import asyncio

    trace = Trace()
    graph = build(Colour("mixed" if plain else "asyncio"), trace)

    async def leave() -> set[Any]:
        stream = graph.astream(tree, {"max_concurrency": limit}, stream_mode="tasks")
        try:
            for _ in range(taken):
                await stream.__anext__()
        except (StopAsyncIteration, Fault):
            pass
        await stream.aclose()
        return {one for one in asyncio.all_tasks() if one is not asyncio.current_task()}

    assert asyncio.run(leave()) == set()
    trace.tear()
    settle()
