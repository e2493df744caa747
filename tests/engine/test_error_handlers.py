"""An error handler runs in the place of a node that failed for good."""

from __future__ import annotations

import asyncio
import operator
from typing import Annotated, Any, TypedDict

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otgraph.cache.memory import InMemoryCache
from otgraph.errors import NodeError
from otgraph.graph import START, StateGraph
from otgraph.telemetry import TelemetryOptions
from otgraph.types import CachePolicy, Command, RetryPolicy


class State(TypedDict):
    log: Annotated[list[str], operator.add]


def run(graph: Any, colour: str, **given: Any) -> list[Any]:
    """Return the chunks of a run in one of the two colours."""
    modes = ["updates", "tasks"]
    if colour == "sync":
        return list(graph.stream({"log": []}, stream_mode=modes, **given))

    async def collect() -> list[Any]:
        return [chunk async for chunk in graph.astream({"log": []}, stream_mode=modes, **given)]

    return asyncio.run(collect())


def failing(state: State) -> Any:
    raise ValueError("boom")


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_handler_takes_the_place_of_its_node(colour: str) -> None:
    """It is told what failed; its update counts, the failed node's edges do not, and a Command goes on."""

    def handler(state: State, error: NodeError) -> Any:
        return Command(update={"log": [f"{error.node}: {error.error}"]}, goto="after")

    graph = (
        StateGraph(State)
        .add_node("bad", failing, error_handler=handler)
        .add_node("after", lambda state: {"log": ["after"]})
        .add_node("never", lambda state: {"log": ["never"]})
        .add_edge(START, "bad")
        .add_edge("bad", "never")
        .compile()
    )
    chunks = run(graph, colour)
    updates = [chunk for mode, chunk in chunks if mode == "updates"]
    assert [{"__error_handler__bad": {"log": ["bad: boom"]}}, {"after": {"log": ["after"]}}] == updates
    started = [chunk["name"] for mode, chunk in chunks if mode == "tasks" and "triggers" in chunk]
    assert ["bad", "after"] == started


def test_a_handler_comes_after_the_retries() -> None:
    """Every attempt is made before the node counts as failed; the span says how many there were."""
    attempts: list[int] = []

    def flaky(state: State) -> Any:
        attempts.append(1)
        raise ConnectionError("lost")

    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    policy = RetryPolicy(initial_interval=0.001, max_attempts=3, jitter=False)
    graph = (
        StateGraph(State)
        .add_node("flaky", flaky, retry_policy=policy, error_handler=lambda state: {"log": ["handled"]})
        .add_edge(START, "flaky")
        .compile()
    )
    result = graph.invoke({"log": []}, telemetry=TelemetryOptions(provider=provider))
    assert {"log": ["handled"]} == result
    assert 3 == len(attempts)
    spans = {span.name: span for span in memory.get_finished_spans()}
    failed, handler = spans["invoke_node flaky"], spans["invoke_node __error_handler__flaky"]
    assert 3 == failed.attributes["otgraph.task.attempts"]
    assert "error" == failed.attributes["otgraph.outcome"]
    assert "success" == handler.attributes["otgraph.outcome"]
    assert failed.attributes["otgraph.task.id"] == handler.attributes["otgraph.task.handles"]
    assert [failed.context.span_id] == [link.context.span_id for link in handler.links]
    assert "success" == spans["invoke_workflow LangGraph"].attributes["otgraph.outcome"]


def test_a_handler_may_fail() -> None:
    """Then the run fails, with the handler's error."""

    def handler(state: State) -> Any:
        raise KeyError("handler")

    graph = StateGraph(State).add_node("bad", failing, error_handler=handler).add_edge(START, "bad").compile()
    with pytest.raises(KeyError, match="handler"):
        graph.invoke({"log": []})


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_cached_writes_stand_in_for_a_run(colour: str) -> None:
    """A task with the same input as an earlier one does not run; its update says that it is cached."""
    calls: list[State] = []

    def costly(state: State) -> Any:
        calls.append(state)
        return {"log": ["costly"]}

    graph = (
        StateGraph(State)
        .add_node("costly", costly, cache_policy=CachePolicy())
        .add_edge(START, "costly")
        .compile(cache=InMemoryCache())
    )
    run(graph, colour)
    chunks = run(graph, colour)
    assert 1 == len(calls)
    assert ("updates", {"costly": {"log": ["costly"]}, "__metadata__": {"cached": True}}) == chunks[1]
    assert ["tasks", "updates"] == [mode for mode, _ in chunks]
    graph.clear_cache(["costly"])
    run(graph, colour)
    assert 2 == len(calls)


def test_clearing_a_cache_that_is_not_there() -> None:
    """The error says that the graph has none."""
    graph = StateGraph(State).add_node("a", lambda state: None).add_edge(START, "a").compile()
    with pytest.raises(ValueError, match="No cache is set"):
        graph.clear_cache()
