"""The spans of agents: their runs and the calls of their tools, as the GenAI conventions name them."""

from __future__ import annotations

import asyncio
import json
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from otgraph.config import get_stream_writer
from otgraph.graph import START, MessagesState, StateGraph
from otgraph.prebuilt import ToolNode, create_react_agent
from otgraph.telemetry import TelemetryOptions
from otgraph.types import interrupt

from .conftest import calling, says

ASK = {"messages": [("user", "hi")]}


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(exporter))
    return made


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    with trace.get_tracer("mine").start_as_current_span("inside"):
        return a + b


@tool
def fail(text: str) -> str:
    """Fail."""
    raise ValueError(text)


@tool
def ask() -> str:
    """Ask a human."""
    return str(interrupt("sure?"))


def agent_of(*answers: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return create_react_agent(says(*answers), [add], name="adder")


def test_an_agent_and_its_tools(
    run: Callable[..., Any], exporter: InMemorySpanExporter, provider: TracerProvider
) -> None:
    """A run of an agent is `invoke_agent`; a call of a tool is `execute_tool`, below its task and around its work."""
    agent = agent_of(calling(("add", {"a": 1, "b": 2}, "c1")), AIMessage("done"))
    run(agent, ASK, telemetry=TelemetryOptions(provider=provider))
    spans = {span.name: span for span in exporter.get_finished_spans()}
    root, task, call = spans["invoke_agent adder"], spans["invoke_node tools"], spans["execute_tool add"]
    assert root.attributes is not None
    assert root.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert root.attributes["gen_ai.agent.name"] == "adder"
    assert call.attributes is not None
    assert {
        key: call.attributes[key] for key in call.attributes if key.startswith(("gen_ai.tool", "gen_ai.op"))
    } == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "add",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "c1",
        "gen_ai.tool.description": "Add two numbers.",
    }
    assert call.parent is not None
    assert call.parent.span_id == task.context.span_id
    assert (call.status.status_code, call.kind.name) == (StatusCode.UNSET, "INTERNAL")


def test_what_a_tool_opens_is_below_its_call(
    exporter: InMemorySpanExporter, provider: TracerProvider
) -> None:
    """A span that a tool's own code opens hangs below the call, also for calls side by side."""

    @tool
    def nested(x: int) -> int:
        """Open a span."""
        with provider.get_tracer("mine").start_as_current_span(f"inside {x}"):
            return x

    graph = StateGraph(MessagesState).add_node("tools", ToolNode([nested])).add_edge(START, "tools").compile()
    given = {"messages": [calling(("nested", {"x": 1}, "1"), ("nested", {"x": 2}, "2"))]}
    graph.invoke(given, telemetry=TelemetryOptions(provider=provider))
    spans = exporter.get_finished_spans()
    calls = {span.context.span_id: span for span in spans if span.name == "execute_tool nested"}
    inside = [span for span in spans if span.name.startswith("inside")]
    assert len(calls) == len(inside) == 2
    assert {span.parent.span_id for span in inside if span.parent} == set(calls)


@pytest.mark.parametrize("handling", [True, False])
def test_a_failure_is_marked(
    exporter: InMemorySpanExporter, provider: TracerProvider, handling: bool
) -> None:
    """A tool that fails has a failed span, also where the model is told of the error and the run goes on."""
    node = ToolNode([fail], handle_tool_errors=handling)
    graph = StateGraph(MessagesState).add_node("tools", node).add_edge(START, "tools").compile()
    given = {"messages": [calling(("fail", {"text": "bad"}, "1"))]}
    try:
        graph.invoke(given, telemetry=TelemetryOptions(provider=provider))
    except ValueError:
        assert not handling
    spans = {span.name: span for span in exporter.get_finished_spans()}
    call = spans["execute_tool fail"]
    assert call.attributes is not None
    assert (call.status.status_code, call.attributes["error.type"]) == (StatusCode.ERROR, "ValueError")
    exceptions = [event for span in spans.values() for event in span.events if event.name == "exception"]
    assert len(exceptions) == (0 if handling else 1)


def test_a_question_is_no_failure(exporter: InMemorySpanExporter, provider: TracerProvider) -> None:
    """A tool that pauses the run has a span that ended well."""
    graph = StateGraph(MessagesState).add_node("tools", ToolNode([ask])).add_edge(START, "tools").compile()
    graph.invoke({"messages": [calling(("ask", {}, "1"))]}, telemetry=TelemetryOptions(provider=provider))
    (call,) = [span for span in exporter.get_finished_spans() if span.name == "execute_tool ask"]
    assert call.status.status_code is StatusCode.UNSET


def test_arguments_and_results_are_content(exporter: InMemorySpanExporter, provider: TracerProvider) -> None:
    """They are on the span only with content capture, and the redaction hook comes first."""
    given = {"messages": [calling(("add", {"a": 40, "b": 2}, "1"))]}
    graph = StateGraph(MessagesState).add_node("tools", ToolNode([add])).add_edge(START, "tools").compile()
    graph.invoke(given, telemetry=TelemetryOptions(provider=provider, capture=False))
    graph.invoke(given, telemetry=TelemetryOptions(provider=provider, capture=True))
    hide = TelemetryOptions(provider=provider, capture=True, redact=lambda name, value: "hidden")
    graph.invoke(given, telemetry=hide)
    shown = [
        [
            json.loads(str(span.attributes[key]))
            for key in ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result")
        ]
        if "gen_ai.tool.call.arguments" in (span.attributes or {}) and span.attributes
        else None
        for span in exporter.get_finished_spans()
        if span.name == "execute_tool add"
    ]
    assert shown == [None, [{"a": 40, "b": 2}, "42"], ["hidden", "hidden"]]


def test_streams_show_them(stream: Callable[..., list[Any]]) -> None:
    """The mode `spans` shows the start and the end of each call, with no provider at all."""
    agent = agent_of(calling(("add", {"a": 1, "b": 2}, "c1")), AIMessage("done"))
    shots = [shot for shot in stream(agent, ASK, stream_mode="spans") if shot["name"] == "execute_tool add"]
    assert [shot["type"] for shot in shots] == ["start", "end"]


def test_a_call_by_hand_has_no_span() -> None:
    """Outside of a run a tool node works, and records nothing."""
    message = calling(("add", {"a": 1, "b": 2}, "1"))
    assert asyncio.run(ToolNode([add]).ainvoke([message]))[0].content == "3"


def test_a_tool_that_is_left_behind_has_no_open_span(
    exporter: InMemorySpanExporter, provider: TracerProvider
) -> None:
    """Where a stream is left while a tool works in a thread, the span of its call ends with the run."""
    begun, go_on = threading.Event(), threading.Event()

    @tool
    def slow(x: int) -> int:
        """Be slow."""
        get_stream_writer()("begun")
        begun.set()
        go_on.wait(10)
        return x

    graph = StateGraph(MessagesState).add_node("tools", ToolNode([slow])).add_edge(START, "tools").compile()
    given = {"messages": [calling(("slow", {"x": 1}, "1"))]}
    stream = graph.stream(given, stream_mode="custom", telemetry=TelemetryOptions(provider=provider))
    assert next(stream) == "begun"
    stream.close()
    names = [span.name for span in exporter.get_finished_spans()]
    go_on.set()
    assert sorted(names) == [
        "execute_tool slow",
        "invoke_node tools",
        "invoke_workflow LangGraph",
        "otgraph.superstep",
    ]
    root = next(span for span in exporter.get_finished_spans() if span.name.startswith("invoke_workflow"))
    assert "otgraph.spans.leaked" not in (root.attributes or {})
