"""A drained run in the trace: it is no error, at no level."""

from __future__ import annotations

import asyncio
import operator
import threading
from typing import Annotated, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from typing_extensions import TypedDict

from otgraph.errors import GraphDrained
from otgraph.graph import START, StateGraph
from otgraph.runtime import RunControl, Runtime
from otgraph.telemetry import TelemetryOptions


class State(TypedDict):
    log: Annotated[list[str], operator.add]


@pytest.fixture(params=["threads", "asyncio"])
def colour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def invoke(colour: str, graph: Any, **options: Any) -> Any:
    """Return the result of a run."""
    if colour == "threads":
        return graph.invoke({"log": []}, **options)
    return asyncio.run(graph.ainvoke({"log": []}, **options))


def line(*nodes: Any) -> Any:
    """Return a graph of nodes in a line, named a, b, c."""
    graph: Any = StateGraph(State)
    before = START
    for name, node in zip("abc", nodes, strict=False):
        graph.add_node(name, node).add_edge(before, name)
        before = name
    return graph.compile(name="line")


def drain(state: State, runtime: Runtime) -> Any:
    runtime.control.request_drain("maintenance")  # type: ignore[union-attr]
    return {"log": ["a"]}


def speak(state: State) -> Any:
    return {"log": ["spoken"]}


def test_outcomes(colour: str) -> None:
    """Runs, supersteps and tasks that a drain ended say so, and have no error status and no exception."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    outer: Any = (
        StateGraph(State).add_node("inner", line(drain, speak)).add_edge(START, "inner").compile(name="outer")
    )
    with pytest.raises(GraphDrained, match="maintenance"):
        invoke(colour, outer, telemetry=TelemetryOptions(provider=provider))
    spans = exporter.get_finished_spans()
    told = {
        span.name: (span.attributes or {})["otgraph.outcome"]
        for span in spans
        if "superstep" not in span.name
    }
    assert told == {
        "invoke_node a": "success",
        "invoke_workflow line": "drained",
        "invoke_node inner": "drained",
        "invoke_workflow outer": "drained",
    }
    steps = [(span.attributes or {})["otgraph.outcome"] for span in spans if "superstep" in span.name]
    assert ["success", "drained"] == steps
    assert {StatusCode.UNSET} == {span.status.status_code for span in spans}
    assert not [event.name for span in spans for event in span.events if event.name == "exception"]


def test_from_another_thread(colour: str) -> None:
    """Whoever holds the control may ask, from anywhere; the superstep in progress is finished."""
    control = RunControl()
    begun, asked = threading.Event(), threading.Event()

    def wait(state: State) -> Any:
        begun.set()
        asked.wait(5)
        return {"log": ["a"]}

    def ask() -> None:
        begun.wait(5)
        control.request_drain()
        asked.set()

    thread = threading.Thread(target=ask)
    thread.start()
    said: list[str] = []
    with pytest.raises(GraphDrained, match="shutdown"):
        invoke(colour, line(wait, lambda state: said.append("never")), control=control)
    thread.join()
    assert [] == said


def test_a_control_that_a_node_makes_reaches_runs_that_have_begun(colour: str) -> None:
    """A graph that is under way when a node beside it asks for the drain stops at its next border."""
    begun, asked = threading.Event(), threading.Event()
    said: list[str] = []

    def first(state: State) -> None:
        begun.set()
        asked.wait(5)

    def ask(state: State, runtime: Runtime) -> None:
        begun.wait(5)
        runtime.control.request_drain()  # type: ignore[union-attr]
        asked.set()

    graph: Any = StateGraph(State).add_node("inner", line(first, lambda state: said.append("never")))
    graph.add_node("ask", ask).add_edge(START, "inner").add_edge(START, "ask")
    with pytest.raises(GraphDrained):
        invoke(colour, graph.compile())
    assert [] == said
