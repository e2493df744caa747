"""OpenInference's attributes on otgraph's spans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from driven import Driven
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otgraph_exporters.openinference import OpenInferenceExporter, OpenInferenceProcessor

from otgraph.graph import START, StateGraph
from otgraph.messages import model_call
from otgraph.telemetry import TelemetryOptions

from .graphs import State, chain, first, second

WAYS: dict[str, Callable[[InMemorySpanExporter], Any]] = {
    "exporter": lambda memory: SimpleSpanProcessor(OpenInferenceExporter(memory)),
    "processor": lambda memory: OpenInferenceProcessor(SimpleSpanProcessor(memory)),
}


class Set:
    """A provider whose spans go through OpenInference's, and beside it."""

    def __init__(self, way: str, *, capture: bool) -> None:
        self.memory, self.plain = InMemorySpanExporter(), InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(WAYS[way](self.memory))
        self.provider.add_span_processor(SimpleSpanProcessor(self.plain))
        self.options = TelemetryOptions(provider=self.provider, capture=capture)

    def spans(self) -> dict[str, Any]:
        """Return the attributes of the spans, by name."""
        finished: Sequence[ReadableSpan] = self.memory.get_finished_spans()
        return {span.name: dict(span.attributes or {}) for span in finished}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """As an exporter, and as a processor."""
    name: str = request.param
    return name


CONFIG = {"configurable": {"thread_id": "7"}, "tags": ["seen"]}


def test_spans_say_what_they_are(way: str, driver: Driven) -> None:
    """Runs, tasks and nested runs have their kind and their session, and tasks the node that comes before them."""
    telemetry = Set(way, capture=False)
    inner = chain(driver, second, name="inner")
    builder = StateGraph(State).add_node("first", driver.node(first)).add_node("inside", inner)
    graph = builder.add_edge(START, "first").add_edge("first", "inside").compile(name="outer")
    driver.invoke(graph, {"lines": []}, CONFIG, telemetry=telemetry.options)
    spans = telemetry.spans()
    assert {told["openinference.span.kind"] for told in spans.values()} == {"CHAIN"}
    assert {told["session.id"] for told in spans.values()} == {"7"}
    assert spans["invoke_workflow outer"]["tag.tags"] == ["seen"]
    nodes = {
        name: (told.get("graph.node.id"), told.get("graph.node.parent_id")) for name, told in spans.items()
    }
    assert nodes["invoke_node first"] == ("first", None)
    assert nodes["invoke_node inside"] == ("inside", "first")
    assert nodes["invoke_node second"] == ("second", "inside")
    assert nodes["invoke_workflow outer"] == (None, None)
    assert not {key for told in spans.values() for key in told if key.endswith(".value")}


def ask(state: State) -> State:
    """Call a model."""
    with model_call("gpt-4o-mini", provider="openai") as call:
        call.response(
            {
                "model": "gpt-4o-mini-2024",
                "usage": {"prompt_tokens": 12, "completion_tokens": 3},
                "choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
            }
        )
    return {"lines": ["asked"]}


def test_calls_of_models_say_what_they_took(way: str) -> None:
    """A call of a model is an LLM span with its model and its tokens."""
    telemetry = Set(way, capture=False)
    chain(Driven("threads"), ask).invoke({"lines": []}, telemetry=telemetry.options)
    told = telemetry.spans()["chat gpt-4o-mini"]
    assert told["openinference.span.kind"] == "LLM"
    assert (told["llm.model_name"], told["llm.provider"]) == ("gpt-4o-mini-2024", "openai")
    counts = [told[f"llm.token_count.{what}"] for what in ("prompt", "completion", "total")]
    assert counts == [12, 3, 15]


def test_content_is_where_it_is_captured(way: str) -> None:
    """With content capture inputs and outputs are there, and nobody else's spans have them."""
    telemetry = Set(way, capture=True)
    chain(Driven("threads")).invoke({"lines": []}, telemetry=telemetry.options)
    told = telemetry.spans()["invoke_node first"]
    assert told["input.value"] == told["otgraph.payload"]
    assert told["output.value"] == '[{"$":"tuple","v":["lines",["first"]]}]'
    assert told["output.mime_type"] == "application/json"
    for span in telemetry.plain.get_finished_spans():
        assert not {
            key for key in span.attributes or {} if key.startswith(("input.", "output.", "openinference."))
        }


def test_messages_keep_calls_of_tools_and_their_results(way: str) -> None:
    """What is said flat of messages has the calls of tools in them and the answers to these, not texts alone."""
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    messages = [
        {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
    ]

    def calculate(state: State) -> None:
        with model_call("m", parameters={"messages": messages}) as asked:
            asked.response({"choices": [{"message": {"role": "assistant", "tool_calls": [call]}}]})

    telemetry = Set(way, capture=True)
    chain(Driven("threads"), calculate).invoke({"lines": []}, telemetry=telemetry.options)
    told = telemetry.spans()["chat m"]
    function = "message.tool_calls.0.tool_call.function"
    assert told["llm.input_messages.0.message.content"] == "1 + 1?"
    for place in ("llm.input_messages.1", "llm.output_messages.0"):
        assert (told[f"{place}.{function}.name"], told[f"{place}.{function}.arguments"]) == (
            "add",
            '{"a": 1}',
        )
    answer = (
        told["llm.input_messages.2.message.tool_call_id"],
        told["llm.input_messages.2.message.content"],
    )
    assert answer == ("c1", "2")


def test_spans_of_others_pass_unchanged(way: str) -> None:
    """A span that is not otgraph's is handed on as it is."""
    telemetry = Set(way, capture=False)
    with telemetry.provider.get_tracer("other").start_as_current_span("GET", attributes={"a": 1}):
        pass
    assert telemetry.spans() == {"GET": {"a": 1}}
